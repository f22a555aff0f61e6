import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestCloud, type TestCloud } from './testing/test-cloud.ts';

let cloud: TestCloud;
let count = 0;
let deploymentId = '';
let jobId = '';
let [a, b] = ['', ''];

beforeAll(async () => {
  cloud = await openTestCloud();
});
afterAll(() => cloud.close());

// Each test has a group of its own with two things: A has begun, B has not.
beforeEach(async () => {
  count += 1;
  [a, b] = [`A-${count}`, `B-${count}`];
  await cloud.app.groups.create({ name: `line-${count}` });
  await cloud.addThings(`line-${count}`, a, b);
  const made = await cloud.app.deployments.create({
    targetArn: cloud.arns.group(`line-${count}`),
    components: { 'com.example.Hello': { componentVersion: '1.0.0' } },
  });
  deploymentId = made.deploymentId;
  jobId = made.iotJobId ?? '';
  await cloud.rollout();
  await cloud.app.jobs.update([{ thing: a, jobId, status: 'IN_PROGRESS' }]);
  cloud.events.length = 0;
});

const jobs = () => cloud.app.jobs;
const told = () => cloud.events.flatMap((event) => (event.kind === 'pending-changed' ? event.things : []));
const counts = async () => (await jobs().describe(jobId)).counts;
const transition = { code: 'InvalidStateTransitionException' };
const missing = { code: 'ResourceNotFoundException' };

describe('an execution that is canceled by itself', () => {
  test('is no more for its thing, which is told; the others go on', async () => {
    await jobs().cancelExecution(jobId, b, { force: false, statusDetails: { why: 'repair' } });
    expect(await jobs().execution(jobId, b)).toMatchObject({
      execution: { status: 'CANCELED', statusDetails: { why: 'repair' } },
    });
    expect(told()).toEqual([b]);
    expect(await counts()).toMatchObject({ CANCELED: 1, IN_PROGRESS: 1 });
    expect((await cloud.app.deployments.get(deploymentId)).deployment.status).toBe('ACTIVE');
  });

  test('while it runs needs force, and then its device is refused', async () => {
    await expect(jobs().cancelExecution(jobId, a, { force: false })).rejects.toMatchObject(transition);
    await jobs().cancelExecution(jobId, a, { force: true });
    const [answer] = await jobs().update([{ thing: a, jobId, status: 'SUCCEEDED' }]);
    expect(answer).toMatchObject({ ok: false, code: 'TerminalStateReached' });
    await expect(jobs().cancelExecution(jobId, a, { force: true })).rejects.toMatchObject(transition);
  });

  test('is not there for a thing outside of the job', async () => {
    await expect(jobs().cancelExecution(jobId, 'nobody', { force: true })).rejects.toMatchObject(missing);
  });
});

describe('deleting an execution', () => {
  test('takes it from its thing and from the counts', async () => {
    await jobs().deleteExecution(jobId, b, 1, false);
    expect(told()).toEqual([b]);
    await expect(jobs().execution(jobId, b)).rejects.toMatchObject(missing);
    expect(await counts()).toMatchObject({ QUEUED: 0, IN_PROGRESS: 1 });
    await cloud.rollout();
    await expect(jobs().execution(jobId, b)).rejects.toMatchObject(missing);
  });

  test('needs force while it runs, and its number', async () => {
    await expect(jobs().deleteExecution(jobId, a, 1, false)).rejects.toMatchObject(transition);
    await expect(jobs().deleteExecution(jobId, a, 2, true)).rejects.toMatchObject(missing);
    await jobs().deleteExecution(jobId, a, 1, true);
    expect(await counts()).toMatchObject({ IN_PROGRESS: 0 });
  });
});

describe('deleting a job', () => {
  test('in progress needs force: then its deployment is canceled, and its things have nothing to run', async () => {
    await expect(jobs().delete(jobId, false)).rejects.toMatchObject(transition);
    await cloud.app.tags.put(cloud.arns.job(jobId), { k: 'v' });
    await jobs().delete(jobId, true);
    await cloud.sweep();
    expect(told().sort()).toEqual([a, b]);
    await expect(jobs().describe(jobId)).rejects.toMatchObject(missing);
    await expect(cloud.app.tags.get(cloud.arns.job(jobId))).rejects.toMatchObject(missing);
    expect((await cloud.app.deployments.get(deploymentId)).deployment.status).toBe('CANCELED');
    expect((await jobs().pendingMany([a, b])).get(a)?.executions).toEqual([]);
    expect(await cloud.rollout()).toBeUndefined();
    expect(await cloud.app.deployments.progress(deploymentId)).toMatchObject({ settled: true });
    await cloud.app.deployments.delete(deploymentId);
  });

  test('that was canceled waits for the devices that run it, unless forced', async () => {
    await jobs().cancel(jobId, { force: false });
    await expect(jobs().delete(jobId, false)).rejects.toMatchObject(transition);
    await jobs().update([{ thing: a, jobId, status: 'SUCCEEDED' }]);
    await jobs().delete(jobId, false);
    await expect(jobs().describe(jobId)).rejects.toMatchObject(missing);
  });

  test('leaves its target free for the next deployment', async () => {
    await jobs().delete(jobId, true);
    const next = await cloud.app.deployments.create({ targetArn: cloud.arns.group(`line-${count}`), components: {} });
    await cloud.rollout();
    expect((await jobs().pendingMany([a])).get(a)?.executions).toMatchObject([{ execution: { jobId: next.iotJobId } }]);
  });
});
