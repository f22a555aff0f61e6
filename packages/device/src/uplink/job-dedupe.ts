/** The jobs of the newest second seen. IoT Jobs may deliver a job many times (LatestQueuedJobs of the nucleus). */
export interface SeenJobs {
  readonly queuedAt: number;
  readonly jobIds: ReadonlySet<string>;
}

export const noJobsSeen: SeenJobs = { queuedAt: -1, jobIds: new Set() };

/**
 * Undefined for a job that was seen or is older than one that was; else what is seen now. The same id queued later is new: it
 * is another execution.
 */
export function seeJob(seen: SeenJobs, jobId: string, queuedAt: number): SeenJobs | undefined {
  if (queuedAt < seen.queuedAt) return undefined;
  if (queuedAt > seen.queuedAt) return { queuedAt, jobIds: new Set([jobId]) };
  return seen.jobIds.has(jobId) ? undefined : { queuedAt, jobIds: new Set([...seen.jobIds, jobId]) };
}
