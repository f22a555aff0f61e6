import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { swardBin } from '@greensward/testkit/cloud';
import { startNode } from '@greensward/testkit/processes';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemdUnit } from './systemd-unit.ts';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const analyze = '/usr/bin/systemd-analyze';

/** What systemd finds wrong with a unit. */
function problems(file: string): string {
  try {
    return execFileSync(analyze, ['verify', '--man=no', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    return error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  }
}

async function sward(...args: readonly string[]) {
  const one = startNode([swardBin, 'device', 'install-service', ...args]);
  return { code: await one.ended, output: one.output() };
}

describe('the unit', () => {
  test('keeps paths what they are', () => {
    const unit = systemdUnit({
      thing: 'core%1',
      program: ['/usr/bin/node', '--root', '/srv/a "b" $HOME 100%'],
      environment: { A: 'b c' },
      notifies: true,
    });
    expect(unit).toContain(`ExecStart="/usr/bin/node" "--root" "/srv/a \\"b\\" $$HOME 100%%"\n`);
    expect(unit).toContain('Environment="A=b c"\n');
    expect(unit).toContain('Description=Greensward device runtime of core%%1\n');
  });

  test('asks for no news where nobody could tell them', () => {
    const unit = systemdUnit({ thing: 'core', program: ['/x'], environment: {}, notifies: false });
    expect(unit).toContain('Type=simple');
    expect(unit).not.toMatch(/Watchdog|notify/);
  });
});

describe('`sward device install-service`', () => {
  const provision = (name: string) => {
    const root = join(folder.path, name);
    mkdirSync(root);
    writeFileSync(join(root, 'config.yaml'), 'system:\n  thingName: core-1\n');
    return root;
  };

  test.skipIf(!existsSync(analyze))('writes a unit that systemd accepts, and the runtime that it starts', async () => {
    const root = provision('a root with 100%');
    const { code, output } = await sward('--root', root, '--unit-folder', folder.path, '--name', 'device-1');
    expect(output).toContain('systemctl daemon-reload && systemctl enable --now device-1');
    expect(code).toBe(0);
    const file = join(folder.path, 'device-1.service');
    expect(problems(file)).toBe('');
    expect(statSync(file).mode & 0o777).toBe(0o644);
    const unit = readFileSync(file, 'utf8');
    expect(unit).toContain('KillMode=mixed');
    expect(unit).toContain('WatchdogSec=60');
    expect(statSync(join(root, 'bin', 'greensward-device.mjs')).size).toBeGreaterThan(100_000);
  });

  test('prints the unit, and says what is wrong with its options', async () => {
    const root = provision('root');
    expect((await sward('--root', root, '--print')).output).toMatch(/^\[Unit\]\nDescription=.* core-1\n/);
    expect(existsSync(join(root, 'bin'))).toBe(false);
    for (const [args, text] of [
      [['--root', join(folder.path, 'none')], 'make it with sward provision'],
      [['--root', root, '--name', '../x'], 'is not the name of a unit'],
      [['--root', root, '--unit-folder', join(folder.path, 'none')], 'is systemd here?'],
    ] as const) {
      const { code, output } = await sward(...args);
      expect([code, output]).toEqual([2, expect.stringContaining(text)]);
    }
  });
});
