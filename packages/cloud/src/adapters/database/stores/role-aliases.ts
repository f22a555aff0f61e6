import type { RoleAlias } from '../../../domain/access/role-alias.ts';
import type { RoleAliasStore } from '../../../ports/storage.ts';
import { toPage } from '../rows.ts';
import type { Queries, RoleAliasRow } from '../schema.ts';

const toAlias = (row: RoleAliasRow): RoleAlias => ({
  name: row.name,
  roleArn: row.role_arn,
  credentialSeconds: row.credential_seconds,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

const toRow = (alias: RoleAlias): RoleAliasRow => ({
  name: alias.name,
  role_arn: alias.roleArn,
  credential_seconds: alias.credentialSeconds,
  created_at: alias.createdAt,
  updated_at: alias.updatedAt,
});

export function roleAliasStore(db: Queries): RoleAliasStore {
  return {
    async get(name) {
      const row = await db.selectFrom('role_alias').selectAll().where('name', '=', name).executeTakeFirst();
      return row && toAlias(row);
    },

    async list(page, ascending) {
      let query = db
        .selectFrom('role_alias')
        .selectAll()
        .orderBy('name', ascending ? 'asc' : 'desc')
        .limit(page.limit + 1);
      if (page.after !== undefined) query = query.where('name', ascending ? '>' : '<', page.after);
      return toPage(await query.execute(), page, toAlias, (row) => row.name);
    },

    async insert(alias) {
      await db.insertInto('role_alias').values(toRow(alias)).execute();
    },

    async update(alias) {
      const { name, ...row } = toRow(alias);
      await db.updateTable('role_alias').set(row).where('name', '=', name).execute();
    },

    async delete(name) {
      await db.deleteFrom('role_alias').where('name', '=', name).execute();
    },
  };
}
