import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { silentLog } from '@greensward/kit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPostgres } from '../adapters/postgres/postgres.ts';
import { openSqlite } from '../adapters/sqlite/sqlite.ts';
import { findPostgres, type PostgresCluster, startPostgres } from '../adapters/testing/postgres-cluster.ts';
import { aDevice } from '../adapters/testing/records.ts';
import { openTestCloud, type TestCloud } from '../app/testing/test-cloud.ts';
import type { Deployment } from '../domain/deployment/deployment.ts';
import type { Retention } from '../domain/history/retention.ts';
import type { Execution, ExecutionStatus } from '../domain/jobs/job.ts';
import { createRetentionTick } from './retention-tick.ts';

const account = { accountId: '000000000000', region: 'us-east-1', partition: 'aws' } as const;
const day = 86_400_000;
const forEver: Retention = { jobsMs: 9999 * day, revisions: 9999, eventsMs: 9999 * day, auditMs: 9999 * day };
const postgres = findPostgres();
let cluster: PostgresCluster | undefined;
let folder = '';
let files = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greensward-retention-'));
  if (postgres) cluster = await startPostgres(postgres);
});
afterAll(async () => {
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** One pass, from its beginning to its end. */
/** What the sweep is not through with stays, as if it had not ended. */
async function prune(cloud: TestCloud, retention: Partial<Retention>): Promise<void> {
  await cloud.sweep();
  const tick = createRetentionTick({ ...cloud, account, retention: { ...forEver, ...retention } });
  for (;;) {
    const { nextAt } = await tick();
    if (nextAt - cloud.clock.now() > 1000) return;
  }
}

async function deploy(cloud: TestCloud, group: string) {
  const { deploymentId } = await cloud.app.deployments.create({ targetArn: cloud.arns.group(group) });
  const { deployment } = await cloud.app.deployments.get(deploymentId);
  await cloud.rollout();
  cloud.clock.advance(1000);
  return deployment;
}

const report = (cloud: TestCloud, jobId: string, status: ExecutionStatus, ...things: readonly string[]) =>
  cloud.app.jobs.update(things.map((thing) => ({ thing, jobId, status })));

const addDevices = (cloud: TestCloud, ...things: readonly string[]) =>
  cloud.storage.write((tx) => tx.devices.put(things.map((thing) => aDevice(thing))));

const isThere = (cloud: TestCloud, id: string) =>
  cloud.app.deployments.get(id).then(
    () => true,
    (error: { code: string }) => {
      expect(error.code).toBe('ResourceNotFoundException');
      return false;
    },
  );

describe.each([
  { name: 'SQLite' as const, present: true },
  { name: 'PostgreSQL' as const, present: postgres !== undefined },
])('retention on $name', ({ name, present }) => {
  if (!present) {
    test.skip('PostgreSQL is not installed here', () => {});
    return;
  }

  async function withCloud(work: (cloud: TestCloud) => Promise<void>): Promise<void> {
    const given =
      name === 'PostgreSQL'
        ? await openPostgres({ url: (await cluster?.createDatabase()) ?? '', log: silentLog })
        : await openSqlite({ file: join(folder, `${++files}.db`), log: silentLog });
    const cloud = await openTestCloud(given);
    try {
      await work(cloud);
    } finally {
      await cloud.close();
    }
  }

  test('of many revisions as many stay as are kept, and nothing of the others', async () => {
    await withCloud(async (cloud) => {
      await cloud.app.groups.create({ name: 'line' });
      await cloud.addThings('line', 'a', 'b');
      const made: Deployment[] = [];
      for (let revision = 1; revision <= 8; revision += 1) {
        const deployment = await deploy(cloud, 'line');
        await report(cloud, deployment.jobId, revision % 2 === 0 ? 'SUCCEEDED' : 'FAILED', 'a', 'b');
        made.push(deployment);
      }
      await prune(cloud, { revisions: 3 });
      expect(await Promise.all(made.map(({ id }) => isThere(cloud, id)))).toEqual([
        ...Array.from({ length: 5 }, () => false),
        ...Array.from({ length: 3 }, () => true),
      ]);
      await cloud.storage.read(async (tx) => {
        for (const { id, jobId } of made.slice(0, 5)) {
          expect(await tx.jobs.get(jobId)).toBeUndefined();
          expect(await tx.executions.get(jobId, 'a')).toBeUndefined();
          expect(await tx.events.list({ deploymentId: id }, 0, 10)).toEqual([]);
          expect(await tx.failures.ofJob(jobId, 1)).toEqual([]);
        }
      });
      expect((await cloud.app.history.failures(made[6]?.id ?? '')).map(({ devices }) => devices)).toEqual([2]);
    });
  });

  test('what is young stays, and goes at the end of its time', async () => {
    await withCloud(async (cloud) => {
      await cloud.app.groups.create({ name: 'line' });
      const first = await deploy(cloud, 'line');
      const second = await deploy(cloud, 'line');
      cloud.clock.advance(9 * day);
      await prune(cloud, { jobsMs: 10 * day });
      expect(await isThere(cloud, first.id)).toBe(true);
      cloud.clock.advance(day);
      await prune(cloud, { jobsMs: 10 * day });
      expect([await isThere(cloud, first.id), await isThere(cloud, second.id)]).toEqual([false, true]);
    });
  });

  test('a device that left its group goes on to have the deployment that it runs', async () => {
    await withCloud(async (cloud) => {
      await cloud.app.groups.create({ name: 'line' });
      await cloud.addThings('line', 'a', 'left');
      await addDevices(cloud, 'a', 'left');
      const first = await deploy(cloud, 'line');
      await report(cloud, first.jobId, 'SUCCEEDED', 'a', 'left');
      await cloud.app.groups.removeThing('line', 'left');
      const second = await deploy(cloud, 'line');
      await report(cloud, second.jobId, 'SUCCEEDED', 'a');
      await deploy(cloud, 'line');
      await prune(cloud, { revisions: 1 });
      expect([await isThere(cloud, first.id), await isThere(cloud, second.id)]).toEqual([true, false]);
      const { items } = await cloud.app.deployments.effective('left', { limit: 10 });
      expect(items.map(({ deployment }) => deployment.id)).toEqual([first.id]);
      const { counts } = await cloud.app.jobs.describe(first.jobId);
      expect(counts).toMatchObject({ SUCCEEDED: 1 });
      // Gone for good, it needs nothing any more.
      await cloud.app.things.delete('left');
      await cloud.app.devices.delete('left');
      await prune(cloud, { revisions: 1 });
      expect(await isThere(cloud, first.id)).toBe(false);
    });
  });

  test('an execution that still runs keeps its deployment', async () => {
    await withCloud(async (cloud) => {
      await cloud.app.groups.create({ name: 'line' });
      await cloud.addThings('line', 'a');
      const first = await deploy(cloud, 'line');
      await report(cloud, first.jobId, 'IN_PROGRESS', 'a');
      const second = await deploy(cloud, 'line');
      await deploy(cloud, 'line');
      await prune(cloud, { revisions: 1 });
      expect([await isThere(cloud, first.id), await isThere(cloud, second.id)]).toEqual([true, false]);
      await report(cloud, first.jobId, 'SUCCEEDED', 'a');
      await prune(cloud, { revisions: 1 });
      expect(await isThere(cloud, first.id)).toBe(false);
    });
  });

  test('old events and audit records go, and numbers go on', async () => {
    await withCloud(async (cloud) => {
      await cloud.app.groups.create({ name: 'line' });
      await cloud.storage.write(async (tx) => {
        const record = { caller: 'A', operation: 'iot:X', target: '/' };
        for (let index = 0; index < 600; index += 1) {
          await tx.audit.record({ ...record, requestId: `r${index}`, at: cloud.clock.now() });
        }
        await tx.audit.record({ ...record, requestId: 'young', at: cloud.clock.now() + 3650 * day });
      });
      const deployment = await deploy(cloud, 'line');
      const head = await cloud.app.history.head();
      cloud.clock.advance(3650 * day);
      // The time of the databases that are given is the machine's.
      await prune(cloud, { eventsMs: day, auditMs: day });
      expect((await cloud.app.history.events({ deploymentId: deployment.id }, 0, 10)).events).toEqual([]);
      expect((await cloud.app.history.audit({ limit: 10 })).items.map(({ requestId }) => requestId)).toEqual(['young']);
      await deploy(cloud, 'line');
      expect(await cloud.app.history.head()).toBeGreaterThan(head);
      expect((await cloud.app.history.events({}, 0, 1)).events[0]?.sequence).toBe(head + 1);
    });
  });
});

test('whatever happened, what devices run stays the same, counts are those of the executions, and once is enough', async () => {
  const things = ['core-1', 'core-2', 'core-3'];
  const groups = ['line', 'hall'];
  const thing = fc.constantFrom(...things);
  const group = fc.constantFrom(...groups);
  const step = fc.oneof(
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('deploy' as const), group }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('join' as const), group, thing }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), group, thing }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('report' as const),
        thing,
        status: fc.constantFrom('IN_PROGRESS' as const, 'SUCCEEDED' as const, 'FAILED' as const),
      }),
    },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 25 }),
      fc.integer({ min: 1, max: 3 }),
      async (steps, revisions) => {
        const cloud = await openTestCloud();
        try {
          for (const each of groups) await cloud.app.groups.create({ name: each });
          await cloud.addThings('line', ...things);
          await addDevices(cloud, ...things);
          const jobIds: string[] = [];
          for (const each of steps) {
            if (each.kind === 'deploy') jobIds.push((await deploy(cloud, each.group)).jobId);
            else if (each.kind === 'join') await cloud.app.groups.addThing(each.group, each.thing);
            else if (each.kind === 'leave') await cloud.app.groups.removeThing(each.group, each.thing);
            else {
              const [next] = await cloud.app.jobs.pending(each.thing, '*');
              if (next !== undefined) await report(cloud, next.execution.jobId, each.status, each.thing);
            }
            await cloud.rollout();
          }
          const effective = async () =>
            Promise.all(
              things.map(async (each) =>
                (await cloud.app.deployments.effective(each, { limit: 50 })).items.map(({ deployment, execution }) => [
                  deployment.id,
                  execution,
                ]),
              ),
            );
          const before = await effective();
          await prune(cloud, { revisions, jobsMs: 0 });
          expect(await effective()).toEqual(before);
          const all = async () => {
            const found = new Map<string, readonly Execution[]>();
            await cloud.storage.read(async (tx) => {
              for (const jobId of jobIds) {
                const { items } = await tx.executions.ofJob(jobId, { limit: 50 }, {});
                const counts = await tx.executions.counts(jobId);
                for (const [status, count] of Object.entries(counts)) {
                  expect(count).toBe(items.filter((execution) => execution.status === status).length);
                }
                const failed = (await tx.failures.ofJob(jobId, 9)).flatMap(({ exampleThings }) => exampleThings);
                expect(failed.sort()).toEqual(items.flatMap((each) => (each.status === 'FAILED' ? [each.thing] : [])));
                found.set(jobId, items);
              }
            });
            return found;
          };
          const left = await all();
          await prune(cloud, { revisions, jobsMs: 0 });
          expect(await all()).toEqual(left);
        } finally {
          await cloud.close();
        }
      },
    ),
    { numRuns: 20 },
  );
});

test('a SQLite file stays as large as it is after the revisions that are kept, however many follow', async () => {
  const file = join(folder, 'flat.db');
  const cloud = await openTestCloud(await openSqlite({ file, log: silentLog }));
  const pages = () => {
    const database = new DatabaseSync(file, { readOnly: true });
    const count = Number(database.prepare('pragma page_count').get()?.['page_count']);
    database.close();
    return count;
  };
  try {
    await cloud.app.groups.create({ name: 'line' });
    const things = Array.from({ length: 20 }, (_, index) => `core-${index}`);
    await cloud.addThings('line', ...things);
    const sizes: number[] = [];
    for (let revision = 1; revision <= 90; revision += 1) {
      const { jobId } = await deploy(cloud, 'line');
      await report(cloud, jobId, 'IN_PROGRESS', ...things);
      await report(cloud, jobId, revision % 3 === 0 ? 'FAILED' : 'SUCCEEDED', ...things);
      await prune(cloud, { revisions: 10 });
      sizes.push(pages());
    }
    const [plateau = 0, end = 0] = [sizes[29], sizes[89]];
    expect(end).toBeLessThanOrEqual(plateau * 1.05);
  } finally {
    await cloud.close();
  }
});
