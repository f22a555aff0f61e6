import { setImmediate as nextTurn } from 'node:timers/promises';
import { silentLog } from '@greensward/kit';
import { until } from '@greensward/testkit/until';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqlite } from '../adapters/sqlite/sqlite.ts';
import { openTestCloud, type TestCloud } from '../app/testing/test-cloud.ts';
import type { Storage } from '../ports/storage.ts';
import { startTasks } from './tasks.ts';

// Timers with the tasks as a server runs them, on a clock that the test moves from one moment to the next that a task waits for.

const minute = 60_000;
let cloud: TestCloud;
let tasks: ReturnType<typeof startTasks>;
let waiting: { at: number; task: () => void }[] = [];

function start() {
  waiting = [];
  return startTasks({
    storage: cloud.storage,
    bus: cloud.bus,
    clock: cloud.clock,
    log: silentLog,
    account: { accountId: '000000000000', region: 'us-east-1', partition: 'aws' },
    retention: { jobsMs: Infinity, eventsMs: Infinity, auditMs: Infinity, revisions: Infinity },
    ids: { uuid: () => 'one', random: (bytes) => new Uint8Array(bytes) },
    timers: {
      monotonic: () => cloud.clock.now(),
      after(ms, task) {
        const entry = { at: cloud.clock.now() + ms, task };
        waiting.push(entry);
        return () => {
          waiting = waiting.filter((other) => other !== entry);
        };
      },
    },
  });
}

/** Transactions under way: a task without one waits for its time, however many tasks there are. */
let underWay = 0;

function watched(storage: Storage): Storage {
  const watch = async <T>(result: Promise<T>): Promise<T> => {
    underWay += 1;
    try {
      return await result;
    } finally {
      underWay -= 1;
    }
  };
  return { ...storage, read: (work) => watch(storage.read(work)), write: (work) => watch(storage.write(work)) };
}

/** Every task waits for its time: none is at work, also after what was begun has led to what follows. */
const idle = () =>
  until('the tasks are idle', async () => {
    for (let turn = 0; turn < 3; turn++) {
      if (underWay > 0) return false;
      await nextTurn();
    }
    return true;
  });

/** Lets time pass for the tasks, until `end`. */
async function pass(end: number): Promise<void> {
  for (;;) {
    await idle();
    const next = Math.min(...waiting.map(({ at }) => at));
    const now = Math.max(cloud.clock.now(), Math.min(next, end));
    cloud.clock.advance(now - cloud.clock.now());
    if (next > end) return;
    const due = waiting.filter(({ at }) => at <= now);
    waiting = waiting.filter(({ at }) => at > now);
    for (const { task } of due) task();
  }
}

beforeEach(async () => {
  cloud = await openTestCloud(watched(await openSqlite({ file: ':memory:', log: silentLog })));
  await cloud.app.groups.create({ name: 'line' });
  await cloud.addThings('line', 'a', 'b', 'c');
  tasks = start();
});
afterEach(async () => {
  await tasks.stop();
  await cloud.close();
});

async function deploy(minutes: number): Promise<string> {
  const { iotJobId = '' } = await cloud.app.deployments.create({
    targetArn: cloud.arns.group('line'),
    iotJobConfiguration: { timeoutConfig: { inProgressTimeoutInMinutes: minutes } },
  });
  await pass(cloud.clock.now() + 100);
  return iotJobId;
}
const begin = async (jobId: string, thing: string, stepTimeoutInMinutes?: number) => {
  const step = stepTimeoutInMinutes === undefined ? {} : { stepTimeoutInMinutes };
  const [answer] = await cloud.app.jobs.update([{ thing, jobId, status: 'IN_PROGRESS', ...step }]);
  expect(answer).toMatchObject({ ok: true });
};
/** When each that has timed out did so, in ms after `from`. */
async function timedOut(jobId: string, from: number): Promise<Record<string, number>> {
  const { items } = await cloud.app.jobs.executionsOfJob(jobId, { limit: 9 }, 'TIMED_OUT');
  return Object.fromEntries(items.map(({ thing, updatedAt }) => [thing, updatedAt - from]));
}

test('a timer that is set between two looks of its task fires on its minute', async () => {
  const jobId = await deploy(1);
  await pass(cloud.clock.now() + 7000);
  const from = cloud.clock.now();
  await begin(jobId, 'a');
  await pass(from + 23_456);
  await begin(jobId, 'b');
  await pass(from + 2 * minute);
  expect(await timedOut(jobId, from)).toEqual({ a: minute, b: minute + 23_456 });
});

test('nothing extends the in-progress timer; a step timer fires if it is earlier, and can be cleared', async () => {
  const jobId = await deploy(5);
  const from = cloud.clock.now();
  for (const thing of ['a', 'b', 'c']) await begin(jobId, thing, 2);
  await pass(from + minute);
  await begin(jobId, 'a', 10); // Later than the in-progress timer: that one counts.
  await begin(jobId, 'b', -1);
  await begin(jobId, 'b');
  await pass(from + 10 * minute);
  expect(await timedOut(jobId, from)).toEqual({ a: 5 * minute, b: 5 * minute, c: 2 * minute });
});

test('a timer that runs out while no server runs fires when one starts', async () => {
  const jobId = await deploy(1);
  const from = cloud.clock.now();
  await begin(jobId, 'a');
  await idle();
  await tasks.stop();
  cloud.clock.advance(90_000);
  await begin(jobId, 'b');
  tasks = start();
  await pass(from + 5 * minute);
  expect(await timedOut(jobId, from)).toEqual({ a: 90_000, b: 150_000 });
});
