import type { Deployment, DeploymentStatus } from '../domain/deployment/deployment.ts';
import type { ExecutionCounts, Job } from '../domain/jobs/job.ts';
import type { Tx } from '../ports/storage.ts';

/** How far a deployment is. */
export interface RolloutState {
  readonly status: DeploymentStatus;
  readonly statusReason?: string;
  /** Things by the status of their newest execution. */
  readonly counts: ExecutionCounts;
  /**
   * No thing of the target is QUEUED or IN_PROGRESS, and none is still to get an execution. A thing that joins the target, or a
   * retry, ends that again. A rollout that was ended is settled when what runs on devices is over.
   */
  readonly settled: boolean;
}

/** A few rows, however many things there are. */
export async function rolloutState(tx: Tx, { jobId, status, statusReason }: Deployment): Promise<RolloutState> {
  const counts = await tx.executions.counts(jobId);
  const job = await tx.jobs.get(jobId);
  const settled = counts.QUEUED + counts.IN_PROGRESS === 0 && !(await moreToCome(tx, job));
  return { status, ...(statusReason === undefined ? {} : { statusReason }), counts, settled };
}

/** While the rollout has not come to the last member, nobody knows how many are left. */
async function moreToCome(tx: Tx, job: Job | undefined): Promise<boolean> {
  if (job?.status !== 'IN_PROGRESS') return false;
  if (job.rolloutAfter !== undefined || job.retryAfter !== undefined) return true;
  return (await tx.executions.waiting(job.id, 1)).length > 0;
}
