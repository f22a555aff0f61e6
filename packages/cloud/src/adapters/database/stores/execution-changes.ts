import { executionReason, type NewEvent } from '../../../domain/history/event.ts';
import type { Execution } from '../../../domain/jobs/job.ts';
import { lookups } from '../rows.ts';
import type { Queries } from '../schema.ts';
import type { TxEvents } from './events.ts';
import { countFailures } from './failures.ts';

/** An execution before and after. Absent before: it is new; absent after: it is deleted. */
export interface ExecutionChange {
  readonly before?: Execution;
  readonly after?: Execution;
  /** Whether it stands for its thing: before, and after. */
  readonly newest: readonly [before: boolean, after: boolean];
}

/** Writes what follows from a change of executions: events, and failures by cause. Call it once they are written. */
export async function recordChanges(db: Queries, events: TxEvents, changes: readonly ExecutionChange[]): Promise<void> {
  const moved = changes.filter(({ before, after }) => before?.status !== after?.status);
  if (moved.length > 0) {
    const jobs = new Map<string, { readonly deployment_id: string; readonly reason_code: string | null }>();
    for (const chunk of lookups(moved.flatMap(({ before, after }) => (after ?? before)?.jobId ?? []))) {
      const rows = await db
        .selectFrom('job')
        .select(['id', 'deployment_id', 'reason_code'])
        .where('id', 'in', chunk)
        .execute();
      for (const row of rows) jobs.set(row.id, row);
    }
    await events.append(
      moved.flatMap(({ before, after }): NewEvent[] => {
        const execution = after ?? before;
        if (execution === undefined) return [];
        const job = jobs.get(execution.jobId);
        return [
          {
            at: after?.updatedAt ?? events.now(),
            subject: 'execution',
            deploymentId: job?.deployment_id ?? '',
            jobId: execution.jobId,
            thing: execution.thing,
            executionNumber: execution.number,
            ...(before === undefined ? {} : { from: before.status }),
            to: after?.status ?? 'DELETED',
            ...(after === undefined ? {} : executionReason(after, job?.reason_code ?? undefined)),
          },
        ];
      }),
    );
  }
  await countFailures(
    db,
    changes.flatMap(({ before, newest }) => (before !== undefined && newest[0] ? [before] : [])),
    changes.flatMap(({ after, newest }) => (after !== undefined && newest[1] ? [after] : [])),
  );
}
