import type { TelemetryStore } from '../../../ports/storage.ts';
import { chunks } from '../rows.ts';
import type { Queries } from '../schema.ts';

export function telemetryStore(db: Queries): TelemetryStore {
  return {
    async get(thing) {
      const row = await db.selectFrom('telemetry').selectAll().where('thing', '=', thing).executeTakeFirst();
      return row && { thing: row.thing, message: row.message, receivedAt: row.received_at };
    },

    async put(list) {
      const rows = list.map(({ thing, message, receivedAt }) => ({ thing, message, received_at: receivedAt }));
      for (const chunk of chunks(rows)) {
        await db
          .insertInto('telemetry')
          .values(chunk)
          .onConflict((conflict) =>
            conflict.column('thing').doUpdateSet((eb) => ({
              message: eb.ref('excluded.message'),
              received_at: eb.ref('excluded.received_at'),
            })),
          )
          .execute();
      }
    },
  };
}
