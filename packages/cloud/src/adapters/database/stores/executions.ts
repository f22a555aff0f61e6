import { sql } from 'kysely';
import type { Execution, ExecutionCounts, ExecutionStatus, Job } from '../../../domain/jobs/job.ts';
import type { ExecutionStore } from '../../../ports/storage.ts';
import { chunks, flag, fromJson, lookups, pairLookups, parseTimeKey, present, timeKey, toPage } from '../rows.ts';
import type { ExecutionRow, Queries } from '../schema.ts';
import { CountChanges } from './counts.ts';
import type { TxEvents } from './events.ts';
import { type ExecutionChange, recordChanges } from './execution-changes.ts';
import { isOneOf, type Pair, waitAgain } from './waiting.ts';

const toExecution = (row: ExecutionRow): Execution => ({
  jobId: row.job_id,
  thing: row.thing,
  number: row.number,
  status: row.status,
  version: row.version,
  statusDetails: fromJson(row.status_details),
  queuedAt: row.queued_at,
  ...present({ startedAt: row.started_at, timesOutAt: row.times_out_at }),
  updatedAt: row.updated_at,
  forceCanceled: row.force_canceled === 1,
  ...(row.outcome === null ? {} : { outcome: fromJson(row.outcome) }),
});

const toRow = (execution: Execution, carrier: Job['carrier'], newest: boolean): ExecutionRow => ({
  job_id: execution.jobId,
  thing: execution.thing,
  number: execution.number,
  carrier,
  newest: flag(newest),
  status: execution.status,
  version: execution.version,
  status_details: JSON.stringify(execution.statusDetails),
  queued_at: execution.queuedAt,
  started_at: execution.startedAt ?? null,
  updated_at: execution.updatedAt,
  times_out_at: execution.timesOutAt ?? null,
  force_canceled: flag(execution.forceCanceled),
  outcome: execution.outcome === undefined ? null : JSON.stringify(execution.outcome),
});

const pairKey = ({ jobId, thing }: Pair) => `${jobId}/${thing}`;
const numberKey = (row: Pair & { number: number }) => `${row.jobId}/${row.number}/${row.thing}`;
const live = ['QUEUED', 'IN_PROGRESS'] as const;
const endedByService = ['CANCELED', 'TIMED_OUT', 'REMOVED'] as const;
/** The largest number that fits the column on PostgreSQL. */
const maxNumber = 0x7fffffff;

/** `shards`: over how many rows a count is spread, so that writers of one job need not wait for each other. */
export function executionStore(db: Queries, shards: number, events: TxEvents): ExecutionStore {
  async function rowsOf(pairs: readonly Pair[], newestOnly: boolean): Promise<ExecutionRow[]> {
    const rows: ExecutionRow[] = [];
    const distinct = [...new Map(pairs.map((pair) => [pairKey(pair), pair])).values()];
    for (const chunk of pairLookups(distinct)) {
      let query = db.selectFrom('execution').selectAll().where(isOneOf('execution', chunk));
      if (newestOnly) query = query.where('newest', '=', 1);
      rows.push(...(await query.execute()));
    }
    return rows;
  }

  async function upsert(rows: readonly ExecutionRow[]): Promise<void> {
    for (const chunk of chunks(rows)) {
      await db
        .insertInto('execution')
        .values(chunk)
        .onConflict((conflict) =>
          conflict.columns(['job_id', 'thing', 'number']).doUpdateSet((eb) => ({
            status: eb.ref('excluded.status'),
            version: eb.ref('excluded.version'),
            status_details: eb.ref('excluded.status_details'),
            queued_at: eb.ref('excluded.queued_at'),
            started_at: eb.ref('excluded.started_at'),
            updated_at: eb.ref('excluded.updated_at'),
            times_out_at: eb.ref('excluded.times_out_at'),
            force_canceled: eb.ref('excluded.force_canceled'),
            outcome: eb.ref('excluded.outcome'),
          })),
        )
        .execute();
    }
  }

  /** Remembers on which things a deployment of the job's target has succeeded. */
  async function recordSuccesses(succeeded: readonly Execution[]): Promise<void> {
    const targets = new Map<string, string>();
    for (const chunk of lookups(succeeded.map((execution) => execution.jobId))) {
      const jobs = await db.selectFrom('job').select(['id', 'target_arn']).where('id', 'in', chunk).execute();
      for (const job of jobs) targets.set(job.id, job.target_arn);
    }
    const rows = succeeded.flatMap(({ jobId, thing }) => {
      const target = targets.get(jobId);
      return target === undefined ? [] : [{ target_arn: target, thing }];
    });
    for (const chunk of chunks(rows)) {
      await db
        .insertInto('target_success')
        .values(chunk)
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
  }

  const hasSucceeded = (execution: Execution) => execution.status === 'SUCCEEDED';

  async function pendingMany(things: readonly string[]) {
    const found = new Map<string, Execution[]>();
    for (const chunk of lookups(things)) {
      const rows = await db
        .selectFrom('execution')
        .selectAll()
        .where('thing', 'in', chunk)
        .where('status', 'in', live)
        .where('carrier', '=', 'job')
        .orderBy('queued_at')
        .orderBy('job_id')
        .execute();
      for (const row of rows) {
        const list = found.get(row.thing);
        if (list) list.push(toExecution(row));
        else found.set(row.thing, [toExecution(row)]);
      }
    }
    return found;
  }

  return {
    pendingMany,

    async get(jobId, thing, number) {
      if (number !== undefined && number > maxNumber) return undefined;
      let query = db.selectFrom('execution').selectAll().where('job_id', '=', jobId).where('thing', '=', thing);
      query = number === undefined ? query.where('newest', '=', 1) : query.where('number', '=', number);
      const row = await query.executeTakeFirst();
      return row && toExecution(row);
    },

    async getMany(keys) {
      const executions = (await rowsOf(keys, true)).map(toExecution);
      return new Map(executions.map((execution) => [pairKey(execution), execution]));
    },

    async pending(thing) {
      return (await pendingMany([thing])).get(thing) ?? [];
    },

    async ofThing(thing, page, { status, carrier }) {
      let query = db
        .selectFrom('execution')
        .selectAll()
        .where('thing', '=', thing)
        .where('newest', '=', 1)
        .orderBy('queued_at', 'desc')
        .orderBy('job_id', 'desc')
        .limit(page.limit + 1);
      if (status !== undefined) query = query.where('status', '=', status);
      if (carrier !== undefined) query = query.where('carrier', '=', carrier);
      if (page.after !== undefined) {
        const { at, id } = parseTimeKey(page.after, 'InvalidRequestException');
        query = query.where((eb) => eb(eb.refTuple('queued_at', 'job_id'), '<', eb.tuple(at, id)));
      }
      return toPage(await query.execute(), page, toExecution, (row) => timeKey(row.queued_at, row.job_id));
    },

    async ofJob(jobId, page, { status }) {
      let query = db
        .selectFrom('execution')
        .selectAll()
        .where('job_id', '=', jobId)
        .where('newest', '=', 1)
        .orderBy('thing')
        .limit(page.limit + 1);
      if (status !== undefined) query = query.where('status', '=', status);
      if (page.after !== undefined) query = query.where('thing', '>', page.after);
      return toPage(await query.execute(), page, toExecution, (row) => row.thing);
    },

    async counts(jobId) {
      const rows = await db
        .selectFrom('job_counts')
        .select((eb) => ['status', eb.fn.sum<number>('total').as('total')])
        .where('job_id', '=', jobId)
        .groupBy('status')
        .execute();
      const counts = { ...noExecutions };
      for (const row of rows) counts[row.status] = row.total;
      return counts;
    },

    async lastQueuedAt(things) {
      const found = new Map(things.map((thing) => [thing, 0]));
      for (const chunk of lookups(things)) {
        const rows = await db
          .selectFrom('execution')
          .select((eb) => ['thing', eb.fn.max<number>('queued_at').as('at')])
          .where('thing', 'in', chunk)
          .groupBy('thing')
          .execute();
        for (const row of rows) found.set(row.thing, row.at);
      }
      return found;
    },

    async waiting(jobId, limit) {
      const rows = await db
        .selectFrom('job_waiting')
        .leftJoin('execution', (join) =>
          join
            .onRef('execution.job_id', '=', 'job_waiting.job_id')
            .onRef('execution.thing', '=', 'job_waiting.thing')
            .on('execution.newest', '=', 1),
        )
        .where('job_waiting.job_id', '=', jobId)
        .select(['job_waiting.thing', 'execution.number'])
        .orderBy('job_waiting.thing')
        .limit(limit)
        .execute();
      return rows.map((row) => ({ thing: row.thing, lastNumber: row.number ?? 0 }));
    },

    async unserved(jobId, things) {
      const served = new Set<string>();
      for (const table of ['execution', 'job_waiting'] as const) {
        for (const chunk of lookups(things)) {
          const rows = await db
            .selectFrom(table)
            .select('thing')
            .where('job_id', '=', jobId)
            .where('thing', 'in', chunk)
            .execute();
          for (const row of rows) served.add(row.thing);
        }
      }
      return things.filter((thing) => !served.has(thing));
    },

    async withdrawn(things) {
      const found = new Set<string>();
      for (const chunk of lookups(things)) {
        const rows = await db
          .selectFrom('execution')
          .select('thing')
          .where('thing', 'in', chunk)
          .where('carrier', '=', 'job')
          .where('status', 'in', endedByService)
          .where((eb) =>
            eb.not(
              eb.exists(
                eb
                  .selectFrom('execution as later')
                  .select('later.thing')
                  .whereRef('later.thing', '=', 'execution.thing')
                  .whereRef('later.queued_at', '>', 'execution.queued_at')
                  .where('later.carrier', '=', 'job'),
              ),
            ),
          )
          .execute();
        for (const row of rows) found.add(row.thing);
      }
      return found;
    },

    async effective(thing) {
      return await db
        .selectFrom((eb) =>
          eb
            .selectFrom('execution')
            .innerJoin('job', 'job.id', 'execution.job_id')
            .where('execution.thing', '=', thing)
            .where('execution.newest', '=', 1)
            .where('execution.status', '!=', 'REMOVED')
            .select([
              'execution.job_id as jobId',
              'job.target_arn as targetArn',
              'job.created_at as createdAt',
              sql<number>`row_number() over (partition by job.target_arn order by job.created_at desc)`.as('place'),
            ])
            .as('sent'),
        )
        .select(['sent.jobId', 'sent.targetArn'])
        .where('sent.place', '=', 1)
        .orderBy('sent.createdAt', 'desc')
        .orderBy('sent.jobId', 'desc')
        .execute();
    },

    async insertMany(executions) {
      const carriers = new Map<string, Job['carrier']>();
      for (const chunk of lookups(executions.map((execution) => execution.jobId))) {
        const jobs = await db.selectFrom('job').select(['id', 'carrier']).where('id', 'in', chunk).execute();
        for (const job of jobs) carriers.set(job.id, job.carrier);
      }
      const changes = new CountChanges(shards);
      const newest = new Map<string, number>();
      for (const execution of executions) {
        newest.set(pairKey(execution), Math.max(execution.number, newest.get(pairKey(execution)) ?? 0));
      }
      const replaced = (await rowsOf(executions, true)).map(toExecution);
      for (const old of replaced) {
        if (old.number > (newest.get(pairKey(old)) ?? 0)) newest.set(pairKey(old), old.number);
        else changes.add(old, old.status, -1);
      }
      for (const chunk of pairLookups(replaced)) {
        await db
          .updateTable('execution')
          .set({ newest: 0 })
          .where(isOneOf('execution', chunk))
          .where('newest', '=', 1)
          .execute();
      }
      const isNewest = (execution: Execution) => execution.number === newest.get(pairKey(execution));
      const rows = executions.map((execution) => {
        const carrier = carriers.get(execution.jobId);
        if (!carrier) throw new Error(`no job ${execution.jobId} for an execution of ${execution.thing}`);
        if (isNewest(execution)) changes.add(execution, execution.status, 1);
        return toRow(execution, carrier, isNewest(execution));
      });
      for (const chunk of chunks(rows)) await db.insertInto('execution').values(chunk).execute();
      const distinct = [...new Map(executions.map((each) => [pairKey(each), each])).values()];
      for (const chunk of pairLookups(distinct))
        await db.deleteFrom('job_waiting').where(isOneOf('job_waiting', chunk)).execute();
      await recordSuccesses(executions.filter(hasSucceeded));
      await changes.save(db);
      await recordChanges(db, events, [
        ...replaced
          .filter((old) => old.number !== newest.get(pairKey(old)))
          .map((old): ExecutionChange => ({ before: old, after: old, newest: [true, false] })),
        ...executions.map((each): ExecutionChange => ({ after: each, newest: [false, isNewest(each)] })),
      ]);
    },

    async updateMany(executions) {
      // A list may hold several changes of one execution: the last one holds.
      const last = new Map(executions.map((execution) => [numberKey(execution), execution]));
      const changes = new CountChanges(shards);
      const known = new Map(
        (await rowsOf([...last.values()], false)).map((row) => [numberKey({ ...row, jobId: row.job_id }), row]),
      );
      const rows = [...last].map(([key, execution]) => {
        const row = known.get(key);
        if (!row) throw new Error(`no execution ${execution.number} of job ${execution.jobId} for ${execution.thing}`);
        if (row.newest === 1 && row.status !== execution.status) {
          changes.add(execution, row.status, -1);
          changes.add(execution, execution.status, 1);
        }
        return toRow(execution, row.carrier, row.newest === 1);
      });
      await upsert(rows);
      await recordSuccesses([...last.values()].filter(hasSucceeded));
      await waitAgain(
        db,
        [...last.values()].filter((execution) => execution.status === 'REMOVED'),
      );
      await changes.save(db);
      await recordChanges(
        db,
        events,
        [...last].flatMap(([key, after]): ExecutionChange[] => {
          const row = known.get(key);
          return row === undefined
            ? []
            : [{ before: toExecution(row), after, newest: [row.newest === 1, row.newest === 1] }];
        }),
      );
    },

    async delete(jobId, thing, number) {
      const gone = await db
        .deleteFrom('execution')
        .where('job_id', '=', jobId)
        .where('thing', '=', thing)
        .where('number', '=', number)
        .returningAll()
        .executeTakeFirst();
      if (gone === undefined) return;
      const followUps: ExecutionChange[] = [{ before: toExecution(gone), newest: [gone.newest === 1, false] }];
      if (gone.newest !== 1) return recordChanges(db, events, followUps);
      const changes = new CountChanges(shards);
      changes.add({ jobId, thing }, gone.status, -1);
      const before = await db
        .selectFrom('execution')
        .selectAll()
        .where('job_id', '=', jobId)
        .where('thing', '=', thing)
        .orderBy('number', 'desc')
        .limit(1)
        .executeTakeFirst();
      if (before !== undefined) {
        await db
          .updateTable('execution')
          .set({ newest: 1 })
          .where('job_id', '=', jobId)
          .where('thing', '=', thing)
          .where('number', '=', before.number)
          .execute();
        changes.add({ jobId, thing }, before.status, 1);
        followUps.push({ before: toExecution(before), after: toExecution(before), newest: [false, true] });
      }
      await changes.save(db);
      await recordChanges(db, events, followUps);
    },

    async endQueued(jobId, status, at) {
      const ended = await db
        .updateTable('execution')
        .set((eb) => ({ status, version: eb('version', '+', 1), updated_at: at, times_out_at: null }))
        .where('job_id', '=', jobId)
        .where('status', '=', 'QUEUED')
        .returningAll()
        .execute();
      const changes = new CountChanges(shards);
      for (const row of ended.filter((each) => each.newest === 1)) {
        changes.add({ jobId, thing: row.thing }, 'QUEUED', -1);
        changes.add({ jobId, thing: row.thing }, status, 1);
      }
      await changes.save(db);
      await recordChanges(
        db,
        events,
        ended.map((row): ExecutionChange => {
          const after = toExecution(row);
          return { before: { ...after, status: 'QUEUED' }, after, newest: [row.newest === 1, row.newest === 1] };
        }),
      );
      const things = ended.map((row) => row.thing);
      if (status === 'REMOVED') {
        await waitAgain(
          db,
          things.map((thing) => ({ jobId, thing })),
        );
      }
      return things;
    },

    async timedOut(now, limit) {
      const rows = await db
        .selectFrom('execution')
        .selectAll()
        .where('times_out_at', '<=', now)
        .orderBy('times_out_at')
        .limit(limit)
        .execute();
      return rows.map(toExecution);
    },

    async nextTimeout() {
      const row = await db
        .selectFrom('execution')
        .select((eb) => eb.fn.min<number | null>('times_out_at').as('at'))
        .where('times_out_at', 'is not', null)
        .executeTakeFirst();
      return row?.at ?? undefined;
    },
  };
}

const noExecutions: ExecutionCounts & Record<ExecutionStatus, number> = {
  QUEUED: 0,
  IN_PROGRESS: 0,
  SUCCEEDED: 0,
  FAILED: 0,
  TIMED_OUT: 0,
  REJECTED: 0,
  REMOVED: 0,
  CANCELED: 0,
};
