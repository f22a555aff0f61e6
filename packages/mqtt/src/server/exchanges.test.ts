import { describe, expect, test } from 'vitest';
import { testServer } from './test-support.ts';

describe.each([4, 5] as const)('version %i, exchange by exchange', (version) => {
  const kept = { clean: false, properties: version === 5 ? { sessionExpiryInterval: 3600 } : {} };
  const will = { topic: 'w', payload: Buffer.from('gone'), qos: 1 as const };

  test('client ids of 1 to 23 letters and digits are taken [v3 3.1.3-5] [v5 3.1.3-5], and each names its own session [v3 3.1.3-2] [v5 3.1.3-2]', async () => {
    const { dial, server } = testServer();
    const names = ['0', 'aZ9', 'abcdefghijklmnopqrstuvw', 'ABCDEFGHIJKLMNOPQRSTUVW'];
    for (const name of names) {
      const client = dial(version);
      expect(await client.connect(name, kept)).toMatchObject({ sessionPresent: false });
      await client.subscribe(name);
      await client.drop();
    }
    for (const name of names) server.publish(name, name, { qos: 1 });
    for (const name of names) {
      const client = dial(version);
      expect(await client.connect(name, kept)).toMatchObject({ sessionPresent: true });
      expect(await client.drain()).toMatchObject([{ topic: name }]);
    }
  });

  test('each client without an id gets one that nobody has [v3 3.1.3-6] [v5 3.1.3-6 3.2.2-16]', async () => {
    const { dial, server } = testServer();
    for (let n = 0; n < 3; n++) await dial(version).connect('');
    expect(new Set([...server.clients()].map(({ clientId }) => clientId)).size).toBe(3);
  });

  test('Session Present says what is there, and clean forgets it [v3 3.1.2-4 3.1.4-3 3.2.2-1 3.2.2-2 3.2.2-3] [v5 3.1.2-4 3.1.2-5 3.1.2-6 3.1.4-4 3.2.2-2 3.2.2-3]', async () => {
    const { dial } = testServer();
    for (const [clean, sessionPresent] of [
      [false, false],
      [false, true],
      [true, false],
      [false, version === 5],
    ] as const) {
      const client = dial(version);
      expect(await client.connect('c', { ...kept, clean })).toMatchObject({ sessionPresent });
      await client.drop();
    }
  });

  test('QoS 1 messages wait for a session whose client is away [v3 3.1.2-5 4.1.0-1] [v5 3.1.2-23]; retained ones outlive all sessions [v3 3.1.2-7]', async () => {
    const { dial, server } = testServer();
    const first = dial(version);
    await first.connect('c', kept);
    await first.subscribe('t');
    first.publish('kept', 'x', { retain: true });
    await first.drain();
    await first.drop();
    server.publish('t', 'waits', { qos: 1 });
    const second = dial(version);
    await second.connect('c', kept);
    expect(await second.drain()).toMatchObject([{ payload: Buffer.from('waits') }]);
    const third = dial(version);
    await third.connect('c', { clean: true });
    await third.subscribe('kept');
    expect(await third.next('publish')).toMatchObject({ topic: 'kept', retain: true });
  });

  test('a session lasts as long as its connection, however short its expiry [v3 4.1.0-2] [v5 4.1.0-1]', async () => {
    const { dial, server, timers } = testServer();
    const client = dial(version);
    await client.connect('c', { clean: true, properties: version === 5 ? { sessionExpiryInterval: 1 } : {} });
    await client.subscribe('t');
    for (let n = 0; n < 10; n++) {
      timers.advance(500_000);
      await client.drain();
    }
    server.publish('t', 'x', { qos: 1 });
    expect(await client.drain()).toHaveLength(1);
  });

  test('what was not acknowledged comes again on the next connection, in its order, with its identifier and DUP, and at no other time [v3 2.3.1-4 3.3.1-1 4.3.2-1 4.4.0-1 4.6.0-1] [v5 3.3.1-1 4.3.2-3 4.4.0-1]', async () => {
    const { dial, server, timers } = testServer();
    const first = dial(version);
    await first.connect('c', { ...kept, keepalive: 0 });
    await first.subscribe('t');
    for (const payload of ['1', '2', '3']) server.publish('t', payload, { qos: 1 });
    expect(await first.drain()).toMatchObject([{ messageId: 1 }, { messageId: 2 }, { messageId: 3 }]);
    first.send({ cmd: 'puback', messageId: 2 });
    timers.advance(1_000_000);
    expect(await first.drain()).toEqual([]);
    await first.drop();
    const second = dial(version);
    await second.connect('c', kept);
    expect(await second.drain()).toMatchObject([
      { messageId: 1, payload: Buffer.from('1'), dup: true },
      { messageId: 3, payload: Buffer.from('3'), dup: true },
    ]);
  });

  test('an identifier that was acknowledged begins a new message, whatever its DUP [v3 4.3.2-2] [v5 4.3.2-5]', async () => {
    const { dial } = testServer();
    const client = dial(version);
    await client.connect('c');
    await client.subscribe('t', { qos: 0 });
    for (const dup of [false, true]) client.publish('t', 'x', { qos: 1, messageId: 7, dup });
    const packets = await client.drain();
    expect(packets.filter(({ cmd }) => cmd === 'publish')).toHaveLength(2);
    expect(packets.filter(({ cmd }) => cmd === 'puback')).toHaveLength(2);
  });

  test('a message goes to all sessions that subscribed to it, and to no other [v3 3.3.2-3 4.5.0-1] [v5 3.3.2-3 4.5.0-1], in the order of its publisher [v3 4.6.0-5 4.6.0-6] [v5 4.6.0-5 4.6.0-6]', async () => {
    const { dial } = testServer();
    const [sender, exact, wild, other] = [dial(version), dial(version), dial(version), dial(version)];
    for (const [client, filter] of [
      [sender, 'none'],
      [exact, 'a/b'],
      [wild, 'a/+'],
      [other, 'a'],
    ] as const) {
      await client.connect(filter.replace('/', ''));
      await client.subscribe(filter);
    }
    for (let n = 1; n <= 5; n++) sender.publish('a/b', `${n}`, { qos: 1, messageId: n });
    await sender.drain();
    for (const client of [exact, wild]) {
      const payloads = (await client.drain()).map((packet) => packet.cmd === 'publish' && packet.payload.toString());
      expect(payloads).toEqual(['1', '2', '3', '4', '5']);
    }
    expect(await other.drain()).toEqual([]);
  });

  test('overlapping subscriptions deliver with the highest QoS [v3 3.3.5-1] [v5 3.3.4-2]', async () => {
    const { dial, server } = testServer();
    const client = dial(version);
    await client.connect('c');
    await client.subscribe('a/#', { qos: 0 });
    await client.subscribe('a/b', { qos: 1 });
    server.publish('a/b', 'x', { qos: 1 });
    expect(await client.drain()).toMatchObject([{ qos: 1 }]);
  });

  test('the same filter again takes the place of the subscription: its QoS holds, retained messages come again, none is lost [v3 3.8.4-3] [v5 3.8.4-3 3.8.4-4]', async () => {
    const { dial, server } = testServer();
    const client = dial(version);
    await client.connect('c');
    server.publish('t', 'kept', { qos: 1, retain: true });
    for (const qos of [1, 0] as const) {
      await client.subscribe('t', { qos });
      expect(await client.drain()).toMatchObject([{ qos, retain: true }]);
    }
    server.publish('t', 'x', { qos: 1 });
    expect(await client.drain()).toMatchObject([{ qos: 0, retain: false }]);
  });

  test('an UNSUBSCRIBE removes the filters that are written the same, stops their messages, and is answered once [v3 3.10.4-1 3.10.4-2 3.10.4-4 3.10.4-5 3.10.4-6] [v5 3.10.4-1 3.10.4-2 3.10.4-5 3.10.4-6]', async () => {
    const { dial, server } = testServer();
    const client = dial(version);
    await client.connect('c');
    for (const filter of ['a/+', 'a/#']) await client.subscribe(filter);
    client.send({ cmd: 'unsubscribe', messageId: 8, unsubscriptions: ['a/b', 'A/+', 'none'] });
    expect(await client.drain()).toMatchObject([{ cmd: 'unsuback', messageId: 8 }]);
    server.publish('a/b', 'x', { qos: 1 });
    expect(await client.drain()).toHaveLength(1);
    client.send({ cmd: 'unsubscribe', messageId: 9, unsubscriptions: ['a/+', 'a/#'] });
    await client.next('unsuback');
    server.publish('a/b', 'x', { qos: 1 });
    expect(await client.drain()).toEqual([]);
  });

  test('what is on its way when its filter goes is completed [v3 3.10.4-3] [v5 3.10.4-3]', async () => {
    const { dial, server } = testServer();
    const client = dial(version);
    await client.connect('c', kept);
    await client.subscribe('t');
    server.publish('t', 'x', { qos: 1 });
    await client.next('publish');
    client.send({ cmd: 'unsubscribe', messageId: 4, unsubscriptions: ['t'] });
    await client.next('unsuback');
    await client.drop();
    const again = dial(version);
    await again.connect('c', kept);
    expect(await again.drain()).toMatchObject([{ dup: true, payload: Buffer.from('x') }]);
  });

  test('retained messages: the last of a topic with its QoS, for new subscriptions, with RETAIN [v3 3.3.1-5 3.3.1-6 3.3.1-7 3.3.1-8] [v5 3.3.1-5 3.3.1-9]; others neither keep nor replace [v3 3.3.1-12] [v5 3.3.1-8], an empty one removes [v3 3.3.1-10 3.3.1-11] [v5 3.3.1-6 3.3.1-7]', async () => {
    const { dial } = testServer();
    const [sender, receiver] = [dial(version), dial(version)];
    await sender.connect('sender');
    await receiver.connect('receiver');
    sender.publish('t', 'one', { retain: true, qos: 1, messageId: 1 });
    sender.publish('t', 'two', { retain: true });
    sender.publish('t', 'three');
    sender.publish('u', 'four', { qos: 1, messageId: 2 });
    await sender.drain();
    await receiver.subscribe('#');
    expect(await receiver.drain()).toMatchObject([{ topic: 't', payload: Buffer.from('two'), qos: 0, retain: true }]);
    sender.publish('t', '', { retain: true });
    await sender.drain();
    expect(await receiver.drain()).toMatchObject([{ topic: 't', payload: Buffer.alloc(0), retain: false }]);
    await receiver.subscribe('t');
    expect(await receiver.drain()).toEqual([]);
  });

  test('RETAIN is 0 towards a subscription that was there [v3 3.3.1-9] [v5 3.3.1-12]', async () => {
    const { dial } = testServer();
    const client = dial(version);
    await client.connect('c');
    await client.subscribe('t');
    client.publish('t', 'x', { retain: true });
    expect(await client.next('publish')).toMatchObject({ retain: false });
  });

  test('a will is published once when its connection breaks [v3 3.1.2-8 3.1.2-10] [v5 3.1.2-7 3.1.2-8 3.1.2-10], not after a DISCONNECT [v3 3.14.4-3] [v5 3.14.4-3], and none where there is none [v3 3.1.2-12]', async () => {
    const { dial } = testServer();
    const watcher = dial(version);
    await watcher.connect('watcher');
    await watcher.subscribe('w');
    for (const [more, polite, count] of [
      [{ will }, false, 1],
      [{ will }, true, 0],
      [{}, false, 0],
    ] as const) {
      const client = dial(version);
      await client.connect('c', { ...kept, ...more });
      if (polite) {
        client.send({ cmd: 'disconnect' });
        await client.end();
      } else await client.drop();
      expect(await watcher.drain()).toHaveLength(count);
    }
    const again = dial(version);
    await again.connect('c', kept);
    await again.drop();
    expect(await watcher.drain()).toEqual([]);
  });

  test.each([true, false])(
    'a will with retain %s is published so [v3 3.1.2-16 3.1.2-17] [v5 3.1.2-14 3.1.2-15]',
    async (retain) => {
      const { dial } = testServer();
      const client = dial(version);
      await client.connect('c', { will: { ...will, retain } });
      await client.drop();
      const late = dial(version);
      await late.connect('late');
      await late.subscribe('w');
      expect(await late.drain()).toHaveLength(retain ? 1 : 0);
    },
  );

  test('a client that is silent for one and a half times its keep-alive is disconnected, and its will published [v3 3.1.2-24] [v5 3.1.2-22]', async () => {
    const { dial, timers } = testServer();
    const [watcher, client] = [dial(version), dial(version)];
    await watcher.connect('watcher', { keepalive: 600 });
    await watcher.subscribe('w');
    await client.connect('c', { keepalive: 10, will });
    timers.advance(14_999);
    expect(client.ended).toBe(false);
    timers.advance(1);
    await client.end();
    expect(await watcher.drain()).toHaveLength(1);
  });
});

describe('MQTT 5', () => {
  test('a topic alias is not known to the next connection [v5 3.3.2-7]', async () => {
    const { dial } = testServer();
    const first = dial();
    await first.connect('c', { properties: { sessionExpiryInterval: 60 } });
    first.publish('t', 'x', { properties: { topicAlias: 1 } });
    await first.drain();
    await first.drop();
    const second = dial();
    await second.connect('c', { clean: false });
    second.publish('', 'x', { properties: { topicAlias: 1 } });
    expect(await second.end()).toBe(0x82);
  });

  test('a message that its receiver refused does not come again [v5 4.4.0-2]', async () => {
    const { dial, server } = testServer();
    const kept = { clean: false, properties: { sessionExpiryInterval: 60 } };
    const first = dial();
    await first.connect('c', kept);
    await first.subscribe('t');
    server.publish('t', 'x', { qos: 1 });
    await first.next('publish');
    first.send({ cmd: 'puback', messageId: 1, reasonCode: 0x87 });
    await first.drain();
    await first.drop();
    const second = dial();
    await second.connect('c', kept);
    expect(await second.drain()).toEqual([]);
  });

  test('user properties of a will keep their order [v5 3.1.3-10]', async () => {
    const { dial } = testServer();
    const watcher = dial();
    await watcher.connect('watcher');
    await watcher.subscribe('w');
    const client = dial();
    const userProperties = { z: ['2', '1'], a: '3' };
    await client.connect('c', { will: { topic: 'w', payload: Buffer.alloc(0), properties: { userProperties } } });
    await client.drop();
    const { properties } = await watcher.next('publish');
    expect(JSON.stringify(properties?.userProperties)).toBe(JSON.stringify(userProperties));
  });

  test('a will is published after any DISCONNECT but a normal one [v5 3.1.2-8]', async () => {
    const { dial } = testServer();
    const watcher = dial();
    await watcher.connect('watcher');
    await watcher.subscribe('w');
    const client = dial();
    await client.connect('c', { will: { topic: 'w', payload: Buffer.from('x') } });
    client.send({ cmd: 'disconnect', reasonCode: 0x80 });
    await client.end();
    expect(await watcher.drain()).toHaveLength(1);
  });

  test('text that is not text is refused with 0x99 where the server looks at it', async () => {
    const { dial } = testServer({ checkPayloadFormat: true });
    const client = dial();
    await client.connect('c');
    await client.subscribe('t');
    const properties = { payloadFormatIndicator: true };
    client.send({
      ...{ cmd: 'publish', topic: 't', qos: 1, messageId: 5, dup: false, retain: false },
      ...{ payload: Buffer.from([0xff]), properties },
    });
    expect(await client.next('puback')).toMatchObject({ reasonCode: 0x99 });
    client.publish('t', 'text', { properties });
    expect(await client.next('publish')).toMatchObject({ properties });
    const will = { topic: 'w', payload: Buffer.from([0xff]), properties };
    expect(await dial().connect('d', { will })).toMatchObject({ reasonCode: 0x99 });
  });
});
