import { type SqlBool, sql } from 'kysely';
import type { ExecutionStatus } from '../../../domain/jobs/job.ts';
import { lookups, pairLookups } from '../rows.ts';
import type { Queries } from '../schema.ts';

// The members that a job has at its start are found by their names, as its rollout comes to them. `job_waiting` holds the
// others: a row appears when a thing comes into the target of a job in progress (again: a thing that comes back gets the
// job anew, reference "Continuous job and membership"), and when its execution ends as REMOVED while it is a member; it
// goes when the thing gets an execution, leaves the target or is deleted, and when the job ends.

const live = ['QUEUED', 'IN_PROGRESS'] as const;

export interface Pair {
  readonly jobId: string;
  readonly thing: string;
}

/** The job and thing of the row are one of the pairs. */
export function isOneOf(table: 'execution' | 'job_waiting', pairs: readonly Pair[]) {
  const values = pairs.map((pair) => sql`(${pair.jobId}, ${pair.thing})`);
  return sql<SqlBool>`(${sql.ref(`${table}.job_id`)}, ${sql.ref(`${table}.thing`)}) in (values ${sql.join(values)})`;
}

/** Jobs in progress whose target is the group or one above it. */
async function jobsAbove(db: Queries, group: string) {
  return await db
    .selectFrom('group_path')
    .innerJoin('job', 'job.target_name', 'group_path.ancestor')
    .where('group_path.descendant', '=', group)
    .where('job.target_kind', '=', 'thinggroup')
    .where('job.status', '=', 'IN_PROGRESS')
    .select(['job.id', 'job.target_name'])
    .execute();
}

/** Before the membership is written: the thing waits for the jobs to whose target it is new. */
export async function joinJobs(db: Queries, group: string, thing: string): Promise<void> {
  for (const job of await jobsAbove(db, group)) {
    const member = await db
      .selectFrom('membership')
      .innerJoin('group_path', 'group_path.descendant', 'membership.group_name')
      .where('membership.thing', '=', thing)
      .where('group_path.ancestor', '=', job.target_name)
      .select('membership.thing')
      .executeTakeFirst();
    if (member) continue;
    // Left while it ran and back before it ended: that run still counts.
    const running = await db
      .selectFrom('execution')
      .where('job_id', '=', job.id)
      .where('thing', '=', thing)
      .where('status', 'in', live)
      .select('thing')
      .executeTakeFirst();
    if (running) continue;
    await db
      .insertInto('job_waiting')
      .values({ job_id: job.id, thing })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

/** Before the memberships of these things (without any: every membership of the group) are deleted. */
export async function leaveJobs(db: Queries, group: string, things?: readonly string[]): Promise<void> {
  for (const job of await jobsAbove(db, group)) {
    const query = db
      .deleteFrom('job_waiting')
      .where('job_id', '=', job.id)
      .where((eb) =>
        eb.exists(
          eb
            .selectFrom('membership')
            .select('membership.thing')
            .where('membership.group_name', '=', group)
            .whereRef('membership.thing', '=', 'job_waiting.thing'),
        ),
      )
      .where((eb) =>
        eb.not(
          eb.exists(
            eb
              .selectFrom('membership as other')
              .innerJoin('group_path', 'group_path.descendant', 'other.group_name')
              .whereRef('other.thing', '=', 'job_waiting.thing')
              .where('other.group_name', '!=', group)
              .where('group_path.ancestor', '=', job.target_name)
              .select('other.thing'),
          ),
        ),
      );
    if (things === undefined) await query.execute();
    else for (const chunk of lookups(things)) await query.where('thing', 'in', chunk).execute();
  }
}

export const failures = ['FAILED', 'REJECTED', 'TIMED_OUT'] as const;

/**
 * The things wait again, as far as they are members and their newest execution is in one of these statuses: REMOVED ones count
 * no more, failed ones are tried again.
 */
export async function waitAgain(
  db: Queries,
  pairs: readonly Pair[],
  statuses: readonly ExecutionStatus[],
): Promise<void> {
  for (const chunk of pairLookups(pairs)) {
    await db
      .insertInto('job_waiting')
      .columns(['job_id', 'thing'])
      .expression(
        db
          .selectFrom('execution')
          .innerJoin('job', 'job.id', 'execution.job_id')
          .innerJoin('group_path', 'group_path.ancestor', 'job.target_name')
          .innerJoin('membership', (join) =>
            join
              .onRef('membership.group_name', '=', 'group_path.descendant')
              .onRef('membership.thing', '=', 'execution.thing'),
          )
          .where(isOneOf('execution', chunk))
          .where('execution.newest', '=', 1)
          .where('execution.status', 'in', statuses)
          .where('job.status', '=', 'IN_PROGRESS')
          .where('job.target_kind', '=', 'thinggroup')
          .select(['execution.job_id', 'execution.thing'])
          .distinct(),
      )
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

/** Things, by name, whose newest execution of the job has failed; one walk of the index for each kind of failure. */
export async function failedAfter(db: Queries, jobId: string, after: string, limit: number): Promise<string[]> {
  const found: string[] = [];
  for (const status of failures) {
    const rows = await db
      .selectFrom('execution')
      .select('thing')
      .where('job_id', '=', jobId)
      .where('status', '=', status)
      .where('newest', '=', 1)
      .where('thing', '>', after)
      .orderBy('thing')
      .limit(limit)
      .execute();
    found.push(...rows.map((row) => row.thing));
  }
  // As the database orders them: by bytes.
  return found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).slice(0, limit);
}
