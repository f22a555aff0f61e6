import { once } from 'node:events';
import { createServer } from 'node:https';
import { Fault, silentLog } from '@greensward/kit';
import { systemIds, systemTimers } from '@greensward/kit/node';
import { createMqttServer, listenTls, type MqttServer, type TlsListener } from '@greensward/mqtt/server';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { retrying } from '../components/retrying.ts';
import type { DeviceConfig } from '../configuration/device-config.ts';
import { readDeviceConfig } from '../configuration/read-device-config.ts';
import { makeCertificates } from './testing/certificates.ts';
import { type Retry, tryEndpoints } from './try-endpoints.ts';

const certificates = makeCertificates('core-1');
const others = makeCertificates('core-1');

/** A cloud that is there: MQTT, and HTTPS for the data plane and the credential provider. */
const clients: string[] = [];
const requests: string[] = [];
let allowed = true;
let status = 200;
let mqtt: MqttServer<undefined>;
let listener: TlsListener;
const { cert, key } = certificates.server;
const https = createServer({ cert, key, ca: certificates.ca, requestCert: true }, (request, response) => {
  requests.push(request.url ?? '');
  const credentials = { accessKeyId: 'A', secretAccessKey: 'S', sessionToken: 'T', expiration: '2030-01-01T00:00:00Z' };
  const body = request.url?.includes('credentials') ? { credentials } : { thingGroups: [] };
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
});
let httpsPort = 0;

beforeAll(async () => {
  mqtt = createMqttServer<undefined>({
    log: silentLog,
    timers: systemTimers,
    ids: systemIds,
    authenticate: async () =>
      allowed ? { allow: true, principal: undefined } : { allow: false, reason: 'not-authorized' },
    authorizePublish: () => false,
    authorizeSubscribe: () => false,
    isRequest: () => false,
    onRequest: async () => {
      throw new Error('nothing is asked');
    },
    onConnected: ({ clientId }) => void clients.push(clientId),
  });
  listener = await listenTls(mqtt, { cert, key, ca: certificates.ca, host: '127.0.0.1', port: 0, log: silentLog });
  https.listen(0, '127.0.0.1');
  await once(https, 'listening');
  const address = https.address();
  httpsPort = typeof address === 'object' ? (address?.port ?? 0) : 0;
});
beforeEach(() => {
  clients.length = 0;
  requests.length = 0;
  allowed = true;
  status = 200;
});
afterAll(async () => {
  await listener.close();
  await mqtt.close();
  https.closeAllConnections();
  https.close();
});

const config = (more: Readonly<Record<string, unknown>>): DeviceConfig =>
  readDeviceConfig(
    JSON.stringify({
      system: { thingName: 'core-1', certificateFilePath: '/c', privateKeyPath: '/k', rootCaPath: '/r' },
      services: {
        'aws.greengrass.Nucleus': {
          configuration: {
            awsRegion: 'us-east-1',
            iotRoleAlias: 'Alias',
            iotDataEndpoint: 'old.example',
            iotCredEndpoint: 'old.example',
            greengrassDataPlaneEndpoint: 'old.example',
            credentialEndpointTimeoutMs: 1,
            mqtt: { standaloneMqttTimeoutMs: 1 },
            ...more,
          },
        },
      },
    }),
    { root: '/root' },
  );
const before = config({});
const retry: Retry = (what, retryLimitMs, signal, work) =>
  retrying({ timers: systemTimers, ids: systemIds, log: silentLog, retryLimitMs }, what, signal, work);
const never = new AbortController().signal;
const attempt = (after: DeviceConfig, tls = certificates.device, signal = never) =>
  tryEndpoints(before, after, { tls, log: silentLog, timers: systemTimers, retry }, signal);
const refused = async (after: DeviceConfig, tls = certificates.device): Promise<Fault> => {
  const error: unknown = await attempt(after, tls).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Fault) return error;
  throw new Error(`no fault but ${error}`);
};
const moved = (more: Readonly<Record<string, unknown>> = {}) =>
  config({
    iotDataEndpoint: 'localhost',
    mqtt: { port: listener.port, standaloneMqttTimeoutMs: 1 },
    iotCredEndpoint: `localhost:${httpsPort}`,
    greengrassDataPlaneEndpoint: `localhost:${httpsPort}`,
    ...more,
  });

test('what is not changed is not tried', async () => {
  await attempt(config({ logging: { level: 'DEBUG' } }));
  expect([...clients, ...requests]).toEqual([]);
});

test('new addresses are used once each, by a client id that takes no connection over', async () => {
  await attempt(moved());
  expect(clients).toEqual(['core-1#endpoint-switch']);
  expect(requests).toEqual(['/greengrass/v2/coreDevices/core-1/thingGroups', '/role-aliases/Alias/credentials']);
});

describe('an address that cannot be used is refused by its name', () => {
  test('of MQTT: where nothing listens, with another authority, or for a device that it does not take', async () => {
    const wrongPort = await refused(moved({ mqtt: { port: 1, standaloneMqttTimeoutMs: 1 } }));
    expect(wrongPort.code).toBe('MQTT_CONNECTION_FAILED');
    expect(wrongPort.message).toMatch(/does not reach the cloud: MQTT to localhost:1: .*ECONNREFUSED/);
    expect((await refused(moved(), { ...certificates.device, ca: others.ca })).message).toContain('MQTT to localhost');
    allowed = false;
    expect((await refused(moved())).code).toBe('MQTT_CONNECTION_FAILED');
  });

  test('of the data plane, before the credential provider is asked', async () => {
    const fault = await refused(moved({ greengrassDataPlaneEndpoint: 'localhost:1' }));
    expect(fault.message).toContain('the data plane https://localhost:1');
    expect(requests).toEqual([]);
  });

  test('of the credential provider', async () => {
    status = 403;
    const fault = await refused(moved());
    expect(fault.code).toBe('CREDENTIAL_ENDPOINT_AUTH_FAILURE');
    expect(fault.message).toContain(`the credential provider localhost:${httpsPort}: it answers 403`);
  });
});

test('a cancellation ends it with its own reason', async () => {
  const cancel = new AbortController();
  const after = moved({ mqtt: { port: 1, standaloneMqttTimeoutMs: 600_000 } });
  const ended = attempt(after, certificates.device, cancel.signal);
  cancel.abort(new Error('cancelled'));
  await expect(ended).rejects.toThrow('cancelled');
});
