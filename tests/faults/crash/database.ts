import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Entry } from './journal.ts';

/** The database file and its log (WAL), as bytes. */
export interface DatabaseImage {
  readonly main: Buffer;
  readonly log: Buffer;
}

/** https://www.sqlite.org/walformat.html: a header of 32 bytes, then frames, each a header of 24 and a page. */
const headerBytes = 32;
const frameHeaderBytes = 24;
const pageSizeAt = 8;

/** The database while its journal is replayed: what is in it, and what of it the disk has for certain. */
export class DatabaseStates {
  #main: Buffer;
  #log: Buffer;
  #durable: number;
  readonly #isSynced: boolean;

  /** `isSynced` false: no commit is synced, as if the database did not ask for it. */
  constructor(base: DatabaseImage, isSynced = true) {
    this.#main = base.main;
    this.#log = base.log;
    this.#durable = base.log.length;
    this.#isSynced = isSynced;
  }

  apply(entry: Entry): void {
    if (entry.op === 'database') {
      this.#main = Buffer.from(entry.data, 'base64');
      this.#log = Buffer.alloc(0);
      this.#durable = 0;
    }
    if (entry.op !== 'commit') return;
    this.#log = Buffer.concat([this.#log.subarray(0, entry.from), Buffer.from(entry.data, 'base64')]);
    if (entry.synced && this.#isSynced) this.#durable = this.#log.length;
  }

  get whole(): DatabaseImage {
    return { main: this.#main, log: this.#log };
  }

  /** Without anything that is not synced. */
  get synced(): DatabaseImage {
    return { main: this.#main, log: this.#log.subarray(0, this.#durable) };
  }
}

/**
 * What the power leaves of the log while it is written from `before` to `after`: cut after each frame, inside each, and each frame
 * but the last missing among the others, as a disk that writes in another order leaves it.
 */
export function tornLogs(before: DatabaseImage, after: DatabaseImage): DatabaseImage[] {
  const { main, log } = after;
  if (log.length <= headerBytes) return [];
  const frame = frameHeaderBytes + log.readUInt32BE(pageSizeAt);
  const images: DatabaseImage[] = [];
  const cut = (length: number) => images.push({ main, log: log.subarray(0, length) });
  for (let at = Math.max(before.log.length, headerBytes); at < log.length; at += frame) {
    cut(at);
    cut(at + frameHeaderBytes / 2);
    cut(at + frameHeaderBytes);
    cut(at + Math.floor(frame / 2));
    cut(at + frame - 1);
    if (at + frame >= log.length) continue;
    const holed = Buffer.from(log);
    holed.fill(0, at, at + frame);
    images.push({ main, log: holed });
  }
  return images;
}

/** Writes the image into a folder, as `device.db`. */
export function writeDatabase(folder: string, { main, log }: DatabaseImage): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'device.db');
  for (const end of ['-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
  writeFileSync(file, main);
  if (log.length > 0) writeFileSync(`${file}-wal`, log);
  return file;
}

/** All that the database in a file holds, as one text. Fails when it is damaged. */
export function contentOf(file: string): string {
  const database = new DatabaseSync(file);
  try {
    database.exec('pragma synchronous = off');
    const check = database.prepare('pragma integrity_check').get();
    if (check?.['integrity_check'] !== 'ok') throw new Error(`the database is damaged: ${JSON.stringify(check)}`);
    const tables = database.prepare("select name from sqlite_schema where type = 'table' order by name").all();
    const rows = tables.map(({ name }) => database.prepare(`select * from "${String(name)}" order by 1`).all());
    return JSON.stringify([tables, rows]);
  } finally {
    database.close();
  }
}
