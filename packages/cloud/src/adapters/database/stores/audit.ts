import type { AuditStore } from '../../../ports/history.ts';
import { parseTimeKey, timeKey, toPage } from '../rows.ts';
import type { Queries, Schema } from '../schema.ts';

export function auditStore(db: Queries): AuditStore {
  return {
    async record({ requestId, ...rest }) {
      await db
        .insertInto('audit')
        .values({ request_id: requestId, ...rest })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    },

    async list(page) {
      let query = db
        .selectFrom('audit')
        .selectAll()
        .orderBy('at', 'desc')
        .orderBy('request_id', 'desc')
        .limit(page.limit + 1);
      if (page.after !== undefined) {
        const { at, id } = parseTimeKey(page.after, 'ValidationException');
        query = query.where((eb) => eb(eb.refTuple('at', 'request_id'), '<', eb.tuple(at, id)));
      }
      const toRecord = ({ request_id: requestId, ...rest }: Schema['audit']) => ({ requestId, ...rest });
      return toPage(await query.execute(), page, toRecord, (row) => timeKey(row.at, row.request_id));
    },
  };
}
