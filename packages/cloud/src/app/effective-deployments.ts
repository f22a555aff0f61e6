import { parseDeploymentStatusDetails } from '@greensward/protocol/jobs';
import { invalidFields, resourceNotFound } from '../domain/faults.ts';
import type { Execution, Job } from '../domain/jobs/job.ts';
import type { Page, PageRequest, Tx } from '../ports/storage.ts';
import type { EffectiveDeployment } from './app.ts';

const scanSize = 250;

/**
 * ListEffectiveDeployments: for each target the newest revision that was sent to this device, newest first. An execution
 * that was REMOVED (the device left the group before it began) is not effective any more.
 */
export async function effectiveDeployments(
  tx: Tx,
  thing: string,
  page: PageRequest,
): Promise<Page<EffectiveDeployment>> {
  if ((await tx.devices.get(thing)) === undefined) throw resourceNotFound('coreDevice', thing);
  const newest = await newestOfEachTarget(tx, thing);
  const start = page.after === undefined ? 0 : newest.findIndex(({ job }) => job.targetArn === page.after) + 1;
  if (page.after !== undefined && start === 0) {
    throw invalidFields([{ name: 'nextToken', message: 'is not valid any more' }]);
  }
  const slice = newest.slice(start, start + page.limit);
  const items: EffectiveDeployment[] = [];
  for (const { execution, job } of slice) {
    const deployment = await tx.deployments.get(job.deploymentId);
    if (deployment === undefined) continue;
    const status = job.carrier === 'shadow' && execution.status === 'SUCCEEDED' ? 'COMPLETED' : execution.status;
    const { failureCause, errorStack = [], errorTypes = [] } = parseDeploymentStatusDetails(execution.statusDetails);
    const reason = failureCause === undefined || failureCause === '' ? {} : { reason: failureCause };
    items.push({ deployment, execution, status, errorStack, errorTypes, ...reason });
  }
  const last = slice.at(-1);
  const more = last !== undefined && start + page.limit < newest.length;
  return { items, ...(more ? { next: last.job.targetArn } : {}) };
}

async function newestOfEachTarget(tx: Tx, thing: string): Promise<{ execution: Execution; job: Job }[]> {
  const byTarget = new Map<string, { execution: Execution; job: Job }>();
  let after: string | undefined;
  do {
    const executions = await tx.executions.ofThing(
      thing,
      { limit: scanSize, ...(after === undefined ? {} : { after }) },
      {},
    );
    const jobs = await tx.jobs.getMany([...new Set(executions.items.map(({ jobId }) => jobId))]);
    for (const execution of executions.items) {
      const job = jobs.get(execution.jobId);
      if (job === undefined || execution.status === 'REMOVED') continue;
      const known = byTarget.get(job.targetArn);
      // Two revisions may have been queued in the same millisecond; the later job is the later revision.
      if (known === undefined || known.job.createdAt < job.createdAt) byTarget.set(job.targetArn, { execution, job });
    }
    after = executions.next;
  } while (after !== undefined);
  return [...byTarget.values()].sort((a, b) => b.job.createdAt - a.job.createdAt);
}
