import { eventReason } from '../../../domain/history/event.ts';
import { jobConfiguration } from '../../../domain/jobs/configuration.ts';
import type { Job } from '../../../domain/jobs/job.ts';
import type { JobStore } from '../../../ports/storage.ts';
import { flag, lookups, parseTimeKey, present, timeKey, toPage } from '../rows.ts';
import type { Flag, JobRow, Queries } from '../schema.ts';
import type { TxEvents } from './events.ts';

const toJob = (row: JobRow & { sweeping: string | null }): Job => ({
  id: row.id,
  deploymentId: row.deployment_id,
  carrier: row.carrier,
  target: { kind: row.target_kind, name: row.target_name },
  targetArn: row.target_arn,
  document: row.document,
  ...present({ configuration: row.configuration, reasonCode: row.reason_code, comment: row.comment }),
  status: row.status,
  forceCanceled: row.force_canceled === 1,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  ...present({ completedAt: row.completed_at, rateState: row.rate_state, rolloutAfter: row.rollout_after }),
  ...present({ retryAfter: row.retry_after }),
  ...(row.sweeping === null ? {} : { sweeping: true }),
});

const toRow = (job: Job): JobRow => ({
  id: job.id,
  deployment_id: job.deploymentId,
  carrier: job.carrier,
  target_kind: job.target.kind,
  target_name: job.target.name,
  target_arn: job.targetArn,
  document: job.document,
  configuration: job.configuration ?? null,
  status: job.status,
  reason_code: job.reasonCode ?? null,
  comment: job.comment ?? null,
  force_canceled: flag(job.forceCanceled),
  created_at: job.createdAt,
  updated_at: job.updatedAt,
  completed_at: job.completedAt ?? null,
  rate_state: job.rateState ?? null,
  rollout_after: job.rolloutAfter ?? null,
  retry_after: job.retryAfter ?? null,
  may_abort: flag(jobConfiguration(job).abortConfig !== undefined),
});

const failures = ['FAILED', 'REJECTED', 'TIMED_OUT'] as const;

export function jobStore(db: Queries, events: TxEvents): JobStore {
  const log = (job: Pick<Job, 'id' | 'deploymentId'>, from: string | undefined, to: string, reason?: string) =>
    events.append([
      {
        at: events.now(),
        subject: 'job',
        deploymentId: job.deploymentId,
        jobId: job.id,
        ...(from === undefined ? {} : { from }),
        to,
        ...eventReason(reason),
      },
    ]);
  /** Those that were not deleted. */
  const jobs = () =>
    db
      .selectFrom('job')
      .leftJoin('job_end', 'job_end.job_id', 'job.id')
      .where((eb) => eb.or([eb('job_end.deleted', 'is', null), eb('job_end.deleted', '=', 0)]))
      .selectAll('job')
      .select('job_end.job_id as sweeping');

  return {
    async get(id) {
      const row = await jobs().where('job.id', '=', id).executeTakeFirst();
      return row && toJob(row);
    },

    async getMany(ids) {
      const found = new Map<string, Job>();
      for (const chunk of lookups(ids)) {
        const rows = await jobs().where('job.id', 'in', chunk).execute();
        for (const row of rows) found.set(row.id, toJob(row));
      }
      return found;
    },

    async list(page, { status, groupName }) {
      let query = jobs()
        .where('carrier', '=', 'job')
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(page.limit + 1);
      if (status !== undefined) query = query.where('status', '=', status);
      if (groupName !== undefined) {
        query = query.where('target_kind', '=', 'thinggroup').where('target_name', '=', groupName);
      }
      if (page.after !== undefined) {
        const { at, id } = parseTimeKey(page.after, 'InvalidRequestException');
        query = query.where((eb) => eb(eb.refTuple('created_at', 'id'), '<', eb.tuple(at, id)));
      }
      return toPage(await query.execute(), page, toJob, (row) => timeKey(row.created_at, row.id));
    },

    async rollingOut() {
      const rows = await db
        .selectFrom('job')
        .select('id')
        .where('status', '=', 'IN_PROGRESS')
        .where('carrier', '=', 'job')
        .where((eb) =>
          eb.or([
            eb('rollout_after', 'is not', null),
            eb('retry_after', 'is not', null),
            eb.and([
              eb('may_abort', '=', 1),
              eb.exists(
                eb
                  .selectFrom('job_counts')
                  .select('job_id')
                  .whereRef('job_counts.job_id', '=', 'job.id')
                  .where('job_counts.status', 'in', failures)
                  .where('job_counts.total', '>', 0),
              ),
            ]),
            eb.exists(eb.selectFrom('job_waiting').select('thing').whereRef('job_waiting.job_id', '=', 'job.id')),
          ]),
        )
        .orderBy('created_at')
        .orderBy('id')
        .execute();
      return rows.map((row) => row.id);
    },

    async inProgressForGroups(groups) {
      const found: Job[] = [];
      for (const chunk of lookups(groups)) {
        const rows = await jobs()
          .where('target_kind', '=', 'thinggroup')
          .where('target_name', 'in', chunk)
          .where('status', '=', 'IN_PROGRESS')
          .execute();
        found.push(...rows.map(toJob));
      }
      return found.sort((a, b) => a.createdAt - b.createdAt);
    },

    async insert(job) {
      await db.insertInto('job').values(toRow(job)).execute();
      await log(job, undefined, job.status);
    },

    async update(job) {
      const { id, ...row } = toRow(job);
      const before = await db.selectFrom('job').select('status').where('id', '=', id).executeTakeFirst();
      if (before !== undefined && before.status !== job.status)
        await log(job, before.status, job.status, job.comment ?? job.reasonCode);
      // How far its rollout is shows without an event.
      events.touch();
      await db.updateTable('job').set(row).where('id', '=', id).execute();
    },

    async delete(id, at) {
      const there = await jobs().where('job.id', '=', id).executeTakeFirst();
      if (there === undefined) return; // Deleted before.
      await db.updateTable('job').set({ status: 'CANCELED' }).where('id', '=', id).execute();
      await log(toJob(there), there.status, 'DELETED');
      const deleted: Flag = 1;
      await db
        .insertInto('job_end')
        .values({ job_id: id, ended_at: at, forced: 1, deleted })
        .onConflict((conflict) => conflict.column('job_id').doUpdateSet({ deleted }))
        .execute();
    },
  };
}
