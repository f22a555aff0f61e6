import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { type Cancel, Fault, messageOf, type Timers } from '@greensward/kit';
import type { ConfigurationTree } from '@greensward/model/configuration';
import { lockStore, storeInUse } from './lock-store.ts';
import type {
  ComponentSet,
  DeploymentOutcome,
  DeploymentRecord,
  GroupRecord,
  OwedStatus,
  SetEntry,
} from './records.ts';

/** Version of the tables; a store of a newer runtime is refused, one of an older runtime is migrated. */
export const storeVersion = 1;

const schema = `
  create table component (name text primary key, entry text not null) strict;
  create table thing_group (name text primary key, record text not null) strict;
  create table deployment (ordinal integer primary key autoincrement, key text not null unique, stage text not null, record text not null) strict;
  create table owed_status (id integer primary key autoincrement, status text not null) strict;
  create table counter (name text primary key, value integer not null) strict;
`;

/** How long another connection may keep the database from the runtime: commands that read it, never for long. */
const busyMs = 2_000;

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
  /** Replaces the set whole, configuration included: what `putConfiguration` wrote since the set was read would be lost. */
  replaceComponents(set: Iterable<SetEntry>): void;
  /**
   * The new configuration of a component of the set, outside of any deployment. Seen by `components` at once; on disk with the next
   * transaction or within {@link groupMs}, in one commit with all that came meanwhile. That commit survives a crash of the runtime;
   * a power cut may undo the last ones, never one out of order.
   */
  putConfiguration(component: string, configuration: ConfigurationTree): void;
  groups(): ReadonlyMap<string, GroupRecord>;
  replaceGroups(groups: Readonly<Record<string, GroupRecord>>): void;
  /** Deployments that have not ended, in the order of their arrival. */
  openDeployments(): readonly DeploymentRecord[];
  /** True while a deployment replaces components: one has begun to, and has not ended. */
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

/** Longest time that a configuration write waits for others. */
export const groupMs = 100;

export interface StoreOptions {
  /** Without timers, configuration writes are committed at once. */
  readonly timers?: Timers;
  /** A group of configuration writes could not be committed; it is tried again. */
  readonly onLateError?: (error: unknown) => void;
}

/**
 * Opens or creates the store. Others may read it meanwhile (`openStoreReader`), no other runtime may have it.
 *
 * @throws Fault `STORE_IN_USE` when another runtime has it, `STORE_NEWER`, `STORE_CORRUPT`: each with one line for a person.
 */
export function openDeviceStore(file: string, options: StoreOptions = {}): DeviceStore {
  const unlock = lockStore(file);
  let database: DatabaseSync;
  try {
    database = openDatabase(file);
  } catch (error) {
    unlock();
    throw error;
  }
  /** Configurations that are not on disk yet. */
  let pending = new Map<string, ConfigurationTree>();
  let cancelGroup: Cancel | undefined;
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

  const commit = <T>(work: () => T): T => {
    cancelGroup?.();
    cancelGroup = undefined;
    const carried = pending;
    database.exec('begin immediate');
    try {
      for (const [name, configuration] of carried) {
        const [entry] = rows<SetEntry>('select entry from component where name = ?', 'entry', name);
        if (entry !== undefined)
          sql('update component set entry = ? where name = ?').run(JSON.stringify({ ...entry, configuration }), name);
      }
      pending = new Map();
      const result = work();
      database.exec('commit');
      return result;
    } catch (error) {
      pending = carried;
      if (database.isTransaction) database.exec('rollback');
      if (pending.size > 0) groupLater();
      throw error;
    }
  };
  /** One commit without a sync of the disk: the log of the database keeps its order all the same. */
  const commitGroup = () => {
    if (pending.size === 0) return;
    database.exec('pragma synchronous = normal');
    try {
      commit(() => {});
    } finally {
      database.exec('pragma synchronous = full');
    }
  };
  const groupLater = () => {
    cancelGroup ??= options.timers?.after(groupMs, () => {
      cancelGroup = undefined;
      try {
        commitGroup();
      } catch (error) {
        options.onLateError?.(error);
      }
    });
  };

  return {
    transaction: commit,
    components() {
      const entries = rows<SetEntry>('select entry from component order by name', 'entry');
      return new Map(
        entries.map((entry) => {
          const configuration = pending.get(entry.name);
          return [entry.name, configuration === undefined ? entry : { ...entry, configuration }];
        }),
      );
    },
    putConfiguration(component, configuration) {
      pending.set(component, configuration);
      if (options.timers === undefined) commitGroup();
      else groupLater();
    },
    replaceComponents(set) {
      pending.clear();
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
      sql("select 1 from deployment where stage not in ('QUEUED', 'PREPARING', 'ENDED') limit 1").get() !== undefined,
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
      cancelGroup?.();
      try {
        commitGroup();
      } finally {
        statements.clear();
        database.close();
        unlock();
      }
    },
  };
}

function openDatabase(file: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    // From the first statement on: after a crash whoever opens it first recovers the log, and that may be a command that reads it.
    database = new DatabaseSync(file, { timeout: busyMs });
    database.exec('pragma journal_mode = wal; pragma synchronous = full;');
    database.exec('begin immediate');
    migrate(database, file);
    database.exec('commit');
    return database;
  } catch (error) {
    database?.close();
    if (error instanceof Fault) throw error;
    const message = messageOf(error);
    if (/locked|busy/i.test(message)) throw storeInUse(file, error);
    throw new Fault('STORE_CORRUPT', `${file} cannot be read (${message}): restore it, or provision the device anew`, {
      cause: error,
    });
  }
}

function migrate(database: DatabaseSync, file: string): void {
  const version = Number(database.prepare('pragma user_version').get()?.['user_version']);
  if (version > storeVersion) {
    throw new Fault(
      'STORE_NEWER',
      `${file} was written by a newer runtime (store version ${version}, this one knows ${storeVersion})`,
    );
  }
  if (version === 0) database.exec(`${schema} pragma user_version = ${storeVersion};`);
  const [check] = database.prepare('pragma quick_check(1)').all();
  if (check?.['quick_check'] !== 'ok')
    throw new Fault('STORE_CORRUPT', `${file} is damaged (${String(check?.['quick_check'])})`);
}
