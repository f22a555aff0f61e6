import { eventReason } from '../../../domain/history/event.ts';
import type { Job } from '../../../domain/jobs/job.ts';
import type { JobStore } from '../../../ports/storage.ts';
import { flag, lookups, parseTimeKey, present, timeKey, toPage } from '../rows.ts';
import type { JobRow, Queries } from '../schema.ts';
import type { TxEvents } from './events.ts';

const toJob = (row: JobRow): Job => ({
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
});

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
  return {
    async get(id) {
      const row = await db.selectFrom('job').selectAll().where('id', '=', id).executeTakeFirst();
      return row && toJob(row);
    },

    async getMany(ids) {
      const found = new Map<string, Job>();
      for (const chunk of lookups(ids)) {
        const rows = await db.selectFrom('job').selectAll().where('id', 'in', chunk).execute();
        for (const row of rows) found.set(row.id, toJob(row));
      }
      return found;
    },

    async list(page, { status, groupName }) {
      let query = db
        .selectFrom('job')
        .selectAll()
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
            eb('configuration', 'is not', null),
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
        const rows = await db
          .selectFrom('job')
          .selectAll()
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
      if (job.status !== 'IN_PROGRESS') await db.deleteFrom('job_waiting').where('job_id', '=', id).execute();
    },

    async delete(id) {
      await db.deleteFrom('job_waiting').where('job_id', '=', id).execute();
      await db.deleteFrom('job_counts').where('job_id', '=', id).execute();
      await db.deleteFrom('execution').where('job_id', '=', id).execute();
      await db.deleteFrom('execution_failure').where('job_id', '=', id).execute();
      await db.deleteFrom('job_failure').where('job_id', '=', id).execute();
      const gone = await db
        .deleteFrom('job')
        .where('id', '=', id)
        .returning(['id', 'deployment_id as deploymentId', 'status'])
        .executeTakeFirst();
      if (gone !== undefined) await log(gone, gone.status, 'DELETED');
    },
  };
}
