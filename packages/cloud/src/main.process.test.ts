import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { send } from './http/testing/running-cloud.ts';

const main = join(import.meta.dirname, 'main.ts');
const children: ChildProcess[] = [];
let folder: string;

interface Run {
  readonly process: ChildProcess;
  /** What the ready message says; rejects when the process ends first. */
  readonly ready: Promise<Record<string, unknown>>;
  readonly ended: Promise<{ code: number | null; stderr: string; stdout: string }>;
}

function run(...args: readonly string[]): Run {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  children.push(child);
  const text = { stdout: '', stderr: '' };
  child.stdout?.on('data', (part) => (text.stdout += part));
  child.stderr?.on('data', (part) => (text.stderr += part));
  const ended = new Promise<{ code: number | null; stderr: string; stdout: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, ...text }));
  });
  const ready = new Promise<Record<string, unknown>>((resolve, reject) => {
    child.on('message', (message) => resolve({ ...Object(message) }));
    void ended.then(({ stderr }) => reject(new Error(stderr)));
  });
  ready.catch(() => {});
  return { process: child, ready, ended };
}

const anyPorts = ['--api-port', '0', '--device-port', '0', '--mqtt-port', '0'];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greensward-main-'));
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

describe('the main of the cloud', () => {
  test('tells when it is ready, serves, and stops cleanly on SIGTERM', async () => {
    const cloud = run('--data', folder, '--json', ...anyPorts);
    const ready = await cloud.ready;
    expect(ready).toMatchObject({ kind: 'ready', accountId: '000000000000', region: 'us-east-1' });
    expect((await send(Number(ready['apiPort']), { path: '/greensward/v1/health' })).status).toBe(200);
    cloud.process.kill('SIGTERM');
    const { code, stdout } = await cloud.ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(ready);
  });

  test('writes a profile that only its owner can read, and again with the same key and the new port', async () => {
    const first = run('--data', folder, ...anyPorts);
    const { endpoint } = await first.ready;
    const config = join(folder, 'aws', 'config');
    expect(await readFile(config, 'utf8')).toContain(`endpoint_url = ${endpoint}`);
    const credentials = await readFile(join(folder, 'aws', 'credentials'), 'utf8');
    expect((await stat(config)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'aws', 'credentials'))).mode & 0o777).toBe(0o600);
    first.process.kill('SIGINT');
    expect((await first.ended).code).toBe(0);
    const second = run('--data', folder, ...anyPorts);
    const again = await second.ready;
    expect(await readFile(config, 'utf8')).toContain(`endpoint_url = ${again['endpoint']}`);
    expect(await readFile(join(folder, 'aws', 'credentials'), 'utf8')).toBe(credentials);
  });

  test('keeps its secrets from others in a data folder that they can look into', async () => {
    const shared = join(folder, 'shared');
    await mkdir(shared, { mode: 0o755 });
    const cloud = run('--data', shared, ...anyPorts);
    await cloud.ready;
    const open: string[] = [];
    for (const name of await readdir(shared, { recursive: true })) {
      const found = await stat(join(shared, name));
      const closed = name.includes('/') || (found.mode & 0o077) === 0;
      if (!closed) open.push(name);
    }
    // What the lock says is only that there is one.
    expect(open.filter((name) => !name.startsWith('lock.db'))).toEqual([]);
  });

  test('ends when its parent is gone', async () => {
    const cloud = run('--data', folder, ...anyPorts);
    await cloud.ready;
    // Node does not tell 'close' of a child whose channel was closed from this side.
    const exited = new Promise((resolve) => cloud.process.once('exit', resolve));
    cloud.process.disconnect();
    expect(await exited).toBe(0);
  });

  test('off loopback the API port speaks TLS, unless it is told not to', async () => {
    const secure = run('--data', folder, '--host', '0.0.0.0', '--name', 'cloud.example', ...anyPorts);
    const ready = await secure.ready;
    expect(ready['endpoint']).toBe(`https://cloud.example:${ready['apiPort']}`);
    const ca = await readFile(join(folder, 'ca', 'ca.pem'), 'utf8');
    expect((await send(Number(ready['apiPort']), { path: '/greensward/v1/health', tls: { ca } })).status).toBe(200);
    expect(await readFile(join(folder, 'aws', 'config'), 'utf8')).toContain(
      `ca_bundle = ${join(folder, 'ca', 'ca.pem')}`,
    );
    secure.process.kill('SIGTERM');
    await secure.ended;
    const plain = run('--data', folder, '--host', '0.0.0.0', '--insecure', ...anyPorts);
    expect((await plain.ready)['endpoint']).toMatch(/^http:\/\/localhost:/);
  });
});

describe('what cannot start says why in one line', () => {
  test('wrong usage is exit 2 and names the option', async () => {
    const { code, stderr } = await run('--data', folder, '--api-port', 'x').ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(/^--api-port: /);
    expect((await run('--nonsense').ended).code).toBe(2);
  });

  test('a port in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const address = taken.address();
    const port = String(typeof address === 'object' ? address?.port : 0);
    for (const option of ['--api-port', '--device-port', '--mqtt-port']) {
      const ports = ['--api-port', '--device-port', '--mqtt-port'].flatMap((each) => [
        each,
        each === option ? port : '0',
      ]);
      const { code, stderr } = await run('--data', folder, ...ports).ended;
      expect(code).toBe(1);
      expect(lastLine(stderr)).toBe(`port ${port} is in use: choose another with ${option}`);
    }
    taken.close();
  });

  test('a host that is not this machine, and a data folder that cannot be one', async () => {
    const elsewhere = await run('--data', folder, '--host', '192.0.2.1', ...anyPorts).ended;
    expect(elsewhere).toMatchObject({ code: 1, stderr: '--host: 192.0.2.1 is not an address of this machine\n' });
    const file = join(folder, 'file');
    await writeFile(file, '');
    const { code, stderr } = await run('--data', file, ...anyPorts).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^--data: .*file cannot be made: .*\n$/);
  });

  test('a data folder in use', async () => {
    await run('--data', folder, ...anyPorts).ready;
    const { code, stderr } = await run('--data', folder, ...anyPorts).ended;
    expect(code).toBe(1);
    expect(lastLine(stderr)).toContain('is in use by another process');
  });

  test('a corrupt database', async () => {
    await writeFile(join(folder, 'greensward.db'), 'this is no database, however long it is looked at '.repeat(100));
    const { code, stderr } = await run('--data', folder, ...anyPorts).ended;
    expect(code).toBe(1);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(lastLine(stderr)).toContain('greensward.db');
  });
});

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
