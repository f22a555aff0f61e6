import type { Execution } from './job.ts';

/** IoT Jobs: IN_PROGRESS first, oldest start first; then QUEUED by queuedAt; ties by job id, so that `$next` is stable. */
export function comparePending(a: Execution, b: Execution): number {
  if (a.status !== b.status) return a.status === 'IN_PROGRESS' ? -1 : 1;
  const byTime =
    a.status === 'IN_PROGRESS' ? (a.startedAt ?? a.queuedAt) - (b.startedAt ?? b.queuedAt) : a.queuedAt - b.queuedAt;
  return byTime !== 0 ? byTime : a.jobId < b.jobId ? -1 : a.jobId > b.jobId ? 1 : 0;
}
