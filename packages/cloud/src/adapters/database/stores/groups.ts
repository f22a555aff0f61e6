import type { ThingGroup } from '../../../domain/registry/registry.ts';
import type { GroupStore } from '../../../ports/storage.ts';
import { fromJson, lookups, prefixEnd, present, toPage } from '../rows.ts';
import type { GroupRow, Queries } from '../schema.ts';
import { noteMembership } from './thing-changes.ts';
import { joinJobs, leaveJobs } from './waiting.ts';

const toGroup = (row: GroupRow): ThingGroup => ({
  name: row.name,
  id: row.id,
  ...present({ description: row.description, parent: row.parent }),
  attributes: fromJson(row.attributes),
  version: row.version,
  createdAt: row.created_at,
  ...(row.query === null ? {} : { dynamic: { query: row.query, building: row.built_up_to !== null } }),
});

export function groupStore(db: Queries): GroupStore {
  const ancestry = async (name: string) => {
    const rows = await db
      .selectFrom('group_path')
      .select('ancestor')
      .where('descendant', '=', name)
      .orderBy('depth', 'desc')
      .execute();
    return rows.map((row) => row.ancestor);
  };

  const subtree = async (name: string) => {
    const rows = await db
      .selectFrom('group_path')
      .select('descendant')
      .where('ancestor', '=', name)
      .orderBy('depth')
      .orderBy('descendant')
      .execute();
    return rows.map((row) => row.descendant);
  };

  return {
    ancestry,
    subtree,

    async get(name) {
      const row = await db.selectFrom('thing_group').selectAll().where('name', '=', name).executeTakeFirst();
      return row && toGroup(row);
    },

    async list(page, { parent, prefix, recursive }) {
      let query = db
        .selectFrom('thing_group')
        .selectAll('thing_group')
        .orderBy('thing_group.name')
        .limit(page.limit + 1);
      if (page.after !== undefined) query = query.where('thing_group.name', '>', page.after);
      if (prefix !== undefined) {
        const end = prefixEnd(prefix);
        query = query.where('thing_group.name', '>=', prefix);
        if (end !== undefined) query = query.where('thing_group.name', '<', end);
      }
      if (!recursive) {
        query =
          parent === undefined
            ? query.where('thing_group.parent', 'is', null)
            : query.where('thing_group.parent', '=', parent);
      } else if (parent !== undefined) {
        query = query
          .innerJoin('group_path', 'group_path.descendant', 'thing_group.name')
          .where('group_path.ancestor', '=', parent)
          .where('group_path.depth', '>', 0);
      }
      return toPage(await query.execute(), page, toGroup, (row) => row.name);
    },

    async insert(group) {
      await db
        .insertInto('thing_group')
        .values({
          name: group.name,
          id: group.id,
          description: group.description ?? null,
          attributes: JSON.stringify(group.attributes),
          parent: group.parent ?? null,
          version: group.version,
          created_at: group.createdAt,
          query: null,
          built_up_to: null,
        })
        .execute();
      const above = group.parent === undefined ? [] : await ancestry(group.parent);
      const paths = [...above, group.name].map((ancestor, at, all) => ({
        ancestor,
        descendant: group.name,
        depth: all.length - 1 - at,
      }));
      await db.insertInto('group_path').values(paths).execute();
    },

    async update({ name, description, attributes, version }) {
      await db
        .updateTable('thing_group')
        .set({ description: description ?? null, attributes: JSON.stringify(attributes), version })
        .where('name', '=', name)
        .execute();
    },

    async delete(name) {
      await leaveJobs(db, name);
      await noteMembership(db, name);
      await db.deleteFrom('dynamic_group_source').where('group_name', '=', name).execute();
      await db.deleteFrom('membership').where('group_name', '=', name).execute();
      await db.deleteFrom('group_path').where('descendant', '=', name).execute();
      await db.deleteFrom('thing_group').where('name', '=', name).execute();
    },

    async hasChildren(name) {
      const row = await db.selectFrom('thing_group').select('name').where('parent', '=', name).executeTakeFirst();
      return row !== undefined;
    },

    async add(group, thing, at) {
      const there = await db
        .selectFrom('membership')
        .select('thing')
        .where('group_name', '=', group)
        .where('thing', '=', thing)
        .executeTakeFirst();
      if (there) return;
      await joinJobs(db, group, thing);
      await db.insertInto('membership').values({ group_name: group, thing, joined_at: at }).execute();
      await noteMembership(db, group, [thing]);
    },

    async remove(group, ...things) {
      await leaveJobs(db, group, things);
      await noteMembership(db, group, things);
      for (const chunk of lookups(things)) {
        await db.deleteFrom('membership').where('group_name', '=', group).where('thing', 'in', chunk).execute();
      }
    },

    async ofThing(thing, kind) {
      let query = db.selectFrom('membership').select('group_name').where('thing', '=', thing).orderBy('group_name');
      if (kind === 'static') {
        query = query
          .innerJoin('thing_group', 'thing_group.name', 'membership.group_name')
          .where('thing_group.query', 'is', null);
      }
      const rows = await query.execute();
      return rows.map((row) => row.group_name);
    },

    async members(group, recursive, page) {
      // One range of the index per group of the subtree, merged: a join would sort the whole fleet for each page.
      const names = new Set<string>();
      for (const each of recursive ? await subtree(group) : [group]) {
        let query = db
          .selectFrom('membership')
          .select('thing')
          .where('group_name', '=', each)
          .orderBy('thing')
          .limit(page.limit + 1);
        if (page.after !== undefined) query = query.where('thing', '>', page.after);
        for (const row of await query.execute()) names.add(row.thing);
      }
      const ordered = [...names].sort(byUtf8).slice(0, page.limit + 1);
      return toPage(
        ordered,
        page,
        (name) => name,
        (name) => name,
      );
    },
  };
}

/** The order of the database; JavaScript's own compares UTF-16 units. */
function byUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
