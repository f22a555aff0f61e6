import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTestCloud, type TestCloud } from '../app/testing/test-cloud.ts';
import type { ExecutionStatus } from '../domain/jobs/job.ts';

const minute = 60_000;
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
