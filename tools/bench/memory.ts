import { readFileSync } from 'node:fs';
import { startNode } from '@greensward/testkit/processes';
import { until } from '@greensward/testkit/until';

/** Resident memory of a process in MB (10^6 bytes), as the kernel counts it. */
export function residentMegabytes(pid: number): number {
  const [, kilobytes = '0'] = readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+) kB$/m) ?? [];
  return (Number(kilobytes) * 1024) / 1e6;
}

/** The most memory a process ever had, in MB (10^6 bytes). */
export function peakMegabytes(pid: number): number {
  const [, kilobytes = '0'] = readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmHWM:\s+(\d+) kB$/m) ?? [];
  return (Number(kilobytes) * 1024) / 1e6;
}

/** Resident memory of a Node that does nothing, started with these flags. */
export async function bareNodeMegabytes(flags: readonly string[]): Promise<number> {
  const bare = startNode([
    ...flags,
    '-e',
    "process.on('disconnect', () => process.exit()); console.log('up'); setInterval(() => {}, 1e6)",
  ]);
  await until('a bare Node is up', () => bare.output().includes('up'));
  const megabytes = residentMegabytes(bare.pid);
  await bare.kill();
  return megabytes;
}
