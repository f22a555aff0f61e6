import { type SqlBool, sql } from 'kysely';
import type { ShadowRecord } from '../../../domain/shadow/shadow-record.ts';
import type { ShadowStore } from '../../../ports/storage.ts';
import { chunks, pairLookups, present, toPage } from '../rows.ts';
import type { Queries, Schema } from '../schema.ts';
import { noteChanges } from './thing-changes.ts';

export const toShadow = (row: Schema['shadow']): ShadowRecord => ({
  thing: row.thing,
  name: row.name,
  ...present({ document: row.document }),
  version: row.version,
  updatedAt: row.updated_at,
});

const keyOf = (key: { thing: string; name: string }) => `${key.thing}/${key.name}`;

export function shadowStore(db: Queries): ShadowStore {
  return {
    async get(thing, name) {
      const row = await db
        .selectFrom('shadow')
        .selectAll()
        .where('thing', '=', thing)
        .where('name', '=', name)
        .executeTakeFirst();
      return row && toShadow(row);
    },

    async getMany(keys) {
      const found = new Map<string, ShadowRecord>();
      for (const chunk of pairLookups(keys)) {
        const values = chunk.map((key) => sql`(${key.thing}, ${key.name})`);
        const rows = await db
          .selectFrom('shadow')
          .selectAll()
          .where(sql<SqlBool>`(thing, name) in (values ${sql.join(values)})`)
          .execute();
        for (const row of rows) found.set(keyOf(row), toShadow(row));
      }
      return found;
    },

    async put(records) {
      // A list may hold several versions of one shadow: the last one holds.
      const last = new Map(records.map((record) => [keyOf(record), record]));
      const rows = [...last.values()].map((record) => ({
        thing: record.thing,
        name: record.name,
        document: record.document ?? null,
        version: record.version,
        updated_at: record.updatedAt,
      }));
      for (const chunk of chunks(rows)) {
        await db
          .insertInto('shadow')
          .values(chunk)
          .onConflict((conflict) =>
            conflict.columns(['thing', 'name']).doUpdateSet((eb) => ({
              document: eb.ref('excluded.document'),
              version: eb.ref('excluded.version'),
              updated_at: eb.ref('excluded.updated_at'),
            })),
          )
          .execute();
      }
      await noteChanges(
        db,
        rows.map(({ thing, name }) => ({ thing, source: `shadow/${name}` })),
      );
    },

    async names(thing, page) {
      let query = db
        .selectFrom('shadow')
        .select('name')
        .where('thing', '=', thing)
        .where('name', '!=', '')
        .where('document', 'is not', null)
        .orderBy('name')
        .limit(page.limit + 1);
      if (page.after !== undefined) query = query.where('name', '>', page.after);
      return toPage(
        await query.execute(),
        page,
        (row) => row.name,
        (row) => row.name,
      );
    },
  };
}
