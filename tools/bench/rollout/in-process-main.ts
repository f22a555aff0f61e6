// One run of the bench `rollout-in-process`, in a process of its own: N devices that are functions ask the real request handlers.
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { openInProcessCloud } from '@greensward/cloud/in-process';
import { silentLog } from '@greensward/kit';
import { systemClock, systemIds, systemTimers } from '@greensward/kit/node';
import { DEPLOYMENT_NAMESPACE, jobTopic, NEXT_JOB } from '@greensward/protocol/topics';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { seedThings } from './seed.ts';
import { slowStorage } from './slow-storage.ts';

export interface InProcessRun {
  /** From the call of CreateDeployment to the last SUCCEEDED, in seconds; one a round. */
  readonly seconds: readonly number[];
  /** Of this process, devices and cloud together, over all rounds. */
  readonly cpuSeconds: number;
  readonly loopDelayP99Ms: number;
  readonly loopDelayMaxMs: number;
}

const [devices = 1000, rounds = 1, delayMs = 0] = process.argv.slice(2).map(Number);
/** So that no size is measured on code that was not compiled yet. */
const warmUp = 2000;
const folder = temporaryFolder();
let left = 0;
let done = Promise.withResolvers<void>();
const encoder = new TextEncoder();

const cloud = await openInProcessCloud({
  folder: folder.path,
  clock: systemClock,
  timers: systemTimers,
  ids: systemIds,
  log: { ...silentLog, error: (message, fields) => console.error(message, fields) },
  publish: (topic, payload) => {
    const [, , thing = '', , form = ''] = topic.split('/');
    if (form === `notify-namespace-${DEPLOYMENT_NAMESPACE}` && payload.includes('"QUEUED"')) beTold(thing);
  },
  ...(delayMs > 0 ? { storage: (storage) => slowStorage(storage, delayMs) } : {}),
});

async function ask(topic: string, payload: object): Promise<Readonly<Record<string, unknown>>> {
  const [reply] = await cloud.answer({ topic, payload: encoder.encode(JSON.stringify(payload)) });
  if (reply === undefined || !reply.topic.endsWith('/accepted')) throw new Error(`${topic}: ${reply?.payload}`);
  return JSON.parse(String(reply.payload));
}

/** As a network would carry: told devices above it come when others are done, and the cloud refuses none for want of room. */
const atOnce = 10_000;
const held: string[] = [];

/** Those that are at a deployment, and whether they were told anything meanwhile: a notification may repeat. */
const busy = new Map<string, boolean>();

function beTold(thing: string): void {
  if (busy.has(thing)) {
    busy.set(thing, true);
    return;
  }
  if (busy.size === atOnce) {
    held.push(thing);
    return;
  }
  busy.set(thing, false);
  deploy(thing)
    .then(() => {
      const again = busy.get(thing);
      busy.delete(thing);
      if (again === true) beTold(thing);
      const next = held.pop();
      if (next !== undefined) beTold(next);
    })
    .catch((error: unknown) => done.reject(error));
}

/** What a nucleus asks and says of one deployment. */
async function deploy(thing: string): Promise<void> {
  const { execution } = await ask(jobTopic(thing, NEXT_JOB, 'get', DEPLOYMENT_NAMESPACE), {});
  if (typeof execution !== 'object' || execution === null || !('jobId' in execution)) return;
  const update = jobTopic(thing, String(execution.jobId), 'update', DEPLOYMENT_NAMESPACE);
  await ask(update, { status: 'IN_PROGRESS' });
  await ask(update, { status: 'SUCCEEDED', statusDetails: { detailedStatus: 'SUCCESSFUL' } });
  left--;
  if (left === 0) done.resolve();
}

/** One deployment to a group; the seconds until all have succeeded. */
async function rollOut(group: string, count: number): Promise<number> {
  left = count;
  done = Promise.withResolvers();
  const start = performance.now();
  const targetArn = `arn:aws:iot:us-east-1:${cloud.account.accountId}:thinggroup/${group}`;
  const { iotJobId = '' } = await cloud.app.deployments.create({ targetArn });
  await done.promise;
  const seconds = (performance.now() - start) / 1000;
  const { counts } = await cloud.app.jobs.describe(iotJobId);
  if (counts.SUCCEEDED !== count) throw new Error(`${counts.SUCCEEDED} of ${count} have succeeded`);
  return seconds;
}

// The timers of the cloud keep no process alive.
const alive = setInterval(() => {}, 60_000);
await seedThings(cloud.storage, 'warm-up', warmUp);
await rollOut('warm-up', warmUp);
await seedThings(cloud.storage, 'fleet', devices, warmUp);
const loop = monitorEventLoopDelay({ resolution: 1 });
loop.enable();
const cpu = process.cpuUsage();
const seconds: number[] = [];
for (let round = 0; round < rounds; round++) seconds.push(await rollOut('fleet', devices));
loop.disable();
const { user, system } = process.cpuUsage(cpu);
const run: InProcessRun = {
  seconds,
  cpuSeconds: (user + system) / 1e6,
  loopDelayP99Ms: loop.percentile(99) / 1e6,
  loopDelayMaxMs: loop.max / 1e6,
};
clearInterval(alive);
await cloud.close();
folder.remove();
if (process.send === undefined) console.log(run);
else process.send({ kind: 'run', run }, () => process.disconnect());
