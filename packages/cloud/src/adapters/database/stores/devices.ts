import { type SqlBool, sql } from 'kysely';
import type { CoreDevice, InstalledComponent } from '../../../domain/devices/core-device.ts';
import type { DeviceStore } from '../../../ports/storage.ts';
import { chunks, flag, fromJson, lookups, pairLookups, present, toPage } from '../rows.ts';
import type { DeviceRow, InstalledRow, Queries } from '../schema.ts';

const toDevice = (row: DeviceRow): CoreDevice => ({
  thing: row.thing,
  coreVersion: row.core_version,
  platform: row.platform,
  architecture: row.architecture,
  ...present({ runtime: row.runtime }),
  status: row.status,
  statusUpdatedAt: row.status_updated_at,
  sequence: row.sequence,
});

const toInstalled = (row: InstalledRow): InstalledComponent => ({
  thing: row.thing,
  name: row.name,
  version: row.version,
  state: row.state,
  statusCodes: fromJson(row.status_codes),
  ...present({ statusReason: row.status_reason, installationSource: row.installation_source }),
  isRoot: row.is_root === 1,
  sources: fromJson(row.sources),
  changedAt: row.changed_at,
  reportedAt: row.reported_at,
});

export function deviceStore(db: Queries): DeviceStore {
  async function componentsOf(things: readonly string[]) {
    const found = new Map<string, InstalledComponent[]>();
    for (const chunk of lookups(things)) {
      const rows = await db
        .selectFrom('installed_component')
        .selectAll()
        .where('thing', 'in', chunk)
        .orderBy('thing')
        .orderBy('name')
        .execute();
      for (const row of rows) {
        const list = found.get(row.thing);
        if (list) list.push(toInstalled(row));
        else found.set(row.thing, [toInstalled(row)]);
      }
    }
    return found;
  }

  return {
    componentsOf,

    async get(thing) {
      const row = await db.selectFrom('core_device').selectAll().where('thing', '=', thing).executeTakeFirst();
      return row && toDevice(row);
    },

    async getMany(things) {
      const found = new Map<string, CoreDevice>();
      for (const chunk of lookups(things)) {
        const rows = await db.selectFrom('core_device').selectAll().where('thing', 'in', chunk).execute();
        for (const row of rows) found.set(row.thing, toDevice(row));
      }
      return found;
    },

    async list(page, { status, runtime, groupTargetArn }) {
      let query = db
        .selectFrom('core_device')
        .selectAll('core_device')
        .limit(page.limit + 1);
      if (status !== undefined) query = query.where(sql<SqlBool>`core_device.status = ${status}`);
      if (runtime !== undefined) query = query.where('core_device.runtime', '=', runtime);
      if (groupTargetArn !== undefined) {
        // Ordered by the column of the index that finds them, so that a page reads no more than itself.
        query = query
          .innerJoin('target_success', 'target_success.thing', 'core_device.thing')
          .where('target_success.target_arn', '=', groupTargetArn)
          .orderBy('target_success.thing');
        if (page.after !== undefined) query = query.where(sql<SqlBool>`target_success.thing > ${page.after}`);
      } else {
        query = query.orderBy('core_device.thing');
        if (page.after !== undefined) query = query.where('core_device.thing', '>', page.after);
      }
      return toPage(await query.execute(), page, toDevice, (row) => row.thing);
    },

    async put(devices) {
      const rows = new Map(
        devices.map((device): [string, DeviceRow] => [
          device.thing,
          {
            thing: device.thing,
            core_version: device.coreVersion,
            platform: device.platform,
            architecture: device.architecture,
            runtime: device.runtime ?? null,
            status: device.status,
            status_updated_at: device.statusUpdatedAt,
            sequence: device.sequence,
          },
        ]),
      );
      for (const chunk of chunks([...rows.values()])) {
        await db
          .insertInto('core_device')
          .values(chunk)
          .onConflict((conflict) =>
            conflict.column('thing').doUpdateSet((eb) => ({
              core_version: eb.ref('excluded.core_version'),
              platform: eb.ref('excluded.platform'),
              architecture: eb.ref('excluded.architecture'),
              runtime: eb.ref('excluded.runtime'),
              status: eb.ref('excluded.status'),
              status_updated_at: eb.ref('excluded.status_updated_at'),
              sequence: eb.ref('excluded.sequence'),
            })),
          )
          .execute();
      }
    },

    async delete(thing) {
      await db.deleteFrom('installed_component').where('thing', '=', thing).execute();
      await db.deleteFrom('target_success').where('thing', '=', thing).execute();
      await db.deleteFrom('client_device').where('core', '=', thing).execute();
      await db.deleteFrom('core_device').where('thing', '=', thing).execute();
    },

    async components(thing) {
      return (await componentsOf([thing])).get(thing) ?? [];
    },

    async putComponents(components) {
      const rows = new Map(
        components.map((component): [string, InstalledRow] => [
          `${component.thing}/${component.name}`,
          {
            thing: component.thing,
            name: component.name,
            version: component.version,
            state: component.state,
            status_codes: JSON.stringify(component.statusCodes),
            status_reason: component.statusReason ?? null,
            is_root: flag(component.isRoot),
            sources: JSON.stringify(component.sources),
            installation_source: component.installationSource ?? null,
            changed_at: component.changedAt,
            reported_at: component.reportedAt,
          },
        ]),
      );
      for (const chunk of chunks([...rows.values()])) {
        await db
          .insertInto('installed_component')
          .values(chunk)
          .onConflict((conflict) =>
            conflict.columns(['thing', 'name']).doUpdateSet((eb) => ({
              version: eb.ref('excluded.version'),
              state: eb.ref('excluded.state'),
              status_codes: eb.ref('excluded.status_codes'),
              status_reason: eb.ref('excluded.status_reason'),
              is_root: eb.ref('excluded.is_root'),
              sources: eb.ref('excluded.sources'),
              installation_source: eb.ref('excluded.installation_source'),
              changed_at: eb.ref('excluded.changed_at'),
              reported_at: eb.ref('excluded.reported_at'),
            })),
          )
          .execute();
      }
    },

    async deleteComponents(keys) {
      for (const chunk of pairLookups(keys)) {
        const values = chunk.map((key) => sql`(${key.thing}, ${key.name})`);
        await db
          .deleteFrom('installed_component')
          .where(sql<SqlBool>`(thing, name) in (values ${sql.join(values)})`)
          .execute();
      }
    },
  };
}
