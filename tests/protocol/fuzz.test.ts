import { once } from 'node:events';
import { GetCoreDeviceCommand, ListCoreDevicesCommand } from '@aws-sdk/client-greengrassv2';
import { DescribeJobExecutionCommand } from '@aws-sdk/client-iot';
import { GetThingShadowCommand, ListNamedShadowsForThingCommand } from '@aws-sdk/client-iot-data-plane';
import {
  connectPacket,
  disconnectPacket,
  pingPacket,
  pubackPacket,
  publishPacket,
  subscribePacket,
  unsubscribePacket,
  type Version,
} from '@greensward/simulator/packets';
import { until } from '@greensward/testkit/until';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { refusalOf } from '../conformance/conformance-cloud.ts';
import { dialer, dial as dialTls } from './bare-client.ts';
import { type Identity, type ProtocolCloud, startProtocolCloud } from './protocol-cloud.ts';
import { type Connection, javaConnect, ScriptedNucleus } from './scripted-nucleus.ts';

// Whatever a device with a real certificate sends: at most its own connection ends, the cloud stays up, another device is
// served as before, and nothing of it is stored. A failing run prints the seed; FUZZ_SEED repeats it.

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000_000);
const timeLimit = { seed, interruptAfterTimeLimit: 3000, markInterruptAsFailure: false };

let cloud: ProtocolCloud;
let attacker: Identity;
let jobId: string;
let bystander: ScriptedNucleus;
let other: Connection;

beforeAll(async () => {
  console.log(`fuzz seed ${seed}`);
  cloud = await startProtocolCloud();
  attacker = await cloud.core('attacker', ['attacked']);
  ({ jobId } = await cloud.deploy({ targetArn: await cloud.group('attacked') }));
  bystander = new ScriptedNucleus(cloud.cloud.mqttPort, await cloud.core('bystander'));
  other = await bystander.connect(javaConnect('bystander', true));
  await until('the job is rolled out', () => statusOf('attacker'));
});
afterAll(async () => {
  // Nothing that a device sends is a failure of ours.
  expect(
    cloud.cloud.process
      .output()
      .split('\n')
      .filter((line) => line.includes('"level":"error"')),
  ).toEqual([]);
  await bystander.stop();
  await cloud.stop();
});

const statusOf = async (thingName: string) => {
  const found = await cloud.iot.send(new DescribeJobExecutionCommand({ jobId, thingName })).catch(() => undefined);
  return found?.execution?.status;
};

/** The other device's round trip, on the connection it had before. */
async function unharmed(): Promise<void> {
  const answer = await bystander.askNext(other);
  expect(answer.outcome).toBe('accepted');
  expect(other.ended).toBe(false);
}

/** What the attacker is known by, and had not before. */
async function nothingStored(): Promise<void> {
  const thingName = 'attacker';
  expect(await refusalOf(cloud.data.send(new GetThingShadowCommand({ thingName })))).toMatchObject({ status: 404 });
  const { results } = await cloud.data.send(new ListNamedShadowsForThingCommand({ thingName }));
  expect(results).toEqual([]);
  expect(
    await refusalOf(cloud.greengrass.send(new GetCoreDeviceCommand({ coreDeviceThingName: thingName }))),
  ).toMatchObject({ status: 404 });
  const { coreDevices } = await cloud.greengrass.send(new ListCoreDevicesCommand({}));
  expect(coreDevices).toEqual([]);
  expect(await statusOf(thingName)).toBe('QUEUED');
}

async function dial() {
  const socket = await dialTls(dialer(cloud.cloud.mqttPort, attacker));
  socket.resume();
  return socket;
}

/** Sends the bytes and hangs up; resolves when the connection is gone, which it must be whatever the cloud made of them. */
async function throwAt(chunks: readonly Uint8Array[]): Promise<void> {
  const socket = await dial();
  for (const chunk of chunks) socket.write(chunk);
  socket.end();
  if (!socket.closed) await once(socket, 'close');
}

/** Correct packets, of every kind that a client sends. */
const packetsOf = (version: Version): readonly Buffer[] => [
  publishPacket(version, '$aws/things/attacker/jobs/get', '{}'),
  publishPacket(version, 'any/topic', 'x', 0),
  subscribePacket(version, 2, ['$aws/things/attacker/jobs/+']),
  unsubscribePacket(version, 3, '$aws/things/attacker/jobs/+'),
  pubackPacket(4),
  pingPacket,
  disconnectPacket,
];
const versions = [4, 5] as const;
const stream = fc
  .tuple(fc.constantFrom(...versions), fc.boolean(), fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 6 }))
  .map(([version, connects, chosen]) =>
    Buffer.concat([
      ...(connects ? [connectPacket(version, 'attacker')] : []),
      ...chosen.map((index) => packetsOf(version)[index] ?? pingPacket),
    ]),
  );

describe('bytes of a device', () => {
  test('cut anywhere, in pieces, altered, lengthened or without meaning, end at most its own connection', async () => {
    const whole = stream.map((bytes) => [bytes]);
    const cut = fc.tuple(stream, fc.nat()).map(([bytes, at]) => [bytes.subarray(0, at % bytes.length)]);
    const split = fc.tuple(stream, fc.nat()).map(([bytes, at]) => {
      const place = at % bytes.length;
      return [bytes.subarray(0, place), bytes.subarray(place)];
    });
    const altered = fc
      .tuple(stream, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }))
      .map(([bytes, changes]) => {
        const copy = Buffer.from(bytes);
        for (const [at, value] of changes) copy[at % copy.length] = value;
        return [copy];
      });
    const junk = fc.uint8Array({ maxLength: 300 }).map((bytes) => [bytes]);
    await fc.assert(
      fc.asyncProperty(fc.oneof(whole, cut, split, altered, junk), async (chunks) => {
        await throwAt(chunks);
        await unharmed();
      }),
      { ...timeLimit, numRuns: 300 },
    );
    await nothingStored();
  });

  const lengthened = (first: number, length: readonly number[]) => Buffer.from([first, ...length, 0, 4]);
  test.each([
    { what: 'a length of five bytes', bytes: lengthened(0x30, [0xff, 0xff, 0xff, 0xff, 0x7f]) },
    { what: 'a packet of 256 MB', bytes: lengthened(0x30, [0xff, 0xff, 0xff, 0x7f]) },
    { what: 'a CONNECT of 256 MB', bytes: lengthened(0x10, [0xff, 0xff, 0xff, 0x7f]), first: true },
    { what: 'a topic longer than its packet', bytes: Buffer.from([0x30, 4, 0xff, 0xff, 0x61, 0x61]) },
    { what: 'QoS 3', bytes: Buffer.from([0x36, 5, 0, 1, 0x61, 0, 1]) },
    { what: 'SUBSCRIBE with wrong flags', bytes: Buffer.from([0x80, 6, 0, 1, 0, 1, 0x61, 0]) },
    { what: 'a packet identifier of 0', bytes: Buffer.from([0x32, 5, 0, 1, 0x61, 0, 0]) },
    { what: 'a packet only a server sends', bytes: Buffer.from([0x20, 2, 0, 0]) },
    { what: 'the reserved packet 0', bytes: Buffer.from([0x00, 0]) },
    { what: 'a topic that is not UTF-8', bytes: Buffer.from([0x30, 4, 0, 2, 0xc3, 0x28]) },
    { what: 'a topic with NUL', bytes: Buffer.from([0x30, 4, 0, 2, 0x61, 0x00]) },
    { what: 'a topic with a wildcard', bytes: Buffer.from([0x30, 3, 0, 1, 0x23]) },
    { what: 'a second CONNECT', bytes: connectPacket(4, 'attacker') },
    { what: 'HTTP', bytes: Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), first: true },
  ])('with $what end its connection, by the cloud and at once', async ({ bytes, first = false }) => {
    const socket = await dial();
    const closed = once(socket, 'close');
    if (!first) socket.write(connectPacket(4, 'attacker'));
    socket.write(bytes);
    await closed;
    await unharmed();
  });
});

const deep = (open: string, close: string, levels: number) => open.repeat(levels) + close.repeat(levels);
const prototypes =
  '"__proto__":{"status":"FAILED","state":{},"thing":"bystander"},"constructor":{"prototype":{"polluted":1}}';

/** Payloads that no request takes. */
const wrongPayloads: readonly { readonly what: string; readonly payload: Buffer }[] = [
  { what: 'lists nested 100,000 deep', payload: Buffer.from(deep('[', ']', 100_000)) },
  { what: 'objects nested 30,000 deep', payload: Buffer.from(`${'{"a":'.repeat(30_000)}1${'}'.repeat(30_000)}`) },
  { what: 'nested without an end', payload: Buffer.from('{"state":'.repeat(20_000)) },
  { what: 'bytes that are not UTF-8', payload: Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]) },
  { what: '250,000 bytes of one string', payload: Buffer.from(`"${'x'.repeat(250_000)}"`) },
  { what: 'a number of 100,000 digits', payload: Buffer.from(`[${'9'.repeat(100_000)}]`) },
  { what: 'UTF-16', payload: Buffer.from('{"state":{}}', 'utf16le') },
  { what: 'NUL', payload: Buffer.alloc(1000) },
  { what: 'prototype names alone', payload: Buffer.from(`{${prototypes}}`) },
  {
    what: 'a state of prototype names and levels',
    payload: Buffer.from(`{"state":{"desired":${'{"__proto__":'.repeat(50)}1${'}'.repeat(50)}}}`),
  },
];
const topics = () => [
  `$aws/things/attacker/jobs/${jobId}/update`,
  `$aws/things/attacker/jobs/${jobId}/namespace-aws-gg-deployment/update`,
  '$aws/things/attacker/shadow/update',
  '$aws/things/attacker/shadow/name/x/update',
  '$aws/things/attacker/shadow/name/AWSManagedGreengrassV2Deployment/update',
  '$aws/things/attacker/greengrassv2/health/json',
];

describe('payloads of a device', () => {
  test.each(wrongPayloads)(
    'of $what are rejected where there is an answer, and nothing is stored',
    async ({ payload }) => {
      const device = new ScriptedNucleus(cloud.cloud.mqttPort, attacker);
      const connection = await device.connect(javaConnect('attacker', true));
      for (const topic of topics()) {
        if (topic.endsWith('/update')) {
          expect(await connection.request(topic, payload)).toMatchObject({ outcome: 'rejected' });
        } else await connection.publish(topic, payload);
      }
      await unharmed();
      await device.stop();
      await nothingStored();
    },
  );

  test('of any JSON and any bytes are answered, or the connection ends; nothing breaks', async () => {
    const device = new ScriptedNucleus(cloud.cloud.mqttPort, attacker);
    const connection = await device.connect(javaConnect('attacker', true));
    const anyPayload = fc.oneof(
      fc.json({ maxDepth: 8 }).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc
        .record(
          {
            state: fc.jsonValue(),
            version: fc.jsonValue(),
            clientToken: fc.jsonValue(),
            status: fc.jsonValue(),
            statusDetails: fc.jsonValue(),
            thing: fc.constantFrom('bystander', '__proto__', 1, null),
            sequenceNumber: fc.jsonValue(),
            components: fc.jsonValue(),
          },
          { requiredKeys: [] },
        )
        // Nothing that is right: a state of sections would be stored, and should be.
        .map((members) => Buffer.from(JSON.stringify({ ...members, status: 'NONE', state: [members.state] }))),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...topics()), anyPayload, async (topic, payload) => {
        if (topic.endsWith('/update')) expect((await connection.request(topic, payload)).outcome).toBe('rejected');
        else await connection.publish(topic, payload);
        await unharmed();
      }),
      { ...timeLimit, numRuns: 300 },
    );
    await device.stop();
    await nothingStored();
  });

  test('of a fleet status that speaks for another, or of prototype names, change nothing', async () => {
    const device = new ScriptedNucleus(cloud.cloud.mqttPort, attacker);
    const connection = await device.connect(javaConnect('attacker', true));
    for (const thing of ['bystander', '__proto__', 'constructor', '', 1, null, ['attacker']]) {
      await connection.publish(device.topics.health, device.healthBody({ thing, trigger: 'NUCLEUS_LAUNCH' }));
    }
    await device.stop();
    await nothingStored();
  });
});

describe('topics of a device', () => {
  test.each([
    { what: 'of 65,535 bytes', topic: 'x'.repeat(65_535) },
    {
      what: 'with a shadow name of 60,000 characters',
      topic: `$aws/things/attacker/shadow/name/${'n'.repeat(60_000)}/update`,
    },
    { what: 'with a shadow name of slashes', topic: `$aws/things/attacker/shadow/name/${'/'.repeat(1000)}/update` },
    { what: 'with a job id of 60,000 characters', topic: `$aws/things/attacker/jobs/${'j'.repeat(60_000)}/update` },
    { what: 'with a shadow name with blanks', topic: '$aws/things/attacker/shadow/name/name with blanks/update' },
    { what: 'with an empty shadow name', topic: '$aws/things/attacker/shadow/name//update' },
    { what: 'with a shadow name beyond ASCII', topic: '$aws/things/attacker/shadow/name/\u{10ffff}/update' },
    { what: 'with a path in it', topic: '$aws/things/attacker/jobs/../update' },
    { what: 'with a prototype for a job', topic: '$aws/things/attacker/jobs/__proto__/update' },
    {
      what: 'with a prototype for a namespace',
      topic: '$aws/things/attacker/jobs/constructor/namespace-__proto__/update',
    },
    { what: 'with a prototype for a service', topic: '$aws/things/attacker/__proto__' },
    { what: 'with a prototype for a thing', topic: '$aws/things/__proto__/shadow/update' },
    { what: 'of another device', topic: '$aws/things/bystander/shadow/update' },
    { what: 'of events', topic: '$aws/events/x' },
    { what: 'of the system', topic: '$SYS/x' },
  ])('$what store nothing, and at most its own connection ends', async ({ topic }) => {
    for (const version of versions) {
      await throwAt([
        connectPacket(version, 'attacker'),
        publishPacket(version, topic, '{"state":{"reported":{"a":1}},"status":"FAILED"}'),
        disconnectPacket,
      ]);
      await unharmed();
    }
    await nothingStored();
    const thingName = 'bystander';
    expect(await refusalOf(cloud.data.send(new GetThingShadowCommand({ thingName })))).toMatchObject({ status: 404 });
  });
});
