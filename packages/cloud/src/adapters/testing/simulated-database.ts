import { DatabaseSync } from 'node:sqlite';
import { type DatabaseConnection, type Driver, Kysely } from 'kysely';
import type { Storage, Tx } from '../../ports/storage.ts';
import { migrate } from '../database/migrate.ts';
import { NestingGuard } from '../database/nesting.ts';
import type { Schema } from '../database/schema.ts';
import { createTx } from '../database/tx.ts';
import { sqliteDialect } from '../sqlite/sqlite-dialect.ts';

/** Who uses the database: a process of the cloud, which may die of it. */
export interface Owner {
  alive(): boolean;
  /** A statement of a writing transaction is about to run; may kill the owner. */
  onStatement(): void;
  onCommitted(): void;
  /** Virtual time passes: before a transaction begins, or while its commit reaches the disk. */
  delay(what: 'write' | 'read' | 'commit'): Promise<void>;
}

/** A row that a committed transaction wrote. */
export interface Change {
  readonly table: keyof typeof watched;
  readonly before?: Readonly<Record<string, string | number | null>>;
  readonly after?: Readonly<Record<string, string | number | null>>;
}

/** The owner died: what it was doing is rolled back. */
class Killed extends Error {
  constructor() {
    super('the process was killed');
  }
}

const watched = {
  execution: [
    'job_id',
    'thing',
    'number',
    'carrier',
    'newest',
    'status',
    'version',
    'queued_at',
    'started_at',
    'times_out_at',
    'force_canceled',
  ],
  job: [
    'id',
    'deployment_id',
    'target_name',
    'target_kind',
    'status',
    'reason_code',
    'configuration',
    'force_canceled',
    'rollout_after',
    'retry_after',
  ],
  job_end: ['job_id', 'deleted'],
  deployment: ['id', 'target_arn', 'target_name', 'revision', 'status', 'latest', 'job_id'],
  membership: ['group_name', 'thing'],
} as const;

/**
 * The real storage on a SQLite file that several processes share, as they would share a server: the real dialect, migrations and
 * stores, with one writing and one reading connection. Transactions take virtual time, may be cut between any two statements, and
 * what was committed is told row by row, by temporary triggers: a transaction that was rolled back has told nothing.
 */
export class SimulatedDatabase {
  /** Virtual time. */
  now: () => number = () => 0;
  /** Told right after a commit. `began`: virtual time at which its statements ran. */
  onCommit: (changes: readonly Change[], began: number) => void = () => {};
  readonly #writing: DatabaseSync;
  readonly #writer: Kysely<Schema>;
  readonly #reader: Kysely<Schema>;
  /** What brings every table back to what it is when it is new. */
  #asNew = '';
  #owner: Owner | undefined;
  #writers = 0;
  #began = 0;

  private constructor(file: string) {
    this.#writing = new DatabaseSync(file, { enableForeignKeyConstraints: true });
    // What a killed process had committed is there for the next one: the machine does not die here, so nothing is synced.
    this.#writing.exec('pragma journal_mode = wal; pragma synchronous = off');
    const dialect = sqliteDialect(this.#writing, 'begin immediate');
    this.#writer = new Kysely({
      dialect: { ...dialect, createDriver: () => this.#gated(dialect.createDriver()) },
    });
    this.#reader = new Kysely({ dialect: sqliteDialect(new DatabaseSync(file, { readOnly: true }), 'begin') });
  }

  static async open(file: string): Promise<SimulatedDatabase> {
    // The reading connection needs a file.
    new DatabaseSync(file).close();
    const database = new SimulatedDatabase(file);
    await database.#writer
      .transaction()
      .execute((transaction) => migrate(transaction, { text: 'text', bytes: 'blob' }));
    database.#keepNew();
    database.#watch();
    return database;
  }

  /** A transaction is being written, or waits for its turn: let time pass before the database is wiped. */
  busy(): boolean {
    return this.#writers > 0;
  }

  /** As new, in much less time. */
  wipe(): void {
    this.#writing.exec(`pragma foreign_keys = off; begin; ${this.#asNew} commit; pragma foreign_keys = on`);
    this.#owner = undefined;
  }

  /** What a process has of it. Calls of a dead one are never answered, as its memory is gone. */
  storageFor(owner: Owner): Storage {
    const guard = new NestingGuard();
    const answered = async <T>(work: () => Promise<T>): Promise<T> => {
      try {
        const result = await work();
        if (owner.alive()) return result;
      } catch (error) {
        if (owner.alive()) throw error;
      }
      return new Promise<never>(() => {});
    };
    const inOne = <T>(db: Kysely<Schema>, kind: 'write' | 'read', work: (tx: Tx) => Promise<T>) =>
      answered(async () => {
        await owner.delay(kind);
        return guard.run(() =>
          db.transaction().execute((transaction) => {
            if (!owner.alive()) throw new Killed();
            if (kind === 'write') {
              this.#owner = owner;
              this.#began = this.now();
            }
            return work(createTx(transaction, 1, { now: () => this.now() }));
          }),
        );
      });
    return {
      write: (work) => inOne(this.#writer, 'write', work),
      read: (work) => inOne(this.#reader, 'read', work),
      close: async () => {},
    };
  }

  async close(): Promise<void> {
    await this.#reader.destroy();
    await this.#writer.destroy();
  }

  /** Some tables are not empty when they are new. */
  #keepNew(): void {
    const tables = this.#writing.prepare("select name from main.sqlite_master where type = 'table'").all();
    const statements = tables.map(({ name }) => {
      const empty = this.#writing.prepare(`select 1 from main."${name}"`).get() === undefined;
      if (!empty) this.#writing.exec(`create temp table "new_${name}" as select * from main."${name}"`);
      return `delete from main."${name}"; ${empty ? '' : `insert into main."${name}" select * from temp."new_${name}";`}`;
    });
    this.#asNew = [...statements, 'delete from temp.change;'].join(' ');
  }

  #watch(): void {
    const column = (table: keyof typeof watched, row: 'old' | 'new') =>
      `json_object(${watched[table].map((name) => `'${name}', ${row}."${name}"`).join(', ')})`;
    this.#writing.exec('create temp table change (at integer primary key, name text, before text, after text)');
    for (const table of ['execution', 'job', 'job_end', 'deployment', 'membership'] as const) {
      for (const [event, before, after] of [
        ['insert', 'null', column(table, 'new')],
        ['update', column(table, 'old'), column(table, 'new')],
        ['delete', column(table, 'old'), 'null'],
      ]) {
        this.#writing.exec(`create temp trigger ${table}_${event} after ${event} on main.${table} begin
          insert into change (name, before, after) values ('${table}', ${before}, ${after}); end`);
      }
    }
  }

  #committed(): void {
    const rows: Record<string, unknown>[] = this.#writing.prepare('select * from temp.change order by at').all();
    if (rows.length > 0) this.#writing.exec('delete from temp.change');
    const changes = rows.map((row): Change => {
      const { name, before, after } = row;
      return {
        table: name as Change['table'],
        ...(typeof before === 'string' ? { before: JSON.parse(before) } : {}),
        ...(typeof after === 'string' ? { after: JSON.parse(after) } : {}),
      };
    });
    this.onCommit(changes, this.#began);
  }

  /** The driver, with the places where a process may die. */
  #gated(driver: Driver): Driver {
    let inner: DatabaseConnection | undefined;
    const required = () => {
      if (inner === undefined) throw new Error('no connection is open');
      return inner;
    };
    const connection: DatabaseConnection = {
      executeQuery: (query) => {
        this.#owner?.onStatement();
        if (this.#owner?.alive() === false) return Promise.reject(new Killed());
        return required().executeQuery(query);
      },
      streamQuery: () => {
        throw new Error('rows are not streamed');
      },
    };
    return {
      init: () => driver.init(),
      destroy: () => driver.destroy(),
      acquireConnection: async () => {
        this.#writers += 1;
        inner = await driver.acquireConnection();
        return connection;
      },
      releaseConnection: async () => {
        this.#owner = undefined;
        this.#writers -= 1;
        await driver.releaseConnection(required());
      },
      beginTransaction: (_, settings) => driver.beginTransaction(required(), settings),
      commitTransaction: async () => {
        const owner = this.#owner;
        owner?.onStatement();
        await owner?.delay('commit');
        if (owner?.alive() === false) throw new Killed();
        await driver.commitTransaction(required());
        if (owner === undefined) return;
        this.#committed();
        owner.onCommitted();
      },
      rollbackTransaction: () => driver.rollbackTransaction(required()),
    };
  }
}
