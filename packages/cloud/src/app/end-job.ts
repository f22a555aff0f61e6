import type { Deployment, DeploymentStatus } from '../domain/deployment/deployment.ts';
import { moved } from '../domain/deployment/transitions.ts';
import { endedByService } from '../domain/jobs/execution-machine.ts';
import type { Job } from '../domain/jobs/job.ts';
import { canceledJob } from '../domain/jobs/job-end.ts';
import type { Tx } from '../ports/storage.ts';

const pageSize = 500;

/** Why a job ended, as its `reasonCode` and `comment` show it. */
export interface EndReason {
  readonly reasonCode?: string;
  readonly comment?: string;
}

/**
 * Cancels a job in progress: what is QUEUED ends as CANCELED, what runs goes on unless `force`. Returns the things whose
 * pending set changed.
 */
export async function cancelJob(
  tx: Tx,
  job: Job,
  reason: EndReason,
  now: number,
  force = false,
): Promise<readonly string[]> {
  await tx.jobs.update(canceledJob(job, reason, force, now));
  const things = new Set(await tx.executions.endQueued(job.id, 'CANCELED', now));
  if (force) for (const thing of await endRunning(tx, job.id, now)) things.add(thing);
  return job.carrier === 'job' ? [...things] : [];
}

async function endRunning(tx: Tx, jobId: string, now: number): Promise<readonly string[]> {
  const things: string[] = [];
  let after: string | undefined;
  do {
    const request = { limit: pageSize, ...(after === undefined ? {} : { after }) };
    const page = await tx.executions.ofJob(jobId, request, { status: 'IN_PROGRESS' });
    const ended = page.items.flatMap((execution) => endedByService(execution, 'CANCELED', now, true) ?? []);
    if (ended.length > 0) await tx.executions.updateMany(ended);
    things.push(...ended.map(({ thing }) => thing));
    after = page.next;
  } while (after !== undefined);
  return things;
}

/**
 * A newer revision takes the place of a deployment: INACTIVE if it was delivered or being delivered, its job canceled
 * without force. Returns the things whose pending set changed.
 */
export async function supersede(
  tx: Tx,
  deployment: Deployment,
  comment: string,
  now: number,
): Promise<readonly string[]> {
  const next = moved(deployment, 'supersede', comment) ?? deployment;
  await tx.deployments.update({ ...next, latest: false });
  const job = await tx.jobs.get(deployment.jobId);
  if (job?.status !== 'IN_PROGRESS') return [];
  return cancelJob(tx, job, { reasonCode: 'SUPERSEDED', comment }, now);
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
