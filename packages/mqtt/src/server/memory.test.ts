import { describe, expect, test } from 'vitest';
import { type RawClient, type TestServer, testServer } from './test-support.ts';

const kept = { clean: false, properties: { sessionExpiryInterval: 3600 } };

async function away({ dial }: TestServer, name: string, filter: string): Promise<void> {
  const client = dial();
  await client.connect(name, kept);
  await client.subscribe(filter);
  await client.drop();
}

async function connected({ dial }: TestServer, name: string, more: object = {}, version: 4 | 5 = 5) {
  const client = dial(version);
  await client.connect(name, more);
  return client;
}

/** Takes what comes, acknowledging it, until there is no more. */
async function takeAll(client: RawClient): Promise<string[]> {
  const topics: string[] = [];
  for (;;) {
    const packets = await client.drain();
    if (packets.length === 0) return topics;
    for (const packet of packets) {
      if (packet.cmd !== 'publish') throw new Error(`unexpected ${packet.cmd}`);
      topics.push(packet.topic);
      if (packet.messageId) client.send({ cmd: 'puback', messageId: packet.messageId });
    }
  }
}

describe('memory of sessions', () => {
  test('when all hold too much the largest end, and their clients are told by Session Present 0', async () => {
    const server = testServer({ limits: { queueBytes: 50_000, totalQueueBytes: 60_000 } });
    await away(server, 'modest', 'modest');
    await away(server, 'hog', 'hog');
    server.server.publish('modest', Buffer.alloc(5000), { qos: 1 });
    for (let n = 0; n < 12; n++) {
      server.server.publish('hog', Buffer.alloc(5000), { qos: 1 });
      await Promise.resolve();
    }
    await away(server, 'late', 'late');
    for (let n = 0; n < 2; n++) server.server.publish('late', Buffer.alloc(20_000), { qos: 1 });
    await new Promise(setImmediate);
    expect(await server.dial().connect('hog', kept)).toMatchObject({ sessionPresent: false });
    const modest = server.dial();
    expect(await modest.connect('modest', kept)).toMatchObject({ sessionPresent: true });
    expect(await modest.drain()).toHaveLength(1);
    expect(server.log.lines).toContainEqual([expect.stringContaining('session ended'), expect.anything()]);
  });

  test('one message that waits for many is counted once', async () => {
    const server = testServer({ limits: { totalQueueBytes: 300_000 } });
    for (let n = 0; n < 100; n++) await away(server, `c${n}`, 't');
    server.server.publish('t', Buffer.alloc(100_000), { qos: 1 });
    await new Promise(setImmediate);
    for (let n = 0; n < 100; n++) {
      expect(await server.dial().connect(`c${n}`, kept)).toMatchObject({ sessionPresent: true });
    }
    server.server.publish('u', Buffer.alloc(100_000), { qos: 1 });
  });

  test('subscriptions and wills count too', async () => {
    const server = testServer({ limits: { totalQueueBytes: 200_000 } });
    const other = await connected(server, 'other', { will: { topic: 'w', payload: Buffer.alloc(1000) } });
    const greedy = await connected(server, 'greedy');
    for (let n = 0; n < 5 && !greedy.ended; n++) {
      greedy.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: `${'x'.repeat(60_000)}${n}`, qos: 1 }] });
      await other.drain();
    }
    expect(await greedy.end()).toBe(0x97);
    expect(await other.drain()).toEqual([]);
  });

  test('expired messages make room', async () => {
    const server = testServer({ limits: { queueBytes: 3000 } });
    await away(server, 'c', 't');
    const properties = { messageExpiryInterval: 10 };
    for (let n = 0; n < 2; n++) server.server.publish('t', Buffer.alloc(1000), { qos: 1, properties });
    server.timers.advance(10_000);
    for (let n = 0; n < 2; n++) server.server.publish('t', `${n}`.repeat(1000), { qos: 1 });
    const client = server.dial();
    await client.connect('c', kept);
    expect(await client.drain()).toHaveLength(2);
    expect(server.log.lines).toEqual([]);
  });

  test('retained messages come as the client takes them, however many there are', async () => {
    const server = testServer({ limits: { queueBytes: 2500, inflight: 10 } });
    for (let n = 0; n < 40; n++)
      server.server.publish(`t/${n}`, Buffer.alloc(1000), { qos: n & 1 ? 1 : 0, retain: true });
    const client = await connected(server, 'c');
    await client.subscribe('t/#');
    expect(await takeAll(client)).toEqual(Array.from({ length: 40 }, (_, n) => `t/${n}`));
  });

  test('expired retained messages make room for others', async () => {
    const server = testServer({ limits: { retainedMessages: 1 } });
    server.server.publish('a', 'x', { qos: 0, retain: true, properties: { messageExpiryInterval: 10 } });
    server.timers.advance(10_000);
    server.server.publish('b', 'x', { qos: 0, retain: true });
    const client = await connected(server, 'c');
    await client.subscribe('#');
    expect(await client.drain()).toMatchObject([{ topic: 'b' }]);
  });

  test('where there is no room for a new retained message of a 3.1.1 client, the old one does not stand for it', async () => {
    const server = testServer({ limits: { retainedBytes: 1000 } });
    const client = await connected(server, 'c', {}, 4);
    client.publish('t', 'old', { retain: true });
    client.publish('t', 'x'.repeat(2000), { retain: true });
    await client.subscribe('t');
    expect(await client.drain()).toEqual([]);
  });
});

describe('memory of connections', () => {
  test('when unfinished packets hold too much, the connection that holds most is cut off', async () => {
    const server = testServer({ limits: { totalBufferBytes: 300_000 } });
    const good = await connected(server, 'good');
    const liars: RawClient[] = [];
    for (const size of [100_000, 200_000, 50_000]) {
      const liar = await connected(server, `liar-${size}`);
      liar.stream.write(Buffer.concat([Buffer.from([0x30, 0x90, 0xf0, 0x0f]), Buffer.alloc(size)]));
      await good.drain();
      liars.push(liar);
    }
    await liars[1]?.end();
    expect(liars.map(({ ended }) => ended)).toEqual([false, true, false]);
    expect(await good.drain()).toEqual([]);
  });

  test('what a connection held is free when it is gone', async () => {
    const server = testServer({ limits: { totalBufferBytes: 100_000 } });
    const good = await connected(server, 'good');
    good.stream.write(Buffer.concat([Buffer.from([0x30, 0x90, 0xf0, 0x0f]), Buffer.alloc(40_000)]));
    for (let n = 0; n < 10; n++) {
      const other = await connected(server, 'other', { will: { topic: 'w', payload: Buffer.alloc(10_000) } });
      other.stream.write(Buffer.concat([Buffer.from([0x30, 0x90, 0xf0, 0x0f]), Buffer.alloc(30_000)]));
      await other.drop();
    }
    expect(good.ended).toBe(false);
    expect(server.log.lines).toEqual([]);
  });

  test('when unsent packets hold too much, the slowest reader is cut off', async () => {
    const server = testServer({ limits: { totalBufferBytes: 300_000, outboundBytes: 250_000 } });
    const [slow, slower] = [await connected(server, 'slow'), await connected(server, 'slower')];
    await slow.subscribe('a');
    await slower.subscribe('b');
    for (const client of [slow, slower]) client.stream.pause();
    for (let n = 0; n < 20; n++) {
      server.server.publish('b', Buffer.alloc(15_000), { qos: 0 });
      if (n % 2) server.server.publish('a', Buffer.alloc(15_000), { qos: 0 });
      await new Promise(setImmediate);
    }
    expect([...server.server.clients()].map(({ clientId }) => clientId)).toEqual(['slow']);
    expect(server.events.at(-1)).toBe('disconnected slower slow-reader');
  });
});

describe.each([4, 5] as const)('a client of version %i that sends too much', (version) => {
  test('is read no faster than the limit; nothing is lost, and others are served', async () => {
    const server = testServer({ limits: { packetsPerSecond: 100 } });
    const witness = await connected(server, 'witness', { keepalive: 0 }, version);
    await witness.subscribe('t', { qos: 0 });
    const flood = await connected(server, 'flood', { keepalive: 10 }, version);
    for (let n = 0; n < 350; n++) flood.publish('t', `${n}`);
    await new Promise(setImmediate);
    expect(await witness.drain()).toHaveLength(100);
    let count = 100;
    for (let second = 0; second < 3; second++) {
      server.timers.advance(1000);
      await new Promise(setImmediate);
      count += (await witness.drain()).length;
    }
    expect(count).toBe(350);
    expect(flood.ended).toBe(false);
  });
});
