import { describe, expect, test } from 'vitest';
import type { MqttRequest, Reply } from './options.ts';
import { deferred, testServer } from './test-support.ts';

const answer = (request: MqttRequest): Promise<readonly Reply[]> =>
  Promise.resolve([{ topic: `${request.topic}/accepted`, payload: `re: ${request.payload}` }]);

describe('requests', () => {
  test('a requester that never subscribed gets the answer, after the PUBACK', async () => {
    const { dial } = testServer({ onRequest: (_client, request) => answer(request) });
    for (const version of [4, 5] as const) {
      const client = dial(version);
      await client.connect('core');
      client.publish('$aws/things/core/jobs/get', 'hi', { qos: 1, messageId: 7 });
      expect(await client.drain()).toMatchObject([
        { cmd: 'puback', messageId: 7 },
        { cmd: 'publish', topic: '$aws/things/core/jobs/get/accepted', payload: Buffer.from('re: hi'), qos: 1 },
      ]);
    }
  });

  test('an answer goes to the requester and to subscribers on other connections, once a connection', async () => {
    const { dial } = testServer({ onRequest: (_client, request) => answer(request) });
    const [asking, listening, stranger] = [dial(), dial(), dial()];
    await asking.connect('core#2');
    await asking.subscribe('$aws/things/core/jobs/get/+');
    await asking.subscribe('$aws/things/core/jobs/get/accepted', { nl: true });
    await listening.connect('core');
    await listening.subscribe('$aws/things/core/jobs/#', { qos: 0 });
    await stranger.connect('stranger');
    await stranger.subscribe('#');
    asking.publish('$aws/things/core/jobs/get', 'hi');
    expect(await asking.next('publish')).toMatchObject({ topic: '$aws/things/core/jobs/get/accepted', qos: 1 });
    expect(await asking.drain()).toEqual([]);
    expect(await listening.drain()).toMatchObject([{ topic: '$aws/things/core/jobs/get/accepted', qos: 0 }]);
    expect(await stranger.drain()).toEqual([]);
  });

  test('the request itself is not routed, and its properties reach the handler', async () => {
    const seen: MqttRequest[] = [];
    const { dial } = testServer({
      onRequest: (_client, request) => {
        seen.push(request);
        return Promise.resolve([]);
      },
    });
    const client = dial();
    await client.connect('core');
    await client.subscribe('$aws/#');
    client.publish('$aws/x', 'hi', {
      qos: 1,
      messageId: 1,
      properties: { correlationData: Buffer.from('k'), userProperties: { a: '1' } },
    });
    expect(await client.drain()).toMatchObject([{ cmd: 'puback', reasonCode: 0 }]);
    expect(seen).toMatchObject([
      {
        topic: '$aws/x',
        qos: 1,
        retain: false,
        properties: { correlationData: Buffer.from('k'), userProperties: [['a', '1']] },
      },
    ]);
  });

  test('the PUBACK waits for the handler, and PUBACKs keep the order of the publishes [v5 4.3.2-4]', async () => {
    const gates = new Map([
      ['$aws/slow', deferred<readonly Reply[]>()],
      ['$aws/fast', deferred<readonly Reply[]>()],
    ]);
    const { dial } = testServer({
      onRequest: (_client, { topic }) => gates.get(topic)?.promise ?? Promise.resolve([]),
    });
    const client = dial();
    await client.connect('core');
    client.publish('$aws/slow', '', { qos: 1, messageId: 1 });
    client.publish('$aws/fast', '', { qos: 1, messageId: 2 });
    client.publish('plain', '', { qos: 1, messageId: 3 });
    expect(await client.drain()).toEqual([]);
    gates.get('$aws/fast')?.resolve([{ topic: 'answer', payload: 'fast' }]);
    expect(await client.next('publish')).toMatchObject({ payload: Buffer.from('fast') });
    expect(await client.drain()).toEqual([]);
    gates.get('$aws/slow')?.resolve([]);
    for (const messageId of [1, 2, 3]) expect(await client.next('puback')).toMatchObject({ messageId });
  });

  test('one that fails: 0x80 to MQTT 5, the end of a 3.1.1 connection, and a line in the log', async () => {
    const { dial, log, events } = testServer({
      onRequest: (_client, { topic }) => {
        if (topic === '$aws/throws') throw new Error('sync');
        return Promise.reject(new Error('async'));
      },
    });
    const client = dial();
    await client.connect('five');
    client.publish('$aws/throws', '', { qos: 1, messageId: 1 });
    expect(await client.next('puback')).toMatchObject({ reasonCode: 0x80 });
    client.publish('$aws/rejects', '');
    expect(await client.drain()).toEqual([]);
    const old = dial(4);
    await old.connect('four');
    old.publish('$aws/rejects', '', { qos: 1, messageId: 1 });
    await old.end();
    expect(events.at(-1)).toBe('disconnected four request-failed');
    expect(log.lines.map(([line, fields]) => [line, fields?.['error']])).toEqual([
      ['request failed', 'sync'],
      ['request failed', 'async'],
      ['request failed', 'async'],
    ]);
  });

  test('an answer that comes after its requester left reaches its next connection', async () => {
    const gate = deferred<readonly Reply[]>();
    const { dial } = testServer({ onRequest: () => gate.promise });
    const first = dial();
    const kept = { properties: { sessionExpiryInterval: 60 } };
    await first.connect('core', kept);
    await first.subscribe('answers');
    first.publish('$aws/ask', '', { qos: 1, messageId: 1 });
    await first.drain();
    await first.drop();
    gate.resolve([{ topic: 'answers', payload: 'late' }]);
    await gate.promise;
    const second = dial();
    await second.connect('core', { ...kept, clean: false });
    expect(await second.next('publish')).toMatchObject({ payload: Buffer.from('late') });
  });

  test('an answer on a topic that is none is logged, and harms nobody', async () => {
    const { dial, log } = testServer({ onRequest: () => Promise.resolve([{ topic: 'a/#', payload: '' }]) });
    const client = dial();
    await client.connect('core');
    client.publish('$aws/ask', '', { qos: 1, messageId: 1 });
    expect(await client.drain()).toMatchObject([{ cmd: 'puback' }]);
    expect(log.lines[0]?.[1]).toMatchObject({ error: 'the topic is not a topic name' });
  });

  test('more open than Receive Maximum ends an MQTT 5 connection with 0x93', async () => {
    const { dial } = testServer({ onRequest: () => new Promise(() => {}), limits: { receiveMaximum: 2 } });
    const client = dial();
    await client.connect('core');
    for (const messageId of [1, 2, 3]) client.publish('$aws/ask', '', { qos: 1, messageId });
    expect(await client.end()).toBe(0x93);
  });

  test('more open from a 3.1.1 client, or of QoS 0, are left unread until some are answered', async () => {
    for (const [version, qos] of [
      [4, 1],
      [5, 0],
    ] as const) {
      const gates = [deferred<readonly Reply[]>(), deferred<readonly Reply[]>()];
      let asked = 0;
      const { dial } = testServer({
        onRequest: () => {
          asked++;
          return gates[asked - 1]?.promise ?? Promise.resolve([]);
        },
        limits: { receiveMaximum: 2 },
      });
      const client = dial(version);
      await client.connect('core');
      for (const messageId of [1, 2, 3, 4]) client.publish('$aws/ask', '', { qos, messageId });
      while (asked < 2) await new Promise(setImmediate);
      await new Promise(setImmediate);
      expect(asked).toBe(2);
      for (const gate of gates) gate.resolve([]);
      await client.drain();
      expect(asked).toBe(4);
    }
  });

  test('a will on a reserved topic is a request too', async () => {
    const { dial } = testServer({ onRequest: () => Promise.resolve([{ topic: 'answer', payload: 'seen' }]) });
    const watcher = dial();
    await watcher.connect('watcher');
    await watcher.subscribe('answer');
    const client = dial();
    await client.connect('core', { will: { topic: '$aws/bye', payload: Buffer.from('x'), qos: 1 } });
    await client.drop();
    expect(await watcher.next('publish')).toMatchObject({ payload: Buffer.from('seen') });
  });
});
