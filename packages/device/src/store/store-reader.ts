import { DatabaseSync } from 'node:sqlite';
import { Fault, messageOf } from '@greensward/kit';
import type { ComponentSet, SetEntry } from './records.ts';

/**
 * The component set as the last commit left it, of a device that may be running: nothing is locked and nothing is written.
 *
 * @throws Fault `STORE_NOT_FOUND` when the device has never run here, `STORE_CORRUPT`.
 */
export function readComponents(file: string): ComponentSet {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { readOnly: true, timeout: 2000 });
    const entries: SetEntry[] = database
      .prepare('select entry from component order by name')
      .all()
      .map((row) => JSON.parse(String(row['entry'])));
    return new Map(entries.map((entry) => [entry.name, entry]));
  } catch (error) {
    const message = messageOf(error);
    if (/unable to open/i.test(message))
      throw new Fault('STORE_NOT_FOUND', `${file} cannot be opened: has the device run here?`, { cause: error });
    throw new Fault('STORE_CORRUPT', `${file} cannot be read (${message})`, { cause: error });
  } finally {
    database?.close();
  }
}
