import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect as connectTcp, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect as connectTls, TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { type Ids, silentLog, type Timers } from '@greensward/kit';
import { systemIds, systemTimers } from '@greensward/kit/node';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConnectRequest, createMqttServer, listenTls, type MqttServer, type TlsListener } from './server.ts';
import { RawClient } from './test-support.ts';

const run = promisify(execFile);

interface Identity {
  readonly key: string;
  readonly cert: string;
}

let folder: string;
let ca: Identity;
let otherCa: Identity;
let serverIdentity: Identity;
let device: Identity;
let stranger: Identity;

async function authority(name: string): Promise<Identity> {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  const subject = ['-subj', `/CN=${name}`, '-addext', 'basicConstraints=critical,CA:TRUE'];
  await run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
    ...subject,
    '-keyout',
    key,
    '-out',
    cert,
  ]);
  return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
}

async function issued(name: string, by: string): Promise<Identity> {
  const [key, csr, cert, extensions] = ['key', 'csr', 'pem', 'ext'].map((end) => join(folder, `${name}.${end}`));
  if (!key || !csr || !cert || !extensions) throw new Error('no names');
  await writeFile(extensions, 'subjectAltName=DNS:localhost,IP:127.0.0.1');
  await run('openssl', [
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    key,
    '-out',
    csr,
  ]);
  await run('openssl', [
    'x509',
    '-req',
    '-in',
    csr,
    '-CA',
    join(folder, `${by}.pem`),
    '-CAkey',
    join(folder, `${by}.key`),
    '-days',
    '2',
    '-extfile',
    extensions,
    '-out',
    cert,
  ]);
  return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
}

let server: MqttServer<string>;
let listener: TlsListener;
let tcpPort: number;
const tcp = createServer({ noDelay: true }, (socket) => server.handle(socket, { address: socket.remoteAddress ?? '' }));
const asked: ConnectRequest[] = [];
const clients: MqttClient[] = [];
const ids: Ids = systemIds;
const timers: Timers = systemTimers;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mqtt-test-'));
  [ca, otherCa] = [await authority('ca'), await authority('other')];
  serverIdentity = await issued('localhost', 'ca');
  device = await issued('device', 'ca');
  stranger = await issued('stranger', 'other');
  server = createMqttServer<string>({
    log: silentLog,
    timers,
    ids,
    authenticate: (request) => {
      asked.push(request);
      return Promise.resolve({ allow: true, principal: request.clientId });
    },
    authorizePublish: () => true,
    authorizeSubscribe: () => true,
    isRequest: (topic) => topic.startsWith('$aws/'),
    onRequest: (_client, { topic, payload }) => Promise.resolve([{ topic: `${topic}/accepted`, payload }]),
  });
  listener = await listenTls(server, { ...serverIdentity, ca: ca.cert, host: '127.0.0.1', port: 0, log: silentLog });
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  const address = tcp.address();
  if (typeof address !== 'object' || !address) throw new Error('no address');
  tcpPort = address.port;
});

afterAll(async () => {
  for (const client of clients) client.end(true);
  await listener.close();
  tcp.close();
  await server.close();
  await rm(folder, { recursive: true });
});

async function join4or5(clientId: string, protocolVersion: 4 | 5, options: IClientOptions = {}): Promise<MqttClient> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${tcpPort}`, {
    clientId,
    protocolVersion,
    reconnectPeriod: 0,
    ...options,
  });
  clients.push(client);
  return client;
}

function nextMessage(client: MqttClient): Promise<[string, string]> {
  return new Promise((resolve) => client.once('message', (topic, payload) => resolve([topic, payload.toString()])));
}

/** Opens a TLS connection as a device; rejects when the server refuses it. */
function tls(identity: Partial<Identity>, options: ConnectionOptions = {}): Promise<RawClient> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      port: listener.port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: ca.cert,
      ...identity,
      ...options,
    });
    const client = new RawClient(socket, 5);
    socket.once('error', reject);
    // With TLS 1.3 a client learns of a refusal of its certificate only after its own handshake: ask for a CONNACK.
    socket.once('secureConnect', () => {
      client.connect('tls-client').then(() => resolve(client), reject);
    });
  });
}

describe.each([4, 5] as const)('MQTT.js, version %i', (version) => {
  test('publishes, subscribes, and gets retained messages over TCP [v3 7.0.0-2 7.1.1-1] [v5 4.2.0-1]', async () => {
    const [one, two] = [await join4or5(`one-${version}`, version), await join4or5(`two-${version}`, version)];
    await two.subscribeAsync(`v${version}/+/data`, { qos: 1 });
    const arrived = nextMessage(two);
    await one.publishAsync(`v${version}/x/data`, 'hello', { qos: 1, retain: true });
    expect(await arrived).toEqual([`v${version}/x/data`, 'hello']);
    const three = await join4or5(`three-${version}`, version);
    const retained = nextMessage(three);
    await three.subscribeAsync(`v${version}/#`, { qos: 1 });
    expect(await retained).toEqual([`v${version}/x/data`, 'hello']);
  });

  test('asks and is answered, though it never subscribed', async () => {
    const client = await join4or5(`asking-${version}`, version);
    const answer = nextMessage(client);
    await client.publishAsync(`$aws/things/${version}/jobs/get`, '{}', { qos: 1 });
    expect(await answer).toEqual([`$aws/things/${version}/jobs/get/accepted`, '{}']);
  });

  test('resumes its session and gets what was queued', async () => {
    const options: IClientOptions = { clean: false, properties: version === 5 ? { sessionExpiryInterval: 600 } : {} };
    const first = await join4or5(`kept-${version}`, version, options);
    await first.subscribeAsync(`queue/${version}`, { qos: 1 });
    await first.endAsync();
    server.publish(`queue/${version}`, 'while away', { qos: 1 });
    const again = mqtt.connect(`mqtt://127.0.0.1:${tcpPort}`, {
      clientId: `kept-${version}`,
      protocolVersion: version,
      reconnectPeriod: 0,
      ...options,
    });
    clients.push(again);
    const [present, message] = await Promise.all([
      new Promise<boolean>((resolve) => again.once('connect', ({ sessionPresent }) => resolve(sessionPresent))),
      nextMessage(again),
    ]);
    expect(present).toBe(true);
    expect(message).toEqual([`queue/${version}`, 'while away']);
  });

  test('is taken over by a second connection with its name', async () => {
    const first = await join4or5(`twin-${version}`, version);
    const closed = new Promise<void>((resolve) => first.once('close', () => resolve()));
    await join4or5(`twin-${version}`, version);
    await closed;
    expect([...server.clients()].filter(({ clientId }) => clientId === `twin-${version}`)).toHaveLength(1);
  });

  test('is told when it uses QoS 2', async () => {
    const client = await join4or5(`qos2-${version}`, version);
    const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
    client.publish('t', 'x', { qos: 2 }, () => {});
    await closed;
  });
});

test('MQTT 5 properties reach an MQTT.js subscriber', async () => {
  const [one, two] = [await join4or5('props-1', 5), await join4or5('props-2', 5)];
  await two.subscribeAsync('props', { qos: 1, properties: { subscriptionIdentifier: 42 } });
  const packet = new Promise<unknown>((resolve) =>
    two.once('message', (_t, _p, { properties }) => resolve(properties)),
  );
  const properties = {
    contentType: 'a/b',
    responseTopic: 'r',
    correlationData: Buffer.from('c'),
    userProperties: { k: ['1', '2'] },
    payloadFormatIndicator: true,
    messageExpiryInterval: 9,
  };
  await one.publishAsync('props', 'x', { qos: 1, properties });
  expect(await packet).toMatchObject({ ...properties, subscriptionIdentifier: 42 });
});

describe('over TLS', () => {
  test('a device with a certificate of the authority is served, and its certificate is handed on', async () => {
    const client = await tls(device, { ALPNProtocols: ['x-amzn-mqtt-ca'] });
    const der = Buffer.from(device.cert.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    expect(Buffer.from(asked.at(-1)?.peerCertificate ?? []).equals(der)).toBe(true);
    client.publish('$aws/ask', 'x', { qos: 1, messageId: 1 });
    await client.next('puback');
    expect(await client.next('publish')).toMatchObject({ topic: '$aws/ask/accepted' });
    await client.drop();
  });

  test.each([
    [['x-amzn-mqtt-ca'], 'x-amzn-mqtt-ca'],
    [['http/1.1', 'mqtt', 'x-amzn-mqtt-ca'], 'x-amzn-mqtt-ca'],
    [['mqtt'], 'mqtt'],
    [['something-else', 'http/1.1'], 'something-else'],
    [[], false],
  ])('a client that offers %j by ALPN is served, and told %s', async (ALPNProtocols, chosen) => {
    const client = await tls(device, { ALPNProtocols });
    expect(client.stream instanceof TLSSocket && client.stream.alpnProtocol).toBe(chosen);
    await client.drop();
  });

  test('one without a certificate, with one of another authority, or with TLS 1.1 is refused', async () => {
    const before = asked.length;
    await expect(tls({})).rejects.toThrow();
    await expect(tls(stranger)).rejects.toThrow();
    await expect(tls(device, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })).rejects.toThrow();
    expect(asked).toHaveLength(before);
  });

  test('without an authority, who is admitted is decided by the certificate, before anything of the client is read', async () => {
    const before = asked.length;
    const seen: Uint8Array[] = [];
    const own = Buffer.from(device.cert.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    const open = await listenTls(server, {
      ...serverIdentity,
      ...{ host: '127.0.0.1', port: 0, log: silentLog },
      admit: async (certificate) => {
        seen.push(certificate);
        if (seen.length === 2) throw new Error('the registry is away');
        return own.equals(certificate);
      },
    });
    const port = { port: open.port };
    const client = await tls(device, port);
    await client.drop();
    await expect(tls(device, port)).rejects.toThrow();
    await expect(tls(stranger, port)).rejects.toThrow();
    await expect(tls({}, port)).rejects.toThrow();
    expect([seen.length, asked.length - before]).toEqual([3, 1]);
    await open.close();
    const neither = listenTls(server, { ...serverIdentity, host: '127.0.0.1', port: 0, log: silentLog });
    await expect(neither).rejects.toMatchObject({ code: 'ListenFailed' });
  });

  test('certificates can be changed while it runs', async () => {
    const renewed = await issued('renewed', 'ca');
    const kept = await tls(device);
    listener.setCertificates({ ...renewed, ca: [ca.cert, otherCa.cert] });
    const client = await tls(stranger);
    expect(await client.drain()).toEqual([]);
    await client.drop();
    await kept.end();
    listener.setCertificates({ ...serverIdentity, ca: ca.cert });
    await expect(tls(stranger)).rejects.toThrow();
  });

  test('a port in use is a Fault that says so', async () => {
    const taken = listenTls(server, {
      ...serverIdentity,
      ca: ca.cert,
      host: '127.0.0.1',
      port: tcpPort,
      log: silentLog,
    });
    await expect(taken).rejects.toMatchObject({ code: 'ListenFailed', context: { port: tcpPort, code: 'EADDRINUSE' } });
  });

  test('a slow handshake is cut off, and closing drops those in their handshake', async () => {
    const hasty = await listenTls(server, {
      ...serverIdentity,
      ca: ca.cert,
      host: '127.0.0.1',
      port: 0,
      log: silentLog,
      handshakeTimeoutMs: 50,
    });
    const silent = connectTcp(hasty.port, '127.0.0.1');
    await new Promise((resolve) => silent.once('close', resolve));
    const other = connectTcp(hasty.port, '127.0.0.1');
    await new Promise((resolve) => other.once('connect', resolve));
    const gone = new Promise((resolve) => other.once('close', resolve));
    await hasty.close();
    await gone;
  });
});
