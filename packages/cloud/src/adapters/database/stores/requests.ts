import type { AccessKeyStore, IdempotencyStore, TagStore } from '../../../ports/storage.ts';
import { chunks, lookups } from '../rows.ts';
import type { Queries, Schema } from '../schema.ts';

export function tagStore(db: Queries): TagStore {
  return {
    async get(arn) {
      const rows = await db.selectFrom('tag').select(['key', 'value']).where('arn', '=', arn).orderBy('key').execute();
      return Object.fromEntries(rows.map((row) => [row.key, row.value]));
    },

    async put(arn, tags) {
      const rows = Object.entries(tags).map(([key, value]) => ({ arn, key, value }));
      for (const chunk of chunks(rows)) {
        await db
          .insertInto('tag')
          .values(chunk)
          .onConflict((conflict) =>
            conflict.columns(['arn', 'key']).doUpdateSet((eb) => ({ value: eb.ref('excluded.value') })),
          )
          .execute();
      }
    },

    async remove(arn, keys) {
      for (const chunk of lookups(keys)) {
        await db.deleteFrom('tag').where('arn', '=', arn).where('key', 'in', chunk).execute();
      }
    },

    async clear(arn) {
      await db.deleteFrom('tag').where('arn', '=', arn).execute();
    },
  };
}

export function idempotencyStore(db: Queries): IdempotencyStore {
  return {
    async get(operation, token, now) {
      const row = await db
        .selectFrom('idempotent_answer')
        .selectAll()
        .where('operation', '=', operation)
        .where('token', '=', token)
        .where('expires_at', '>', now)
        .executeTakeFirst();
      return (
        row && {
          operation: row.operation,
          token: row.token,
          requestHash: row.request_hash,
          response: row.response,
          expiresAt: row.expires_at,
        }
      );
    },

    async put(answer) {
      const kept = { request_hash: answer.requestHash, response: answer.response, expires_at: answer.expiresAt };
      await db
        .insertInto('idempotent_answer')
        .values({ operation: answer.operation, token: answer.token, ...kept })
        .onConflict((conflict) => conflict.columns(['operation', 'token']).doUpdateSet(kept))
        .execute();
    },

    async prune(now) {
      await db.deleteFrom('idempotent_answer').where('expires_at', '<=', now).execute();
    },
  };
}

const toKey = (row: Schema['access_key']) => ({ id: row.id, secret: row.secret, createdAt: row.created_at });

export function accessKeyStore(db: Queries): AccessKeyStore {
  return {
    async get(id) {
      const row = await db.selectFrom('access_key').selectAll().where('id', '=', id).executeTakeFirst();
      return row && toKey(row);
    },

    async list() {
      return (await db.selectFrom('access_key').selectAll().orderBy('created_at').orderBy('id').execute()).map(toKey);
    },

    async insert(key) {
      await db.insertInto('access_key').values({ id: key.id, secret: key.secret, created_at: key.createdAt }).execute();
    },
  };
}
