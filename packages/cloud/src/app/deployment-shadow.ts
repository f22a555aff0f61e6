import { type DeploymentReported, deploymentDesired } from '@greensward/protocol/deployment-shadow';
import { deploymentStatusDetails } from '@greensward/protocol/jobs';
import { applyShadowUpdate, DEPLOYMENT_SHADOW, type ShadowChange } from '@greensward/protocol/shadow';
import { shadowTopic } from '@greensward/protocol/topics';
import type { Deployment } from '../domain/deployment/deployment.ts';
import { moved } from '../domain/deployment/transitions.ts';
import { applyDeviceUpdate } from '../domain/jobs/device-update.ts';
import { endedByService, isTerminal } from '../domain/jobs/execution-machine.ts';
import type { Execution } from '../domain/jobs/job.ts';
import { completedJob } from '../domain/jobs/job-end.ts';
import { withOutcome } from '../domain/jobs/outcome.ts';
import type { Tx } from '../ports/storage.ts';
import type { ShadowMessage } from './app.ts';
import type { Arns } from './arns.ts';
import { toRecord, toShadow } from './shadow-records.ts';

/** There is at most one, but for reports that were lost. */
const maxRunning = 10;

/** Writes what a thing is to run, or that it is canceled; always both members, since devices react to the echo alone. */
export async function writeDesired(
  tx: Tx,
  thing: string,
  document: string,
  intent: 'deploy' | 'CANCELED',
  now: number,
): Promise<ShadowChange> {
  const record = await tx.shadows.get(thing, DEPLOYMENT_SHADOW);
  const desired = deploymentDesired(document, intent === 'CANCELED');
  const update = { state: { desired }, version: undefined, clientToken: undefined };
  const change = applyShadowUpdate(record && toShadow(record), update, now, DEPLOYMENT_SHADOW);
  await tx.shadows.put([toRecord(thing, DEPLOYMENT_SHADOW, change.shadow, now)]);
  return change;
}

/** The messages that a write by the service itself sends, its `accepted` included. */
export function desiredMessages(thing: string, change: ShadowChange): readonly ShadowMessage[] {
  const topic = shadowTopic(thing, DEPLOYMENT_SHADOW, 'update');
  return [{ topic: `${topic}/accepted`, payload: JSON.stringify(change.accepted) }, ...followUps(topic, change)];
}

/** What follows an update besides its answer. `topic` is that of the update. */
export function followUps(topic: string, change: ShadowChange): readonly ShadowMessage[] {
  const delta = change.delta === undefined ? [] : [{ topic: `${topic}/delta`, payload: JSON.stringify(change.delta) }];
  return [...delta, { topic: `${topic}/documents`, payload: JSON.stringify(change.documents) }];
}

/**
 * A device's report in its deployment shadow moves the execution of the revision that it names, and with its end the
 * deployment. A report about no revision of this thing, or about one that has ended, changes nothing: devices repeat them.
 */
export async function applyDeploymentReport(
  tx: Tx,
  arns: Arns,
  thing: string,
  report: DeploymentReported,
  now: number,
): Promise<void> {
  const deployment = await reportedDeployment(tx, arns, thing, report.configurationArn);
  if (deployment === undefined) return;
  const execution = await tx.executions.get(deployment.jobId, thing);
  if (execution === undefined) return;
  const next = afterReport(execution, report, now);
  if (next === undefined) return;
  await tx.executions.updateMany([next]);
  if (execution.status === 'QUEUED') await endOlder(tx, next, now);
  if (!isTerminal(next.status)) return;
  const job = await tx.jobs.get(deployment.jobId);
  if (job?.status === 'IN_PROGRESS') await tx.jobs.update(completedJob(job, now));
  const action = next.status === 'SUCCEEDED' ? 'complete' : next.status === 'CANCELED' ? 'cancel' : 'fail';
  const ended = moved(deployment, action, report.outcome.failureCause || `The device reported ${report.status}.`);
  if (ended !== undefined) await tx.deployments.update(ended);
}

/**
 * A device runs one deployment at a time, and the shadow has room for one report: one that speaks of this revision speaks no
 * more of those that it took the place of, which would be IN_PROGRESS for ever.
 */
async function endOlder(tx: Tx, begun: Execution, now: number): Promise<void> {
  const filter = { carrier: 'shadow', status: 'IN_PROGRESS' } as const;
  const { items } = await tx.executions.ofThing(begun.thing, { limit: maxRunning }, filter);
  const ended = items.flatMap((older) => {
    if (older.jobId === begun.jobId || older.queuedAt >= begun.queuedAt) return [];
    const canceled = endedByService(older, 'CANCELED', now, true);
    // Nobody forced it.
    return canceled === undefined ? [] : [{ ...canceled, forceCanceled: older.forceCanceled }];
  });
  if (ended.length > 0) await tx.executions.updateMany(ended);
}

function afterReport(execution: Execution, report: DeploymentReported, now: number): Execution | undefined {
  if (report.status === 'CANCELED') {
    // The device did what it was asked to; nobody forced it.
    const canceled = endedByService(execution, 'CANCELED', now, true);
    return canceled && { ...canceled, forceCanceled: execution.forceCanceled };
  }
  // detailedStatus and causes of an earlier deployment stay in the shadow until this one ends.
  const statusDetails = report.status === 'IN_PROGRESS' ? {} : deploymentStatusDetails(report.outcome);
  const result = applyDeviceUpdate(execution, { status: report.status, statusDetails }, undefined, now);
  if (!result.ok || !result.changed) return undefined;
  const repeated = execution.status === 'IN_PROGRESS' && report.status === 'IN_PROGRESS';
  if (repeated) return undefined;
  return isTerminal(result.execution.status) ? withOutcome(result.execution, report.outcome) : result.execution;
}

/** The revision of this thing that a configuration ARN names. */
async function reportedDeployment(
  tx: Tx,
  arns: Arns,
  thing: string,
  configurationArn: string,
): Promise<Deployment | undefined> {
  const parsed = arns.greengrass(configurationArn);
  if (parsed?.kind !== 'configuration' || parsed.target !== 'thing' || parsed.name !== thing) return undefined;
  return tx.deployments.atRevision(arns.thing(thing), Number(parsed.revision));
}
