import { DatabaseStates } from './database.ts';
import { Disk, type Image, syncName } from './disk.ts';
import type { Entry } from './journal.ts';
import { Contents, type Recording, type Weakness } from './visits.ts';

/** Where the files of components are: what of them the new set needs must be durable before the set is. */
const ofComponents = ['packages/recipes/', 'packages/artifacts/', 'packages/artifacts-unarchived/'];

/** The name of every sync of files in a recording. */
export function syncsOf({ entries }: Recording): string[] {
  return [...new Set(entries.flatMap((entry) => (entry.op === 'sync' ? syncName(entry) : [])))];
}

/**
 * The rule behind all that survives: when the commit that replaces the set is done, the files of its components, and the folder of
 * the store, are durable; and the cloud is told an end only when the end is durable. Returns what is not so.
 */
export function notDurable(recording: Recording, folder: string, weakness: Weakness = {}): string[] {
  const { base, entries, moments } = recording;
  const disk = new Disk(base.files, weakness.syncs);
  const database = new DatabaseStates(base.database, weakness.databaseIsNotSynced !== true);
  const contents = new Contents(folder);
  const missing: string[] = [];
  let isApplied = false;
  const isTold = (entry: Entry) =>
    moments.some(({ at, status }) => status !== 'QUEUED' && status !== 'IN_PROGRESS' && at <= entry.end);
  for (const entry of entries) {
    disk.apply(entry);
    database.apply(entry);
    if (entry.op === 'commit' && !isApplied && contents.of(database.whole).includes('APPLYING')) {
      isApplied = true;
      missing.push(...differences(disk.image('nothing'), disk.image('unsynced')));
    }
    if (isTold(entry) && !contents.of(database.synced).includes('ENDED'))
      missing.push('the end that the cloud was told');
  }
  if (!isApplied) throw new Error('no set was replaced');
  return [...new Set(missing)];
}

function differences(whole: Image, durable: Image): string[] {
  const needed = [...whole].filter(([path, found]) => {
    if ('folderMode' in found) return path === 'config' || path.startsWith('work/');
    return ofComponents.some((start) => path.startsWith(start));
  });
  return needed.flatMap(([path, found]) => (same(found, durable.get(path)) ? [] : [path]));
}

type Found = Image extends ReadonlyMap<string, infer F> ? F : never;

function same(one: Found, other: Found | undefined): boolean {
  if (other === undefined) return false;
  if ('data' in one) return 'data' in other && one.mode === other.mode && one.data.equals(other.data);
  // A folder's mode is given when it is made; a link has nothing but its name.
  return 'target' in one ? 'target' in other : 'folderMode' in other;
}
