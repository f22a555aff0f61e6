import type { ExecutionStatus } from '../../../domain/jobs/job.ts';
import { chunks } from '../rows.ts';
import type { Queries } from '../schema.ts';

/** Collects what a change of executions does to `job_counts`, to write each count once. */
export class CountChanges {
  readonly #shards: number;
  readonly #changes = new Map<string, { job_id: string; shard: number; status: ExecutionStatus; total: number }>();

  constructor(shards: number) {
    this.#shards = shards;
  }

  add(execution: { readonly jobId: string; readonly thing: string }, status: ExecutionStatus, by: number): void {
    const shard = shardOf(execution.thing, this.#shards);
    const key = `${execution.jobId}/${shard}/${status}`;
    const change = this.#changes.get(key);
    if (change) change.total += by;
    else this.#changes.set(key, { job_id: execution.jobId, shard, status, total: by });
  }

  async save(db: Queries): Promise<void> {
    const rows = [...this.#changes.values()].filter((change) => change.total !== 0);
    for (const chunk of chunks(rows)) {
      await db
        .insertInto('job_counts')
        .values(chunk)
        .onConflict((conflict) =>
          conflict.columns(['job_id', 'shard', 'status']).doUpdateSet((eb) => ({
            total: eb('job_counts.total', '+', eb.ref('excluded.total')),
          })),
        )
        .execute();
    }
  }
}

/** FNV-1a of the name, so that a thing always counts in the same shard. */
function shardOf(thing: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < thing.length; at += 1) hash = Math.imul(hash ^ thing.charCodeAt(at), 0x01000193) >>> 0;
  return hash % shards;
}
