import { readFileSync } from 'node:fs';
import { type RequestOptions, request } from 'node:https';
import { join } from 'node:path';
import {
  CreateDeploymentCommand,
  ListComponentsCommand,
  ListDeploymentsCommand,
  ListEffectiveDeploymentsCommand,
} from '@aws-sdk/client-greengrassv2';
import { DescribeJobExecutionCommand } from '@aws-sdk/client-iot';
import { provision, startCloud, type TestCloud } from '@greensward/testkit/cloud';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import { type MqttClient, connect as mqttConnect } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type ConformanceCloud, refusalOf, simpleRecipe, startConformanceCloud } from './conformance-cloud.ts';
import type { RawRequest } from './raw-request.ts';

let under: ConformanceCloud;

beforeAll(async () => {
  under = await startConformanceCloud();
  await under.group('known');
});

afterAll(() => under.stop());

const deployments = '/greengrass/v2/deployments';
const knownTarget = 'arn:aws:iot:us-east-1:000000000000:thinggroup/known';
const validRequest = JSON.stringify({ targetArn: knownTarget });

/** The lines of the cloud's log since `from` characters, as objects. */
function logSince(from: number): readonly Readonly<Record<string, unknown>>[] {
  return under.cloud.process
    .output()
    .slice(from)
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}

const logLength = () => under.cloud.process.output().length;

/** A line of the log with all these members. */
const logged = (from: number, members: Readonly<Record<string, unknown>>) =>
  until(`the log has ${JSON.stringify(members)}`, () =>
    logSince(from).find((line) => Object.entries(members).every(([name, value]) => line[name] === value)),
  );

async function storedDeployments(): Promise<number> {
  const answer = await under.greengrass.send(new ListDeploymentsCommand({ historyFilter: 'ALL' }));
  return answer.deployments?.length ?? 0;
}

describe('a request is refused', () => {
  const create = { method: 'POST', path: deployments, body: validRequest };
  const refused: readonly (readonly [what: string, request: RawRequest, status: number, code: string])[] = [
    ['unsigned', { ...create, unsigned: true }, 403, 'MissingAuthenticationTokenException'],
    [
      'with another Authorization',
      { ...create, unsigned: true, headers: { authorization: 'Bearer x' } },
      403,
      'IncompleteSignatureException',
    ],
    ['signed with a wrong secret', { ...create, key: { secretAccessKey: 'wrong' } }, 403, 'SignatureDoesNotMatch'],
    [
      'signed with an unknown key',
      { ...create, key: { accessKeyId: 'AKIANOBODYNOBODYNOBO' } },
      403,
      'UnrecognizedClientException',
    ],
    ['signed 6 minutes ago', { ...create, minutesOff: -6 }, 403, 'InvalidSignatureException'],
    ['signed 6 minutes ahead', { ...create, minutesOff: 6 }, 403, 'InvalidSignatureException'],
    ['whose JSON is cut off', { ...create, body: '{"targetArn":' }, 400, 'ValidationException'],
    ['whose JSON is a list', { ...create, body: '[]' }, 400, 'ValidationException'],
    ['whose JSON is not UTF-8', { ...create, body: Buffer.from([0x7b, 0xff, 0x7d]) }, 400, 'ValidationException'],
    ['without body', { method: 'POST', path: deployments }, 400, 'ValidationException'],
    [
      'for an unknown operation',
      { method: 'POST', path: '/greengrass/v2/nope', body: '{}' },
      400,
      'ValidationException',
    ],
    ['for an unknown method', { method: 'PUT', path: deployments, body: validRequest }, 400, 'ValidationException'],
    [
      'for an unknown operation of iot',
      { method: 'POST', path: '/nope', body: '{}', service: 'iot' },
      400,
      'UnknownOperationException',
    ],
    ['for an unknown service', { ...create, service: 'dynamodb' }, 400, 'UnknownOperationException'],
    ['for a path that is no UTF-8', { method: 'GET', path: `${deployments}/%ff` }, 400, 'ValidationException'],
    [
      'for a target that does not exist',
      { ...create, body: validRequest.replace('known', 'nobody') },
      404,
      'ResourceNotFoundException',
    ],
  ];

  test.each(refused)(
    '%s: the documented error, a date, a request id, a line in the log, and nothing stored',
    async (_what, sent, status, code) => {
      const [before, from] = [await storedDeployments(), logLength()];
      const answer = await under.raw(sent);
      expect(answer).toMatchObject({ status, errorType: code, json: { message: expect.any(String) } });
      const requestId = answer.headers.get('x-amzn-requestid');
      expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
      expect(Date.parse(answer.headers.get('date') ?? '')).toBeGreaterThan(1.7e12);
      const line = await logged(from, { id: requestId });
      expect(line).toMatchObject({ message: 'refused', status, code, why: answer.json['message'] });
      expect(await storedDeployments()).toBe(before);
    },
  );

  test('but not when its clock is 4 minutes off', async () => {
    for (const minutesOff of [-4, 4]) {
      const answer = await under.raw({ method: 'GET', path: deployments, minutesOff });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('date')).not.toBeNull();
      expect(answer.headers.get('x-amzn-requestid')).not.toBeNull();
    }
  });

  test('when its body is not the one that was signed', async () => {
    const headers = { 'x-amz-content-sha256': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' };
    const answer = await under.raw({ ...create, headers });
    expect(answer.status).toBe(403);
  });

  test('with what says why: a reason for each kind', async () => {
    const reasonOf = async (sent: RawRequest) => (await under.raw(sent)).json['reason'];
    expect(await reasonOf({ ...create, body: '{"targetArn":' })).toBe('CANNOT_PARSE');
    expect(await reasonOf({ ...create, path: '/greengrass/v2/nope' })).toBe('UNKNOWN_OPERATION');
    expect(await reasonOf({ ...create, body: '{}' })).toBe('FIELD_VALIDATION_FAILED');
  });

  test('by S3 in its own form', async () => {
    const answer = await under.raw({ method: 'PUT', path: '/no-bucket/key', body: 'x', service: 's3' });
    expect(answer.status).toBe(404);
    expect(answer.text).toContain('<Code>NoSuchBucket</Code>');
  });

  test('without a trace of secrets in the log', async () => {
    const from = logLength();
    const answer = await under.raw({ ...create, key: { secretAccessKey: 'a-secret-nobody-may-read' } });
    await logged(from, { id: answer.headers.get('x-amzn-requestid') });
    const text = under.cloud.process.output();
    expect(text).not.toContain('a-secret-nobody-may-read');
    expect(text).not.toMatch(/Signature=[0-9a-f]{64}/);
  });
});

test('a component whose recipe breaks a rule is not stored, and the log says why', async () => {
  const from = logLength();
  const refusal = await refusalOf(under.publish(simpleRecipe('com.example.Bad', 'one')));
  expect(refusal).toMatchObject({ name: 'ValidationException', status: 400 });
  await logged(from, { message: 'refused', operation: 'CreateComponentVersion', why: refusal.message });
  expect((await under.greengrass.send(new ListComponentsCommand({}))).components).toEqual([]);
});

describe('devices', () => {
  const folders = temporaryFolder();
  const one = join(folders.path, 'one');
  const foreign = join(folders.path, 'foreign');
  const clients: MqttClient[] = [];
  let other: TestCloud;

  beforeAll(async () => {
    // The same thing, provisioned by another cloud: its certificate is from another authority.
    other = await startCloud(join(folders.path, 'other-cloud'));
    await Promise.all([
      provision(under.cloud, 'one', ['known'], one),
      provision(under.cloud, 'two', ['known'], join(folders.path, 'two')),
      provision(other, 'one', [], foreign),
    ]);
  });

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
  });

  afterAll(async () => {
    await other.process.stop();
    folders.remove();
  });

  const tlsOf = (root: string) => ({
    cert: readFileSync(join(root, 'device.pem.crt')),
    key: readFileSync(join(root, 'device.pem.key')),
    // Always the authority of the cloud under test: it is the cloud that is to refuse.
    ca: readFileSync(join(one, 'root-ca.pem')),
  });

  async function connect(root: string | undefined, clientId: string, protocolVersion: 4 | 5 = 5): Promise<MqttClient> {
    const credentials = root === undefined ? { ca: readFileSync(join(one, 'root-ca.pem')) } : tlsOf(root);
    const url = `mqtts://localhost:${under.cloud.mqttPort}`;
    const client = mqttConnect(url, { ...credentials, clientId, protocolVersion, reconnectPeriod: 0 });
    clients.push(client);
    return await new Promise((resolve, reject) => {
      client.once('connect', () => resolve(client));
      client.once('error', reject);
      // A connection that ends in its TLS handshake may do so without an error.
      client.once('close', () => reject(new Error('the connection was closed')));
    });
  }

  test.each([
    ['a certificate of another authority', foreign, 'one'],
    ['no certificate', undefined, 'one'],
    ['the client id of another thing', one, 'two'],
    ['the client id of no thing', one, 'nobody'],
  ])('cannot connect with %s', async (_what, root, clientId) => {
    const from = logLength();
    await expect(connect(root, clientId)).rejects.toThrow();
    await until('the log tells the refused connection', () => /refused/.test(under.cloud.process.output().slice(from)));
  });

  test.each([
    ['a certificate of another authority', foreign],
    ['no certificate', undefined],
  ])('get nothing from the device port with %s', async (_what, root) => {
    const path = '/greengrass/v2/coreDevices/one/thingGroups';
    const from = logLength();
    const answer = await ask(root, path);
    expect(answer).toMatchObject({ status: 403, errorType: 'AccessDeniedException' });
    expect(answer.requestId).toMatch(/^[0-9a-f-]{36}$/);
    await logged(from, { id: answer.requestId, message: 'refused', code: 'AccessDeniedException' });
  });

  test('ask the device port about themselves only', async () => {
    expect(await ask(one, '/greengrass/v2/coreDevices/one/thingGroups')).toMatchObject({ status: 200 });
    expect(await ask(one, '/greengrass/v2/coreDevices/two/thingGroups')).toMatchObject({ status: 403 });
    expect(await ask(one, '/things/two/shadow?name=AWSManagedGreengrassV2Deployment')).toMatchObject({ status: 403 });
    expect(await ask(one, '/things/two/jobs')).toMatchObject({ status: 403 });
    expect(await ask(one, '/greengrass/v2/nope')).toMatchObject({
      status: expect.toSatisfy((status) => status >= 400 && status < 500),
    });
  });

  test('are refused what they publish on the topics of another, which changes nothing', async () => {
    const targetArn = 'arn:aws:iot:us-east-1:000000000000:thinggroup/known';
    const made = await under.greengrass.send(new CreateDeploymentCommand({ targetArn }));
    const jobId = made.iotJobId ?? '';
    const execution = async () =>
      (await under.iot.send(new DescribeJobExecutionCommand({ jobId, thingName: 'two' }))).execution;
    await until('the other thing is QUEUED', async () => (await execution())?.status === 'QUEUED');

    const client = await connect(one, 'one');
    const topics = [
      `$aws/things/two/jobs/${jobId}/update`,
      `$aws/things/two/jobs/${jobId}/namespace-aws-gg-deployment/update`,
      '$aws/things/two/greengrassv2/health/json',
      '$aws/things/two/shadow/name/AWSManagedGreengrassV2Deployment/update',
    ];
    for (const topic of topics) {
      const from = logLength();
      const refusal = await refusalOf(client.publishAsync(topic, '{"status":"SUCCEEDED"}', { qos: 1 }));
      expect(refusal.error['code'], topic).toBe(0x87); // [MQTT-5 3.4.2.1] Not authorized.
      await logged(from, { topic, clientId: 'one' });
    }
    expect(client.connected).toBe(true);
    expect((await execution())?.status).toBe('QUEUED');
    const effective = under.greengrass.send(new ListEffectiveDeploymentsCommand({ coreDeviceThingName: 'two' }));
    expect((await refusalOf(effective)).name).toBe('ResourceNotFoundException');
  });

  test('of MQTT 3.1.1 are disconnected for it, as AWS IoT does', async () => {
    const client = await connect(one, 'one', 4);
    const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
    client.publish('$aws/things/two/greengrassv2/health/json', '{}', { qos: 1 });
    await closed;
  });

  test('are refused the subscription to the topics of another', async () => {
    const client = await connect(one, 'one');
    for (const filter of [
      '$aws/things/two/jobs/notify-namespace-aws-gg-deployment',
      '$aws/things/+/jobs/#',
      '$aws/#',
    ]) {
      const from = logLength();
      const [granted] = await grantsOf(client, filter);
      expect(granted, filter).toBe(0x87);
      await logged(from, { filter, clientId: 'one' });
    }
    expect(await grantsOf(client, '$aws/things/one/jobs/notify-namespace-aws-gg-deployment')).toEqual([1]);
  });

  /** The reason code of a subscription, granted or not. */
  async function grantsOf(client: MqttClient, filter: string): Promise<readonly number[]> {
    return await new Promise((resolve, reject) => {
      client.subscribe(filter, { qos: 1 }, (error, granted, packet) => {
        const codes = packet?.granted ?? granted?.map(({ qos }) => qos);
        if (codes === undefined) reject(error ?? new Error('no answer'));
        else resolve(codes.map(Number));
      });
    });
  }

  /** A GET to the device port. */
  async function ask(root: string | undefined, path: string) {
    const options: RequestOptions = {
      host: 'localhost',
      port: under.cloud.devicePort,
      path,
      agent: false,
      ...(root === undefined ? { ca: readFileSync(join(one, 'root-ca.pem')) } : tlsOf(root)),
    };
    return await new Promise<{ status: number | undefined; errorType: unknown; requestId: unknown }>(
      (resolve, reject) => {
        request(options, (response) => {
          const { statusCode: status, headers } = response;
          response.resume();
          response.on('end', () =>
            resolve({ status, errorType: headers['x-amzn-errortype'], requestId: headers['x-amzn-requestid'] }),
          );
        })
          .on('error', reject)
          .end();
      },
    );
  }
});
