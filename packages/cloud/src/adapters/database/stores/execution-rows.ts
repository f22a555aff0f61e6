import { type SqlBool, sql } from 'kysely';
import { asEnded, type JobEnd } from '../../../domain/jobs/as-ended.ts';
import type { Execution, ExecutionStatus, Job } from '../../../domain/jobs/job.ts';
import { flag, fromJson, present } from '../rows.ts';
import type { ExecutionRow, Flag, Queries } from '../schema.ts';

// Executions as rows. Every read joins the end of the job, in so far as it has not been written to the rows yet; nothing else
// may read a status from them. The table of ends is nearly always empty, so that the join costs next to nothing.

/** A row and what its job's end says about it. */
type JoinedRow = ExecutionRow & { ended_at: number | null; forced: Flag | null };

/** Executions of jobs that were not deleted; for {@link toExecution}. */
export function joinedExecutions(db: Queries) {
  return db
    .selectFrom('execution')
    .leftJoin('job_end', 'job_end.job_id', 'execution.job_id')
    .where(isThere)
    .selectAll('execution')
    .select(['job_end.ended_at', 'job_end.forced']);
}

/** The job has not been deleted. */
export const isThere = sql<SqlBool>`coalesce(job_end.deleted, 0) = 0`;

/** What `asEnded` does to a status, in SQL. */
export const shownStatus = sql<ExecutionStatus>`case when execution.status = 'QUEUED' and job_end.job_id is not null
  or execution.status = 'IN_PROGRESS' and job_end.forced = 1 then 'CANCELED' else execution.status end`;

/** The execution is shown in one of these statuses; in a form that an index on the row's status serves. */
export function isShownAs(...statuses: readonly ExecutionStatus[]) {
  const stored = statuses.includes('CANCELED') ? [...statuses, 'QUEUED', 'IN_PROGRESS'] : statuses;
  return sql<SqlBool>`execution.status in (${sql.join(stored)}) and ${shownStatus} in (${sql.join(statuses)})`;
}

export function toExecution(row: JoinedRow): Execution {
  const execution: Execution = {
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
  };
  return asEnded(execution, toJobEnd(row));
}

/** As the row says, whatever the end of its job: what a change of it begins from. */
export function storedExecution(row: ExecutionRow): Execution {
  return toExecution({ ...row, ended_at: null, forced: null });
}

export function toJobEnd(row: { ended_at: number | null; forced: Flag | null }): JobEnd | undefined {
  return row.ended_at === null ? undefined : { at: row.ended_at, force: row.forced === 1 };
}

export const toRow = (execution: Execution, carrier: Job['carrier'], newest: boolean): ExecutionRow => ({
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
