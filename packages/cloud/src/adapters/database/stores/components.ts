import type { ComponentVersion } from '../../../domain/components/component.ts';
import type { ComponentStore } from '../../../ports/storage.ts';
import { chunks, fromJson, present, toPage } from '../rows.ts';
import type { ComponentRow, Queries } from '../schema.ts';

const toComponent = (row: ComponentRow): ComponentVersion => ({
  name: row.name,
  version: row.version,
  recipe: row.recipe,
  recipeFormat: row.recipe_format,
  ...present({ publisher: row.publisher, description: row.description }),
  platforms: fromJson(row.platforms),
  artifacts: fromJson(row.artifacts),
  state: row.state,
  message: row.message,
  errors: fromJson(row.errors),
  createdAt: row.created_at,
});

export function componentStore(db: Queries): ComponentStore {
  return {
    async get(name, version) {
      const row = await db
        .selectFrom('component_version')
        .selectAll()
        .where('name', '=', name)
        .where('version', '=', version)
        .executeTakeFirst();
      return row && toComponent(row);
    },

    async versions(name) {
      const rows = await db.selectFrom('component_version').selectAll().where('name', '=', name).execute();
      return rows.map(toComponent);
    },

    async names(page) {
      let query = db
        .selectFrom('component_version')
        .select('name')
        .distinct()
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

    async insert(component) {
      const { name, version } = component;
      await db
        .insertInto('component_version')
        .values({
          name,
          version,
          recipe: component.recipe,
          recipe_format: component.recipeFormat,
          publisher: component.publisher ?? null,
          description: component.description ?? null,
          platforms: JSON.stringify(component.platforms),
          artifacts: JSON.stringify(component.artifacts),
          state: component.state,
          message: component.message,
          errors: JSON.stringify(component.errors),
          created_at: component.createdAt,
        })
        .execute();
      const hashes = [...new Set(component.artifacts.map((artifact) => artifact.sha256))];
      for (const chunk of chunks(hashes.map((sha256) => ({ name, version, sha256 })))) {
        await db.insertInto('component_content').values(chunk).execute();
      }
    },

    async delete(name, version) {
      await db.deleteFrom('component_content').where('name', '=', name).where('version', '=', version).execute();
      await db.deleteFrom('component_version').where('name', '=', name).where('version', '=', version).execute();
    },

    async usesContent(sha256) {
      const row = await db
        .selectFrom('component_content')
        .select('name')
        .where('sha256', '=', sha256)
        .executeTakeFirst();
      return row !== undefined;
    },
  };
}
