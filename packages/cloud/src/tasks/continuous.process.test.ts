import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTestCloud, type TestCloud } from '../app/testing/test-cloud.ts';
import type { ExecutionStatus } from '../domain/jobs/job.ts';

// What a job does for as long as it is in progress: things come, go, are deleted, stay away, and are given other revisions.

const day = 86_400_000;
let cloud: TestCloud;
let targetArn = '';
beforeEach(async () => {
  cloud = await openTestCloud();
  await cloud.app.groups.create({ name: 'line' });
  await cloud.addThings('line', 'a', 'b', 'c');
  targetArn = cloud.arns.group('line');
});
afterEach(() => cloud.close());

async function deploy(more: { targetArn?: string; parentTargetArn?: string; iotJobConfiguration?: object } = {}) {
  const { deploymentId, iotJobId = '' } = await cloud.app.deployments.create({ targetArn, ...more });
  await cloud.rollout();
  return { id: deploymentId, jobId: iotJobId };
}
async function report(jobId: string, thing: string, status: ExecutionStatus) {
  const [answer] = await cloud.app.jobs.update([{ thing, jobId, status }]);
  return answer?.ok === true ? 'ok' : answer?.code;
}
const counts = async (jobId: string) => (await cloud.app.jobs.describe(jobId)).counts;
const execution = async (jobId: string, thing: string) => (await cloud.app.jobs.execution(jobId, thing)).execution;
const pending = async (thing: string) => (await cloud.app.jobs.pending(thing, '*')).map((each) => each.execution.jobId);
const settled = async (id: string) => (await cloud.app.deployments.progress(id)).settled;
const deployment = async (id: string) => (await cloud.app.deployments.get(id)).deployment;
const told = () => cloud.events.flatMap((event) => (event.kind === 'pending-changed' ? event.things : []));

describe('membership', () => {
  test('a thing that joins gets the deployment, and opens again what was settled', async () => {
    const { id, jobId } = await deploy();
    for (const thing of ['a', 'b', 'c']) await report(jobId, thing, 'SUCCEEDED');
    expect(await settled(id)).toBe(true);
    await cloud.addThings('line', 'd');
    expect(await settled(id)).toBe(false);
    await cloud.rollout();
    expect(await execution(jobId, 'd')).toMatchObject({ status: 'QUEUED', number: 1 });
    expect(await settled(id)).toBe(false);
    await report(jobId, 'd', 'FAILED');
    expect(await settled(id)).toBe(true);
  });

  test('a thing that leaves loses what it has not begun, finishes what it has; coming back it gets it under a new number', async () => {
    const { jobId } = await deploy();
    await report(jobId, 'b', 'IN_PROGRESS');
    await report(jobId, 'c', 'SUCCEEDED');
    for (const thing of ['a', 'b', 'c']) await cloud.app.groups.removeThing('line', thing);
    expect(await counts(jobId)).toMatchObject({ REMOVED: 1, IN_PROGRESS: 1, SUCCEEDED: 1, QUEUED: 0 });
    expect(await report(jobId, 'a', 'IN_PROGRESS')).toBe('TerminalStateReached');
    expect(await report(jobId, 'b', 'SUCCEEDED')).toBe('ok');
    for (const thing of ['a', 'b', 'c']) await cloud.app.groups.addThing('line', thing);
    await cloud.rollout();
    for (const thing of ['a', 'b', 'c'])
      expect(await execution(jobId, thing)).toMatchObject({ status: 'QUEUED', number: 2 });
    expect(await counts(jobId)).toMatchObject({ QUEUED: 3, REMOVED: 0, SUCCEEDED: 0 });
  });

  test('a device that is deleted is REMOVED, running or not, and keeps no rollout open', async () => {
    const { id, jobId } = await deploy();
    await report(jobId, 'b', 'IN_PROGRESS');
    await report(jobId, 'c', 'SUCCEEDED');
    for (const thing of ['a', 'b']) await cloud.app.things.delete(thing);
    expect(await counts(jobId)).toMatchObject({ REMOVED: 2, SUCCEEDED: 1 });
    await cloud.rollout();
    expect(await settled(id)).toBe(true);
  });

  test('a group that is deleted takes back what was not begun; its deployment stays and is settled', async () => {
    const { id, jobId } = await deploy();
    await report(jobId, 'b', 'IN_PROGRESS');
    await cloud.app.groups.delete('line');
    await cloud.rollout();
    expect(await counts(jobId)).toMatchObject({ REMOVED: 2, IN_PROGRESS: 1 });
    await report(jobId, 'b', 'SUCCEEDED');
    expect(await settled(id)).toBe(true);
    expect((await deployment(id)).status).toBe('ACTIVE');
  });

  test('a large group is deleted in small transactions; asked again, what a death left of it goes too', async () => {
    const names = Array.from({ length: 600 }, (_, index) => `many-${index}`);
    await cloud.app.groups.create({ name: 'many' });
    await cloud.addThings('many', ...names);
    const { id, jobId } = await deploy({ targetArn: cloud.arns.group('many') });
    await report(jobId, 'many-7', 'IN_PROGRESS');
    const largest = () =>
      Math.max(...cloud.events.map((event) => (event.kind === 'pending-changed' ? event.things.length : 0)));
    cloud.events.length = 0;
    let steps = 0;
    const unsubscribe = cloud.bus.subscribe((event) => {
      if (event.kind !== 'pending-changed') return;
      steps += 1;
      // Stands for the death: who asked hears an error, and what was done is done.
      if (steps === 1) cloud.app.groups.create({ name: 'below', parent: 'many' }).catch(() => {});
    });
    await expect(cloud.app.groups.delete('many')).rejects.toMatchObject({ code: 'InvalidRequestException' });
    unsubscribe();
    const left = await counts(jobId);
    expect(left.REMOVED).toBeGreaterThan(0);
    expect(left.QUEUED).toBeGreaterThan(0);
    await cloud.app.groups.delete('below');
    await cloud.app.groups.delete('many');
    expect(await counts(jobId)).toMatchObject({ QUEUED: 0, IN_PROGRESS: 1, REMOVED: 599 });
    expect(largest()).toBeLessThanOrEqual(250);
    expect(told().sort()).toEqual(names.filter((name) => name !== 'many-7').sort());
    await report(jobId, 'many-7', 'SUCCEEDED');
    expect(await settled(id)).toBe(true);
    await cloud.app.groups.create({ name: 'many' });
    expect((await cloud.app.groups.things('many', false, { limit: 10 })).items).toEqual([]);
  });

  test('a group that shrinks and a device that is deleted before their turn do not hold up a paced rollout', async () => {
    await cloud.addThings('line', 'd', 'e');
    const { id, jobId } = await deploy({
      iotJobConfiguration: { jobExecutionsRolloutConfig: { maximumPerMinute: 1 } },
    });
    await cloud.app.things.delete('b');
    await cloud.app.groups.removeThing('line', 'd');
    for (let next = await cloud.rollout(); next !== undefined; next = await cloud.rollout()) {
      cloud.clock.advance(next - cloud.clock.now());
    }
    expect(await counts(jobId)).toMatchObject({ QUEUED: 3 });
    for (const thing of ['a', 'c', 'e']) await report(jobId, thing, 'SUCCEEDED');
    expect(await settled(id)).toBe(true);
  });
});

describe('revisions', () => {
  test('a device that is away for a month gets only the latest when it returns', async () => {
    const revisions = [];
    for (let revision = 0; revision < 5; revision++) {
      revisions.push(await deploy());
      await report(revisions.at(-1)?.jobId ?? '', 'b', 'SUCCEEDED');
      if (revision % 2 === 0) await cloud.sweep();
      cloud.clock.advance(6 * day);
    }
    const [last] = revisions.slice(-1);
    expect(await pending('a')).toEqual([last?.jobId]);
    await cloud.sweep();
    expect(await pending('a')).toEqual([last?.jobId]);
    for (const { jobId } of revisions.slice(0, -1)) {
      expect(await counts(jobId)).toMatchObject({ QUEUED: 0, CANCELED: 2, SUCCEEDED: 1 });
      expect(await report(jobId, 'a', 'IN_PROGRESS')).toBe('TerminalStateReached');
    }
  });

  test('superseding leaves what runs to finish, ends what is queued at once, and says why', async () => {
    const first = await deploy();
    await report(first.jobId, 'a', 'IN_PROGRESS');
    const second = await deploy();
    expect(await counts(first.jobId)).toMatchObject({ IN_PROGRESS: 1, CANCELED: 2 });
    expect(await pending('a')).toEqual([first.jobId, second.jobId]);
    expect(await pending('b')).toEqual([second.jobId]);
    expect(await settled(first.id)).toBe(false);
    expect(await report(first.jobId, 'a', 'SUCCEEDED')).toBe('ok');
    expect(await settled(first.id)).toBe(true);
    expect(await deployment(first.id)).toMatchObject({ status: 'INACTIVE', latest: false });
    const { job } = await cloud.app.jobs.describe(first.jobId);
    expect(job).toMatchObject({ status: 'CANCELED', reasonCode: 'SUPERSEDED' });
    expect(job.comment).toContain('revision 2');
  });

  test('a sub-deployment is replaced by its parent: its queued executions end at once, too', async () => {
    await cloud.app.groups.create({ name: 'below', parent: 'line' });
    await cloud.addThings('below', 'x', 'y');
    const parent = await deploy();
    const child = await deploy({ targetArn: cloud.arns.group('below'), parentTargetArn: targetArn });
    await report(child.jobId, 'x', 'IN_PROGRESS');
    const next = await deploy();
    expect(await counts(child.jobId)).toMatchObject({ IN_PROGRESS: 1, CANCELED: 1 });
    expect(await counts(parent.jobId)).toMatchObject({ CANCELED: 5 });
    expect(await pending('y')).toEqual([next.jobId]);
    expect((await deployment(child.id)).status).toBe('INACTIVE');
    cloud.events.length = 0;
    await cloud.sweep();
    expect(new Set(told())).toEqual(new Set(['a', 'b', 'c', 'x', 'y']));
    expect(await pending('y')).toEqual([next.jobId]);
  });
});

describe('cancelling', () => {
  test.each([false, true])(
    'with force %s: at once for every reader, the same after the sweep, and no more for joiners',
    async (force) => {
      const { id, jobId } = await deploy();
      await report(jobId, 'a', 'IN_PROGRESS');
      await report(jobId, 'b', 'FAILED');
      cloud.events.length = 0;
      await cloud.app.jobs.cancel(jobId, { force, reasonCode: 'STOP', comment: 'the line stands' });
      const shown = async () => ({
        counts: await counts(jobId),
        executions: (await cloud.app.jobs.executionsOfJob(jobId, { limit: 9 })).items,
        queued: (await cloud.app.jobs.executionsOfJob(jobId, { limit: 9 }, 'QUEUED')).items,
        canceled: (await cloud.app.jobs.executionsOfJob(jobId, { limit: 9 }, 'CANCELED')).items.map(
          (each) => each.thing,
        ),
        ofThing: (await cloud.app.jobs.executionsOfThing('c', { limit: 9 }, 'CANCELED')).items,
        pending: await cloud.app.jobs.pendingMany(['a', 'b', 'c']),
        settled: await settled(id),
        deployment: await deployment(id),
      });
      const before = await shown();
      expect(before.counts).toMatchObject(
        force ? { CANCELED: 2, FAILED: 1 } : { CANCELED: 1, FAILED: 1, IN_PROGRESS: 1 },
      );
      expect(before.canceled).toEqual(force ? ['a', 'c'] : ['c']);
      expect(before.settled).toBe(force);
      expect(before.deployment).toMatchObject({ status: 'CANCELED', statusReason: 'the line stands' });
      expect((await cloud.app.jobs.describe(jobId)).job.sweeping).toBe(true);
      expect(await report(jobId, 'c', 'IN_PROGRESS')).toBe('TerminalStateReached');
      await cloud.addThings('line', 'd');
      await cloud.rollout();
      await cloud.sweep();
      const after = await shown();
      expect(after).toEqual({ ...before, pending: after.pending });
      expect([...after.pending].map(([thing, each]) => [thing, each.executions.length])).toEqual(
        [...before.pending].map(([thing, each]) => [thing, each.executions.length]),
      );
      expect((await cloud.app.jobs.describe(jobId)).job.sweeping).toBeUndefined();
      expect(told().sort()).toEqual(force ? ['a', 'c'] : ['c']);
      expect(await report(jobId, 'a', 'SUCCEEDED')).toBe(force ? 'TerminalStateReached' : 'ok');
      expect(await counts(jobId)).toMatchObject(force ? { SUCCEEDED: 0 } : { SUCCEEDED: 1 });
    },
  );

  test.each([
    [false, { QUEUED: [], IN_PROGRESS: ['b'], CANCELED: ['a', 'c'], SUCCEEDED: [] }],
    [true, { QUEUED: [], IN_PROGRESS: [], CANCELED: ['a', 'b', 'c'], SUCCEEDED: [] }],
  ] as const)(
    'lists by status show what has ended before the sweep and after it; force: %s',
    async (force, expected) => {
      const { jobId } = await deploy();
      await report(jobId, 'b', 'IN_PROGRESS');
      await cloud.app.jobs.cancel(jobId, { force });
      const listed = async (status: ExecutionStatus) =>
        (await cloud.app.jobs.executionsOfJob(jobId, { limit: 10 }, status)).items.map(({ thing }) => thing);
      const lists = async () => ({
        QUEUED: await listed('QUEUED'),
        IN_PROGRESS: await listed('IN_PROGRESS'),
        CANCELED: await listed('CANCELED'),
        SUCCEEDED: await listed('SUCCEEDED'),
      });
      expect(await lists()).toEqual(expected);
      await cloud.sweep();
      expect(await lists()).toEqual(expected);
    },
  );

  test('a thing deleted, or that leaves, before the sweep stays CANCELED', async () => {
    const { id, jobId } = await deploy();
    await cloud.app.deployments.cancel(id);
    await cloud.app.things.delete('a');
    await cloud.app.groups.removeThing('line', 'b');
    await cloud.app.groups.addThing('line', 'b');
    await cloud.rollout();
    expect(await counts(jobId)).toMatchObject({ CANCELED: 3, REMOVED: 0, QUEUED: 0 });
    await cloud.sweep();
    expect(await counts(jobId)).toMatchObject({ CANCELED: 3, REMOVED: 0, QUEUED: 0 });
  });

  test('an execution that is deleted before the sweep is not counted after it', async () => {
    const { id, jobId } = await deploy();
    await cloud.app.deployments.cancel(id);
    await cloud.app.jobs.deleteExecution(jobId, 'a', 1, false);
    expect(await counts(jobId)).toMatchObject({ CANCELED: 2, QUEUED: 0 });
    await cloud.sweep();
    expect(await counts(jobId)).toMatchObject({ CANCELED: 2, QUEUED: 0 });
  });

  test('more than one batch is told batch by batch, each thing once', async () => {
    const many = Array.from({ length: 2300 }, (_, index) => `core-${String(index).padStart(5, '0')}`);
    await cloud.storage.write(async (tx) => {
      for (const name of many) {
        await tx.things.insert({ name, id: name, attributes: {}, version: 1, createdAt: 1 });
        await tx.groups.add('line', name, 1);
      }
    });
    const { id, jobId } = await deploy();
    cloud.events.length = 0;
    await cloud.app.deployments.cancel(id);
    expect(told()).toEqual([]);
    expect(await counts(jobId)).toMatchObject({ CANCELED: 2303, QUEUED: 0 });
    await cloud.sweep();
    expect(told().sort()).toEqual(['a', 'b', 'c', ...many].sort());
    expect(await counts(jobId)).toMatchObject({ CANCELED: 2303, QUEUED: 0 });
    await cloud.app.deployments.delete(id);
    await cloud.sweep();
    expect(await cloud.storage.read((tx) => tx.executions.toSweep(9))).toEqual([]);
  });
});

describe('retry', () => {
  const fail = async (jobId: string) => {
    await report(jobId, 'a', 'FAILED');
    await report(jobId, 'b', 'REJECTED');
    await report(jobId, 'c', 'SUCCEEDED');
  };

  test('gives all that failed the same job under a new number, at once and whatever the rate', async () => {
    const paced = {
      jobExecutionsRolloutConfig: { maximumPerMinute: 1 },
      timeoutConfig: { inProgressTimeoutInMinutes: 1 },
    };
    const { id, jobId } = await deploy({ iotJobConfiguration: paced });
    for (let next = await cloud.rollout(); next !== undefined; next = await cloud.rollout()) {
      cloud.clock.advance(next - cloud.clock.now());
    }
    await fail(jobId);
    await cloud.addThings('line', 'd');
    await cloud.rollout();
    await report(jobId, 'd', 'IN_PROGRESS');
    cloud.clock.advance(60_000);
    await cloud.timeouts();
    expect(await settled(id)).toBe(true);
    expect(await cloud.app.deployments.retry(id, undefined)).toBe(3);
    expect(await settled(id)).toBe(false);
    cloud.events.length = 0;
    await cloud.rollout();
    for (const thing of ['a', 'b', 'd'])
      expect(await execution(jobId, thing)).toMatchObject({ status: 'QUEUED', number: 2, version: 1 });
    expect(await counts(jobId)).toMatchObject({ QUEUED: 3, SUCCEEDED: 1, FAILED: 0, REJECTED: 0, TIMED_OUT: 0 });
    expect(told().sort()).toEqual(['a', 'b', 'd']);
    expect((await cloud.app.jobs.execution(jobId, 'a', 1)).execution.status).toBe('FAILED');
    for (const thing of ['a', 'b', 'd']) await report(jobId, thing, 'SUCCEEDED');
    await cloud.rollout();
    expect(await counts(jobId)).toMatchObject({ SUCCEEDED: 4 });
    expect(await settled(id)).toBe(true);
  });

  test('of named things refuses, by name and changing nothing, one that has not failed or is gone', async () => {
    const { id, jobId } = await deploy();
    await fail(jobId);
    await expect(cloud.app.deployments.retry(id, ['a', 'c', 'x'])).rejects.toMatchObject({
      code: 'ValidationException',
      context: { fields: [{ name: 'things[1]' }, { name: 'things[2]' }] },
    });
    await cloud.rollout();
    expect(await execution(jobId, 'a')).toMatchObject({ status: 'FAILED', number: 1 });
    expect(await cloud.app.deployments.retry(id, ['a', 'a'])).toBe(1);
    await cloud.rollout();
    expect(await execution(jobId, 'a')).toMatchObject({ status: 'QUEUED', number: 2 });
    expect(await execution(jobId, 'b')).toMatchObject({ status: 'REJECTED', number: 1 });
    await cloud.app.groups.removeThing('line', 'b');
    await expect(cloud.app.deployments.retry(id, ['b'])).rejects.toMatchObject({ code: 'ValidationException' });
    await cloud.app.deployments.retry(id, undefined);
    await cloud.rollout();
    expect(await execution(jobId, 'b')).toMatchObject({ status: 'REJECTED', number: 1 });
  });

  test('is refused once the job has ended, and for a target of one thing', async () => {
    const { id, jobId } = await deploy();
    await fail(jobId);
    await cloud.app.deployments.cancel(id);
    await expect(cloud.app.deployments.retry(id, undefined)).rejects.toMatchObject({ code: 'ConflictException' });
    const one = await deploy({ targetArn: cloud.arns.thing('a') });
    await expect(cloud.app.deployments.retry(one.id, undefined)).rejects.toMatchObject({ code: 'ConflictException' });
    await expect(cloud.app.deployments.retry('none', undefined)).rejects.toMatchObject({
      code: 'ResourceNotFoundException',
    });
  });

  test('that is under way ends with the job', async () => {
    const { id, jobId } = await deploy();
    await fail(jobId);
    await cloud.app.deployments.retry(id, undefined);
    await cloud.app.deployments.cancel(id);
    await cloud.rollout();
    await cloud.sweep();
    expect(await counts(jobId)).toMatchObject({ FAILED: 1, REJECTED: 1, QUEUED: 0 });
    expect(await settled(id)).toBe(true);
  });
});

test('an abort says why in deployment and job, and ends what is queued without touching it', async () => {
  const { id, jobId } = await deploy({
    iotJobConfiguration: {
      abortConfig: {
        criteriaList: [
          { failureType: 'ALL', action: 'CANCEL', thresholdPercentage: 100, minNumberOfExecutedThings: 1 },
        ],
      },
    },
  });
  await report(jobId, 'a', 'REJECTED');
  await cloud.rollout();
  expect(await counts(jobId)).toMatchObject({ REJECTED: 1, CANCELED: 2, QUEUED: 0 });
  const { job } = await cloud.app.jobs.describe(jobId);
  expect(job).toMatchObject({ status: 'CANCELED', reasonCode: 'ABORT_CRITERIA_MET', sweeping: true });
  expect(await deployment(id)).toMatchObject({ status: 'FAILED', statusReason: job.comment });
  expect(cloud.events).toContainEqual({ kind: 'job-ended' });
});
