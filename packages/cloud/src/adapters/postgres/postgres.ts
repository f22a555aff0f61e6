import { type Clock, Fault, type Log, messageOf } from '@greensward/kit';
import { systemClock } from '@greensward/kit/node';
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

/** From asking for a connection to having one. */
const connectMs = 10_000;

/**
 * Opens (migrates) a PostgreSQL database, `postgres://user@host/name`. `write` resolves after the commit; its work may
 * run again from the start when the database asks for it. Throws `DATABASE_UNREACHABLE` when no connection can be made
 * and `DATA_FOLDER_NEWER` for a database of a later version.
 */
export async function openPostgres({
  url,
  log,
  clock = systemClock,
}: {
  url: string;
  log: Log;
  /** The time of events. */
  clock?: Clock;
}): Promise<Storage> {
  const pool = new pg.Pool({ connectionString: url, types: { getTypeParser }, connectionTimeoutMillis: connectMs });
  // A connection that breaks while nobody uses it; the pool makes another.
  pool.on('error', (error) => log.warn('a database connection was lost', { error: error.message }));
  // One that breaks under a transaction fails its next query; unheard, the event itself would end the process.
  pool.on('connect', (client) => {
    client.on('error', (error) => log.debug('a database connection broke', { error: error.message }));
  });
  await probe(pool);
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  const guard = new NestingGuard();

  // Writers of this process queue here and not on the lock of the database: there each would hold a connection that
  // readers need. What comes after a commit (a message to a device) is under way before the next writer begins.
  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = turn.then(run);
    turn = result.catch(() => {});
    return result;
  }

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
    await write((transaction) => migrate(transaction, { text: 'text collate "C"', bytes: 'bytea' }));
  } catch (error) {
    await db.destroy();
    throw error;
  }

  let closing: Promise<void> | undefined;
  return {
    write: <T>(work: (tx: Tx) => Promise<T>) =>
      guard.run(() => inTurn(() => reached(() => write((transaction) => work(createTx(transaction, shards, clock)))))),
    read: (work) =>
      guard.run(() =>
        reached(() =>
          db
            .transaction()
            .setIsolationLevel('repeatable read')
            .setAccessMode('read only')
            .execute((transaction) => work(createTx(transaction, shards, clock))),
        ),
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

/** Errors of the connection, and of a server that starts, stops or is full: the same call may succeed later. */
const passing =
  /^(08...|53...|57P0[1-3]|ECONN[A-Z]+|ENOENT|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|ENOTFOUND)$/;

const driverWords =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/;

/** Hands on what the work threw; that the database cannot be reached, which no caller is to blame for, as one Fault. */
async function reached<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof Fault) throw error;
    const code = 'code' in error ? String(error.code) : '';
    // The driver has no code for these.
    const lost = code === '' && driverWords.test(error.message);
    if (!lost && !passing.test(code)) throw error;
    throw new Fault('DATABASE_UNREACHABLE', `the database cannot be reached: ${messageOf(error)}`, {
      retryable: true,
      cause: error,
    });
  }
}

/** bigint (oid 20) as a number: times, sizes and counts stay far below 2^53. */
function getTypeParser(oid: number, format?: 'text' | 'binary') {
  return oid === 20 ? Number : pg.types.getTypeParser(oid, format);
}
