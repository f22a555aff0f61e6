import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GreengrassV2Client, ListCoreDevicesCommand } from '@aws-sdk/client-greengrassv2';
import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateKeysAndCertificateCommand,
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  CreateRoleAliasCommand,
  CreateThingCommand,
  DeleteRoleAliasCommand,
  DescribeRoleAliasCommand,
  IoTClient,
  ListRoleAliasesCommand,
  paginateListRoleAliases,
  SetDefaultPolicyVersionCommand,
  UpdateRoleAliasCommand,
} from '@aws-sdk/client-iot';
import {
  CreateBucketCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSessionCredentials } from '../../adapters/session-credentials.ts';
import { type RunningCloud, runCloud, sdkConfiguration, send } from '../testing/running-cloud.ts';

const alias = 'GreengrassV2TokenExchangeRoleAlias';
const roleArn = 'arn:aws:iam::000000000000:role/GreengrassV2TokenExchangeRole';

interface Temporary {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

let cloud: RunningCloud;
let iot: IoTClient;
let device: { readonly ca: string; readonly key: string; readonly cert: string };
let certificateId: string;

beforeAll(async () => {
  cloud = await runCloud();
  iot = new IoTClient(sdkConfiguration(cloud));
  const made = await iot.send(new CreateKeysAndCertificateCommand({ setAsActive: true }));
  device = { ca: cloud.rootPem, key: made.keyPair?.PrivateKey ?? '', cert: made.certificatePem ?? '' };
  certificateId = made.certificateId ?? '';
  for (const thingName of ['core', 'other']) await iot.send(new CreateThingCommand({ thingName }));
  await iot.send(new AttachThingPrincipalCommand({ thingName: 'core', principal: made.certificateArn ?? '' }));
  await iot.send(new CreatePolicyCommand({ policyName: 'roles', policyDocument: document('*') }));
  await iot.send(new AttachPolicyCommand({ policyName: 'roles', target: made.certificateArn ?? '' }));
  const s3 = new S3Client({ ...sdkConfiguration(cloud), forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: 'artifacts' }));
  await s3.send(new PutObjectCommand({ Bucket: 'artifacts', Key: 'a.txt', Body: 'content' }));
});

afterAll(() => cloud.destroy());

const document = (resource: string) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Action: 'iot:AssumeRoleWithCertificate', Resource: resource },
  });
const ask = (name: string, headers: Readonly<Record<string, string>> = {}, tls: object = device) =>
  send(cloud.ports.devicePort, {
    path: `/role-aliases/${encodeURIComponent(name)}/credentials`,
    headers,
    tls: { ca: cloud.rootPem, ...tls },
  });

async function credentials(): Promise<Temporary & { expiration: string }> {
  const answer = await ask(alias, { 'x-amzn-iot-thingname': 'core' });
  const parsed: { credentials: Temporary & { expiration: string } } = JSON.parse(answer.body.toString('utf8'));
  return parsed.credentials;
}

const configured = ({ accessKeyId, secretAccessKey, sessionToken }: Temporary) => ({
  ...sdkConfiguration(cloud),
  credentials: { accessKeyId, secretAccessKey, sessionToken },
});
const s3With = (temporary: Temporary) => new S3Client({ ...configured(temporary), forcePathStyle: true });

describe('the credential provider', () => {
  test('gives a device credentials for as long as the alias says', async () => {
    const before = Date.now();
    const answer = await ask(alias, { 'x-amzn-iot-thingname': 'core' });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.json()).toEqual({
      credentials: {
        accessKeyId: expect.stringMatching(/^ASIA/),
        secretAccessKey: expect.any(String),
        sessionToken: expect.any(String),
        expiration: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      },
    });
    const { expiration } = await credentials();
    const seconds = (Date.parse(expiration) - before) / 1000;
    expect(seconds).toBeGreaterThan(3598);
    expect(seconds).toBeLessThan(3660);
  });

  test('is for aliases that a policy allows', async () => {
    const policyDocument = document(`arn:aws:iot:us-east-1:000000000000:rolealias/${alias}`);
    await iot.send(new CreatePolicyVersionCommand({ policyName: 'roles', policyDocument, setAsDefault: true }));
    expect((await ask(alias)).status).toBe(200);
    expect((await ask('Nothing')).status).toBe(403);
    await iot.send(new SetDefaultPolicyVersionCommand({ policyName: 'roles', policyVersionId: '1' }));
  });

  test('needs no thing name', async () => {
    expect((await ask(alias)).status).toBe(200);
  });

  test.each(['other', 'nobody'])(
    'refuses the thing %s, which the certificate is not attached to, with 403',
    async (thing) => {
      const answer = await ask(alias, { 'x-amzn-iot-thingname': thing });
      expect(answer.status).toBe(403);
      expect(answer.json()).toEqual({ message: expect.stringContaining(thing) });
    },
  );

  test('refuses who shows no certificate with 403 and a body', async () => {
    const answer = await ask(alias, {}, {});
    expect(answer.status).toBe(403);
    expect(answer.json()['message']).toBeTruthy();
  });

  test('answers 404 with a body for an alias that is not there', async () => {
    const answer = await ask('Nothing', { 'x-amzn-iot-thingname': 'core' });
    expect(answer.status).toBe(404);
    expect(answer.json()).toEqual({ message: 'Role alias Nothing does not exist.' });
  });
});

describe('temporary credentials', () => {
  test('tell who they are', async () => {
    const sts = new STSClient(configured(await credentials()));
    expect(await sts.send(new GetCallerIdentityCommand({}))).toMatchObject({
      Account: '000000000000',
      Arn: `arn:aws:sts::000000000000:assumed-role/GreengrassV2TokenExchangeRole/${certificateId}`,
      UserId: expect.stringMatching(new RegExp(`^AROA[0-9A-F]{17}:${certificateId}$`)),
    });
  });

  test('fetch artifacts, and nothing else of S3', async () => {
    const s3 = s3With(await credentials());
    const object = { Bucket: 'artifacts', Key: 'a.txt' };
    expect(await (await s3.send(new GetObjectCommand(object))).Body?.transformToString()).toBe('content');
    expect((await s3.send(new HeadObjectCommand(object))).ContentLength).toBe(7);
    expect((await s3.send(new GetBucketLocationCommand({ Bucket: 'artifacts' }))).$metadata.httpStatusCode).toBe(200);
    await expect(s3.send(new PutObjectCommand({ ...object, Body: 'other' }))).rejects.toMatchObject({
      name: 'AccessDenied',
      message: expect.stringContaining('s3:PutObject'),
    });
    await expect(s3.send(new ListObjectsV2Command({ Bucket: 'artifacts' }))).rejects.toMatchObject({
      name: 'AccessDenied',
    });
  });

  test('are refused by the control plane, which names the action', async () => {
    const temporary = await credentials();
    await expect(
      new IoTClient(configured(temporary)).send(new CreateThingCommand({ thingName: 'made' })),
    ).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: `User: arn:aws:sts::000000000000:assumed-role/GreengrassV2TokenExchangeRole/${certificateId} is not authorized to perform: iot:CreateThing`,
    });
    await expect(
      new GreengrassV2Client(configured(temporary)).send(new ListCoreDevicesCommand({})),
    ).rejects.toMatchObject({ name: 'AccessDeniedException', $metadata: { httpStatusCode: 403 } });
  });

  test('are refused when their time is over', async () => {
    const secret = await readFile(join(cloud.folder, 'secrets', 'sessions.key'));
    const past = createSessionCredentials({ secret, ids: { random: (bytes) => new Uint8Array(bytes) } });
    const temporary = past.issue({ roleArn, certificateId, thing: 'core', expiresAt: Date.now() - 1000 });
    const get = new GetObjectCommand({ Bucket: 'artifacts', Key: 'a.txt' });
    await expect(s3With(temporary).send(get)).rejects.toMatchObject({ name: 'ExpiredToken' });
    await expect(new IoTClient(configured(temporary)).send(new ListRoleAliasesCommand({}))).rejects.toMatchObject({
      name: 'ExpiredTokenException',
      $metadata: { httpStatusCode: 403 },
    });
  });

  test('are nothing without their token, or with another secret', async () => {
    const { accessKeyId, secretAccessKey, sessionToken } = await credentials();
    const identity = (temporary: Omit<Temporary, 'sessionToken'> & Partial<Temporary>) =>
      new STSClient({ ...sdkConfiguration(cloud), credentials: temporary }).send(new GetCallerIdentityCommand({}));
    await expect(identity({ accessKeyId, secretAccessKey })).rejects.toMatchObject({ name: 'InvalidClientTokenId' });
    await expect(
      identity({ accessKeyId, secretAccessKey: cloud.key.secretAccessKey, sessionToken }),
    ).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
    await expect(identity({ ...cloud.key, sessionToken })).rejects.toMatchObject({ name: 'InvalidClientTokenId' });
  });
});

describe('role aliases', () => {
  test('are there from the first start for the name that devices are configured with', async () => {
    const { roleAliasDescription } = await iot.send(new DescribeRoleAliasCommand({ roleAlias: alias }));
    expect(roleAliasDescription).toMatchObject({
      roleAlias: alias,
      roleAliasArn: `arn:aws:iot:us-east-1:000000000000:rolealias/${alias}`,
      roleArn,
      owner: '000000000000',
      credentialDurationSeconds: 3600,
    });
  });

  test('are made, changed, listed in both orders and deleted', async () => {
    const names = ['zz-a', 'zz-b', 'zz-c'];
    for (const roleAlias of names) await iot.send(new CreateRoleAliasCommand({ roleAlias, roleArn }));
    await expect(iot.send(new CreateRoleAliasCommand({ roleAlias: 'zz-a', roleArn }))).rejects.toMatchObject({
      name: 'ResourceAlreadyExistsException',
    });
    await iot.send(new UpdateRoleAliasCommand({ roleAlias: 'zz-a', credentialDurationSeconds: 900 }));
    const { roleAliasDescription } = await iot.send(new DescribeRoleAliasCommand({ roleAlias: 'zz-a' }));
    expect(roleAliasDescription).toMatchObject({ roleArn, credentialDurationSeconds: 900 });
    const backwards: string[] = [];
    const pages = paginateListRoleAliases({ client: iot, pageSize: 2 }, { ascendingOrder: false });
    for await (const page of pages) backwards.push(...(page.roleAliases ?? []));
    expect(backwards.filter((name) => name.startsWith('zz-'))).toEqual(['zz-c', 'zz-b', 'zz-a']);
    for (const roleAlias of names) await iot.send(new DeleteRoleAliasCommand({ roleAlias }));
    expect((await iot.send(new ListRoleAliasesCommand({}))).roleAliases).toEqual([alias]);
    await expect(iot.send(new DeleteRoleAliasCommand({ roleAlias: 'zz-a' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });

  test.each([
    ['a role of another account', { roleArn: 'arn:aws:iam::111111111111:role/Fetch' }],
    ['what is no role', { roleArn: 'arn:aws:iam::000000000000:user/Fetch' }],
    ['less than 15 minutes', { roleArn, credentialDurationSeconds: 899 }],
    ['more than 12 hours', { roleArn, credentialDurationSeconds: 43_201 }],
  ])('are refused for %s', async (_what, input) => {
    await expect(iot.send(new CreateRoleAliasCommand({ roleAlias: 'bad', ...input }))).rejects.toMatchObject({
      name: 'InvalidRequestException',
    });
  });
});
