import { createHash } from 'node:crypto';
import { silentLog } from '@greensward/kit';
import { systemIds, systemTimers } from '@greensward/kit/node';
import { until } from '@greensward/testkit/until';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTestCloud, type TestCloud } from '../app/testing/test-cloud.ts';
import { type DeviceBroker, openDeviceBroker } from './device-broker.ts';
import { connectTestClient, type TestClient } from './testing/test-client.ts';

// The certificate only has to be some bytes that the client holds: the TLS listener proves that, and is tested elsewhere.
const der = (thing: string) => Buffer.from(`certificate of ${thing}`);
const certificateId = (thing: string) => createHash('sha256').update(der(thing)).digest('hex');
const namespace = 'namespace-aws-gg-deployment';

let cloud: TestCloud;
let broker: DeviceBroker;
let clients: TestClient[];
const warnings: { message: string; fields: unknown }[] = [];

beforeEach(async () => {
  cloud = await openTestCloud();
  warnings.length = 0;
  const log = { ...silentLog, warn: (message: string, fields: unknown) => void warnings.push({ message, fields }) };
  broker = await openDeviceBroker({ ...cloud, timers: systemTimers, ids: systemIds, log });
  clients = [];
  await cloud.app.groups.create({ name: 'line' });
  await cloud.app.policies.create('all', policyOf(allow('iot:*', '*')));
  await register('core', 'line');
});
afterEach(async () => {
  await broker.close();
  await cloud.close();
});

async function register(thing: string, group?: string) {
  await cloud.addThings(group, thing);
  const now = cloud.clock.now();
  const certificate = {
    id: certificateId(thing),
    pem: 'pem',
    status: 'ACTIVE',
    createdAt: now,
    updatedAt: now,
  } as const;
  await cloud.storage.write((tx) => tx.certificates.insert(certificate));
  await cloud.app.things.attachPrincipal(thing, cloud.arns.certificate(certificate.id));
  await cloud.app.policies.attach('all', cloud.arns.certificate(certificate.id));
}
const allow = (Action: unknown, Resource: unknown) => ({ Effect: 'Allow', Action, Resource });
function policyOf(...Statement: readonly object[]) {
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

function connect(clientId: string, thing = 'core', options: { clean?: boolean } = {}) {
  const client = connectTestClient(broker.server, clientId, der(thing), options);
  clients.push(client);
  return client;
}
/** A client whose session outlives its connection. */
async function resumable(present: boolean) {
  const client = connect('core', 'core', { clean: false });
  expect(await client.connack).toBe(0);
  expect(await client.sessionPresent).toBe(present);
  return client;
}
/** Starts the broker anew, over an app whose jobs a test can spoil. */
async function restartWith(jobs: Partial<TestCloud['app']['jobs']>) {
  await broker.close();
  const app = { ...cloud.app, jobs: { ...cloud.app.jobs, ...jobs } };
  broker = await openDeviceBroker({ ...cloud, app, timers: systemTimers, ids: systemIds, log: silentLog });
}
async function connected(clientId = 'core', thing = 'core') {
  const client = connect(clientId, thing);
  expect(await client.connack).toBe(0);
  return client;
}
const jobs = (thing: string, rest: string) => `$aws/things/${thing}/jobs/${rest}`;
async function deploy() {
  const { deploymentId } = await cloud.app.deployments.create({
    targetArn: cloud.arns.group('line'),
    components: { A: { componentVersion: '1.0.0' } },
  });
  await cloud.rollout();
  return (await cloud.app.deployments.get(deploymentId)).deployment;
}
async function request(
  client: TestClient,
  topic: string,
  payload: object | string,
  answer: 'accepted' | 'rejected' = 'accepted',
) {
  const next = client.next(`${topic}/${answer}`);
  client.publish(topic, payload);
  return JSON.parse((await next).payload);
}

describe('connecting', () => {
  test.each(['core', 'core#2'])('as %s with the certificate of core is allowed', async (clientId) => {
    expect(await connect(clientId).connack).toBe(0);
  });

  test('as another thing, without a certificate or with one that is not registered is refused and logged', async () => {
    await register('other');
    expect(await connect('other').connack).toBe(5);
    // The name of another thing may begin with that of this one: its connection must not be taken over.
    await cloud.addThings(undefined, 'core-2');
    expect(await connect('core-2').connack).toBe(5);
    expect(await connect('core-2#1').connack).toBe(5);
    expect(await connectTestClient(broker.server, 'core', undefined).connack).toBe(5);
    expect(await connectTestClient(broker.server, 'core', Buffer.from('forged')).connack).toBe(5);
    expect(warnings.map(({ fields }) => fields)).toContainEqual(expect.objectContaining({ clientId: 'other' }));
  });

  test('ends when the certificate is deactivated, and is refused from then on', async () => {
    const client = await connected();
    await cloud.app.certificates.setStatus(certificateId('core'), 'INACTIVE');
    await client.closed;
    expect(await connect('core').connack).toBe(5);
  });
});

describe('the fleet index', () => {
  const connection = async (thing = 'core') =>
    (await cloud.storage.read((tx) => tx.fleetIndex.connections([thing]))).get(thing);

  test('knows who is connected, by any of its connections, and why it is not', async () => {
    const first = await connected();
    const second = await connected('core#2');
    await until('core is connected', async () => (await connection())?.connected);
    cloud.clock.advance(1000);
    first.end();
    await first.closed;
    second.end();
    await second.closed;
    await until('core is disconnected', async () => (await connection())?.connected === false);
    expect(await connection()).toMatchObject({
      changedAt: cloud.clock.now(),
      disconnectReason: 'CLIENT_INITIATED_DISCONNECT',
    });
  });

  test('knows of a thing that is attached to a certificate in use, and that nobody is connected when the broker ends', async () => {
    const client = await connected();
    await cloud.addThings(undefined, 'added');
    await cloud.app.things.attachPrincipal('added', cloud.arns.certificate(certificateId('core')));
    expect(await client.subscribe(jobs('added', 'notify'))).toBe(0);
    await until('added is connected', async () => (await connection('added'))?.connected);
    await broker.close();
    for (const thing of ['core', 'added']) {
      expect(await connection(thing), thing).toMatchObject({
        connected: false,
        disconnectReason: 'SERVER_INITIATED_DISCONNECT',
      });
    }
  });
});

describe('topics of another device', () => {
  test('cannot be subscribed to, nor published to; each is logged once, with client and topic', async () => {
    await register('other');
    const client = await connected();
    expect(await client.subscribe('$aws/things/other/#')).toBe(0x80);
    expect(await client.subscribe('$aws/things/+/jobs/#')).toBe(0x80);
    client.publish('$aws/things/other/shadow/update', { state: { reported: { a: 1 } } });
    // A later request of the same client is answered after the refused one was dropped, or its connection has ended.
    await Promise.race([client.closed, request(client, '$aws/things/core/shadow/get', '', 'rejected')]);
    const [answer] = await cloud.app.shadows.handle([
      { thing: 'other', name: '', action: 'get', payload: Buffer.from('') },
    ]);
    expect(answer?.ok).toBe(false);
    const topics = warnings.map(({ fields }) => fields);
    expect(topics).toContainEqual(expect.objectContaining({ clientId: 'core', filter: '$aws/things/other/#' }));
    expect(topics).toContainEqual(
      expect.objectContaining({ clientId: 'core', topic: '$aws/things/other/shadow/update' }),
    );
    expect(warnings).toHaveLength(3);
  });
});

describe('the policies of a connection', () => {
  const account = 'arn:aws:iot:us-east-1:000000000000:';
  const own = (kind: string) => [`${account}${kind}/$aws/things/core/*`, `${account}${kind}/open/*`];
  const everything = [
    allow('iot:Connect', '*'),
    allow(['iot:Publish', 'iot:Receive'], own('topic')),
    allow('iot:Subscribe', own('topicfilter')),
  ];
  const setPolicy = (...statements: readonly object[]) =>
    cloud.app.policies.createVersion('all', policyOf(...statements), true);

  test('say what may be published; the next message after a change is decided anew', async () => {
    await setPolicy(...everything);
    const [client, reader] = [await connected('core#1'), await connected('core#2')];
    expect(await reader.subscribe('open/a')).toBe(0);
    client.publish('open/a', 'one', 1);
    await reader.next('open/a');
    await setPolicy(allow('iot:Connect', '*'), allow(['iot:Subscribe', 'iot:Receive'], '*'));
    client.publish('open/a', 'two', 1);
    await client.closed;
    expect(reader.received).toHaveLength(1);
  });

  test('say what may be subscribed to', async () => {
    await setPolicy(...everything);
    const client = await connected();
    expect(await client.subscribe('open/+')).toBe(0);
    expect(await client.subscribe('#')).toBe(0x80);
    expect(await client.subscribe('closed')).toBe(0x80);
    expect(await client.subscribe('$aws/things/core/jobs/notify')).toBe(0);
  });

  test('say what is received, also of the answers to its own requests', async () => {
    await setPolicy(allow('*', '*'));
    const client = await connected();
    expect(await client.subscribe('#')).toBe(0);
    expect(await client.subscribe('$aws/things/core/#')).toBe(0);
    await setPolicy(allow(['iot:Connect', 'iot:Publish', 'iot:Subscribe'], '*'), allow('iot:Receive', own('topic')));
    client.publish('closed/a', 'no', 1);
    await request(client, '$aws/things/core/shadow/get', '', 'rejected');
    await setPolicy(
      ...everything.filter(({ Action }) => Action !== 'iot:Receive').slice(0, 1),
      allow('iot:Publish', '*'),
    );
    await client.deliver('$aws/things/core/shadow/get', '');
    await setPolicy(allow('*', '*'));
    await request(client, '$aws/things/core/shadow/get', '', 'rejected');
    expect(client.received.map(({ topic }) => topic)).toEqual([
      '$aws/things/core/shadow/get/rejected',
      '$aws/things/core/shadow/get/rejected',
    ]);
  });

  test('say whether a message is kept', async () => {
    await setPolicy(...everything);
    const keeping = await connected('core#1');
    keeping.publish('open/kept', 'no', 1, true);
    await keeping.closed;
    await setPolicy(...everything, allow('iot:RetainPublish', `${account}topic/open/kept`));
    const allowed = await connected('core#1');
    allowed.publish('open/kept', 'yes', 1, true);
    await request(allowed, '$aws/things/core/shadow/get', '', 'rejected');
    const reader = await connected('core#2');
    await reader.subscribe('open/kept');
    expect((await reader.next('open/kept')).payload).toBe('yes');
  });

  test('may say less than they do: nothing reserved of another thing is open to any policy', async () => {
    await register('other');
    await setPolicy(allow('*', '*'));
    const client = await connected();
    expect(await client.subscribe('$aws/things/other/#')).toBe(0x80);
  });
});

describe('a connection whose certificate', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['is deactivated', () => cloud.app.certificates.setStatus(certificateId('core'), 'INACTIVE')],
    ['is revoked', () => cloud.app.certificates.setStatus(certificateId('core'), 'REVOKED')],
    ['is detached', () => cloud.app.things.detachPrincipal('core', cloud.arns.certificate(certificateId('core')))],
  ])('%s ends at once, and is refused from then on', async (_how, change) => {
    const [one, two] = [await connected('core'), await connected('core#2')];
    await change();
    await Promise.all([one.closed, two.closed]);
    expect(await connect('core').connack).toBe(5);
  });

  test('gets one more thing serves that too', async () => {
    const client = await connected();
    await cloud.addThings('line', 'second');
    expect(await client.subscribe(jobs('second', '#'))).toBe(0x80);
    await cloud.app.things.attachPrincipal('second', cloud.arns.certificate(certificateId('core')));
    expect(await client.subscribe(jobs('second', '#'))).toBe(0);
    await deploy();
    await client.next(jobs('second', `notify-${namespace}`));
  });
});

describe('jobs', () => {
  test('nothing pending is an answer without execution, with the token echoed and whole seconds', async () => {
    const client = await connected();
    const answer = await request(client, jobs('core', `$next/${namespace}/get`), { clientToken: 'jobs-nucleus-lite' });
    expect(answer).toEqual({ clientToken: 'jobs-nucleus-lite', timestamp: expect.any(Number) });
    expect(Number.isInteger(answer.timestamp)).toBe(true);
  });

  test('a deployment is announced in both forms after its commit, fetched, begun and reported; then none is pending', async () => {
    const client = await connected();
    await client.subscribe(jobs('core', `notify-${namespace}`));
    await client.subscribe(jobs('core', `notify-next-${namespace}`));
    const { jobId, id } = await deploy();
    const list = JSON.parse((await client.next(jobs('core', `notify-${namespace}`))).payload);
    expect(list.jobs).toMatchObject({ QUEUED: [{ jobId, versionNumber: 1, executionNumber: 1 }] });
    expect(list.jobs).not.toHaveProperty('IN_PROGRESS');
    const next = JSON.parse((await client.next(jobs('core', `notify-next-${namespace}`))).payload);
    expect(next.execution).toMatchObject({ jobId, status: 'QUEUED', jobDocument: { deploymentId: id } });

    const described = await request(client, jobs('core', `$next/${namespace}/get`), {
      thingName: 'core',
      jobId: '$next',
    });
    expect(described.execution).toMatchObject({
      jobId,
      thingName: 'core',
      status: 'QUEUED',
      jobDocument: { deploymentId: id },
    });
    const update = jobs('core', `${jobId}/${namespace}/update`);
    await request(client, update, { status: 'IN_PROGRESS', statusDetails: {} });
    const running = await request(client, jobs('core', `$next/${namespace}/get`), {});
    expect(running.execution).toMatchObject({ jobId, status: 'IN_PROGRESS', versionNumber: 2 });
    const done = await request(client, update, { status: 'SUCCEEDED', includeJobExecutionState: true });
    expect(done.executionState).toMatchObject({ status: 'SUCCEEDED', versionNumber: 3 });
    // What subscribing tells may have been looked up after the deployment: then that was told twice.
    const told = async () => JSON.parse((await client.next(jobs('core', `notify-${namespace}`))).payload).jobs;
    let last = await told();
    while ('QUEUED' in last) last = await told();
    expect(last).toEqual({});

    await request(client, update, { status: 'SUCCEEDED' });
    const refused = await request(client, update, { status: 'FAILED', clientToken: 't' }, 'rejected');
    expect(refused).toMatchObject({
      code: 'TerminalStateReached',
      clientToken: 't',
      executionState: { status: 'SUCCEEDED' },
    });
  });

  test('a device that subscribes gets what is pending already', async () => {
    const { jobId } = await deploy();
    const client = await connected();
    await client.subscribe(jobs('core', '#'));
    expect(JSON.parse((await client.next(jobs('core', `notify-${namespace}`))).payload).jobs.QUEUED).toMatchObject([
      { jobId },
    ]);
  });

  test('a cancelled deployment is announced by an empty list', async () => {
    const { id } = await deploy();
    const client = await connected();
    await client.subscribe(jobs('core', `notify-${namespace}`));
    await client.next(jobs('core', `notify-${namespace}`));
    await cloud.app.deployments.cancel(id);
    await cloud.sweep();
    expect(JSON.parse((await client.next(jobs('core', `notify-${namespace}`))).payload).jobs).toEqual({});
  });

  test('requests that are wrong are rejected on their own topic, with the code of IoT Jobs', async () => {
    const { jobId } = await deploy();
    const client = await connected();
    const rejected = async (topic: string, payload: object | string) =>
      (await request(client, topic, payload, 'rejected')).code;
    expect(await rejected(jobs('core', `${jobId}/${namespace}/update`), '{')).toBe('InvalidJson');
    expect(await rejected(jobs('core', `${jobId}/${namespace}/update`), { status: 'FAILURE' })).toBe('InvalidRequest');
    expect(await rejected(jobs('core', `unknown/${namespace}/update`), { status: 'FAILED' })).toBe('ResourceNotFound');
    expect(await rejected(jobs('core', `${jobId}/namespace-other/get`), {})).toBe('ResourceNotFound');
    expect(await rejected(jobs('core', `${jobId}/nonsense/deep`), {})).toBe('InvalidTopic');
    const versioned = { status: 'IN_PROGRESS', expectedVersion: 9 };
    expect(await rejected(jobs('core', `${jobId}/${namespace}/update`), versioned)).toBe('VersionMismatch');
  });

  test('without a namespace there is no next job, but a job that is named is found', async () => {
    const { jobId } = await deploy();
    const client = await connected();
    expect(await request(client, jobs('core', '$next/get'), {})).not.toHaveProperty('execution');
    expect(await request(client, jobs('core', 'start-next'), {})).not.toHaveProperty('execution');
    expect(await request(client, jobs('core', 'get'), {})).toMatchObject({ inProgressJobs: [], queuedJobs: [] });
    expect(await request(client, jobs('core', `${jobId}/get`), {})).toMatchObject({ execution: { jobId } });
  });
});

describe('shadows', () => {
  test.each(['n'.repeat(65), 'with blanks', '\u{10ffff}', '..', 'a*b'])(
    'of the name %s, which the API would refuse, are rejected and not stored',
    async (name) => {
      const client = await connected();
      const topic = `$aws/things/core/shadow/name/${name}/update`;
      const update = { state: { reported: { a: 1 } }, clientToken: 't' };
      expect(await request(client, topic, update, 'rejected')).toMatchObject({ code: 400, clientToken: 't' });
      expect((await cloud.app.shadows.names('core', { limit: 10 })).items).toEqual([]);
    },
  );

  test.each(['n'.repeat(64), '$a:B_9-', '__proto__'])('of the name %s are stored', async (name) => {
    const client = await connected();
    await request(client, `$aws/things/core/shadow/name/${name}/update`, { state: { reported: { a: 1 } } });
    expect((await cloud.app.shadows.names('core', { limit: 10 })).items).toEqual([name]);
  });
});

describe('a device that was away', () => {
  const notify = jobs('core', `notify-${namespace}`);
  const notified = async (client: TestClient) => JSON.parse((await client.next(notify)).payload).jobs;

  test('and comes back to its session is told what is pending, without subscribing again', async () => {
    const before = await resumable(false);
    await before.subscribe(notify);
    before.end();
    await before.closed;
    const { jobId } = await deploy();
    const after = await resumable(true);
    expect(await notified(after)).toMatchObject({ QUEUED: [{ jobId }] });
  });

  test.each([
    { session: 'the same session', resumes: true },
    { session: 'a new session', resumes: false },
  ])('while what it had begun was canceled is told so: it may still be at it ($session)', async ({ resumes }) => {
    const { jobId } = await deploy();
    const before = await resumable(false);
    await before.subscribe(notify);
    await notified(before);
    await request(before, jobs('core', `${jobId}/${namespace}/update`), { status: 'IN_PROGRESS' });
    before.end();
    await before.closed;
    await cloud.app.jobs.cancel(jobId, { force: true });
    const after = resumes ? await resumable(true) : await connected();
    if (!resumes) await after.subscribe(notify);
    expect(await notified(after)).toEqual({});
  });

  test('is not told that nothing is pending when nothing was taken from it', async () => {
    const { jobId } = await deploy();
    await cloud.app.jobs.update([{ thing: 'core', jobId, status: 'SUCCEEDED' }]);
    const client = await connected();
    await client.subscribe(notify);
    await request(client, jobs('core', `$next/${namespace}/get`), {});
    expect(client.received.filter(({ topic }) => topic === notify)).toEqual([]);
  });

  test('while several thing deployments were made gets the last by asking, and not one after the other', async () => {
    const base = '$aws/things/core/shadow/name/AWSManagedGreengrassV2Deployment';
    const before = await resumable(false);
    await before.subscribe(`${base}/update/accepted`);
    before.end();
    await before.closed;
    for (let revision = 1; revision <= 3; revision++) {
      await cloud.app.deployments.create({ targetArn: cloud.arns.thing('core') });
    }
    const after = await resumable(true);
    const { state } = await request(after, `${base}/get`, {});
    expect(JSON.parse(state.desired.fleetConfig).configurationArn).toMatch(/:3$/);
    expect(after.received.filter(({ topic }) => topic === `${base}/update/accepted`)).toEqual([]);
  });
});

describe('when the database fails for a while', () => {
  const notify = jobs('core', `notify-${namespace}`);

  test('a notification is made again until it can be', async () => {
    let failures = 2;
    await restartWith({
      pendingMany: async (things) => {
        if (failures-- > 0) throw new Error('the disk is full');
        return cloud.app.jobs.pendingMany(things);
      },
    });
    const { jobId } = await deploy();
    const client = await connected();
    await client.subscribe(notify);
    expect(JSON.parse((await client.next(notify)).payload).jobs).toMatchObject({ QUEUED: [{ jobId }] });
  });

  test('a device that asked in vain what is next is told as soon as it can be', async () => {
    const { jobId } = await deploy();
    const client = await connected();
    await client.subscribe(notify);
    await client.next(notify);
    let failures = 1;
    await broker.close();
    await restartWith({
      pendingMany: async (things) => {
        if (failures-- > 0) throw new Error('the disk is full');
        return cloud.app.jobs.pendingMany(things);
      },
    });
    const again = await connected();
    const refused = await request(again, jobs('core', `$next/${namespace}/get`), { clientToken: 't' }, 'rejected');
    expect(refused).toMatchObject({ code: 'InternalError', clientToken: 't' });
    await again.subscribe(notify);
    expect(JSON.parse((await again.next(notify)).payload).jobs).toMatchObject({ QUEUED: [{ jobId }] });
  });

  test('an update is not refused, which would be the last word, but left unacknowledged, so that it is sent again', async () => {
    const { jobId } = await deploy();
    let failures = 1;
    await restartWith({
      update: async (updates) => {
        if (failures-- > 0) throw new Error('the disk is full');
        return cloud.app.jobs.update(updates);
      },
    });
    const topic = jobs('core', `${jobId}/${namespace}/update`);
    const client = await connected();
    client.publish(topic, { status: 'SUCCEEDED' }, 1);
    await client.closed; // MQTT 3.1.1 has no other way to say that a message was not taken.
    expect(client.received).toEqual([]);
    await request(await connected(), topic, { status: 'SUCCEEDED' });
    expect((await cloud.app.jobs.execution(jobId, 'core')).execution.status).toBe('SUCCEEDED');
  });
});

describe('order', () => {
  test('what was read later is never sent before what was read earlier', async () => {
    const gate = Promise.withResolvers<void>();
    let calls = 0;
    await restartWith({
      // The first look sees that nothing is pending, and takes its time.
      pendingMany: async (things) => {
        calls += 1;
        const slow = calls === 2;
        const seen = await cloud.app.jobs.pendingMany(things);
        if (slow) await gate.promise;
        return seen;
      },
    });
    const notify = jobs('core', `notify-${namespace}`);
    const first = await deploy();
    const client = await connected();
    await client.subscribe(notify);
    await client.next(notify);
    await cloud.app.deployments.cancel(first.id);
    await cloud.sweep();
    await expect.poll(() => calls).toBe(2);
    const second = await deploy();
    const answer = request(client, jobs('core', `$next/${namespace}/get`), {});
    // Long enough for an answer that would not wait its turn.
    await request(client, '$aws/things/core/shadow/get', '', 'rejected');
    gate.resolve();
    expect((await answer).execution).toMatchObject({ jobId: second.jobId });
    const topics = client.received.map(
      ({ topic, payload }) => `${topic.split('/').at(-1)} ${payload.includes(second.jobId)}`,
    );
    const empty = topics.indexOf(`notify-${namespace} false`, topics.indexOf(`notify-${namespace} false`) + 1);
    expect(empty).toBeGreaterThan(0);
    expect(topics.indexOf('accepted true')).toBeGreaterThan(empty);
  });
});

describe('shadows and status', () => {
  test('a thing deployment reaches the subscriber of update/accepted; its report completes it', async () => {
    const base = '$aws/things/core/shadow/name/AWSManagedGreengrassV2Deployment';
    const client = await connected();
    await client.subscribe(`${base}/update/accepted`);
    const { deploymentId } = await cloud.app.deployments.create({ targetArn: cloud.arns.thing('core') });
    const { state, version } = JSON.parse((await client.next(`${base}/update/accepted`)).payload);
    const { configurationArn } = JSON.parse(state.desired.fleetConfig);
    expect(version).toBe(1);
    const report = { fleetConfigurationArnForStatus: configurationArn, status: 'SUCCEEDED', ggcVersion: '2.18.0' };
    await request(client, `${base}/update`, { thingName: 'core', state: { reported: report }, version: 0 });
    expect((await cloud.app.deployments.get(deploymentId)).deployment.status).toBe('COMPLETED');
    expect(await request(client, `${base}/get`, {})).toMatchObject({ state: { reported: report }, version: 2 });
  });

  test('a shadow that does not exist is rejected with 404, and what follows an update is sent to subscribers once', async () => {
    const client = await connected();
    expect(await request(client, '$aws/things/core/shadow/get', '', 'rejected')).toMatchObject({ code: 404 });
    await client.subscribe('$aws/things/core/shadow/update/#');
    await request(client, '$aws/things/core/shadow/update', { state: { desired: { a: 1 } }, clientToken: 'c' });
    await client.next('$aws/things/core/shadow/update/delta');
    await client.next('$aws/things/core/shadow/update/documents');
    expect(client.received.filter(({ topic }) => topic.endsWith('/accepted'))).toHaveLength(1);
  });

  test('of telemetry the last message is kept, and what is none is dropped', async () => {
    const client = await connected();
    const message = (at: number) => ({
      Schema: '2022-06-30',
      ADP: [{ TS: at, NS: 'SystemMetrics', M: [{ N: 'CpuUsage', U: 'Percent', Sum: 15.45 }] }],
    });
    const topic = '$aws/things/core/greengrass/health/json';
    for (const payload of [message(1), message(2), '[]', 'no JSON']) client.publish(topic, payload);
    const kept = () =>
      cloud.app.telemetry.get('core').then(
        (found): unknown => JSON.parse(found.message),
        () => undefined,
      );
    await expect.poll(kept).toEqual(message(2));
  });

  test('what is published by another way reaches subscribers', async () => {
    const client = await connected();
    await client.subscribe('plant/+');
    const [payload, properties] = [Buffer.from('open'), {}];
    cloud.app.messages.publish({ topic: 'plant/valve', payload, qos: 0, retain: false, properties });
    expect((await client.next('plant/valve')).payload).toBe('open');
  });

  test('fleet status makes a core device', async () => {
    const client = await connected();
    const status = {
      ggcVersion: '2.18.0',
      platform: 'linux',
      architecture: 'amd64',
      thing: 'core',
      sequenceNumber: 0,
      timestamp: 1,
    };
    client.publish('$aws/things/core/greengrassv2/health/json', status);
    await expect
      .poll(() =>
        cloud.app.devices.get('core').then(
          ({ device }) => device.coreVersion,
          () => '',
        ),
      )
      .toBe('2.18.0');
  });
});
