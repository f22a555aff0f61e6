import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@greensward/kit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LoggedEvent } from '../domain/history/event.ts';
import { failureCause, maxCauses } from '../domain/history/failure-cause.ts';
import type { Execution, ExecutionStatus } from '../domain/jobs/job.ts';
import type { Storage, Tx } from '../ports/storage.ts';
import { openPostgres } from './postgres/postgres.ts';
import { openSqlite } from './sqlite/sqlite.ts';
import { findPostgres, type PostgresCluster, startPostgres } from './testing/postgres-cluster.ts';
import { aDeployment, aGroup, aJob, anExecution } from './testing/records.ts';

const postgres = findPostgres();
let cluster: PostgresCluster | undefined;
let folder = '';
let files = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greensward-history-'));
  if (postgres) cluster = await startPostgres(postgres);
});
afterAll(async () => {
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

const openers = {
  SQLite: () => openSqlite({ file: join(folder, `${++files}.db`), log: silentLog }),
  PostgreSQL: async () => openPostgres({ url: (await cluster?.createDatabase()) ?? '', log: silentLog }),
};

/** All events, a small page at a time. */
async function allEvents(tx: Tx, filter: { deploymentId?: string; thing?: string } = {}): Promise<LoggedEvent[]> {
  const all: LoggedEvent[] = [];
  for (;;) {
    const page = await tx.events.list(filter, all.at(-1)?.sequence ?? 0, 7);
    all.push(...page);
    if (page.length < 7) return all;
  }
}

/** The statuses of executions that the log tells, by job, thing and number. */
function replayed(events: readonly LoggedEvent[]): ReadonlyMap<string, string> {
  const statuses = new Map<string, string>();
  for (const { subject, jobId, thing, executionNumber, from, to } of events) {
    const key = `${jobId}/${thing}/${executionNumber}`;
    if (subject === 'job' && to === 'DELETED') {
      for (const known of statuses.keys()) if (known.startsWith(`${jobId}/`)) statuses.delete(known);
    }
    if (subject !== 'execution') continue;
    expect(statuses.get(key)).toBe(from);
    if (to === 'DELETED') statuses.delete(key);
    else statuses.set(key, to);
  }
  return statuses;
}

const statuses: readonly ExecutionStatus[] = [
  'QUEUED',
  'IN_PROGRESS',
  'SUCCEEDED',
  'FAILED',
  'TIMED_OUT',
  'REJECTED',
  'REMOVED',
  'CANCELED',
];
const things = ['core-1', 'core-2', 'core-3'];

describe.each([
  { name: 'SQLite' as const, present: true },
  { name: 'PostgreSQL' as const, present: postgres !== undefined },
])('history on $name', ({ name, present }) => {
  if (!present) {
    test.skip('PostgreSQL is not installed here', () => {});
    return;
  }

  async function withStorage(work: (storage: Storage) => Promise<void>): Promise<void> {
    const storage = await openers[name]();
    try {
      await work(storage);
    } finally {
      await storage.close();
    }
  }

  test('whatever is done to executions, the log replays to what there is, and the causes count it', async () => {
    const thing = fc.constantFrom(...things);
    const jobId = fc.constantFrom('j1', 'j2');
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('enqueue' as const), jobId, thing }),
      fc.record({
        kind: fc.constant('update' as const),
        jobId,
        thing,
        status: fc.constantFrom(...statuses),
        cause: fc.constantFrom('disk of core-1 is full', 'no route', 'code 7', 'code 8'),
      }),
      fc.record({ kind: fc.constant('delete' as const), jobId, thing }),
      fc.record({ kind: fc.constant('end' as const), jobId }),
      fc.record({ kind: fc.constant('drop' as const), jobId }),
    );
    await withStorage(async (storage) => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async (operations) => {
          run += 1;
          const own = (id: string) => `${id}-${run}`;
          await storage.write(async (tx) => {
            for (const id of ['j1', 'j2']) await tx.jobs.insert(aJob(own(id), 'group'));
          });
          const dropped = new Set<string>();
          for (const step of operations) {
            if (dropped.has(step.jobId)) continue;
            const id = own(step.jobId);
            await storage.write(async (tx) => {
              if (step.kind === 'end') {
                dropped.add(step.jobId);
                await tx.executions.endAll(id, { at: 5, force: false });
                while (!(await tx.executions.sweep(id, 2)).done);
                return;
              }
              if (step.kind === 'drop') {
                dropped.add(step.jobId);
                return tx.jobs.delete(id, 5);
              }
              const newest = await tx.executions.get(id, step.thing);
              if (step.kind === 'enqueue') {
                const number = (newest?.number ?? 0) + 1;
                return tx.executions.insertMany([anExecution(id, step.thing, { number })]);
              }
              if (newest === undefined) return;
              if (step.kind === 'delete') return tx.executions.delete(id, step.thing, newest.number);
              const statusDetails = { 'deployment-failure-cause': step.cause };
              return tx.executions.updateMany([{ ...newest, status: step.status, statusDetails }]);
            });
          }
          await storage.read(async (tx) => {
            const told = replayed((await allEvents(tx)).filter((event) => event.jobId.endsWith(`-${run}`)));
            const found = new Map<string, string>();
            for (const id of ['j1', 'j2'].map(own)) {
              const newest: Execution[] = [];
              for (const each of things) {
                const last = await tx.executions.get(id, each);
                if (last !== undefined) newest.push(last);
                for (let number = 1; number <= (last?.number ?? 0); number += 1) {
                  const execution = await tx.executions.get(id, each, number);
                  if (execution !== undefined) found.set(`${id}/${each}/${number}`, execution.status);
                }
              }
              const expected = new Map<string, string[]>();
              for (const execution of newest) {
                const cause = failureCause(execution);
                if (cause === undefined) continue;
                const key = `${cause.status} ${cause.cause}`;
                expected.set(key, [...(expected.get(key) ?? []), execution.thing]);
              }
              const counted = await tx.failures.ofJob(id, 5);
              expect(new Map(counted.map((each) => [`${each.status} ${each.cause}`, each.exampleThings]))).toEqual(
                expected,
              );
              for (const { devices, exampleThings } of counted) expect(devices).toBe(exampleThings.length);
            }
            expect(told).toEqual(found);
          });
        }),
        { numRuns: 40 },
      );
    });
  });

  test('deployments and jobs tell what became of them and why, also when they are deleted', async () => {
    await withStorage(async (storage) => {
      const deployment = aDeployment('d1', 'group', 1, { jobId: 'j1' });
      const job = aJob('j1', 'group', { deploymentId: 'd1' });
      await storage.write(async (tx) => {
        await tx.deployments.insert(deployment);
        await tx.jobs.insert(job);
      });
      await storage.write(async (tx) => {
        await tx.deployments.update({ ...deployment, status: 'FAILED', statusReason: 'Aborted: 2 of 2' });
        await tx.jobs.update({ ...job, status: 'CANCELED', reasonCode: 'ABORT_CRITERIA_MET' });
      });
      await storage.write(async (tx) => {
        await tx.deployments.delete('d1');
        await tx.jobs.delete('j1', 5);
      });
      const events = await storage.read((tx) => allEvents(tx, { deploymentId: 'd1' }));
      expect(events.map(({ subject, from, to, reason }) => [subject, from, to, reason])).toEqual([
        ['deployment', undefined, 'ACTIVE', undefined],
        ['job', undefined, 'IN_PROGRESS', undefined],
        ['deployment', 'ACTIVE', 'FAILED', 'Aborted: 2 of 2'],
        ['job', 'IN_PROGRESS', 'CANCELED', 'ABORT_CRITERIA_MET'],
        ['deployment', 'FAILED', 'DELETED', undefined],
        ['job', 'CANCELED', 'DELETED', undefined],
      ]);
    });
  });

  test('a write that is rolled back takes its events and their numbers with it', async () => {
    await withStorage(async (storage) => {
      await storage.write((tx) => tx.jobs.insert(aJob('j1', 'group')));
      const failing = storage.write(async (tx) => {
        await tx.jobs.insert(aJob('j2', 'group'));
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      await storage.write((tx) => tx.jobs.insert(aJob('j3', 'group')));
      const events = await storage.read((tx) => allEvents(tx));
      expect(events.map(({ sequence, jobId }) => [sequence, jobId])).toEqual([
        [1, 'j1'],
        [2, 'j3'],
      ]);
    });
  });

  test('causes above the limit are counted together, and room that is made is used', async () => {
    await withStorage(async (storage) => {
      const words = Array.from({ length: maxCauses + 20 }, (_, index) =>
        String(index).replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)] ?? ''),
      );
      const failing = (word: string) =>
        anExecution('j1', `thing-${word}`, {
          status: 'FAILED',
          statusDetails: { 'deployment-failure-cause': `cause ${word}` },
        });
      await storage.write(async (tx) => {
        await tx.jobs.insert(aJob('j1', 'group'));
        await tx.executions.insertMany(words.map(failing));
      });
      const first = await storage.read((tx) => tx.failures.ofJob('j1', 2));
      expect(first).toHaveLength(maxCauses + 1);
      expect(first[0]).toMatchObject({ cause: 'other causes', devices: 20 });
      expect(first[0]?.exampleThings).toHaveLength(2);
      // Given the job again, they have not failed any more.
      await storage.write((tx) =>
        tx.executions.insertMany(words.map((word) => anExecution('j1', `thing-${word}`, { number: 2 }))),
      );
      expect(await storage.read((tx) => tx.failures.ofJob('j1', 2))).toEqual([]);
    });
  });

  test('a request is audited once, newest first, in pages', async () => {
    await withStorage(async (storage) => {
      const record = (requestId: string, at: number) => ({
        requestId,
        at,
        caller: 'AKIA',
        operation: 'iot:X',
        target: '/',
      });
      await storage.write(async (tx) => {
        for (const [id, at] of [
          ['a', 1],
          ['b', 2],
          ['c', 2],
        ] as const)
          await tx.audit.record(record(id, at));
        await tx.audit.record(record('a', 1));
      });
      const first = await storage.read((tx) => tx.audit.list({ limit: 2 }));
      expect(first.items).toEqual([record('c', 2), record('b', 2)]);
      const second = await storage.read((tx) => tx.audit.list({ limit: 2, after: first.next ?? '' }));
      expect(second).toEqual({ items: [record('a', 1)] });
    });
  });
});

test.skipIf(postgres === undefined)(
  'two writers on one PostgreSQL: who follows the numbers misses nothing and sees nothing twice',
  async () => {
    const url = (await cluster?.createDatabase()) ?? '';
    const open = () => openPostgres({ url, log: silentLog });
    const [one, two, reader] = await Promise.all([open(), open(), open()]);
    try {
      await one.write(async (tx) => {
        await tx.groups.insert(aGroup('group'));
        await tx.jobs.insert(aJob('j1', 'group'));
      });
      let writing = true;
      const write = async (storage: Storage, name: string) => {
        for (let index = 0; index < 60; index += 1) {
          await storage.write((tx) => tx.executions.insertMany([anExecution('j1', `${name}-${index}`)]));
        }
      };
      const seen: number[] = [];
      const follow = async () => {
        for (;;) {
          const over = !writing;
          const page = await reader.read((tx) => tx.events.list({}, seen.at(-1) ?? 0, 5));
          seen.push(...page.map(({ sequence }) => sequence));
          if (over && page.length === 0) return;
        }
      };
      const following = follow();
      await Promise.all([write(one, 'a'), write(two, 'b')]);
      writing = false;
      await following;
      expect(seen).toEqual(Array.from({ length: 121 }, (_, index) => index + 1));
    } finally {
      await Promise.all([one.close(), two.close(), reader.close()]);
    }
  },
);
