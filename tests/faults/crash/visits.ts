import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { seededChance } from '@greensward/testkit/chance';
import { contentOf, type DatabaseImage, DatabaseStates, tornLogs, writeDatabase } from './database.ts';
import { Disk, imageKey, type Loss } from './disk.ts';
import { describeEntry, type Entry, type Stop } from './journal.ts';
import type { Scenario } from './scenarios.ts';
import type { CloudState, DiskImage } from './test-bed.ts';

/** A run of a scenario that nothing interrupted. */
export interface Recording {
  readonly scenario: Scenario;
  readonly base: DiskImage;
  readonly entries: readonly Entry[];
  readonly moments: readonly ({ readonly at: number } & CloudState)[];
}

/** A disk that a power cut leaves, from which the device must come to its end. */
export interface Cut {
  readonly name: string;
  readonly disk: DiskImage;
  readonly cloud: CloudState;
  /** Equal where nothing that a start depends on differs. */
  readonly key: string;
}

/** What is different of a disk on which a sync does nothing. */
export interface Weakness {
  /** Syncs that do nothing. */
  readonly syncs?: ReadonlySet<string>;
  readonly databaseIsNotSynced?: true;
}

const nothingStored: DatabaseImage = { main: Buffer.alloc(0), log: Buffer.alloc(0) };
const losses = ['nothing', 'unsynced', 'unsynced bytes', 'unsynced names'] as const;
/** Their content tells a start after a power cut nothing: no process outlived it. */
const noMatter = ['run/'];

/** All that the power leaves, cut after each operation from where the scenario is its own; equal ones once. */
export function cutsOf(recording: Recording, folder: string, drawn: readonly number[], weakness: Weakness = {}): Cut[] {
  const { base, entries, scenario } = recording;
  const disk = new Disk(base.files, weakness.syncs);
  const database = new DatabaseStates(base.database, weakness.databaseIsNotSynced !== true);
  const contents = new Contents(folder);
  const cuts = new Map<string, Cut>();
  let isOwn = scenario.from === undefined;
  for (const [at, entry] of [undefined, ...entries].entries()) {
    if (entry !== undefined) {
      disk.apply(entry);
      database.apply(entry);
      isOwn ||= entry.op === 'commit' && contents.of(database.whole).includes(scenario.from ?? '');
    }
    if (!isOwn) continue;
    const cloud = cloudAt(recording, entry?.end ?? 0);
    const after = entry === undefined ? 'before everything' : `after ${at} (${describeEntry(entry)})`;
    const take = (loss: Loss, what: string) => {
      const files = disk.image(loss);
      // A store whose folder has no name is not there.
      const state = files.has('config') ? (loss === 'nothing' ? database.whole : database.synced) : nothingStored;
      const key = [imageKey(files, noMatter), contents.of(state), cloud.status, cloud.told.length].join();
      if (!cuts.has(key))
        cuts.set(key, { name: `${after}, lost: ${what}`, disk: { files, database: state }, cloud, key });
    };
    for (const loss of losses) take(loss, loss);
    for (const seed of drawn) take(seededChance(seed + at), `drawn by ${seed + at}`);
  }
  return [...cuts.values()];
}

/** Checks every cut of the database's log: what it holds is what it held before the commit, or after it. Returns how many. */
export function checkTornLogs({ base, entries }: Recording, folder: string): number {
  const database = new DatabaseStates(base.database);
  const contents = new Contents(folder);
  let count = 0;
  for (const [at, entry] of entries.entries()) {
    const before = database.whole;
    database.apply(entry);
    if (entry.op !== 'commit') continue;
    const either = [contents.of(before), contents.of(database.whole)];
    for (const torn of tornLogs(before, database.whole)) {
      count += 1;
      if (!either.includes(contents.of(torn)))
        throw new Error(`${at} (${describeEntry(entry)}): a log of ${torn.log.length} bytes holds something else`);
    }
  }
  return count;
}

/**
 * Where the process is killed: before each operation that does something; and after each (`all`), or after those alone after which
 * something may be sent or a process is there: after any other the disk, the processes and the cloud are as before the next.
 */
export function stopsOf(recording: Recording, folder: string, all: boolean): { stop: Stop; entry: Entry }[] {
  const { base, entries, scenario } = recording;
  const disk = new Disk(base.files);
  const database = new DatabaseStates(base.database);
  const contents = new Contents(folder);
  const stops: { stop: Stop; entry: Entry }[] = [];
  let isOwn = scenario.from === undefined;
  let before = imageKey(disk.image('nothing'), []);
  for (const entry of entries) {
    disk.apply(entry);
    database.apply(entry);
    const after = imageKey(disk.image('nothing'), []);
    isOwn ||= entry.op === 'commit' && contents.of(database.whole).includes(scenario.from ?? '');
    const isTellable = ['commit', 'database', 'spawn', 'kill'].includes(entry.op);
    const isNothing = after === before && !isTellable && entry.op !== 'sync';
    before = after;
    if (isNothing || !isOwn) continue;
    stops.push({ stop: { point: entry.point, when: 'before' }, entry });
    if (all || isTellable || entry === entries.at(-1))
      stops.push({ stop: { point: entry.point, when: 'after' }, entry });
  }
  return stops;
}

/** What the cloud had been told when the device was as far as this. */
function cloudAt({ moments }: Recording, end: number): CloudState {
  return moments.findLast(({ at }) => at <= end) ?? { status: 'QUEUED', told: [] };
}

/** What is in states of a database, looked up in files of their own. */
export class Contents {
  readonly #folder: string;
  readonly #known = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  of(image: DatabaseImage): string {
    const key = createHash('sha256').update(image.main).update(`${image.main.length}`).update(image.log).digest('hex');
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const place = join(this.#folder, `content-${process.pid}`);
    const content = contentOf(writeDatabase(place, image));
    this.#known.set(key, content);
    return content;
  }
}
