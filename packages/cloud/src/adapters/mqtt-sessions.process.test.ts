import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@greensward/kit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { KeptDelivery, KeptMessage, KeptSessions, SessionChanges } from '../ports/mqtt-sessions.ts';
import type { Storage } from '../ports/storage.ts';
import { openPostgres } from './postgres/postgres.ts';
import { openSqlite } from './sqlite/sqlite.ts';
import { findPostgres, type PostgresCluster, startPostgres } from './testing/postgres-cluster.ts';

const postgres = findPostgres();
let cluster: PostgresCluster | undefined;
let folder = '';
let files = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greensward-mqtt-sessions-'));
  if (postgres) cluster = await startPostgres(postgres);
});
afterAll(async () => {
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

function newFile(): string {
  files += 1;
  return join(folder, `${files}.db`);
}

const nothing: SessionChanges = {
  ended: new Set(),
  unqueued: new Set(),
  sessions: [],
  queued: [],
  retained: new Map(),
};

/** Bytes that are no text. */
const bytes = (...more: readonly number[]) => Buffer.from([0, 255, 128, ...more]);

function message(topic: string, more: Partial<KeptMessage> = {}): KeptMessage {
  return { topic, payload: bytes(1), qos: 1, properties: new Uint8Array(), expiresAt: undefined, ...more };
}

function delivery(clientId: string, sequence: number, messageId: number, of = message('a')): KeptDelivery {
  return { clientId, sequence, messageId, message: of, delivery: `{"of":${sequence}}` };
}

const session = (clientId: string, text = '{}') => ({ clientId, session: text });

/** In an order of its own, and with bytes that compare by what they hold. */
function sorted({ sessions, queued, retained }: KeptSessions): KeptSessions {
  const plain = (each: KeptMessage) => ({
    ...each,
    payload: Buffer.from(each.payload),
    properties: Buffer.from(each.properties),
  });
  return {
    sessions: [...sessions].sort((a, b) => (a.clientId < b.clientId ? -1 : 1)),
    queued: queued.map((each) => ({ ...each, message: plain(each.message) })).sort((a, b) => a.sequence - b.sequence),
    retained: retained.map(plain).sort((a, b) => (a.topic < b.topic ? -1 : 1)),
  };
}

describe.each([
  {
    name: 'SQLite',
    present: true,
    create: async () => newFile(),
    open: (file: string) => openSqlite({ file, log: silentLog }),
  },
  {
    name: 'PostgreSQL',
    present: postgres !== undefined,
    create: async () => (await cluster?.createDatabase()) ?? '',
    open: (url: string) => openPostgres({ url, log: silentLog }),
  },
])('sessions of the device broker on $name', ({ name, present, create, open }) => {
  if (!present) {
    test.skip(`${name} is not installed here`, () => {});
    return;
  }
  let at = '';
  let storage: Storage;
  beforeEach(async () => {
    at = await create();
    storage = await open(at);
  });
  afterEach(async () => storage.close());

  const apply = (changes: Partial<SessionChanges>) =>
    storage.write((tx) => tx.mqttSessions.apply({ ...nothing, ...changes }));
  const load = async () => sorted(await storage.read((tx) => tx.mqttSessions.load()));
  const sequences = async () => (await load()).queued.map(({ sequence }) => sequence);

  test('what was written is there after a second opening, and written again changes nothing', async () => {
    const kept = message('a/ü', { payload: Buffer.alloc(200_000, 0xfe), properties: bytes(2) });
    const written: KeptSessions = {
      sessions: [session('one', '{"a":1}'), session('two', '{"b":2}')],
      queued: [delivery('one', 1, 1, kept), delivery('two', 2, 1, kept), delivery('one', 3, 3, message('b'))],
      retained: [message('r', { payload: new Uint8Array(), qos: 0, expiresAt: 1_700_000_000_000 })],
    };
    const changes = { ...written, retained: new Map(written.retained.map((each) => [each.topic, each])) };
    await apply(changes);
    await apply(changes);
    expect(await load()).toEqual(sorted(written));
    await storage.close();
    storage = await open(at);
    const again = await storage.read((tx) => tx.mqttSessions.load());
    expect(sorted(again)).toEqual(sorted(written));
    // One object for all who wait for it.
    const [first, second] = [...again.queued].sort((a, b) => a.sequence - b.sequence);
    expect(first?.message).toBe(second?.message);
  });

  test('a time with a fraction of a millisecond is kept as a whole one', async () => {
    await apply({ retained: new Map([['r', message('r', { expiresAt: 1_700_000_000_000.25 })]]) });
    expect((await load()).retained[0]?.expiresAt).toBe(1_700_000_000_001);
  });

  test('a message is kept as long as somebody is to get it', async () => {
    const kept = message('a');
    await apply({ sessions: [session('one'), session('two')] });
    await apply({ queued: [delivery('one', 1, 1, kept), delivery('two', 2, 1, kept)] });
    await apply({ unqueued: new Set([1, 99]) });
    expect((await load()).queued).toMatchObject([{ clientId: 'two', sequence: 2, message: { topic: 'a' } }]);
    await apply({ unqueued: new Set([2]) });
    expect(await sequences()).toEqual([]);
    // It was gone: the same id is another message now.
    await apply({ queued: [delivery('one', 3, 1, message('other'))] });
    expect((await load()).queued).toMatchObject([{ message: { topic: 'other' } }]);
  });

  test('a session that ends takes its messages with it, and may begin anew in the same batch', async () => {
    await apply({ sessions: [session('one', 'old'), session('two')] });
    await apply({ queued: [delivery('one', 1, 1), delivery('two', 2, 2)] });
    await apply({ ended: new Set(['one']), sessions: [session('one', 'new')], queued: [delivery('one', 3, 3)] });
    expect(await sequences()).toEqual([2, 3]);
    expect((await load()).sessions).toEqual([session('one', 'new'), session('two')]);
    await apply({ ended: new Set(['one', 'two']) });
    expect(await load()).toEqual({ sessions: [], queued: [], retained: [] });
  });

  test('a retained message takes the place of the one before, and is removed', async () => {
    await apply({
      retained: new Map([
        ['r', message('r')],
        ['s', message('s')],
      ]),
    });
    await apply({
      retained: new Map([
        ['r', message('r', { payload: bytes(9), qos: 0 })],
        ['s', undefined],
      ]),
    });
    expect((await load()).retained).toEqual([message('r', { payload: bytes(9), qos: 0, properties: Buffer.alloc(0) })]);
  });

  test('more than fit one statement are written and removed', async () => {
    const all = Array.from({ length: 2500 }, (_, index) => delivery(`client-${index}`, index + 1, index + 1));
    await apply({ sessions: all.map(({ clientId }) => session(clientId)), queued: all });
    expect((await load()).sessions).toHaveLength(2500);
    expect(await sequences()).toHaveLength(2500);
    await apply({
      unqueued: new Set(all.slice(0, 1200).map(({ sequence }) => sequence)),
      ended: new Set(all.slice(1200).map(({ clientId }) => clientId)),
    });
    const left = await load();
    expect(left.sessions).toHaveLength(1200);
    expect(left.queued).toEqual([]);
  });
});
