import { setTimeout as sleep } from 'node:timers/promises';
import type { Storage } from '../../../packages/cloud/src/ports/storage.ts';

/** A database on a slow disk: each commit takes `ms` more, during which no other can begin, and the event loop is free. */
export function slowStorage(storage: Storage, ms: number): Storage {
  return {
    ...storage,
    write: (work) =>
      storage.write(async (tx) => {
        const result = await work(tx);
        await sleep(ms);
        return result;
      }),
  };
}
