import type { QuerySource } from '@greensward/model/fleet-query';
import { chunks, lookups } from '../rows.ts';
import type { Queries } from '../schema.ts';

/** What changes of a thing: that it is there, which every query looks at, or one source of queries. */
type Change = 'thing' | QuerySource;

/** Any shadow, for those queries that look at all of them. */
const anyShadow = 'shadow/*';

/**
 * Notes what changed of things, in the transaction that changes it, as far as the query of a dynamic group looks at it: one
 * look-up where none does.
 */
export async function noteChanges(
  db: Queries,
  changes: readonly { readonly thing: string; readonly source: Change }[],
): Promise<void> {
  const watched = await watchedOf(
    db,
    changes.map(({ source }) => source),
  );
  const rows = changes.filter(({ source }) => watched.has(source));
  for (const chunk of chunks(rows)) {
    await db
      .insertInto('thing_change')
      .values([...chunk])
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

/** {@link noteChanges} for the memberships of things, or of all that are in it, in a group: of static ones only. */
export async function noteMembership(db: Queries, group: string, things?: readonly string[]): Promise<void> {
  if ((await watchedOf(db, ['groups'])).size === 0) return;
  const members = db
    .selectFrom('membership')
    .innerJoin('thing_group', 'thing_group.name', 'membership.group_name')
    .where('membership.group_name', '=', group)
    .where('thing_group.query', 'is', null)
    .select((eb) => ['membership.thing', eb.val('groups').as('source')]);
  const queries =
    things === undefined
      ? [members]
      : Array.from(lookups(things), (chunk) => members.where('membership.thing', 'in', chunk));
  for (const query of queries) {
    await db
      .insertInto('thing_change')
      .columns(['thing', 'source'])
      .expression(query)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

/** {@link noteChanges} for the connections of all things that are connected. */
export async function noteConnected(db: Queries): Promise<void> {
  if ((await watchedOf(db, ['connectivity'])).size === 0) return;
  await db
    .insertInto('thing_change')
    .columns(['thing', 'source'])
    .expression(
      db
        .selectFrom('thing_connection')
        .where('connected', '=', 1)
        .select((eb) => ['thing', eb.val('connectivity').as('source')]),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Those of the sources that the query of some group looks at. */
async function watchedOf(db: Queries, sources: readonly Change[]): Promise<ReadonlySet<Change>> {
  const asked = new Set<Change>(sources);
  if (asked.size === 0) return asked;
  const looked = sources.some((source) => source.startsWith('shadow/')) ? [...asked, anyShadow] : [...asked];
  const rows = await db
    .selectFrom('dynamic_group_source')
    .select('source')
    .distinct()
    .where('source', 'in', looked)
    .execute();
  const found = new Set(rows.map((row) => row.source));
  if (found.size === 0) return new Set();
  const isWatched = (source: Change) => found.has(source) || (source.startsWith('shadow/') && found.has(anyShadow));
  return new Set([...asked].filter(isWatched));
}
