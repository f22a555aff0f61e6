import type { Clock } from '@greensward/kit';
import type { LoggedEvent, NewEvent } from '../../../domain/history/event.ts';
import type { EventLog } from '../../../ports/history.ts';
import { chunks, present } from '../rows.ts';
import type { EventRow, Queries } from '../schema.ts';

const toEvent = (row: EventRow): LoggedEvent => ({
  sequence: row.sequence,
  at: row.at,
  subject: row.subject,
  deploymentId: row.deployment_id,
  jobId: row.job_id,
  ...present({ thing: row.thing, executionNumber: row.number, from: row.from_status }),
  to: row.to_status,
  ...present({ reason: row.reason }),
});

const toRow = (event: NewEvent, sequence: number): EventRow => ({
  sequence,
  at: event.at,
  subject: event.subject,
  deployment_id: event.deploymentId,
  job_id: event.jobId,
  thing: event.thing ?? null,
  number: event.executionNumber ?? null,
  from_status: event.from ?? null,
  to_status: event.to,
  reason: event.reason ?? null,
});

/**
 * The log of one transaction. Numbers are taken from a counter row while the transaction has the turn of writers, which it
 * gives back only when its commit can be seen: so a number is visible only after all below it, on PostgreSQL too.
 */
export class TxEvents implements EventLog {
  readonly #db: Queries;
  readonly #clock: Clock;
  #changed = false;

  constructor(db: Queries, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  get changed(): boolean {
    return this.#changed;
  }

  /** Epoch ms, for what has no time of its own. */
  now(): number {
    return this.#clock.now();
  }

  /** Something that followers look at besides events changed. */
  touch(): void {
    this.#changed = true;
  }

  async append(events: readonly NewEvent[]): Promise<void> {
    if (events.length === 0) return;
    this.#changed = true;
    const { last } = await this.#db
      .updateTable('event_counter')
      .set((eb) => ({ last: eb('last', '+', events.length) }))
      .where('id', '=', 1)
      .returning('last')
      .executeTakeFirstOrThrow();
    const first = last - events.length + 1;
    const rows = events.map((event, index) => toRow(event, first + index));
    for (const chunk of chunks(rows)) await this.#db.insertInto('event').values(chunk).execute();
  }

  async list(
    { deploymentId, thing }: { readonly deploymentId?: string; readonly thing?: string },
    after: number,
    limit: number,
  ): Promise<readonly LoggedEvent[]> {
    let query = this.#db.selectFrom('event').selectAll().where('sequence', '>', after).orderBy('sequence').limit(limit);
    if (deploymentId !== undefined) query = query.where('deployment_id', '=', deploymentId);
    if (thing !== undefined) query = query.where('thing', '=', thing);
    return (await query.execute()).map(toEvent);
  }

  async head(): Promise<number> {
    const row = await this.#db.selectFrom('event_counter').select('last').where('id', '=', 1).executeTakeFirstOrThrow();
    return row.last;
  }
}
