import { AsyncLocalStorage } from 'node:async_hooks';
import type { Bus } from '../ports/bus.ts';
import type { AuditRecord, AuditTrail } from '../ports/history.ts';
import type { Storage } from '../ports/storage.ts';

/** The request that is being served. `open` until it is over: what it set off and runs on is not its own. */
interface Request {
  readonly record: AuditRecord;
  open: boolean;
}

/**
 * The storage with what follows from every write: the request that it belongs to is recorded in the same transaction, so
 * that no change is without its record and no record without a change; and followers of the event log are told after the
 * commit.
 */
export function recordingStorage(
  storage: Storage,
  bus: Bus,
): { readonly storage: Storage; readonly audit: AuditTrail } {
  const requests = new AsyncLocalStorage<Request>();
  return {
    storage: {
      async write(work) {
        const request = requests.getStore();
        let changed = false;
        const result = await storage.write(async (tx) => {
          const answer = await work(tx);
          if (request?.open === true) await tx.audit.record(request.record);
          changed = tx.events.changed;
          return answer;
        });
        if (changed) bus.publish({ kind: 'events' });
        return result;
      },
      read: (work) => storage.read(work),
      close: () => storage.close(),
    },
    audit: {
      async during(record, work) {
        const request = { record, open: true };
        try {
          return await requests.run(request, work);
        } finally {
          request.open = false;
        }
      },
    },
  };
}
