import type { Deployment, DeploymentStatus } from '../domain/deployment/deployment.ts';
import type { ExecutionCounts } from '../domain/jobs/job.ts';
import type { Tx } from '../ports/storage.ts';

/** How far a deployment is. */
export interface RolloutState {
  readonly status: DeploymentStatus;
  readonly statusReason?: string;
  /** Things by the status of their newest execution. */
  readonly counts: ExecutionCounts;
  /**
   * No thing of the target is QUEUED or IN_PROGRESS, all members have been looked at, and nobody who joined waits. A thing
   * that joins opens it again.
   */
  readonly settled: boolean;
}

/** A few rows, whatever the size of the fleet. */
export async function rolloutState(tx: Tx, deployment: Deployment): Promise<RolloutState> {
  const { jobId, status, statusReason } = deployment;
  const counts = await tx.executions.counts(jobId);
  const job = await tx.jobs.get(jobId);
  const open =
    counts.QUEUED + counts.IN_PROGRESS > 0 ||
    job?.rolloutAfter !== undefined ||
    (await tx.executions.waiting(jobId, 1)).length > 0;
  return { status, ...(statusReason === undefined ? {} : { statusReason }), counts, settled: !open };
}
