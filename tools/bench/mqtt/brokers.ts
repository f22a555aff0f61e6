import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from '@greensward/testkit/free-port';
import { startNode, untilReady } from '@greensward/testkit/processes';
import { findProgram } from '@greensward/testkit/programs';
import { until } from '@greensward/testkit/until';
import type { Scenario } from './load.ts';
import type { FromServer } from './serve.ts';

/** A broker under load, in its own process. */
export interface BenchBroker {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  /** Lets go of memory that is only waiting to be collected. */
  collect(): Promise<void>;
  stop(): Promise<void>;
}

/** V8 keeps less garbage: 6 kB a connection. */
const flags = ['--max-semi-space-size=4'];

/**
 * glibc gives the 64 KiB that Node takes for the input of each TLS connection, and uses a tenth of, memory of its own: 9 kB a
 * connection.
 */
const environment = { MALLOC_MMAP_THRESHOLD_: '16384', MALLOC_TOP_PAD_: '0' };

/** Our server, with a handler that answers requests at once. */
export async function startOurs(folder: string): Promise<BenchBroker> {
  const args = ['--expose-gc', ...flags, join(import.meta.dirname, 'serve.ts'), folder];
  const started = startNode(args, { env: { ...process.env, ...environment } });
  const { port } = await untilReady(started);
  return {
    name: 'ours',
    pid: started.pid,
    port: Number(port),
    async collect() {
      const collected = once(started.child, 'message');
      started.child.send('collect');
      const [message]: FromServer[] = await collected;
      if (message?.kind !== 'collected') throw new Error('the server did not collect');
    },
    stop: () => started.kill(),
  };
}

/** Mosquitto with the same certificates and no persistence; undefined where it is not installed. */
export async function startMosquitto(folder: string): Promise<BenchBroker | undefined> {
  const program = findProgram('mosquitto', ['/usr/sbin', '/usr/local/sbin']);
  if (program === undefined) return undefined;
  const port = await freePort();
  const settings = {
    listener: `${port} 127.0.0.1`,
    cafile: join(folder, 'ca.pem'),
    certfile: join(folder, 'server.pem'),
    keyfile: join(folder, 'server.key'),
    require_certificate: 'true',
    allow_anonymous: 'true',
    set_tcp_nodelay: 'true',
    persistence: 'false',
    log_type: 'none',
    // Started by root it would become a user that cannot read the files.
    ...(process.getuid?.() === 0 && { user: 'root' }),
  };
  const file = join(folder, 'mosquitto.conf');
  writeFileSync(
    file,
    Object.entries(settings)
      .map(([name, value]) => `${name} ${value}\n`)
      .join(''),
  );
  const child = spawn(program, ['-c', file], { stdio: 'ignore' });
  const kill = (): boolean => child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = once(child, 'exit');
  await until('mosquitto listens', () => answers(port));
  return {
    name: 'Mosquitto',
    pid: child.pid ?? 0,
    port,
    collect: () => Promise.resolve(),
    async stop() {
      kill();
      await ended;
      process.off('exit', kill);
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Runs a scenario in a process of its own; `whileOpen` is called while its connections are there. */
export async function load(
  broker: BenchBroker,
  folder: string,
  scenario: Scenario,
  whileOpen: () => Promise<void> = () => Promise.resolve(),
): Promise<number[]> {
  const script = join(import.meta.dirname, 'load.ts');
  const started = startNode([script, `${broker.port}`, folder, JSON.stringify(scenario)]);
  const { samples } = await untilReady(started);
  await whileOpen();
  await started.kill();
  if (!Array.isArray(samples)) throw new Error('a load without samples');
  return samples.map(Number);
}

/** How many files this process, and those it starts, may have open. */
export function openFilesLimit(): number {
  const [, limit = '1024'] = readFileSync('/proc/self/limits', 'utf8').match(/^Max open files +(\d+)/m) ?? [];
  return Number(limit);
}
