import { describe, expect, test } from 'vitest';
import { testServer } from './test-support.ts';

const kept = { properties: { sessionExpiryInterval: 3600 } };

describe('sessions', () => {
  test('one is resumed with its subscriptions and queued QoS 1 messages, in order; QoS 0 is not queued [v5 3.1.2-5 3.1.2-23]', async () => {
    const { dial, server, events } = testServer();
    const first = dial();
    await first.connect('c', kept);
    await first.subscribe('t/#');
    await first.drop();
    for (const [payload, qos] of [
      ['1', 1],
      ['zero', 0],
      ['2', 1],
    ] as const)
      server.publish(`t/${payload}`, payload, { qos });
    server.publish('t/live', 'only now', { qos: 1, queueOffline: false });
    const second = dial();
    expect(await second.connect('c', { ...kept, clean: false })).toMatchObject({ sessionPresent: true });
    expect(await second.drain()).toMatchObject([
      { topic: 't/1', dup: false },
      { topic: 't/2', dup: false },
    ]);
    server.publish('t/3', '3', { qos: 1 });
    expect(await second.next('publish')).toMatchObject({ topic: 't/3' });
    expect(events.at(-1)).toBe('connected c true');
  });

  test.each([4, 5] as const)(
    'MQTT version %i: clean start forgets, and says so [v3 3.1.2-6 3.2.2-1] [v5 3.1.2-4 3.2.2-2]',
    async (version) => {
      const { dial, server } = testServer();
      const first = dial(version);
      await first.connect('c', { ...kept, clean: false });
      await first.subscribe('t');
      await first.drop();
      const second = dial(version);
      expect(await second.connect('c', { clean: true })).toMatchObject({ sessionPresent: false });
      server.publish('t', 'x', { qos: 1 });
      expect(await second.drain()).toEqual([]);
    },
  );

  test('a 3.1.1 session that is not clean is kept for the longest time there is [v3 3.1.2-4 3.2.2-2 3.2.2-3 4.1.0-1]', async () => {
    const { dial, timers } = testServer();
    const first = dial(4);
    await first.connect('c', { clean: false });
    await first.drop();
    timers.advance(604_799_000);
    const second = dial(4);
    expect(await second.connect('c', { clean: false })).toMatchObject({ sessionPresent: true });
    await second.drop();
    timers.advance(604_800_000);
    expect(await dial(4).connect('c', { clean: false })).toMatchObject({ sessionPresent: false });
  });

  test.each([4, 5] as const)(
    'MQTT version %i: a transient one is neither kept nor given to the next',
    async (version) => {
      const { dial, server } = testServer({
        authenticate: ({ clientId }) =>
          Promise.resolve({ allow: true, principal: { name: clientId }, transient: true }),
      });
      const asked = { ...kept, clean: false };
      const first = dial(version);
      const connack = await first.connect('shared', asked);
      if (version === 5) expect(connack.properties).toMatchObject({ sessionExpiryInterval: 0 });
      await first.subscribe('secret');
      await first.drop();
      server.publish('secret', 'x', { qos: 1 });
      const second = dial(version);
      expect(await second.connect('shared', asked)).toMatchObject({ sessionPresent: false });
      expect(await second.drain()).toEqual([]);
    },
  );

  test('one ends with its expiry, or with its connection when that is 0 [v5 3.1.2-6 4.1.0-2]', async () => {
    const { dial, timers } = testServer();
    for (const [properties, wait] of [
      [{ sessionExpiryInterval: 10 }, 10_000],
      [{}, 0],
    ] as const) {
      const first = dial();
      await first.connect('c', { properties });
      await first.drop();
      timers.advance(wait);
      const second = dial();
      expect(await second.connect('c', { clean: false, properties })).toMatchObject({ sessionPresent: false });
      await second.drop();
    }
  });

  test('a DISCONNECT changes the expiry, but does not raise it from 0', async () => {
    const { dial } = testServer();
    const first = dial();
    await first.connect('c', kept);
    first.send({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 0 } });
    await first.end();
    const second = dial();
    expect(await second.connect('c', { clean: false })).toMatchObject({ sessionPresent: false });
    second.send({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 5 } });
    expect(await second.end()).toBe(0x82);
  });

  test('what was not acknowledged comes again first, with DUP and its identifier [v5 3.3.1-1 4.3.2-3 4.4.0-1]', async () => {
    const { dial, server } = testServer();
    const first = dial();
    await first.connect('c', { properties: { ...kept.properties, receiveMaximum: 2 } });
    await first.subscribe('t');
    for (const payload of ['1', '2', '3']) server.publish('t', payload, { qos: 1 });
    const [, two] = [await first.next('publish'), await first.next('publish')];
    await first.drop();
    const second = dial();
    await second.connect('c', { clean: false, properties: { ...kept.properties, receiveMaximum: 1 } });
    expect(await second.drain()).toMatchObject([{ payload: Buffer.from('1'), dup: true, messageId: 1 }]);
    second.send({ cmd: 'puback', messageId: 1, reasonCode: 0 });
    expect(await second.drain()).toMatchObject([{ payload: Buffer.from('2'), dup: true, messageId: two.messageId }]);
    second.send({ cmd: 'puback', messageId: 2, reasonCode: 0 });
    expect(await second.drain()).toMatchObject([{ payload: Buffer.from('3'), dup: false }]);
  });

  test('never more are unacknowledged than Receive Maximum, and nothing else waits [v5 3.3.4-9 3.3.4-10 4.9.0-1 4.9.0-2 4.9.0-3]', async () => {
    const { dial, server } = testServer();
    const client = dial();
    await client.connect('c', { properties: { receiveMaximum: 2 } });
    await client.subscribe('t');
    for (let n = 0; n < 5; n++) server.publish('t', `${n}`, { qos: 1 });
    server.publish('t', 'zero', { qos: 0 });
    expect(await client.drain()).toMatchObject([{ messageId: 1 }, { messageId: 2 }, { qos: 0 }]);
    client.send({ cmd: 'puback', messageId: 2, reasonCode: 0 });
    expect(await client.drain()).toMatchObject([{ messageId: 3, payload: Buffer.from('2') }]);
    client.send({ cmd: 'puback', messageId: 999, reasonCode: 0 });
    expect(await client.drain()).toEqual([]);
  });

  test('the offline queue is bounded in bytes: what does not fit is dropped and logged', async () => {
    const { dial, server, log } = testServer({ limits: { queueBytes: 3000 } });
    const first = dial();
    await first.connect('c', kept);
    await first.subscribe('t');
    await first.drop();
    for (let n = 0; n < 5; n++) server.publish('t', Buffer.alloc(1000, n), { qos: 1 });
    expect(log.lines).toHaveLength(3);
    expect(log.lines[0]).toMatchObject([
      'message dropped: the queue of the client is full',
      { clientId: 'c', topic: 't' },
    ]);
    const second = dial();
    await second.connect('c', { ...kept, clean: false });
    expect(await second.drain()).toHaveLength(2);
  });

  test('one with a subscription that is no longer allowed is not resumed', async () => {
    let allowed = true;
    const { dial, server } = testServer({ authorizeSubscribe: () => allowed });
    const first = dial();
    await first.connect('c', kept);
    await first.subscribe('t');
    await first.drop();
    allowed = false;
    const second = dial();
    expect(await second.connect('c', { ...kept, clean: false })).toMatchObject({ sessionPresent: false });
    server.publish('t', 'x', { qos: 1 });
    expect(await second.drain()).toEqual([]);
  });

  test('more than the server keeps are refused with 0x97', async () => {
    const { dial } = testServer({ limits: { sessions: 1 } });
    await dial().connect('one');
    expect(await dial().connect('two')).toMatchObject({ reasonCode: 0x97 });
    expect(await dial().connect('one')).toMatchObject({ reasonCode: 0 });
  });
});
