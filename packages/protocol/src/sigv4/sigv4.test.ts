import { createHash, createHmac } from 'node:crypto';
import { Fault } from '@greensward/kit';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createSigningKeys,
  parseAuthorization,
  presign,
  type SignableRequest,
  signedService,
  signRequest,
  type VerifiableRequest,
  verifySignature,
} from './sigv4.ts';

// The library of the AWS SDK signs; we verify, and must sign alike.

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const MINUTE = 60_000;
const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const temporary = { ...credentials, sessionToken: 'a/session+token==' };

class Sha256 {
  private readonly hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    const key = typeof secret === 'string' || secret === undefined ? secret : new Uint8Array(bufferOf(secret));
    this.hash = key === undefined ? createHash('sha256') : createHmac('sha256', key);
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.hash.update(typeof data === 'string' ? data : new Uint8Array(bufferOf(data)));
  }
  async digest(): Promise<Uint8Array> {
    return this.hash.digest();
  }
  reset(): void {}
}

function bufferOf(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return data instanceof ArrayBuffer
    ? new Uint8Array(data)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function signer(service: string, signWith: typeof credentials & { sessionToken?: string } = credentials) {
  return new SignatureV4({
    service,
    region: 'us-east-1',
    credentials: signWith,
    sha256: Sha256,
    uriEscapePath: service !== 's3',
    applyChecksum: service === 's3',
  });
}

type Query = Record<string, string | string[]>;

function rawQuery(query: Query): string {
  const encode = (text: string) => encodeURIComponent(text).replaceAll("'", '%27');
  return Object.entries(query)
    .flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((item) => `${encode(name)}=${encode(item)}`),
    )
    .join('&');
}

function sdkRequest(method: string, path: string, query: Query, headers: Record<string, string>, body?: Uint8Array) {
  const all = { host: 'localhost:7400', ...headers };
  return { method, protocol: 'http:', hostname: 'localhost', port: 7400, path, query, headers: all, body };
}

const lookup = (accessKeyId: string) =>
  accessKeyId === credentials.accessKeyId ? credentials.secretAccessKey : undefined;

const verify = (request: VerifiableRequest, now = NOW, s3 = false) =>
  verifySignature(request, lookup, now, { keys: createSigningKeys(), s3 });

const lower = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const error: unknown = await promise.then(
    () => new Error('was accepted'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof Fault) return error;
  throw error;
}

const cases: readonly [service: string, method: string, path: string, query: Query, body: string][] = [
  [
    'greengrass',
    'GET',
    '/greengrass/v2/components/arn%3Aaws%3Agreengrass%3Ar%3A1%3Acomponents%3AA%3Aversions%3A1.0.0%2Bb',
    {},
    '',
  ],
  ['greengrass', 'GET', '/greengrass/v2/components/arn:aws:greengrass:r:1:components:A', {}, ''],
  ['greengrass', 'DELETE', '/tags/x', { tagKeys: ['b c', 'a', 'é', '~'] }, ''],
  ['greengrass', 'POST', '/greengrass/v2/deployments', {}, '{"targetArn":"é\u{1F600}"}'],
  ['iot', 'PUT', '/things/a%20b/principals', { z: '', 'a b': '1/2', A: "it's (*)!" }, ''],
  ['execute-api', 'GET', '/things//jobs/', {}, ''],
  ['iot-jobs-data', 'GET', '/things/T/jobs/%24next', { includeJobDocument: 'true' }, ''],
  ['iotdata', 'POST', '/things/T/shadow', { name: '$s' }, '{"state":{}}'],
  ['sts', 'POST', '/', {}, 'Action=GetCallerIdentity&Version=2011-06-15'],
  ['s3', 'PUT', '/bucket/dir%20(1)/a%2Bb//c.zip', { 'x-id': 'PutObject' }, 'data'],
  ['s3', 'GET', '/bucket/', { 'list-type': '2', prefix: 'a/b ' }, ''],
];

describe('against the SDK signer', () => {
  test.each(cases)('%s %s %s verifies, and is signed alike by us', async (service, method, path, query, text) => {
    const body = new TextEncoder().encode(text);
    for (const who of [credentials, temporary]) {
      const headers = { 'content-type': ' application/json;  charset=utf-8 ', 'user-agent': 'x' };
      const signed = await signer(service, who).sign(sdkRequest(method, path, query, headers, body), {
        signingDate: new Date(NOW),
      });
      const request = { method, path, query: rawQuery(query), headers: lower(signed.headers), body };
      const verified = await verify(request);
      expect(verified).toMatchObject({ accessKeyId: 'AKIDEXAMPLE', region: 'us-east-1', service, presigned: false });
      expect(verified.sessionToken).toBe('sessionToken' in who ? temporary.sessionToken : undefined);
      const ours = signRequest(
        { method, path, query: rawQuery(query), headers: { host: 'localhost:7400', ...headers }, body },
        { credentials: who, region: 'us-east-1', service, now: NOW },
      );
      expect(parseAuthorization(ours['authorization'] ?? '').signature).toBe(
        parseAuthorization(request.headers['authorization'] ?? '').signature,
      );
    }
  });

  test.each(cases.filter(([, method]) => method === 'GET'))(
    '%s %s %s pre-signed verifies until it expires',
    async (service, method, path, query) => {
      const headers: Record<string, string> = service === 's3' ? { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } : {};
      const options = { signingDate: new Date(NOW), expiresIn: 600, unhoistableHeaders: new Set<string>() };
      const signed = await signer(service, temporary).presign(sdkRequest(method, path, query, headers), options);
      const request = {
        method,
        path,
        query: rawQuery(
          Object.fromEntries(Object.entries(signed.query ?? {}).map(([name, value]) => [name, value ?? ''])),
        ),
        headers: { host: 'localhost:7400' },
        body: new Uint8Array(),
      };
      expect(await verify(request, NOW + 600_000)).toMatchObject({
        presigned: true,
        sessionToken: temporary.sessionToken,
      });
      const fault = await faultOf(verify(request, NOW + 600_001));
      expect(fault.code).toBe(service === 's3' ? 'AccessDenied' : 'InvalidSignatureException');
      const tampered = { ...request, path: `${path}x` };
      expect((await faultOf(verify(tampered))).code).toBe('SignatureDoesNotMatch');
      const ours = presign(
        { method, path, query: rawQuery(query), headers: { host: 'localhost:7400' } },
        { credentials: temporary, region: 'us-east-1', service, now: NOW, expiresIn: 600 },
      );
      expect(await verify({ ...request, query: ours })).toMatchObject({ presigned: true, service });
    },
  );

  test('any path, query and body that we sign, we verify', async () => {
    const word = fc.string({ unit: 'grapheme', maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.array(word), fc.dictionary(word, word), fc.uint8Array(), async (parts, query, body) => {
        for (const service of ['greengrass', 's3']) {
          const path = `/${parts.map(encodeURIComponent).join('/')}`;
          const request = { method: 'POST', path, query: rawQuery(query), headers: { host: 'h' }, body };
          const headers = signRequest(request, { credentials, region: 'r', service, now: NOW });
          expect((await verify({ ...request, headers })).service).toBe(service);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('refusals', () => {
  const base: SignableRequest & { body: Uint8Array } = {
    method: 'POST',
    path: '/p',
    query: 'a=b',
    headers: { host: 'h' },
    body: new TextEncoder().encode('{}'),
  };
  const signed = (service: string, now = NOW, who = credentials) => ({
    ...base,
    headers: signRequest(base, { credentials: who, region: 'us-east-1', service, now }),
  });

  test('a request that says nothing', async () => {
    expect(await faultOf(verify(base))).toMatchObject({
      code: 'MissingAuthenticationTokenException',
      context: { status: 403 },
    });
    expect((await faultOf(verify(base, NOW, true))).code).toBe('AccessDenied');
  });

  test.each(['method', 'path', 'query', 'body', 'host'])('a changed %s', async (what) => {
    const request = signed('greengrass');
    const changed = {
      ...request,
      ...(what === 'method' ? { method: 'PUT' } : {}),
      ...(what === 'path' ? { path: '/q' } : {}),
      ...(what === 'query' ? { query: 'a=c' } : {}),
      ...(what === 'body' ? { body: new Uint8Array(2) } : {}),
      ...(what === 'host' ? { headers: { ...request.headers, host: 'other' } } : {}),
    };
    expect(await faultOf(verify(changed))).toMatchObject({ code: 'SignatureDoesNotMatch', context: { status: 403 } });
  });

  test('a key that is not known', async () => {
    const stranger = { accessKeyId: 'AKIDOTHER', secretAccessKey: 'x' };
    expect((await faultOf(verify(signed('iot', NOW, stranger)))).code).toBe('UnrecognizedClientException');
    expect((await faultOf(verify(signed('s3', NOW, stranger)))).code).toBe('InvalidAccessKeyId');
  });

  test('a clock more than 5 minutes away, or 15 for S3', async () => {
    for (const sign of [-1, 1]) {
      await expect(verify(signed('iot'), NOW + sign * 5 * MINUTE)).resolves.toBeDefined();
      const fault = await faultOf(verify(signed('iot'), NOW + sign * (5 * MINUTE + 1000)));
      expect(fault.code).toBe('InvalidSignatureException');
      expect(fault.message).toContain('20260102T030405Z');
      await expect(verify(signed('s3'), NOW + sign * 15 * MINUTE)).resolves.toBeDefined();
      expect((await faultOf(verify(signed('s3'), NOW + sign * 16 * MINUTE))).code).toBe('RequestTimeTooSkewed');
    }
  });

  test('a credential scope of another day', async () => {
    const request = signed('iot');
    const authorization = request.headers['authorization']?.replace('20260102', '20260101') ?? '';
    const changed = { ...request, headers: { ...request.headers, authorization } };
    expect((await faultOf(verify(changed))).code).toBe('SignatureDoesNotMatch');
  });

  test.each([
    'Bearer x',
    'AWS4-HMAC-SHA256',
    'AWS4-HMAC-SHA256 Credential=a/b/c',
    `AWS4-HMAC-SHA256 Credential=A/20260102/r/s/aws4_request, SignedHeaders=host, Signature=xyz`,
    `AWS4-HMAC-SHA256 Credential=A/20260102/r/s/aws4_request, SignedHeaders=Host, Signature=${'0'.repeat(64)}`,
    `AWS4-HMAC-SHA256 Credential=A/20260102/r/s/aws4_request, Signature=${'0'.repeat(64)}`,
    `AWS4-HMAC-SHA256 Credential=A/20260102/r/s3/aws4_request, Credential=A/20260102/r/iot/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`,
  ])('an unreadable header: %s', async (authorization) => {
    const request = { ...base, headers: { ...base.headers, authorization, 'x-amz-date': '20260102T030405Z' } };
    expect((await faultOf(verify(request))).code).toBe('IncompleteSignatureException');
  });

  test('a signature without a date, and one that does not cover the host', async () => {
    const { 'x-amz-date': _, ...undated } = signed('iot').headers;
    expect((await faultOf(verify({ ...base, headers: undated }))).code).toBe('IncompleteSignatureException');
    const request = signed('iot');
    const authorization = request.headers['authorization']?.replace('SignedHeaders=host;', 'SignedHeaders=') ?? '';
    const loose = { ...request, headers: { ...request.headers, authorization } };
    expect((await faultOf(verify(loose))).code).toBe('SignatureDoesNotMatch');
  });

  test('S3: a body that is not the one hashed, an unsigned x-amz- header, chunk signatures', async () => {
    const request = signed('s3');
    expect((await faultOf(verify({ ...request, body: new Uint8Array(3) }))).code).toBe('XAmzContentSHA256Mismatch');
    const added = { ...request, headers: { ...request.headers, 'x-amz-meta-a': 'b' } };
    expect((await faultOf(verify(added))).code).toBe('AccessDenied');
    const hash = 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD';
    const streaming = { ...request, headers: { ...request.headers, 'x-amz-content-sha256': hash } };
    expect((await faultOf(verify(streaming))).code).toBe('NotImplemented');
  });

  test('S3: an unsigned payload is accepted, and said to be one', async () => {
    const { body: _, ...streamed } = base;
    const headers = signRequest(streamed, { credentials, region: 'r', service: 's3', now: NOW });
    expect(await verify({ ...base, headers })).toMatchObject({ payloadHash: 'UNSIGNED-PAYLOAD' });
    expect(await verify({ ...streamed, headers })).toMatchObject({ payloadHash: 'UNSIGNED-PAYLOAD' });
  });

  test('other services: no unsigned payload', async () => {
    const { body: _, ...streamed } = base;
    const headers = signRequest(streamed, { credentials, region: 'r', service: 'iot', now: NOW });
    const claimed = { ...headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' };
    expect((await faultOf(verify({ ...base, headers: claimed }))).code).toBe('SignatureDoesNotMatch');
    expect((await faultOf(verify({ ...streamed, headers: claimed }))).code).toBe('SignatureDoesNotMatch');
  });

  test('anything at all is refused with a fault', async () => {
    const junk = fc.oneof(
      fc.string(),
      fc.constantFrom('AWS4-HMAC-SHA256', 'X-Amz-Date=1', 'X-Amz-Algorithm=AWS4-HMAC-SHA256'),
    );
    await fc.assert(
      fc.asyncProperty(fc.option(junk), junk, junk, async (authorization, query, path) => {
        const headers = authorization === null ? {} : { authorization };
        signedService(authorization ?? undefined, query);
        expect(await faultOf(verify({ method: 'GET', path, query, headers }))).toBeInstanceOf(Fault);
      }),
    );
  });
});

test('the service is read from header and query', () => {
  expect(
    signedService('AWS4-HMAC-SHA256 Credential=A/20260102/r/iot-jobs-data/aws4_request, SignedHeaders=host', ''),
  ).toBe('iot-jobs-data');
  expect(signedService(undefined, 'X-Amz-Credential=A%2F20260102%2Fr%2Fs3%2Faws4_request&x=y')).toBe('s3');
  expect(signedService(undefined, '')).toBeUndefined();
  const decoy =
    'AWS4-HMAC-SHA256 X=A/20260102/r/s3/aws4_request, Credential=A/20260102/r/iot/aws4_request, Signature=0';
  expect(signedService(decoy, '')).toBe('iot');
});

test('the cache of signing keys answers alike when full', () => {
  const keys = createSigningKeys(2);
  const scope = (service: string) => ({ date: '20260102', region: 'r', service });
  const first = keys.of('secret', scope('a'));
  expect(keys.of('secret', scope('a'))).toBe(first);
  for (const service of ['b', 'c', 'd']) keys.of('secret', scope(service));
  expect(keys.of('secret', scope('a'))).not.toBe(first);
  expect(keys.of('secret', scope('a'))).toEqual(first);
});
