import { Agent, get } from 'node:https';
import { TLSSocket } from 'node:tls';
import { CreateComponentVersionCommand, GreengrassV2Client } from '@aws-sdk/client-greengrassv2';
import {
  AddThingToThingGroupCommand,
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateKeysAndCertificateCommand,
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  DeleteCertificateCommand,
  DeletePolicyVersionCommand,
  DetachPolicyCommand,
  DetachThingPrincipalCommand,
  GetRegistrationCodeCommand,
  IoTClient,
  RegisterCACertificateCommand,
  RegisterCertificateCommand,
  RegisterCertificateWithoutCACommand,
  UpdateCertificateCommand,
} from '@aws-sdk/client-iot';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Fault } from '@greensward/kit';
import { dataPlane } from '@greensward/protocol/data-plane';
import { greengrassv2 } from '@greensward/protocol/greengrassv2';
import { iot as iotModel } from '@greensward/protocol/iot';
import { iotData } from '@greensward/protocol/iot-data';
import { iotJobsData } from '@greensward/protocol/iot-jobs-data';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificate } from '../../adapters/testing/certificates.ts';
import { type RunningCloud, runCloud, sdkConfiguration, send } from '../testing/running-cloud.ts';
import { dataPlaneServices } from './data-plane.ts';

interface Identity {
  readonly ca: string;
  readonly key: string;
  readonly cert: string;
  readonly certificateId: string;
}

let cloud: RunningCloud;
let foreign: RunningCloud;
let iot: IoTClient;
let device: Identity;

const document = (Action: unknown, Resource: string) =>
  JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action, Resource } });

async function identity(of: RunningCloud): Promise<Identity & { arn: string }> {
  const client = new IoTClient(sdkConfiguration(of));
  const made = await client.send(new CreateKeysAndCertificateCommand({ setAsActive: true }));
  await client.send(new AttachPolicyCommand({ policyName: 'all', target: made.certificateArn }));
  return {
    ca: cloud.rootPem,
    key: made.keyPair?.PrivateKey ?? '',
    cert: made.certificatePem ?? '',
    certificateId: made.certificateId ?? '',
    arn: made.certificateArn ?? '',
  };
}

beforeAll(async () => {
  [cloud, foreign] = await Promise.all([runCloud(), runCloud()]);
  iot = new IoTClient(sdkConfiguration(cloud));
  const policyDocument = document(['iot:*', 'iotjobsdata:*', 'greengrass:*'], '*');
  for (const of of [cloud, foreign]) {
    const client = new IoTClient(sdkConfiguration(of));
    await client.send(new CreatePolicyCommand({ policyName: 'all', policyDocument }));
  }
  const made = await identity(cloud);
  device = made;
  await iot.send(new CreateThingCommand({ thingName: 'core' }));
  await iot.send(new CreateThingCommand({ thingName: 'other' }));
  await iot.send(new AttachThingPrincipalCommand({ thingName: 'core', principal: made.arn }));
  await iot.send(new CreateThingGroupCommand({ thingGroupName: 'plant' }));
  await iot.send(new CreateThingGroupCommand({ thingGroupName: 'line', parentGroupName: 'plant' }));
  await iot.send(new AddThingToThingGroupCommand({ thingGroupName: 'line', thingName: 'core' }));
});

afterAll(async () => {
  await Promise.all([cloud.destroy(), foreign.destroy()]);
});

const ask = (
  path: string,
  options: {
    method?: string;
    body?: string;
    headers?: Readonly<Record<string, string>>;
    tls?: Partial<Identity> & { ALPNProtocols?: string[] };
  } = {},
) => send(cloud.ports.devicePort, { ...options, path, tls: { ...device, ...options.tls } });

describe('the device port', () => {
  const groups = '/greengrass/v2/coreDevices/core/thingGroups';

  test('tells a device its groups with their ancestors', async () => {
    const answer = await ask(groups);
    expect(answer.status).toBe(200);
    expect(answer.json()).toEqual({
      thingGroups: [
        {
          thingGroupName: 'line',
          thingGroupArn: 'arn:aws:iot:us-east-1:000000000000:thinggroup/line',
          rootToParentThingGroups: [
            { thingGroupName: 'plant', thingGroupArn: 'arn:aws:iot:us-east-1:000000000000:thinggroup/plant' },
          ],
        },
      ],
    });
  });

  test.each([[['x-amzn-http-ca', 'http/1.1']], [['http/1.1']], [['x-amzn-http-ca']]])(
    'speaks HTTP/1.1 for ALPN %s',
    async (ALPNProtocols) => {
      expect((await ask(groups, { tls: { ALPNProtocols } })).status).toBe(200);
    },
  );

  test('knows a device again when its TLS session is resumed', async () => {
    const agent = new Agent({ ...device, servername: 'localhost', keepAlive: false });
    const once = () =>
      new Promise<{ status: number | undefined; resumed: boolean }>((resolve, reject) => {
        const request = get({ agent, host: '127.0.0.1', port: cloud.ports.devicePort, path: groups }, (response) => {
          const resumed = response.socket instanceof TLSSocket && response.socket.isSessionReused();
          response.resume().on('end', () => resolve({ status: response.statusCode, resumed }));
        });
        request.on('error', reject);
      });
    expect(await once()).toEqual({ status: 200, resumed: false });
    expect(await once()).toEqual({ status: 200, resumed: true });
  });

  test('another thing is refused with 403', async () => {
    const answer = await ask('/greengrass/v2/coreDevices/other/thingGroups');
    expect(answer.status).toBe(403);
    expect(answer.headers['x-amzn-errortype']).toBe('AccessDeniedException');
    expect((await ask('/things/other/shadow')).status).toBe(403);
    expect((await ask('/things/other/jobs')).status).toBe(403);
  });

  const component = 'arn:aws:greengrass:us-east-1:000000000000:components:A:versions:1.0.0';
  const alias = 'GreengrassV2TokenExchangeRoleAlias';
  type Row = readonly [method: string, path: string, headers?: Readonly<Record<string, string>>];
  const things = (thing: string): readonly Row[] => [
    ['GET', `/greengrass/v2/coreDevices/${thing}/thingGroups`],
    ['GET', `/greengrass/things/${thing}/connectivityInfo`],
    ['PUT', `/greengrass/things/${thing}/connectivityInfo`],
    ['GET', `/greengrass/discover/thing/${thing}`],
    ['GET', `/role-aliases/${alias}/credentials`, { 'x-amzn-iot-thingname': decodeURIComponent(thing) }],
    ['GET', `/things/${thing}/jobs`],
    ['PUT', `/things/${thing}/jobs/$next`],
    ['GET', `/things/${thing}/jobs/$next`],
    ['GET', `/things/${thing}/jobs/j`],
    ['POST', `/things/${thing}/jobs/j`],
    ...['', '?name=x', '?name=AWSManagedGreengrassV2Deployment'].flatMap((name): readonly Row[] =>
      ['GET', 'POST', 'DELETE'].map((method) => [method, `/things/${thing}/shadow${name}`]),
    ),
    ['GET', `/api/things/shadow/ListNamedShadowsForThing/${thing}`],
  ];
  const bodyOf = (method: string) =>
    method === 'GET' || method === 'DELETE' ? {} : { body: '{"status":"SUCCEEDED","ConnectivityInfo":[]}' };

  const ofOther = [...things('other'), ...things('%6fther')].map(
    ([method, path, headers = {}]) => [method, path, headers] as const,
  );
  test.each(ofOther)('%s %s of another thing is refused', async (method, path, headers) => {
    expect((await ask(path, { method, headers, ...bodyOf(method) })).status).toBe(403);
  });

  const ofNoThing: readonly Row[] = [
    ['POST', '/greengrass/v2/resolveComponentCandidates'],
    ['GET', `/greengrass/v2/components/${component}/artifacts/a`],
  ];
  const routes = [...things('core'), ...ofNoThing];

  /** The operation that the device port serves there; undefined for none. */
  function served(method: string, pathAndQuery: string): string | undefined {
    const [path = '', query = ''] = pathAndQuery.split('?');
    const body = (async function* () {})();
    const arrival = { method, path, query, headers: {}, body, certificate: undefined, address: '' };
    try {
      return dataPlaneServices()(arrival).route(arrival).operation;
    } catch (error) {
      if (error instanceof Fault) return undefined;
      throw error;
    }
  }
  const operationsOf = (rows: readonly Row[]) => new Set(rows.map(([method, path]) => served(method, path)));

  test('every route there is has a row in these matrices', () => {
    const tables = [dataPlane, greengrassv2, iotModel, iotData, iotJobsData].flatMap((each) => [...each.allOperations]);
    const exists = tables.flatMap(([, [method, uri]]) => {
      // `$`-literals stay; a label is any name.
      const operation = served(method, uri.replaceAll(/\{\w+\+?\}/g, 'x'));
      return operation === undefined ? [] : [operation];
    });
    expect(operationsOf(routes)).toEqual(new Set(exists));
    expect(new Set(exists).size).toBeGreaterThan(10);
  });

  async function refusedEverywhere(tls: { ca: string; key?: string; cert?: string }) {
    for (const [method, path, headers = {}] of routes) {
      const answer = await send(cloud.ports.devicePort, { method, path, headers, ...bodyOf(method), tls });
      expect([path, answer.status]).toEqual([path, 403]);
      expect(answer.headers['x-amzn-errortype']).toBe('AccessDeniedException');
    }
  }

  test.each(['REVOKED', 'INACTIVE', 'deleted', 'detached'])(
    'a certificate that is %s is refused on every route',
    async (state) => {
      const made = await identity(cloud);
      await iot.send(new AttachThingPrincipalCommand({ thingName: 'core', principal: made.arn }));
      expect((await ask(groups, { tls: made })).status).toBe(200);
      if (state === 'detached' || state === 'deleted')
        await iot.send(new DetachThingPrincipalCommand({ thingName: 'core', principal: made.arn }));
      if (state !== 'detached') {
        const newStatus = state === 'REVOKED' ? 'REVOKED' : 'INACTIVE';
        await iot.send(new UpdateCertificateCommand({ certificateId: made.certificateId, newStatus }));
      }
      const { certificateId } = made;
      if (state === 'deleted') await iot.send(new DeleteCertificateCommand({ certificateId, forceDelete: true }));
      await refusedEverywhere(made);
    },
  );

  test('no certificate, one of another authority, one of a registered authority that is not registered itself, and one of no thing are refused on every route', async () => {
    const ca = await makeCertificate('CN=Works CA', { authority: true });
    await iot.send(
      new RegisterCACertificateCommand({ caCertificate: ca.pem, certificateMode: 'SNI_ONLY', setAsActive: true }),
    );
    const leaf = await makeCertificate('CN=stranger', { issuer: ca });
    const self = await makeCertificate('CN=stranger');
    await refusedEverywhere({ ca: cloud.rootPem });
    await refusedEverywhere(await identity(foreign));
    await refusedEverywhere({ ca: cloud.rootPem, key: leaf.keyPem, cert: leaf.pem });
    await refusedEverywhere({ ca: cloud.rootPem, key: self.keyPem, cert: self.pem });
    await refusedEverywhere(await identity(cloud));
  });

  test('a certificate of a registered authority, and one registered without, act as their thing', async () => {
    const ca = await makeCertificate('CN=Other works CA', { authority: true });
    const { registrationCode } = await iot.send(new GetRegistrationCodeCommand({}));
    const proof = await makeCertificate(`CN=${registrationCode}`, { issuer: ca });
    const authority = { caCertificate: ca.pem, verificationCertificate: proof.pem, setAsActive: true };
    await iot.send(new RegisterCACertificateCommand(authority));
    const leaf = await makeCertificate('CN=core', { issuer: ca });
    const self = await makeCertificate('CN=core');
    const registered = [
      await iot.send(new RegisterCertificateCommand({ certificatePem: leaf.pem, status: 'ACTIVE' })),
      await iot.send(new RegisterCertificateWithoutCACommand({ certificatePem: self.pem, status: 'ACTIVE' })),
    ];
    for (const { certificateArn: principal } of registered) {
      await iot.send(new AttachThingPrincipalCommand({ thingName: 'core', principal }));
      await iot.send(new AttachPolicyCommand({ policyName: 'all', target: principal }));
    }
    for (const { pem: cert, keyPem: key } of [leaf, self]) {
      expect((await ask(groups, { tls: { key, cert } })).status).toBe(200);
      expect((await ask('/things/other/shadow', { tls: { key, cert } })).status).toBe(403);
    }
  });

  test('each route is decided by policies, under its own action and resource', async () => {
    const made = await identity(cloud);
    await iot.send(new AttachThingPrincipalCommand({ thingName: 'core', principal: made.arn }));
    await iot.send(new DetachPolicyCommand({ policyName: 'all', target: made.arn }));
    await refusedEverywhere(made);
    const account = 'us-east-1:000000000000';
    const thing = `arn:aws:iot:${account}:thing/core`;
    const roleAlias = `arn:aws:iot:${account}:rolealias/${alias}`;
    const needed = new Map([
      [`GET /greengrass/v2/coreDevices/core/thingGroups`, ['greengrass:ListThingGroupsForCoreDevice', thing]],
      ['GET /greengrass/things/core/connectivityInfo', ['greengrass:GetConnectivityInfo', thing]],
      ['PUT /greengrass/things/core/connectivityInfo', ['greengrass:UpdateConnectivityInfo', thing]],
      ['GET /greengrass/discover/thing/core', ['greengrass:Discover', thing]],
      [`GET /role-aliases/${alias}/credentials`, ['iot:AssumeRoleWithCertificate', roleAlias]],
      ['GET /things/core/jobs', ['iotjobsdata:GetPendingJobExecutions', thing]],
      ['PUT /things/core/jobs/$next', ['iotjobsdata:StartNextPendingJobExecution', thing]],
      ['GET /things/core/jobs/$next', ['iot:DescribeJobExecution', thing]],
      ['POST /things/core/jobs/j', ['iotjobsdata:UpdateJobExecution', thing]],
      ['GET /things/core/shadow', ['iot:GetThingShadow', thing]],
      ['GET /things/core/shadow?name=x', ['iot:GetThingShadow', `${thing}/x`]],
      ['POST /things/core/shadow', ['iot:UpdateThingShadow', thing]],
      ['DELETE /things/core/shadow', ['iot:DeleteThingShadow', thing]],
      ['GET /api/things/shadow/ListNamedShadowsForThing/core', ['iot:ListNamedShadowsForThing', thing]],
      ['POST /greengrass/v2/resolveComponentCandidates', ['greengrass:ResolveComponentCandidates', '*']],
      [`GET /greengrass/v2/components/${component}/artifacts/a`, ['greengrass:GetComponentVersionArtifact', component]],
    ]);
    const decided = [...needed.keys()].map((each): Row => [each.split(' ')[0] ?? '', each.split(' ')[1] ?? '']);
    expect(operationsOf(decided)).toEqual(operationsOf(routes));
    await iot.send(new CreatePolicyCommand({ policyName: 'one', policyDocument: document('iot:Connect', '*') }));
    await iot.send(new AttachPolicyCommand({ policyName: 'one', target: made.arn }));
    let version = '1';
    for (const [route, [action = '', resource = '']] of needed) {
      const policyDocument = document(action, resource);
      const next = new CreatePolicyVersionCommand({ policyName: 'one', policyDocument, setAsDefault: true });
      const { policyVersionId } = await iot.send(next);
      await iot.send(new DeletePolicyVersionCommand({ policyName: 'one', policyVersionId: version }));
      version = policyVersionId ?? '';
      const allowed: string[] = [];
      for (const each of needed.keys()) {
        const [method = '', path = ''] = each.split(' ');
        const answer = await ask(path, { method, ...bodyOf(method), tls: made });
        if (answer.status !== 403) allowed.push(each);
      }
      expect([action, resource, ...allowed]).toEqual([action, resource, route]);
    }
  });

  test('serves the jobs and the shadows of its own thing', async () => {
    expect((await ask('/things/core/jobs')).json()).toEqual({ inProgressJobs: [], queuedJobs: [] });
    const update = await ask('/things/core/shadow', { method: 'POST', body: '{"state":{"reported":{"on":true}}}' });
    expect(update.status).toBe(200);
    expect((await ask('/things/core/shadow')).json()).toMatchObject({ state: { reported: { on: true } } });
  });

  test('an unknown path is a JSON 404 and a line in the log', async () => {
    const answer = await ask('/greengrass/v2/somethingNew');
    expect(answer.status).toBe(404);
    expect(answer.headers['x-amzn-errortype']).toBe('ResourceNotFoundException');
    expect(cloud.log).toContainEqual(
      expect.objectContaining({ message: 'refused', path: '/greengrass/v2/somethingNew' }),
    );
  });

  test('resolves a component, and serves its artifact without a certificate, whole and in ranges', async () => {
    const s3 = new S3Client({ ...sdkConfiguration(cloud), forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: 'artifacts' }));
    await s3.send(new PutObjectCommand({ Bucket: 'artifacts', Key: 'dir/run me.sh', Body: 'echo hello' }));
    const greengrass = new GreengrassV2Client(sdkConfiguration(cloud));
    const recipe = {
      RecipeFormatVersion: '2020-01-25',
      ComponentName: 'com.example.App',
      ComponentVersion: '1.0.0',
      Manifests: [{ Platform: { os: 'linux' }, Artifacts: [{ Uri: 's3://artifacts/dir/run me.sh' }] }],
    };
    const inlineRecipe = Buffer.from(JSON.stringify(recipe));
    const { arn = '' } = await greengrass.send(new CreateComponentVersionCommand({ inlineRecipe }));
    const body = JSON.stringify({
      platform: { attributes: { os: 'linux', architecture: 'amd64' } },
      componentCandidates: [
        { componentName: 'com.example.App', versionRequirements: { 'thinggroup/line': '>=1.0.0' } },
      ],
    });
    const resolved = await ask('/greengrass/v2/resolveComponentCandidates', { method: 'POST', body });
    expect(resolved.status).toBe(200);
    const [found] = resolved.json()['resolvedComponentVersions'] as { arn: string; recipe: string }[];
    expect(found?.arn).toBe(arn);
    const answered = JSON.parse(Buffer.from(found?.recipe ?? '', 'base64').toString());
    const uri: string = answered.Manifests[0].Artifacts[0].Uri;
    expect(uri).toMatch(/^greengrass:/);
    const name = uri.slice('greengrass:'.length).split('/').map(encodeURIComponent).join('/');
    const signed = await ask(`/greengrass/v2/components/${arn}/artifacts/${name}`);
    const url = new URL(String(signed.json()['preSignedUrl']));
    expect(url.hostname).toBe('localhost');
    expect(url.port).toBe(String(cloud.ports.devicePort));
    const { ca } = device;
    const path = `${url.pathname}${url.search}`;
    const whole = await send(cloud.ports.devicePort, { path, tls: { ca } });
    expect(whole.body.toString()).toBe('echo hello');
    expect(whole.headers['content-length']).toBe('10');
    const part = await send(cloud.ports.devicePort, { path, tls: { ca }, headers: { range: 'bytes=5-9' } });
    expect([part.status, part.body.toString(), part.headers['content-range']]).toEqual([206, 'hello', 'bytes 5-9/10']);
    const head = await send(cloud.ports.devicePort, { method: 'HEAD', path, tls: { ca } });
    expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, '10', 0]);
    const forged = await send(cloud.ports.devicePort, {
      path: path.replace(/signature=../, 'signature=00'),
      tls: { ca },
    });
    expect(forged.status).toBe(403);
  });

  test('a component that no version fits is 404 in the words a nucleus looks for', async () => {
    const body = JSON.stringify({
      platform: { attributes: { os: 'linux' } },
      componentCandidates: [{ componentName: 'com.example.None', versionRequirements: { LOCAL: '*' } }],
    });
    const answer = await ask('/greengrass/v2/resolveComponentCandidates', { method: 'POST', body });
    expect(answer.status).toBe(404);
    expect(answer.json()['message']).toContain('no usable version');
  });
});
