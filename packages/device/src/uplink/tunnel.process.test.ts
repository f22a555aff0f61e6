import { once } from 'node:events';
import { createServer as createPlainServer, type Server as PlainServer } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Fault, silentLog } from '@greensward/kit';
import { systemIds, systemTimers } from '@greensward/kit/node';
import { createMqttServer, listenTls } from '@greensward/mqtt/server';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ProxySettings } from '../configuration/device-config.ts';
import { createCredentialProvider } from './credential-provider.ts';
import { createDataPlane } from './https-data-plane.ts';
import { connectMqtt } from './mqtt-connection.ts';
import { makeCertificates } from './testing/certificates.ts';
import { startProxy, type TestProxy } from './testing/proxy.ts';
import { isDirect } from './tunnel.ts';

const certificates = makeCertificates('core-01');
const tls = certificates.device;
const never = new AbortController().signal;
const basic = (login: string) => `Basic ${Buffer.from(login).toString('base64')}`;

let cloud: Server;
let plain: PlainServer;
let cloudPort: number;
const peers: boolean[] = [];
const proxies: TestProxy[] = [];

beforeAll(async () => {
  const { cert, key } = certificates.server;
  cloud = createServer({ cert, key, ca: certificates.ca, requestCert: true, rejectUnauthorized: false });
  cloud.on('request', (request, response) => {
    peers.push('authorized' in request.socket && request.socket.authorized === true);
    response.setHeader('content-type', 'application/json');
    if (request.url?.startsWith('/role-aliases/')) {
      const credentials = {
        accessKeyId: 'A',
        secretAccessKey: 'S',
        sessionToken: 'T',
        expiration: '2030-01-01T00:00:00Z',
      };
      response.end(JSON.stringify({ credentials }));
    } else if (request.url === '/file') response.end('bytes');
    else response.end(JSON.stringify({ thingGroups: [{ thingGroupName: 'line' }] }));
  });
  cloud.listen(0, '127.0.0.1');
  plain = createPlainServer((_request, response) => response.end('plain'));
  plain.listen(0, '127.0.0.1');
  await Promise.all([once(cloud, 'listening'), once(plain, 'listening')]);
  cloudPort = portOf(cloud);
});
afterEach(async () => {
  for (const proxy of proxies.splice(0)) await proxy.stop();
  peers.length = 0;
});
afterAll(() => {
  for (const server of [cloud, plain]) {
    server.closeAllConnections();
    server.close();
  }
});

function portOf(server: { address(): AddressInfo | string | null }): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function proxied(
  options: Parameters<typeof startProxy>[0] = {},
  more: Partial<ProxySettings> = {},
): Promise<{ readonly proxy: TestProxy; readonly settings: ProxySettings }> {
  const proxy = await startProxy(options);
  proxies.push(proxy);
  return { proxy, settings: { secure: false, host: 'localhost', port: proxy.port, noProxy: [], ...more } };
}

const dataPlane = (proxy: ProxySettings) =>
  createDataPlane({
    config: { dataPlaneUrl: `https://localhost:${cloudPort}`, thingName: 'core-01', proxy },
    tls,
    log: silentLog,
    timers: systemTimers,
  });

describe('HTTPS through a proxy', () => {
  test('goes to the cloud in a tunnel, with the certificate of the device', async () => {
    const { proxy, settings } = await proxied();
    expect(await dataPlane(settings).thingGroups(never)).toEqual(['line']);
    expect(proxy.tunnels).toEqual([{ target: `localhost:${cloudPort}`, authorization: undefined }]);
    expect(peers).toEqual([true]);
  });

  test('uses one tunnel for several requests', async () => {
    const { proxy, settings } = await proxied();
    const plane = dataPlane(settings);
    await plane.thingGroups(never);
    await plane.thingGroups(never);
    expect(proxy.tunnels).toHaveLength(1);
  });

  test('logs in to the proxy, and a refusal is told without the password', async () => {
    const { proxy, settings } = await proxied({ login: 'me:pass:word' });
    const credentials = { username: 'me', password: 'pass:word' };
    expect(await dataPlane({ ...settings, credentials }).thingGroups(never)).toEqual(['line']);
    expect(proxy.tunnels[0]?.authorization).toBe(basic('me:pass:word'));
    const wrong = dataPlane({ ...settings, credentials: { username: 'me', password: 'hush' } }).thingGroups(never);
    await expect(wrong).rejects.toMatchObject({ code: 'NETWORK_ERROR', retryable: true });
    const fault: unknown = await wrong.catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(Fault);
    expect(String(fault)).toContain('407');
    expect(JSON.stringify(fault)).not.toContain('hush');
    expect(String(fault)).not.toMatch(/hush|aHVzaA/);
  });

  test('is direct for the hosts that the configuration names', async () => {
    const { proxy, settings } = await proxied({}, { noProxy: ['localhost'] });
    expect(await dataPlane(settings).thingGroups(never)).toEqual(['line']);
    expect(proxy.tunnels).toEqual([]);
  });

  test('also fetches artifacts and credentials, plain http too', async () => {
    const { proxy, settings } = await proxied();
    const plane = dataPlane(settings);
    for (const url of [`https://localhost:${cloudPort}/file`, `http://localhost:${portOf(plain)}/file`]) {
      let text = '';
      for await (const bytes of await plane.download(url, 0, never)) text += Buffer.from(bytes).toString();
      expect(text).toBe(url.startsWith('https') ? 'bytes' : 'plain');
    }
    const provider = createCredentialProvider({
      config: () => ({
        iotCredEndpoint: `localhost:${cloudPort}`,
        roleAlias: 'Alias',
        thingName: 'core-01',
        proxy: settings,
        httpClient: { connectMs: 5000, idleMs: 5000 },
      }),
      tls,
      timers: systemTimers,
    });
    expect(await provider(never)).toMatchObject({ status: 200, credentials: { accessKeyId: 'A' } });
    expect(proxy.tunnels.map(({ target }) => target)).toEqual([
      `localhost:${cloudPort}`,
      `localhost:${portOf(plain)}`,
      `localhost:${cloudPort}`,
    ]);
  });

  test('reaches a proxy that itself speaks TLS, by the authority of the device', async () => {
    const { proxy, settings } = await proxied({ tls: certificates.server }, { secure: true });
    expect(await dataPlane(settings).thingGroups(never)).toEqual(['line']);
    expect(proxy.tunnels).toHaveLength(1);
  });

  test('without the proxy fails as the network does', async () => {
    const { proxy, settings } = await proxied();
    await proxy.stop();
    proxies.length = 0;
    await expect(dataPlane(settings).thingGroups(never)).rejects.toMatchObject({
      code: 'NETWORK_ERROR',
      retryable: true,
    });
  });
});

describe('MQTT through a proxy', () => {
  const connect = (port: number, proxy: ProxySettings) =>
    connectMqtt(
      {
        host: 'localhost',
        port,
        tls,
        clientId: 'core-01',
        version: 'mqtt5',
        keepAliveMs: 60_000,
        operationTimeoutMs: 5_000,
        connectTimeoutMs: 15_000,
        sessionExpirySeconds: 60,
        receiveMaximum: 100,
        clean: true,
        timers: systemTimers,
        onMessage: () => {},
        proxy,
      },
      never,
    );

  test('connects, publishes, and is refused without the right login', async () => {
    const published: string[] = [];
    const server = createMqttServer<undefined>({
      log: silentLog,
      timers: systemTimers,
      ids: systemIds,
      authenticate: async () => ({ allow: true, principal: undefined }),
      authorizePublish: (_client, topic) => {
        published.push(topic);
        return true;
      },
      authorizeSubscribe: () => true,
      isRequest: () => false,
      onRequest: async () => {
        throw new Error('there are no requests');
      },
    });
    const { cert, key } = certificates.server;
    const listener = await listenTls(server, {
      host: '127.0.0.1',
      port: 0,
      cert,
      key,
      ca: certificates.ca,
      log: silentLog,
    });
    try {
      const { proxy, settings } = await proxied({ login: 'me:secret' });
      const credentials = { username: 'me', password: 'secret' };
      const connection = await connect(listener.port, { ...settings, credentials });
      await connection.publish('a/b', 'x');
      await connection.close();
      expect(published).toEqual(['a/b']);
      expect(proxy.tunnels).toEqual([{ target: `localhost:${listener.port}`, authorization: basic('me:secret') }]);
      const refused = connect(listener.port, settings);
      await expect(refused).rejects.toMatchObject({ code: 'MQTT_CONNECTION_FAILED', retryable: true });
      await expect(refused).rejects.toThrow(/407/);
    } finally {
      await listener.close();
      await server.close();
    }
  });
});

test.each<[string, string, boolean]>([
  ['a.example', 'a.example', true],
  ['A.example', 'a.EXAMPLE', true],
  ['a.example', 'b.a.example', false],
  ['.example', 'b.a.example', true],
  ['*.example', 'a.example', true],
  ['.example', 'badexample', false],
  ['*', 'anything', true],
  ['10.0.0.1', '10.0.0.1', true],
])('%s as a host without proxy: %s', (rule, host, direct) => {
  expect(isDirect({ noProxy: [rule] }, host)).toBe(direct);
});
