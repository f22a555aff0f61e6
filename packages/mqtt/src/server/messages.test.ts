import { describe, expect, test } from 'vitest';
import { testServer } from './test-support.ts';

describe('publish and subscribe', () => {
  test('the QoS of a delivery is the lower of the two; a grant of QoS 2 is 1 [v3 3.8.4-6] [v5 3.2.2-10 3.8.4-8]', async () => {
    const { dial } = testServer();
    const client = dial();
    await client.connect('c');
    expect(await client.subscribe('a', { qos: 2 })).toMatchObject({ granted: [1] });
    expect(await client.subscribe('b', { qos: 0 })).toMatchObject({ granted: [0] });
    client.publish('a', '1', { qos: 1, messageId: 7 });
    expect(await client.next('publish')).toMatchObject({ topic: 'a', qos: 1, messageId: 1 });
    expect(await client.next('puback')).toMatchObject({ messageId: 7, reasonCode: 0 });
    client.publish('a', '2');
    expect(await client.next('publish')).toMatchObject({ topic: 'a', qos: 0 });
    client.publish('b', '3', { qos: 1, messageId: 8 });
    expect(await client.next('publish')).toMatchObject({ topic: 'b', qos: 0 });
    await client.next('puback');
  });

  test('a QoS 1 publish without a subscriber is acknowledged with 0x10', async () => {
    const { dial } = testServer();
    const client = dial();
    await client.connect('c');
    client.publish('nobody', '', { qos: 1, messageId: 1 });
    expect(await client.next('puback')).toMatchObject({ reasonCode: 0x10 });
  });

  test('overlapping subscriptions deliver once, with the highest QoS and all identifiers [v5 3.3.4-2 3.3.4-3 3.3.4-4]', async () => {
    const { dial, server } = testServer();
    const client = dial();
    await client.connect('c');
    const subscribe = async (topic: string, qos: 0 | 1, subscriptionIdentifier: number) => {
      client.send({
        cmd: 'subscribe',
        messageId: 1,
        subscriptions: [{ topic, qos }],
        properties: { subscriptionIdentifier },
      });
      await client.next('suback');
    };
    await subscribe('a/#', 0, 5);
    await subscribe('a/+', 1, 300);
    await subscribe('#', 0, 268_435_455);
    server.publish('a/b', 'x', { qos: 1 });
    const packets = await client.drain();
    expect(packets).toHaveLength(1);
    const [packet] = packets;
    if (packet?.cmd !== 'publish') throw new Error('not a publish');
    expect(packet.qos).toBe(1);
    const identifiers = packet.properties?.subscriptionIdentifier;
    expect(new Set(Array.isArray(identifiers) ? identifiers : [])).toEqual(new Set([5, 300, 268_435_455]));
  });

  test('root wildcards never match topics that start with $ [v3 4.7.2-1] [v5 4.7.2-1]', async () => {
    const { dial, server } = testServer();
    const client = dial();
    await client.connect('c');
    for (const filter of ['#', '+/things/#', '$aws/things/me/#']) await client.subscribe(filter);
    server.publish('$aws/things/other/jobs/notify', 'x', { qos: 0 });
    expect(await client.drain()).toEqual([]);
    server.publish('$aws/things/me/jobs/notify', 'x', { qos: 0 });
    expect(await client.drain()).toHaveLength(1);
  });

  test('No Local keeps a message from its publisher only [v5 3.8.3-3]', async () => {
    const { dial } = testServer();
    const [one, two] = [dial(), dial()];
    await one.connect('one');
    await two.connect('two');
    await one.subscribe('t', { nl: true });
    await two.subscribe('t', { nl: true });
    one.publish('t', 'x');
    expect(await one.drain()).toEqual([]);
    expect(await two.drain()).toHaveLength(1);
  });

  test('bad and refused filters get their codes, and the rest of the packet is granted [v3 3.8.4-4 3.8.4-5 3.9.3-1 3.9.3-2] [v5 3.8.4-5 3.8.4-6 3.8.4-7 3.9.3-1 3.9.3-2]', async () => {
    const { dial, log, events } = testServer({
      authorizeSubscribe: (_client, filter) => filter !== 'secret',
      limits: { subscriptions: 1 },
    });
    const subscriptions = ['a#', '$share/g', 'secret', 'ok', 'more'].map((topic) => ({ topic, qos: 1 as const }));
    const client = dial();
    await client.connect('c');
    client.send({ cmd: 'subscribe', messageId: 3, subscriptions });
    expect(await client.next('suback')).toMatchObject({ messageId: 3, granted: [0x8f, 0x8f, 0x87, 1, 0x97] });
    const old = dial(4);
    await old.connect('old');
    old.send({ cmd: 'subscribe', messageId: 3, subscriptions });
    expect(await old.next('suback')).toMatchObject({ granted: [0x80, 0x80, 0x80, 1, 0x80] });
    expect(events).toContain('subscribed c ok');
    expect(log.lines).toContainEqual([
      'subscribe refused',
      { clientId: 'c', remoteAddress: '192.0.2.1', filter: 'secret', reason: 0x87 },
    ]);
  });

  test('unsubscribing stops messages and says whether there was a subscription [v5 3.10.4-2 3.10.4-4 3.10.4-5 3.10.4-6 3.11.3-1 3.11.3-2]', async () => {
    const { dial, server } = testServer();
    const client = dial();
    await client.connect('c');
    await client.subscribe('t');
    client.send({ cmd: 'unsubscribe', messageId: 4, unsubscriptions: ['t', 'u'] });
    expect(await client.next('unsuback')).toMatchObject({ messageId: 4, granted: [0, 0x11] });
    server.publish('t', 'x', { qos: 1 });
    expect(await client.drain()).toEqual([]);
  });

  test('a subscriber that may not receive a topic does not', async () => {
    const { dial, server } = testServer({ authorizeReceive: (_client, topic) => topic !== 'a/secret' });
    const client = dial();
    await client.connect('c');
    await client.subscribe('a/+');
    server.publish('a/secret', 'x', { qos: 1, retain: true });
    server.publish('a/open', 'x', { qos: 1 });
    expect(await client.drain()).toMatchObject([{ topic: 'a/open' }]);
    await client.subscribe('a/secret');
    expect(await client.drain()).toEqual([]);
  });

  test('a publish that is not authorized: 0x87 for QoS 1, dropped for QoS 0, the end of a 3.1.1 connection [v3 3.3.5-2]', async () => {
    const { dial, log } = testServer({ authorizePublish: () => false });
    const client = dial();
    await client.connect('c');
    await client.subscribe('t');
    client.publish('t', 'x', { qos: 1, messageId: 2 });
    expect(await client.next('puback')).toMatchObject({ messageId: 2, reasonCode: 0x87 });
    client.publish('t', 'x');
    expect(await client.drain()).toEqual([]);
    const old = dial(4);
    await old.connect('old');
    old.publish('t', 'x', { qos: 1, messageId: 2 });
    await old.end();
    expect(log.lines.filter(([line]) => line === 'publish refused: not authorized')).toHaveLength(3);
  });

  test('refusals of one connection are logged up to a number a minute, then counted', async () => {
    const { dial, log, timers } = testServer({ authorizePublish: () => false, limits: { refusalsLogged: 2 } });
    const client = dial();
    await client.connect('c');
    for (let n = 0; n < 5; n++) client.publish('t', 'x');
    await client.drain();
    expect(log.lines).toHaveLength(2);
    timers.advance(60_000);
    client.publish('t', 'x');
    await client.drain();
    expect(log.lines.at(-1)?.[1]).toMatchObject({ topic: 't', suppressed: 3 });
  });

  test('a callback that throws refuses', async () => {
    const { dial } = testServer({
      authorizePublish: () => {
        throw new Error('broken');
      },
    });
    const client = dial();
    await client.connect('c');
    client.publish('t', 'x', { qos: 1, messageId: 2 });
    expect(await client.next('puback')).toMatchObject({ reasonCode: 0x87 });
  });
});

describe('properties', () => {
  test('travel unaltered, user properties in their order, expiry less the wait [v5 3.3.2-4 3.3.2-6 3.3.2-15 3.3.2-16 3.3.2-17 3.3.2-18 3.3.2-20]', async () => {
    const { dial, timers } = testServer();
    const [sender, receiver, old] = [dial(), dial(), dial(4)];
    await sender.connect('sender');
    await receiver.connect('receiver', { properties: { sessionExpiryInterval: 3600 } });
    await receiver.subscribe('t');
    await receiver.drop();
    await old.connect('old');
    await old.subscribe('t');
    const properties = {
      payloadFormatIndicator: true,
      messageExpiryInterval: 100,
      contentType: 'text/plain',
      responseTopic: 'answers/here',
      correlationData: Buffer.from([0, 1, 255]),
      userProperties: { a: ['1', '2'], __proto: 'x' },
    };
    sender.publish('t', 'x', { qos: 1, messageId: 1, properties });
    await sender.next('puback');
    expect(await old.next('publish')).not.toHaveProperty('properties');
    timers.advance(30_000);
    const again = dial();
    await again.connect('receiver', { clean: false, properties: { sessionExpiryInterval: 3600 } });
    const packet = await again.next('publish');
    expect({ ...packet.properties, userProperties: { ...packet.properties?.userProperties } }).toEqual({
      ...properties,
      messageExpiryInterval: 70,
    });
  });

  test('an expired message is not delivered [v5 3.3.2-5]', async () => {
    const { dial, timers, server } = testServer();
    const client = dial();
    await client.connect('c', { properties: { sessionExpiryInterval: 3600 } });
    await client.subscribe('t');
    await client.drop();
    server.publish('t', 'x', { qos: 1, retain: true, properties: { messageExpiryInterval: 10 } });
    timers.advance(10_000);
    const again = dial();
    expect(await again.connect('c', { clean: false })).toMatchObject({ sessionPresent: true });
    await again.subscribe('t');
    expect(await again.drain()).toEqual([]);
  });

  test('topic aliases of a client are applied, and replaced when set again [v5 3.3.2-12]', async () => {
    const { dial } = testServer();
    const client = dial();
    await client.connect('c');
    await client.subscribe('#');
    for (const [topic, topicAlias] of [
      ['one', 1],
      ['', 1],
      ['two', 1],
      ['', 1],
    ] as const) {
      client.publish(topic, 'x', { properties: { topicAlias } });
    }
    const topics = (await client.drain()).map((packet) => (packet.cmd === 'publish' ? packet.topic : packet.cmd));
    expect(topics).toEqual(['one', 'one', 'two', 'two']);
  });

  test('packets larger than the client takes are not sent to it, and take no room in its window [v5 3.1.2-24 3.1.2-25]', async () => {
    const { dial, server } = testServer();
    const client = dial();
    await client.connect('c', { properties: { maximumPacketSize: 200, receiveMaximum: 1 } });
    await client.subscribe('t');
    server.publish('t', 'x'.repeat(300), { qos: 1 });
    server.publish('t', 'x'.repeat(300), { qos: 0 });
    server.publish('t', 'small', { qos: 1 });
    expect(await client.drain()).toMatchObject([{ payload: Buffer.from('small') }]);
  });
});

describe('retained messages', () => {
  test('are sent to new subscribers with RETAIN set, replaced, and removed by an empty one [v5 3.3.1-5 3.3.1-6 3.3.1-7 3.3.1-9]', async () => {
    const { dial } = testServer();
    const [sender, receiver] = [dial(), dial()];
    await sender.connect('sender');
    await receiver.connect('receiver');
    sender.publish('a/b', 'old', { retain: true });
    sender.publish('a/b', 'new', { retain: true, qos: 1, messageId: 1 });
    sender.publish('a/c', 'kept', { retain: true });
    await sender.next('puback');
    await receiver.subscribe('a/+');
    expect(await receiver.drain()).toMatchObject([
      { topic: 'a/b', payload: Buffer.from('new'), retain: true, qos: 1 },
      { topic: 'a/c', payload: Buffer.from('kept'), retain: true, qos: 0 },
    ]);
    sender.publish('a/b', '', { retain: true });
    await sender.drain();
    await receiver.drain();
    await receiver.subscribe('a/+');
    expect(await receiver.drain()).toMatchObject([{ topic: 'a/c' }]);
  });

  test('retain handling 1 sends for new subscriptions only, 2 never [v5 3.3.1-10 3.3.1-11]', async () => {
    const { dial, server } = testServer();
    const client = dial();
    await client.connect('c');
    server.publish('t', 'x', { qos: 0, retain: true });
    await client.subscribe('t', { rh: 2 });
    expect(await client.drain()).toEqual([]);
    await client.subscribe('t', { rh: 1 });
    expect(await client.drain()).toEqual([]);
    client.send({ cmd: 'unsubscribe', messageId: 4, unsubscriptions: ['t'] });
    await client.next('unsuback');
    await client.subscribe('t', { rh: 1 });
    expect(await client.drain()).toHaveLength(1);
  });

  test('RETAIN towards those already subscribed is 0, or as published if asked [v5 3.3.1-12 3.3.1-13]', async () => {
    const { dial, server } = testServer();
    const [plain, asPublished] = [dial(), dial()];
    await plain.connect('plain');
    await plain.subscribe('t');
    await asPublished.connect('as-published');
    await asPublished.subscribe('t', { rap: true });
    server.publish('t', 'x', { qos: 0, retain: true });
    expect(await plain.next('publish')).toMatchObject({ retain: false });
    expect(await asPublished.next('publish')).toMatchObject({ retain: true });
  });

  test('one more than the store holds is refused with 0x97', async () => {
    const { dial, log } = testServer({ limits: { retainedMessages: 1 } });
    const client = dial();
    await client.connect('c');
    client.publish('a', 'x', { retain: true });
    client.publish('b', 'x', { retain: true, qos: 1, messageId: 1 });
    expect(await client.next('puback')).toMatchObject({ reasonCode: 0x97 });
    expect(log.lines[0]?.[0]).toContain('store is full');
  });
});

describe('wills', () => {
  const will = { topic: 'w', payload: Buffer.from('gone'), qos: 1 as const, retain: false };

  test('are published when a connection breaks, not after a normal DISCONNECT [v5 3.1.2-7 3.1.2-8 3.1.2-10 3.14.4-3]', async () => {
    const { dial } = testServer();
    const watcher = dial();
    await watcher.connect('watcher');
    await watcher.subscribe('w');
    const polite = dial();
    await polite.connect('polite', { will });
    polite.send({ cmd: 'disconnect', reasonCode: 0 });
    await polite.end();
    expect(await watcher.drain()).toEqual([]);
    const broken = dial();
    await broken.connect('broken', { will });
    await broken.drop();
    expect(await watcher.next('publish')).toMatchObject({ topic: 'w', payload: Buffer.from('gone') });
    const asking = dial();
    await asking.connect('asking', { will });
    asking.send({ cmd: 'disconnect', reasonCode: 4 });
    await asking.end();
    await watcher.next('publish');
  });

  test('wait for their delay, and are dropped if the client returns [v5 3.1.3-9]', async () => {
    const { dial, timers } = testServer();
    const watcher = dial();
    await watcher.connect('watcher');
    await watcher.subscribe('w');
    const delayed = {
      will: { ...will, properties: { willDelayInterval: 60 } },
      properties: { sessionExpiryInterval: 600 },
    };
    const first = dial();
    await first.connect('c', delayed);
    await first.drop();
    timers.advance(59_000);
    const second = dial();
    await second.connect('c', { ...delayed, clean: false });
    timers.advance(500_000);
    expect(await watcher.drain()).toEqual([]);
    const third = dial();
    await third.connect('c', { ...delayed, clean: false });
    await third.drop();
    timers.advance(59_999);
    expect(await watcher.drain()).toEqual([]);
    timers.advance(1);
    expect(await watcher.drain()).toHaveLength(1);
  });

  test('come with the end of the session if that is before their delay', async () => {
    const { dial } = testServer();
    const watcher = dial();
    await watcher.connect('watcher');
    await watcher.subscribe('w');
    const first = dial();
    await first.connect('c', {
      will: { ...will, properties: { willDelayInterval: 60 } },
      properties: { sessionExpiryInterval: 600 },
    });
    await first.drop();
    await dial().connect('c', { clean: true });
    expect(await watcher.drain()).toHaveLength(1);
  });
});
