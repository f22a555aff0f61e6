import type { Figure } from '../figure.ts';
import { resultOf } from './child.ts';
import type { InProcessRun } from './in-process-main.ts';

const main = new URL('./in-process-main.ts', import.meta.url).pathname;
const sizes = [
  { devices: 1000, rounds: 9 },
  { devices: 10_000, rounds: 3 },
  { devices: 100_000, rounds: 1 },
] as const;
const slowCommitMs = 20;
const slowDevices = 10_000;

/** One deployment to one group, all succeed, without a network: what the cloud itself takes for a device. */
export async function inProcess(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const { devices, rounds } of sizes) {
    const run = await resultOf<InProcessRun>(main, 'run', [devices, rounds]);
    figures.push(...figuresOf(`rollout in process, ${devices} devices`, devices, run));
  }
  const slow = await resultOf<InProcessRun>(main, 'run', [slowDevices, 1, slowCommitMs]);
  figures.push(
    ...figuresOf(`the same, ${slowDevices} devices, each commit ${slowCommitMs} ms later`, slowDevices, slow),
  );
  return figures;
}

function figuresOf(name: string, devices: number, run: InProcessRun): Figure[] {
  const wall = run.seconds.reduce((sum, each) => sum + each, 0);
  const busy = (run.cpuSeconds / wall) * 100;
  const perDevice = (run.cpuSeconds / (devices * run.seconds.length)) * 1e6;
  const limit =
    busy >= 80
      ? 'limited by the CPU of the one process'
      : 'the rest is waiting for the disk, or for others on this machine';
  return [
    {
      name,
      unit: 'devices/s',
      samples: run.seconds.map((each) => devices / each),
      comparedWith: `expected: 2000 or more; CPU ${busy.toFixed(0)} % of the time, ${perDevice.toFixed(0)} us a device: ${limit}`,
    },
    {
      name: `${name}: per device`,
      unit: 'us',
      samples: run.seconds.map((each) => (each / devices) * 1e6),
      comparedWith: 'expected: within 1.5 times of the other sizes',
    },
    {
      name: `${name}: event loop delay, p99`,
      unit: 'ms',
      samples: [run.loopDelayP99Ms],
      comparedWith: `at most ${run.loopDelayMaxMs.toFixed(0)} ms`,
    },
  ];
}
