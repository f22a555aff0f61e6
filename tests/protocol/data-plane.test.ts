import { createHash } from 'node:crypto';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askDevicePort, type DeviceAnswer } from './device-http.ts';
import { account, type Identity, type ProtocolCloud, startProtocolCloud } from './protocol-cloud.ts';

// The data plane as the Java nucleus and nucleus lite call it: mutual TLS, unsigned, ALPN x-amzn-http-ca.

const artifact = Buffer.from(Array.from({ length: 10_000 }, (_, index) => index % 251));
const digest = createHash('sha256').update(artifact).digest('base64');
const componentArn = `arn:aws:greengrass:us-east-1:${account}:components:com.example.Hello:versions:1.2.0`;
const sdkHeaders = {
  'amz-sdk-invocation-id': '7b0c2b6f-2c9b-4d53-9b0e-7cf4cf1a5d0e',
  'amz-sdk-request': 'attempt=1; max=4',
  'user-agent': 'aws-sdk-java/2.31.0 Linux/6.1 Java/17',
};

let cloud: ProtocolCloud;
let core: Identity;
let ask: (path: string, options?: { method?: string; body?: string; as?: Identity }) => Promise<DeviceAnswer>;

beforeAll(async () => {
  cloud = await startProtocolCloud();
  core = await cloud.core('core-01', ['line3']);
  await cloud.core('core-02');
  ask = (path, { as = core, ...options } = {}) =>
    askDevicePort(cloud.cloud.devicePort, as, { path, headers: sdkHeaders, ...options });
  await cloud.s3.send(new CreateBucketCommand({ Bucket: 'protocol-artifacts' }));
  await cloud.s3.send(
    new PutObjectCommand({ Bucket: 'protocol-artifacts', Key: 'dir/hello world.bin', Body: artifact }),
  );
  await cloud.publish({
    RecipeFormatVersion: '2020-01-25',
    ComponentName: 'com.example.Hello',
    ComponentVersion: '1.2.0',
    Manifests: [
      {
        Platform: { os: 'linux' },
        Lifecycle: { Run: 'cat {artifacts:path}/x' },
        Artifacts: [{ URI: 's3://protocol-artifacts/dir/hello world.bin' }],
      },
    ],
  });
});
afterAll(() => cloud.stop());

const resolveBody = (requirement: string, attributes: object = { os: 'linux', architecture: 'amd64' }) =>
  JSON.stringify({
    platform: { attributes },
    componentCandidates: [
      { componentName: 'com.example.Hello', versionRequirements: { 'thinggroup/line3': requirement } },
    ],
  });
const resolve = (body: string) => ask('/greengrass/v2/resolveComponentCandidates', { method: 'POST', body });

interface ResolvedRecipe {
  readonly Manifests: readonly {
    readonly Artifacts: readonly { readonly Uri: string; readonly Digest: string; readonly Algorithm: string }[];
  }[];
}
async function resolvedRecipe(): Promise<ResolvedRecipe> {
  const answer = await resolve(resolveBody('=1.2.0'));
  const [only] = Object.values(answer.json()).flat() as readonly { readonly recipe: string }[];
  return JSON.parse(Buffer.from(only?.recipe ?? '', 'base64').toString('utf8'));
}
async function artifactPath(encode: boolean): Promise<string> {
  const { Uri = '' } = (await resolvedRecipe()).Manifests[0]?.Artifacts[0] ?? {};
  const arn = encode ? encodeURIComponent(componentArn) : componentArn;
  const name = encodeURIComponent(Uri.replace(/^greengrass:/, '')).replaceAll('%2F', '/');
  return `/greengrass/v2/components/${arn}/artifacts/${name}`;
}

describe('ResolveComponentCandidates', () => {
  test('answers one candidate with exactly one version, its recipe as base64 of JSON with digest and algorithm', async () => {
    const answer = await resolve(resolveBody('>=1.0.0 <2.0.0'));
    expect(answer.status).toBe(200);
    expect(answer.json()).toEqual({
      resolvedComponentVersions: [
        expect.objectContaining({
          arn: componentArn,
          componentName: 'com.example.Hello',
          componentVersion: '1.2.0',
          recipe: expect.stringMatching(/^[A-Za-z0-9+/]+={0,2}$/),
        }),
      ],
    });
    expect(await resolvedRecipe()).toMatchObject({
      RecipeFormatVersion: '2020-01-25',
      ComponentName: 'com.example.Hello',
      Manifests: [
        { Artifacts: [{ Uri: expect.stringMatching(/^greengrass:/), Digest: digest, Algorithm: 'SHA-256' }] },
      ],
    });
  });

  test('takes the request of nucleus lite', async () => {
    const body = JSON.stringify({
      platform: { name: 'linux', attributes: { os: 'linux', architecture: 'amd64', runtime: 'aws_nucleus_lite' } },
      componentCandidates: [
        { componentName: 'com.example.Hello', versionRequirements: { requirements: '>=1.0.0 <2.0.0' } },
      ],
    });
    const answer = await resolve(body);
    expect(answer.json()).toMatchObject({ resolvedComponentVersions: [{ componentVersion: '1.2.0' }] });
  });

  test.each([
    { what: 'no version fits', body: resolveBody('>2.0.0'), message: /no usable version/ },
    {
      what: 'no manifest is for the platform',
      body: resolveBody('=1.2.0', { os: 'windows', architecture: 'amd64' }),
      message: /claim platform/,
    },
  ])('when $what is a 404 that its header names and whose text the nucleus tells apart', async ({ body, message }) => {
    const answer = await resolve(body);
    expect(answer.status).toBe(404);
    expect(answer.headers['x-amzn-errortype']).toBe('ResourceNotFoundException');
    expect(answer.json()).toMatchObject({ message: expect.stringMatching(message) });
  });

  test.each(['{', '[]', '"x"', JSON.stringify({ componentCandidates: 7 })])(
    'refuses the body %s as a ValidationException',
    async (body) => {
      const answer = await resolve(body);
      expect(answer.status).toBe(400);
      expect(answer.headers['x-amzn-errortype']).toBe('ValidationException');
      expect(answer.json()).toHaveProperty('message');
    },
  );
});

describe('artifacts', () => {
  test.each([
    { form: 'percent-encoded, as the Java SDK sends it', encode: true },
    { form: 'as it is, as lite sends it', encode: false },
  ])('with the ARN in the path $form are given by a pre-signed URL', async ({ encode }) => {
    const answer = await ask(`${await artifactPath(encode)}?s3EndpointType=GLOBAL`);
    expect(answer.status).toBe(200);
    const { preSignedUrl } = answer.json();
    expect(String(preSignedUrl).length).toBeLessThan(2000); // lite reads no more.
  });

  test('are downloaded without a certificate: first to learn the size, then by range, resumed where it stopped', async () => {
    const { preSignedUrl } = (await ask(await artifactPath(true))).json();
    const url = new URL(String(preSignedUrl));
    const { ca } = core;
    const get = (headers: Record<string, string> = {}) =>
      askDevicePort(Number(url.port), { ca }, { path: `${url.pathname}${url.search}`, headers });
    const whole = await get();
    expect(whole.status).toBe(200);
    expect(whole.headers['content-length']).toBe(String(artifact.length));
    expect(whole.headers['transfer-encoding']).toBeUndefined();
    expect(whole.body).toEqual(artifact);
    const all = await get({ range: `bytes=0-${artifact.length - 1}` });
    expect(all.status).toBe(206);
    expect(all.body).toEqual(artifact);
    const rest = await get({ range: `bytes=4321-${artifact.length - 1}` });
    expect(rest.status).toBe(206);
    expect(rest.headers['content-length']).toBe(String(artifact.length - 4321));
    expect(rest.headers['content-range']).toBe(`bytes 4321-${artifact.length - 1}/${artifact.length}`);
    expect(rest.body).toEqual(artifact.subarray(4321));
  });

  test('of a component that does not exist, or of another name, are a 404 with its name in the header', async () => {
    const unknown = encodeURIComponent(componentArn.replace('Hello', 'Nobody'));
    for (const path of [
      `/greengrass/v2/components/${unknown}/artifacts/x`,
      `/greengrass/v2/components/${encodeURIComponent(componentArn)}/artifacts/no/such/file`,
    ]) {
      const answer = await ask(path);
      expect(answer.status).toBe(404);
      expect(answer.headers['x-amzn-errortype']).toBe('ResourceNotFoundException');
    }
  });

  test('by a URL that was altered are refused', async () => {
    const { preSignedUrl } = (await ask(await artifactPath(true))).json();
    const url = new URL(String(preSignedUrl));
    for (const [name, value] of url.searchParams) {
      const altered = new URL(url);
      altered.searchParams.set(name, `${value}0`);
      const { ca } = core;
      const answer = await askDevicePort(Number(url.port), { ca }, { path: `${altered.pathname}${altered.search}` });
      expect(answer.status).toBe(403);
    }
  });
});

describe('the groups of a core device', () => {
  test('come without a token on the last page', async () => {
    const answer = await ask('/greengrass/v2/coreDevices/core-01/thingGroups');
    expect(answer.json()).toEqual({
      thingGroups: [
        {
          thingGroupName: 'line3',
          thingGroupArn: `arn:aws:iot:us-east-1:${account}:thinggroup/line3`,
          rootToParentThingGroups: [],
        },
      ],
    });
  });

  test('are refused to another device with a 403 that its header names', async () => {
    const answer = await ask('/greengrass/v2/coreDevices/core-02/thingGroups');
    expect(answer.status).toBe(403);
    expect(answer.headers['x-amzn-errortype']).toMatch(/^(AccessDenied|Forbidden|Unauthorized)Exception$/);
  });
});

test('a path that is unknown is a JSON error with its name in the header, never a page', async () => {
  const answer = await ask('/greengrass/v2/nope');
  expect(answer.status).toBe(404);
  expect(answer.headers['x-amzn-errortype']).toBe('ResourceNotFoundException');
  expect(answer.headers['content-type']).toContain('application/json');
});
