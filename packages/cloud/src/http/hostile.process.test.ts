import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { CreateKeysAndCertificateCommand, IoTClient } from '@aws-sdk/client-iot';
import { presign, signRequest } from '@greensward/protocol/sigv4';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningCloud, runCloud, sdkConfiguration, send, sendSigned } from './testing/running-cloud.ts';

// What no client library would send, written to the socket as it is.

let cloud: RunningCloud;

beforeAll(async () => {
  cloud = await runCloud();
  await sendSigned(cloud, 's3', { method: 'PUT', path: '/artifacts' });
});

afterAll(async () => {
  await cloud.destroy();
});

interface Exchange {
  /** Everything that was answered, up to `until` or to the end of the connection. */
  readonly text: string;
  readonly ended: boolean;
}

/** Writes `text`; resolves when `until` has come or the connection has ended. `followUp` is written the first time that `until` has come. */
function raw(text: string, options: { until?: RegExp; followUp?: string; device?: boolean } = {}): Promise<Exchange> {
  const { until, device = false } = options;
  let { followUp } = options;
  return new Promise((resolve) => {
    const socket = device
      ? connectTls({ host: '127.0.0.1', port: cloud.ports.devicePort, ca: cloud.rootPem, servername: 'localhost' })
      : connect(cloud.ports.apiPort, '127.0.0.1');
    let answered = '';
    socket.on('error', () => {});
    socket.on('close', () => resolve({ text: answered, ended: true }));
    socket.on('data', (part) => {
      answered += part;
      if (until?.test(answered) !== true) return;
      if (followUp === undefined) {
        resolve({ text: answered, ended: false });
        socket.destroy();
      } else {
        socket.write(followUp);
        followUp = undefined;
      }
    });
    socket.write(text);
  });
}

const request = (...lines: readonly string[]) => `${lines.join('\r\n')}\r\n\r\n`;

describe('what is not one HTTP request', () => {
  test.each([
    ['two lengths', ['Content-Length: 4', 'Content-Length: 5'], '400'],
    ['a length and chunks', ['Content-Length: 4', 'Transfer-Encoding: chunked'], '400'],
    ['a transfer coding that is not known', ['Transfer-Encoding: identity, nope'], '400'],
    ['a folded header', ['X-A: b', ' c: d'], '400'],
    ['a space before a colon', ['Content-Length : 4'], '400'],
    ['headers of a hundred kilobytes', [`X-A: ${'a'.repeat(100_000)}`], '431'],
  ])('with %s it is refused, and the connection ends', async (_what, headers, status) => {
    const { text, ended } = await raw(request('POST /things/x HTTP/1.1', 'Host: a', ...headers));
    expect(ended).toBe(true);
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    // Nothing of the rest is taken for a second request.
    expect(text.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
    expect(text).toMatch(/x-amzn-errortype: \w+\r\n/);
    expect(text).toMatch(/x-amzn-requestid: [0-9a-f-]{36}\r\n/);
    expect(text).toMatch(/\r\ndate: \w{3}, /);
    expect(text).toMatch(/\{"message":".+"\}$/);
    expect(cloud.log).toContainEqual(expect.objectContaining({ message: 'refused', status: Number(status) }));
  });
});

describe('a stranger', () => {
  const scope = 'AKIANOBODY/20260101/us-east-1/greengrass/aws4_request';
  const authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=${'0'.repeat(64)}`;
  const head = (...more: readonly string[]) =>
    request('POST /greengrass/v2/deployments HTTP/1.1', 'Host: a', 'Content-Length: 30000000', ...more);

  test('is refused before a byte of a large body is read', async () => {
    const { text, ended } = await raw(head(`Authorization: ${authorization}`));
    expect(text).toMatch(/^HTTP\/1\.1 403 /);
    expect(ended).toBe(true);
  });

  test('without a certificate is refused so on the device port', async () => {
    const { text } = await raw(
      request('POST /greengrass/v2/resolveComponentCandidates HTTP/1.1', 'Host: a', 'Content-Length: 1000000'),
      { device: true, until: /certificate/ },
    );
    expect(text).toMatch(/^HTTP\/1\.1 403 /);
  });
});

describe('a client that asks before it sends', () => {
  const put = (path: string, secret = cloud.key.secretAccessKey) => {
    const headers = signRequest(
      { method: 'PUT', path, query: '', headers: { host: 'a' } },
      {
        credentials: { ...cloud.key, secretAccessKey: secret },
        region: 'us-east-1',
        service: 's3',
        now: Date.now(),
      },
    );
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    return request(`PUT ${path} HTTP/1.1`, ...lines, 'Content-Length: 4', 'Expect: 100-continue');
  };

  test('is told to go on, and its object is stored', async () => {
    const { text } = await raw(put('/artifacts/asked'), { until: /\r\n\r\n$/, followUp: 'data' });
    expect(text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
  });

  test.each([
    ['for a bucket that is not there', () => put('/no-such-bucket/x'), '404'],
    ['with a wrong secret', () => put('/artifacts/x', 'wrong'), '403'],
  ])('%s is refused without having to send', async (_what, text, status) => {
    const answer = await raw(text());
    expect(answer.text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer.ended).toBe(true);
  });
});

describe('characters that a database cannot keep', () => {
  test.each([
    ['greengrass', 'POST', '/greengrass/v2/deployments', '{"targetArn":"arn:aws:iot:r:1:thing/a\\u0000"}', 'targetArn'],
    ['iot', 'GET', '/thing-groups/a%00', '', 'thingGroupName'],
    ['s3', 'PUT', '/artifacts/a%00b', 'x', 'U+0000'],
    ['s3', 'GET', '/artifacts?list-type=2&prefix=%00', '', 'U+0000'],
  ])('%s %s %s is refused with 400 and says why', async (service, method, path, body, why) => {
    const answer = await sendSigned(cloud, service, { method, path, ...(body === '' ? {} : { body }) });
    expect(answer.status).toBe(400);
    expect(answer.body.toString()).toContain(why);
  });
});

test('nothing secret is in the log or in the headers of an answer', async () => {
  const before = cloud.log.length;
  const { keyPair } = await new IoTClient(sdkConfiguration(cloud)).send(
    new CreateKeysAndCertificateCommand({ setAsActive: true }),
  );
  await sendSigned(cloud, 's3', { method: 'PUT', path: '/artifacts/log', body: 'x' });
  const query = presign(
    { method: 'GET', path: '/artifacts/log', query: '', headers: { host: '127.0.0.1' } },
    { credentials: cloud.key, region: 'us-east-1', service: 's3', now: Date.now(), expiresIn: 60 },
  );
  const pre = await send(cloud.ports.apiPort, { path: `/artifacts/log?${query}`, headers: { host: '127.0.0.1' } });
  expect([pre.status, pre.body.toString()]).toEqual([200, 'x']);
  const headers = signRequest(
    { method: 'GET', path: '/things', query: '', headers: { host: 'a' } },
    { credentials: cloud.key, region: 'us-east-1', service: 'iot', now: Date.now() },
  );
  await send(cloud.ports.apiPort, { path: '/things?changed=1', headers });
  await send(cloud.ports.apiPort, { path: `/nope?${query}`, headers: { host: '127.0.0.1' } });
  expect(cloud.log.length).toBeGreaterThan(before + 3);
  const log = JSON.stringify(cloud.log);
  const signatures = [query, headers['authorization'] ?? ''].map((text) => text.match(/Signature=([0-9a-f]{64})/)?.[1]);
  const secrets = [cloud.key.secretAccessKey, keyPair?.PrivateKey?.split('\n')[1], 'PRIVATE KEY', ...signatures];
  for (const secret of secrets) expect(log).not.toContain(secret ?? 'undefined');
});
