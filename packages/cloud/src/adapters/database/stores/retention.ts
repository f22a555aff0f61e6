import { type SqlBool, sql } from 'kysely';
import type { Keepsake } from '../../../domain/history/retention.ts';
import type { RetentionStore } from '../../../ports/history.ts';
import { present } from '../rows.ts';
import type { Queries } from '../schema.ts';
import { CountChanges } from './counts.ts';
import { countFailures } from './failures.ts';
import { isOneOf } from './waiting.ts';

const live: readonly string[] = ['QUEUED', 'IN_PROGRESS'];

export function retentionStore(db: Queries, shards: number): RetentionStore {
  const keepsakes = () =>
    db
      .selectFrom('deployment')
      .leftJoin('job', 'job.id', 'deployment.job_id')
      .select((eb) => [
        'deployment.id',
        'deployment.job_id',
        'deployment.revision',
        'deployment.latest',
        'deployment.status',
        'deployment.created_at',
        'job.status as job_status',
        'job.completed_at',
        'job.updated_at',
        eb
          .selectFrom('deployment as other')
          .whereRef('other.target_arn', '=', 'deployment.target_arn')
          .select((of) => of.fn.max<number>('other.revision').as('revision'))
          .as('newest'),
      ]);
  type Row = Awaited<ReturnType<ReturnType<typeof keepsakes>['execute']>>[number];
  const toKeepsake = (row: Row): Keepsake => ({
    deploymentId: row.id,
    jobId: row.job_id,
    revision: row.revision,
    newestRevision: row.newest ?? row.revision,
    latest: row.latest === 1,
    status: row.status,
    ...present({ jobStatus: row.job_status }),
    endedAt: row.completed_at ?? row.updated_at ?? row.created_at,
  });

  return {
    async deployments(after, limit) {
      const rows = await keepsakes().where('deployment.id', '>', after).orderBy('deployment.id').limit(limit).execute();
      return rows.map(toKeepsake);
    },

    async deployment(id) {
      const row = await keepsakes().where('deployment.id', '=', id).executeTakeFirst();
      return row && toKeepsake(row);
    },

    async forgetExecutions(jobId, after, limit) {
      let query = db
        .selectFrom('execution')
        .innerJoin('job', 'job.id', 'execution.job_id')
        .where('execution.job_id', '=', jobId)
        .where('job.status', '!=', 'IN_PROGRESS')
        .select((eb) => [
          'execution.thing',
          'execution.number',
          'execution.newest',
          'execution.status',
          // Of one thing, what comes later is queued later: the search ends at the next revision.
          eb
            .exists(
              eb
                .selectFrom('execution as later')
                .innerJoin('job as newer', 'newer.id', 'later.job_id')
                .whereRef('later.thing', '=', 'execution.thing')
                .whereRef('later.queued_at', '>', 'execution.queued_at')
                .where('later.newest', '=', 1)
                .where('later.status', '!=', 'REMOVED')
                .whereRef('newer.target_arn', '=', 'job.target_arn')
                .whereRef('newer.created_at', '>', 'job.created_at')
                .select('later.thing'),
            )
            .as('replaced'),
          eb
            .or([
              eb.exists(eb.selectFrom('thing').whereRef('thing.name', '=', 'execution.thing').select('thing.name')),
              eb.exists(
                eb
                  .selectFrom('core_device')
                  .whereRef('core_device.thing', '=', 'execution.thing')
                  .select('core_device.thing'),
              ),
            ])
            .as('known'),
        ])
        .orderBy('execution.thing')
        .orderBy('execution.number')
        .limit(limit);
      if (after !== undefined) {
        query = query.where(sql<SqlBool>`(execution.thing, execution.number) > (${after.thing}, ${after.number})`);
      }
      const rows = await query.execute();
      const gone = rows.filter(
        (row) =>
          !live.includes(row.status) && (row.newest === 0 || row.status === 'REMOVED' || row.replaced || !row.known),
      );
      const counts = new CountChanges(shards);
      const newest = gone.filter((row) => row.newest === 1).map(({ thing, status }) => ({ jobId, thing, status }));
      for (const each of newest) counts.add(each, each.status, -1);
      await counts.save(db);
      await countFailures(db, newest, []);
      if (gone.length > 0) {
        const numbers = [...new Set(gone.map((row) => row.number))];
        for (const number of numbers) {
          const pairs = gone.filter((row) => row.number === number).map(({ thing }) => ({ jobId, thing }));
          await db.deleteFrom('execution').where(isOneOf('execution', pairs)).where('number', '=', number).execute();
        }
      }
      const last = rows.at(-1);
      return rows.length < limit || last === undefined ? undefined : { thing: last.thing, number: last.number };
    },

    async forgetEvents(deploymentId, limit) {
      const rows = await db
        .deleteFrom('event')
        .where('sequence', 'in', (eb) =>
          eb
            .selectFrom('event as old')
            .where('old.deployment_id', '=', deploymentId)
            .orderBy('old.sequence')
            .limit(limit)
            .select('old.sequence'),
        )
        .executeTakeFirst();
      return Number(rows.numDeletedRows);
    },

    async forgetDeployment(deploymentId, jobId) {
      const left = await db.selectFrom('execution').select('thing').where('job_id', '=', jobId).limit(1).execute();
      if (left.length > 0) return false;
      const ending = await db.selectFrom('job_end').select('job_id').where('job_id', '=', jobId).executeTakeFirst();
      if (ending !== undefined) return false; // The sweep is not through with it.
      for (const table of ['job_waiting', 'job_counts', 'execution_failure', 'job_failure'] as const) {
        await db.deleteFrom(table).where('job_id', '=', jobId).execute();
      }
      await db.deleteFrom('job').where('id', '=', jobId).execute();
      await db.deleteFrom('deployment').where('id', '=', deploymentId).execute();
      return true;
    },

    async forgetEventsBefore(at, limit) {
      // Times follow the numbers but for what a clock that was set does: an event is kept until those before it may go.
      const oldest = await db.selectFrom('event').select(['sequence', 'at']).orderBy('sequence').limit(limit).execute();
      const young = oldest.findIndex((row) => row.at >= at);
      const last = oldest[(young < 0 ? oldest.length : young) - 1];
      if (last === undefined) return 0;
      const gone = await db.deleteFrom('event').where('sequence', '<=', last.sequence).executeTakeFirst();
      return Number(gone.numDeletedRows);
    },

    async forgetAuditBefore(at, limit) {
      const gone = await db
        .deleteFrom('audit')
        .where('request_id', 'in', (eb) =>
          eb
            .selectFrom('audit as old')
            .where('old.at', '<', at)
            .orderBy('old.at')
            .limit(limit)
            .select('old.request_id'),
        )
        .executeTakeFirst();
      return Number(gone.numDeletedRows);
    },
  };
}
