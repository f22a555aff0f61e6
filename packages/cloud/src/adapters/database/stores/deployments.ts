import type { Deployment } from '../../../domain/deployment/deployment.ts';
import { eventReason } from '../../../domain/history/event.ts';
import type { DeploymentStore } from '../../../ports/storage.ts';
import { flag, fromJson, lookups, parseTimeKey, present, timeKey, toPage } from '../rows.ts';
import type { DeploymentRow, Queries } from '../schema.ts';
import type { TxEvents } from './events.ts';

const toDeployment = (row: DeploymentRow): Deployment => ({
  id: row.id,
  target: { kind: row.target_kind, name: row.target_name },
  targetArn: row.target_arn,
  revision: row.revision,
  request: fromJson(row.request),
  document: row.document,
  jobId: row.job_id,
  status: row.status,
  ...present({ statusReason: row.status_reason }),
  latest: row.latest === 1,
  createdAt: row.created_at,
});

export function deploymentStore(db: Queries, events: TxEvents): DeploymentStore {
  const log = (deployment: Pick<Deployment, 'id' | 'jobId'>, from: string | undefined, to: string, reason?: string) =>
    events.append([
      {
        at: events.now(),
        subject: 'deployment',
        deploymentId: deployment.id,
        jobId: deployment.jobId,
        ...(from === undefined ? {} : { from }),
        to,
        ...eventReason(reason),
      },
    ]);
  return {
    async get(id) {
      const row = await db.selectFrom('deployment').selectAll().where('id', '=', id).executeTakeFirst();
      return row && toDeployment(row);
    },

    async jobIds(ids) {
      const found = new Map<string, string>();
      for (const chunk of lookups(ids)) {
        const rows = await db.selectFrom('deployment').select(['id', 'job_id']).where('id', 'in', chunk).execute();
        for (const row of rows) found.set(row.id, row.job_id);
      }
      return found;
    },

    async latest(targetArn) {
      const row = await db
        .selectFrom('deployment')
        .selectAll()
        .where('target_arn', '=', targetArn)
        .orderBy('revision', 'desc')
        .limit(1)
        .executeTakeFirst();
      return row && toDeployment(row);
    },

    async atRevision(targetArn, revision) {
      // Larger ones do not fit the column on PostgreSQL, and have not been given.
      if (!Number.isInteger(revision) || revision < 1 || revision > 0x7fffffff) return undefined;
      const row = await db
        .selectFrom('deployment')
        .selectAll()
        .where('target_arn', '=', targetArn)
        .where('revision', '=', revision)
        .executeTakeFirst();
      return row && toDeployment(row);
    },

    async list(page, { targetArn, parentTargetArn, latestOnly }) {
      let query = db
        .selectFrom('deployment')
        .selectAll('deployment')
        .orderBy('deployment.created_at', 'desc')
        .orderBy('deployment.id', 'desc')
        .limit(page.limit + 1);
      if (targetArn !== undefined) query = query.where('deployment.target_arn', '=', targetArn);
      if (parentTargetArn !== undefined) query = query.where('deployment.parent_target_arn', '=', parentTargetArn);
      if (latestOnly) {
        query = query.where((eb) =>
          eb.not(
            eb.exists(
              eb
                .selectFrom('deployment as newer')
                .select('newer.id')
                .whereRef('newer.target_arn', '=', 'deployment.target_arn')
                .whereRef('newer.revision', '>', 'deployment.revision'),
            ),
          ),
        );
      }
      if (page.after !== undefined) {
        const { at, id } = parseTimeKey(page.after, 'ValidationException');
        query = query.where((eb) => eb(eb.refTuple('deployment.created_at', 'deployment.id'), '<', eb.tuple(at, id)));
      }
      return toPage(await query.execute(), page, toDeployment, (row) => timeKey(row.created_at, row.id));
    },

    async childTargets(parentTargetArn) {
      const rows = await db
        .selectFrom('deployment_target')
        .select('target_arn')
        .where('parent_target_arn', '=', parentTargetArn)
        .orderBy('target_arn')
        .execute();
      return rows.map((row) => row.target_arn);
    },

    async parentOf(targetArn) {
      const row = await db
        .selectFrom('deployment_target')
        .select('parent_target_arn')
        .where('target_arn', '=', targetArn)
        .executeTakeFirst();
      return row?.parent_target_arn ?? undefined;
    },

    async nextRevision(targetArn, now, bookedUnder = targetArn) {
      const arns = [...new Set([bookedUnder, targetArn])];
      const rows = await db
        .selectFrom('deployment_target')
        .select(['target_arn', 'revision', 'created_at'])
        .where('target_arn', 'in', arns)
        .execute();
      const createdAt = Math.max(now, ...rows.map((row) => row.created_at + 1));
      let given = 0;
      for (const arn of arns) {
        const last = rows.find((row) => row.target_arn === arn)?.revision ?? 0;
        const next = { revision: arn === targetArn ? last + 1 : last, created_at: createdAt };
        if (arn === targetArn) given = next.revision;
        await db
          .insertInto('deployment_target')
          .values({ target_arn: arn, ...next, parent_target_arn: null })
          .onConflict((conflict) => conflict.column('target_arn').doUpdateSet(next))
          .execute();
      }
      return { revision: given, createdAt };
    },

    async insert(deployment) {
      const parent = deployment.request.parentTargetArn;
      await db
        .insertInto('deployment')
        .values({
          id: deployment.id,
          target_kind: deployment.target.kind,
          target_name: deployment.target.name,
          target_arn: deployment.targetArn,
          parent_target_arn: parent ?? null,
          revision: deployment.revision,
          request: JSON.stringify(deployment.request),
          document: deployment.document,
          job_id: deployment.jobId,
          status: deployment.status,
          status_reason: deployment.statusReason ?? null,
          latest: flag(deployment.latest),
          created_at: deployment.createdAt,
        })
        .execute();
      await log(deployment, undefined, deployment.status);
      if (parent === undefined) return;
      await db
        .updateTable('deployment_target')
        .set({ parent_target_arn: parent })
        .where('target_arn', '=', deployment.targetArn)
        .execute();
    },

    async update(deployment) {
      const before = await db
        .selectFrom('deployment')
        .select('status')
        .where('id', '=', deployment.id)
        .executeTakeFirst();
      if (before !== undefined && before.status !== deployment.status)
        await log(deployment, before.status, deployment.status, deployment.statusReason);
      await db
        .updateTable('deployment')
        .set({
          status: deployment.status,
          status_reason: deployment.statusReason ?? null,
          latest: flag(deployment.latest),
        })
        .where('id', '=', deployment.id)
        .execute();
    },

    async delete(id) {
      const gone = await db
        .deleteFrom('deployment')
        .where('id', '=', id)
        .returning(['id', 'job_id as jobId', 'status'])
        .executeTakeFirst();
      if (gone !== undefined) await log(gone, gone.status, 'DELETED');
    },
  };
}
