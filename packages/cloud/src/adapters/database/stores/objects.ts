import type { ObjectIndex, StoredObject } from '../../../ports/storage.ts';
import { prefixEnd, present, toPage } from '../rows.ts';
import type { ObjectRow, Queries } from '../schema.ts';

const toObject = (row: ObjectRow): StoredObject => ({
  bucket: row.bucket,
  key: row.key,
  sha256: row.sha256,
  size: row.size,
  etag: row.etag,
  ...present({ contentType: row.content_type }),
  modifiedAt: row.modified_at,
});

export function objectIndex(db: Queries): ObjectIndex {
  return {
    async createBucket(name, at) {
      await db.insertInto('bucket').values({ name, created_at: at }).execute();
    },

    async bucket(name) {
      const row = await db.selectFrom('bucket').selectAll().where('name', '=', name).executeTakeFirst();
      return row && { name: row.name, createdAt: row.created_at };
    },

    async buckets() {
      const rows = await db.selectFrom('bucket').selectAll().orderBy('name').execute();
      return rows.map((row) => ({ name: row.name, createdAt: row.created_at }));
    },

    async deleteBucket(name) {
      await db.deleteFrom('bucket').where('name', '=', name).execute();
    },

    async get(bucket, key) {
      const row = await db
        .selectFrom('object')
        .selectAll()
        .where('bucket', '=', bucket)
        .where('key', '=', key)
        .executeTakeFirst();
      return row && toObject(row);
    },

    async list(bucket, prefix, page) {
      const end = prefixEnd(prefix);
      let query = db
        .selectFrom('object')
        .selectAll()
        .where('bucket', '=', bucket)
        .where('key', '>=', prefix)
        .orderBy('key')
        .limit(page.limit + 1);
      if (end !== undefined) query = query.where('key', '<', end);
      if (page.after !== undefined) query = query.where('key', '>', page.after);
      return toPage(await query.execute(), page, toObject, (row) => row.key);
    },

    async put(object) {
      const kept = {
        sha256: object.sha256,
        size: object.size,
        etag: object.etag,
        content_type: object.contentType ?? null,
        modified_at: object.modifiedAt,
      };
      await db
        .insertInto('object')
        .values({ bucket: object.bucket, key: object.key, ...kept })
        .onConflict((conflict) => conflict.columns(['bucket', 'key']).doUpdateSet(kept))
        .execute();
    },

    async delete(bucket, key) {
      await db.deleteFrom('object').where('bucket', '=', bucket).where('key', '=', key).execute();
    },

    async usesContent(sha256) {
      const row = await db.selectFrom('object').select('key').where('sha256', '=', sha256).executeTakeFirst();
      return row !== undefined;
    },
  };
}
