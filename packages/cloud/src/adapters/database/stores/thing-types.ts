import type { ThingType } from '../../../domain/registry/thing-type.ts';
import type { ThingTypeStore } from '../../../ports/fleet-index.ts';
import { fromJson, present, toPage } from '../rows.ts';
import type { Queries, ThingTypeRow } from '../schema.ts';

const toType = (row: ThingTypeRow): ThingType => ({
  name: row.name,
  id: row.id,
  ...present({ description: row.description, deprecatedAt: row.deprecated_at }),
  searchableAttributes: fromJson(row.searchable_attributes),
  createdAt: row.created_at,
});

export function thingTypeStore(db: Queries): ThingTypeStore {
  return {
    async get(name) {
      const row = await db.selectFrom('thing_type').selectAll().where('name', '=', name).executeTakeFirst();
      return row && toType(row);
    },

    async list(page) {
      let query = db
        .selectFrom('thing_type')
        .selectAll()
        .orderBy('name')
        .limit(page.limit + 1);
      if (page.after !== undefined) query = query.where('name', '>', page.after);
      return toPage(await query.execute(), page, toType, (row) => row.name);
    },

    async insert(type) {
      await db
        .insertInto('thing_type')
        .values({
          name: type.name,
          id: type.id,
          description: type.description ?? null,
          searchable_attributes: JSON.stringify(type.searchableAttributes),
          created_at: type.createdAt,
          deprecated_at: type.deprecatedAt ?? null,
        })
        .execute();
    },

    async update({ name, deprecatedAt }) {
      await db
        .updateTable('thing_type')
        .set({ deprecated_at: deprecatedAt ?? null })
        .where('name', '=', name)
        .execute();
    },

    async delete(name) {
      await db.deleteFrom('thing_type').where('name', '=', name).execute();
    },

    async isUsed(name) {
      const row = await db.selectFrom('thing').select('name').where('type_name', '=', name).limit(1).executeTakeFirst();
      return row !== undefined;
    },
  };
}
