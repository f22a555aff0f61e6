import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '@greensward/testkit/programs';

/** Two network namespaces of Linux with a cable between them: to programs, two machines. */
export interface TwoNetworks {
  /** What runs a command on the one or the other: put it before the command. */
  readonly cloud: readonly string[];
  readonly device: readonly string[];
  remove(): void;
}

const cloudAddress = '10.77.0.1';

/** True when this process may make network namespaces and run programs in them. */
export function canMakeNetworks(): boolean {
  const ip = findProgram('ip', ['/usr/sbin', '/sbin']);
  if (process.getuid?.() !== 0 || ip === undefined) return false;
  const name = `gsp${process.pid}`;
  try {
    run('netns', 'add', name);
    run('netns', 'exec', name, ip, 'link', 'set', 'lo', 'up');
    return true;
  } catch {
    return false;
  } finally {
    quietly('netns', 'del', name);
  }
}

/** Makes them; on the side of the device, `names` stand for the other machine. */
export function makeTwoNetworks(names: readonly string[]): TwoNetworks {
  const cloud = `gsc${process.pid}`;
  const device = `gsd${process.pid}`;
  const hosts = (name: string) => join('/etc/netns', name);
  const remove = () => {
    quietly('netns', 'del', cloud);
    quietly('netns', 'del', device);
    rmSync(hosts(device), { recursive: true, force: true });
    process.off('exit', remove);
  };
  process.once('exit', remove); // An interrupted run leaves none either.
  run('netns', 'add', cloud);
  run('netns', 'add', device);
  run('link', 'add', cloud, 'type', 'veth', 'peer', 'name', device);
  for (const [name, address] of [
    [cloud, cloudAddress],
    [device, '10.77.0.2'],
  ] as const) {
    run('link', 'set', name, 'netns', name);
    run('-n', name, 'address', 'add', `${address}/24`, 'dev', name);
    run('-n', name, 'link', 'set', 'lo', 'up');
    run('-n', name, 'link', 'set', name, 'up');
  }
  mkdirSync(hosts(device), { recursive: true });
  writeFileSync(join(hosts(device), 'hosts'), `127.0.0.1 localhost\n${cloudAddress} ${names.join(' ')}\n`);
  const through = (name: string) => [ipProgram(), 'netns', 'exec', name];
  return { cloud: through(cloud), device: through(device), remove };
}

function ipProgram(): string {
  return findProgram('ip', ['/usr/sbin', '/sbin']) ?? 'ip';
}

function run(...args: readonly string[]): void {
  execFileSync(ipProgram(), args, { stdio: 'pipe' });
}

function quietly(...args: readonly string[]): void {
  try {
    run(...args);
  } catch {
    // It is not there.
  }
}
