import { Fault } from '@greensward/kit';
import { CompiledQuery, type Kysely, sql } from 'kysely';
import type { ColumnTypes, Migration } from './migrations/migration.ts';
import { migrations } from './migrations/migrations.ts';

/**
 * Brings a database to the newest schema; call it inside one transaction that keeps other writers out. Applying again
 * does nothing. Throws `DATA_FOLDER_NEWER` for a database that a later version of the program has migrated further.
 */
export async function migrate<T>(
  db: Kysely<T>,
  types: ColumnTypes,
  steps: readonly Migration[] = migrations,
): Promise<void> {
  await sql`create table if not exists migration (number integer primary key, name text not null)`.execute(db);
  const applied = await sql<{ number: number | null }>`select max(number) as number from migration`.execute(db);
  const at = applied.rows[0]?.number ?? 0;
  const known = steps.at(-1)?.number ?? 0;
  if (at > known) {
    throw new Fault(
      'DATA_FOLDER_NEWER',
      `the database is at schema version ${at}, this program knows up to ${known}: run a newer version of it`,
      { context: { found: at, known } },
    );
  }
  for (const step of steps.filter((each) => each.number > at)) {
    for (const statement of step.statements(types)) await db.executeQuery(CompiledQuery.raw(statement));
    await sql`insert into migration (number, name) values (${step.number}, ${step.name})`.execute(db);
  }
}
