import type { ClientAssociation, Connectivity, ServiceRole } from '../../../domain/devices/client-devices.ts';
import type { ClientDeviceStore, ConnectivityStore, ServiceRoleStore } from '../../../ports/storage.ts';
import { chunks, fromJson, lookups, toPage } from '../rows.ts';
import type { Queries, Schema } from '../schema.ts';

const toConnectivity = (row: Schema['connectivity']): Connectivity => ({
  thing: row.thing,
  version: row.version,
  endpoints: fromJson(row.endpoints),
});

export function connectivityStore(db: Queries): ConnectivityStore {
  return {
    async getMany(things) {
      const found = new Map<string, Connectivity>();
      for (const chunk of lookups(things)) {
        const rows = await db.selectFrom('connectivity').selectAll().where('thing', 'in', chunk).execute();
        for (const row of rows) found.set(row.thing, toConnectivity(row));
      }
      return found;
    },

    async put({ thing, version, endpoints }) {
      const kept = { version, endpoints: JSON.stringify(endpoints) };
      await db
        .insertInto('connectivity')
        .values({ thing, ...kept })
        .onConflict((conflict) => conflict.column('thing').doUpdateSet(kept))
        .execute();
    },
  };
}

const toAssociation = (row: Schema['client_device']): ClientAssociation => ({
  core: row.core,
  thing: row.thing,
  associatedAt: row.associated_at,
});

export function clientDeviceStore(db: Queries): ClientDeviceStore {
  return {
    async ofCore(core, page) {
      let query = db
        .selectFrom('client_device')
        .selectAll()
        .where('core', '=', core)
        .orderBy('thing')
        .limit(page.limit + 1);
      if (page.after !== undefined) query = query.where('thing', '>', page.after);
      return toPage(await query.execute(), page, toAssociation, (row) => row.thing);
    },

    async coresOf(thing) {
      const rows = await db
        .selectFrom('client_device')
        .select('core')
        .where('thing', '=', thing)
        .orderBy('core')
        .execute();
      return rows.map((row) => row.core);
    },

    async put(associations) {
      const rows = associations.map(({ core, thing, associatedAt }) => ({ core, thing, associated_at: associatedAt }));
      for (const chunk of chunks(rows)) {
        await db
          .insertInto('client_device')
          .values(chunk)
          .onConflict((conflict) => conflict.doNothing())
          .execute();
      }
    },

    async delete(core, things) {
      for (const chunk of lookups(things)) {
        await db.deleteFrom('client_device').where('core', '=', core).where('thing', 'in', chunk).execute();
      }
    },
  };
}

const toRole = (row: Schema['service_role']): ServiceRole => ({
  roleArn: row.role_arn,
  associatedAt: row.associated_at,
});

/** One row at most: there is one account. */
export function serviceRoleStore(db: Queries): ServiceRoleStore {
  const clear = async () => void (await db.deleteFrom('service_role').execute());
  return {
    async get() {
      const row = await db.selectFrom('service_role').selectAll().executeTakeFirst();
      return row && toRole(row);
    },

    async put({ roleArn, associatedAt }) {
      await clear();
      await db.insertInto('service_role').values({ role_arn: roleArn, associated_at: associatedAt }).execute();
    },

    clear,
  };
}
