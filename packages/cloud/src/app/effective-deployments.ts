import { parseDeploymentStatusDetails } from '@greensward/protocol/jobs';
import { invalidFields, resourceNotFound } from '../domain/faults.ts';
import type { Execution } from '../domain/jobs/job.ts';
import { outcomeOf } from '../domain/jobs/outcome.ts';
import type { Page, PageRequest, Tx } from '../ports/storage.ts';
import type { EffectiveDeployment } from './app.ts';

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
  const newest = await tx.executions.effective(thing);
  const start = page.after === undefined ? 0 : newest.findIndex(({ targetArn }) => targetArn === page.after) + 1;
  if (page.after !== undefined && start === 0) {
    throw invalidFields([{ name: 'nextToken', message: 'is not valid any more' }]);
  }
  const slice = newest.slice(start, start + page.limit);
  const executions = await tx.executions.getMany(slice.map(({ jobId }) => ({ jobId, thing })));
  const items: EffectiveDeployment[] = [];
  for (const { jobId } of slice) {
    const execution = executions.get(`${jobId}/${thing}`);
    const job = await tx.jobs.get(jobId);
    const deployment = job && (await tx.deployments.get(job.deploymentId));
    if (execution === undefined || deployment === undefined) continue;
    const thingSucceeded = job?.carrier === 'shadow' && execution.status === 'SUCCEEDED';
    items.push({
      deployment,
      execution,
      status: thingSucceeded ? 'COMPLETED' : execution.status,
      ...toldOf(execution),
    });
  }
  const last = slice.at(-1);
  const more = last !== undefined && start + page.limit < newest.length;
  return { items, ...(more ? { next: last.targetArn } : {}) };
}

/** What went wrong: as the device told it in full, where it did; the status details are cut at 1024 characters. */
function toldOf(execution: Execution): Pick<EffectiveDeployment, 'reason' | 'errorStack' | 'errorTypes'> {
  const told = { ...parseDeploymentStatusDetails(execution.statusDetails), ...outcomeOf(execution) };
  const { failureCause, errorStack = [], errorTypes = [] } = told;
  return {
    errorStack,
    errorTypes,
    ...(failureCause === undefined || failureCause === '' ? {} : { reason: failureCause }),
  };
}
