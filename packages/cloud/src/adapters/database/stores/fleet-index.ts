import type { FleetIndexStore } from '../../../ports/fleet-index.ts';
import { chunks, flag, fromJson, lookups, present, toPage } from '../rows.ts';
import type { Queries } from '../schema.ts';
import { toShadow } from './shadows.ts';
import { noteChanges, noteConnected } from './thing-changes.ts';
import { toThing } from './things.ts';
import { joinJobs, leaveJobs } from './waiting.ts';

export function fleetIndexStore(db: Queries): FleetIndexStore {
  /** A dynamic group has no group above it, so no other target can be its. */
  async function isRollingOut(group: string): Promise<boolean> {
    const row = await db
      .selectFrom('job')
      .select('id')
      .where('target_kind', '=', 'thinggroup')
      .where('target_name', '=', group)
      .where('status', '=', 'IN_PROGRESS')
      .executeTakeFirst();
    return row !== undefined;
  }

  async function groupsOf(things: readonly string[], dynamic: boolean) {
    const found = new Map<string, string[]>(things.map((thing) => [thing, []]));
    for (const chunk of lookups(things)) {
      const rows = await db
        .selectFrom('membership')
        .innerJoin('thing_group', 'thing_group.name', 'membership.group_name')
        .where('membership.thing', 'in', chunk)
        .where('thing_group.query', dynamic ? 'is not' : 'is', null)
        .select(['membership.thing', 'membership.group_name'])
        .orderBy('membership.group_name')
        .execute();
      for (const row of rows) found.get(row.thing)?.push(row.group_name);
    }
    return found;
  }

  return {
    async dynamicGroups() {
      const rows = await db
        .selectFrom('thing_group')
        .select(['name', 'query', 'built_up_to'])
        .where('query', 'is not', null)
        .orderBy('name')
        .execute();
      return rows.map(({ name, query, built_up_to: builtUpTo }) => ({
        name,
        query: query ?? '',
        ...present({ builtUpTo }),
      }));
    },

    async define(group, query, sources) {
      await db.updateTable('thing_group').set({ query, built_up_to: '' }).where('name', '=', group).execute();
      await db.deleteFrom('dynamic_group_source').where('group_name', '=', group).execute();
      // Every query looks at what things there are.
      const rows = ['thing', ...sources].map((source) => ({ group_name: group, source }));
      await db.insertInto('dynamic_group_source').values(rows).execute();
    },

    async setBuilt(group, upTo) {
      await db
        .updateTable('thing_group')
        .set({ built_up_to: upTo ?? null })
        .where('name', '=', group)
        .execute();
    },

    async rebuildAll() {
      await db.updateTable('thing_group').set({ built_up_to: '' }).where('query', 'is not', null).execute();
    },

    async join(group, things, at) {
      if (await isRollingOut(group)) for (const thing of things) await joinJobs(db, group, thing);
      for (const chunk of chunks(things)) {
        await db
          .insertInto('membership')
          .values(chunk.map((thing) => ({ group_name: group, thing, joined_at: at })))
          .onConflict((conflict) => conflict.doNothing())
          .execute();
      }
    },

    async leave(group, things) {
      if (await isRollingOut(group)) await leaveJobs(db, group, things);
      for (const chunk of lookups(things)) {
        await db.deleteFrom('membership').where('group_name', '=', group).where('thing', 'in', chunk).execute();
      }
    },

    async dynamicGroupsOf(things) {
      return new Map([...(await groupsOf(things, true))].map(([thing, groups]) => [thing, new Set(groups)]));
    },

    staticGroupsOf: (things) => groupsOf(things, false),

    async isDue() {
      const change = await db.selectFrom('thing_change').select('thing').limit(1).executeTakeFirst();
      if (change !== undefined) return true;
      const building = await db
        .selectFrom('thing_group')
        .select('name')
        .where('query', 'is not', null)
        .where('built_up_to', 'is not', null)
        .limit(1)
        .executeTakeFirst();
      return building !== undefined;
    },

    async changes(page) {
      let query = db
        .selectFrom('thing_change')
        .select('thing')
        .distinct()
        .orderBy('thing')
        .limit(page.limit + 1);
      if (page.after !== undefined) query = query.where('thing', '>', page.after);
      const things = toPage(
        await query.execute(),
        page,
        (row) => row.thing,
        (row) => row.thing,
      );
      const sources = new Map<string, string[]>(things.items.map((thing) => [thing, []]));
      for (const chunk of lookups(things.items)) {
        const rows = await db.selectFrom('thing_change').selectAll().where('thing', 'in', chunk).execute();
        for (const row of rows) sources.get(row.thing)?.push(row.source);
      }
      const items = [...sources].map(([thing, found]) => ({ thing, sources: found }));
      return { items, ...(things.next === undefined ? {} : { next: things.next }) };
    },

    async settle(changes) {
      const bySource = new Map<string, string[]>();
      for (const { thing, sources } of changes) {
        for (const source of sources) {
          const list = bySource.get(source);
          if (list) list.push(thing);
          else bySource.set(source, [thing]);
        }
      }
      for (const [source, things] of bySource) {
        for (const chunk of lookups(things)) {
          await db.deleteFrom('thing_change').where('source', '=', source).where('thing', 'in', chunk).execute();
        }
      }
    },

    async things(names) {
      const found = [];
      for (const chunk of lookups(names)) {
        const rows = await db.selectFrom('thing').selectAll().where('name', 'in', chunk).execute();
        found.push(...rows.map(toThing));
      }
      return found;
    },

    async shadows(things, name) {
      const found = [];
      for (const chunk of lookups(things)) {
        let query = db
          .selectFrom('shadow')
          .selectAll()
          .where('thing', 'in', chunk)
          .where('document', 'is not', null)
          .orderBy('thing')
          .orderBy('name');
        if (name !== undefined) query = query.where('name', '=', name);
        found.push(...(await query.execute()).map(toShadow));
      }
      return found;
    },

    async connections(things) {
      const found = new Map();
      for (const chunk of lookups(things)) {
        const rows = await db.selectFrom('thing_connection').selectAll().where('thing', 'in', chunk).execute();
        for (const { thing, connected, changed_at, disconnect_reason } of rows) {
          const disconnectReason = disconnect_reason;
          found.set(thing, {
            thing,
            connected: connected === 1,
            changedAt: changed_at,
            ...present({ disconnectReason }),
          });
        }
      }
      return found;
    },

    async putConnections(connections) {
      // A list may hold a thing several times: the last one holds.
      const last = new Map(connections.map((connection) => [connection.thing, connection]));
      const there = new Set<string>();
      for (const chunk of lookups([...last.keys()])) {
        const rows = await db.selectFrom('thing').select('name').where('name', 'in', chunk).execute();
        for (const row of rows) there.add(row.name);
      }
      const rows = [...last.values()]
        .filter(({ thing }) => there.has(thing))
        .map(({ thing, connected, changedAt, disconnectReason }) => ({
          thing,
          connected: flag(connected),
          changed_at: changedAt,
          disconnect_reason: disconnectReason ?? null,
        }));
      for (const chunk of chunks(rows)) {
        await db
          .insertInto('thing_connection')
          .values([...chunk])
          .onConflict((conflict) =>
            conflict.column('thing').doUpdateSet((eb) => ({
              connected: eb.ref('excluded.connected'),
              changed_at: eb.ref('excluded.changed_at'),
              disconnect_reason: eb.ref('excluded.disconnect_reason'),
            })),
          )
          .execute();
      }
      await noteChanges(
        db,
        rows.map(({ thing }) => ({ thing, source: 'connectivity' })),
      );
    },

    async disconnectAll(at, reason) {
      await noteConnected(db);
      await db
        .updateTable('thing_connection')
        .set({ connected: 0, changed_at: at, disconnect_reason: reason })
        .where('connected', '=', 1)
        .execute();
    },

    async configuration() {
      const row = await db.selectFrom('indexing_configuration').select('document').executeTakeFirst();
      return row && fromJson(row.document);
    },

    async setConfiguration(configuration) {
      await db.deleteFrom('indexing_configuration').execute();
      await db
        .insertInto('indexing_configuration')
        .values({ document: JSON.stringify(configuration) })
        .execute();
    },
  };
}
