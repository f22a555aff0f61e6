import { createHash } from 'node:crypto';
import { silentLog } from '@greensward/kit';
import { systemIds, systemTimers } from '@greensward/kit/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestCloud, type TestCloud } from '../app/testing/test-cloud.ts';
import { type DeviceBroker, openDeviceBroker } from './device-broker.ts';
import { connectTestClient } from './testing/test-client.ts';

// Everything that is reserved for the thing `core`, against everyone who is not it, under a policy that allows all there is.

let cloud: TestCloud;
let broker: DeviceBroker;
beforeAll(async () => {
  cloud = await openTestCloud();
  broker = await openDeviceBroker({ ...cloud, timers: systemTimers, ids: systemIds, log: silentLog });
  const Statement = { Effect: 'Allow', Action: '*', Resource: '*' };
  await cloud.app.policies.create('all', JSON.stringify({ Version: '2012-10-17', Statement }));
  await cloud.app.groups.create({ name: 'line' });
  for (const thing of ['core', 'other', 'core2']) {
    await cloud.addThings(thing === 'core' ? 'line' : undefined, thing);
    await register(thing, thing);
  }
  await register('nothing');
  await register('detached', 'core');
  await cloud.app.things.detachPrincipal('core', arn('detached'));
});
afterAll(async () => {
  await broker.close();
  await cloud.close();
});

const der = (name: string) => Buffer.from(`certificate of ${name}`);
const arn = (name: string) => cloud.arns.certificate(createHash('sha256').update(der(name)).digest('hex'));

async function register(name: string, thing?: string, status: 'ACTIVE' | 'INACTIVE' | 'REVOKED' = 'ACTIVE') {
  const id = createHash('sha256').update(der(name)).digest('hex');
  await cloud.storage.write((tx) => tx.certificates.insert({ id, pem: 'pem', status, createdAt: 1, updatedAt: 1 }));
  await cloud.app.policies.attach('all', arn(name));
  if (thing !== undefined) await cloud.app.things.attachPrincipal(thing, arn(name));
}
async function connected(clientId: string, certificate: string) {
  const client = connectTestClient(broker.server, clientId, der(certificate));
  expect(await client.connack).toBe(0);
  return client;
}

const namespace = 'namespace-aws-gg-deployment';
const requests = [
  ...['', `${namespace}/`].flatMap((ns) => [`jobs/job-1/${ns}get`, `jobs/$next/${ns}get`, `jobs/job-1/${ns}update`]),
  'jobs/get',
  'jobs/start-next',
  ...['shadow', 'shadow/name/AWSManagedGreengrassV2Deployment'].flatMap((shadow) =>
    ['get', 'update', 'delete'].map((action) => `${shadow}/${action}`),
  ),
  'greengrassv2/health/json',
  'greengrass/health/json',
];
const told = [
  ...requests
    .filter((topic) => !topic.includes('health'))
    .flatMap((topic) => [`${topic}/accepted`, `${topic}/rejected`]),
  ...['jobs/notify', 'jobs/notify-next'].flatMap((topic) => [topic, `${topic}-${namespace}`]),
  'shadow/update/delta',
  'shadow/update/documents',
  'shadow/name/x/update/delta',
  'shadow/name/x/update/documents',
];
const all = [...requests, ...told, 'anything/else'].map((rest) => `$aws/things/core/${rest}`);
const companion = ['get', 'update', 'delete'].map((action) => `$aws/things/core-gci/shadow/${action}`);
const strangers = [
  ['another thing', 'other', 'other'],
  ['a thing whose name begins alike', 'core2', 'core2'],
  ['a certificate of no thing', 'somebody', 'nothing'],
  ['a certificate that was detached', 'somebody-else', 'detached'],
] as const;
const bodies = JSON.stringify({ state: { reported: { by: 'stranger' } }, status: 'SUCCEEDED' });

describe.each(strangers)('%s', (_who, clientId, certificate) => {
  test.each([...all, ...companion])('does not publish to %s', async (topic) => {
    const client = await connected(clientId, certificate);
    client.publish(topic, bodies, 1);
    await client.closed; // MQTT 3.1.1 has no other way to say no.
    expect(client.received).toEqual([]);
  });

  test('subscribes to nothing of it, by name or by wildcard', async () => {
    const client = await connected(clientId, certificate);
    const wild = ['$aws/things/core/#', '$aws/things/+/jobs/#', '$aws/#', '$aws/things/#', '$aws/+/core/shadow/update'];
    for (const filter of [...all, ...companion, ...wild])
      expect([filter, await client.subscribe(filter)]).toEqual([filter, 0x80]);
    client.end();
  });

  test('learns nothing of what it is asked, answered and told', async () => {
    const spy = await connected(clientId, certificate);
    for (const filter of ['#', '+/things/core/#', '+/+/+/+/+/+/+']) expect(await spy.subscribe(filter)).toBe(0);
    const core = await connected('core', 'core');
    expect(await core.subscribe('$aws/things/core/#')).toBe(0);
    const update = { state: { reported: { secret: 1 }, desired: { secret: 2 } } };
    core.publish('$aws/things/core/shadow/update', update);
    await core.next('$aws/things/core/shadow/update/delta');
    core.publish(`$aws/things/core/jobs/$next/${namespace}/get`, {});
    await core.next(`$aws/things/core/jobs/$next/${namespace}/get/accepted`);
    await cloud.app.deployments.create({ targetArn: cloud.arns.group('line'), components: {} });
    await cloud.rollout();
    await core.next(`$aws/things/core/jobs/notify-next-${namespace}`);
    // Anything that was to arrive by now has arrived before this.
    core.publish('open/topic', 'end', 1);
    await spy.next('open/topic');
    expect(spy.received.map(({ topic }) => topic).filter((topic) => topic.startsWith('$'))).toEqual([]);
    core.end();
    spy.end();
  });

  test.each(['core', 'core#1', 'core#endpoint-switch'])('does not connect as %s', async (name) => {
    expect(await connectTestClient(broker.server, name, der(certificate)).connack).toBe(5);
  });
});

describe('who does not connect at all', () => {
  test.each(['INACTIVE', 'REVOKED'] as const)('a certificate that is %s', async (status) => {
    await register(status, 'core', status);
    expect(await connectTestClient(broker.server, 'core', der(status)).connack).toBe(5);
  });

  test('no certificate, and one that is not registered', async () => {
    expect(await connectTestClient(broker.server, 'core', undefined).connack).toBe(5);
    expect(await connectTestClient(broker.server, 'core', der('forged')).connack).toBe(5);
  });
});

test('after all that, nothing of it was changed by a stranger', async () => {
  for (const name of ['', 'AWSManagedGreengrassV2Deployment']) {
    const payload = new Uint8Array();
    const [answer] = await cloud.app.shadows.handle([{ thing: 'core', name, action: 'get', payload }]);
    expect(answer?.response ?? '').not.toContain('stranger');
  }
  await expect(cloud.app.devices.get('core')).rejects.toMatchObject({ code: 'ResourceNotFoundException' });
});
