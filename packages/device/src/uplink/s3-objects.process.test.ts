import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { silentLog } from '@greensward/kit';
import { systemClock, systemIds, systemTimers } from '@greensward/kit/node';
import { provision, startCloud, type TestCloud } from '@greensward/testkit/cloud';
import { sdkConfiguration } from '@greensward/testkit/sdk-configuration';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readDeviceConfig } from '../configuration/read-device-config.ts';
import { createTokenExchange, type TokenExchange } from '../credentials/token-exchange.ts';
import { type AwsCalls, createAwsCalls } from './aws-call.ts';
import { createCredentialProvider } from './credential-provider.ts';
import { ecrLogin } from './ecr-login.ts';
import { createS3Objects } from './s3-objects.ts';
import { readTlsMaterial } from './tls-material.ts';

const never = new AbortController().signal;
const text = async (bytes: AsyncIterable<Uint8Array>) => {
  const parts = [];
  for await (const part of bytes) parts.push(part);
  return Buffer.concat(parts).toString();
};

describe('with the credentials of the role, from the real cloud', () => {
  const folder = temporaryFolder();
  let cloud: TestCloud;
  let aws: AwsCalls;
  let tokens: TokenExchange;

  beforeAll(async () => {
    cloud = await startCloud(join(folder.path, 'cloud'));
    const root = join(folder.path, 'core');
    await provision(cloud, 'core', [], root);
    const configuration = sdkConfiguration(cloud.folder);
    const s3 = new S3Client({ ...configuration, forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: 'artifacts' }));
    await s3.send(new PutObjectCommand({ Bucket: 'artifacts', Key: 'a dir/ä+b.txt', Body: '0123456789' }));
    s3.destroy();
    const config = readDeviceConfig(await readFile(join(root, 'config.yaml'), 'utf8'), { root });
    const tls = await readTlsMaterial(config);
    tokens = createTokenExchange({
      ask: createCredentialProvider({ config: () => config, tls, timers: systemTimers }),
      clock: systemClock,
      timers: systemTimers,
      ids: systemIds,
      log: silentLog,
    });
    aws = createAwsCalls({
      config,
      settings: () => config,
      credentials: tokens.credentials,
      endpoints: { s3: configuration.endpoint },
      rootCa: tls.ca,
      clock: systemClock,
      timers: systemTimers,
    });
  });
  afterAll(async () => {
    await tokens.stop();
    await cloud.process.stop();
    folder.remove();
  });

  test('an object is sized and read, whole or from where a download broke off', async () => {
    const objects = createS3Objects(aws);
    expect(await objects.size('artifacts', 'a dir/ä+b.txt', never)).toBe(10);
    expect(await text(await objects.download('artifacts', 'a dir/ä+b.txt', 0, never))).toBe('0123456789');
    expect(await text(await objects.download('artifacts', 'a dir/ä+b.txt', 4, never))).toBe('456789');
  });

  test('what is not there has the code of its call', async () => {
    const objects = createS3Objects(aws);
    await expect(objects.size('artifacts', 'nothing', never)).rejects.toMatchObject({
      code: 'S3_HEAD_OBJECT_RESOURCE_NOT_FOUND',
      retryable: false,
    });
    await expect(objects.download('artifacts', 'nothing', 0, never)).rejects.toMatchObject({
      code: 'S3_GET_OBJECT_RESOURCE_NOT_FOUND',
    });
  });
});

describe('against a scripted service', () => {
  let server: Server;
  let aws: AwsCalls;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let seen: { readonly authorization: string; readonly target: string }[];

  beforeEach(async () => {
    seen = [];
    server = createServer((request, response) => {
      const { authorization = '' } = request.headers;
      seen.push({ authorization, target: String(request.headers['x-amz-target'] ?? request.url) });
      answer(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const endpoint = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
    aws = createAwsCalls({
      config: { region: 'eu-west-1' },
      settings: () => ({ httpClient: { connectMs: 5_000, idleMs: 5_000 } }),
      credentials: async () => ({ accessKeyId: 'AKIA', secretAccessKey: 'secret', sessionToken: 'token' }),
      endpoints: { s3: endpoint, ecr: endpoint },
      rootCa: '',
      clock: systemClock,
      timers: systemTimers,
    });
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  test('a bucket of another region is asked there, and from then on at once', async () => {
    answer = (_request, response) => {
      if (!seen.at(-1)?.authorization.includes('/ap-south-1/s3/'))
        return void response.writeHead(301, { 'x-amz-bucket-region': 'ap-south-1' }).end();
      response.writeHead(200, { 'content-length': '3' }).end();
    };
    const objects = createS3Objects(aws);
    expect(await objects.size('far', 'key', never)).toBe(3);
    expect(await objects.size('far', 'key', never)).toBe(3);
    expect(seen.length).toBe(3);
  });

  test.each([
    [403, 'S3_HEAD_OBJECT_ACCESS_DENIED', false],
    [500, 'S3_SERVER_ERROR', true],
    [503, 'S3_SERVER_ERROR', true],
    [429, 'S3_ERROR', true],
    [400, 'S3_BAD_REQUEST', false],
  ])('HTTP %d is %s', async (status, code, retryable) => {
    answer = (_request, response) => void response.writeHead(status).end();
    await expect(createS3Objects(aws).size('b', 'k', never)).rejects.toMatchObject({ code, retryable });
  });

  test('ECR gives a login for a registry in the region of its name', async () => {
    const authorizationToken = Buffer.from('AWS:pass:word').toString('base64');
    answer = (_request, response) => void response.end(JSON.stringify({ authorizationData: [{ authorizationToken }] }));
    const registry = '111122223333.dkr.ecr.us-west-2.amazonaws.com';
    expect(await ecrLogin(aws, registry, never)).toEqual({ username: 'AWS', password: 'pass:word' });
    expect(seen[0]?.authorization).toContain('/us-west-2/ecr/aws4_request');
    expect(seen[0]?.target).toBe('AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken');
  });

  test.each(['not json', '{}', '{"authorizationData":[{"authorizationToken":"QQ=="}]}'])(
    'an answer of ECR that holds no login (%s) is a fault',
    async (body) => {
      answer = (_request, response) => void response.end(body);
      await expect(ecrLogin(aws, '1.dkr.ecr.us-west-2.amazonaws.com', never)).rejects.toMatchObject({
        code: 'GET_ECR_CREDENTIAL_ERROR',
        retryable: false,
      });
    },
  );

  test('a refusal of ECR is a fault of its own', async () => {
    answer = (_request, response) => void response.writeHead(403).end();
    await expect(ecrLogin(aws, '1.dkr.ecr.us-west-2.amazonaws.com', never)).rejects.toMatchObject({
      code: 'GET_ECR_CREDENTIAL_ERROR',
    });
  });
});
