import type { DeploymentStatus } from '../deployment/deployment.ts';
import type { JobStatus } from '../jobs/job.ts';

/** How long what is over is kept. Milliseconds. */
export interface Retention {
  /** Deployments that were replaced, with their jobs and executions; from their end on. */
  readonly jobsMs: number;
  /** How many revisions of one target at most, however young. */
  readonly revisions: number;
  readonly eventsMs: number;
  readonly auditMs: number;
}

/** What decides about a deployment. Times are epoch ms. */
export interface Keepsake {
  readonly deploymentId: string;
  readonly jobId: string;
  readonly revision: number;
  /** The highest that is left of its target. */
  readonly newestRevision: number;
  readonly latest: boolean;
  readonly status: DeploymentStatus;
  /** Absent when the job has been deleted. */
  readonly jobStatus?: JobStatus;
  /** When its job ended; when it was made, if it has none. */
  readonly endedAt: number;
}

/**
 * True when a deployment is over and old enough, or one of too many of its target. What stands for its target, or may still
 * be carried on, is always kept; what devices still run by it is for the executions to say.
 */
export function mayForget(keepsake: Keepsake, retention: Retention, now: number): boolean {
  const { revision, newestRevision, latest, status, jobStatus, endedAt } = keepsake;
  if (latest || revision === newestRevision || status === 'ACTIVE' || jobStatus === 'IN_PROGRESS') return false;
  return endedAt <= now - retention.jobsMs || revision <= newestRevision - retention.revisions;
}
