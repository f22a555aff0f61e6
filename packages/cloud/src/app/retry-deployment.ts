import type { Deployment } from '../domain/deployment/deployment.ts';
import { conflict, invalidFields, resourceNotFound } from '../domain/faults.ts';
import { hasFailed } from '../domain/jobs/execution-machine.ts';
import type { Job } from '../domain/jobs/job.ts';
import type { Tx } from '../ports/storage.ts';
import type { AppDeps } from './context.ts';
import { rolloutState } from './rollout-state.ts';

/**
 * Things whose execution FAILED, was REJECTED or TIMED_OUT get the same job again, under a new number: all of them, or those
 * that are named. Like things that join later they do not wait for the rate. The rollout task makes the executions, in batches;
 * what it counts as failed until then is the answer.
 */
export async function retryDeployment(
  { storage, bus }: Pick<AppDeps, 'storage' | 'bus'>,
  id: string,
  things: readonly string[] | undefined,
): Promise<number> {
  const asked = await storage.write(async (tx) => {
    const deployment = await tx.deployments.get(id);
    if (deployment === undefined) throw resourceNotFound('deployment', id);
    const job = await requireRunning(tx, deployment);
    if (things === undefined) {
      await tx.jobs.update({ ...job, retryAfter: '' });
      const { counts } = await rolloutState(tx, deployment);
      return counts.FAILED + counts.REJECTED + counts.TIMED_OUT;
    }
    await refuseUnfit(tx, job, things);
    await tx.executions.retry(job.id, things);
    return new Set(things).size;
  });
  bus.publish({ kind: 'rollout' });
  return asked;
}

async function requireRunning(tx: Tx, deployment: Deployment): Promise<Job> {
  const job = await tx.jobs.get(deployment.jobId);
  if (deployment.target.kind === 'thing') {
    throw conflict(
      'deployment',
      deployment.id,
      `The deployment ${deployment.id} has one thing as its target: create a new revision to try it again.`,
    );
  }
  if (job?.status !== 'IN_PROGRESS') {
    throw conflict(
      'deployment',
      deployment.id,
      `The deployment ${deployment.id} is ${deployment.status}; only an ACTIVE one can be tried again.`,
    );
  }
  return job;
}

/** All or none: a thing that cannot be tried again is named, with why. */
async function refuseUnfit(tx: Tx, job: Job, things: readonly string[]): Promise<void> {
  const executions = await tx.executions.getMany(things.map((thing) => ({ jobId: job.id, thing })));
  const errors = [];
  for (const [index, thing] of things.entries()) {
    const status = executions.get(`${job.id}/${thing}`)?.status;
    const name = `things[${index}]`;
    if (status === undefined) errors.push({ name, message: `${thing} has no execution of the deployment` });
    else if (!hasFailed(status))
      errors.push({ name, message: `the execution of ${thing} is ${status}; it has not failed` });
    else if (!(await isMember(tx, thing, job.target.name))) {
      errors.push({ name, message: `${thing} is not in the target any more` });
    }
  }
  if (errors.length > 0) throw invalidFields(errors);
}

async function isMember(tx: Tx, thing: string, target: string): Promise<boolean> {
  for (const group of await tx.groups.ofThing(thing)) {
    if ((await tx.groups.ancestry(group)).includes(target)) return true;
  }
  return false;
}
