import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Fault } from '@greensward/kit';

/** SQLite: SQLITE_BUSY. */
const busy = 5;

/**
 * Takes a data folder for this process; the folder must exist. The lock is one of the operating system's on
 * `lock.db`, so any end of the process frees it. Returns what gives it back. Throws `DATA_FOLDER_IN_USE`.
 */
export function lockFolder(folder: string): () => void {
  const database = new DatabaseSync(join(folder, 'lock.db'), { timeout: 0 });
  try {
    database.exec('begin exclusive');
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === busy) {
      throw new Fault('DATA_FOLDER_IN_USE', `the data folder ${folder} is in use by another process`, {
        context: { folder },
        cause: error,
      });
    }
    throw error;
  }
  const release = () => {
    process.off('exit', release);
    if (database.isOpen) database.close();
  };
  // The listener also keeps the connection from being collected, which would free the lock, when a caller drops `release`.
  process.once('exit', release);
  return release;
}
