import { type SqlBool, sql } from 'kysely';
import type { Certificate } from '../../../domain/registry/registry.ts';
import type { CertificateStore, PolicyStore } from '../../../ports/storage.ts';
import { parseTimeKey, timeKey, toPage } from '../rows.ts';
import type { Queries, Schema } from '../schema.ts';

const toCertificate = (row: Schema['certificate']): Certificate => ({
  id: row.id,
  pem: row.pem,
  status: row.status,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

export function certificateStore(db: Queries): CertificateStore {
  return {
    async get(id) {
      const row = await db.selectFrom('certificate').selectAll().where('id', '=', id).executeTakeFirst();
      return row && toCertificate(row);
    },

    async list(page) {
      let query = db
        .selectFrom('certificate')
        .selectAll()
        .orderBy('created_at')
        .orderBy('id')
        .limit(page.limit + 1);
      if (page.after !== undefined) {
        const { at, id } = parseTimeKey(page.after, 'InvalidRequestException');
        query = query.where((eb) => eb(eb.refTuple('created_at', 'id'), '>', eb.tuple(at, id)));
      }
      return toPage(await query.execute(), page, toCertificate, (row) => timeKey(row.created_at, row.id));
    },

    async insert(certificate) {
      await db
        .insertInto('certificate')
        .values({
          id: certificate.id,
          pem: certificate.pem,
          status: certificate.status,
          created_at: certificate.createdAt,
          updated_at: certificate.updatedAt,
        })
        .execute();
    },

    async update(certificate) {
      await db
        .updateTable('certificate')
        .set({ status: certificate.status, updated_at: certificate.updatedAt })
        .where('id', '=', certificate.id)
        .execute();
    },

    async delete(id) {
      await db.deleteFrom('thing_principal').where('certificate_id', '=', id).execute();
      await db.deleteFrom('provisioning_claim').where('certificate_id', '=', id).execute();
      await db.deleteFrom('certificate').where('id', '=', id).execute();
    },

    async pendingBefore(at, limit) {
      const rows = await db
        .selectFrom('certificate')
        .select('id')
        // Written out, so that the partial index serves it.
        .where(sql<SqlBool>`status = 'PENDING_ACTIVATION'`)
        .where('created_at', '<', at)
        .orderBy('created_at')
        .limit(limit)
        .execute();
      return rows.map((row) => row.id);
    },
  };
}

const toPolicy = (row: Schema['policy']) => ({ name: row.name, document: row.document, createdAt: row.created_at });

export function policyStore(db: Queries): PolicyStore {
  return {
    async get(name) {
      const row = await db.selectFrom('policy').selectAll().where('name', '=', name).executeTakeFirst();
      return row && toPolicy(row);
    },

    async list(page) {
      let query = db
        .selectFrom('policy')
        .selectAll()
        .orderBy('name')
        .limit(page.limit + 1);
      if (page.after !== undefined) query = query.where('name', '>', page.after);
      return toPage(await query.execute(), page, toPolicy, (row) => row.name);
    },

    async insert(policy) {
      await db
        .insertInto('policy')
        .values({ name: policy.name, document: policy.document, created_at: policy.createdAt })
        .execute();
    },

    async delete(name) {
      await db.deleteFrom('policy_target').where('policy', '=', name).execute();
      await db.deleteFrom('policy').where('name', '=', name).execute();
    },

    async attach(policy, target) {
      await db
        .insertInto('policy_target')
        .values({ policy, target })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    },

    async detach(policy, target) {
      await db.deleteFrom('policy_target').where('policy', '=', policy).where('target', '=', target).execute();
    },

    async attachedTo(target) {
      const rows = await db
        .selectFrom('policy_target')
        .innerJoin('policy', 'policy.name', 'policy_target.policy')
        .selectAll('policy')
        .where('policy_target.target', '=', target)
        .orderBy('policy.name')
        .execute();
      return rows.map(toPolicy);
    },

    async targets(policy) {
      const rows = await db
        .selectFrom('policy_target')
        .select('target')
        .where('policy', '=', policy)
        .orderBy('target')
        .execute();
      return rows.map((row) => row.target);
    },
  };
}
