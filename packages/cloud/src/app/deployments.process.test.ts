import { DEPLOYMENT_SHADOW } from '@greensward/protocol/shadow';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ExecutionStatus } from '../domain/jobs/job.ts';
import { openTestCloud, type TestCloud } from './testing/test-cloud.ts';

let cloud: TestCloud;
let group = '';
let targetArn = '';
let groups = 0;
const components = { 'com.example.Hello': { componentVersion: '1.0.0' } };

beforeAll(async () => {
  cloud = await openTestCloud();
});
afterAll(() => cloud.close());

// Each test has a group of its own, with things A-n and B-n.
const device = (letter: string) => `${letter}-${groups}`;
beforeEach(async () => {
  groups += 1;
  group = `line-${groups}`;
  targetArn = cloud.arns.group(group);
  await cloud.app.groups.create({ name: group });
  await cloud.addThings(group, device('A'), device('B'));
  cloud.events.length = 0;
});

const create = (rest: object = {}) => cloud.app.deployments.create({ targetArn, components, ...rest });
const statusOf = async (id: string) => (await cloud.app.deployments.get(id)).deployment.status;
const jobOf = async (id: string) => (await cloud.app.deployments.get(id)).deployment.jobId;
const pendingOf = async (thing: string) =>
  (await cloud.app.jobs.pending(thing, '*')).map(({ execution }) => `${execution.jobId} ${execution.status}`);
async function report(thing: string, jobId: string, status: ExecutionStatus, statusDetails?: Record<string, string>) {
  const [result] = await cloud.app.jobs.update([{ thing, jobId, status, ...(statusDetails && { statusDetails }) }]);
  return result;
}

describe('creating', () => {
  test('a target that does not exist is not found, with its id and type', async () => {
    await expect(create({ targetArn: cloud.arns.group('nobody') })).rejects.toMatchObject({
      code: 'ResourceNotFoundException',
      context: { resourceId: cloud.arns.group('nobody'), resourceType: 'thinggroup' },
    });
  });

  test('a target of another account or region is refused, naming the field', async () => {
    for (const arn of [
      `arn:aws:iot:us-east-1:111111111111:thinggroup/${group}`,
      `arn:aws:iot:eu-west-1:000000000000:thinggroup/${group}`,
    ]) {
      await expect(create({ targetArn: arn })).rejects.toMatchObject({
        code: 'ValidationException',
        context: { fields: [{ name: 'targetArn' }] },
      });
    }
  });

  test('a component that does not exist at all is accepted: it fails on the device', async () => {
    const { deploymentId } = await create({ components: { Nowhere: { componentVersion: '9.9.9' } } });
    expect(await statusOf(deploymentId)).toBe('ACTIVE');
  });

  test('what was sent comes back as it was sent, merge byte for byte, policies complete', async () => {
    const merge = '{ "b" : 1.0,\t"a":"\\u00e9" }';
    const sent = {
      deploymentName: 'name',
      components: {
        A: {
          componentVersion: '1.0.0',
          configurationUpdate: { merge, reset: ['', '/x'] },
          runWith: { posixUser: 'u:g', windowsUser: 'w', systemResourceLimits: { memory: 1024, cpus: 0.5 } },
        },
      },
      iotJobConfiguration: { timeoutConfig: { inProgressTimeoutInMinutes: 5 } },
      tags: { k: '' },
    };
    const { deploymentId } = await create(sent);
    const { deployment, tags } = await cloud.app.deployments.get(deploymentId);
    expect(deployment.request.components).toEqual(sent.components);
    expect(deployment.request.components?.['A']?.configurationUpdate?.merge).toBe(merge);
    expect(deployment.request.iotJobConfiguration).toEqual(sent.iotJobConfiguration);
    expect(deployment.request.deploymentPolicies).toMatchObject({ failureHandlingPolicy: 'ROLLBACK' });
    expect(tags).toEqual({ k: '' });
    expect(JSON.parse(deployment.document)).toMatchObject({
      configurationArn: `arn:aws:greengrass:us-east-1:000000000000:configuration:thinggroup/${group}:1`,
      components: { A: { version: '1.0.0', configurationUpdate: { merge: { a: 'é', b: 1 }, reset: ['', '/x'] } } },
      requiredCapabilities: ['LINUX_RESOURCE_LIMITS'],
    });
  });

  test('an omitted job configuration stays absent', async () => {
    const { deploymentId } = await create();
    expect((await cloud.app.deployments.get(deploymentId)).deployment.request).not.toHaveProperty(
      'iotJobConfiguration',
    );
  });

  test('a refused request stores nothing and leaves its client token free', async () => {
    const bad = create({ clientToken: `t-${group}`, components: { A: { componentVersion: '1' } } });
    await expect(bad).rejects.toMatchObject({ code: 'ValidationException' });
    await create({ clientToken: `t-${group}` });
    const { items } = await cloud.app.deployments.list({ limit: 10 }, { targetArn, history: 'ALL' });
    expect(items.map(({ revision }) => revision)).toEqual([1]);
  });

  test('one client token makes one deployment, also when both calls come at once; another request with it conflicts', async () => {
    const clientToken = `token-${group}`;
    const [first, second] = await Promise.all([create({ clientToken }), create({ clientToken })]);
    expect(second).toEqual(first);
    expect((await cloud.app.deployments.get(first.deploymentId)).deployment.revision).toBe(1);
    await expect(create({ clientToken, deploymentName: 'other' })).rejects.toMatchObject({ code: 'ConflictException' });
    cloud.clock.advance(8 * 3_600_000 + 1);
    expect((await create({ clientToken, deploymentName: 'other' })).deploymentId).not.toBe(first.deploymentId);
  });
});

describe('a new revision', () => {
  test('takes the place of the one before: INACTIVE, not the latest, its job canceled', async () => {
    const first = await create();
    const second = await create(); // The same content makes a new revision all the same.
    const before = (await cloud.app.deployments.get(first.deploymentId)).deployment;
    const after = (await cloud.app.deployments.get(second.deploymentId)).deployment;
    expect([before.revision, after.revision]).toEqual([1, 2]);
    expect(before).toMatchObject({ status: 'INACTIVE', latest: false });
    expect(after).toMatchObject({ status: 'ACTIVE', latest: true });
    expect(after.createdAt).toBeGreaterThan(before.createdAt);
    expect((await cloud.app.jobs.describe(before.jobId)).job.status).toBe('CANCELED');
    const list = async (history: 'ALL' | 'LATEST_ONLY') =>
      (await cloud.app.deployments.list({ limit: 10 }, { targetArn, history })).items.map(({ revision }) => revision);
    expect(await list('LATEST_ONLY')).toEqual([2]);
    expect(await list('ALL')).toEqual([2, 1]);
  });

  test('queued executions are cancelled; a device that is mid-way finishes and then gets the new one', async () => {
    const first = await jobOf((await create()).deploymentId);
    await cloud.rollout();
    await report(device('B'), first, 'IN_PROGRESS');
    const second = await jobOf((await create()).deploymentId);
    await cloud.rollout();
    expect(await pendingOf(device('A'))).toEqual([`${second} QUEUED`]);
    expect(await pendingOf(device('B'))).toEqual([`${first} IN_PROGRESS`, `${second} QUEUED`]);
    expect(await report(device('B'), first, 'SUCCEEDED')).toMatchObject({ ok: true });
    expect((await cloud.app.jobs.describe(first)).counts).toMatchObject({ SUCCEEDED: 1, CANCELED: 1 });
    expect(await report(device('A'), first, 'SUCCEEDED')).toMatchObject({ ok: false, code: 'TerminalStateReached' });
  });

  test('an offline device gets only the latest of several', async () => {
    await create();
    await cloud.rollout();
    await create();
    await cloud.rollout();
    const last = await jobOf((await create()).deploymentId);
    await cloud.rollout();
    expect(await pendingOf(device('A'))).toEqual([`${last} QUEUED`]);
  });
});

describe('the life of a group deployment', () => {
  test('stays ACTIVE when all its devices have failed', async () => {
    const { deploymentId } = await create();
    await cloud.rollout();
    const jobId = await jobOf(deploymentId);
    await report(device('A'), jobId, 'FAILED');
    await report(device('B'), jobId, 'FAILED');
    await cloud.rollout();
    expect(await statusOf(deploymentId)).toBe('ACTIVE');
    expect(await cloud.app.deployments.progress(deploymentId)).toMatchObject({ settled: true, counts: { FAILED: 2 } });
  });

  test('a device added to the group receives it; one that leaves before it began loses it, and gets it anew on return', async () => {
    const { deploymentId } = await create();
    const jobId = await jobOf(deploymentId);
    await cloud.rollout();
    await cloud.addThings(group, device('C'));
    await cloud.rollout();
    expect(await pendingOf(device('C'))).toEqual([`${jobId} QUEUED`]);
    await cloud.app.groups.removeThing(group, device('C'));
    expect(await pendingOf(device('C'))).toEqual([]);
    expect((await cloud.app.jobs.execution(jobId, device('C'))).execution.status).toBe('REMOVED');
    await cloud.app.groups.addThing(group, device('C'));
    await cloud.rollout();
    expect((await cloud.app.jobs.execution(jobId, device('C'))).execution).toMatchObject({
      status: 'QUEUED',
      number: 2,
    });
  });

  test('a device whose deployment runs when it leaves the group may finish it', async () => {
    const jobId = await jobOf((await create()).deploymentId);
    await cloud.rollout();
    await report(device('A'), jobId, 'IN_PROGRESS');
    await cloud.app.groups.removeThing(group, device('A'));
    expect(await report(device('A'), jobId, 'SUCCEEDED')).toMatchObject({ ok: true });
  });

  test('a thing that is deleted ends as REMOVED and the rollout ends', async () => {
    const { deploymentId } = await create();
    const jobId = await jobOf(deploymentId);
    await cloud.rollout();
    await report(device('B'), jobId, 'IN_PROGRESS');
    await cloud.app.things.delete(device('B'));
    await report(device('A'), jobId, 'SUCCEEDED');
    expect(await cloud.app.deployments.progress(deploymentId)).toMatchObject({
      settled: true,
      counts: { REMOVED: 1, SUCCEEDED: 1 },
    });
  });

  test('cancel: queued devices never get it, a running one goes on, added devices do not get it', async () => {
    const { deploymentId } = await create();
    const jobId = await jobOf(deploymentId);
    await cloud.rollout();
    await report(device('B'), jobId, 'IN_PROGRESS');
    expect(await cloud.app.deployments.cancel(deploymentId)).toMatchObject({ status: 'CANCELED' });
    await cloud.addThings(group, device('C'));
    await cloud.rollout();
    expect(await pendingOf(device('A'))).toEqual([]);
    expect(await pendingOf(device('B'))).toEqual([`${jobId} IN_PROGRESS`]);
    expect(await pendingOf(device('C'))).toEqual([]);
    await expect(cloud.app.deployments.cancel(deploymentId)).rejects.toMatchObject({ code: 'ValidationException' });
  });

  test('a superseded revision cannot be canceled', async () => {
    const first = await create();
    await create();
    await expect(cloud.app.deployments.cancel(first.deploymentId)).rejects.toMatchObject({
      code: 'ValidationException',
    });
  });

  test('an ACTIVE deployment is not deleted; a canceled one is, with its job; then it is not found', async () => {
    const { deploymentId } = await create();
    const jobId = await jobOf(deploymentId);
    await expect(cloud.app.deployments.delete(deploymentId)).rejects.toMatchObject({ code: 'ValidationException' });
    await cloud.app.deployments.cancel(deploymentId);
    await cloud.app.deployments.delete(deploymentId);
    await expect(cloud.app.jobs.describe(jobId)).rejects.toMatchObject({ code: 'ResourceNotFoundException' });
    await expect(cloud.app.deployments.delete(deploymentId)).rejects.toMatchObject({
      code: 'ResourceNotFoundException',
      context: { resourceType: 'deployment' },
    });
  });

  test('after the latest revision is deleted the one before is the latest, and the next number is new', async () => {
    await create();
    const second = await create();
    await cloud.app.deployments.cancel(second.deploymentId);
    await cloud.app.deployments.delete(second.deploymentId);
    const { items } = await cloud.app.deployments.list({ limit: 10 }, { targetArn, history: 'LATEST_ONLY' });
    expect(items).toMatchObject([{ revision: 1, latest: true, status: 'INACTIVE' }]);
    const third = await create();
    expect((await cloud.app.deployments.get(third.deploymentId)).deployment.revision).toBe(3);
  });

  test('CancelJob on its job cancels the deployment', async () => {
    const { deploymentId } = await create();
    await cloud.rollout();
    const jobId = await jobOf(deploymentId);
    await cloud.app.jobs.cancel(jobId, { force: false, reasonCode: 'STOP' });
    expect(await statusOf(deploymentId)).toBe('CANCELED');
    await expect(cloud.app.jobs.cancel(jobId, { force: false })).rejects.toMatchObject({
      code: 'InvalidRequestException',
    });
  });

  test('CancelJob with force ends what runs, and later reports are refused', async () => {
    const jobId = await jobOf((await create()).deploymentId);
    await cloud.rollout();
    await report(device('A'), jobId, 'IN_PROGRESS');
    await cloud.app.jobs.cancel(jobId, { force: true });
    expect((await cloud.app.jobs.execution(jobId, device('A'))).execution).toMatchObject({
      status: 'CANCELED',
      forceCanceled: true,
    });
    expect(await report(device('A'), jobId, 'SUCCEEDED')).toMatchObject({ ok: false, code: 'TerminalStateReached' });
  });

  test('deleting the target group leaves the deployment readable and removes what is queued', async () => {
    const { deploymentId } = await create();
    await cloud.rollout();
    await cloud.app.groups.delete(group);
    expect(await statusOf(deploymentId)).toBe('ACTIVE');
    expect(await pendingOf(device('A'))).toEqual([]);
  });
});

describe('a thing deployment', () => {
  const shadow = (thing: string, action: 'get' | 'update', payload: object = {}) =>
    cloud.app.shadows.handle([
      { thing, name: DEPLOYMENT_SHADOW, action, payload: Buffer.from(JSON.stringify(payload)) },
    ]);
  const reported = (thing: string, revision: number, status: string, statusDetails: object = {}) =>
    shadow(thing, 'update', {
      state: {
        reported: {
          fleetConfigurationArnForStatus: cloud.arns.configuration('thing', thing, revision),
          status,
          statusDetails,
        },
      },
      version: 4711,
    });
  const createFor = (thing: string) => create({ targetArn: cloud.arns.thing(thing) });

  test('is told by the deployment shadow with both members, and has no IoT job', async () => {
    const created = await createFor(device('A'));
    expect(Object.keys(created)).toEqual(['deploymentId']);
    const [message] = cloud.events.flatMap((event) => (event.kind === 'shadow-changed' ? event.messages : []));
    expect(message?.topic).toBe(`$aws/things/${device('A')}/shadow/name/${DEPLOYMENT_SHADOW}/update/accepted`);
    const { state } = JSON.parse(message?.payload ?? '');
    expect(state.desired.desiredStatus).toBe('SUCCEEDED');
    expect(JSON.parse(state.desired.fleetConfig).deploymentId).toBe(created.deploymentId);
    expect(await pendingOf(device('A'))).toEqual([]);
  });

  test('the success that the device reports, with whatever version, completes it', async () => {
    const { deploymentId } = await createFor(device('A'));
    await cloud.app.devices.ingestFleetStatus([{ thing: device('A'), payload: fleetStatus(device('A'), 0) }]);
    await reported(device('A'), 1, 'IN_PROGRESS');
    const effective = async () => (await cloud.app.deployments.effective(device('A'), { limit: 10 })).items;
    expect(await effective()).toMatchObject([{ status: 'IN_PROGRESS' }]);
    await reported(device('A'), 1, 'SUCCEEDED', { detailedStatus: 'SUCCESSFUL' });
    expect(await statusOf(deploymentId)).toBe('COMPLETED');
    expect(await effective()).toMatchObject([{ status: 'COMPLETED', errorStack: [] }]);
    await expect(cloud.app.deployments.cancel(deploymentId)).rejects.toMatchObject({ code: 'ValidationException' });
  });

  test('a failure that the device reports fails it, with the reason and the errors', async () => {
    const { deploymentId } = await createFor(device('A'));
    await cloud.app.devices.ingestFleetStatus([{ thing: device('A'), payload: fleetStatus(device('A'), 0) }]);
    await reported(device('A'), 1, 'FAILED', {
      detailedStatus: 'FAILED_ROLLBACK_COMPLETE',
      failureCause: 'broken',
      errorStack: ['DEPLOYMENT_FAILURE', 'COMPONENT_BROKEN'],
      errorTypes: ['USER_COMPONENT_ERROR'],
    });
    expect(await statusOf(deploymentId)).toBe('FAILED');
    expect((await cloud.app.deployments.effective(device('A'), { limit: 10 })).items).toMatchObject([
      {
        status: 'FAILED',
        reason: 'broken',
        errorStack: ['DEPLOYMENT_FAILURE', 'COMPONENT_BROKEN'],
        errorTypes: ['USER_COMPONENT_ERROR'],
      },
    ]);
  });

  test('a report about an older revision, another thing or nothing known changes nothing', async () => {
    const first = await createFor(device('A'));
    const second = await createFor(device('A'));
    await reported(device('A'), 1, 'SUCCEEDED');
    await reported(device('A'), 7, 'SUCCEEDED');
    await shadow(device('A'), 'update', {
      state: { reported: { fleetConfigurationArnForStatus: 'x', status: 'SUCCEEDED' } },
    });
    expect(await statusOf(first.deploymentId)).toBe('INACTIVE');
    expect(await statusOf(second.deploymentId)).toBe('ACTIVE');
  });

  test('a report about a revision ends the one before it that the device had begun, so that its rollout is settled', async () => {
    const first = await createFor(device('A'));
    await reported(device('A'), 1, 'IN_PROGRESS');
    const second = await createFor(device('A'));
    const progress = (id: string) => cloud.app.deployments.progress(id);
    expect(await progress(first.deploymentId)).toMatchObject({ settled: false, counts: { IN_PROGRESS: 1 } });
    await reported(device('A'), 2, 'IN_PROGRESS');
    expect(await progress(first.deploymentId)).toMatchObject({
      deployment: { status: 'INACTIVE' },
      settled: true,
      counts: { IN_PROGRESS: 0, CANCELED: 1 },
    });
    await reported(device('A'), 1, 'SUCCEEDED');
    await reported(device('A'), 2, 'SUCCEEDED');
    expect(await progress(first.deploymentId)).toMatchObject({ counts: { CANCELED: 1 } });
    expect(await statusOf(second.deploymentId)).toBe('COMPLETED');
  });

  test('cancel sends the same document with CANCELED', async () => {
    const { deploymentId } = await createFor(device('A'));
    cloud.events.length = 0;
    await cloud.app.deployments.cancel(deploymentId);
    const [message] = cloud.events.flatMap((event) => (event.kind === 'shadow-changed' ? event.messages : []));
    const { state } = JSON.parse(message?.payload ?? '');
    expect(state.desired.desiredStatus).toBe('CANCELED');
    expect(JSON.parse(state.desired.fleetConfig).deploymentId).toBe(deploymentId);
  });
});

describe('subdeployments', () => {
  test('run on behalf of the parent; a new parent revision takes their place; their parent is fixed', async () => {
    const parent = `plant-${groups}`;
    await cloud.app.groups.create({ name: parent });
    const parentTargetArn = cloud.arns.group(parent);
    const { deploymentId } = await create({ parentTargetArn });
    const { document } = (await cloud.app.deployments.get(deploymentId)).deployment;
    expect(JSON.parse(document)).toMatchObject({
      onBehalfOf: parentTargetArn,
      requiredCapabilities: ['SUB_DEPLOYMENTS'],
    });
    await create({ targetArn: parentTargetArn });
    const { items } = await cloud.app.deployments.list({ limit: 10 }, { parentTargetArn, history: 'ALL' });
    expect(items).toMatchObject([{ id: deploymentId, status: 'INACTIVE', latest: false }]);
    const other = create({ parentTargetArn: cloud.arns.group(`line-${groups - 1}`) });
    await expect(other).rejects.toMatchObject({ code: 'ConflictException' });
    await expect(create({ targetArn: cloud.arns.thing(device('A')), parentTargetArn })).rejects.toMatchObject({
      code: 'ValidationException',
    });
  });
});

describe('subdeployments and time', () => {
  const documentOf = async (id: string) => JSON.parse((await cloud.app.deployments.get(id)).deployment.document);
  async function parentGroup(): Promise<string> {
    await cloud.app.groups.create({ name: `plant-${groups}` });
    return cloud.arns.group(`plant-${groups}`);
  }

  test('one is newer than its parent, and the next of the parent newer than it, even when the clock is set back', async () => {
    const parentTargetArn = await parentGroup();
    const times: number[] = [];
    const made = async (rest: object) => {
      times.push((await documentOf((await create(rest)).deploymentId)).creationTimestamp);
      cloud.clock.advance(-60_000);
    };
    await made({ targetArn: parentTargetArn });
    await made({ parentTargetArn });
    await made({ targetArn: parentTargetArn });
    cloud.clock.advance(180_000);
    // Devices keep all three under the parent, and refuse what is older than the last.
    expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
  });

  test('a new revision of the root takes the place of one whose own parent was canceled', async () => {
    const root = await parentGroup();
    await create({ targetArn: root });
    const middle = await create({ parentTargetArn: root });
    await cloud.app.groups.create({ name: `cell-${groups}` });
    const leaf = await create({ targetArn: cloud.arns.group(`cell-${groups}`), parentTargetArn: targetArn });
    await cloud.app.deployments.cancel(middle.deploymentId);
    await create({ targetArn: root });
    expect(await statusOf(leaf.deploymentId)).toBe('INACTIVE');
    expect(await statusOf(middle.deploymentId)).toBe('CANCELED');
  });

  test('a group that is its own again keeps its deployment, and those below it, when its former parent gets a new one', async () => {
    const parentTargetArn = await parentGroup();
    await create({ parentTargetArn });
    const own = await create();
    await cloud.app.groups.create({ name: `cell-${groups}` });
    const below = await create({ targetArn: cloud.arns.group(`cell-${groups}`), parentTargetArn: targetArn });
    await create({ targetArn: parentTargetArn });
    expect(await statusOf(own.deploymentId)).toBe('ACTIVE');
    expect(await statusOf(below.deploymentId)).toBe('ACTIVE');
    expect(await documentOf(below.deploymentId)).toMatchObject({ onBehalfOf: targetArn });
  });
});

describe('what a device is given', () => {
  test('comes in the order in which it was made, also when it was queued in one moment', async () => {
    await cloud.app.groups.create({ name: `other-${groups}` });
    await cloud.app.groups.addThing(`other-${groups}`, device('A'));
    const first = await jobOf((await create()).deploymentId);
    const second = await jobOf((await create({ targetArn: cloud.arns.group(`other-${groups}`) })).deploymentId);
    await cloud.rollout();
    const queuedAt = async (jobId: string) => (await cloud.app.jobs.execution(jobId, device('A'))).execution.queuedAt;
    expect(await queuedAt(first)).toBeLessThan(await queuedAt(second));
  });

  test('is queued in a later second when it is the same again: the device would take it for a repeat', async () => {
    const jobId = await jobOf((await create()).deploymentId);
    await cloud.rollout();
    const seconds = async () =>
      Math.floor((await cloud.app.jobs.execution(jobId, device('A'))).execution.queuedAt / 1000);
    const before = await seconds();
    await cloud.app.groups.removeThing(group, device('A'));
    await cloud.app.groups.addThing(group, device('A'));
    await cloud.rollout();
    expect(await seconds()).toBeGreaterThan(before);
  });

  test('stays when it leaves one group and is in the target by another', async () => {
    const parent = `plant-${groups}`;
    await cloud.app.groups.create({ name: parent });
    for (const name of ['left', 'right']) await cloud.app.groups.create({ name: `${name}-${groups}`, parent });
    await cloud.app.groups.addThing(`left-${groups}`, device('A'));
    // IoT refuses two groups of one hierarchy; what was stored before that rule, or past it, must not lose its job.
    await cloud.storage.write((tx) => tx.groups.add(`right-${groups}`, device('A'), 1));
    const jobId = await jobOf((await create({ targetArn: cloud.arns.group(parent) })).deploymentId);
    await cloud.rollout();
    await cloud.app.groups.removeThing(`left-${groups}`, device('A'));
    expect(await pendingOf(device('A'))).toEqual([`${jobId} QUEUED`]);
  });
});

describe('why a deployment failed', () => {
  const cause = `it broke: ${'x'.repeat(2000)}`;
  const errorStack = [
    'DEPLOYMENT_FAILURE',
    ...Array.from({ length: 60 }, (_, index) => `SOME_LONG_ERROR_CODE_${index}`),
  ];
  const errorTypes = ['USER_COMPONENT_ERROR', 'DEVICE_ERROR'];
  const outcome = { detailedStatus: 'FAILED_ROLLBACK_COMPLETE', failureCause: cause, errorStack, errorTypes };
  const effective = async () => (await cloud.app.deployments.effective(device('A'), { limit: 10 })).items;
  const ingest = (sequence: number, deploymentInformation: object = {}) =>
    cloud.app.devices.ingestFleetStatus([
      { thing: device('A'), payload: fleetStatus(device('A'), sequence, deploymentInformation) },
    ]);
  const cutDetails = {
    'detailed-deployment-status': 'FAILED_ROLLBACK_COMPLETE',
    'deployment-failure-cause': cause.slice(0, 1024),
    'deployment-error-stack': JSON.stringify(errorStack).slice(0, 1024),
    'deployment-error-types': JSON.stringify(errorTypes),
  };

  test.each(['before', 'after'])('is told in full when fleet status says it %s the job update', async (when) => {
    const { deploymentId } = await create();
    const jobId = await jobOf(deploymentId);
    await cloud.rollout();
    await ingest(5);
    await report(device('A'), jobId, 'IN_PROGRESS');
    const information = { status: 'FAILED', deploymentId, statusDetails: outcome };
    if (when === 'before') await ingest(6, information);
    await report(device('A'), jobId, 'FAILED', cutDetails);
    // It also counts when the message is late and its components are old.
    if (when === 'after') await ingest(4, information);
    expect(await effective()).toMatchObject([{ status: 'FAILED', reason: cause, errorStack, errorTypes }]);
    expect((await cloud.app.jobs.execution(jobId, device('A'))).execution.version).toBe(3);
  });

  test('is what the job update says when fleet status says nothing', async () => {
    const jobId = await jobOf((await create()).deploymentId);
    await cloud.rollout();
    await ingest(0);
    await report(device('A'), jobId, 'FAILED', cutDetails);
    const [only] = await effective();
    expect(only).toMatchObject({ reason: cause.slice(0, 1024), errorTypes });
    expect(errorStack).toEqual(expect.arrayContaining([...(only?.errorStack ?? [])]));
  });

  test('is told in full by the deployment shadow too', async () => {
    await create({ targetArn: cloud.arns.thing(device('A')) });
    await ingest(0);
    const reported = {
      fleetConfigurationArnForStatus: cloud.arns.configuration('thing', device('A'), 1),
      status: 'FAILED',
      statusDetails: outcome,
    };
    const payload = Buffer.from(JSON.stringify({ state: { reported } }));
    await cloud.app.shadows.handle([{ thing: device('A'), name: DEPLOYMENT_SHADOW, action: 'update', payload }]);
    expect(await effective()).toMatchObject([{ status: 'FAILED', reason: cause, errorStack, errorTypes }]);
  });

  test('is of no other thing, and of no deployment that is not known', async () => {
    const { deploymentId } = await create();
    await cloud.rollout();
    const other = { status: 'FAILED', deploymentId, statusDetails: outcome };
    await cloud.app.devices.ingestFleetStatus([
      { thing: 'somebody', payload: fleetStatus('somebody', 0, other) },
      { thing: device('A'), payload: fleetStatus(device('A'), 0, { ...other, deploymentId: 'unknown' }) },
    ]);
    await report(device('A'), await jobOf(deploymentId), 'FAILED');
    expect(await effective()).toMatchObject([{ status: 'FAILED', errorStack: [], errorTypes: [] }]);
  });
});

describe('reading', () => {
  test('a target without deployments has an empty list; an unknown deployment is not found', async () => {
    const nobody = { targetArn: cloud.arns.group('nobody'), history: 'ALL' as const };
    expect(await cloud.app.deployments.list({ limit: 10 }, nobody)).toEqual({ items: [] });
    await expect(cloud.app.deployments.get('x')).rejects.toMatchObject({ code: 'ResourceNotFoundException' });
  });

  test('effective deployments are the newest of each target, in pages', async () => {
    await cloud.app.devices.ingestFleetStatus([{ thing: device('A'), payload: fleetStatus(device('A'), 0) }]);
    await create();
    await cloud.rollout();
    const newest = await create();
    await cloud.rollout();
    const own = await create({ targetArn: cloud.arns.thing(device('A')) });
    const first = await cloud.app.deployments.effective(device('A'), { limit: 1 });
    const second = await cloud.app.deployments.effective(device('A'), { limit: 1, after: first.next ?? '' });
    expect([...first.items, ...second.items].map(({ deployment }) => deployment.id).sort()).toEqual(
      [newest.deploymentId, own.deploymentId].sort(),
    );
    expect(second.next).toBeUndefined();
    await expect(cloud.app.deployments.effective(device('B'), { limit: 1 })).rejects.toMatchObject({
      code: 'ResourceNotFoundException',
    });
  });
});

function fleetStatus(thing: string, sequenceNumber: number, deploymentInformation?: object): Uint8Array {
  return Buffer.from(
    JSON.stringify({
      ggcVersion: '2.0.0',
      platform: 'linux',
      architecture: 'amd64',
      thing,
      sequenceNumber,
      timestamp: cloud.clock.now(),
      messageType: 'COMPLETE',
      trigger: 'NUCLEUS_LAUNCH',
      overallDeviceStatus: 'HEALTHY',
      components: [],
      deploymentInformation,
    }),
  );
}
