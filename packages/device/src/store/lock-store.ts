import { DatabaseSync } from 'node:sqlite';
import { Fault } from '@greensward/kit';

/** SQLite: SQLITE_BUSY. */
const busy = 5;

export function storeInUse(file: string, cause: unknown): Fault {
  return new Fault('STORE_IN_USE', `${file} is in use: another device runtime has this root folder`, { cause });
}

/**
 * One runtime a root folder: takes a lock beside the store, which any death of its holder frees, and returns what gives it back. It is
 * not a lock on the store itself, so that a command may read the store of a running device.
 *
 * @throws Fault `STORE_IN_USE`.
 */
export function lockStore(file: string): () => void {
  if (file === ':memory:') return () => {};
  const lock = new DatabaseSync(`${file}.lock`, { timeout: 0 });
  try {
    lock.exec('begin exclusive');
  } catch (error) {
    lock.close();
    if (error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === busy)
      throw storeInUse(file, error);
    throw error;
  }
  return () => {
    if (lock.isOpen) lock.close();
  };
}
