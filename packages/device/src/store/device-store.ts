import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { Fault, messageOf } from '@greensward/kit';
import type {
  ComponentSet,
  DeploymentOutcome,
  DeploymentRecord,
  GroupRecord,
  OwedStatus,
  SetEntry,
} from './records.ts';

/** Version of the tables; a store of a newer runtime is refused, one of an older runtime is migrated. */
const schemaVersion = 1;

const schema = `
  create table component (name text primary key, entry text not null) strict;
  create table thing_group (name text primary key, record text not null) strict;
  create table deployment (ordinal integer primary key autoincrement, key text not null unique, stage text not null, record text not null) strict;
  create table owed_status (id integer primary key autoincrement, status text not null) strict;
  create table counter (name text primary key, value integer not null) strict;
`;

/** Ended deployments that are remembered. */
const historyLength = 50;

/**
 * What the device must not forget, in one SQLite file: the component set, the groups behind it, the journal of deployments,
 * and the statuses that the cloud has not acknowledged. Synchronous; each transaction is durable when it returns.
 */
export interface DeviceStore {
  /** Runs `work` as one durable commit; nothing of it is kept when it throws. */
  transaction<T>(work: () => T): T;
  components(): ComponentSet;
  replaceComponents(set: Iterable<SetEntry>): void;
  groups(): ReadonlyMap<string, GroupRecord>;
  replaceGroups(groups: Readonly<Record<string, GroupRecord>>): void;
  /** Deployments that have not ended, in the order of their arrival. */
  openDeployments(): readonly DeploymentRecord[];
  /** True while a deployment replaces components: one is APPLYING or ROLLING_BACK. */
  isChanging(): boolean;
  deployment(key: string): DeploymentRecord | undefined;
  /** Deployments made on the device, open and ended, in the order of their arrival. */
  localDeployments(): readonly DeploymentRecord[];
  /** Inserts or replaces; an ended one pushes the oldest ended ones out of the history. */
  putDeployment(record: DeploymentRecord): void;
  deleteDeployment(key: string): void;
  /** Oldest first. */
  owedStatuses(): readonly OwedStatus[];
  owe(status: DeploymentOutcome): void;
  updateOwed(status: OwedStatus): void;
  settle(id: number): void;
  /** The next number of a named sequence, from 0, never given twice. */
  next(sequence: string): number;
  close(): void;
}

/**
 * Opens or creates the store.
 *
 * @throws Fault `STORE_IN_USE` when another runtime has it, `STORE_NEWER`, `STORE_CORRUPT`: each with one line for a person.
 */
export function openDeviceStore(file: string): DeviceStore {
  const database = openDatabase(file);
  const statements = new Map<string, StatementSync>();
  const sql = (text: string): StatementSync => {
    const known = statements.get(text);
    if (known !== undefined) return known;
    const prepared = database.prepare(text);
    statements.set(text, prepared);
    return prepared;
  };
  const rows = <T>(text: string, column: string, ...values: (string | number)[]): T[] =>
    sql(text)
      .all(...values)
      .map((row) => JSON.parse(String(row[column])));

  return {
    transaction(work) {
      database.exec('begin immediate');
      try {
        const result = work();
        database.exec('commit');
        return result;
      } catch (error) {
        if (database.isTransaction) database.exec('rollback');
        throw error;
      }
    },
    components: () =>
      new Map(rows<SetEntry>('select entry from component order by name', 'entry').map((entry) => [entry.name, entry])),
    replaceComponents(set) {
      sql('delete from component').run();
      for (const entry of set) sql('insert into component values (?, ?)').run(entry.name, JSON.stringify(entry));
    },
    groups() {
      const all = sql('select name, record from thing_group order by name').all();
      return new Map(all.map((row) => [String(row['name']), JSON.parse(String(row['record']))]));
    },
    replaceGroups(groups) {
      sql('delete from thing_group').run();
      for (const [name, record] of Object.entries(groups)) {
        sql('insert into thing_group values (?, ?)').run(name, JSON.stringify(record));
      }
    },
    openDeployments: () => rows("select record from deployment where stage <> 'ENDED' order by ordinal", 'record'),
    isChanging: () =>
      sql("select 1 from deployment where stage in ('APPLYING', 'ROLLING_BACK') limit 1").get() !== undefined,
    deployment: (key) => rows<DeploymentRecord>('select record from deployment where key = ?', 'record', key)[0],
    localDeployments: () => rows("select record from deployment where key like 'local/%' order by ordinal", 'record'),
    putDeployment(record) {
      const text = JSON.stringify(record);
      sql(
        'insert into deployment (key, stage, record) values (?, ?, ?) on conflict (key) do update set stage = excluded.stage, record = excluded.record',
      ).run(record.key, record.stage, text);
      if (record.stage !== 'ENDED') return;
      // Each for itself: many local ones must not push out what tells that a job has been run.
      const same = `stage = 'ENDED' and (key like 'local/%') = ${record.source.kind === 'local' ? 1 : 0}`;
      sql(
        `delete from deployment where ${same} and ordinal not in (select ordinal from deployment where ${same} order by ordinal desc limit ?)`,
      ).run(historyLength);
    },
    deleteDeployment: (key) => void sql('delete from deployment where key = ?').run(key),
    owedStatuses() {
      const all = sql('select id, status from owed_status order by id').all();
      return all.map((row) => ({ ...JSON.parse(String(row['status'])), id: Number(row['id']) }));
    },
    owe: (status) =>
      void sql('insert into owed_status (status) values (?)').run(JSON.stringify({ ...status, reported: false })),
    updateOwed: (status) =>
      void sql('update owed_status set status = ? where id = ?').run(JSON.stringify(status), status.id),
    settle: (id) => void sql('delete from owed_status where id = ?').run(id),
    next(sequence) {
      const row = sql(
        'insert into counter values (?, 0) on conflict (name) do update set value = value + 1 returning value',
      ).get(sequence);
      return Number(row?.['value']);
    },
    close() {
      statements.clear();
      database.close();
    },
  };
}

function openDatabase(file: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file);
    // One runtime a root folder: the lock is freed by any death of its holder.
    database.exec('pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = full;');
    database.exec('begin immediate');
    migrate(database, file);
    database.exec('commit');
    return database;
  } catch (error) {
    database?.close();
    if (error instanceof Fault) throw error;
    const message = messageOf(error);
    if (/locked|busy/i.test(message)) {
      throw new Fault('STORE_IN_USE', `${file} is in use: another device runtime has this root folder`, {
        cause: error,
      });
    }
    throw new Fault('STORE_CORRUPT', `${file} cannot be read (${message}): restore it, or provision the device anew`, {
      cause: error,
    });
  }
}

function migrate(database: DatabaseSync, file: string): void {
  const version = Number(database.prepare('pragma user_version').get()?.['user_version']);
  if (version > schemaVersion) {
    throw new Fault(
      'STORE_NEWER',
      `${file} was written by a newer runtime (store version ${version}, this one knows ${schemaVersion})`,
    );
  }
  if (version === 0) database.exec(`${schema} pragma user_version = ${schemaVersion};`);
  const [check] = database.prepare('pragma quick_check(1)').all();
  if (check?.['quick_check'] !== 'ok')
    throw new Fault('STORE_CORRUPT', `${file} is damaged (${String(check?.['quick_check'])})`);
}
