import type { StoreChange, StoredMessage, StoredSession } from '@greensward/mqtt/server';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestCloud, type TestCloud } from '../app/testing/test-cloud.ts';
import { createSessionStorage } from './session-storage.ts';

let cloud: TestCloud;

beforeEach(async () => {
  cloud = await openTestCloud();
});
afterEach(() => cloud.close());

const message = (topic: string, more: Partial<StoredMessage> = {}): StoredMessage => ({
  topic,
  payload: Buffer.from([0, 255]),
  qos: 1,
  properties: Buffer.from([1]),
  expiresAt: undefined,
  ...more,
});
const session = (clientId: string, more: Partial<StoredSession> = {}): StoredSession => ({
  clientId,
  subscriptions: [],
  expirySeconds: 60,
  disconnectedAt: undefined,
  will: undefined,
  ...more,
});
const queued = (clientId: string, sequence: number, of: StoredMessage): StoreChange => ({
  kind: 'queued',
  queued: { clientId, sequence, message: of, retain: false, subscriptionIdentifiers: undefined, shared: undefined },
});

test('sessions come back as they were, with every member or with few', async () => {
  const subscription = { filter: 'a/+', qos: 1, noLocal: true, retainAsPublished: true } as const;
  const full = session('full', {
    subscriptions: [
      { ...subscription, identifier: 7 },
      { ...subscription, filter: '$share/g/b', identifier: undefined },
    ],
    disconnectedAt: 1_700_000_000_000.5,
    will: { message: message('will'), retain: true, delaySeconds: 5, expirySeconds: 9 },
  });
  const few = session('few', {
    will: { message: message('w', { qos: 0 }), retain: false, delaySeconds: 0, expirySeconds: undefined },
  });
  const store = createSessionStorage(cloud.storage);
  await store.write([full, few, session('none')].map((each) => ({ kind: 'session', session: each })));
  const { sessions } = await createSessionStorage(cloud.storage).load();
  expect([...sessions].sort((a, b) => (a.clientId < b.clientId ? -1 : 1))).toStrictEqual([few, full, session('none')]);
});

test('a message that several wait for is one, and each has its own way of delivery', async () => {
  const shared = message('a');
  const store = createSessionStorage(cloud.storage);
  await store.write([
    { kind: 'session', session: session('one') },
    queued('one', 1, shared),
    {
      kind: 'queued',
      queued: {
        clientId: 'two',
        sequence: 2,
        message: shared,
        retain: true,
        subscriptionIdentifiers: [3],
        shared: '$share/g/a',
      },
    },
  ]);
  // The same message for one more, in a later batch.
  await store.write([queued('three', 3, shared), queued('three', 4, message('b'))]);
  const loaded = await createSessionStorage(cloud.storage).load();
  const [first, second, third, fourth] = [...loaded.queued].sort((a, b) => a.sequence - b.sequence);
  expect(first).toMatchObject({ clientId: 'one', retain: false, message: { topic: 'a' } });
  expect(second).toMatchObject({ retain: true, subscriptionIdentifiers: [3], shared: '$share/g/a' });
  expect(second?.message).toBe(first?.message);
  expect(third?.message).toBe(first?.message);
  expect(fourth?.message.topic).toBe('b');
});

test('changes of one batch count in their order', async () => {
  const store = createSessionStorage(cloud.storage);
  await store.write([
    { kind: 'session', session: session('one') },
    queued('one', 1, message('lost')),
    { kind: 'session-ended', clientId: 'one' },
    { kind: 'session', session: session('one', { expirySeconds: 7 }) },
    queued('one', 2, message('taken')),
    queued('one', 3, message('kept')),
    { kind: 'unqueued', clientId: 'one', sequence: 2 },
    { kind: 'session', session: session('two') },
    { kind: 'session-ended', clientId: 'two' },
    { kind: 'retained', message: message('r') },
    { kind: 'retained-removed', topic: 'r' },
    { kind: 'retained-removed', topic: 's' },
    { kind: 'retained', message: message('s') },
  ]);
  const { sessions, queued: waiting, retained } = await store.load();
  expect(sessions).toEqual([session('one', { expirySeconds: 7 })]);
  expect(waiting.map(({ sequence }) => sequence)).toEqual([3]);
  expect(retained.map(({ topic }) => topic)).toEqual(['s']);
});
