import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '@greensward/kit';
import { systemTimers } from '@greensward/kit/node';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Platform, ScriptCommand } from '../platform.ts';
import { createLinuxPlatform } from './linux-platform.ts';

const isRoot = process.getuid?.() === 0;

let folder: ReturnType<typeof temporaryFolder>;
let platform: Platform;
let lines: string[];
beforeEach(() => {
  folder = temporaryFolder();
  lines = [];
  platform = createLinuxPlatform({
    timers: systemTimers,
    log: silentLog,
    device: folder.path,
    path: process.env['PATH'] ?? '',
  });
});
afterEach(async () => {
  await platform.endLeftovers([]);
  folder.remove();
});

function command(script: string, more: Partial<ScriptCommand> = {}): ScriptCommand {
  return {
    script,
    shell: 'sh',
    cwd: folder.path,
    env: { PATH: process.env['PATH'] ?? '' },
    onLine: (stream, line) => lines.push(`${stream}: ${line}`),
    ...more,
  };
}

function alive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

/** A number that a script wrote into a file. */
function pidIn(name: string): Promise<number> {
  return until(`a pid in ${name}`, () => {
    const path = join(folder.path, name);
    return existsSync(path) && Number.parseInt(readFileSync(path, 'utf8'), 10);
  });
}

describe('a script', () => {
  test('has its folder, its environment and nothing of the runtime, and its output comes as lines', async () => {
    const script = 'pwd; echo "$A"; env | grep -c "^HOME="; echo no >&2; printf last';
    const started = await platform.start(command(script, { env: { PATH: '/usr/bin:/bin', A: 'one "two" $x' } }));
    await expect(started.exited).resolves.toEqual({ code: 0 });
    expect(lines.filter((line) => line.startsWith('stdout'))).toEqual([
      `stdout: ${folder.path}`,
      'stdout: one "two" $x',
      'stdout: 0',
      'stdout: last',
    ]);
    expect(lines).toContain('stderr: no');
  });

  test.each([
    ['exit 0', { code: 0 }],
    ['exit 100', { code: 100 }],
    ['kill -KILL $$', { signal: 'SIGKILL' }],
    ['no-such-program-here', { code: 127 }],
  ])('%j ends with %j', async (script, exit) => {
    await expect((await platform.start(command(script))).exited).resolves.toEqual(exit);
  });

  test('that cannot start is refused with what is missing', async () => {
    await expect(platform.start(command('true', { shell: '/no/shell' }))).rejects.toMatchObject({
      code: 'START_FAILED',
      message: expect.stringContaining('/no/shell'),
    });
    await expect(platform.start(command('true', { cwd: join(folder.path, 'gone') }))).rejects.toMatchObject({
      code: 'START_FAILED',
      message: expect.stringContaining('gone does not exist'),
    });
    await expect(platform.start(command('true', { user: 'no-such-user' }))).rejects.toMatchObject({
      code: 'USER_UNKNOWN',
    });
    await expect(platform.start(command('true', { env: { A: 'x\0y' } }))).rejects.toMatchObject({
      code: 'START_FAILED',
    });
  });

  test('that leaves a process behind has exited all the same', async () => {
    const started = await platform.start(command('sleep 300 & echo $! > pid; echo out'));
    await expect(started.exited).resolves.toEqual({ code: 0 });
    expect(lines).toEqual(['stdout: out']);
    const pid = await pidIn('pid');
    expect(alive(pid)).toBe(true);
    await started.stop(5_000);
    expect(alive(pid)).toBe(false);
  });

  test.runIf(isRoot)('runs as the given user and groups, with that home', async () => {
    const started = await platform.start(command('id -u; id -g; echo "$HOME"', { user: '54321:54322', cwd: '/' }));
    await started.exited;
    expect(lines.slice(0, 2)).toEqual(['stdout: 54321', 'stdout: 54322']);
    lines = [];
    const named = await platform.start(command('id -un; echo "$HOME $USER"', { user: 'nobody', cwd: '/' }));
    await named.exited;
    expect(lines[0]).toBe('stdout: nobody');
    expect(lines[1]).toMatch(/^stdout: \/\S* nobody$/);
  });
});

describe('stopping', () => {
  test('lets a process end by itself on SIGTERM', async () => {
    const script = 'trap "echo bye; exit 7" TERM; echo up; while true; do sleep 0.05; done';
    const started = await platform.start(command(script));
    await until('the script is up', () => lines.length > 0);
    await started.stop(10_000);
    // The shell itself tells on stderr that its sleep was terminated with it.
    expect(lines.filter((line) => line.startsWith('stdout'))).toEqual(['stdout: up', 'stdout: bye']);
    await expect(started.exited).resolves.toEqual({ code: 7 });
  });

  test('cases 49, 50: kills what ignores SIGTERM after the grace, a grandchild too', async () => {
    const script = `trap "" TERM; (sh -c 'echo $$ > grandchild; exec sleep 300') & echo up; wait; sleep 300`;
    const started = await platform.start(command(script));
    const grandchild = await pidIn('grandchild');
    const before = performance.now();
    await started.stop(300);
    expect(performance.now() - before).toBeGreaterThanOrEqual(290);
    expect(alive(grandchild)).toBe(false);
    expect(alive(started.pid)).toBe(false);
    await expect(started.exited).resolves.toEqual({ signal: 'SIGKILL' });
  });

  test.runIf(existsSync('/usr/bin/setsid'))('ends a daemon that left group, session and parents', async () => {
    const daemon = `setsid sh -c '(echo $$ > first; exec setsid sh -c "echo \\$\\$ > daemon; exec sleep 300") & exit 0'`;
    const started = await platform.start(command(`${daemon}; exit 0`));
    await started.exited;
    const pid = await pidIn('daemon');
    expect(alive(pid)).toBe(true);
    await started.stop(2_000);
    expect(alive(pid)).toBe(false);
  });

  test('leaves the processes of other runs alone', async () => {
    const one = await platform.start(command('exec sleep 300'));
    const two = await platform.start(command('exec sleep 300'));
    await one.stop(2_000);
    expect(alive(one.pid)).toBe(false);
    expect(alive(two.pid)).toBe(true);
    await two.stop(2_000);
  });
});

describe('leftovers', () => {
  test('of this device are ended, and a pid of another process is not touched', async () => {
    const ours = await platform.start(command('sleep 300 & wait'));
    const other = spawn('sleep', ['300'], { stdio: 'ignore', detached: true });
    try {
      const next = createLinuxPlatform({ timers: systemTimers, log: silentLog, device: folder.path, path: '' });
      await next.endLeftovers([
        { pid: ours.pid, startedAt: ours.startedAt },
        { pid: other.pid ?? 0, startedAt: ours.startedAt.replace(/\d+$/, '1') },
      ]);
      expect(alive(ours.pid)).toBe(false);
      expect(alive(other.pid ?? 0)).toBe(true);
    } finally {
      other.kill('SIGKILL');
    }
  });

  test('that cleared their environment are found by the record', async () => {
    const ours = await platform.start(command('exec env -i sleep 300'));
    await until('the environment is clear', () => readFileSync(`/proc/${ours.pid}/environ`).length === 0);
    const next = createLinuxPlatform({ timers: systemTimers, log: silentLog, device: folder.path, path: '' });
    await next.endLeftovers([]);
    expect(alive(ours.pid)).toBe(true);
    await next.endLeftovers([{ pid: ours.pid, startedAt: ours.startedAt }]);
    expect(alive(ours.pid)).toBe(false);
  });

  test('of another device on the machine stay', async () => {
    const other = createLinuxPlatform({
      timers: systemTimers,
      log: silentLog,
      device: `${folder.path}:1.1`,
      path: '',
    });
    const theirs = await other.start(command('exec sleep 300'));
    await platform.endLeftovers([]);
    expect(alive(theirs.pid)).toBe(true);
    await theirs.stop(2_000);
  });
});

test('executables are looked for in PATH and in the usual folders', () => {
  const own = join(folder.path, 'bin');
  mkdirSync(own);
  writeFileSync(join(own, 'tool'), '', { mode: 0o755 });
  writeFileSync(join(own, 'text'), '', { mode: 0o644 });
  const withOwn = createLinuxPlatform({ timers: systemTimers, log: silentLog, device: '/x', path: own });
  expect(withOwn.findExecutable('tool')).toBe(join(own, 'tool'));
  expect(withOwn.findExecutable('text')).toBeUndefined();
  expect(withOwn.findExecutable(own)).toBeUndefined();
  expect(withOwn.findExecutable(join(own, 'tool'))).toBe(join(own, 'tool'));
  expect(withOwn.findExecutable('sh')).toMatch(/\/sh$/);
});

test('the free space of a volume is told in bytes', async () => {
  expect(await platform.freeSpace(folder.path)).toBeGreaterThan(0);
});
