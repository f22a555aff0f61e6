import { generate } from 'mqtt-packet';
import { describe, expect, test } from 'vitest';
import type { ConnectRequest } from './options.ts';
import { bytesOf, testServer } from './test-support.ts';

type Parts = readonly (string | Buffer | readonly number[])[];

const BAD_TEXT = Buffer.from([0, 2, 0xc3, 0x28]);
const NUL_TEXT = Buffer.from([0, 2, 0x61, 0]);

describe.each([4, 5] as const)('version %i, byte by byte', (version) => {
  /** No properties, where the version has them. */
  const none = version === 5 ? [0] : [];
  const connect = (flags: number, ...payload: Parts): Buffer =>
    bytesOf(0x10, 'MQTT', [version, flags, 0, 60], none, ...payload);

  test.each<[string, Buffer]>([
    ['not the first packet [v3 3.1.0-1] [v5 3.1.0-1]', Buffer.from([0xc0, 0])],
    ['with header flags [v3 2.2.2-2] [v5 2.1.3-1]', Buffer.concat([Buffer.from([0x11]), connect(2, 'c').subarray(1)])],
    ['with the reserved flag [v3 3.1.2-3] [v5 3.1.2-3]', connect(3, 'c')],
    ['with a will of QoS 3 [v3 3.1.2-14] [v5 3.1.2-12]', connect(0x1e, 'c', none, 'w', 'x')],
    ['with QoS but no will [v3 3.1.2-11 3.1.2-13] [v5 3.1.2-11]', connect(0x0a, 'c')],
    ['with will retain but no will [v3 3.1.2-15] [v5 3.1.2-13]', connect(0x22, 'c')],
    ['without the will of its flag [v3 3.1.2-9] [v5 3.1.2-9]', connect(0x06, 'c')],
    ['with a will without its flag [v3 3.1.2-11]', connect(0x02, 'c', none, 'w', 'x')],
    ['without the user name of its flag [v3 3.1.2-19] [v5 3.1.2-17]', connect(0x82, 'c')],
    ['with a user name without its flag [v3 3.1.2-18] [v5 3.1.2-16]', connect(0x02, 'c', 'user')],
    ['without the password of its flag [v3 3.1.2-21] [v5 3.1.2-19]', connect(0xc2, 'c', 'user')],
    ['with a password without its flag [v3 3.1.2-20] [v5 3.1.2-18]', connect(0x82, 'c', 'user', 'pass')],
    ['without a client id [v3 3.1.3-3] [v5 3.1.3-3]', connect(0x02)],
    ['with a client id that is not UTF-8 [v3 1.4.0-1 3.1.3-4] [v5 1.5.4-1 3.1.3-4]', connect(0x02, BAD_TEXT)],
    ['with a client id with U+0000 [v3 1.4.0-2] [v5 1.5.4-2]', connect(0x02, NUL_TEXT)],
    ['with a will topic that is not UTF-8 [v3 3.1.3-10] [v5 3.1.3-11]', connect(0x06, 'c', none, BAD_TEXT, 'x')],
    ['with a user name that is not UTF-8 [v3 3.1.3-11] [v5 3.1.3-12]', connect(0x82, 'c', BAD_TEXT)],
  ])('a CONNECT %s is closed without a CONNACK [v3 3.1.4-1 3.2.2-6] [v5 3.1.4-1]', async (_what, bytes) => {
    const { dial, events } = testServer();
    const client = dial(version);
    client.stream.write(bytes);
    await client.end();
    expect(client.received).toHaveLength(0);
    expect(events).toEqual([]);
  });

  test('another protocol name is not served [v3 3.1.2-1] [v5 3.1.2-1]', async () => {
    const { dial, events } = testServer();
    const client = dial(version);
    client.stream.write(bytesOf(0x10, 'MQIsdp', [version, 2, 0, 60], none, 'c'));
    await client.end();
    expect(events).toEqual([]);
  });

  test('the fields of a CONNECT are read in their order [v3 3.1.3-1] [v5 3.1.3-1]', async () => {
    const requests: ConnectRequest[] = [];
    const { dial } = testServer({
      authenticate: (request) => {
        requests.push(request);
        return Promise.resolve({ allow: true, principal: { name: 'p' } });
      },
    });
    const watcher = dial(version);
    await watcher.connect('watcher');
    await watcher.subscribe('w');
    const client = dial(version);
    client.stream.write(connect(0xc6, 'the id', none, 'w', 'gone', 'user', 'pass'));
    await client.next('connack');
    expect(requests[1]).toMatchObject({ clientId: 'the id', username: 'user', password: Buffer.from('pass') });
    await client.drop();
    expect(await watcher.next('publish')).toMatchObject({ topic: 'w', payload: Buffer.from('gone') });
  });

  test.each<[string, Buffer]>([
    ['a second CONNECT [v3 3.1.0-2] [v5 3.1.0-2]', connect(2, 'c')],
    ['a PUBLISH of QoS 3 [v3 3.3.1-4] [v5 3.3.1-4]', bytesOf(0x36, 't', [0, 1], none)],
    ['a PUBLISH of QoS 0 with DUP [v3 3.3.1-2] [v5 3.3.1-2]', bytesOf(0x38, 't', none)],
    ['a PUBLISH without a topic [v3 3.3.2-1] [v5 3.3.2-1]', bytesOf(0x30)],
    ['a PUBLISH to what is not UTF-8 [v3 3.3.2-1] [v5 3.3.2-1]', bytesOf(0x30, BAD_TEXT, none)],
    ['a PUBLISH to a wildcard [v3 3.3.2-2] [v5 3.3.2-2]', bytesOf(0x30, 'a/+', none)],
    ['a PUBLISH with identifier 0 [v3 2.3.1-1]', bytesOf(0x32, 't', [0, 0], none)],
    ['a SUBSCRIBE with identifier 0 [v3 2.3.1-1]', bytesOf(0x82, [0, 0], none, 't', [0])],
    ['a SUBSCRIBE with other flags [v3 3.8.1-1] [v5 3.8.1-1]', bytesOf(0x80, [0, 1], none, 't', [0])],
    ['a SUBSCRIBE without a filter [v3 3.8.3-3] [v5 3.8.3-2]', bytesOf(0x82, [0, 1], none)],
    ['a SUBSCRIBE to what is not UTF-8 [v3 3.8.3-1] [v5 3.8.3-1]', bytesOf(0x82, [0, 1], none, BAD_TEXT, [0])],
    ['a SUBSCRIBE with reserved bits [v3 3.8.3-4] [v5 3.8.3-5]', bytesOf(0x82, [0, 1], none, 't', [0x40])],
    ['a SUBSCRIBE of QoS 3 [v3 3.8.3-4]', bytesOf(0x82, [0, 1], none, 't', [3])],
    ['an UNSUBSCRIBE with other flags [v3 3.10.1-1] [v5 3.10.1-1]', bytesOf(0xa0, [0, 1], none, 't')],
    ['an UNSUBSCRIBE from what is not UTF-8 [v3 3.10.3-1] [v5 3.10.3-1]', bytesOf(0xa2, [0, 1], none, BAD_TEXT)],
    ['an UNSUBSCRIBE without a filter [v3 3.10.3-2] [v5 3.10.3-2]', bytesOf(0xa2, [0, 1], none)],
    ['a DISCONNECT with flags [v3 3.14.1-1] [v5 3.14.1-1]', bytesOf(0xe2)],
    ['a PINGREQ with flags [v3 2.2.2-2] [v5 2.1.3-1]', bytesOf(0xc1)],
  ])('%s ends the connection [v3 4.8.0-1] [v5 4.13.1-1]', async (_what, bytes) => {
    const { dial } = testServer();
    const client = dial(version);
    await client.connect('c');
    client.stream.write(bytes);
    await client.end();
  });

  test('an error of the server itself ends the connection, and no other [v3 4.8.0-2]', async () => {
    const { dial } = testServer({
      isRequest: (topic) => {
        if (topic === 'bad') throw new Error('broken');
        return false;
      },
    });
    const [client, other] = [dial(version), dial(version)];
    await client.connect('c');
    await other.connect('other');
    client.publish('bad', 'x');
    await client.end();
    expect(await other.drain()).toEqual([]);
  });

  test('a byte order mark is part of a topic [v3 1.4.0-3] [v5 1.5.4-3], and nothing is normalized [v3 4.7.3-4] [v5 4.7.3-4]', async () => {
    const { dial } = testServer();
    const client = dial(version);
    await client.connect('c');
    for (const filter of ['t', '\u00e9', 'a//b/']) await client.subscribe(filter);
    client.publish('\ufefft', 'x');
    client.publish('e\u0301', 'x');
    client.publish('a/b', 'x');
    client.publish('T', 'x');
    expect(await client.drain()).toEqual([]);
    await client.subscribe('\ufefft');
    client.publish('\ufefft', 'x');
    expect(await client.drain()).toMatchObject([{ topic: '\ufefft' }]);
  });

  test('answers carry the identifier of their request and nothing that was not asked for: SUBACK, UNSUBACK, PUBACK, PINGRESP [v3 2.2.2-1 2.3.1-6 2.3.1-7 3.8.4-1 3.8.4-2 3.10.4-4 3.12.4-1 3.3.4-1 4.3.2-2] [v5 2.2.1-5 2.2.1-6 2.2.2-1 3.1.2-29 3.3.4-1 3.4.2-1 3.4.2-2 3.4.2-3 3.8.4-1 3.8.4-2 3.9.2-1 3.9.2-2 3.10.4-4 3.11.2-1 3.11.2-2 3.12.4-1]', async () => {
    const { dial } = testServer();
    const client = dial(version);
    await client.connect('c', version === 5 ? { properties: { requestProblemInformation: false } } : {});
    const before = client.received.length;
    client.stream.write(bytesOf(0x82, [0x12, 0x34], none, 't', [1], '#/', [1]));
    await client.next('suback');
    client.stream.write(bytesOf(0xa2, [0x56, 0x78], none, 't', 'u'));
    await client.next('unsuback');
    client.stream.write(bytesOf(0x32, 't', [0x9a, 0xbc], none, Buffer.from('x')));
    await client.next('puback');
    client.stream.write(Buffer.from([0xc0, 0]));
    await client.next('pingresp');
    expect(client.received.subarray(before).toString('hex')).toBe(
      version === 5
        ? '9005123400018f' + 'b0055678000011' + '40039abc10' + 'd000'
        : '900412340180' + 'b0025678' + '40029abc' + 'd000',
    );
  });

  test('a delivery of QoS 0 has no identifier and no DUP [v3 2.3.1-5 3.3.1-2 4.3.1-1] [v5 2.2.1-2 3.3.1-2 4.3.1-1]; the first of QoS 1 an identifier that is not 0, and no DUP of its publisher [v3 2.3.1-1 3.3.1-3 4.3.2-1] [v5 2.2.1-4 3.3.1-3 4.3.2-1 4.3.2-2]', async () => {
    const { dial } = testServer();
    const client = dial(version);
    await client.connect('c');
    await client.subscribe('t');
    const before = client.received.length;
    client.publish('t', 'x');
    await client.next('publish');
    client.publish('t', 'y', { qos: 1, messageId: 9, dup: true });
    await client.next('publish');
    await client.next('puback');
    const end = version === 5 ? '00' : '';
    expect(client.received.subarray(before, -4).toString('hex')).toBe(
      `30${version === 5 ? '05' : '04'}000174${end}78` + `32${version === 5 ? '07' : '06'}0001740001${end}79`,
    );
  });

  test('the CONNACK comes first, once, with a 0 [v3 3.1.4-4 3.2.0-1] [v5 3.1.4-5 3.2.0-1 3.2.0-2 3.2.2-1 3.2.2-8]', async () => {
    const { dial, server } = testServer();
    const kept = { clean: false, properties: version === 5 ? { sessionExpiryInterval: 60 } : {} };
    const first = dial(version);
    await first.connect('c', kept);
    await first.subscribe('t');
    await first.drop();
    server.publish('t', 'waits', { qos: 1 });
    const again = dial(version);
    await again.connect('c', kept);
    expect(await again.drain()).toMatchObject([{ cmd: 'publish' }]);
    expect(again.received[0]).toBe(0x20);
    expect(again.received.subarray(2, 4)).toEqual(Buffer.from([1, 0]));
  });

  test('a refusal says Session Present 0, and what came after its CONNECT is not looked at [v3 3.1.4-5 3.2.2-4 3.2.2-5] [v5 3.1.4-6 3.2.2-6 3.2.2-7 4.13.2-1]', async () => {
    let allow = true;
    const { dial, server } = testServer({
      authenticate: () =>
        Promise.resolve(allow ? { allow, principal: { name: 'p' } } : { allow: false, reason: 'not-authorized' }),
    });
    const kept = { clean: false, properties: version === 5 ? { sessionExpiryInterval: 60 } : {} };
    const first = dial(version);
    await first.connect('c', kept);
    await first.drop();
    allow = false;
    const again = dial(version);
    again.stream.write(
      Buffer.concat([
        generate(
          { cmd: 'connect', protocolId: 'MQTT', protocolVersion: version, clientId: 'c', ...kept },
          { protocolVersion: version },
        ),
        bytesOf(0x31, 'kept', none, Buffer.from('x')),
      ]),
    );
    expect(await again.next('connack')).toMatchObject({ sessionPresent: false });
    await again.end();
    allow = true;
    expect([...server.clients()]).toEqual([]);
    const watcher = dial(version);
    await watcher.connect('watcher');
    await watcher.subscribe('kept');
    expect(await watcher.drain()).toEqual([]);
  });
});

test('the DISCONNECT of the server is a reason and nothing else, and the last it sends [v5 3.14.2-1 3.14.2-2 3.14.2-3 3.14.2-4 3.14.4-1 3.14.4-2 4.13.2-1]', async () => {
  const { dial, server } = testServer();
  const client = dial();
  await client.connect('c', { properties: { sessionExpiryInterval: 60 } });
  await client.subscribe('t');
  const before = client.received.length;
  client.stream.write(Buffer.from([0xc0, 0, 0x00, 0, 0xc0, 0]));
  server.publish('t', 'x', { qos: 0 });
  await client.end();
  server.publish('t', 'x', { qos: 0 });
  expect(client.received.subarray(before).toString('hex')).toMatch(/e00182$/);
});

test('a CONNACK has no Response Information and nothing that explains it, whether asked or not [v5 3.1.2-28 3.2.2-19 3.2.2-20], and no method [v5 4.12.0-6]', async () => {
  const { dial } = testServer();
  for (const requestResponseInformation of [true, false]) {
    const { properties } = await dial().connect('', { properties: { requestResponseInformation } });
    for (const name of ['responseInformation', 'reasonString', 'userProperties', 'authenticationMethod']) {
      expect(properties).not.toHaveProperty(name);
    }
  }
});

test.each([0, 5])(
  'no delivery has a topic alias, when the client allows %i [v5 3.1.2-26 3.1.2-27 3.3.2-8 3.3.2-11]',
  async (topicAliasMaximum) => {
    const { dial } = testServer();
    const client = dial();
    await client.connect('c', { properties: { topicAliasMaximum } });
    await client.subscribe('t');
    for (let n = 0; n < 3; n++) client.publish('t', 'x', { properties: { topicAlias: 1 } });
    const packets = await client.drain();
    expect(packets).toHaveLength(3);
    for (const packet of packets) expect(packet).not.toHaveProperty('properties.topicAlias');
  },
);
