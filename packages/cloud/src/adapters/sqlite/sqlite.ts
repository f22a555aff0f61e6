import { DatabaseSync } from 'node:sqlite';
import { type Clock, Fault, type Log, messageOf } from '@greensward/kit';
import { systemClock } from '@greensward/kit/node';
import { Kysely } from 'kysely';
import type { Storage, Tx } from '../../ports/storage.ts';
import { migrate } from '../database/migrate.ts';
import { NestingGuard } from '../database/nesting.ts';
import type { Schema } from '../database/schema.ts';
import { createTx } from '../database/tx.ts';
import { sqliteDialect } from './sqlite-dialect.ts';

/**
 * Opens (creates, migrates) the database in `file`; its folder must exist. `:memory:` keeps it in memory, for tests.
 * What `write` resolved is on the disk: WAL with synchronous=FULL. One connection writes, one reads; on each,
 * transactions take turns. Throws `DATABASE_CORRUPT` for a damaged file or another kind of file, and
 * `DATA_FOLDER_NEWER` for a database of a later version.
 */
export async function openSqlite({
  file,
  log,
  clock = systemClock,
}: {
  file: string;
  log: Log;
  /** The time of events. */
  clock?: Clock;
}): Promise<Storage> {
  const database = openChecked(file);
  const writer = new Kysely<Schema>({ dialect: sqliteDialect(database, 'begin immediate') });
  try {
    await writer.transaction().execute((transaction) => migrate(transaction, { text: 'text', bytes: 'blob' }));
  } catch (error) {
    await writer.destroy();
    throw error;
  }
  const reader =
    file === ':memory:'
      ? writer
      : new Kysely<Schema>({ dialect: sqliteDialect(new DatabaseSync(file, { readOnly: true }), 'begin') });

  const guard = new NestingGuard();
  const run = <T>(db: Kysely<Schema>, work: (tx: Tx) => Promise<T>) =>
    guard.run(() => db.transaction().execute((transaction) => work(createTx(transaction, 1, clock))));
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    if (reader !== writer) await reader.destroy();
    try {
      // The writer's turn, so that a transaction under way ends first.
      await writer.connection().execute(async () => {
        database.exec('pragma wal_checkpoint(truncate)');
      });
    } catch (error) {
      log.warn('the write-ahead log was not folded into the database', { file, error: messageOf(error) });
    }
    await writer.destroy();
  }

  return {
    write: (work) => run(writer, work),
    read: (work) => run(reader, work),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** SQLite: SQLITE_CORRUPT, SQLITE_NOTADB. */
const damage = [11, 26];

function openChecked(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { enableForeignKeyConstraints: true, timeout: 5000 });
  try {
    database.exec('pragma journal_mode = wal; pragma synchronous = full');
    const found = database.prepare('pragma quick_check(1)').get()?.['quick_check'];
    if (found !== 'ok') throw corrupt(file, firstLine(found));
    return database;
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && damage.includes(Number(error.errcode) & 0xff)) {
      throw corrupt(file, firstLine(error.message), error);
    }
    throw error;
  }
}

function corrupt(file: string, reason: string, cause?: unknown): Fault {
  return new Fault('DATABASE_CORRUPT', `the database ${file} is damaged (${reason}): restore it from a backup`, {
    context: { file },
    cause,
  });
}

function firstLine(text: unknown): string {
  return String(text).replace(/\s*\n\s*/g, ' ');
}
