import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { createServer as createPlainServer } from 'node:net';
import { TLSSocket } from 'node:tls';
import { Fault, silentLog } from '@greensward/kit';
import { systemTimers } from '@greensward/kit/node';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DataPlane } from './data-plane.ts';
import { createDataPlane } from './https-data-plane.ts';
import { makeCertificates } from './testing/certificates.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const certificates = makeCertificates('core-01');
const never = new AbortController().signal;
let server: Server;
let base: string;
let dataPlane: DataPlane;
let handler: Handler;
const requests: { method: string; url: string; headers: IncomingMessage['headers']; body: string; peer: string }[] = [];

beforeAll(async () => {
  const { cert, key } = certificates.server;
  server = createServer({ cert, key, ca: certificates.ca, requestCert: true, rejectUnauthorized: false });
  server.on('request', async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const { socket } = request;
    const peer = socket instanceof TLSSocket ? (socket.getPeerX509Certificate()?.subject ?? '') : '';
    requests.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body, peer });
    handler(request, response, body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `https://localhost:${portOf(server)}`;
  dataPlane = makeDataPlane(base);
});
beforeEach(() => {
  requests.length = 0;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function portOf(listening: { address(): unknown }): number {
  const address = listening.address();
  if (typeof address === 'object' && address !== null && 'port' in address) return Number(address.port);
  throw new Error('not listening');
}

function makeDataPlane(dataPlaneUrl: string, ca = certificates.ca): DataPlane {
  const tls = { ...certificates.device, ca };
  return createDataPlane({ config: { dataPlaneUrl, thingName: 'core-01' }, tls, log: silentLog, timers: systemTimers });
}

function answer(status: number, body: unknown, headers: Record<string, string> = {}): Handler {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Fault) return error;
  throw new Error(`expected a Fault, got ${String(error)}`);
}

const hello = { name: 'com.example.Hello', requirements: { 'thinggroup/demo': '=1.2.0' } };
const arn = 'arn:aws:greengrass:us-east-1:000000000000:components:com.example.Hello:versions:1.2.0';
const resolved = {
  arn,
  componentName: 'com.example.Hello',
  componentVersion: '1.2.0',
  recipe: Buffer.from('{"RecipeFormatVersion":"2020-01-25"}').toString('base64'),
  vendorGuidance: 'ACTIVE',
};
const resolve = (plane = dataPlane) => plane.resolve(hello, { os: 'linux' }, never);

describe('resolving a component', () => {
  test('sends platform and requirements with the device certificate and decodes the recipe', async () => {
    handler = answer(200, { resolvedComponentVersions: [resolved] });
    expect(await resolve()).toEqual({
      name: 'com.example.Hello',
      version: '1.2.0',
      arn,
      recipe: '{"RecipeFormatVersion":"2020-01-25"}',
    });
    const [request] = requests;
    expect(request).toMatchObject({
      method: 'POST',
      url: '/greengrass/v2/resolveComponentCandidates',
      peer: 'CN=core-01',
    });
    expect(JSON.parse(request?.body ?? '')).toEqual({
      platform: { attributes: { os: 'linux' } },
      componentCandidates: [
        { componentName: 'com.example.Hello', versionRequirements: { 'thinggroup/demo': '=1.2.0' } },
      ],
    });
  });

  test.each([
    [400, 'ValidationException', 'BAD_REQUEST', false],
    [403, 'AccessDeniedException', 'RESOLVE_COMPONENT_CANDIDATES_ACCESS_DENIED', false],
    [404, 'ResourceNotFoundException', 'NO_AVAILABLE_COMPONENT_VERSION', false],
    [404, '', 'RESOURCE_NOT_FOUND', false],
    [409, 'ConflictException', 'CONFLICTED_REQUEST', false],
    [429, 'ThrottlingException', 'THROTTLING_ERROR', true],
    [500, 'InternalServerException', 'SERVER_ERROR', true],
    [503, '', 'SERVER_ERROR', true],
    [302, '', 'HTTP_REQUEST_ERROR', false],
  ])('HTTP %i %s is the fault %s and keeps the message', async (status, type, code, retryable) => {
    handler = answer(status, { message: 'why' }, type === '' ? {} : { 'x-amzn-ErrorType': type });
    expect(await faultOf(resolve())).toMatchObject({ code, retryable, message: 'why' });
  });

  test.each([
    ['no version', []],
    ['two versions', [resolved, resolved]],
    ['another component', [{ ...resolved, componentName: 'com.example.Other' }]],
    ['no recipe', [{ ...resolved, recipe: undefined }]],
  ])('an answer with %s is refused', async (_what, versions) => {
    handler = answer(200, { resolvedComponentVersions: versions });
    expect((await faultOf(resolve())).code).toBe('RESOLVE_COMPONENT_CANDIDATES_BAD_RESPONSE');
  });

  test('an answer without end is cut off', async () => {
    handler = (_request, response) => {
      response.on('error', () => {});
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 32)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    };
    expect(await faultOf(resolve())).toMatchObject({
      code: 'HTTP_REQUEST_ERROR',
      message: expect.stringContaining('4194304'),
    });
  });
});

describe('thing groups', () => {
  test('are collected over all pages, ancestors included, each once', async () => {
    const root = { thingGroupName: 'plant' };
    handler = (request, response) => {
      const second = request.url?.endsWith('nextToken=a%2Fb') ?? false;
      const page = second
        ? { thingGroups: [{ thingGroupName: 'line', rootToParentThingGroups: [root] }] }
        : { thingGroups: [{ thingGroupName: 'demo', rootToParentThingGroups: [root] }], nextToken: 'a/b' };
      answer(200, page)(request, response, '');
    };
    expect(await dataPlane.thingGroups(never)).toEqual(['demo', 'plant', 'line']);
    expect(requests[0]?.url).toBe('/greengrass/v2/coreDevices/core-01/thingGroups');
  });

  test('case 77: are "denied" on 403 and a fault on 500', async () => {
    handler = answer(403, { message: 'no' }, { 'x-amzn-ErrorType': 'AccessDeniedException' });
    expect(await dataPlane.thingGroups(never)).toBe('denied');
    handler = answer(500, {});
    expect(await faultOf(dataPlane.thingGroups(never))).toMatchObject({ code: 'SERVER_ERROR', retryable: true });
  });
});

describe('the address of an artifact', () => {
  test('is asked for with an encoded ARN and the slashes of the name', async () => {
    handler = answer(200, { preSignedUrl: 'https://h/x' });
    expect(await dataPlane.artifactUrl(arn, 'a/b c.zip', never)).toBe('https://h/x');
    const path = `/greengrass/v2/components/${encodeURIComponent(arn)}/artifacts/a/b%20c.zip`;
    expect(requests[0]?.url).toBe(`${path}?s3EndpointType=GLOBAL`);
  });

  test('is a fault of its own on 403', async () => {
    handler = answer(403, { message: 'no' });
    const fault = await faultOf(dataPlane.artifactUrl(arn, 'a', never));
    expect(fault).toMatchObject({ code: 'GET_COMPONENT_VERSION_ARTIFACT_ACCESS_DENIED', retryable: false });
  });
});

describe('the connection', () => {
  test('a server of another authority is not trusted', async () => {
    const other = makeDataPlane(base, makeCertificates('other').ca);
    expect(await faultOf(resolve(other))).toMatchObject({ code: 'TLS_HANDSHAKE_FAILURE', retryable: true });
    expect(requests).toEqual([]);
  });

  test('nobody listening is a network error that may be tried again', async () => {
    const plain = createPlainServer();
    plain.listen(0, '127.0.0.1');
    await once(plain, 'listening');
    const port = portOf(plain);
    plain.close();
    await once(plain, 'close');
    const fault = await faultOf(resolve(makeDataPlane(`https://localhost:${port}`)));
    expect(fault).toMatchObject({ code: 'NETWORK_ERROR', retryable: true });
  });

  test('a kept connection that the server has closed costs nothing', async () => {
    const sockets: { destroy(): void }[] = [];
    handler = (request, response) => {
      sockets.push(request.socket);
      answer(200, { resolvedComponentVersions: [resolved] })(request, response, '');
    };
    await resolve();
    handler = (request, response) => {
      // The kept connection dies with the next request on it, as when the server had just given it up.
      if (request.socket === sockets[0]) request.socket.destroy();
      else answer(200, { resolvedComponentVersions: [resolved] })(request, response, '');
    };
    expect((await resolve()).version).toBe('1.2.0');
  });

  test('a call that is aborted rejects with the reason', async () => {
    const abort = new AbortController();
    handler = () => abort.abort(new Error('enough'));
    await expect(dataPlane.resolve(hello, {}, abort.signal)).rejects.toThrow('enough');
  });
});

describe('a download', () => {
  const bytes = Buffer.from('0123456789');
  const address = () => `${base}/file?signature=secret`;
  const ranged: Handler = (request, response) => {
    const start = Number(request.headers.range?.match(/^bytes=(\d+)-/)?.[1] ?? 0);
    const end = request.headers.range?.endsWith('=0-0') ? 1 : bytes.length;
    if (request.headers.range === undefined) response.writeHead(200, { 'content-length': bytes.length });
    else response.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` });
    response.end(bytes.subarray(start, end));
  };
  const read = async (url: string, start: number) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of await dataPlane.download(url, start, never)) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  };

  test('shows no client certificate and gives the whole file, or the rest of it', async () => {
    handler = ranged;
    expect(await read(address(), 0)).toBe('0123456789');
    expect(await read(address(), 4)).toBe('456789');
    expect(requests.map(({ peer }) => peer)).toEqual(['', '']);
    expect(requests.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=4-']);
  });

  test('skips what it has when the server ignores the range', async () => {
    handler = (_request, response) => response.end(bytes);
    expect(await read(address(), 7)).toBe('789');
  });

  test('refuses another range than the one it asked for', async () => {
    handler = (_request, response) => {
      response.writeHead(206, { 'content-range': 'bytes 0-9/10' });
      response.end(bytes);
    };
    expect((await faultOf(read(address(), 4))).code).toBe('DOWNLOAD_GREENGRASS_ARTIFACT_ERROR');
  });

  test('that breaks off may be tried again', async () => {
    handler = (_request, response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('0123', () => response.destroy());
    };
    expect(await faultOf(read(address(), 0))).toMatchObject({ code: 'NETWORK_ERROR', retryable: true });
  });

  test.each([
    [403, false],
    [404, false],
    [429, true],
    [500, true],
  ])('HTTP %i fails, to be tried again: %s, and the signature is not in the message', async (status, retryable) => {
    handler = answer(status, {});
    const fault = await faultOf(read(address(), 0));
    expect(fault).toMatchObject({ code: 'DOWNLOAD_GREENGRASS_ARTIFACT_ERROR', retryable });
    expect(fault.message).not.toContain('secret');
  });

  test('follows a redirect, but not to another scheme and not for ever', async () => {
    handler = (request, response) => {
      if (request.url === '/there') return ranged(request, response, '');
      response.writeHead(307, { location: '/there' }).end();
    };
    expect(await read(address(), 0)).toBe('0123456789');
    handler = (_request, response) => response.writeHead(302, { location: 'http://localhost:1/' }).end();
    expect((await faultOf(read(address(), 0))).message).toContain('redirects to scheme http:');
    handler = (_request, response) => response.writeHead(302, { location: '/again' }).end();
    expect((await faultOf(read(address(), 0))).message).toContain('redirects more than');
    expect((await faultOf(read('file:///etc/passwd', 0))).code).toBe('DOWNLOAD_GREENGRASS_ARTIFACT_ERROR');
  });

  test('the size is known from a range, a whole answer or an empty file', async () => {
    handler = ranged;
    expect(await dataPlane.size(address(), never)).toBe(10);
    handler = (_request, response) => response.end(bytes);
    expect(await dataPlane.size(address(), never)).toBe(10);
    handler = (_request, response) => response.writeHead(416, { 'content-range': 'bytes */0' }).end();
    expect(await dataPlane.size(address(), never)).toBe(0);
  });

  test('a size that is not told, or refused, is a fault', async () => {
    handler = (_request, response) => {
      response.write('chunked');
      response.end();
    };
    expect((await faultOf(dataPlane.size(address(), never))).code).toBe('GREENGRASS_ARTIFACT_SIZE_NOT_FOUND');
    handler = answer(503, {});
    const fault = await faultOf(dataPlane.size(address(), never));
    expect(fault).toMatchObject({ code: 'GET_GREENGRASS_ARTIFACT_SIZE_ERROR', retryable: true });
  });
});

test('a listener that never speaks TLS is given up in time', async () => {
  const plain = createPlainServer(() => {});
  plain.listen(0, '127.0.0.1');
  await once(plain, 'listening');
  const timers = { ...systemTimers, after: (ms: number, task: () => void) => systemTimers.after(ms / 50, task) };
  const url = `https://localhost:${portOf(plain)}`;
  const config = { dataPlaneUrl: url, thingName: 'core-01' };
  const plane = createDataPlane({ config, tls: certificates.device, log: silentLog, timers });
  expect(await faultOf(resolve(plane))).toMatchObject({
    code: 'NETWORK_ERROR',
    message: expect.stringContaining('5000 ms'),
  });
  plain.close();
});

test('a call that waits for its turn behind slow ones does not count as one without a connection', async () => {
  handler = (request, response) => {
    systemTimers.after(150, () => answer(200, { resolvedComponentVersions: [resolved] })(request, response, ''));
  };
  // The limit for a connection: 100 ms.
  const timers = { ...systemTimers, after: (ms: number, task: () => void) => systemTimers.after(ms / 50, task) };
  const config = { dataPlaneUrl: base, thingName: 'core-01' };
  const plane = createDataPlane({ config, tls: certificates.device, log: silentLog, timers });
  const answers = await Promise.all(Array.from({ length: 12 }, () => resolve(plane)));
  expect(answers.length).toBe(12);
});
