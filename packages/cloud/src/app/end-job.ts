import type { Deployment, DeploymentStatus } from '../domain/deployment/deployment.ts';
import { moved } from '../domain/deployment/transitions.ts';
import type { Job } from '../domain/jobs/job.ts';
import { canceledJob } from '../domain/jobs/job-end.ts';
import type { Tx } from '../ports/storage.ts';

/** Why a job ended, as its `reasonCode` and `comment` show it. */
export interface EndReason {
  readonly reasonCode?: string;
  readonly comment?: string;
}

/**
 * Cancels a job in progress: what is QUEUED has ended as CANCELED, what runs goes on unless `force`. No execution is touched:
 * they read so at once, and the sweep, which is to be woken after the commit, writes them and tells their things.
 */
export async function cancelJob(tx: Tx, job: Job, reason: EndReason, now: number, force = false): Promise<void> {
  await tx.jobs.update(canceledJob(job, reason, force, now));
  await tx.executions.endAll(job.id, { at: now, force });
}

/**
 * A newer revision takes the place of a deployment: INACTIVE if it was delivered or being delivered, its job canceled
 * without force.
 */
export async function supersede(tx: Tx, deployment: Deployment, comment: string, now: number): Promise<void> {
  const next = moved(deployment, 'supersede', comment) ?? deployment;
  await tx.deployments.update({ ...next, latest: false });
  const job = await tx.jobs.get(deployment.jobId);
  if (job?.status === 'IN_PROGRESS') await cancelJob(tx, job, { reasonCode: 'SUPERSEDED', comment }, now);
}

/** Moves the deployment of a job that was canceled or aborted, if it is still ACTIVE. Returns its status afterwards. */
export async function endDeployment(
  tx: Tx,
  job: Job,
  action: 'cancel' | 'fail',
  reason: string,
): Promise<DeploymentStatus | undefined> {
  const deployment = await tx.deployments.get(job.deploymentId);
  const next = deployment === undefined ? undefined : moved(deployment, action, reason);
  if (next !== undefined) await tx.deployments.update(next);
  return (next ?? deployment)?.status;
}
