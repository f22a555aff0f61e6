import { silentLog } from '@greensward/kit';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openPostgres } from '../adapters/postgres/postgres.ts';
import { findPostgres, startPostgres } from '../adapters/testing/postgres-cluster.ts';
import { openTestCloud, type TestCloud } from '../app/testing/test-cloud.ts';
import type { ExecutionStatus } from '../domain/jobs/job.ts';

const minute = 60_000;
const postgres = findPostgres();
const names = (count: number) => Array.from({ length: count }, (_, index) => `core-${String(index).padStart(3, '0')}`);

let cloud: TestCloud;
let targetArn = '';
beforeEach(async () => {
  cloud = await openTestCloud();
  await cloud.app.groups.create({ name: 'line' });
  targetArn = cloud.arns.group('line');
});
afterEach(() => cloud.close());

async function deploy(iotJobConfiguration: object = {}) {
  const { deploymentId } = await cloud.app.deployments.create({ targetArn, iotJobConfiguration });
  const { deployment } = await cloud.app.deployments.get(deploymentId);
  return deployment;
}
const counts = async (jobId: string) => (await cloud.app.jobs.describe(jobId)).counts;
async function report(jobId: string, ...results: readonly [string, ExecutionStatus][]) {
  for (const [thing, status] of results) await cloud.app.jobs.update([{ thing, jobId, status }]);
  await cloud.rollout();
}

describe('pace', () => {
  test('without a configuration every member is notified at once, each once, and told after the commit', async () => {
    await cloud.addThings('line', ...names(30));
    const { jobId } = await deploy();
    cloud.events.length = 0;
    await cloud.rollout();
    await cloud.rollout();
    expect(await counts(jobId)).toMatchObject({ QUEUED: 30 });
    const told = cloud.events.flatMap((event) => (event.kind === 'pending-changed' ? event.things : []));
    expect([...told].sort()).toEqual(names(30));
  });

  test('maximumPerMinute holds in every minute, and the rollout says when it goes on', async () => {
    await cloud.addThings('line', ...names(25));
    const { jobId } = await deploy({ jobExecutionsRolloutConfig: { maximumPerMinute: 10 } });
    const started = cloud.clock.now();
    for (let next = await cloud.rollout(); next !== undefined; next = await cloud.rollout()) {
      cloud.clock.advance(next - cloud.clock.now());
      const minutes = (cloud.clock.now() - started) / minute;
      expect((await counts(jobId)).QUEUED).toBeLessThanOrEqual(10 * Math.ceil(minutes + 0.001));
    }
    expect(await counts(jobId)).toMatchObject({ QUEUED: 25 });
    expect(cloud.clock.now() - started).toBeGreaterThan(1.9 * minute);
  });

  test('a thing that joins later does not wait for the rate', async () => {
    await cloud.addThings('line', ...names(20));
    const { jobId } = await deploy({ jobExecutionsRolloutConfig: { maximumPerMinute: 1 } });
    await cloud.rollout();
    cloud.clock.advance(1000);
    await cloud.addThings('line', 'zz-late');
    await cloud.rollout();
    expect((await cloud.app.jobs.execution(jobId, 'zz-late')).execution.status).toBe('QUEUED');
    expect(await counts(jobId)).toMatchObject({ QUEUED: 2 });
  });

  test('a group without devices is settled at once', async () => {
    const { id } = await deploy();
    await cloud.rollout();
    expect(await cloud.app.deployments.progress(id)).toMatchObject({ settled: true });
  });

  test('queuedAt of a thing never goes back, even when the clock does', async () => {
    await cloud.addThings('line', 'core');
    const first = await deploy();
    await cloud.rollout();
    cloud.clock.advance(-10_000);
    const second = await deploy();
    await cloud.rollout();
    const before = (await cloud.app.jobs.execution(first.jobId, 'core')).execution.queuedAt;
    expect((await cloud.app.jobs.execution(second.jobId, 'core')).execution.queuedAt).toBeGreaterThanOrEqual(before);
  });
});

describe('members', () => {
  test('a job for many is made without a row for each of them', async () => {
    await cloud.addThings('line', ...names(50));
    const { jobId } = await deploy();
    expect(await cloud.storage.read((tx) => tx.executions.waiting(jobId, 100))).toEqual([]);
    await cloud.rollout();
    expect(await counts(jobId)).toMatchObject({ QUEUED: 50 });
  });

  test('more than one transaction takes are all given it, in the subtree too, and it is settled only then', async () => {
    await cloud.app.groups.create({ name: 'below', parent: 'line' });
    const many = Array.from({ length: 2300 }, (_, index) => `core-${String(index).padStart(5, '0')}`);
    await cloud.storage.write(async (tx) => {
      for (const [index, name] of many.entries()) {
        await tx.things.insert({ name, id: name, attributes: {}, version: 1, createdAt: 1 });
        await tx.groups.add(index % 2 === 0 ? 'line' : 'below', name, 1);
      }
    });
    const { id, jobId } = await deploy({ jobExecutionsRolloutConfig: { maximumPerMinute: 1000 } });
    expect(await cloud.app.deployments.progress(id)).toMatchObject({ settled: false });
    for (let next = await cloud.rollout(); next !== undefined; next = await cloud.rollout()) {
      expect(await cloud.app.deployments.progress(id)).toMatchObject({ settled: false });
      cloud.clock.advance(Math.max(next - cloud.clock.now(), 10_000));
    }
    expect(await counts(jobId)).toMatchObject({ QUEUED: 2300 });
    const second = await deploy();
    await cloud.rollout();
    expect(await counts(second.jobId)).toMatchObject({ QUEUED: 2300 });
  });

  test('one that leaves before its turn gets nothing; one that leaves and comes back gets it once', async () => {
    await cloud.addThings('line', ...names(4));
    const { jobId } = await deploy({ jobExecutionsRolloutConfig: { maximumPerMinute: 1 } });
    await cloud.rollout();
    await cloud.app.groups.removeThing('line', 'core-002');
    await cloud.app.groups.removeThing('line', 'core-003');
    await cloud.app.groups.addThing('line', 'core-003');
    for (let next = await cloud.rollout(); next !== undefined; next = await cloud.rollout()) {
      cloud.clock.advance(next - cloud.clock.now());
    }
    const { items } = await cloud.app.jobs.executionsOfJob(jobId, { limit: 10 });
    expect(items.map(({ thing, number }) => `${thing} ${number}`)).toEqual(['core-000 1', 'core-001 1', 'core-003 1']);
  });

  test('whoever joins, leaves and reports, in the end every member has the newest of it, once for each time it came', async () => {
    const things = ['t1', 't2', 't3', 't4'];
    const step = fc.oneof(
      fc.record({ kind: fc.constant('join' as const), thing: fc.constantFrom(...things) }),
      fc.record({ kind: fc.constant('leave' as const), thing: fc.constantFrom(...things) }),
      fc.record({ kind: fc.constant('tick' as const) }),
      fc.record({
        kind: fc.constant('report' as const),
        thing: fc.constantFrom(...things),
        status: fc.constantFrom('IN_PROGRESS', 'SUCCEEDED', 'FAILED'),
      }),
    );
    let run = 0;
    const property = fc.asyncProperty(fc.subarray(things), fc.array(step, { maxLength: 15 }), async (first, steps) => {
      run += 1;
      const group = `g-${run}`;
      const own = (thing: string) => `${thing}-${run}`;
      await cloud.app.groups.create({ name: group });
      await cloud.addThings(undefined, ...things.map(own));
      for (const thing of first) await cloud.app.groups.addThing(group, own(thing));
      const iotJobConfiguration = { jobExecutionsRolloutConfig: { maximumPerMinute: 1 } };
      const { deploymentId } = await cloud.app.deployments.create({
        targetArn: cloud.arns.group(group),
        iotJobConfiguration,
      });
      const { jobId } = (await cloud.app.deployments.get(deploymentId)).deployment;
      for (const each of steps) {
        if (each.kind === 'join') await cloud.app.groups.addThing(group, own(each.thing));
        else if (each.kind === 'leave') await cloud.app.groups.removeThing(group, own(each.thing));
        else if (each.kind === 'tick') await cloud.rollout();
        else if (each.kind === 'report')
          await cloud.app.jobs.update([{ thing: own(each.thing), jobId, status: each.status }]);
        cloud.clock.advance(20_000);
      }
      while ((await cloud.rollout()) !== undefined) cloud.clock.advance(minute);
      const { items: members } = await cloud.app.groups.things(group, true, { limit: 10 });
      const { items } = await cloud.app.jobs.executionsOfJob(jobId, { limit: 10 });
      const served = new Map(items.map((execution) => [execution.thing, execution.status]));
      for (const member of members)
        expect(['QUEUED', 'IN_PROGRESS', 'SUCCEEDED', 'FAILED']).toContain(served.get(member));
      for (const [thing, status] of served) if (status === 'QUEUED') expect(members).toContain(thing);
      expect((await counts(jobId)).QUEUED).toBe(items.filter(({ status }) => status === 'QUEUED').length);
      await cloud.app.deployments.cancel(deploymentId);
    });
    await fc.assert(property, { numRuns: 40 });
  });
});

describe.skipIf(postgres === undefined)('two processes on one database', () => {
  test('together give every member one execution, each told by the one that made it', async () => {
    const cluster = await startPostgres(postgres ?? '');
    const url = await cluster.createDatabase();
    const open = async () => openTestCloud(await openPostgres({ url, log: silentLog }));
    const [first, second] = [await open(), await open()];
    try {
      await first.app.groups.create({ name: 'line' });
      const many = Array.from({ length: 1500 }, (_, index) => `core-${index}`);
      await first.storage.write(async (tx) => {
        for (const name of many) {
          await tx.things.insert({ name, id: name, attributes: {}, version: 1, createdAt: 1 });
          await tx.groups.add('line', name, 1);
        }
      });
      const { iotJobId = '' } = await first.app.deployments.create({ targetArn });
      await first.addThings('line', 'late-1', 'late-2');
      await Promise.all([first.rollout(), second.rollout(), first.rollout(), second.rollout()]);
      expect((await first.app.jobs.describe(iotJobId)).counts).toMatchObject({ QUEUED: 1502 });
      const told = [...first.events, ...second.events].flatMap((event) =>
        event.kind === 'pending-changed' ? event.things : [],
      );
      expect(told.sort()).toEqual([...many, 'late-1', 'late-2'].sort());
    } finally {
      await first.close();
      await second.close();
      await cluster.stop();
    }
  });
});

describe('abort', () => {
  const criterion = (rest: object = {}) => ({
    abortConfig: {
      criteriaList: [
        { failureType: 'FAILED', action: 'CANCEL', thresholdPercentage: 50, minNumberOfExecutedThings: 4, ...rest },
      ],
    },
  });

  test('not before minNumberOfExecutedThings; then the job is CANCELED, queued executions too, the deployment FAILED', async () => {
    await cloud.addThings('line', ...names(6));
    const { id, jobId } = await deploy(criterion());
    await cloud.rollout();
    await cloud.app.jobs.update([{ thing: 'core-004', jobId, status: 'IN_PROGRESS' }]);
    await report(jobId, ['core-000', 'FAILED'], ['core-001', 'FAILED'], ['core-002', 'FAILED']);
    expect((await cloud.app.deployments.get(id)).deployment.status).toBe('ACTIVE');
    await report(jobId, ['core-003', 'SUCCEEDED']);
    const { deployment } = await cloud.app.deployments.get(id);
    expect(deployment.status).toBe('FAILED');
    expect(deployment.statusReason).toContain('3 of 4');
    expect((await cloud.app.jobs.describe(jobId)).job).toMatchObject({
      status: 'CANCELED',
      reasonCode: 'ABORT_CRITERIA_MET',
    });
    expect(await counts(jobId)).toMatchObject({ CANCELED: 1, IN_PROGRESS: 1 });
    await report(jobId, ['core-004', 'SUCCEEDED']);
    expect(await counts(jobId)).toMatchObject({ SUCCEEDED: 2, IN_PROGRESS: 0 });
  });

  test('at exactly the threshold, and not just under it', async () => {
    await cloud.addThings('line', ...names(8));
    const { id, jobId } = await deploy(criterion());
    await cloud.rollout();
    await report(
      jobId,
      ['core-000', 'FAILED'],
      ['core-001', 'SUCCEEDED'],
      ['core-002', 'SUCCEEDED'],
      ['core-003', 'SUCCEEDED'],
    );
    expect((await cloud.app.deployments.get(id)).deployment.status).toBe('ACTIVE');
    await report(jobId, ['core-004', 'FAILED']);
    expect((await cloud.app.deployments.get(id)).deployment.status).toBe('ACTIVE');
    await report(jobId, ['core-005', 'FAILED']);
    expect((await cloud.app.deployments.get(id)).deployment.status).toBe('FAILED');
  });
});

describe('timeouts', () => {
  test('a silent device is TIMED_OUT once its time is over, and counts for the abort', async () => {
    await cloud.addThings('line', 'core');
    const { id, jobId } = await deploy({
      timeoutConfig: { inProgressTimeoutInMinutes: 1 },
      abortConfig: {
        criteriaList: [
          { failureType: 'TIMED_OUT', action: 'CANCEL', thresholdPercentage: 100, minNumberOfExecutedThings: 1 },
        ],
      },
    });
    await cloud.rollout();
    await cloud.app.jobs.update([{ thing: 'core', jobId, status: 'IN_PROGRESS' }]);
    cloud.clock.advance(minute - 1);
    await cloud.timeouts();
    expect(await counts(jobId)).toMatchObject({ IN_PROGRESS: 1 });
    cloud.clock.advance(1);
    cloud.events.length = 0;
    await cloud.timeouts();
    expect(await counts(jobId)).toMatchObject({ TIMED_OUT: 1 });
    expect(cloud.events).toContainEqual({ kind: 'pending-changed', things: ['core'] });
    const [late] = await cloud.app.jobs.update([{ thing: 'core', jobId, status: 'SUCCEEDED' }]);
    expect(late).toMatchObject({ ok: false, code: 'TerminalStateReached' });
    await cloud.rollout();
    expect((await cloud.app.deployments.get(id)).deployment.status).toBe('FAILED');
  });

  test('what is only queued has no timeout', async () => {
    await cloud.addThings('line', 'core');
    const { jobId } = await deploy({ timeoutConfig: { inProgressTimeoutInMinutes: 1 } });
    await cloud.rollout();
    cloud.clock.advance(100 * minute);
    await cloud.timeouts();
    expect(await counts(jobId)).toMatchObject({ QUEUED: 1 });
  });
});

describe('jobs of a device', () => {
  test('start next gives the oldest, IN_PROGRESS first, and leaves a running one untouched', async () => {
    await cloud.addThings('line', 'core');
    await cloud.app.groups.create({ name: 'other' });
    await cloud.app.groups.addThing('other', 'core');
    const first = await deploy();
    await cloud.rollout();
    cloud.clock.advance(1000);
    await cloud.app.deployments.create({ targetArn: cloud.arns.group('other') });
    await cloud.rollout();
    const started = await cloud.app.jobs.startNext('core', { statusDetails: { step: '1' } }, '*');
    expect(started?.execution).toMatchObject({ jobId: first.jobId, status: 'IN_PROGRESS', version: 2 });
    const again = await cloud.app.jobs.startNext('core', { statusDetails: { step: '2' } }, '*');
    expect(again?.execution).toEqual(started?.execution);
  });

  test('a list of updates is one commit, each answered: in order for one execution, and refused ones harm no other', async () => {
    await cloud.addThings('line', 'core', 'core2');
    const { jobId } = await deploy();
    await cloud.rollout();
    const results = await cloud.app.jobs.update([
      { thing: 'core', jobId, status: 'IN_PROGRESS' },
      { thing: 'nobody', jobId, status: 'IN_PROGRESS' },
      { thing: 'core', jobId, status: 'SUCCEEDED', expectedVersion: 2 },
      { thing: 'core2', jobId, status: 'SUCCEEDED', expectedVersion: 9 },
      { thing: 'core', jobId, status: 'SUCCEEDED' },
      { thing: 'core', jobId: 'unknown', status: 'SUCCEEDED' },
    ]);
    expect(results.map((result) => (result.ok ? result.execution.version : result.code))).toEqual([
      2,
      'ResourceNotFound',
      3,
      'VersionMismatch',
      3,
      'ResourceNotFound',
    ]);
    expect(await counts(jobId)).toMatchObject({ SUCCEEDED: 1, QUEUED: 1 });
  });
});
