import { endedByService } from './execution-machine.ts';
import type { Execution, ExecutionCounts, ExecutionStatus } from './job.ts';

/**
 * The end of a job, for as long as its executions have not all been written anew. What it ends has ended from that moment on:
 * ending a job costs the same for ten devices and for a hundred thousand.
 */
export interface JobEnd {
  /** Epoch ms. */
  readonly at: number;
  /** What is IN_PROGRESS ends too. */
  readonly force: boolean;
}

/**
 * The execution as the end of its job leaves it: CANCELED if it was QUEUED (with force: or IN_PROGRESS). Every read gives it so,
 * and the row is written so later: again, that changes nothing.
 */
export function asEnded(execution: Execution, end: JobEnd | undefined): Execution {
  if (end === undefined) return execution;
  return endedByService(execution, 'CANCELED', end.at, end.force) ?? execution;
}

/** The counts of a job's executions, each {@link asEnded}. */
export function countsAsEnded(counts: ExecutionCounts, end: JobEnd | undefined): ExecutionCounts {
  if (end === undefined) return counts;
  const running = end.force ? counts.IN_PROGRESS : 0;
  return {
    ...counts,
    QUEUED: 0,
    IN_PROGRESS: counts.IN_PROGRESS - running,
    CANCELED: counts.CANCELED + counts.QUEUED + running,
  };
}

/** The statuses that rows may have whose executions are shown with this one. */
export function storedAs(shown: ExecutionStatus, end: JobEnd | undefined): readonly ExecutionStatus[] {
  if (end === undefined) return [shown];
  const ended: readonly ExecutionStatus[] = end.force ? ['QUEUED', 'IN_PROGRESS'] : ['QUEUED'];
  if (shown === 'CANCELED') return [shown, ...ended];
  return ended.includes(shown) ? [] : [shown];
}
