import { type SqlBool, sql } from 'kysely';
import { countsAsEnded, storedAs } from '../../../domain/jobs/as-ended.ts';
import type { Execution, ExecutionCounts, ExecutionStatus, Job } from '../../../domain/jobs/job.ts';
import type { ExecutionStore } from '../../../ports/storage.ts';
import { chunks, flag, lookups, pairLookups, parseTimeKey, timeKey, toPage } from '../rows.ts';
import type { ExecutionRow, Queries } from '../schema.ts';
import { CountChanges } from './counts.ts';
import type { TxEvents } from './events.ts';
import { type ExecutionChange, recordChanges } from './execution-changes.ts';
import {
  isShownAs,
  isThere,
  joinedExecutions,
  shownStatus,
  storedExecution,
  toExecution,
  toJobEnd,
  toRow,
} from './execution-rows.ts';
import { sweepJob } from './sweep.ts';
import { failedAfter, failures, isOneOf, type Pair, waitAgain } from './waiting.ts';

const pairKey = ({ jobId, thing }: Pair) => `${jobId}/${thing}`;
const numberKey = (row: Pair & { number: number }) => `${row.jobId}/${row.number}/${row.thing}`;
const live = ['QUEUED', 'IN_PROGRESS'] as const;
const endedByService = ['CANCELED', 'TIMED_OUT', 'REMOVED'] as const;
/** The largest number that fits the column on PostgreSQL. */
const maxNumber = 0x7fffffff;

/** `shards`: over how many rows a count is spread, so that writers of one job need not wait for each other. */
export function executionStore(db: Queries, shards: number, events: TxEvents): ExecutionStore {
  /** As they are stored: for writing them, not for showing them. */
  async function storedRows(pairs: readonly Pair[], newestOnly: boolean): Promise<ExecutionRow[]> {
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
      const rows = await joinedExecutions(db)
        .where('thing', 'in', chunk)
        .where(isShownAs(...live))
        .where('carrier', '=', 'job')
        .orderBy('queued_at')
        .orderBy('execution.job_id')
        .execute();
      for (const row of rows) {
        const list = found.get(row.thing);
        if (list) list.push(toExecution(row));
        else found.set(row.thing, [toExecution(row)]);
      }
    }
    return found;
  }

  async function updateMany(executions: readonly Execution[]): Promise<void> {
    // A list may hold several changes of one execution: the last one holds.
    const last = new Map(executions.map((execution) => [numberKey(execution), execution]));
    const changes = new CountChanges(shards);
    const known = new Map(
      (await storedRows([...last.values()], false)).map((row) => [numberKey({ ...row, jobId: row.job_id }), row]),
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
    const removed = [...last.values()].filter((execution) => execution.status === 'REMOVED');
    await waitAgain(db, removed, ['REMOVED']);
    await changes.save(db);
    await recordChanges(
      db,
      events,
      [...last].flatMap(([key, after]): ExecutionChange[] => {
        const row = known.get(key);
        if (row === undefined) return [];
        return [{ before: storedExecution(row), after, newest: [row.newest === 1, row.newest === 1] }];
      }),
    );
  }

  return {
    pendingMany,

    async get(jobId, thing, number) {
      if (number !== undefined && number > maxNumber) return undefined;
      let query = joinedExecutions(db).where('execution.job_id', '=', jobId).where('thing', '=', thing);
      query = number === undefined ? query.where('newest', '=', 1) : query.where('number', '=', number);
      const row = await query.executeTakeFirst();
      return row && toExecution(row);
    },

    async getMany(keys) {
      const found = new Map<string, Execution>();
      for (const chunk of pairLookups(keys)) {
        const rows = await joinedExecutions(db).where(isOneOf('execution', chunk)).where('newest', '=', 1).execute();
        for (const row of rows) found.set(pairKey({ jobId: row.job_id, thing: row.thing }), toExecution(row));
      }
      return found;
    },

    async pending(thing) {
      return (await pendingMany([thing])).get(thing) ?? [];
    },

    async ofThing(thing, page, { status, carrier }) {
      let query = joinedExecutions(db)
        .where('thing', '=', thing)
        .where('newest', '=', 1)
        .orderBy('queued_at', 'desc')
        .orderBy('execution.job_id', 'desc')
        .limit(page.limit + 1);
      if (status !== undefined) query = query.where(isShownAs(status));
      if (carrier !== undefined) query = query.where('carrier', '=', carrier);
      if (page.after !== undefined) {
        const { at, id } = parseTimeKey(page.after, 'InvalidRequestException');
        query = query.where((eb) => eb(eb.refTuple('queued_at', 'execution.job_id'), '<', eb.tuple(at, id)));
      }
      return toPage(await query.execute(), page, toExecution, (row) => timeKey(row.queued_at, row.job_id));
    },

    async ofJob(jobId, page, { status }) {
      let query = joinedExecutions(db)
        .where('execution.job_id', '=', jobId)
        .where('newest', '=', 1)
        .orderBy('thing')
        .limit(page.limit + 1);
      if (status !== undefined) {
        // By the one end of the one job: the search finds what is asked for, and not all that has been ended to another status.
        const end = await db.selectFrom('job_end').selectAll().where('job_id', '=', jobId).executeTakeFirst();
        const stored = storedAs(status, end && toJobEnd(end));
        if (stored.length === 0) return { items: [] };
        query = query.where('execution.status', 'in', stored);
      }
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
      const end = await db.selectFrom('job_end').selectAll().where('job_id', '=', jobId).executeTakeFirst();
      if (end?.deleted === 1) return noExecutions;
      const counts = { ...noExecutions };
      for (const row of rows) counts[row.status] = row.total;
      return countsAsEnded(counts, end && toJobEnd(end));
    },

    async lastQueuedAt(things) {
      const found = new Map(things.map((thing) => [thing, 0]));
      for (const chunk of lookups(things)) {
        // One look into the index a thing, however many jobs it has had.
        const { rows } = await sql<{ thing: string; at: number | null }>`
          with asked (thing) as (values ${sql.join(chunk.map((thing) => sql`(${thing})`))})
          select asked.thing as thing, (select queued_at from execution where execution.thing = asked.thing
            order by queued_at desc limit 1) as at from asked`.execute(db);
        for (const row of rows) found.set(row.thing, row.at ?? 0);
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
        // What waited when its job ended is deleted by the sweep.
        .innerJoin('job', (join) =>
          join.onRef('job.id', '=', 'job_waiting.job_id').on('job.status', '=', 'IN_PROGRESS'),
        )
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
        const { rows } = await sql<{ thing: string }>`
          with asked (thing) as (values ${sql.join(chunk.map((thing) => sql`(${thing})`))})
          select asked.thing as thing from asked where (select ${shownStatus} from execution
            left join job_end on job_end.job_id = execution.job_id
            where execution.thing = asked.thing and execution.carrier = 'job' and ${isThere}
            order by execution.queued_at desc limit 1) in (${sql.join(endedByService)})`.execute(db);
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
            .leftJoin('job_end', 'job_end.job_id', 'job.id')
            .where(isThere)
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
      const replaced = (await storedRows(executions, true)).map((row) => ({ ...row, jobId: row.job_id }));
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
          .map(
            (old): ExecutionChange => ({
              before: storedExecution(old),
              after: storedExecution(old),
              newest: [true, false],
            }),
          ),
        ...executions.map((each): ExecutionChange => ({ after: each, newest: [false, isNewest(each)] })),
      ]);
    },

    updateMany,

    async delete(jobId, thing, number) {
      const gone = await db
        .deleteFrom('execution')
        .where('job_id', '=', jobId)
        .where('thing', '=', thing)
        .where('number', '=', number)
        .returningAll()
        .executeTakeFirst();
      if (gone === undefined) return;
      const followUps: ExecutionChange[] = [{ before: storedExecution(gone), newest: [gone.newest === 1, false] }];
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
        followUps.push({ before: storedExecution(before), after: storedExecution(before), newest: [false, true] });
      }
      await changes.save(db);
      await recordChanges(db, events, followUps);
    },

    async endAll(jobId, { at, force }) {
      await db
        .insertInto('job_end')
        .values({ job_id: jobId, ended_at: at, forced: flag(force), deleted: 0 })
        .execute();
    },

    async toSweep(limit) {
      const rows = await db
        .selectFrom('job_end')
        .select('job_id')
        .orderBy('ended_at')
        .orderBy('job_id')
        .limit(limit)
        .execute();
      return rows.map((row) => row.job_id);
    },

    sweep: (jobId, limit) => sweepJob(db, jobId, limit, updateMany),

    async retryAfter(jobId, after, limit) {
      const things = await failedAfter(db, jobId, after, limit);
      await waitAgain(db, pairsOf(jobId, things), failures);
      return things.length < limit ? undefined : things.at(-1);
    },

    retry: (jobId, things) => waitAgain(db, pairsOf(jobId, things), failures),

    async timedOut(now, limit) {
      const rows = await joinedExecutions(db)
        .where('times_out_at', '<=', now)
        .where(stillRuns)
        .orderBy('times_out_at')
        .limit(limit)
        .execute();
      return rows.map(toExecution);
    },

    async nextTimeout() {
      const row = await joinedExecutions(db)
        .clearSelect()
        .select('times_out_at as at')
        .where('times_out_at', 'is not', null)
        .where(stillRuns)
        .orderBy('times_out_at')
        .limit(1)
        .executeTakeFirst();
      return row?.at ?? undefined;
    },
  };
}

const pairsOf = (jobId: string, things: readonly string[]): Pair[] => things.map((thing) => ({ jobId, thing }));

/** The end of its job has not ended it. */
const stillRuns = sql<SqlBool>`${shownStatus} = execution.status`;

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
