import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { silentLog } from '@greensward/kit';
import { systemClock, systemTimers } from '@greensward/kit/node';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLinuxPlatform } from '../platform/linux/linux-platform.ts';
import { createComponentLogs } from './component-logs.ts';
import type { ComponentSpec, Lifecycle } from './lifecycle.ts';
import { hard, spec } from './lifecycle-bench.ts';
import { createLifecycle } from './lifecycle-engine.ts';
import { openProcessRecord } from './process-record.ts';

const never = new AbortController().signal;

let folder: ReturnType<typeof temporaryFolder>;
let lifecycle: Lifecycle;
let states: string[];
beforeEach(() => {
  folder = temporaryFolder();
  for (const name of ['logs', 'run', 'work']) mkdirSync(join(folder.path, name));
  states = [];
  lifecycle = open();
  lifecycle.onChange((status) => states.push(`${status.name} ${status.state}`));
});
afterEach(async () => {
  await lifecycle.stop();
  folder.remove();
});

function platform() {
  const path = process.env['PATH'] ?? '';
  return createLinuxPlatform({ timers: systemTimers, log: silentLog, device: folder.path, path });
}

function open(): Lifecycle {
  const logs = createComponentLogs({
    folder: join(folder.path, 'logs'),
    clock: systemClock,
    timers: systemTimers,
    log: silentLog,
    settings: () => ({ level: 'INFO', format: 'TEXT', fileBytes: 1_048_576, totalBytes: 10_485_760 }),
  });
  return createLifecycle({
    platform: platform(),
    timers: systemTimers,
    clock: systemClock,
    log: silentLog,
    componentLog: (name) => logs.log(name),
    onProcesses: openProcessRecord(join(folder.path, 'run', 'processes.json'), silentLog).save,
    graceMs: 300,
    settleMs: 300,
  });
}

function component(name: string, steps: ComponentSpec['lifecycle'], more: Partial<ComponentSpec> = {}): ComponentSpec {
  const environment = { PATH: process.env['PATH'] ?? '', T: folder.path };
  return spec(name, steps, { environment, workPath: join(folder.path, 'work'), ...more });
}

function apply(...specs: readonly ComponentSpec[]): void {
  lifecycle.apply(new Map(specs.map((one) => [one.name, one])));
}

function lines(name: string): string[] {
  const path = join(folder.path, name);
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
}

function alive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

test('a Run that exits 0 finishes, runs its shutdown once, and its output is in its log', async () => {
  const script = 'echo "hello from $WHO"; echo oops >&2';
  apply(component('a', { Setenv: { WHO: 'a' }, Run: script, Shutdown: 'echo down >> "$T/events"' }));
  await expect(lifecycle.settled(new Set(['a']), never)).resolves.toEqual({ ok: true });
  // A shell that is slow to begin counts as up meanwhile.
  await until('it has finished', () => states.at(-1) === 'a FINISHED');
  expect(states).toEqual(['a INSTALLED', 'a STARTING', 'a RUNNING', 'a STOPPING', 'a FINISHED']);
  expect(lines('events')).toEqual(['down']);
  const log = await until('the log is written', () => lines('logs/a.log').length > 8 && lines('logs/a.log'));
  expect(log.some((line) => line.includes('[INFO] (Copier) a: stdout. hello from a. {'))).toBe(true);
  expect(log.some((line) => line.includes('[WARN] (Copier) a: stderr. oops. {'))).toBe(true);
});

test('a Run that crashes is started three times and then broken, with its exit code', async () => {
  apply(component('a', { Run: 'echo run >> "$T/events"; exit 42', Recover: 'echo recover >> "$T/events"' }));
  await until('it is broken', () => states.at(-1) === 'a BROKEN');
  const outcome = await lifecycle.settled(new Set(['a']), never);
  expect(outcome).toMatchObject({ ok: false, broken: [{ state: 'BROKEN', statusCodes: ['RUN_ERROR'] }] });
  expect(lifecycle.statuses()[0]?.reason).toContain('exited with code 42');
  expect(lines('events')).toEqual(['run', 'recover', 'run', 'recover', 'run']);
});

test('a depender is restarted after its HARD dependency crashed and came back', async () => {
  const serve = 'echo "$0 $$" >> "$T/$ME"; exec sleep 300';
  apply(
    component('base', { Setenv: { ME: 'base' }, Run: serve }),
    component('top', { Setenv: { ME: 'top' }, Run: serve, Shutdown: 'echo stopped >> "$T/top"' }, hard('base')),
  );
  await expect(lifecycle.settled(new Set(['base', 'top']), never)).resolves.toEqual({ ok: true });
  const pidOf = (line: string | undefined) => Number(line?.split(' ')[1]);
  await until('both have begun', () => lines('base').length === 1 && lines('top').length === 1);
  const base = pidOf(lines('base')[0]);
  process.kill(base, 'SIGKILL');
  await until('the depender runs again', () => lines('top').length === 3);
  expect(lines('top')[1]).toBe('stopped');
  expect(lines('base')).toHaveLength(2);
  await lifecycle.stop();
  for (const line of [...lines('base'), lines('top')[0], lines('top')[2]]) {
    if (line?.startsWith('sh ')) expect(alive(pidOf(line))).toBe(false);
  }
});

test('a removed component leaves nothing behind, not even what ignores SIGTERM', async () => {
  const stubborn = `trap '' TERM; (trap '' TERM; sleep 300) & echo $$ $! > "$T/pids"; wait`;
  apply(component('a', { Run: stubborn, Uninstall: 'echo "$GREENGRASS_COMPONENT_VERSION" > "$T/gone"' }));
  await lifecycle.settled(new Set(['a']), never);
  const pids = await until('the pids', () => lines('pids')[0]?.split(' ').map(Number));
  expect(pids.filter(alive)).toHaveLength(2);
  await lifecycle.prune(new Set());
  expect(pids.filter(alive)).toEqual([]);
  expect(lines('gone')).toEqual(['1.0.0']);
  expect(lifecycle.statuses()).toEqual([]);
});

test('a daemon that Startup leaves is a member of the component until the stop', async () => {
  apply(
    component('a', {
      Startup: 'sleep 300 & echo $! > "$T/pid"',
      Shutdown: 'kill -0 "$(cat "$T/pid")" && echo yes > "$T/lived"',
    }),
  );
  await expect(lifecycle.settled(new Set(['a']), never)).resolves.toEqual({ ok: true });
  const pid = Number(lines('pid')[0]);
  expect(alive(pid)).toBe(true);
  await lifecycle.stop();
  expect(alive(pid)).toBe(false);
  expect(lines('lived')).toEqual(['yes']);
});

test.each([
  ['had recorded', true],
  ['had not recorded yet', false],
])('what a runtime that was killed left running, and %s, is ended by the next one', async (_, recorded) => {
  // A small runtime of its own: starts one component and stays until it is killed.
  const here = (path: string) => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)));
  const main = join(folder.path, 'main.mjs');
  writeFileSync(
    main,
    `import { createLinuxPlatform } from ${here('../platform/linux/linux-platform.ts')};
     import { createLifecycle } from ${here('./lifecycle-engine.ts')};
     import { openProcessRecord } from ${here('./process-record.ts')};
     import { systemClock, systemTimers } from ${here('../../../kit/src/node/node.ts')};
     import { silentLog } from ${here('../../../kit/src/kit.ts')};
     const root = ${JSON.stringify(folder.path)};
     const lifecycle = createLifecycle({
       platform: createLinuxPlatform({ timers: systemTimers, log: silentLog, device: root, path: process.env.PATH }),
       timers: systemTimers, clock: systemClock, log: silentLog, componentLog: () => () => {},
       onProcesses: ${recorded ? `openProcessRecord(root + '/run/processes.json', silentLog).save` : '() => {}'},
     });
     lifecycle.apply(new Map([['a', { name: 'a', version: '1.0.0', configuration: {}, dependencies: new Map(),
       environment: { PATH: process.env.PATH, T: root }, workPath: root + '/work',
       lifecycle: { Run: 'sleep 300 & echo $$ $! > "$T/pids"; wait' } }]]));
     process.stdin.resume();`,
  );
  const child = spawn(process.execPath, [main], { stdio: ['pipe', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk;
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    const pids = await until('the component runs', () => {
      if (errors !== '') throw new Error(errors);
      return lines('pids')[0]?.split(' ').map(Number);
    });
    // The process may be ahead of its record by a moment: what is killed then, its mark alone tells.
    const leftovers = () => openProcessRecord(join(folder.path, 'run', 'processes.json'), silentLog).leftovers;
    if (recorded) await until('the record', () => leftovers().find((one) => one.pid === pids[0]));
    child.kill('SIGKILL');
    await ended;
    expect(pids.filter(alive)).toHaveLength(2);
    expect(leftovers()).toHaveLength(recorded ? 1 : 0);
    await platform().endLeftovers(leftovers());
    expect(pids.filter(alive)).toEqual([]);
  } finally {
    child.kill('SIGKILL');
  }
});
