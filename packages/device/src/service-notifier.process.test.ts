import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { silentLog } from '@greensward/kit';
import { systemTimers } from '@greensward/kit/node';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createServiceNotifier } from './service-notifier.ts';

/** What systemd does: receives datagrams on a Unix socket, one message each. */
const receiver = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('listening', flush=True)
while True:
    print(repr(s.recv(4096).decode()), flush=True)
`;

function has(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

let folder: ReturnType<typeof temporaryFolder>;
let socket: string;
let output: string;
let listener: ReturnType<typeof spawn> | undefined;

beforeEach(() => {
  folder = temporaryFolder();
  socket = join(folder.path, 'notify');
  output = '';
});
afterEach(async () => {
  const running = listener;
  listener = undefined;
  if (running !== undefined) {
    running.kill('SIGKILL');
    await new Promise((resolve) => running.once('exit', resolve));
  }
  folder.remove();
});

async function listen(): Promise<void> {
  listener = spawn('python3', ['-c', receiver, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  listener.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await until('it listens', () => output.includes('listening'));
}

const environment = (more: Readonly<Record<string, string>> = {}) => ({
  PATH: process.env['PATH'],
  NOTIFY_SOCKET: socket,
  ...more,
});

describe.skipIf(!has('systemd-notify') || !has('python3'))('the service manager', () => {
  test('hears that the runtime is ready, again and again that it lives, and that it stops', async () => {
    await listen();
    const notifier = createServiceNotifier({
      environment: environment({ WATCHDOG_USEC: '400000' }),
      timers: systemTimers,
      log: silentLog,
    });
    notifier.ready('core device core-1');
    await until('it is ready', () => output.includes('READY=1'));
    expect(output).toContain('STATUS=core device core-1');
    await until('it lives', () => output.split('WATCHDOG=1').length > 3);
    notifier.stopping();
    await until('it stops', () => output.includes('STOPPING=1'));
  });
});

test('one that is not there, or cannot be told, is told once in the log and hurts nobody', async () => {
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (message: string) => void warnings.push(message) };
  createServiceNotifier({ environment: {}, timers: systemTimers, log }).ready('x');
  const notifier = createServiceNotifier({
    environment: environment({ WATCHDOG_USEC: '100000', PATH: folder.path }),
    timers: systemTimers,
    log,
  });
  notifier.ready('x');
  await until('it says so', () => warnings.length > 0);
  notifier.stopping();
  expect(new Set(warnings)).toEqual(new Set(['the service manager is not told']));
});
