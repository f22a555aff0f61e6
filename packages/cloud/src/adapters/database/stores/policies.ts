import type { Policy, PolicyVersion } from '../../../domain/registry/registry.ts';
import type { PolicyStore } from '../../../ports/storage.ts';
import { toPage } from '../rows.ts';
import type { PolicyRow, Queries, Schema } from '../schema.ts';

const toPolicy = (row: PolicyRow & { document: string }): Policy => ({
  name: row.name,
  document: row.document,
  defaultVersion: row.default_version,
  lastVersion: row.last_version,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

const toVersion = (row: Schema['policy_version']): PolicyVersion => ({
  policy: row.policy,
  number: row.version,
  document: row.document,
  createdAt: row.created_at,
});

export function policyStore(db: Queries): PolicyStore {
  const policies = () =>
    db
      .selectFrom('policy')
      .innerJoin('policy_version', (join) =>
        join
          .onRef('policy_version.policy', '=', 'policy.name')
          .onRef('policy_version.version', '=', 'policy.default_version'),
      )
      .selectAll('policy')
      .select('policy_version.document');

  return {
    async get(name) {
      const row = await policies().where('policy.name', '=', name).executeTakeFirst();
      return row && toPolicy(row);
    },

    async list(page) {
      let query = policies()
        .orderBy('policy.name')
        .limit(page.limit + 1);
      if (page.after !== undefined) query = query.where('policy.name', '>', page.after);
      return toPage(await query.execute(), page, toPolicy, (row) => row.name);
    },

    async insert({ name, document, defaultVersion, lastVersion, createdAt, updatedAt }) {
      const times = { created_at: createdAt, updated_at: updatedAt };
      const versions = { default_version: defaultVersion, last_version: lastVersion };
      await db
        .insertInto('policy')
        .values({ name, ...versions, ...times })
        .execute();
      const first = { policy: name, version: defaultVersion, document, created_at: createdAt };
      await db.insertInto('policy_version').values(first).execute();
    },

    async update({ name, defaultVersion, lastVersion, updatedAt }) {
      await db
        .updateTable('policy')
        .set({ default_version: defaultVersion, last_version: lastVersion, updated_at: updatedAt })
        .where('name', '=', name)
        .execute();
    },

    async delete(name) {
      await db.deleteFrom('policy_target').where('policy', '=', name).execute();
      await db.deleteFrom('policy_version').where('policy', '=', name).execute();
      await db.deleteFrom('policy').where('name', '=', name).execute();
    },

    async versions(name) {
      const query = db.selectFrom('policy_version').selectAll().where('policy', '=', name).orderBy('version', 'desc');
      return (await query.execute()).map(toVersion);
    },

    async insertVersion({ policy, number, document, createdAt }) {
      await db
        .insertInto('policy_version')
        .values({ policy, version: number, document, created_at: createdAt })
        .execute();
    },

    async deleteVersion(policy, number) {
      await db.deleteFrom('policy_version').where('policy', '=', policy).where('version', '=', number).execute();
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
      const query = policies()
        .innerJoin('policy_target', 'policy_target.policy', 'policy.name')
        .where('policy_target.target', '=', target)
        .orderBy('policy.name');
      return (await query.execute()).map(toPolicy);
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

    async detachAll(target) {
      await db.deleteFrom('policy_target').where('target', '=', target).execute();
    },
  };
}
