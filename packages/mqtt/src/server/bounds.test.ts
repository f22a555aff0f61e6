import fc from 'fast-check';
import { generate, type Packet } from 'mqtt-packet';
import { describe, expect, test } from 'vitest';
import { FrameReader } from './codec/frames.ts';
import { type RawClient, testServer } from './test-support.ts';

async function connected(version: 4 | 5 = 5): Promise<RawClient> {
  const client = testServer().dial(version);
  await client.connect('c');
  return client;
}

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('what breaks the protocol ends its connection', () => {
  test.each<[string, number, string]>([
    ['PUBLISH of QoS 3 [v5 3.3.1-4]', 0x81, '36 07 0001 74 0001 00 78'],
    ['PUBLISH of QoS 2', 0x9b, '34 07 0001 74 0001 00 78'],
    ['DUP with QoS 0 [v5 3.3.1-2]', 0x81, '38 05 0001 74 00 78'],
    ['PUBLISH to a wildcard [v5 3.3.2-2 4.7.0-1]', 0x90, '30 05 0001 23 00 78'],
    ['PUBLISH without topic and alias', 0x82, '30 03 0000 00'],
    ['PUBLISH with an alias that was not set', 0x82, '30 06 0000 03 230001'],
    ['topic alias 0', 0x94, '30 07 0001 74 03 230000'],
    ['topic alias over the maximum', 0x94, '30 07 0001 74 03 230009'],
    ['packet identifier 0', 0x82, '32 06 0001 74 0000 00'],
    ['subscription identifier in a PUBLISH', 0x81, '30 06 0001 74 02 0b01'],
    ['wild response topic [v5 3.3.2-14]', 0x82, '30 08 0001 74 04 08 0001 2b'],
    ['payload format 2', 0x82, '30 06 0001 74 02 0102'],
    ['property twice', 0x82, '30 08 0001 74 04 0101 0100'],
    ['unknown property', 0x81, '30 06 0001 74 02 7f00'],
    ['topic that is not UTF-8 [v5 1.5.4-1 3.3.2-1]', 0x81, '30 05 0002 c328 00'],
    ['topic with an encoded surrogate [v5 1.5.4-1]', 0x81, '30 06 0003 eda080 00'],
    ['topic with U+0000 [v5 1.5.4-2]', 0x81, '30 05 0002 6100 00'],
    ['topic longer than its packet', 0x81, '30 03 0009 74'],
    ['properties longer than their packet', 0x81, '30 04 0001 74 7f'],
    ['property length that is not in its shortest form [v5 1.5.5-1]', 0x81, '30 05 0001 74 8000'],
    ['user property that is not UTF-8 [v5 1.5.7-1]', 0x81, '30 0b 0001 74 07 26 0001 61 0001 ff'],
    ['response topic that is not UTF-8 [v5 3.3.2-13]', 0x81, '30 08 0001 74 04 08 0001 ff'],
    ['content type that is not UTF-8 [v5 3.3.2-19]', 0x81, '30 08 0001 74 04 03 0001 ff'],
    ['property length of 5 bytes', 0x81, '30 08 0001 74 8080808001'],
    ['SUBSCRIBE without filters [v5 3.8.3-2]', 0x82, '82 03 0001 00'],
    ['SUBSCRIBE with reserved flags [v5 2.1.3-1 3.8.1-1]', 0x81, '80 07 0001 00 0001 74 00'],
    ['SUBSCRIBE to what is not UTF-8 [v5 3.8.3-1]', 0x81, '82 07 0001 00 0001 ff 00'],
    ['reserved subscription options [v5 3.8.3-5]', 0x81, '82 07 0001 00 0001 74 40'],
    ['subscription of QoS 3', 0x81, '82 07 0001 00 0001 74 03'],
    ['retain handling 3', 0x82, '82 07 0001 00 0001 74 30'],
    ['subscription identifier 0', 0x82, '82 09 0001 02 0b00 0001 74 00'],
    [
      'No Local on a shared subscription [v5 3.8.3-4]',
      0x82,
      '82 0f 0001 00 0009 2473686172652f672f74 04'.replace('0009', '000a').replace('82 0f', '82 10'),
    ],
    ['UNSUBSCRIBE with reserved flags [v5 3.10.1-1]', 0x81, 'a0 06 0001 00 0001 74'],
    ['UNSUBSCRIBE from what is not UTF-8 [v5 3.10.3-1]', 0x81, 'a2 06 0001 00 0001 ff'],
    ['DISCONNECT with reserved flags [v5 3.14.1-1]', 0x81, 'e1 00'],
    ['AUTH with reserved flags [v5 3.15.1-1]', 0x81, 'f1 00'],
    ['UNSUBSCRIBE without filters [v5 3.10.3-2]', 0x82, 'a2 03 0001 00'],
    ['second CONNECT [v5 3.1.0-2]', 0x82, '10 0e 0004 4d515454 05 02 003c 00 0001 63'],
    ['PUBREL', 0x82, '62 02 0001'],
    ['CONNACK from a client', 0x82, '20 03 000000'],
    ['AUTH without a method', 0x82, 'f0 00'],
    ['packet type 0', 0x82, '00 00'],
    ['PINGREQ with a body', 0x81, 'c0 01 00'],
    ['length of 5 bytes', 0x81, 'c0 ffffffff7f'],
  ])('%s: 0x%x [v5 4.13.1-1]', async (_what, reason, bytes) => {
    const client = await connected();
    client.stream.write(hex(bytes));
    expect(await client.end()).toBe(reason);
  });

  test.each<[string, string]>([
    ['a first packet that is not CONNECT', 'c0 00'],
    [
      'an HTTP request',
      Buffer.from('GET / HTTP/1.1\r\nHost: a.example.com:8883\r\nUser-Agent: something that is long\r\n').toString(
        'hex',
      ),
    ],
    ['the reserved connect flag', '10 0e 0004 4d515454 05 03 003c 00 0001 63'],
    ['will QoS 3', '10 0e 0004 4d515454 05 1e 003c 00 0001 63'],
    ['will flags without a will', '10 0e 0004 4d515454 05 22 003c 00 0001 63'],
    ['a password without user name in 3.1.1 [v3 3.1.2-22]', '10 10 0004 4d515454 04 42 003c 0001 63 0001 70'],
    ['bytes after the fields', '10 0f 0004 4d515454 05 02 003c 00 0001 63 00'],
    ['a client id with U+0000', '10 0f 0004 4d515454 05 02 003c 00 0002 6300'],
    ['receive maximum 0', '10 11 0004 4d515454 05 02 003c 03 210000 0001 63'],
  ])('before the connect, without a CONNACK or DISCONNECT: %s [v5 3.14.0-1]', async (_what, bytes) => {
    const { dial, events } = testServer();
    const client = dial();
    client.stream.write(hex(bytes));
    expect(await client.end()).toBeUndefined();
    expect(events).toEqual([]);
  });

  test('in 3.1.1 the connection just closes', async () => {
    const client = await connected(4);
    client.stream.write(hex('34 06 0001 74 0001 78'));
    expect(await client.end()).toBeUndefined();
  });

  test('a neighbour notices nothing', async () => {
    const { dial } = testServer();
    const [good, bad] = [dial(), dial()];
    await good.connect('good');
    await bad.connect('bad');
    bad.stream.write(hex('ff ff ff ff ff ff'));
    await bad.end();
    expect(await good.drain()).toEqual([]);
  });
});

describe('lengths', () => {
  test('a packet declared larger than the maximum is refused on its header, before its body comes', async () => {
    const { dial, log } = testServer({ limits: { maximumPacketBytes: 1000 } });
    const client = dial();
    await client.connect('c');
    client.stream.write(hex('30 ffffff7f'));
    expect(await client.end()).toBe(0x95);
    expect(log.lines.at(-1)?.[0]).toContain('268435455 bytes was declared');
    const exact = dial();
    await exact.connect('d');
    exact.publish('t', 'x'.repeat(1000 - 3 - 2 - 1 - 1), { qos: 0 });
    expect(await exact.drain()).toEqual([]);
  });

  test('packets are cut the same however their bytes arrive', () => {
    const packet = fc.oneof(
      fc.constant<Packet>({ cmd: 'pingreq' }),
      fc.integer({ min: 0, max: 5000 }).map<Packet>((size) => ({
        cmd: 'publish',
        topic: 't',
        payload: Buffer.alloc(size, size & 0xff),
        qos: 0,
        dup: false,
        retain: false,
      })),
    );
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 3000 })), (packets, cuts) => {
        const bytes = Buffer.concat(packets.map((one) => generate(one)));
        const reader = new FrameReader(10_000);
        const found: Buffer[] = [];
        for (let at = 0, n = 0; at < bytes.length; n++) {
          const size = cuts[n] ?? bytes.length;
          reader.push(bytes.subarray(at, at + size));
          at += size;
          for (let frame = reader.next(); frame; frame = reader.next()) {
            found.push(Buffer.concat([Buffer.from([frame.header]), frame.body]));
          }
        }
        const wanted = packets
          .map((one) => generate(one))
          .map((whole) => {
            const header = whole.findIndex((byte, at) => at > 0 && byte < 0x80) + 1;
            return Buffer.concat([whole.subarray(0, 1), whole.subarray(header)]);
          });
        expect(found).toEqual(wanted);
      }),
      { numRuns: 50 },
    );
  });
});

describe('garbage', () => {
  const start = generate(
    { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 5, clientId: 'fuzz', clean: true },
    { protocolVersion: 5 },
  );
  const good = [
    start,
    generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a/+', qos: 1 }] }, { protocolVersion: 5 }),
    generate(
      {
        cmd: 'publish',
        topic: 'a/b',
        payload: 'x',
        qos: 1,
        messageId: 2,
        dup: false,
        retain: true,
        properties: { messageExpiryInterval: 5, userProperties: { a: ['b', 'c'] }, topicAlias: 1 },
      },
      { protocolVersion: 5 },
    ),
    generate({ cmd: 'disconnect', reasonCode: 4 }, { protocolVersion: 5 }),
  ];

  test('of any kind, before or after a CONNECT, harms only its own connection', async () => {
    const { dial, log } = testServer();
    const witness = dial();
    await witness.connect('witness');
    const mutated = fc
      .tuple(fc.constantFrom(...good), fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }))
      .map(([packet, changes]) => {
        const copy = Buffer.from(packet);
        for (const [at, value] of changes) copy[at % copy.length] = value;
        return copy;
      });
    const noise = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes));
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(fc.oneof(mutated, noise), { maxLength: 6 }), async (connect, parts) => {
        const client = dial();
        if (connect) client.stream.write(start);
        for (const part of parts) client.stream.write(part);
        await client.drop();
        expect(await witness.drain()).toEqual([]);
      }),
      { numRuns: 300 },
    );
    expect(log.lines.filter(([line]) => line === 'a packet could not be handled')).toEqual([]);
  });
});

describe('a client that does not read', () => {
  test('loses QoS 0 messages over the bound, and gets them again once it reads', async () => {
    const { dial, server } = testServer({ limits: { outboundBytes: 100_000 } });
    const client = dial();
    await client.connect('c');
    await client.subscribe('t');
    client.stream.pause();
    for (let n = 0; n < 1000; n++) server.publish('t', Buffer.alloc(1000), { qos: 0 });
    client.stream.resume();
    const packets = await client.drain();
    expect(packets.length).toBeGreaterThan(50);
    expect(packets.length).toBeLessThan(250);
    server.publish('t', 'x', { qos: 0 });
    expect(await client.drain()).toHaveLength(1);
  });

  test('is disconnected with 0x97 when its QoS 1 queue is full; others are served', async () => {
    const { dial, server, events } = testServer({ limits: { queueBytes: 10_000 } });
    const [slow, quick] = [dial(), dial()];
    await slow.connect('slow');
    await slow.subscribe('t');
    await quick.connect('quick');
    await quick.subscribe('t');
    for (let n = 0; n < 12; n++) {
      server.publish('t', Buffer.alloc(1000), { qos: 1 });
      const { messageId } = await quick.next('publish');
      if (messageId === undefined) throw new Error('no identifier');
      quick.send({ cmd: 'puback', messageId, reasonCode: 0 });
      await quick.drain();
    }
    expect(await slow.end()).toBe(0x97);
    expect(events.at(-1)).toBe('disconnected slow slow-reader');
  });

  test('is not read either, so that its pings cost no memory', async () => {
    const { dial } = testServer({ limits: { outboundBytes: 10_000, packetsPerSecond: 1e9 } });
    const client = dial();
    await client.connect('c');
    client.stream.pause();
    const pings = Buffer.concat(Array.from({ length: 10_000 }, () => Buffer.from([0xc0, 0])));
    for (let n = 0; n < 50; n++) client.stream.write(pings);
    await new Promise(setImmediate);
    expect(client.stream.writableLength).toBeGreaterThan(100_000);
    client.stream.resume();
    while (client.stream.writableLength > 0) await new Promise(setImmediate);
    expect(client.ended).toBe(false);
  });
});
