import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { silentLog } from '@greensward/kit';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isTerminal } from '../domain/jobs/execution-machine.ts';
import type { ExecutionStatus } from '../domain/jobs/job.ts';
import type { Page, PageRequest, Storage, Tx } from '../ports/storage.ts';
import { initial } from './database/migrations/0001-initial.ts';
import { openPostgres } from './postgres/postgres.ts';
import { openSqlite } from './sqlite/sqlite.ts';
import { findPostgres, type PostgresCluster, startPostgres } from './testing/postgres-cluster.ts';
import {
  aComponent,
  aDeployment,
  aDevice,
  aGroup,
  aJob,
  anExecution,
  anInstalled,
  aThing,
  groupArn,
} from './testing/records.ts';

const postgres = findPostgres();
const required = process.env['GREENSWARD_REQUIRE_ALL'] === '1';
let cluster: PostgresCluster | undefined;
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greensward-storage-'));
  if (postgres) cluster = await startPostgres(postgres);
});
afterAll(async () => {
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

if (required) test('PostgreSQL is installed, as every test is asked for', () => expect(postgres).toBeDefined());

let files = 0;
function newFile(): string {
  files += 1;
  return join(folder, `${files}.db`);
}

interface Database {
  readonly name: string;
  /** Where a new, empty database is. */
  create(): Promise<string>;
  open(at: string): Promise<Storage>;
  /** Runs SQL past the adapter. */
  execute(at: string, text: string): Promise<void>;
}

const sqliteDatabase: Database = {
  name: 'SQLite',
  create: async () => newFile(),
  open: (file) => openSqlite({ file, log: silentLog }),
  async execute(file, text) {
    const database = new DatabaseSync(file);
    database.exec(text);
    database.close();
  },
};

const postgresDatabase: Database = {
  name: 'PostgreSQL',
  create: async () => (await cluster?.createDatabase()) ?? '',
  open: (url) => openPostgres({ url, log: silentLog }),
  execute: async (url, text) => cluster?.query(url, text),
};

/** Every page of a list, and that no page was larger than asked for. */
async function pages<T>(list: (page: PageRequest) => Promise<Page<T>>, limit: number): Promise<readonly T[]> {
  const all: T[] = [];
  for (let after: string | undefined; ; ) {
    const page = await list({ limit, ...(after === undefined ? {} : { after }) });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    all.push(...page.items);
    if (page.next === undefined) return all;
    expect(page.items).toHaveLength(limit);
    after = page.next;
  }
}

describe.each([
  { database: sqliteDatabase, present: true },
  { database: postgresDatabase, present: postgres !== undefined },
])('storage on $database.name', ({ database, present }) => {
  if (!present) {
    test.skip('PostgreSQL is not installed here', () => {});
    return;
  }

  let at = '';
  let storage: Storage;
  beforeEach(async () => {
    at = await database.create();
    storage = await database.open(at);
  });
  afterEach(async () => storage.close());

  const write = <T>(work: (tx: Tx) => Promise<T>) => storage.write(work);
  const read = <T>(work: (tx: Tx) => Promise<T>) => storage.read(work);

  describe('transactions', () => {
    test('what a write resolved is there for readers and after a second opening', async () => {
      await write((tx) => tx.things.insert(aThing('a')));
      expect(await read((tx) => tx.things.get('a'))).toEqual(aThing('a'));
      await storage.close();
      storage = await database.open(at);
      expect(await read((tx) => tx.things.get('a'))).toEqual(aThing('a'));
    });

    test('a write that throws keeps nothing and hands on its error', async () => {
      const failure = new Error('no');
      const attempt = write(async (tx) => {
        await tx.things.insert(aThing('a'));
        throw failure;
      });
      await expect(attempt).rejects.toBe(failure);
      expect(await read((tx) => tx.things.get('a'))).toBeUndefined();
      await write((tx) => tx.things.insert(aThing('a')));
    });

    test('a write that breaks a key keeps nothing and the next one works', async () => {
      await write((tx) => tx.things.insert(aThing('a')));
      const attempt = write(async (tx) => {
        await tx.things.insert(aThing('b'));
        await tx.things.insert(aThing('a'));
      });
      await expect(attempt).rejects.toThrow(/unique|duplicate/i);
      expect(await read((tx) => tx.things.get('b'))).toBeUndefined();
      await write((tx) => tx.things.insert(aThing('b')));
    });

    test('writes at once take turns, so none is lost', async () => {
      const turns = Array.from({ length: 20 }, () => write((tx) => tx.deployments.nextRevision('target', 1)));
      const revisions = (await Promise.all(turns)).map((turn) => turn.revision);
      expect(revisions.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    });

    test('a reader keeps one state while a write commits', async () => {
      // The write is started outside of the reader: inside it would be refused.
      const looked = Promise.withResolvers<void>();
      const written = looked.promise.then(() => write((tx) => tx.things.insert(aThing('a'))));
      const seen = await read(async (tx) => {
        const before = await tx.things.get('a');
        looked.resolve();
        await written;
        return [before, await tx.things.get('a')];
      });
      expect(seen).toEqual([undefined, undefined]);
      expect(await read((tx) => tx.things.get('a'))).toBeDefined();
    });

    test('a transaction inside a transaction is refused at once', async () => {
      const inner = /inside a transaction/;
      await expect(write(() => write(async () => {}))).rejects.toThrow(inner);
      await expect(write(() => read(async () => {}))).rejects.toThrow(inner);
      await expect(read(() => write(async () => {}))).rejects.toThrow(inner);
      await write((tx) => tx.things.insert(aThing('a')));
    });

    test('what a transaction started and left behind may take its own later', async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      let later: Promise<void> = Promise.resolve();
      await write(async () => {
        later = promise.then(() => write((tx) => tx.things.insert(aThing('late'))));
      });
      resolve();
      await later;
      expect(await read((tx) => tx.things.get('late'))).toBeDefined();
    });

    test('a reader cannot write', async () => {
      await expect(read((tx) => tx.things.insert(aThing('a')))).rejects.toThrow(/read-?only/i);
    });
  });

  describe('migrations', () => {
    test('a database of a later version is refused with both version numbers', async () => {
      await storage.close();
      await database.execute(at, "insert into migration (number, name) values (77, 'from-the-future')");
      const opening = database.open(at);
      await expect(opening).rejects.toMatchObject({
        code: 'DATA_FOLDER_NEWER',
        message: expect.stringMatching(/version 77\b.*up to \d\b/),
      });
      await database.execute(at, 'delete from migration where number = 77');
      storage = await database.open(at);
    });

    test('the policies and certificates of a database of the first version stay', async () => {
      const old = await database.create();
      const statements = [
        'create table migration (number integer primary key, name text not null)',
        ...initial.statements({ text: 'text', bytes: 'blob' }),
        "insert into migration (number, name) values (1, 'initial')",
        "insert into policy values ('p', 'the document', 7)",
        "insert into policy_target values ('p', 'arn:cert')",
        "insert into certificate values ('c', 'pem', 'ACTIVE', 1, 2)",
      ];
      await database.execute(old, statements.join(';'));
      const migrated = await database.open(old);
      await migrated.read(async (tx) => {
        const versions = { defaultVersion: 1, lastVersion: 1 };
        const policy = { name: 'p', document: 'the document', ...versions, createdAt: 7, updatedAt: 7 };
        expect(await tx.policies.attachedTo('arn:cert')).toEqual([policy]);
        expect(await tx.policies.versions('p')).toEqual([
          { policy: 'p', number: 1, document: 'the document', createdAt: 7 },
        ]);
        const certificate = { id: 'c', pem: 'pem', status: 'ACTIVE', createdAt: 1, updatedAt: 2 };
        expect(await tx.certificates.get('c')).toEqual(certificate);
      });
      await migrated.close();
    });

    test('a rollout under way in a database of the first version goes on where it was', async () => {
      const old = await database.create();
      const statements = [
        'create table migration (number integer primary key, name text not null)',
        ...initial.statements({ text: 'text', bytes: 'blob' }),
        "insert into migration (number, name) values (1, 'initial')",
        "insert into thing_group values ('g', 'id', null, '{}', null, 1, 1)",
        "insert into group_path values ('g', 'g', 0)",
        ...['done', 'first', 'late'].flatMap((thing) => [
          `insert into thing values ('${thing}', 'id', '{}', null, 1, 1)`,
          `insert into membership values ('g', '${thing}', 1)`,
        ]),
        `insert into job values ('j', 'd', 'job', 'thinggroup', 'g', 'arn', '{}', null, 'IN_PROGRESS', null, null, 0, 100,
          100, null, null)`,
        `insert into execution values ('j', 'done', 1, 'job', 1, 'SUCCEEDED', 2, '{}', 100, null, 100, null, 0)`,
        "insert into job_waiting values ('j', 'first', 1)",
        "insert into job_waiting values ('j', 'late', 200)",
      ];
      await database.execute(old, statements.join(';'));
      const migrated = await database.open(old);
      await migrated.read(async (tx) => {
        expect(await tx.jobs.rollingOut()).toEqual(['j']);
        expect((await tx.jobs.get('j'))?.rolloutAfter).toBe('');
        expect(await tx.executions.waiting('j', 9)).toEqual([{ thing: 'late', lastNumber: 0 }]);
        expect(await tx.executions.unserved('j', ['done', 'first', 'late'])).toEqual(['first']);
      });
      await migrated.close();
    });
  });

  describe('things', () => {
    test('come back as they were put, changed and deleted', async () => {
      const full = aThing('a', { attributes: { model: 'x', ü: 'ß' }, typeName: 'pump' });
      await write((tx) => tx.things.insert(full));
      expect(await read((tx) => tx.things.get('a'))).toEqual(full);
      const changed = aThing('a', { attributes: { model: 'y' }, version: 2 });
      await write((tx) => tx.things.update(changed));
      expect(await read((tx) => tx.things.get('a'))).toEqual(changed);
      await write((tx) => tx.things.delete('a'));
      expect(await read((tx) => tx.things.get('a'))).toBeUndefined();
    });

    test('are listed by name in the order of bytes, a page at a time', async () => {
      const names = ['b', 'A', 'a', 'B', 'a-b', 'a_b', 'aB', 'é', 'z', '\u{1f600}', '\uffee'];
      await write(async (tx) => {
        for (const name of names) await tx.things.insert(aThing(name));
      });
      const byBytes = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      for (const limit of [1, 2, 3, 11, 50]) {
        const listed = await read((tx) => pages((page) => tx.things.list(page, {}), limit));
        expect(listed.map((thing) => thing.name)).toEqual(byBytes);
      }
    });

    test('are listed by attribute and type', async () => {
      await write(async (tx) => {
        await tx.things.insert(aThing('a', { attributes: { site: 'north' }, typeName: 'pump' }));
        await tx.things.insert(aThing('b', { attributes: { site: 'south' }, typeName: 'pump' }));
        await tx.things.insert(aThing('c', { attributes: { site: 'north' } }));
        await tx.things.insert(aThing('d', { attributes: { site: 'south' }, typeName: 'fan' }));
        await tx.things.update(aThing('c', { attributes: { site: 'west', was: 'north' } }));
      });
      const names = async (filter: Parameters<Tx['things']['list']>[1]) =>
        (await read((tx) => pages((page) => tx.things.list(page, filter), 1))).map((thing) => thing.name);
      expect(await names({ attribute: { name: 'site', value: 'north' } })).toEqual(['a']);
      expect(await names({ typeName: 'pump' })).toEqual(['a', 'b']);
      expect(await names({ typeName: 'pump', attribute: { name: 'site', value: 'south' } })).toEqual(['b']);
      expect(await names({ attribute: { name: 'site', value: 'south' } })).toEqual(['b', 'd']);
      expect(await names({ attribute: { name: 'site', value: 'east' } })).toEqual([]);
    });

    test('existing tells which of many names there are', async () => {
      await write((tx) => tx.things.insert(aThing('a')));
      const many = Array.from({ length: 40_000 }, (_, index) => `absent-${index}`);
      expect(await read((tx) => tx.things.existing([...many, 'a', 'a']))).toEqual(new Set(['a']));
      expect(await read((tx) => tx.things.existing([]))).toEqual(new Set());
    });

    test('hold the certificates attached to them', async () => {
      await write(async (tx) => {
        for (const name of ['a', 'b']) await tx.things.insert(aThing(name));
        for (const id of ['c1', 'c2']) {
          await tx.certificates.insert({ id, pem: 'pem', status: 'ACTIVE', createdAt: 1, updatedAt: 1 });
        }
        await tx.things.attach('b', 'c1');
        await tx.things.attach('a', 'c1');
        await tx.things.attach('a', 'c1');
        await tx.things.attach('a', 'c2');
      });
      expect(await read((tx) => tx.things.principals('a'))).toEqual(['c1', 'c2']);
      expect(await read((tx) => tx.things.ofCertificate('c1'))).toEqual(['a', 'b']);
      await write((tx) => tx.things.detach('a', 'c2'));
      expect(await read((tx) => tx.things.principals('a'))).toEqual(['c1']);
      await write((tx) => tx.things.delete('a'));
      expect(await read((tx) => tx.things.ofCertificate('c1'))).toEqual(['b']);
      await write((tx) => tx.certificates.delete('c1'));
      expect(await read((tx) => tx.things.principals('b'))).toEqual([]);
    });
  });

  describe('groups', () => {
    beforeEach(async () => {
      await write(async (tx) => {
        await tx.groups.insert(aGroup('root'));
        await tx.groups.insert({ ...aGroup('mid', 'root'), description: 'between', attributes: { a: 'b' } });
        await tx.groups.insert(aGroup('leaf', 'mid'));
        await tx.groups.insert(aGroup('mate', 'root'));
        await tx.groups.insert(aGroup('other'));
        for (const name of ['t1', 't2', 't3', 't4']) await tx.things.insert(aThing(name));
      });
    });

    test('come back as they were put, with their place in the tree', async () => {
      const tree = await read(async (tx) => ({
        mid: await tx.groups.get('mid'),
        none: await tx.groups.get('none'),
        ancestry: await tx.groups.ancestry('leaf'),
        unknown: await tx.groups.ancestry('none'),
        subtree: [...(await tx.groups.subtree('root'))].sort(),
        children: [await tx.groups.hasChildren('root'), await tx.groups.hasChildren('leaf')],
      }));
      expect(tree).toEqual({
        mid: { ...aGroup('mid', 'root'), description: 'between', attributes: { a: 'b' } },
        none: undefined,
        ancestry: ['root', 'mid', 'leaf'],
        unknown: [],
        subtree: ['leaf', 'mate', 'mid', 'root'],
        children: [true, false],
      });
    });

    test('are listed from the roots or below a parent, deep or not, by prefix, in pages', async () => {
      const names = async (filter: Parameters<Tx['groups']['list']>[1]) =>
        (await read((tx) => pages((page) => tx.groups.list(page, filter), 2))).map((group) => group.name);
      expect(await names({ recursive: false })).toEqual(['other', 'root']);
      expect(await names({ recursive: true })).toEqual(['leaf', 'mate', 'mid', 'other', 'root']);
      expect(await names({ recursive: false, parent: 'root' })).toEqual(['mate', 'mid']);
      expect(await names({ recursive: true, parent: 'root' })).toEqual(['leaf', 'mate', 'mid']);
      expect(await names({ recursive: true, prefix: 'm' })).toEqual(['mate', 'mid']);
      expect(await names({ recursive: true, prefix: 'M' })).toEqual([]);
    });

    test('list the things of a subtree once each, in pages', async () => {
      await write(async (tx) => {
        await tx.groups.add('root', 't3', 1);
        await tx.groups.add('mid', 't1', 2);
        await tx.groups.add('leaf', 't1', 3);
        await tx.groups.add('leaf', 't2', 4);
        await tx.groups.add('other', 't4', 5);
        await tx.groups.add('mid', 't1', 6);
      });
      const members = (group: string, recursive: boolean, limit: number) =>
        read((tx) => pages((page) => tx.groups.members(group, recursive, page), limit));
      for (const limit of [1, 2, 3]) expect(await members('root', true, limit)).toEqual(['t1', 't2', 't3']);
      expect(await members('root', false, 2)).toEqual(['t3']);
      expect(await read((tx) => tx.groups.ofThing('t1'))).toEqual(['leaf', 'mid']);
      await write((tx) => tx.groups.remove('leaf', 't1'));
      expect(await read((tx) => tx.groups.ofThing('t1'))).toEqual(['mid']);
      await write((tx) => tx.groups.delete('leaf'));
      expect(await members('root', true, 2)).toEqual(['t1', 't3']);
      await write((tx) => tx.things.delete('t1'));
      expect(await members('root', true, 2)).toEqual(['t3']);
    });
  });

  test('certificates are listed by age, change and go', async () => {
    const made = (id: string, createdAt: number) =>
      ({ id, pem: `pem ${id}`, status: 'ACTIVE', createdAt, updatedAt: createdAt }) as const;
    await write(async (tx) => {
      for (const certificate of [made('x', 2), made('b', 1), made('a', 2)]) await tx.certificates.insert(certificate);
    });
    const listed = await read((tx) => pages((page) => tx.certificates.list(page), 1));
    expect(listed.map((certificate) => certificate.id)).toEqual(['b', 'a', 'x']);
    await write((tx) => tx.certificates.update({ ...made('a', 2), status: 'REVOKED', updatedAt: 9 }));
    expect(await read((tx) => tx.certificates.get('a'))).toEqual({ ...made('a', 2), status: 'REVOKED', updatedAt: 9 });
    await write((tx) => tx.certificates.delete('a'));
    expect(await read((tx) => tx.certificates.get('a'))).toBeUndefined();
    await expect(read((tx) => tx.certificates.list({ limit: 1, after: 'forged' }))).rejects.toMatchObject({
      code: 'InvalidRequestException',
    });
  });

  test('provisioning templates keep their versions, and claims go with their certificates', async () => {
    const template = (name: string) =>
      ({ name, enabled: true, roleArn: 'r', defaultVersion: 1, lastVersion: 2, createdAt: 1, updatedAt: 1 }) as const;
    const version = (number: number) => ({
      template: 'b',
      version: number,
      body: `{"n": ${number}}`,
      createdAt: number,
    });
    await write(async (tx) => {
      for (const name of ['b', 'a']) await tx.provisioning.insert(template(name));
      for (const number of [2, 1]) await tx.provisioning.insertVersion(version(number));
      for (const [id, createdAt] of [
        ['old', 10],
        ['new', 20],
      ] as const) {
        await tx.certificates.insert({ id, pem: '', status: 'PENDING_ACTIVATION', createdAt, updatedAt: createdAt });
        await tx.provisioning.insertClaim({ certificateId: id, template: 'b', expiresAt: createdAt });
      }
      await tx.certificates.insert({ id: 'used', pem: '', status: 'ACTIVE', createdAt: 1, updatedAt: 1 });
    });
    const listed = await read((tx) => pages((page) => tx.provisioning.list(page), 1));
    expect(listed).toEqual([template('a'), template('b')]);
    expect(await read((tx) => tx.provisioning.versions('b'))).toEqual([version(1), version(2)]);
    const changed = { ...template('b'), description: 'd', enabled: false, defaultVersion: 2, updatedAt: 9 };
    await write(async (tx) => {
      await tx.provisioning.update(changed);
      await tx.provisioning.deleteVersion('b', 1);
    });
    expect(await read((tx) => tx.provisioning.get('b'))).toEqual(changed);
    expect(await read((tx) => tx.provisioning.version('b', 1))).toBeUndefined();
    expect(await read((tx) => tx.provisioning.version('b', 2))).toEqual(version(2));
    await write((tx) => tx.provisioning.delete('b'));
    expect(await read((tx) => tx.provisioning.versions('b'))).toEqual([]);

    expect(await read((tx) => tx.certificates.pendingBefore(20, 5))).toEqual(['old']);
    expect(await read((tx) => tx.certificates.pendingBefore(21, 1))).toEqual(['old']);
    expect(await read((tx) => tx.provisioning.expiredClaims(20, 5))).toEqual(['old']);
    await write((tx) => tx.certificates.delete('old'));
    expect(await read((tx) => tx.provisioning.claim('old'))).toBeUndefined();
    expect(await read((tx) => tx.provisioning.claim('new'))).toEqual({
      certificateId: 'new',
      template: 'b',
      expiresAt: 20,
    });
  });

  test('authorities are listed by age, found by subject, change and go', async () => {
    const made = (id: string, createdAt: number, subject: string) => ({
      ...({ id, subject, pem: `pem ${id}`, status: 'ACTIVE', mode: 'DEFAULT' } as const),
      ...{ createdAt, updatedAt: createdAt },
    });
    const [first, second, third] = [made('x', 1, 'CN=A'), made('a', 2, 'CN=A'), made('b', 2, 'CN=B')];
    await write(async (tx) => {
      for (const certificate of [third, first, second]) await tx.caCertificates.insert(certificate);
      const client = { id: 'c', pem: 'pem', status: 'ACTIVE', createdAt: 1, updatedAt: 1 } as const;
      await tx.certificates.insert({ ...client, caId: 'x', mode: 'SNI_ONLY' });
      await tx.certificates.insert({ ...client, id: 'd' });
    });
    expect(await read((tx) => pages((page) => tx.caCertificates.list(page), 1))).toEqual([first, second, third]);
    expect(await read((tx) => tx.caCertificates.withSubject('CN=A'))).toEqual([second, first]);
    await write((tx) => tx.caCertificates.update({ ...first, status: 'INACTIVE', updatedAt: 9 }));
    expect(await read((tx) => tx.caCertificates.get('x'))).toEqual({ ...first, status: 'INACTIVE', updatedAt: 9 });
    await write((tx) => tx.caCertificates.delete('x'));
    expect(await read((tx) => tx.caCertificates.get('x'))).toBeUndefined();
    const byCa = await read((tx) => tx.certificates.list({ limit: 9 }, { caId: 'x' }));
    expect(byCa.items).toMatchObject([{ id: 'c', caId: 'x', mode: 'SNI_ONLY' }]);
  });

  test('what decides about certificates is read for many at once', async () => {
    const targets = { certificate: (id: string) => `cert/${id}`, group: (name: string) => `group/${name}` };
    const certificate = (id: string) => ({ id, pem: 'pem', status: 'ACTIVE', createdAt: 1, updatedAt: 1 }) as const;
    await write(async (tx) => {
      await tx.groups.insert(aGroup('plant'));
      await tx.groups.insert(aGroup('line', 'plant'));
      for (const thing of ['one', 'two']) await tx.things.insert(aThing(thing));
      await tx.groups.add('line', 'one', 1);
      for (const id of ['c1', 'c2', 'c3']) await tx.certificates.insert(certificate(id));
      for (const [thing, id] of [
        ['one', 'c1'],
        ['two', 'c1'],
        ['two', 'c2'],
      ] as const)
        await tx.things.attach(thing, id);
      for (const name of ['own', 'of-plant', 'of-line']) {
        const [versions, times] = [
          { defaultVersion: 1, lastVersion: 1 },
          { createdAt: 5, updatedAt: 5 },
        ];
        const policy = { name, document: `first ${name}`, ...versions, ...times };
        await tx.policies.insert(policy);
        await tx.policies.insertVersion({ policy: name, number: 2, document: `second ${name}`, createdAt: 6 });
        if (name === 'own') await tx.policies.update({ ...policy, defaultVersion: 2, lastVersion: 2, updatedAt: 6 });
      }
      await tx.policies.attach('own', 'cert/c1');
      await tx.policies.attach('of-plant', 'group/plant');
      for (const target of ['group/line', 'cert/c3']) await tx.policies.attach('of-line', target);
    });
    const found = await read((tx) => tx.rights.ofCertificates(['c3', 'c1', 'c2', 'nobody'], targets));
    const reference = (name: string, version = 1, createdAt = 5) => ({ name, version, createdAt });
    expect([...found.keys()].sort()).toEqual(['c1', 'c2', 'c3']);
    const groupPolicies = found.get('c1')?.groupPolicies ?? [];
    expect(found.get('c1')).toMatchObject({
      certificate: certificate('c1'),
      things: [{ name: 'one' }, { name: 'two' }],
      policies: [reference('own', 2, 6)],
    });
    expect([...groupPolicies].sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      reference('of-line'),
      reference('of-plant'),
    ]);
    expect(found.get('c2')).toMatchObject({ things: [{ name: 'two' }], policies: [], groupPolicies: [] });
    expect(found.get('c3')).toMatchObject({ things: [], policies: [reference('of-line')], groupPolicies: [] });
    const asked = [reference('own', 2, 6), reference('own'), reference('of-line', 1, 4), reference('nobody')];
    expect(await read((tx) => tx.rights.documents(asked))).toEqual(['second own', 'first own', undefined, undefined]);
  });

  test('policies are attached once to a target and detached', async () => {
    const policy = (name: string) => ({
      ...{ name, document: '{"Version": "2012-10-17"}', defaultVersion: 1, lastVersion: 1 },
      ...{ createdAt: 5, updatedAt: 5 },
    });
    await write(async (tx) => {
      for (const name of ['p2', 'p1', 'p3']) await tx.policies.insert(policy(name));
      for (const name of ['p2', 'p1', 'p1']) await tx.policies.attach(name, 'arn:cert');
      await tx.policies.attach('p1', 'arn:group');
    });
    expect(await read((tx) => tx.policies.get('p1'))).toEqual(policy('p1'));
    expect((await read((tx) => pages((page) => tx.policies.list(page), 2))).map((each) => each.name)).toEqual([
      'p1',
      'p2',
      'p3',
    ]);
    expect(await read((tx) => tx.policies.attachedTo('arn:cert'))).toEqual([policy('p1'), policy('p2')]);
    expect(await read((tx) => tx.policies.targets('p1'))).toEqual(['arn:cert', 'arn:group']);
    await write((tx) => tx.policies.detach('p1', 'arn:cert'));
    await write((tx) => tx.policies.delete('p2'));
    expect(await read((tx) => tx.policies.attachedTo('arn:cert'))).toEqual([]);
  });

  test('component versions come back as they were put and know their content', async () => {
    const full = aComponent('com.example.a', '1.0.0', {
      recipeFormat: 'YAML',
      recipe: 'RecipeFormatVersion: "2020-01-25"\n',
      publisher: 'me',
      description: 'a "quoted" thing',
      artifacts: [
        { uri: 's3://b/k', name: 'k', sha256: 'aa', size: 3 },
        { uri: 's3://b/l', name: 'l', sha256: 'aa', size: 3 },
      ],
      errors: { 's3://b/k': 'gone' },
    });
    await write(async (tx) => {
      await tx.components.insert(full);
      await tx.components.insert(aComponent('com.example.a', '2.0.0'));
      await tx.components.insert(aComponent('com.example.b', '1.0.0'));
    });
    expect(await read((tx) => tx.components.get('com.example.a', '1.0.0'))).toEqual(full);
    const versions = await read((tx) => tx.components.versions('com.example.a'));
    expect(versions.map((component) => component.version).sort()).toEqual(['1.0.0', '2.0.0']);
    expect(await read((tx) => pages((page) => tx.components.names(page), 1))).toEqual([
      'com.example.a',
      'com.example.b',
    ]);
    expect(await read((tx) => tx.components.usesContent('aa'))).toBe(true);
    await write((tx) => tx.components.delete('com.example.a', '1.0.0'));
    expect(await read((tx) => tx.components.usesContent('aa'))).toBe(false);
    expect(await read((tx) => tx.components.get('com.example.a', '1.0.0'))).toBeUndefined();
  });

  describe('deployments', () => {
    test('come back as they were put; status, reason and latest change', async () => {
      const full = aDeployment('d1', 'g', 1, {
        request: { targetArn: groupArn('g'), deploymentName: 'näme', components: { c: { componentVersion: '1.0.0' } } },
      });
      await write((tx) => tx.deployments.insert(full));
      expect(await read((tx) => tx.deployments.get('d1'))).toEqual(full);
      expect(await read((tx) => tx.deployments.jobIds(['d1', 'none']))).toEqual(new Map([['d1', 'job-of-d1']]));
      expect(await read((tx) => tx.deployments.atRevision(groupArn('g'), 1))).toEqual(full);
      for (const revision of [2, 0, 1.5, Number.NaN, 1e15]) {
        expect(await read((tx) => tx.deployments.atRevision(groupArn('g'), revision))).toBeUndefined();
      }
      const ended = { ...full, status: 'INACTIVE', statusReason: 'superseded', latest: false } as const;
      await write((tx) => tx.deployments.update(ended));
      expect(await read((tx) => tx.deployments.get('d1'))).toEqual(ended);
      await write((tx) => tx.deployments.delete('d1'));
      expect(await read((tx) => tx.deployments.get('d1'))).toBeUndefined();
    });

    test('are listed newest first, and the newest left of each target', async () => {
      const parent = groupArn('parent');
      await write(async (tx) => {
        await tx.deployments.insert(aDeployment('a1', 'a', 1, { createdAt: 10, latest: false }));
        await tx.deployments.insert(aDeployment('b1', 'b', 1, { createdAt: 20 }));
        await tx.deployments.insert(aDeployment('a2', 'a', 2, { createdAt: 20 }));
        const request = { targetArn: groupArn('c'), parentTargetArn: parent };
        await tx.deployments.insert(aDeployment('c1', 'c', 1, { createdAt: 5, request }));
      });
      const ids = async (filter: Partial<Parameters<Tx['deployments']['list']>[1]>) =>
        (await read((tx) => pages((page) => tx.deployments.list(page, { latestOnly: false, ...filter }), 1))).map(
          (deployment) => deployment.id,
        );
      expect(await ids({})).toEqual(['b1', 'a2', 'a1', 'c1']);
      expect(await ids({ latestOnly: true })).toEqual(['b1', 'a2', 'c1']);
      expect(await ids({ targetArn: groupArn('a') })).toEqual(['a2', 'a1']);
      expect(await ids({ targetArn: groupArn('none') })).toEqual([]);
      expect(await ids({ parentTargetArn: parent })).toEqual(['c1']);
      expect((await read((tx) => tx.deployments.latest(groupArn('a'))))?.id).toBe('a2');
      await write((tx) => tx.deployments.delete('a2'));
      expect(await ids({ latestOnly: true })).toEqual(['b1', 'a1', 'c1']);
      await expect(
        ids({}).then(() => read((tx) => tx.deployments.list({ limit: 1, after: 'x' }, { latestOnly: false }))),
      ).rejects.toMatchObject({ code: 'ValidationException' });
    });

    test('revisions and times of a target only grow, also after a delete and a clock set back', async () => {
      const next = (now: number) => write((tx) => tx.deployments.nextRevision(groupArn('g'), now));
      expect(await next(1000)).toEqual({ revision: 1, createdAt: 1000 });
      expect(await next(1000)).toEqual({ revision: 2, createdAt: 1001 });
      expect(await next(500)).toEqual({ revision: 3, createdAt: 1002 });
      expect(await next(9000)).toEqual({ revision: 4, createdAt: 9000 });
    });

    test('times also grow over the targets that devices keep a deployment under', async () => {
      const next = (target: string, now: number, bookedUnder?: string) =>
        write((tx) => tx.deployments.nextRevision(groupArn(target), now, bookedUnder && groupArn(bookedUnder)));
      expect(await next('p', 1000)).toEqual({ revision: 1, createdAt: 1000 });
      expect(await next('c', 500, 'p')).toEqual({ revision: 1, createdAt: 1001 });
      expect(await next('p', 500)).toEqual({ revision: 2, createdAt: 1002 });
      expect(await next('d', 7, 'never-deployed')).toEqual({ revision: 1, createdAt: 7 });
      expect(await next('never-deployed', 1)).toEqual({ revision: 1, createdAt: 8 });
    });

    test('the parent of a target outlives its deployments', async () => {
      await write(async (tx) => {
        await tx.deployments.nextRevision(groupArn('g'), 1);
        const request = { targetArn: groupArn('g'), parentTargetArn: groupArn('p') };
        await tx.deployments.insert(aDeployment('d', 'g', 1, { request }));
        await tx.deployments.delete('d');
      });
      expect(await read((tx) => tx.deployments.parentOf(groupArn('g')))).toBe(groupArn('p'));
      expect(await read((tx) => tx.deployments.parentOf(groupArn('p')))).toBeUndefined();
      expect(await read((tx) => tx.deployments.childTargets(groupArn('p')))).toEqual([groupArn('g')]);
    });
  });

  test('jobs come back as they were put and are listed newest first', async () => {
    const full = aJob('j1', 'g', { configuration: '{}', rateState: '{"x":1}', rolloutAfter: 'm', createdAt: 1 });
    const shadow = aJob('s1', 'g', { carrier: 'shadow', target: { kind: 'thing', name: 'g' }, createdAt: 2 });
    await write(async (tx) => {
      await tx.jobs.insert(full);
      await tx.jobs.insert(shadow);
      await tx.jobs.insert(aJob('j2', 'h', { createdAt: 3 }));
      await tx.jobs.insert(aJob('j3', 'g', { createdAt: 3, status: 'CANCELED' }));
    });
    expect(await read((tx) => tx.jobs.get('j1'))).toEqual(full);
    expect(await read((tx) => tx.jobs.getMany(['j1', 's1', 'none']))).toEqual(
      new Map([
        ['j1', full],
        ['s1', shadow],
      ]),
    );
    const ids = async (filter: Parameters<Tx['jobs']['list']>[1]) =>
      (await read((tx) => pages((page) => tx.jobs.list(page, filter), 1))).map((job) => job.id);
    expect(await ids({})).toEqual(['j3', 'j2', 'j1']);
    expect(await ids({ status: 'CANCELED' })).toEqual(['j3']);
    expect(await ids({ groupName: 'g' })).toEqual(['j3', 'j1']);
    // j1 and j4 have not come to their last member, something failed in j5, j6 is tried again; j2 and j7 have nothing to do.
    const configuration = '{"abortConfig":{"criteriaList":[]}}';
    await write(async (tx) => {
      await tx.jobs.insert(aJob('j4', 'k', { createdAt: 9, rolloutAfter: '' }));
      await tx.jobs.insert(aJob('j5', 'k', { createdAt: 10, configuration }));
      await tx.jobs.insert(aJob('j6', 'k', { createdAt: 11, retryAfter: '' }));
      await tx.jobs.insert(aJob('j7', 'k', { createdAt: 12, configuration }));
      await tx.executions.insertMany([
        anExecution('j5', 't', { status: 'TIMED_OUT' }),
        anExecution('j7', 't', { status: 'SUCCEEDED' }),
        anExecution('j2', 't', { status: 'FAILED' }),
      ]);
    });
    expect(await read((tx) => tx.jobs.rollingOut())).toEqual(['j1', 'j4', 'j5', 'j6']);
    expect((await read((tx) => tx.jobs.inProgressForGroups(['g', 'x']))).map((job) => job.id)).toEqual(['j1']);
    const done = {
      ...full,
      status: 'COMPLETED',
      completedAt: 9,
      reasonCode: 'R',
      comment: 'c',
      forceCanceled: true,
    } as const;
    await write((tx) => tx.jobs.update(done));
    expect(await read((tx) => tx.jobs.get('j1'))).toEqual(done);
  });

  test('a deleted job, and all that is its, is not there from then on; its rows go in small batches', async () => {
    const lists = async () =>
      read(async (tx) => [
        await tx.jobs.get('j1'),
        (await tx.jobs.getMany(['j1'])).size,
        (await tx.jobs.list({ limit: 9 }, {})).items.length,
        (await tx.jobs.rollingOut()).length,
        (await tx.jobs.inProgressForGroups(['g'])).length,
        await tx.executions.get('j1', 'b'),
        (await tx.executions.getMany([{ jobId: 'j1', thing: 'b' }])).size,
        (await tx.executions.ofJob('j1', { limit: 9 }, {})).items.length,
        (await tx.executions.ofThing('b', { limit: 9 }, {})).items.length,
        (await tx.executions.pendingMany(['b', 'c'])).size,
        (await tx.executions.effective('b')).length,
        (await tx.executions.withdrawn(['a', 'b', 'c', 'd'])).size,
        (await tx.executions.waiting('j1', 9)).length,
        await tx.executions.nextTimeout(),
        (await tx.executions.timedOut(99, 9)).length,
        Object.values(await tx.executions.counts('j1')).reduce((sum, count) => sum + count, 0),
      ]);
    await write(async (tx) => {
      await tx.groups.insert(aGroup('g'));
      for (const name of ['a', 'b', 'c', 'd', 'e']) await tx.things.insert(aThing(name));
      await tx.jobs.insert(aJob('j1', 'g', { rolloutAfter: '' }));
      await tx.groups.add('g', 'e', 1);
      await tx.executions.insertMany([
        anExecution('j1', 'a', { status: 'CANCELED' }),
        anExecution('j1', 'b'),
        anExecution('j1', 'c', { status: 'IN_PROGRESS', timesOutAt: 9 }),
        anExecution('j1', 'd', { status: 'SUCCEEDED' }),
      ]);
      await tx.jobs.delete('j1', 50);
    });
    const nothing = [undefined, 0, 0, 0, 0, undefined, 0, 0, 0, 0, 0, 0, 0, undefined, 0, 0];
    expect(await lists()).toEqual(nothing);
    const told: string[] = [];
    for (let done = false; !done; ) {
      expect(await read((tx) => tx.executions.toSweep(9))).toEqual(['j1']);
      const swept = await write((tx) => tx.executions.sweep('j1', 2));
      expect(await lists()).toEqual(nothing);
      told.push(...swept.things);
      done = swept.done;
    }
    expect(told).toEqual(['b', 'c']);
    expect(await read((tx) => tx.executions.toSweep(9))).toEqual([]);
    await write((tx) => tx.jobs.insert(aJob('j1', 'g')));
    expect(await read((tx) => tx.executions.get('j1', 'd'))).toBeUndefined();
  });

  test('a lease keeps others off until it ends or is given up', async () => {
    const until = (holder: string, now: number) => read((tx) => tx.leases.heldUntil('work', holder, now));
    expect(await until('a', 1)).toBeUndefined();
    await write((tx) => tx.leases.put('work', 'a', 10));
    expect([await until('a', 1), await until('b', 1), await until('b', 10)]).toEqual([undefined, 10, undefined]);
    await write((tx) => tx.leases.release('work', 'b', 1));
    expect(await until('b', 1)).toBe(10);
    await write((tx) => tx.leases.put('work', 'b', 20));
    await write((tx) => tx.leases.release('work', 'b', 1));
    expect(await until('a', 1)).toBeUndefined();
  });

  describe('executions', () => {
    beforeEach(async () => {
      await write(async (tx) => {
        await tx.groups.insert(aGroup('g'));
        await tx.jobs.insert(aJob('j1', 'g'));
        await tx.jobs.insert(aJob('j2', 'g'));
        await tx.jobs.insert(aJob('s1', 'g', { carrier: 'shadow' }));
      });
    });

    test('come back as they were put; the newest stands for its thing', async () => {
      const first = anExecution('j1', 't', {
        statusDetails: { a: 'b' },
        startedAt: 5,
        timesOutAt: 9,
        forceCanceled: true,
        outcome: { failureCause: 'x', errorStack: ['A', 'B'] },
      });
      const second = anExecution('j1', 't', { number: 2, status: 'IN_PROGRESS' });
      await write((tx) => tx.executions.insertMany([first]));
      expect(await read((tx) => tx.executions.get('j1', 't'))).toEqual(first);
      await write((tx) => tx.executions.updateMany([{ ...first, status: 'FAILED', version: 2 }]));
      await write((tx) => tx.executions.insertMany([second]));
      expect(await read((tx) => tx.executions.get('j1', 't'))).toEqual(second);
      expect((await read((tx) => tx.executions.get('j1', 't', 1)))?.status).toBe('FAILED');
      expect(await read((tx) => tx.executions.get('j1', 't', 3))).toBeUndefined();
      expect(await read((tx) => tx.executions.get('j1', 't', 1e15))).toBeUndefined();
      expect(await read((tx) => tx.executions.counts('j1'))).toMatchObject({ FAILED: 0, IN_PROGRESS: 1 });
      const many = await read((tx) =>
        tx.executions.getMany([
          { jobId: 'j1', thing: 't' },
          { jobId: 'j2', thing: 't' },
        ]),
      );
      expect(many).toEqual(new Map([['j1/t', second]]));
    });

    test('an update of an unknown execution, and an execution of an unknown job, throw', async () => {
      await expect(write((tx) => tx.executions.updateMany([anExecution('j1', 't')]))).rejects.toThrow('no execution');
      await expect(write((tx) => tx.executions.insertMany([anExecution('none', 't')]))).rejects.toThrow('no job');
    });

    test('pending ones of a thing come by time queued, without those of the shadow', async () => {
      await write((tx) =>
        tx.executions.insertMany([
          anExecution('j2', 't', { queuedAt: 5 }),
          anExecution('j1', 't', { queuedAt: 5, status: 'IN_PROGRESS' }),
          anExecution('s1', 't', { queuedAt: 1 }),
          anExecution('j1', 'u', { queuedAt: 7, status: 'SUCCEEDED' }),
          anExecution('j2', 'u', { queuedAt: 8 }),
        ]),
      );
      const ids = (list: readonly { jobId: string }[] = []) => list.map((execution) => execution.jobId);
      expect(ids(await read((tx) => tx.executions.pending('t')))).toEqual(['j1', 'j2']);
      const many = await read((tx) => tx.executions.pendingMany(['t', 'u', 'v']));
      expect([ids(many.get('t')), ids(many.get('u')), ids(many.get('v'))]).toEqual([['j1', 'j2'], ['j2'], []]);
      expect(await read((tx) => tx.executions.lastQueuedAt(['t', 'u', 'v']))).toEqual(
        new Map([
          ['t', 5],
          ['u', 8],
          ['v', 0],
        ]),
      );
    });

    test('are listed by thing, newest queued first, and by job, in pages', async () => {
      await write((tx) =>
        tx.executions.insertMany([
          anExecution('j1', 't', { queuedAt: 5, status: 'SUCCEEDED' }),
          anExecution('j2', 't', { queuedAt: 6 }),
          anExecution('s1', 't', { queuedAt: 5 }),
          anExecution('j1', 'u', { status: 'FAILED' }),
          anExecution('j1', 'B'),
        ]),
      );
      await write((tx) => tx.executions.insertMany([anExecution('j1', 'u', { number: 2 })]));
      const jobs = async (filter: Parameters<Tx['executions']['ofThing']>[2]) =>
        (await read((tx) => pages((page) => tx.executions.ofThing('t', page, filter), 1))).map((each) => each.jobId);
      expect(await jobs({})).toEqual(['j2', 's1', 'j1']);
      expect(await jobs({ carrier: 'job' })).toEqual(['j2', 'j1']);
      expect(await jobs({ status: 'SUCCEEDED' })).toEqual(['j1']);
      const things = async (filter: Parameters<Tx['executions']['ofJob']>[2]) =>
        (await read((tx) => pages((page) => tx.executions.ofJob('j1', page, filter), 1))).map((each) => each.thing);
      expect(await things({})).toEqual(['B', 't', 'u']);
      expect(await things({ status: 'QUEUED' })).toEqual(['B', 'u']);
      expect(await things({ status: 'FAILED' })).toEqual([]);
    });

    test('what ends with its job reads so at once, and the same once it is written, a few at a time', async () => {
      await write((tx) =>
        tx.executions.insertMany([
          anExecution('j1', 't', { queuedAt: 4 }),
          anExecution('j1', 'u', { status: 'IN_PROGRESS', timesOutAt: 50 }),
          anExecution('j1', 'v', { status: 'SUCCEEDED', queuedAt: 1 }),
          anExecution('j1', 'w'),
          anExecution('j2', 't', { queuedAt: 5 }),
        ]),
      );
      const shown = async () =>
        read(async (tx) => ({
          one: await tx.executions.get('j1', 't'),
          many: await tx.executions.getMany([{ jobId: 'j1', thing: 'w' }]),
          canceled: (await tx.executions.ofJob('j1', { limit: 9 }, { status: 'CANCELED' })).items,
          queued: (await tx.executions.ofJob('j1', { limit: 9 }, { status: 'QUEUED' })).items,
          running: (await tx.executions.ofJob('j1', { limit: 9 }, { status: 'IN_PROGRESS' })).items,
          all: (await tx.executions.ofJob('j1', { limit: 9 }, {})).items,
          ofThing: (await tx.executions.ofThing('t', { limit: 9 }, { status: 'QUEUED' })).items,
          pending: await tx.executions.pendingMany(['t', 'u', 'w']),
          withdrawn: await tx.executions.withdrawn(['t', 'u', 'v', 'w']),
          counts: await tx.executions.counts('j1'),
          timer: await tx.executions.nextTimeout(),
        }));
      await write((tx) => tx.executions.endAll('j1', { at: 99, force: false }));
      const before = await shown();
      expect(before.one).toEqual(
        anExecution('j1', 't', { queuedAt: 4, status: 'CANCELED', version: 2, updatedAt: 99 }),
      );
      expect(before.canceled.map((each) => each.thing)).toEqual(['t', 'w']);
      expect(before.queued).toEqual([]);
      expect(before.running.map((each) => each.thing)).toEqual(['u']);
      expect(before.ofThing.map((each) => each.jobId)).toEqual(['j2']);
      expect([...before.pending.keys()].sort()).toEqual(['t', 'u']);
      expect(before.withdrawn).toEqual(new Set(['w']));
      expect(before.counts).toMatchObject({ QUEUED: 0, CANCELED: 2, IN_PROGRESS: 1, SUCCEEDED: 1 });
      expect(before.timer).toBe(50);
      expect(await read(async (tx) => (await tx.jobs.get('j1'))?.sweeping)).toBe(true);
      const first = await write((tx) => tx.executions.sweep('j1', 1));
      expect(await shown()).toEqual(before);
      const second = await write((tx) => tx.executions.sweep('j1', 2));
      expect(await shown()).toEqual(before);
      expect([...first.things, ...second.things].sort()).toEqual(['t', 'w']);
      expect([first.done, second.done]).toEqual([false, true]);
      expect(await read(async (tx) => (await tx.jobs.get('j1'))?.sweeping)).toBeUndefined();
      expect(await write((tx) => tx.executions.sweep('j1', 1))).toEqual({ things: [], done: true });
    });

    test('with force what runs ends too, and its timer does not fire', async () => {
      await write((tx) =>
        tx.executions.insertMany([
          anExecution('j1', 'u', { status: 'IN_PROGRESS', timesOutAt: 5 }),
          anExecution('j1', 'v'),
        ]),
      );
      await write((tx) => tx.executions.endAll('j1', { at: 9, force: true }));
      for (const rows of [0, 1, 1]) {
        if (rows > 0) await write((tx) => tx.executions.sweep('j1', rows));
        expect(await read((tx) => tx.executions.timedOut(9, 9))).toEqual([]);
        expect(await read((tx) => tx.executions.nextTimeout())).toBeUndefined();
        expect(await read((tx) => tx.executions.counts('j1'))).toMatchObject({ CANCELED: 2, IN_PROGRESS: 0 });
        expect(await read((tx) => tx.executions.get('j1', 'u'))).toMatchObject({
          status: 'CANCELED',
          forceCanceled: true,
        });
      }
    });

    test('timers are found in the order they fire', async () => {
      expect(await read((tx) => tx.executions.nextTimeout())).toBeUndefined();
      await write((tx) =>
        tx.executions.insertMany([
          anExecution('j1', 't', { timesOutAt: 30 }),
          anExecution('j1', 'u', { timesOutAt: 10 }),
          anExecution('j1', 'v', { timesOutAt: 20 }),
          anExecution('j1', 'w'),
        ]),
      );
      expect(await read((tx) => tx.executions.nextTimeout())).toBe(10);
      const fired = await read((tx) => tx.executions.timedOut(20, 10));
      expect(fired.map((execution) => execution.thing)).toEqual(['u', 'v']);
      expect(await read((tx) => tx.executions.timedOut(20, 1))).toHaveLength(1);
      await write((tx) => tx.executions.updateMany([anExecution('j1', 'u', { status: 'TIMED_OUT', version: 2 })]));
      expect(await read((tx) => tx.executions.nextTimeout())).toBe(20);
    });

    test('thousands are written, changed and found in one transaction', async () => {
      const things = Array.from({ length: 2500 }, (_, index) => `t${index}`);
      await write((tx) => tx.executions.insertMany(things.map((thing) => anExecution('j1', thing))));
      await write((tx) =>
        tx.executions.updateMany(
          things.map((thing) => anExecution('j1', thing, { status: 'IN_PROGRESS', version: 2 })),
        ),
      );
      const found = await read((tx) => tx.executions.getMany(things.map((thing) => ({ jobId: 'j1', thing }))));
      expect(found.size).toBe(2500);
      expect(await read((tx) => tx.executions.counts('j1'))).toMatchObject({ QUEUED: 0, IN_PROGRESS: 2500 });
    });
  });

  test('what was given last and ended by the service is withdrawn; what the device ended, or is pending, is not', async () => {
    const at = (queuedAt: number, status: ExecutionStatus) => ({ queuedAt, status });
    await write(async (tx) => {
      for (const id of ['j1', 'j2']) await tx.jobs.insert(aJob(id, 'g'));
      await tx.jobs.insert(aJob('s1', 'g', { carrier: 'shadow' }));
      await tx.executions.insertMany([
        anExecution('j1', 'canceled', at(1, 'SUCCEEDED')),
        anExecution('j2', 'canceled', at(2, 'CANCELED')),
        anExecution('s1', 'canceled', at(3, 'SUCCEEDED')),
        anExecution('j1', 'timed-out', at(1, 'TIMED_OUT')),
        anExecution('j1', 'done', at(1, 'CANCELED')),
        anExecution('j2', 'done', at(2, 'FAILED')),
        anExecution('j1', 'pending', at(1, 'CANCELED')),
        anExecution('j2', 'pending', at(2, 'QUEUED')),
        anExecution('s1', 'by-shadow', at(1, 'CANCELED')),
      ]);
    });
    const things = ['canceled', 'timed-out', 'done', 'pending', 'by-shadow', 'unknown'];
    expect(await read((tx) => tx.executions.withdrawn(things))).toEqual(new Set(['canceled', 'timed-out']));
    expect(await read((tx) => tx.executions.withdrawn([]))).toEqual(new Set());
  });

  test('effective are the newest jobs of each target, newest first, without those that were removed', async () => {
    await write(async (tx) => {
      await tx.jobs.insert(aJob('a1', 'a', { createdAt: 1 }));
      await tx.jobs.insert(aJob('a2', 'a', { createdAt: 2 }));
      await tx.jobs.insert(aJob('b1', 'b', { createdAt: 3 }));
      await tx.jobs.insert(aJob('c1', 'c', { createdAt: 4 }));
      // Queued in the other order: what counts is which revision is newer.
      await tx.executions.insertMany([
        anExecution('a2', 't', { queuedAt: 1 }),
        anExecution('a1', 't', { queuedAt: 2 }),
        anExecution('b1', 't'),
        anExecution('c1', 't', { status: 'REMOVED' }),
        anExecution('c1', 'u'),
      ]);
    });
    expect(await read((tx) => tx.executions.effective('t'))).toEqual([
      { jobId: 'b1', targetArn: groupArn('b') },
      { jobId: 'a2', targetArn: groupArn('a') },
    ]);
  });

  describe('executions that are deleted', () => {
    test('are counted no more, and the one before stands for its thing again', async () => {
      await write(async (tx) => {
        await tx.groups.insert(aGroup('g'));
        await tx.jobs.insert(aJob('j1', 'g'));
        await tx.executions.insertMany([anExecution('j1', 't', { status: 'FAILED' }), anExecution('j1', 'u')]);
      });
      await write((tx) => tx.executions.insertMany([anExecution('j1', 't', { number: 2 })]));
      await write((tx) => tx.executions.delete('j1', 't', 2));
      expect(await read((tx) => tx.executions.get('j1', 't'))).toMatchObject({ number: 1, status: 'FAILED' });
      expect(await read((tx) => tx.executions.counts('j1'))).toMatchObject({ QUEUED: 1, FAILED: 1 });
      await write((tx) => tx.executions.delete('j1', 't', 1));
      await write((tx) => tx.executions.delete('j1', 't', 1));
      expect(await read((tx) => tx.executions.get('j1', 't'))).toBeUndefined();
      expect(await read((tx) => tx.executions.counts('j1'))).toMatchObject({ QUEUED: 1, FAILED: 0 });
    });
  });

  describe('role aliases', () => {
    const alias = (name: string) => ({
      name,
      roleArn: 'arn:aws:iam::000000000000:role/r',
      credentialSeconds: 900,
      createdAt: 1_700_000_000_000,
      updatedAt: 1_700_000_000_001,
    });

    test('come back as they were put and changed, in both orders, page by page', async () => {
      await write(async (tx) => {
        for (const name of ['b', 'a', 'B', 'c']) await tx.roleAliases.insert(alias(name));
        await tx.roleAliases.update({ ...alias('b'), credentialSeconds: 3600 });
        await tx.roleAliases.delete('c');
      });
      expect(await read((tx) => tx.roleAliases.get('b'))).toEqual({ ...alias('b'), credentialSeconds: 3600 });
      const names = async (ascending: boolean) => {
        const first = await read((tx) => tx.roleAliases.list({ limit: 2 }, ascending));
        const rest = await read((tx) => tx.roleAliases.list({ limit: 2, after: first.next ?? '' }, ascending));
        return [...first.items, ...rest.items].map(({ name }) => name);
      };
      expect(await names(true)).toEqual(['B', 'a', 'b']);
      expect(await names(false)).toEqual(['b', 'a', 'B']);
    });
  });

  describe('what devices tell of themselves', () => {
    const connectivity = { thing: 'a', version: 'v', endpoints: [{ id: 'i', portNumber: 1 }, {}] };
    const telemetry = { thing: 'a', message: '{}', receivedAt: 1_700_000_000_000 };

    test('replaces what they told before, and goes with their thing', async () => {
      await write(async (tx) => {
        await tx.things.insert(aThing('a'));
        await tx.connectivity.put(connectivity);
        await tx.connectivity.put({ ...connectivity, version: 'w' });
        await tx.telemetry.put([telemetry, { ...telemetry, thing: 'b' }]);
        await tx.telemetry.put([{ ...telemetry, message: '{"a":1}' }]);
      });
      expect((await read((tx) => tx.connectivity.getMany(['a', 'b']))).get('a')).toEqual({
        ...connectivity,
        version: 'w',
      });
      expect(await read((tx) => tx.telemetry.get('a'))).toEqual({ ...telemetry, message: '{"a":1}' });
      await write((tx) => tx.things.delete('a'));
      expect(await read((tx) => tx.connectivity.getMany(['a']))).toEqual(new Map());
      expect(await read((tx) => tx.telemetry.get('a'))).toBeUndefined();
      expect(await read((tx) => tx.telemetry.get('b'))).toBeDefined();
    });
  });

  test('client devices are associated once, listed page by page, and go with their core device and their thing', async () => {
    const association = (core: string, thing: string, associatedAt = 5) => ({ core, thing, associatedAt });
    await write(async (tx) => {
      for (const name of ['x', 'y']) await tx.things.insert(aThing(name));
      await tx.clientDevices.put([association('c', 'x'), association('c', 'y'), association('d', 'x')]);
      await tx.clientDevices.put([association('c', 'x', 9)]);
    });
    const first = await read((tx) => tx.clientDevices.ofCore('c', { limit: 1 }));
    expect(first).toEqual({ items: [association('c', 'x')], next: 'x' });
    expect((await read((tx) => tx.clientDevices.ofCore('c', { limit: 9, after: 'x' }))).items).toHaveLength(1);
    expect(await read((tx) => tx.clientDevices.coresOf('x'))).toEqual(['c', 'd']);
    await write((tx) => tx.devices.delete('d'));
    expect(await read((tx) => tx.clientDevices.coresOf('x'))).toEqual(['c']);
    await write((tx) => tx.things.delete('x'));
    await write((tx) => tx.clientDevices.delete('c', ['y', 'z']));
    expect((await read((tx) => tx.clientDevices.ofCore('c', { limit: 9 }))).items).toEqual([]);
  });

  test('there is one service role at most', async () => {
    const role = (roleArn: string) => ({ roleArn, associatedAt: 5 });
    await write((tx) => tx.serviceRole.put(role('one')));
    await write((tx) => tx.serviceRole.put(role('two')));
    expect(await read((tx) => tx.serviceRole.get())).toEqual(role('two'));
    await write((tx) => tx.serviceRole.clear());
    expect(await read((tx) => tx.serviceRole.get())).toBeUndefined();
  });

  describe('things that come into the target of a job in progress', () => {
    const waiting = async (jobId: string, limit = 100) => read((tx) => tx.executions.waiting(jobId, limit));
    const names = async (jobId: string, limit?: number) => (await waiting(jobId, limit)).map((each) => each.thing);

    beforeEach(async () => {
      await write(async (tx) => {
        await tx.groups.insert(aGroup('root'));
        await tx.groups.insert(aGroup('leaf', 'root'));
        await tx.groups.insert(aGroup('other'));
        for (const name of ['a', 'b', 'c', 'd', 'x']) await tx.things.insert(aThing(name));
        await tx.groups.add('leaf', 'x', 1);
        await tx.jobs.insert(aJob('j', 'root'));
        await tx.groups.add('root', 'b', 10);
        await tx.groups.add('leaf', 'b', 5);
        await tx.groups.add('leaf', 'a', 20);
        await tx.groups.add('other', 'd', 1);
      });
    });

    test('wait by name, those who were there before do not', async () => {
      expect(await waiting('j')).toEqual([
        { thing: 'a', lastNumber: 0 },
        { thing: 'b', lastNumber: 0 },
      ]);
      expect(await names('j', 1)).toEqual(['a']);
      expect(await read((tx) => tx.executions.unserved('j', ['a', 'b', 'x', 'y']))).toEqual(['x', 'y']);
      expect(await read((tx) => tx.executions.unserved('j', []))).toEqual([]);
      await write((tx) => tx.executions.insertMany([anExecution('j', 'x')]));
      expect(await read((tx) => tx.executions.unserved('j', ['x', 'y']))).toEqual(['y']);
    });

    test('wait no more with an execution, live or ended', async () => {
      await write((tx) =>
        tx.executions.insertMany([anExecution('j', 'a'), anExecution('j', 'b', { status: 'FAILED' })]),
      );
      expect(await names('j')).toEqual([]);
    });

    test('wait from when they join until they leave or are deleted', async () => {
      await write((tx) => tx.groups.add('leaf', 'c', 30));
      expect(await names('j')).toEqual(['a', 'b', 'c']);
      await write((tx) => tx.groups.remove('root', 'b'));
      expect(await names('j')).toEqual(['a', 'b', 'c']);
      await write((tx) => tx.groups.remove('leaf', 'b'));
      expect(await names('j')).toEqual(['a', 'c']);
      await write((tx) => tx.things.delete('c'));
      expect(await names('j')).toEqual(['a']);
      await write((tx) => tx.groups.delete('leaf'));
      expect(await names('j')).toEqual([]);
    });

    test('wait again when they come back after they succeeded, with the number to follow', async () => {
      await write((tx) => tx.executions.insertMany([anExecution('j', 'a', { status: 'SUCCEEDED' })]));
      await write((tx) => tx.groups.add('root', 'a', 40));
      await write((tx) => tx.groups.remove('root', 'a'));
      expect(await names('j')).toEqual(['b']);
      await write((tx) => tx.groups.remove('leaf', 'a'));
      await write((tx) => tx.groups.add('root', 'a', 50));
      expect(await waiting('j')).toContainEqual({ thing: 'a', lastNumber: 1 });
    });

    test('keep their execution when they come back while it runs', async () => {
      await write((tx) => tx.executions.insertMany([anExecution('j', 'a', { status: 'IN_PROGRESS' })]));
      await write((tx) => tx.groups.remove('leaf', 'a'));
      await write((tx) => tx.groups.add('leaf', 'a', 50));
      expect(await names('j')).toEqual(['b']);
    });

    test('wait again when their execution was removed, unless they left', async () => {
      await write((tx) => tx.executions.insertMany([anExecution('j', 'a'), anExecution('j', 'b')]));
      await write(async (tx) => {
        const removed = { status: 'REMOVED', version: 2 } as const;
        await tx.executions.updateMany([anExecution('j', 'a', removed), anExecution('j', 'b', removed)]);
        await tx.groups.remove('leaf', 'a');
        await tx.groups.remove('leaf', 'b');
      });
      expect(await waiting('j')).toEqual([{ thing: 'b', lastNumber: 1 }]);
    });

    test('do not wait for a job that has ended', async () => {
      await write((tx) => tx.jobs.update(aJob('j', 'root', { status: 'CANCELED' })));
      await write((tx) => tx.groups.add('root', 'c', 30));
      expect(await names('j')).toEqual([]);
    });
  });

  test('after any operations the counts are those of the executions, and who waits is who should', async () => {
    const things = ['t1', 't2', 't3'];
    const groups = ['root', 'leaf', 'other'];
    const statuses: ExecutionStatus[] = ['QUEUED', 'IN_PROGRESS', 'SUCCEEDED', 'FAILED', 'REJECTED', 'REMOVED'];
    const operation = fc.oneof(
      fc.record({
        kind: fc.constant('join' as const),
        group: fc.constantFrom(...groups),
        thing: fc.constantFrom(...things),
      }),
      fc.record({
        kind: fc.constant('leave' as const),
        group: fc.constantFrom(...groups),
        thing: fc.constantFrom(...things),
      }),
      fc.record({ kind: fc.constant('enqueue' as const) }),
      fc.record({
        kind: fc.constant('update' as const),
        thing: fc.constantFrom(...things),
        status: fc.constantFrom(...statuses),
      }),
      fc.record({ kind: fc.constant('retry' as const), limit: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ kind: fc.constant('end' as const), force: fc.boolean() }),
      fc.record({ kind: fc.constant('sweep' as const), limit: fc.integer({ min: 1, max: 3 }) }),
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 25 }), async (operations) => {
        run += 1;
        const own = (name: string) => `${name}-${run}`;
        const job = aJob(own('j'), own('root'));
        await write(async (tx) => {
          for (const thing of things) await tx.things.insert(aThing(own(thing)));
          await tx.groups.insert(aGroup(own('root')));
          await tx.groups.insert(aGroup(own('leaf'), own('root')));
          await tx.groups.insert(aGroup(own('other')));
          await tx.jobs.insert(job);
        });
        // The model: who is in what, and who has been given the job since coming in.
        const memberships = new Set<string>();
        const served = new Set<string>();
        const isMember = (thing: string) => memberships.has(`root/${thing}`) || memberships.has(`leaf/${thing}`);
        const running = new Set<string>();
        let ended = false;
        for (const step of operations) {
          await write(async (tx) => {
            if (step.kind === 'join') {
              if (!isMember(step.thing) && !running.has(step.thing)) served.delete(step.thing);
              memberships.add(`${step.group}/${step.thing}`);
              await tx.groups.add(own(step.group), own(step.thing), 1);
            } else if (step.kind === 'leave') {
              memberships.delete(`${step.group}/${step.thing}`);
              await tx.groups.remove(own(step.group), own(step.thing));
            } else if (step.kind === 'enqueue') {
              const members = await tx.executions.waiting(job.id, 2);
              await tx.executions.insertMany(
                members.map((each) => anExecution(job.id, each.thing, { number: each.lastNumber + 1 })),
              );
              for (const { thing } of members) {
                served.add(thing.split('-')[0] ?? '');
                running.add(thing.split('-')[0] ?? '');
              }
            } else if (step.kind === 'update') {
              const execution = await tx.executions.get(job.id, own(step.thing));
              // As use cases do: what has ended is left alone.
              if (!execution || isTerminal(execution.status)) return;
              await tx.executions.updateMany([{ ...execution, status: step.status, version: execution.version + 1 }]);
              if (step.status === 'QUEUED' || step.status === 'IN_PROGRESS') running.add(step.thing);
              else running.delete(step.thing);
              if (step.status === 'REMOVED' && isMember(step.thing)) served.delete(step.thing);
            } else if (step.kind === 'retry') {
              const { items } = await tx.executions.ofJob(job.id, { limit: 10 }, {});
              for (let after: string | undefined = ''; after !== undefined; ) {
                after = await tx.executions.retryAfter(job.id, after, step.limit);
              }
              if (ended) return;
              for (const { thing, status } of items) {
                const name = thing.split('-')[0] ?? '';
                if (['FAILED', 'REJECTED'].includes(status) && isMember(name)) served.delete(name);
              }
            } else if (step.kind === 'end') {
              if (ended) return;
              ended = true;
              await tx.jobs.update({ ...job, status: 'CANCELED' });
              await tx.executions.endAll(job.id, { at: 1, force: step.force });
            } else {
              await tx.executions.sweep(job.id, step.limit);
            }
          });
          await read((tx) => consistent(tx));
        }
        async function consistent(tx: Tx) {
          const executions = await pages((page) => tx.executions.ofJob(job.id, page, {}), 2);
          const counts = await tx.executions.counts(job.id);
          for (const status of [...statuses, 'CANCELED'] as const) {
            const shown = executions.filter((execution) => execution.status === status);
            expect(counts[status]).toBe(shown.length);
            expect((await tx.executions.ofJob(job.id, { limit: 10 }, { status })).items).toEqual(shown);
          }
          if (ended) expect(counts.QUEUED).toBe(0);
          const waiting = (await tx.executions.waiting(job.id, 100)).map((each) => each.thing);
          const wanted = ended ? [] : things.filter((thing) => isMember(thing) && !served.has(thing));
          expect(waiting).toEqual(wanted.map(own));
        }
      }),
      { numRuns: 40 },
    );
  });

  test('shadows keep the row of a deleted one and list the live named ones', async () => {
    const shadow = (name: string, version = 1) => ({
      thing: 't',
      name,
      document: `{"v":${version}}`,
      version,
      updatedAt: 4,
    });
    const deleted = { thing: 't', name: 'gone', version: 3, updatedAt: 5 };
    await write((tx) => tx.shadows.put([shadow('b'), shadow('a'), shadow(''), deleted, shadow('b', 2)]));
    expect(await read((tx) => tx.shadows.get('t', 'b'))).toEqual(shadow('b', 2));
    expect(await read((tx) => tx.shadows.get('t', 'gone'))).toEqual(deleted);
    expect(await read((tx) => pages((page) => tx.shadows.names('t', page), 1))).toEqual(['a', 'b']);
    const many = await read((tx) =>
      tx.shadows.getMany([
        { thing: 't', name: '' },
        { thing: 't', name: 'a' },
        { thing: 'u', name: 'a' },
      ]),
    );
    expect(many).toEqual(
      new Map([
        ['t/', shadow('')],
        ['t/a', shadow('a')],
      ]),
    );
  });

  test('core devices are listed by status, runtime and the groups that reached them, and go with their components', async () => {
    const a = aDevice('a', { runtime: 'aws_nucleus_classic', sequence: 2 ** 40 });
    await write(async (tx) => {
      await tx.groups.insert(aGroup('g'));
      await tx.jobs.insert(aJob('j', 'g'));
      await tx.devices.put([aDevice('a'), aDevice('b', { status: 'UNHEALTHY' }), aDevice('c'), a]);
      await tx.executions.insertMany([anExecution('j', 'c'), anExecution('j', 'a', { status: 'SUCCEEDED' })]);
      await tx.executions.updateMany([anExecution('j', 'c', { status: 'SUCCEEDED' })]);
    });
    const things = async (filter: Parameters<Tx['devices']['list']>[1]) =>
      (await read((tx) => pages((page) => tx.devices.list(page, filter), 1))).map((device) => device.thing);
    expect(await things({})).toEqual(['a', 'b', 'c']);
    expect(await things({ status: 'UNHEALTHY' })).toEqual(['b']);
    expect(await things({ runtime: 'aws_nucleus_classic' })).toEqual(['a']);
    expect(await things({ groupTargetArn: groupArn('g') })).toEqual(['a', 'c']);
    expect(await things({ groupTargetArn: groupArn('h') })).toEqual([]);
    expect(await read((tx) => tx.devices.get('a'))).toEqual(a);
    expect((await read((tx) => tx.devices.getMany(['a', 'x']))).get('a')).toEqual(a);

    const full = anInstalled('a', 'x', {
      statusCodes: ['E'],
      statusReason: 'why',
      sources: ['arn'],
      installationSource: 'LOCAL',
      isRoot: false,
    });
    await write((tx) =>
      tx.devices.putComponents([anInstalled('a', 'x'), full, anInstalled('a', 'w'), anInstalled('b', 'x')]),
    );
    expect(await read((tx) => tx.devices.components('a'))).toEqual([anInstalled('a', 'w'), full]);
    const of = await read((tx) => tx.devices.componentsOf(['a', 'b', 'c']));
    expect([of.get('a')?.length, of.get('b')?.length, of.get('c')]).toEqual([2, 1, undefined]);
    await write((tx) => tx.devices.deleteComponents([{ thing: 'a', name: 'w' }]));
    expect(await read((tx) => tx.devices.components('a'))).toEqual([full]);
    await write((tx) => tx.devices.delete('a'));
    expect(await read((tx) => tx.devices.components('a'))).toEqual([]);
    expect(await things({ groupTargetArn: groupArn('g') })).toEqual(['c']);
  });

  test('tags are merged, removed and cleared; a key may be any text', async () => {
    await write((tx) => tx.tags.put('arn', { a: '1', __proto__x: 'y', constructor: 'z' }));
    await write((tx) => tx.tags.put('arn', { a: '2', b: '3' }));
    expect(await read((tx) => tx.tags.get('arn'))).toEqual({ a: '2', b: '3', __proto__x: 'y', constructor: 'z' });
    await write((tx) => tx.tags.remove('arn', ['a', 'none']));
    expect(Object.keys(await read((tx) => tx.tags.get('arn')))).not.toContain('a');
    await write((tx) => tx.tags.clear('arn'));
    expect(await read((tx) => tx.tags.get('arn'))).toEqual({});
  });

  test('an idempotent answer is kept until it expires', async () => {
    const answer = { operation: 'Create', token: 't', requestHash: 'h', response: '{}', expiresAt: 100 };
    await write((tx) => tx.idempotency.put({ ...answer, expiresAt: 50 }));
    await write((tx) => tx.idempotency.put(answer));
    expect(await read((tx) => tx.idempotency.get('Create', 't', 99))).toEqual(answer);
    expect(await read((tx) => tx.idempotency.get('Create', 't', 100))).toBeUndefined();
    expect(await read((tx) => tx.idempotency.get('Delete', 't', 1))).toBeUndefined();
    await write((tx) => tx.idempotency.prune(99));
    expect(await read((tx) => tx.idempotency.get('Create', 't', 1))).toEqual(answer);
    await write((tx) => tx.idempotency.prune(100));
    expect(await read((tx) => tx.idempotency.get('Create', 't', 1))).toBeUndefined();
  });

  test('objects are listed by prefix in the order of bytes', async () => {
    const object = (key: string) => ({ bucket: 'b', key, sha256: `h-${key}`, size: 5, etag: 'e', modifiedAt: 7 });
    await write(async (tx) => {
      await tx.objects.createBucket('b', 3);
      await tx.objects.createBucket('a', 4);
      for (const key of ['a/2', 'a/1', 'a', 'A/1', 'b/1', 'a\u{10ffff}x', 'a/1']) await tx.objects.put(object(key));
      await tx.objects.put({ ...object('a/2'), contentType: 'text/plain' });
    });
    expect(await read((tx) => tx.objects.buckets())).toEqual([
      { name: 'a', createdAt: 4 },
      { name: 'b', createdAt: 3 },
    ]);
    expect(await read((tx) => tx.objects.bucket('b'))).toEqual({ name: 'b', createdAt: 3 });
    expect(await read((tx) => tx.objects.get('b', 'a/2'))).toEqual({ ...object('a/2'), contentType: 'text/plain' });
    const keys = async (prefix: string) =>
      (await read((tx) => pages((page) => tx.objects.list('b', prefix, page), 2))).map((each) => each.key);
    expect(await keys('')).toEqual(['A/1', 'a', 'a/1', 'a/2', 'a\u{10ffff}x', 'b/1']);
    expect(await keys('a')).toEqual(['a', 'a/1', 'a/2', 'a\u{10ffff}x']);
    expect(await keys('a/')).toEqual(['a/1', 'a/2']);
    expect(await read((tx) => tx.objects.usesContent('h-b/1'))).toBe(true);
    await write((tx) => tx.objects.delete('b', 'b/1'));
    expect(await read((tx) => tx.objects.usesContent('h-b/1'))).toBe(false);
    await expect(write((tx) => tx.objects.deleteBucket('b'))).rejects.toThrow(/foreign key/i);
    await write((tx) => tx.objects.deleteBucket('a'));
    expect(await read((tx) => tx.objects.bucket('a'))).toBeUndefined();
  });

  test('access keys are kept', async () => {
    const key = { id: 'AKIA', secret: 's', createdAt: 1 };
    await write((tx) => tx.accessKeys.insert(key));
    expect(await read((tx) => tx.accessKeys.get('AKIA'))).toEqual(key);
    expect(await read((tx) => tx.accessKeys.get('none'))).toBeUndefined();
    expect(await read((tx) => tx.accessKeys.list())).toEqual([key]);
  });
});

describe('a SQLite file', () => {
  test('holds what was acknowledged before the process was killed with -9', async () => {
    const file = newFile();
    const script = `
      import { openSqlite } from './sqlite/sqlite.ts';
      const storage = await openSqlite({ file: process.argv[1], log: console });
      await storage.write((tx) => tx.things.insert(${JSON.stringify(aThing('survivor'))}));
      process.stdout.write('written\\n');
      process.stdin.resume();`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script, file], {
      stdio: ['pipe', 'pipe', 'inherit'],
      cwd: import.meta.dirname,
    });
    const exited = once(child, 'exit');
    const [said] = await once(child.stdout, 'data');
    expect(String(said)).toBe('written\n');
    child.kill('SIGKILL');
    await exited;
    const storage = await openSqlite({ file, log: silentLog });
    expect(await storage.read((tx) => tx.things.get('survivor'))).toBeDefined();
    await storage.close();
  });

  test('that is no database is refused in one line that names it', async () => {
    const file = newFile();
    await writeFile(file, 'this is a letter, not a database. '.repeat(100));
    const opening = openSqlite({ file, log: silentLog });
    await expect(opening).rejects.toMatchObject({ code: 'DATABASE_CORRUPT' });
    await expect(opening).rejects.toThrow(new RegExp(`^[^\\n]*${file}[^\\n]*$`));
  });

  test('with a damaged page is refused in one line that names it', async () => {
    const file = newFile();
    const storage = await openSqlite({ file, log: silentLog });
    await storage.write(async (tx) => {
      for (let index = 0; index < 500; index += 1) await tx.things.insert(aThing(`thing-${index}`));
    });
    await storage.close();
    const handle = await open(file, 'r+');
    const { size } = await handle.stat();
    await handle.write(Buffer.alloc(size - 8192, 0x5a), 0, size - 8192, 8192);
    await handle.close();
    const opening = openSqlite({ file, log: silentLog });
    await expect(opening).rejects.toMatchObject({ code: 'DATABASE_CORRUPT' });
    await expect(opening).rejects.toThrow(new RegExp(`^[^\\n]*${file}[^\\n]*$`));
  });

  test('is whole after close: the write-ahead log is folded in', async () => {
    const file = newFile();
    const storage = await openSqlite({ file, log: silentLog });
    await storage.write((tx) => tx.things.insert(aThing('a')));
    await Promise.all([storage.close(), storage.close()]);
    await rm(`${file}-wal`, { force: true });
    const again = await openSqlite({ file, log: silentLog });
    expect(await again.read((tx) => tx.things.get('a'))).toBeDefined();
    await again.close();
  });

  test(':memory: keeps a database of its own, with the same rules', async () => {
    const storage = await openSqlite({ file: ':memory:', log: silentLog });
    await storage.write((tx) => tx.things.insert(aThing('a')));
    const seen = await Promise.all([1, 2, 3].map(() => storage.read((tx) => tx.things.get('a'))));
    expect(seen).toEqual([aThing('a'), aThing('a'), aThing('a')]);
    await storage.close();
  });
});

describe.skipIf(postgres === undefined)('a PostgreSQL', () => {
  let url = '';
  let storage: Storage;
  beforeEach(async () => {
    url = await postgresDatabase.create();
    storage = await postgresDatabase.open(url);
  });
  afterEach(() => storage.close());

  test('that restarts under a transaction fails it as one to try again, and serves the next', async () => {
    const started = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const cut = storage.write(async (tx) => {
      await tx.things.insert(aThing('a'));
      started.resolve();
      await gate.promise;
      await tx.things.insert(aThing('b'));
    });
    await started.promise;
    // What a fast shutdown of the server does to every connection.
    await postgresDatabase.execute(
      url,
      'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()',
    );
    gate.resolve();
    await expect(cut).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE', retryable: true });
    await storage.write((tx) => tx.things.insert(aThing('c')));
    expect(await storage.read((tx) => tx.things.existing(['a', 'b', 'c']))).toEqual(new Set(['c']));
  });

  test('serves readers while many writers wait for their turn', async () => {
    const gate = Promise.withResolvers<void>();
    const order: number[] = [];
    const writers = Array.from({ length: 30 }, (_, index) =>
      storage
        .write(async (tx) => {
          if (index === 0) await gate.promise;
          await tx.things.insert(aThing(`t${index}`));
        })
        .then(() => order.push(index)),
    );
    expect(await storage.read((tx) => tx.things.get('t0'))).toBeUndefined();
    gate.resolve();
    await Promise.all(writers);
    expect(order).toEqual(Array.from({ length: 30 }, (_, index) => index));
  });
});

test('a PostgreSQL that cannot be reached is said in one line, without the address', async () => {
  const opening = openPostgres({ url: 'postgres://user:hunter2@127.0.0.1:1/none', log: silentLog });
  await expect(opening).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
  await expect(opening).rejects.not.toThrow(/hunter2/);
});
