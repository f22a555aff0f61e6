// Components in shell, Node and Python that do what components do at their worst.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '@greensward/kit';
import { systemClock, systemTimers } from '@greensward/kit/node';
import { findProcesses } from '@greensward/testkit/find-processes';
import { findProgram } from '@greensward/testkit/programs';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLinuxPlatform } from '../platform/linux/linux-platform.ts';
import { createComponentLogs } from './component-logs.ts';
import type { ComponentSpec, Lifecycle } from './lifecycle.ts';
import { spec } from './lifecycle-bench.ts';
import { createLifecycle } from './lifecycle-engine.ts';

const never = new AbortController().signal;
const python = findProgram('python3');
const isRoot = process.getuid?.() === 0;

let folder: ReturnType<typeof temporaryFolder>;
let lifecycle: Lifecycle;
let problems: string[];
beforeEach(() => {
  folder = temporaryFolder();
  for (const name of ['logs', 'work']) mkdirSync(join(folder.path, name));
  problems = [];
  lifecycle = open(join(folder.path, 'logs'));
});
afterEach(async () => {
  await lifecycle.stop();
  expect(findProcesses(folder.path)).toEqual([]);
  folder.remove();
});

function open(logFolder: string): Lifecycle {
  const log = { ...silentLog, error: (message: string) => void problems.push(message) };
  const path = process.env['PATH'] ?? '';
  const logs = createComponentLogs({
    folder: logFolder,
    clock: systemClock,
    timers: systemTimers,
    log,
    settings: () => ({ level: 'INFO', format: 'TEXT', fileBytes: 256 * 1024, totalBytes: 1024 * 1024 }),
  });
  return createLifecycle({
    platform: createLinuxPlatform({ timers: systemTimers, log, device: folder.path, path }),
    timers: systemTimers,
    clock: systemClock,
    log,
    componentLog: (name) => logs.log(name),
    graceMs: 400,
    settleMs: 300,
  });
}

const at = (name: string) => join(folder.path, name);
const lines = (name: string) => (existsSync(at(name)) ? readFileSync(at(name), 'utf8').split('\n').slice(0, -1) : []);

/** Writes a program and gives the script that becomes it. */
function program(language: 'sh' | 'node' | 'python', text: string): string {
  const file = at(`program.${language === 'node' ? 'cjs' : language}`);
  writeFileSync(file, text);
  const interpreter = { sh: 'sh', node: process.execPath, python: python ?? '' }[language];
  return `exec '${interpreter}' '${file}'`;
}

async function run(steps: ComponentSpec['lifecycle']): Promise<void> {
  const environment = { PATH: process.env['PATH'] ?? '', T: folder.path };
  lifecycle.apply(new Map([['a', spec('a', steps, { environment, workPath: at('work') })]]));
}
const settled = () => lifecycle.settled(new Set(['a']), never);
const languages = ['sh', 'node', ...(python === undefined ? [] : (['python'] as const))] as const;

describe.each(languages)('a component in %s', (language) => {
  const trapping = {
    sh: 'trap \'echo bye >> "$T/events"; exit 0\' TERM; echo up >> "$T/events"; while :; do sleep 0.05; done',
    node: `const { appendFileSync: a } = require('node:fs'); const f = process.env.T + '/events';
      process.on('SIGTERM', () => { a(f, 'bye\\n'); process.exit(0); }); a(f, 'up\\n'); setInterval(() => {}, 1e6);`,
    python: `import os, signal, sys, time
f = open(os.environ['T'] + '/events', 'a', buffering=1)
def bye(*_):
    f.write('bye\\n'); sys.exit(0)
signal.signal(signal.SIGTERM, bye)
f.write('up\\n')
while True: time.sleep(0.05)
`,
  };
  const ignoring = {
    sh: 'trap "" TERM INT HUP; echo up >> "$T/events"; while :; do sleep 0.05; done',
    node: `for (const s of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(s, () => {});
      require('node:fs').appendFileSync(process.env.T + '/events', 'up\\n'); setInterval(() => {}, 1e6);`,
    python: `import os, signal, time
for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(s, signal.SIG_IGN)
open(os.environ['T'] + '/events', 'a').write('up\\n')
while True: time.sleep(0.05)
`,
  };
  const forking = {
    sh: '(setsid sh -c \'(trap "" TERM; echo up >> "$T/events"; exec sleep 3605) &\' &) ; exec sleep 3605',
    node: `const { spawn } = require('node:child_process');
      spawn('sh', ['-c', 'trap "" TERM; echo up >> "$T/events"; exec sleep 3605'], { detached: true, stdio: 'ignore' }).unref();
      setInterval(() => {}, 1e6);`,
    python: `import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(os.environ['T'] + '/events', 'a').write('up\\n')
        time.sleep(3605)
    os._exit(0)
time.sleep(3605)
`,
  };
  const crashing = {
    sh: 'set -u; echo up >> "$T/events"; echo "$NOT_THERE"',
    node: `require('node:fs').appendFileSync(process.env.T + '/events', 'up\\n'); throw new Error('boom');`,
    python: `import os
open(os.environ['T'] + '/events', 'a').write('up\\n')
raise Exception('boom')
`,
  };

  test('that traps SIGTERM ends in its own way', async () => {
    await run({ Run: program(language, trapping[language]) });
    await expect(settled()).resolves.toEqual({ ok: true });
    await until('it is up', () => lines('events').length === 1);
    await lifecycle.prune(new Set());
    expect(lines('events')).toEqual(['up', 'bye']);
  });

  test('that ignores every signal it can is killed after the grace', async () => {
    await run({ Run: program(language, ignoring[language]) });
    await until('it is up', () => lines('events').length === 1);
    await lifecycle.prune(new Set());
    expect(findProcesses(folder.path)).toEqual([]);
  });

  test('that forks a daemon out of its session, which ignores signals, leaves nothing', async () => {
    await run({ Run: program(language, forking[language]) });
    await until('the daemon is up', () => lines('events').length === 1);
    await lifecycle.prune(new Set());
    expect(findProcesses(folder.path)).toEqual([]);
  });

  test('that crashes is tried three times, and what it said last is in its log', async () => {
    await run({ Run: program(language, crashing[language]) });
    // Not `settled`: an interpreter may take longer to start than a component must run to count as settled.
    await until('it is broken', () => lifecycle.statuses()[0]?.state === 'BROKEN');
    expect(lifecycle.statuses()[0]?.statusCodes).toEqual(['RUN_ERROR']);
    expect(lines('events')).toEqual(['up', 'up', 'up']);
    await until('its log has it', () => /boom|NOT_THERE/.test(readFileSync(at('logs/a.log'), 'utf8')));
  });
});

test('a component that hangs in its start is ended at the limit of the step, and tried three times', async () => {
  await run({ Startup: { Script: 'echo up >> "$T/events"; sleep 3606 & wait', Timeout: 1 } });
  await expect(settled()).resolves.toMatchObject({ ok: false, broken: [{ statusCodes: ['STARTUP_TIMEOUT'] }] });
  expect(lines('events').length).toBe(3);
  await until('nothing of it runs', () => findProcesses(folder.path).length === 0);
});

test('a component that floods its output costs neither memory nor disk, and is stopped at once', async () => {
  const flood = `const line = 'x'.repeat(200) + '\\n'; const block = line.repeat(300);
    let left = 700; const more = () => { while (left-- > 0) if (!process.stdout.write(block)) return process.stdout.once('drain', more);
    require('node:fs').writeFileSync(process.env.T + '/done', ''); setInterval(() => process.stdout.write(block), 1); }; more();`;
  const before = process.memoryUsage().rss;
  await run({ Run: program('node', flood) });
  await until('it has written 42 MB', () => existsSync(at('done')), 50_000);
  expect(process.memoryUsage().rss - before).toBeLessThan(120 * 1024 * 1024);
  const total = readdirSync(at('logs')).reduce((sum, name) => sum + statSync(at(`logs/${name}`)).size, 0);
  // The limit, and what one write may be above it.
  expect(total).toBeLessThan(1.5 * 1024 * 1024);
  await lifecycle.prune(new Set());
  expect(findProcesses(folder.path)).toEqual([]);
});

test.runIf(isRoot)(
  'a component that fills its disk, logs included, breaks by itself; the runtime goes on',
  async (context) => {
    const disk = at('disk');
    mkdirSync(disk);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      return context.skip('this machine mounts no tmpfs');
    }
    try {
      lifecycle = open(disk);
      await run({ Run: `head -c 4000000 /dev/zero > '${disk}/big' || { echo full; exit 28; }` });
      await until('it is broken', () => lifecycle.statuses()[0]?.state === 'BROKEN');
      expect(lifecycle.statuses()[0]?.reason).toContain('exited with code 28');
      await until('the log that cannot be written is told', () =>
        problems.includes('a component log cannot be written'),
      );
      // Once for each time the disk is full: every try begins by emptying the file.
      expect(problems.length).toBeLessThanOrEqual(3);
      await lifecycle.stop();
    } finally {
      execFileSync('umount', [disk]);
    }
  },
);
