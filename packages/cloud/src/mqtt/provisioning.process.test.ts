import { X509Certificate } from 'node:crypto';
import {
  AttachPolicyCommand,
  CreateKeysAndCertificateCommand,
  CreatePolicyCommand,
  CreateProvisioningClaimCommand,
  CreateProvisioningTemplateCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  DescribeCertificateCommand,
  DescribeThingCommand,
  DetachPolicyCommand,
  IoTClient,
  ListAttachedPoliciesCommand,
  ListThingGroupsForThingCommand,
  UpdateCertificateCommand,
  UpdateProvisioningTemplateCommand,
} from '@aws-sdk/client-iot';
import { until } from '@greensward/testkit/until';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { certificateRequest, p256 } from '../adapters/testing/certificate-request.ts';
import { type RunningCloud, runCloud, sdkConfiguration } from '../http/testing/running-cloud.ts';

// As the fleet provisioning plugin of the Java nucleus does it (create keys, subscribed to the answers), and as nucleus lite
// does (a certificate request, subscribed to nothing): over TLS, with a stock MQTT client.

interface Keys {
  readonly cert: string;
  readonly key: string;
}

let cloud: RunningCloud;
let iot: IoTClient;
let claim: Keys & { readonly arn: string };
const clients: MqttClient[] = [];
const createTopic = '$aws/certificates/create/json';
const csrTopic = '$aws/certificates/create-from-csr/json';
const provisionTopic = (template = 'Fleet') => `$aws/provisioning-templates/${template}/provision/json`;
const policyDocument = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
});
/** As the guide of IoT says it for a claim certificate. */
const provisioningOf = (kind: string) =>
  ['certificates/create*', 'provisioning-templates/*'].map((rest) => `arn:aws:iot:*:*:${kind}/$aws/${rest}`);
const claimDocument = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
    { Effect: 'Allow', Action: ['iot:Publish', 'iot:Receive'], Resource: provisioningOf('topic') },
    { Effect: 'Allow', Action: 'iot:Subscribe', Resource: provisioningOf('topicfilter') },
  ],
});
const templateBody = JSON.stringify({
  Parameters: {
    ThingName: { Type: 'String' },
    ThingGroupName: { Type: 'String' },
    'AWS::IoT::Certificate::Id': { Type: 'String' },
  },
  Resources: {
    MyThing: {
      OverrideSettings: { AttributePayload: 'REPLACE', ThingGroups: 'REPLACE', ThingTypeName: 'REPLACE' },
      Properties: { AttributePayload: {}, ThingGroups: [{ Ref: 'ThingGroupName' }], ThingName: { Ref: 'ThingName' } },
      Type: 'AWS::IoT::Thing',
    },
    MyPolicy: { Properties: { PolicyName: 'DevicePolicy' }, Type: 'AWS::IoT::Policy' },
    MyCertificate: {
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' },
      Type: 'AWS::IoT::Certificate',
    },
  },
  DeviceConfiguration: { FallbackUrl: 'https://www.example.com' },
});

beforeAll(async () => {
  cloud = await runCloud();
  iot = new IoTClient(sdkConfiguration(cloud));
  await iot.send(new CreatePolicyCommand({ policyName: 'DevicePolicy', policyDocument }));
  await iot.send(new CreatePolicyCommand({ policyName: 'ClaimPolicy', policyDocument: claimDocument }));
  await iot.send(new CreateThingGroupCommand({ thingGroupName: 'line3' }));
  await iot.send(
    new CreateProvisioningTemplateCommand({
      templateName: 'Fleet',
      templateBody,
      provisioningRoleArn: 'arn:aws:iam::000000000000:role/FleetProvisioning',
      enabled: true,
    }),
  );
  const made = await iot.send(new CreateKeysAndCertificateCommand({ setAsActive: true }));
  const arn = made.certificateArn ?? '';
  await iot.send(new AttachPolicyCommand({ policyName: 'ClaimPolicy', target: arn }));
  claim = { cert: made.certificatePem ?? '', key: made.keyPair?.PrivateKey ?? '', arn };
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
});
afterAll(async () => {
  iot.destroy();
  await cloud.destroy();
});

interface Connected {
  readonly client: MqttClient;
  readonly received: { readonly topic: string; readonly payload: string }[];
  readonly closed: Promise<void>;
}

/** Resolves when connected; rejects when refused. */
async function dial(clientId: string, keys: Keys, options: Partial<IClientOptions> = {}): Promise<Connected> {
  const client = connect({
    protocol: 'mqtts',
    host: '127.0.0.1',
    port: cloud.ports.mqttPort,
    servername: 'localhost',
    ca: cloud.rootPem,
    ...keys,
    clientId,
    protocolVersion: 4,
    reconnectPeriod: 0,
    ...options,
  });
  clients.push(client);
  const received: Connected['received'] = [];
  client.on('message', (topic, payload) => received.push({ topic, payload: payload.toString() }));
  const closed = new Promise<void>((resolve) => client.on('close', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    client.on('connect', () => resolve());
    client.on('error', reject);
    client.on('close', () => reject(new Error('closed before it was connected')));
  });
  return { client, received, closed };
}

/** Publishes at QoS 1 and waits for the answer, subscribed to or not. */
async function ask(connected: Connected, topic: string, payload: object | string, outcome = 'accepted') {
  const before = connected.received.length;
  await connected.client.publishAsync(topic, typeof payload === 'string' ? payload : JSON.stringify(payload), {
    qos: 1,
  });
  const answer = await until(`an answer on ${topic}`, () => connected.received.slice(before)[0]);
  expect(answer.topic, answer.payload).toBe(`${topic}/${outcome}`);
  return JSON.parse(answer.payload);
}

async function registered(thingName: string) {
  const { thingGroups } = await iot.send(new ListThingGroupsForThingCommand({ thingName }));
  return thingGroups?.map(({ groupName }) => groupName);
}

describe.each([4, 5] as const)('over MQTT version %i', (protocolVersion) => {
  test('the plugin of the Java nucleus: subscribe, create, subscribe, provision, and come back as the new thing', async () => {
    const ThingName = `core-java-${protocolVersion}`;
    const first = await dial('5f3a9d0e-plugin', claim, { protocolVersion });
    await first.client.subscribeAsync([`${createTopic}/accepted`, `${createTopic}/rejected`], { qos: 1 });
    const created = await ask(first, createTopic, {});
    expect(Object.keys(created).sort()).toEqual([
      'certificateId',
      'certificateOwnershipToken',
      'certificatePem',
      'privateKey',
    ]);
    const described = await iot.send(new DescribeCertificateCommand({ certificateId: created.certificateId }));
    expect(described.certificateDescription?.status).toBe('PENDING_ACTIVATION');
    const keys = { cert: created.certificatePem, key: created.privateKey };
    await expect(dial(ThingName, keys, { protocolVersion })).rejects.toThrow();

    await first.client.subscribeAsync([`${provisionTopic()}/accepted`, `${provisionTopic()}/rejected`], { qos: 1 });
    const done = await ask(first, provisionTopic(), {
      templateName: 'Fleet',
      certificateOwnershipToken: created.certificateOwnershipToken,
      parameters: { ThingName, ThingGroupName: 'line3' },
    });
    expect(done).toEqual({ deviceConfiguration: { FallbackUrl: 'https://www.example.com' }, thingName: ThingName });
    expect(first.received).toHaveLength(2);
    await first.client.endAsync();
    expect(await registered(ThingName)).toEqual(['line3']);
    const { policies } = await iot.send(
      new ListAttachedPoliciesCommand({ target: `arn:aws:iot:us-east-1:000000000000:cert/${created.certificateId}` }),
    );
    expect(policies?.map(({ policyName }) => policyName)).toEqual(['DevicePolicy']);

    const core = await dial(ThingName, keys, { protocolVersion });
    const jobs = `$aws/things/${ThingName}/jobs/$next/namespace-aws-gg-deployment/get`;
    expect(await ask(core, jobs, { clientToken: 't' })).toMatchObject({ clientToken: 't' });
  });

  test('nucleus lite: a certificate request and a provisioning, without a subscription', async () => {
    const ThingName = `core-lite-${protocolVersion}`;
    const first = await dial('lite', claim, { protocolVersion });
    const csr = await certificateRequest('CN=lite', p256);
    const created = await ask(first, csrTopic, { certificateSigningRequest: csr.pem });
    expect(Object.keys(created).sort()).toEqual(['certificateId', 'certificateOwnershipToken', 'certificatePem']);
    expect(new X509Certificate(created.certificatePem).subject).toBe('CN=lite');
    // Nucleus lite reads answers into 5000 bytes.
    expect(first.received[0]?.payload.length).toBeLessThan(4500);
    const done = await ask(first, provisionTopic(), {
      certificateOwnershipToken: created.certificateOwnershipToken,
      parameters: { ThingName, ThingGroupName: 'line3' },
    });
    expect(done.thingName).toBe(ThingName);
    await first.client.endAsync();
    const core = await dial(ThingName, { cert: created.certificatePem, key: csr.privateKeyPem }, { protocolVersion });
    const shadow = `$aws/things/${ThingName}/shadow/update`;
    expect(await ask(core, shadow, { state: { reported: { a: 1 } } })).toMatchObject({ version: 1 });
  });

  test('a claim of CreateProvisioningClaim provisions by its template', async () => {
    const made = await iot.send(new CreateProvisioningClaimCommand({ templateName: 'Fleet' }));
    expect(made.expiration?.getTime()).toBeLessThanOrEqual(Date.now() + 300_000);
    const keys = { cert: made.certificatePem ?? '', key: made.keyPair?.PrivateKey ?? '' };
    const device = await dial('installer', keys, { protocolVersion });
    const created = await ask(device, createTopic, {});
    const request = {
      certificateOwnershipToken: created.certificateOwnershipToken,
      parameters: { ThingName: `core-claim-${protocolVersion}`, ThingGroupName: 'line3' },
    };
    expect(await ask(device, provisionTopic('Other'), request, 'rejected')).toMatchObject({
      statusCode: 403,
      errorCode: 'Forbidden',
    });
    expect(await ask(device, provisionTopic(), request)).toMatchObject({ thingName: `core-claim-${protocolVersion}` });
  });
});

describe('a claim certificate', () => {
  test('may not be a thing, nor end the connection of one', async () => {
    await iot.send(new CreateThingCommand({ thingName: 'taken' }));
    for (const clientId of ['taken', 'taken#2'])
      await expect(dial(clientId, claim)).rejects.toThrow(/[Nn]ot authorized/);
    await dial('taken-2', claim);
  });

  test.each([
    '$aws/things/taken/shadow/get/accepted',
    '$aws/things/+/jobs/#',
    '$aws/rules/x',
    'a/b',
    '#',
    '$aws/#',
    '$aws/certificates/#',
  ])('may not subscribe to %s', async (filter) => {
    const { client } = await dial('curious', claim);
    await expect(client.subscribeAsync(filter, { qos: 1 })).rejects.toThrow();
  });

  test.each(['$aws/things/taken/shadow/update', 'a/b', '$aws/events/x'])('may not publish to %s', async (topic) => {
    const { client, closed } = await dial('loud', claim);
    client.publish(topic, '{}', { qos: 0 });
    await closed;
  });

  test('is answered alone, however many listen', async () => {
    const [asking, listening] = [await dial('one', claim), await dial('two', claim, { protocolVersion: 5 })];
    for (const filter of [`${createTopic}/accepted`, `${createTopic}/+`, '$aws/certificates/create-from-csr/#']) {
      await listening.client.subscribeAsync(filter, { qos: 1 });
    }
    await ask(asking, createTopic, {});
    const csr = await certificateRequest('CN=x', p256);
    await ask(asking, csrTopic, { certificateSigningRequest: csr.pem });
    // An answer to itself comes after all that could have been sent to it before.
    await ask(listening, csrTopic, { certificateSigningRequest: 'x' }, 'rejected');
    expect(listening.received).toHaveLength(1);
  });

  test('that is kept as a session is not given to the next with its client id', async () => {
    const first = await dial('shared', claim, { clean: false });
    await first.client.subscribeAsync(`${createTopic}/accepted`, { qos: 1 });
    first.client.publish(createTopic, '{}', { qos: 1 });
    first.client.stream.destroy();
    await first.closed;
    const second = await dial('shared', claim, { clean: false });
    await ask(second, csrTopic, { certificateSigningRequest: 'x' }, 'rejected');
    expect(second.received).toHaveLength(1);
  });

  test('creates three certificates at once, and then has to wait', async () => {
    const device = await dial('greedy', claim);
    const csr = await certificateRequest('CN=x', p256);
    for (let count = 0; count < 3; count++) await ask(device, csrTopic, { certificateSigningRequest: csr.pem });
    const refusal = await ask(device, csrTopic, { certificateSigningRequest: csr.pem }, 'rejected');
    expect(refusal).toMatchObject({ statusCode: 429, errorCode: 'Throttled' });
  });

  test('loses its connections when it is deactivated, and is let in no more then, nor without a policy', async () => {
    const certificateId = claim.arn.split('/')[1] ?? '';
    const device = await dial('old', claim);
    await iot.send(new UpdateCertificateCommand({ certificateId, newStatus: 'INACTIVE' }));
    await device.closed;
    await expect(dial('old', claim)).rejects.toThrow();
    await iot.send(new UpdateCertificateCommand({ certificateId, newStatus: 'ACTIVE' }));
    await iot.send(new DetachPolicyCommand({ policyName: 'ClaimPolicy', target: claim.arn }));
    await expect(dial('old', claim)).rejects.toThrow();
    await iot.send(new AttachPolicyCommand({ policyName: 'ClaimPolicy', target: claim.arn }));
    await dial('old', claim);
  });
});

describe('a request to provision', () => {
  const parameters = (ThingName: string) => ({ ThingName, ThingGroupName: 'line3' });
  async function withToken(clientId: string) {
    const device = await dial(clientId, claim);
    const csr = await certificateRequest('CN=x', p256);
    const created = await ask(device, csrTopic, { certificateSigningRequest: csr.pem });
    const token: string = created.certificateOwnershipToken;
    return { device, token };
  }
  const absent = (thingName: string) =>
    expect(iot.send(new DescribeThingCommand({ thingName }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });

  test('is rejected with its reason, and makes nothing', async () => {
    const { device, token } = await withToken('hostile');
    const reject = async (payload: object | string, template = 'Fleet') =>
      (await ask(device, provisionTopic(template), payload, 'rejected')).errorCode;
    const good = { certificateOwnershipToken: token, parameters: parameters('hostile-thing') };
    expect(await reject('{')).toBe('InvalidPayload');
    expect(await reject({ ...good, certificateOwnershipToken: 'forged' })).toBe('InvalidCertificateOwnershipToken');
    expect(await reject({ ...good, parameters: { ThingName: 'hostile-thing' } })).toBe('InvalidParameters');
    expect(await reject({ ...good, parameters: { ...good.parameters, ThingName: 'a/b' } })).toBe('InvalidParameters');
    expect(await reject({ ...good, parameters: { ...good.parameters, ThingName: 7 } })).toBe('InvalidPayload');
    expect(await reject({ ...good, templateName: 'Other' })).toBe('InvalidPayload');
    expect(await reject(good, 'Nobody')).toBe('ResourceNotFound');
    expect(await reject(good, '__proto__')).toBe('ResourceNotFound');
    const group = { ...good, parameters: { ...good.parameters, ThingGroupName: 'constructor' } };
    expect(await reject(group)).toBe('ResourceRegistrationFailure');
    expect(await reject({ ...good, padding: 'x'.repeat(100_000) })).toBe('InvalidPayload');
    await iot.send(new UpdateProvisioningTemplateCommand({ templateName: 'Fleet', enabled: false }));
    expect(await reject(good)).toBe('Forbidden');
    await iot.send(new UpdateProvisioningTemplateCommand({ templateName: 'Fleet', enabled: true }));
    await absent('hostile-thing');
    expect(await ask(device, provisionTopic(), good)).toMatchObject({ thingName: 'hostile-thing' });
  });

  test('does not take the token that another claim was given', async () => {
    const { token } = await withToken('victim');
    const made = await iot.send(new CreateProvisioningClaimCommand({ templateName: 'Fleet' }));
    const thief = await dial('thief', { cert: made.certificatePem ?? '', key: made.keyPair?.PrivateKey ?? '' });
    const request = { certificateOwnershipToken: token, parameters: parameters('stolen') };
    expect(await ask(thief, provisionTopic(), request, 'rejected')).toMatchObject({
      statusCode: 403,
      errorCode: 'InvalidCertificateOwnershipToken',
    });
    await absent('stolen');
  });

  test('of a megabyte ends its connection, and no other', async () => {
    const other = await dial('bystander', claim);
    const { device, token } = await withToken('flood');
    const request = {
      certificateOwnershipToken: token,
      parameters: { ...parameters('flood'), x: 'x'.repeat(1 << 20) },
    };
    device.client.publish(provisionTopic(), JSON.stringify(request), { qos: 1 });
    await device.closed;
    await absent('flood');
    await ask(other, csrTopic, { certificateSigningRequest: 'x' }, 'rejected');
  });

  test('in CBOR is rejected with the advice to use JSON', async () => {
    const device = await dial('cbor', claim);
    for (const topic of ['$aws/certificates/create/cbor', '$aws/provisioning-templates/Fleet/provision/cbor']) {
      const refusal = await ask(device, topic, '\xa0', 'rejected');
      expect(refusal).toMatchObject({ statusCode: 415, errorCode: 'UnsupportedPayloadFormat' });
    }
  });

  test('for a certificate request that is none is rejected', async () => {
    const device = await dial('csr', claim);
    for (const [payload, errorCode] of [
      [{}, 'InvalidPayload'],
      [{ certificateSigningRequest: 'pem' }, 'InvalidCertificateSigningRequest'],
    ] as const) {
      expect(await ask(device, csrTopic, payload, 'rejected')).toMatchObject({ statusCode: 400, errorCode });
    }
  });
});
