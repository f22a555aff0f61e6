import type { LeaseStore } from '../../../ports/storage.ts';
import type { Queries } from '../schema.ts';

/** Far more than clocks of replicas differ. */
const forgetAfterMs = 3_600_000;

export function leaseStore(db: Queries): LeaseStore {
  return {
    async heldUntil(name, holder, now) {
      const row = await db
        .selectFrom('lease')
        .select('ends_at')
        .where('name', '=', name)
        .where('holder', '!=', holder)
        .where('ends_at', '>', now)
        .executeTakeFirst();
      return row?.ends_at;
    },

    async put(name, holder, endsAt) {
      await db
        .insertInto('lease')
        .values({ name, holder, ends_at: endsAt })
        .onConflict((conflict) => conflict.column('name').doUpdateSet({ holder, ends_at: endsAt }))
        .execute();
    },

    async release(name, holder, now) {
      await db
        .deleteFrom('lease')
        .where((eb) =>
          eb.or([eb.and([eb('name', '=', name), eb('holder', '=', holder)]), eb('ends_at', '<', now - forgetAfterMs)]),
        )
        .execute();
    },
  };
}
