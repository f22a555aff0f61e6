import fc from 'fast-check';
import { generate, type Packet, type UserProperties } from 'mqtt-packet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MemoryStore, type RawClient, type TestServer, testServerOn } from './test-support.ts';

// Streams of valid packets, broken: cut anywhere, with lengths and flags that lie, out of order, with text that is none. What
// a broken client can do at most is lose its own connection.

const text = fc.constantFrom(
  't',
  'a/b',
  '__proto__',
  'constructor',
  '$share/g/t',
  '$aws/x',
  'x'.repeat(5000),
  '\u{1f600}',
);
const filter = fc.oneof(text, fc.constantFrom('#', '+/b', '$share/g/#', 'a/#/b', ''));
const messageId = fc.integer({ min: 1, max: 3 });
const payload = fc
  .oneof(fc.uint8Array({ maxLength: 20 }), fc.constant(new Uint8Array(70_000)))
  .map((b) => Buffer.from(b));

const properties = fc.record(
  {
    messageExpiryInterval: fc.nat(),
    topicAlias: fc.integer({ min: 1, max: 9 }),
    responseTopic: text,
    correlationData: fc.uint8Array({ maxLength: 5 }).map((b) => Buffer.from(b)),
    userProperties: fc.constantFrom<UserProperties>({ a: 'b' }, { a: ['b', 'c'] }, { ['__proto__']: 'x' }),
    contentType: text,
  },
  { requiredKeys: [] },
);

const packet = fc.oneof(
  fc.record({
    cmd: fc.constant('publish' as const),
    topic: text,
    payload,
    qos: fc.constantFrom(0 as const, 1 as const),
    messageId,
    dup: fc.constant(false),
    retain: fc.boolean(),
    properties,
  }),
  fc.record({
    cmd: fc.constant('subscribe' as const),
    messageId,
    subscriptions: fc.array(fc.record({ topic: filter, qos: fc.constantFrom(0 as const, 1 as const, 2 as const) }), {
      minLength: 1,
      maxLength: 3,
    }),
  }),
  fc.record({
    cmd: fc.constant('unsubscribe' as const),
    messageId,
    unsubscriptions: fc.array(filter, { minLength: 1 }),
  }),
  fc.record({ cmd: fc.constant('puback' as const), messageId }),
  fc.record({ cmd: fc.constant('pubrel' as const), messageId }),
  fc.record({ cmd: fc.constantFrom('pingreq' as const, 'disconnect' as const) }),
);

/** What is done to the bytes of one packet. */
type Damage = (bytes: Buffer) => Buffer;

const position = fc.double({ min: 0, max: 0.999, noNaN: true });
const damage: fc.Arbitrary<Damage> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Damage>((bytes) => bytes) },
  position.map<Damage>((at) => (bytes) => bytes.subarray(0, Math.ceil(at * bytes.length))),
  fc.tuple(position, fc.integer({ min: 0, max: 255 })).map<Damage>(([at, value]) => (bytes) => {
    const copy = Buffer.from(bytes);
    copy[Math.floor(at * copy.length)] = value;
    return copy;
  }),
  fc.integer({ min: 0, max: 255 }).map<Damage>((first) => (bytes) => Buffer.from([first, ...bytes.subarray(1, 200)])),
  fc
    .constantFrom([0], [0x7f], [0xff, 0x7f], [0xff, 0xff, 0xff, 0x7f], [0xff, 0xff, 0xff, 0xff], [0x80, 0x80, 0x80, 0])
    .map<Damage>((length) => (bytes) => Buffer.from([bytes[0] ?? 0, ...length, ...bytes.subarray(2, 200)])),
  fc.uint8Array({ maxLength: 40 }).map<Damage>((noise) => () => Buffer.from(noise)),
);

/** Valid packets of a version, each damaged or not; what its encoder refuses is left out. */
function streams(version: 4 | 5): fc.Arbitrary<Buffer[]> {
  const connect: Packet = {
    ...{ cmd: 'connect', protocolId: 'MQTT', protocolVersion: version, clientId: 'fuzz', clean: false },
    ...(version === 5 && { properties: { sessionExpiryInterval: 60 } }),
  };
  const withWill: Packet = { ...connect, will: { topic: 'w', payload: Buffer.from('x'), qos: 1, retain: true } };
  const one = fc
    .tuple(fc.oneof({ weight: 8, arbitrary: packet }, fc.constantFrom(connect, withWill)), damage)
    .map(([made, harm]) => {
      try {
        return harm(generate(made, { protocolVersion: version }));
      } catch {
        return Buffer.alloc(0);
      }
    });
  const start = fc.oneof({ weight: 5, arbitrary: fc.constant(generate(connect, { protocolVersion: version })) }, one);
  return fc.tuple(start, fc.array(one, { maxLength: 8 })).map(([first, rest]) => [first, ...rest]);
}

describe.each([
  [4, false],
  [5, false],
  [4, true],
  [5, true],
] as const)('broken packets of version %i, from a client that may publish: %s', (version, mayPublish) => {
  const store = new MemoryStore();
  let server: TestServer;
  let witness: RawClient;

  beforeAll(async () => {
    server = await testServerOn(store, {
      authorizePublish: ({ clientId }) => mayPublish || clientId === 'witness',
      limits: { maximumPacketBytes: 60_000, packetsPerSecond: 1e9 },
    });
    witness = server.dial(version);
    await witness.connect('witness', { keepalive: 0 });
    await witness.subscribe('witness/#');
  });
  afterAll(() => server.server.close());

  test('cost their sender its connection, and nobody anything', async () => {
    let number = 0;
    const cuts = fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(streams(version), cuts, async (parts, sizes) => {
        const client = server.dial(version);
        let bytes = Buffer.concat(parts);
        for (const size of sizes) {
          client.stream.write(bytes.subarray(0, size));
          bytes = bytes.subarray(size);
        }
        client.stream.write(bytes);
        await client.drop();
        server.server.publish('witness/alive', `${++number}`, { qos: 0 });
        const seen = (await witness.drain()).map((found) => found.cmd === 'publish' && found.payload.toString());
        expect(seen).toEqual([`${number}`]);
      }),
      { numRuns: 400, interruptAfterTimeLimit: 1000 },
    );
    expect(server.log.lines.filter(([line]) => line === 'a packet could not be handled')).toEqual([]);
    expect([...server.server.clients()].map(({ clientId }) => clientId)).toEqual(['witness']);
    expect(number).toBeGreaterThan(20);
    if (mayPublish) return;
    await server.server.flushed();
    expect([store.retained.size, store.queued.size]).toEqual([0, 0]);
  });
});
