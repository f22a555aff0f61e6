import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CancelDeploymentCommand, CreateDeploymentCommand } from '@aws-sdk/client-greengrassv2';
import { DescribeJobCommand } from '@aws-sdk/client-iot';
import { openInProcessCloud } from '@greensward/cloud/in-process';
import { silentLog } from '@greensward/kit';
import { systemClock, systemIds, systemTimers } from '@greensward/kit/node';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import type { Figure } from '../figure.ts';
import { type MeasuredCloud, startMeasuredCloud } from './measured-cloud.ts';
import { seedThings } from './seed.ts';

const small = 10;
const rounds = 3;
const queueLimitMs = 120_000;

/** Calls that end or begin a rollout, one after the other on groups of 10 and of `large`, while the whole group is QUEUED. */
interface Samples {
  readonly create: number[];
  readonly supersede: number[];
  readonly cancel: number[];
}

/** What creating, superseding and cancelling cost for a large group, against a small one. */
export async function operatorCalls(large: number): Promise<Figure[]> {
  const folder = temporaryFolder();
  const data = join(folder.path, 'cloud');
  mkdirSync(data);
  await seedGroups(data, large);
  const cloud = await startMeasuredCloud(data);
  try {
    const few: Samples = { create: [], supersede: [], cancel: [] };
    const many: Samples = { create: [], supersede: [], cancel: [] };
    await sample(cloud, 'small', small, { create: [], supersede: [], cancel: [] }); // The first calls compile.
    for (let round = 0; round < rounds; round++) {
      for (let again = 0; again < 3; again++) await sample(cloud, 'small', small, few);
      await sample(cloud, 'large', large, many);
    }
    const cost = await cloud.cost();
    return [
      ...compared('CreateDeployment', large, few.create, many.create),
      ...compared('CreateDeployment that supersedes', large, few.supersede, many.supersede),
      ...compared('CancelDeployment', large, few.cancel, many.cancel),
      {
        name: `event loop delay of the cloud meanwhile, p99`,
        unit: 'ms',
        samples: [cost.loopDelayP99Ms],
        comparedWith: `at most ${cost.loopDelayMaxMs.toFixed(0)} ms`,
      },
    ];
  } finally {
    await cloud.stop();
    folder.remove();
  }
}

async function seedGroups(data: string, large: number): Promise<void> {
  const { storage, close } = await openInProcessCloud({
    folder: data,
    clock: systemClock,
    timers: systemTimers,
    ids: systemIds,
    log: silentLog,
    publish: () => {},
  });
  await seedThings(storage, 'small', small);
  await seedThings(storage, 'large', large, small);
  await close();
}

async function sample(cloud: MeasuredCloud, group: string, size: number, into: Samples): Promise<void> {
  const create = async (samples: number[]) => {
    const input = { targetArn: `arn:aws:iot:us-east-1:000000000000:thinggroup/${group}` };
    const created = await timed(samples, () => cloud.greengrass.send(new CreateDeploymentCommand(input)));
    await until(
      'all are queued',
      async () => {
        const { job } = await cloud.iot.send(new DescribeJobCommand({ jobId: created.iotJobId }));
        return job?.jobProcessDetails?.numberOfQueuedThings === size;
      },
      queueLimitMs,
    );
    return created;
  };
  await create(into.create);
  const { deploymentId } = await create(into.supersede);
  await timed(into.cancel, () => cloud.greengrass.send(new CancelDeploymentCommand({ deploymentId })));
}

async function timed<T>(samples: number[], call: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const answer = await call();
  samples.push(performance.now() - start);
  return answer;
}

function compared(call: string, large: number, few: readonly number[], many: readonly number[]): Figure[] {
  const middle = (samples: readonly number[]) => samples.toSorted((a, b) => a - b)[samples.length >> 1] ?? Number.NaN;
  return [
    {
      name: `${call}, a group of ${small}`,
      unit: 'ms',
      samples: few,
      comparedWith: 'all QUEUED; over HTTP, with its commit',
    },
    {
      name: `${call}, a group of ${large}`,
      unit: 'ms',
      samples: many,
      comparedWith: `${(middle(many) / middle(few)).toFixed(1)} times that of ${small}; expected: within 1.5 times`,
    },
  ];
}
