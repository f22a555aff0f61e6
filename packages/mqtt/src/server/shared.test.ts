import { describe, expect, test } from 'vitest';
import { type RawClient, type TestServer, testServer } from './test-support.ts';

const kept = { clean: false, properties: { sessionExpiryInterval: 3600 } };

async function member(
  { dial }: TestServer,
  name: string,
  options: { qos?: 0 | 1; more?: object; filter?: string; version?: 4 | 5 } = {},
): Promise<RawClient> {
  const client = dial(options.version);
  await client.connect(name, options.more ?? {});
  await client.subscribe(options.filter ?? '$share/g/t/+', { qos: options.qos ?? 1 });
  return client;
}

const payloads = async (client: RawClient): Promise<string[]> =>
  (await client.drain()).map((packet) => (packet.cmd === 'publish' ? `${packet.payload}` : packet.cmd));

describe('shared subscriptions', () => {
  test.each([4, 5] as const)('of MQTT version %i: each message goes to one member, in turns', async (version) => {
    const server = testServer();
    const members = [
      await member(server, 'a', { version }),
      await member(server, 'b', { version }),
      await member(server, 'c', { version }),
    ];
    for (let n = 0; n < 6; n++) server.server.publish('t/x', `${n}`, { qos: 1 });
    expect(await Promise.all(members.map(payloads))).toEqual([
      ['0', '3'],
      ['1', '4'],
      ['2', '5'],
    ]);
  });

  test('two groups, and a subscription that is not shared, get their own copy, each with its identifier', async () => {
    const server = testServer();
    const client = server.dial();
    await client.connect('c');
    for (const [topic, subscriptionIdentifier] of [
      ['$share/g/t/+', 1],
      ['$share/h/t/x', 2],
      ['t/#', 3],
    ] as const) {
      client.send({
        cmd: 'subscribe',
        messageId: 1,
        subscriptions: [{ topic, qos: 1 }],
        properties: { subscriptionIdentifier },
      });
      await client.next('suback');
    }
    server.server.publish('t/x', 'x', { qos: 1 });
    const identifiers = (await client.drain()).map(
      (packet) => packet.cmd === 'publish' && packet.properties?.subscriptionIdentifier,
    );
    expect(identifiers.sort()).toEqual([1, 2, 3]);
  });

  test('a share name has a character [v5 4.8.2-1], none of / + #, and a filter follows [v5 4.8.2-2]', async () => {
    const { dial } = testServer();
    const client = dial();
    await client.connect('c');
    for (const filter of [
      '$share//t',
      '$share/',
      '$share/g',
      '$share/g/',
      '$share/+/t',
      '$share/a#/t',
      '$share/g/a#',
    ]) {
      expect(await client.subscribe(filter)).toMatchObject({ granted: [0x8f] });
    }
    for (const filter of ['$share/g//', '$share/\u00e9/#', '$share/g/$share/h/t']) {
      expect(await client.subscribe(filter)).toMatchObject({ granted: [1] });
    }
  });

  test('each member gets the QoS that was granted to it [v5 4.8.2-3]', async () => {
    const server = testServer();
    const [zero, one] = [await member(server, 'zero', { qos: 0 }), await member(server, 'one')];
    for (let n = 0; n < 2; n++) server.server.publish('t/x', 'x', { qos: 1 });
    expect(await zero.drain()).toMatchObject([{ qos: 0 }]);
    expect(await one.drain()).toMatchObject([{ qos: 1 }]);
  });

  test('get no retained messages', async () => {
    const server = testServer();
    server.server.publish('t/x', 'kept', { qos: 1, retain: true });
    expect(await payloads(await member(server, 'a'))).toEqual([]);
  });

  test('are authorized by what they share, and the share name is told', async () => {
    const asked: (string | undefined)[] = [];
    const server = testServer({
      authorizeSubscribe: (_client, filter, shareName) => {
        asked.push(filter, shareName);
        return filter !== 'secret';
      },
    });
    const client = server.dial();
    await client.connect('c');
    expect(await client.subscribe('$share/g/secret')).toMatchObject({ granted: [0x87] });
    expect(await client.subscribe('$share/g/$aws/x')).toMatchObject({ granted: [1] });
    expect(asked).toEqual(['secret', 'g', '$aws/x', 'g']);
  });

  test('a member that may not receive is passed over', async () => {
    const server = testServer({ authorizeReceive: ({ clientId }) => clientId !== 'a' });
    const [a, b] = [await member(server, 'a'), await member(server, 'b')];
    for (let n = 0; n < 3; n++) server.server.publish('t/x', `${n}`, { qos: 1 });
    expect(await payloads(a)).toEqual([]);
    expect(await payloads(b)).toEqual(['0', '1', '2']);
  });

  test('a member whose window is full is passed over', async () => {
    const server = testServer();
    const [slow, quick] = [
      await member(server, 'slow', { more: { properties: { receiveMaximum: 1 } } }),
      await member(server, 'quick'),
    ];
    for (let n = 0; n < 5; n++) server.server.publish('t/x', `${n}`, { qos: 1 });
    expect(await payloads(slow)).toEqual(['0']);
    expect(await payloads(quick)).toEqual(['1', '2', '3', '4']);
  });

  test('what a member did not acknowledge when it left goes to another that is there, as a new delivery', async () => {
    const server = testServer();
    const [a, b] = [await member(server, 'a', { more: kept }), await member(server, 'b')];
    server.server.publish('t/x', '0', { qos: 1 });
    expect(await payloads(a)).toEqual(['0']);
    await a.drop();
    expect(await b.drain()).toMatchObject([{ payload: Buffer.from('0'), dup: false, messageId: 1 }]);
    const again = server.dial();
    await again.connect('a', kept);
    expect(await payloads(again)).toEqual([]);
  });

  test('when nobody else is there it waits for the member, until its session ends; then another may wait for it', async () => {
    const server = testServer();
    const a = await member(server, 'a', { more: kept });
    server.server.publish('t/x', '0', { qos: 1 });
    await payloads(a);
    await a.drop();
    server.server.publish('t/x', '1', { qos: 1 });
    const again = server.dial();
    await again.connect('a', kept);
    expect(await again.drain()).toMatchObject([{ dup: true }, { dup: false, payload: Buffer.from('1') }]);
    const b = await member(server, 'b', { more: { properties: { sessionExpiryInterval: 7200 } } });
    await b.drop();
    await again.drop();
    server.timers.advance(3_600_000);
    const back = server.dial();
    await back.connect('b', { clean: false, properties: { sessionExpiryInterval: 7200 } });
    expect(await payloads(back)).toEqual(['0', '1']);
  });

  test('a message that a member refused goes to no other [v5 4.8.2-6]', async () => {
    const server = testServer();
    const [a, b] = [await member(server, 'a', { more: kept }), await member(server, 'b')];
    server.server.publish('t/x', '0', { qos: 1 });
    await payloads(a);
    a.send({ cmd: 'puback', messageId: 1, reasonCode: 0x80 });
    await a.drain();
    await a.drop();
    expect(await payloads(b)).toEqual([]);
  });

  test('end with UNSUBSCRIBE of the whole filter', async () => {
    const server = testServer();
    const a = await member(server, 'a');
    a.send({ cmd: 'unsubscribe', messageId: 3, unsubscriptions: ['t/+', '$share/g/t/+'] });
    expect(await a.next('unsuback')).toMatchObject({ granted: [0x11, 0] });
    server.server.publish('t/x', '0', { qos: 1 });
    expect(await payloads(a)).toEqual([]);
  });
});
