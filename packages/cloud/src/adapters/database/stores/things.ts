import { type SqlBool, sql } from 'kysely';
import type { Thing } from '../../../domain/registry/registry.ts';
import type { ThingStore } from '../../../ports/storage.ts';
import { chunks, fromJson, lookups, present, toPage } from '../rows.ts';
import type { Queries, ThingRow } from '../schema.ts';
import { noteChanges } from './thing-changes.ts';

export const toThing = (row: ThingRow): Thing => ({
  name: row.name,
  id: row.id,
  attributes: fromJson(row.attributes),
  ...present({ typeName: row.type_name }),
  version: row.version,
  createdAt: row.created_at,
});

const toRow = (thing: Thing): ThingRow => ({
  name: thing.name,
  id: thing.id,
  attributes: JSON.stringify(thing.attributes),
  type_name: thing.typeName ?? null,
  version: thing.version,
  created_at: thing.createdAt,
});

export function thingStore(db: Queries): ThingStore {
  async function writeAttributes(thing: Thing): Promise<void> {
    const rows = Object.entries(thing.attributes).map(([name, value]) => ({ thing: thing.name, name, value }));
    for (const chunk of chunks(rows)) await db.insertInto('thing_attribute').values(chunk).execute();
  }

  return {
    async get(name) {
      const row = await db.selectFrom('thing').selectAll().where('name', '=', name).executeTakeFirst();
      return row && toThing(row);
    },

    async existing(names) {
      const found = new Set<string>();
      for (const chunk of lookups(names)) {
        const rows = await db.selectFrom('thing').select('name').where('name', 'in', chunk).execute();
        for (const row of rows) found.add(row.name);
      }
      return found;
    },

    async list(page, { attribute, typeName }) {
      let query = db
        .selectFrom('thing')
        .selectAll('thing')
        .limit(page.limit + 1);
      if (typeName !== undefined) query = query.where('thing.type_name', '=', typeName);
      if (attribute) {
        // Ordered by the column of the index that finds them, so that a page reads no more than itself.
        query = query
          .innerJoin('thing_attribute', 'thing_attribute.thing', 'thing.name')
          .where('thing_attribute.name', '=', attribute.name)
          .where('thing_attribute.value', '=', attribute.value)
          .orderBy('thing_attribute.thing');
        if (page.after !== undefined) query = query.where(sql<SqlBool>`thing_attribute.thing > ${page.after}`);
      } else {
        query = query.orderBy('thing.name');
        if (page.after !== undefined) query = query.where('thing.name', '>', page.after);
      }
      return toPage(await query.execute(), page, toThing, (row) => row.name);
    },

    async insert(thing) {
      await db.insertInto('thing').values(toRow(thing)).execute();
      await writeAttributes(thing);
      await noteChanges(db, [{ thing: thing.name, source: 'thing' }]);
    },

    async update(thing) {
      await db.updateTable('thing').set(toRow(thing)).where('name', '=', thing.name).execute();
      await db.deleteFrom('thing_attribute').where('thing', '=', thing.name).execute();
      await writeAttributes(thing);
      await noteChanges(db, [{ thing: thing.name, source: 'registry' }]);
    },

    async delete(name) {
      await db.deleteFrom('job_waiting').where('thing', '=', name).execute();
      await db.deleteFrom('membership').where('thing', '=', name).execute();
      await db.deleteFrom('thing_principal').where('thing', '=', name).execute();
      await db.deleteFrom('thing_change').where('thing', '=', name).execute();
      await db.deleteFrom('thing_connection').where('thing', '=', name).execute();
      await db.deleteFrom('connectivity').where('thing', '=', name).execute();
      await db.deleteFrom('telemetry').where('thing', '=', name).execute();
      await db.deleteFrom('client_device').where('thing', '=', name).execute();
      await db.deleteFrom('thing_attribute').where('thing', '=', name).execute();
      await db.deleteFrom('thing').where('name', '=', name).execute();
    },

    async principals(thing) {
      const rows = await db
        .selectFrom('thing_principal')
        .select('certificate_id')
        .where('thing', '=', thing)
        .orderBy('certificate_id')
        .execute();
      return rows.map((row) => row.certificate_id);
    },

    async ofCertificate(certificateId) {
      const rows = await db
        .selectFrom('thing_principal')
        .select('thing')
        .where('certificate_id', '=', certificateId)
        .orderBy('thing')
        .execute();
      return rows.map((row) => row.thing);
    },

    async attach(thing, certificateId) {
      await db
        .insertInto('thing_principal')
        .values({ thing, certificate_id: certificateId })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    },

    async detach(thing, certificateId) {
      await db
        .deleteFrom('thing_principal')
        .where('thing', '=', thing)
        .where('certificate_id', '=', certificateId)
        .execute();
    },
  };
}
