import { readFileSync } from 'node:fs';

/**
 * What a device process did to its disk and to processes, one entry an operation, in the order of their completion. Paths are
 * relative to its root folder, data is base64.
 */
export type Operation =
  | { readonly op: 'open'; readonly path: string; readonly truncate: boolean; readonly mode: number }
  /** Appends, or writes at the end of what was written through the same handle: nothing here writes elsewhere. */
  | { readonly op: 'write'; readonly path: string; readonly data: string }
  | { readonly op: 'replace'; readonly path: string; readonly data: string; readonly mode: number }
  /** Of a file or a folder, `.` for the root; `site` is the code that asked for it. */
  | { readonly op: 'sync'; readonly path: string; readonly site: string }
  | { readonly op: 'rename'; readonly path: string; readonly to: string }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'folder'; readonly path: string; readonly mode: number }
  | { readonly op: 'link'; readonly path: string; readonly target: string }
  | { readonly op: 'mode'; readonly path: string; readonly mode: number }
  /** The database was made, or closed: its main file, durable, and no log. */
  | { readonly op: 'database'; readonly data: string }
  /** A commit of the database: what was added to its log. */
  | { readonly op: 'commit'; readonly from: number; readonly data: string; readonly synced: boolean }
  | { readonly op: 'spawn'; readonly what: string }
  | { readonly op: 'kill'; readonly what: string };

export type Entry = Operation & {
  /** Number of the point; operations that run at the same time may complete in another order than they began. */
  readonly point: number;
  /** Where the entry ends in the journal, bytes. */
  readonly end: number;
};

/** Where a run is stopped: right before an operation is begun, or right after it is complete. */
export interface Stop {
  readonly point: number;
  readonly when: 'before' | 'after';
}

/** What the fault layer is told, as JSON in {@link faultVariable}. */
export interface FaultSettings {
  readonly root: string;
  readonly journal: string;
  readonly stop?: Stop;
}

export const faultVariable = 'GREENSWARD_FAULTS';

export function readJournal(file: string): Entry[] {
  let end = 0;
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      end += Buffer.byteLength(line) + 1;
      return { ...JSON.parse(line), end };
    });
}

/** An entry for a person. */
export function describeEntry(entry: Entry): string {
  if (entry.op === 'spawn' || entry.op === 'kill') return `${entry.op} ${entry.what}`;
  if (entry.op === 'commit') return `commit of ${Buffer.from(entry.data, 'base64').length} bytes`;
  if (entry.op === 'database') return 'the database is made or closed';
  return entry.op === 'rename' ? `rename ${entry.path} to ${entry.to}` : `${entry.op} ${entry.path}`;
}
