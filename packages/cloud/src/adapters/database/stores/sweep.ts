import { type SqlBool, sql } from 'kysely';
import type { Execution } from '../../../domain/jobs/job.ts';
import type { Queries } from '../schema.ts';
import { joinedExecutions, toExecution } from './execution-rows.ts';

/** What was swept; `done` when nothing is left. */
interface Swept {
  readonly things: readonly string[];
  readonly done: boolean;
}

/**
 * Carries the end of a job into its rows, at most `limit` of each kind. `write` changes executions as every other change does;
 * the rows of a deleted job go without.
 */
export async function sweepJob(
  db: Queries,
  jobId: string,
  limit: number,
  write: (executions: readonly Execution[]) => Promise<void>,
): Promise<Swept> {
  const end = await db.selectFrom('job_end').selectAll().where('job_id', '=', jobId).executeTakeFirst();
  if (end === undefined) return { things: [], done: true };
  const swept = end.deleted === 1 ? await remove(db, jobId, limit) : await rewrite(db, jobId, limit, write);
  const done = swept.rows < limit && (await noneWaits(db, jobId, limit));
  if (done) {
    await db.deleteFrom('job_end').where('job_id', '=', jobId).execute();
    if (end.deleted === 1) {
      for (const table of ['job_counts', 'execution_failure', 'job_failure'] as const)
        await db.deleteFrom(table).where('job_id', '=', jobId).execute();
      await db.deleteFrom('job').where('id', '=', jobId).execute();
    }
  }
  return { things: [...new Set(swept.things)], done };
}

async function rewrite(
  db: Queries,
  jobId: string,
  limit: number,
  write: (executions: readonly Execution[]) => Promise<void>,
): Promise<{ rows: number; things: readonly string[] }> {
  const rows = await joinedExecutions(db)
    .where('execution.job_id', '=', jobId)
    .where(sql<SqlBool>`(execution.status = 'QUEUED' or execution.status = 'IN_PROGRESS' and job_end.forced = 1)`)
    .limit(limit)
    .execute();
  if (rows.length > 0) await write(rows.map(toExecution));
  return { rows: rows.length, things: rows.map((row) => row.thing) };
}

async function remove(db: Queries, jobId: string, limit: number): Promise<{ rows: number; things: readonly string[] }> {
  const rows = await db
    .selectFrom('execution')
    .select(['thing', 'number', 'status'])
    .where('job_id', '=', jobId)
    .orderBy('thing')
    .orderBy('number')
    .limit(limit)
    .execute();
  const last = rows.at(-1);
  if (last !== undefined) {
    await db
      .deleteFrom('execution')
      .where('job_id', '=', jobId)
      .where((eb) => eb(eb.refTuple('thing', 'number'), '<=', eb.tuple(last.thing, last.number)))
      .execute();
    await db.deleteFrom('execution_failure').where('job_id', '=', jobId).where('thing', '<=', last.thing).execute();
  }
  const live = rows.filter(({ status }) => status === 'QUEUED' || status === 'IN_PROGRESS');
  return { rows: rows.length, things: live.map((row) => row.thing) };
}

/** Those that still waited for an execution wait no more. */
async function noneWaits(db: Queries, jobId: string, limit: number): Promise<boolean> {
  const rows = await db
    .deleteFrom('job_waiting')
    .where('job_id', '=', jobId)
    .where('thing', 'in', (eb) =>
      eb.selectFrom('job_waiting as some').select('some.thing').where('some.job_id', '=', jobId).limit(limit),
    )
    .returning('thing')
    .execute();
  return rows.length < limit;
}
