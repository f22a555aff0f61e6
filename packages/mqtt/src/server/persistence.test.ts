import { describe, expect, test } from 'vitest';
import { deferred, MemoryStore, testServerOn } from './test-support.ts';

const kept = { clean: false, properties: { sessionExpiryInterval: 3600 } };
const HOUR = 3_600_000;

describe('with a store', () => {
  test('sessions, their queues and retained messages survive a restart, in order and with their properties', async () => {
    const store = new MemoryStore();
    const before = await testServerOn(store);
    const client = before.dial();
    await client.connect('c', kept);
    await client.subscribe('t/#');
    await client.subscribe('gone');
    client.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['gone'] });
    await client.next('unsuback');
    await client.drop();
    const properties = { contentType: 'a/b', messageExpiryInterval: 100 };
    before.server.publish('t/1', '1', { qos: 1, properties });
    before.server.publish('t/2', '2', { qos: 1, retain: true });
    before.server.publish('t/0', 'not kept', { qos: 0 });
    await before.server.close();
    const after = await testServerOn(store, {}, 1_030_000);
    const again = after.dial();
    expect(await again.connect('c', kept)).toMatchObject({ sessionPresent: true });
    expect(await again.drain()).toMatchObject([
      { topic: 't/1', dup: false, properties: { contentType: 'a/b', messageExpiryInterval: 70 } },
      { topic: 't/2', payload: Buffer.from('2'), retain: false },
    ]);
    for (const messageId of [1, 2]) again.send({ cmd: 'puback', messageId });
    after.server.publish('t/3', '3', { qos: 1 });
    expect(await again.drain()).toMatchObject([{ topic: 't/3' }]);
    await again.subscribe('t/2');
    expect(await again.drain()).toMatchObject([{ topic: 't/2', retain: true }]);
    after.server.publish('t/2', '', { qos: 1, retain: true });
    await after.server.flushed();
    expect([...store.queued.values()]).toEqual([]);
    expect(store.retained.size).toBe(0);
  });

  test('a publish for a session that is away is acknowledged when the store has it; others are not held up', async () => {
    const store = new MemoryStore();
    const { dial, server } = await testServerOn(store);
    const away = dial();
    await away.connect('away', kept);
    await away.subscribe('t');
    await away.drop();
    await server.flushed();
    const gate = deferred<void>();
    store.gate = gate.promise;
    const client = dial();
    await client.connect('c');
    client.publish('other', 'x', { qos: 1, messageId: 1 });
    expect(await client.drain()).toMatchObject([{ cmd: 'puback', messageId: 1 }]);
    client.publish('t', 'x', { qos: 1, messageId: 2 });
    client.publish('kept', 'x', { qos: 1, messageId: 3, retain: true });
    expect(await client.drain()).toEqual([]);
    expect(store.queued.size).toBe(0);
    gate.resolve();
    expect(await client.next('puback')).toMatchObject({ messageId: 2 });
    expect(store.queued.size).toBe(1);
    expect(await client.next('puback')).toMatchObject({ messageId: 3 });
    expect(store.retained.size).toBe(1);
  });

  test('a subscription of a session that is kept is granted when the store has it', async () => {
    const store = new MemoryStore();
    const { dial } = await testServerOn(store);
    const gate = deferred<void>();
    store.gate = gate.promise;
    const client = dial();
    await client.connect('c', kept);
    client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 't', qos: 1 }] });
    client.send({ cmd: 'pingreq' });
    await new Promise(setImmediate);
    expect(client.received.at(-2)).not.toBe(0xd0);
    gate.resolve();
    await client.next('suback');
    await client.next('pingresp');
    expect(store.sessions.get('c')?.subscriptions).toMatchObject([{ filter: 't', qos: 1 }]);
  });

  test('what was sent and not acknowledged is stored when its connection ends', async () => {
    const store = new MemoryStore();
    const before = await testServerOn(store);
    const client = before.dial();
    await client.connect('c', kept);
    await client.subscribe('t');
    before.server.publish('t', 'x', { qos: 1 });
    await client.next('publish');
    await before.server.close();
    const after = await testServerOn(store);
    const again = after.dial();
    await again.connect('c', kept);
    expect(await again.drain()).toMatchObject([{ payload: Buffer.from('x') }]);
  });

  test('sessions that end leave nothing in the store: by expiry, a clean start, or with their connection', async () => {
    const store = new MemoryStore();
    const { dial, server, timers } = await testServerOn(store);
    for (const [name, more] of [
      ['expires', {}],
      ['clean', { clean: true }],
      ['changes', { clean: false, properties: { sessionExpiryInterval: 0 } }],
    ] as const) {
      const client = dial();
      await client.connect(name, kept);
      await client.subscribe('t');
      await client.drop();
      server.publish('t', 'x', { qos: 1 });
      await server.flushed();
      expect(store.sessions.size).toBe(1);
      if (name === 'expires') timers.advance(HOUR);
      else {
        const again = dial();
        await again.connect(name, more);
        await again.drop();
      }
      await server.flushed();
      expect([store.sessions.size, store.queued.size]).toEqual([0, 0]);
    }
  });

  test('time goes on while the server is down: sessions and messages expire, wills come due', async () => {
    const store = new MemoryStore();
    const before = await testServerOn(store);
    const names = ['short', 'long'];
    for (const [at, name] of names.entries()) {
      const client = before.dial();
      await client.connect(name, {
        clean: false,
        properties: { sessionExpiryInterval: 60 + at * 3600 },
        will: { topic: `w/${name}`, payload: Buffer.from('gone'), qos: 1, properties: { willDelayInterval: 1000 } },
      });
      await client.subscribe('#');
      await client.drop();
    }
    before.server.publish('t', 'x', { qos: 1, properties: { messageExpiryInterval: 30 } });
    await before.server.close();
    const after = await testServerOn(store, {}, 1_000_000 + 100_000);
    after.timers.advance(0);
    await after.server.flushed();
    expect([...store.sessions.keys()]).toEqual(['long']);
    after.timers.advance(899_000);
    const watcher = after.dial();
    await watcher.connect('watcher', { keepalive: 600 });
    await watcher.subscribe('w/#');
    expect(await watcher.drain()).toEqual([]);
    after.timers.advance(1_000);
    expect(await watcher.drain()).toMatchObject([{ topic: 'w/long' }]);
    const long = after.dial();
    await long.connect('long', { clean: false, properties: { sessionExpiryInterval: 3600 } });
    expect(await long.drain()).toMatchObject([{ topic: 'w/short' }, { topic: 'w/long' }]);
  });

  test('a client that was connected when the server died has its will published and its session kept from then on', async () => {
    const store = new MemoryStore();
    const before = await testServerOn(store);
    const client = before.dial();
    await client.connect('c', { ...kept, will: { topic: 'w', payload: Buffer.from('gone'), retain: true } });
    await before.server.flushed();
    const after = await testServerOn(store, {}, 1_000_000 + 10 * HOUR);
    after.timers.advance(0);
    await after.server.flushed();
    expect(store.retained.get('w')?.payload).toEqual(new Uint8Array(Buffer.from('gone')));
    expect(store.sessions.get('c')).toMatchObject({ disconnectedAt: 1_000_000 + 10 * HOUR, will: undefined });
    after.timers.advance(HOUR - 1);
    const again = after.dial();
    expect(await again.connect('c', kept)).toMatchObject({ sessionPresent: true });
  });

  test('messages of shared subscriptions are shared again after a restart', async () => {
    const store = new MemoryStore();
    const before = await testServerOn(store);
    for (const name of ['a', 'b']) {
      const client = before.dial();
      await client.connect(name, name === 'a' ? { clean: false, properties: { sessionExpiryInterval: 60 } } : kept);
      await client.subscribe('$share/g/t');
      await client.drop();
    }
    for (const payload of ['0', '1']) before.server.publish('t', payload, { qos: 1 });
    await before.server.close();
    const after = await testServerOn(store);
    const b = after.dial();
    await b.connect('b', kept);
    expect(await b.drain()).toMatchObject([{ payload: Buffer.from('1') }]);
    after.timers.advance(60_000);
    expect(await b.drain()).toMatchObject([{ payload: Buffer.from('0') }]);
  });

  test('what may not be received any more is not delivered after a restart', async () => {
    const store = new MemoryStore();
    const before = await testServerOn(store);
    const client = before.dial();
    await client.connect('c', kept);
    await client.subscribe('#');
    await client.drop();
    for (const topic of ['open', 'secret']) before.server.publish(topic, 'x', { qos: 1 });
    await before.server.close();
    const after = await testServerOn(store, { authorizeReceive: (_client, topic) => topic !== 'secret' });
    const again = after.dial();
    await again.connect('c', kept);
    expect(await again.drain()).toMatchObject([{ topic: 'open' }]);
    again.send({ cmd: 'puback', messageId: 1 });
    await again.drain();
    await after.server.flushed();
    expect(store.queued.size).toBe(0);
  });

  test('a store that fails is tried again, and what waits for it waits; closing does not wait for it', async () => {
    const store = new MemoryStore();
    const { dial, server, timers, log } = await testServerOn(store);
    store.failing = true;
    const client = dial();
    await client.connect('c');
    client.publish('t', 'x', { qos: 1, messageId: 1, retain: true });
    expect(await client.drain()).toEqual([]);
    expect(log.lines).toMatchObject([['the session store failed, and is tried again', { error: 'disk full' }]]);
    store.failing = false;
    timers.advance(1000);
    await client.next('puback');
    expect(store.retained.size).toBe(1);
    store.failing = true;
    server.publish('u', 'x', { qos: 1, retain: true });
    await client.drain();
    await server.close();
    expect(log.lines.at(-1)?.[0]).toContain('lost');
  });

  test('what comes while the store writes is its next batch', async () => {
    const store = new MemoryStore();
    const { server } = await testServerOn(store);
    const gate = deferred<void>();
    store.gate = gate.promise;
    server.publish('t0', 'x', { qos: 1, retain: true });
    await new Promise(setImmediate);
    for (let n = 1; n < 1000; n++) server.publish(`t${n % 7}`, `${n}`, { qos: 1, retain: true });
    gate.resolve();
    await server.flushed();
    expect(store.writes).toBe(2);
    expect(Buffer.from(store.retained.get('t5')?.payload ?? []).toString()).toBe('999');
  });
});
