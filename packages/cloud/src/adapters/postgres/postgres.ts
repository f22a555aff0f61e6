import { Fault, type Log, messageOf } from '@greensward/kit';
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import type { Storage, Tx } from '../../ports/storage.ts';
import { migrate } from '../database/migrate.ts';
import { NestingGuard } from '../database/nesting.ts';
import type { Queries, Schema } from '../database/schema.ts';
import { createTx } from '../database/tx.ts';

/** Any number that no other program on the database takes: "GRSW". */
const writeLock = 0x47525357;
const shards = 16;
const attempts = 5;

/** PostgreSQL: serialization_failure, deadlock_detected. The transaction is gone and may be run again. */
const repeatable = ['40001', '40P01'];

/**
 * Opens (migrates) a PostgreSQL database, `postgres://user@host/name`. `write` resolves after the commit; its work may
 * run again from the start when the database asks for it. Throws `DATABASE_UNREACHABLE` when no connection can be made
 * and `DATA_FOLDER_NEWER` for a database of a later version.
 */
export async function openPostgres({ url, log }: { url: string; log: Log }): Promise<Storage> {
  const pool = new pg.Pool({ connectionString: url, types: { getTypeParser } });
  // A connection that breaks while nobody uses it; the pool makes another.
  pool.on('error', (error) => log.warn('a database connection was lost', { error: error.message }));
  await probe(pool);
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  const guard = new NestingGuard();

  const write = <T>(work: (transaction: Queries) => Promise<T>) =>
    again(() =>
      db
        .transaction()
        .setIsolationLevel('read committed')
        .execute(async (transaction) => {
          // The port promises that writers take turns. One lock for all of them is the simplest way to keep that
          // between replicas too; it goes with the transaction.
          await sql`select pg_advisory_xact_lock(${sql.lit(writeLock)})`.execute(transaction);
          return await work(transaction);
        }),
    );

  try {
    await write((transaction) => migrate(transaction, { text: 'text collate "C"' }));
  } catch (error) {
    await db.destroy();
    throw error;
  }

  let closing: Promise<void> | undefined;
  return {
    write: <T>(work: (tx: Tx) => Promise<T>) =>
      guard.run(() => write((transaction) => work(createTx(transaction, shards)))),
    read: (work) =>
      guard.run(() =>
        db
          .transaction()
          .setIsolationLevel('repeatable read')
          .setAccessMode('read only')
          .execute((transaction) => work(createTx(transaction, shards))),
      ),
    close: () => {
      closing ??= db.destroy();
      return closing;
    },
  };
}

async function probe(pool: pg.Pool): Promise<void> {
  try {
    (await pool.connect()).release();
  } catch (error) {
    await pool.end();
    // The address may hold a password, so the message names what went wrong and not where.
    throw new Fault('DATABASE_UNREACHABLE', `the database cannot be reached: ${messageOf(error)}`, { cause: error });
  }
}

async function again<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run();
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (!repeatable.includes(code) || attempt === attempts) throw error;
    }
  }
}

/** bigint (oid 20) as a number: times, sizes and counts stay far below 2^53. */
function getTypeParser(oid: number, format?: 'text' | 'binary') {
  return oid === 20 ? Number : pg.types.getTypeParser(oid, format);
}
