import { Fault } from '@greensward/kit';
import { buildDocument } from '@greensward/model/deployment-document';
import type { CreateDeploymentRequest } from '@greensward/protocol/greengrassv2';
import type { Deployment, DeploymentTarget } from '../domain/deployment/deployment.ts';
import { parentRefusal } from '../domain/deployment/parent-rules.ts';
import { requestErrors } from '../domain/deployment/request-rules.ts';
import { conflict, invalidFields, resourceNotFound } from '../domain/faults.ts';
import { queuedExecution } from '../domain/jobs/execution-machine.ts';
import type { Job } from '../domain/jobs/job.ts';
import { queuedAtAfter } from '../domain/jobs/queued-at.ts';
import type { Tx } from '../ports/storage.ts';
import type { ShadowMessage } from './app.ts';
import type { Arns } from './arns.ts';
import type { AppDeps } from './context.ts';
import { desiredMessages, writeDesired } from './deployment-shadow.ts';
import { supersede } from './end-job.ts';
import { idempotent } from './idempotency.ts';
import { refuseReserved } from './tags.ts';

interface Created {
  readonly deploymentId: string;
  readonly iotJobId?: string;
  readonly iotJobArn?: string;
}

/** What there is to tell after the commit. */
interface Effects {
  /** An older revision ended. */
  replaced: boolean;
  messages: readonly ShadowMessage[];
}

/**
 * CreateDeployment: one transaction that checks the request against what there is, takes the target's next revision, lets it
 * take the place of the one before (and, for a parent, of its subdeployments), and stores deployment and job. A group is
 * then rolled out by the rollout task; a thing is told by its deployment shadow at once.
 */
export async function createDeployment(deps: AppDeps, arns: Arns, input: CreateDeploymentRequest): Promise<Created> {
  const { storage, bus, clock } = deps;
  const { clientToken, tags, ...request } = input;
  const errors = requestErrors(request);
  if (errors.length > 0) throw invalidFields(errors);
  if (tags !== undefined) refuseReserved(tags);
  const effects: Effects = { replaced: false, messages: [] };
  const created = await storage.write((tx) => {
    // The database may ask for the work again; what the first try found does not count then.
    effects.replaced = false;
    effects.messages = [];
    const now = clock.now();
    const call = { operation: 'CreateDeployment', token: clientToken, request: { ...request, tags }, now };
    return idempotent(tx, call, async () => {
      const target = await requireTarget(tx, arns, request.targetArn, 'targetArn');
      await refuseUnpaced(tx, target, request);
      const onBehalfOf = await requireParent(tx, arns, target, request);
      const deployment = await nextDeployment(tx, deps, arns, { target, request, onBehalfOf, now });
      effects.replaced = await replaceOlder(tx, deployment, now);
      const job = jobOf(deployment, now);
      await tx.deployments.insert(deployment);
      await tx.jobs.insert(job);
      if (tags !== undefined) await tx.tags.put(arns.deployment(deployment.id), tags);
      if (target.kind === 'thing') effects.messages = await tellThing(tx, deployment, now);
      const carried = job.carrier === 'job' ? { iotJobId: job.id, iotJobArn: arns.job(job.id) } : {};
      return { deploymentId: deployment.id, ...carried };
    });
  });
  if (effects.replaced) bus.publish({ kind: 'job-ended' });
  if (effects.messages.length > 0) bus.publish({ kind: 'shadow-changed', messages: effects.messages });
  else bus.publish({ kind: 'rollout' });
  return created;
}

async function requireTarget(tx: Tx, arns: Arns, arn: string, field: string): Promise<DeploymentTarget> {
  const target = arns.target(arn);
  if (target === undefined) {
    throw invalidFields([
      { name: field, message: 'must be the ARN of a thing or a thing group of this account and region' },
    ]);
  }
  if (target.name.includes(':')) {
    throw invalidFields([{ name: field, message: 'Greengrass targets cannot have a colon in their name' }]);
  }
  const found = target.kind === 'thing' ? await tx.things.get(target.name) : await tx.groups.get(target.name);
  if (found === undefined) throw resourceNotFound(target.kind, arn);
  return target;
}

/**
 * A rate counts the members that there are when the deployment is created: those that a dynamic group is still to get would
 * all come at once.
 */
async function refuseUnpaced(tx: Tx, target: DeploymentTarget, request: Deployment['request']): Promise<void> {
  if (target.kind === 'thing' || request.iotJobConfiguration?.jobExecutionsRolloutConfig === undefined) return;
  if ((await tx.groups.get(target.name))?.dynamic?.building !== true) return;
  const why =
    'is BUILDING: a rollout rate would not hold for members that are still to be found; try again when it is ACTIVE';
  throw conflict('thinggroup', request.targetArn, `The dynamic thing group ${target.name} ${why}.`);
}

/** Checks the parent of a subdeployment. Returns the root of the chain, under which devices book the components. */
async function requireParent(
  tx: Tx,
  arns: Arns,
  target: DeploymentTarget,
  request: Deployment['request'],
): Promise<string | undefined> {
  const { parentTargetArn, targetArn } = request;
  if (parentTargetArn === undefined) return undefined;
  const refusal = parentRefusal(target, targetArn, parentTargetArn, await tx.deployments.parentOf(targetArn));
  if (refusal !== undefined) throw refusal;
  const parent = await requireTarget(tx, arns, parentTargetArn, 'parentTargetArn');
  if (parent.kind !== 'thinggroup') {
    throw invalidFields([{ name: 'parentTargetArn', message: 'must be the ARN of a thing group' }]);
  }
  const chain = new Set([targetArn]);
  let root = parentTargetArn;
  for (let above: string | undefined = root; above !== undefined; above = await parentNow(tx, above)) {
    if (chain.has(above))
      throw invalidFields([{ name: 'parentTargetArn', message: 'must not be a subdeployment of its own target' }]);
    chain.add(above);
    root = above;
  }
  return root;
}

/** The parent of a target's newest deployment: one that was a subdeployment once may stand on its own since. */
async function parentNow(tx: Tx, targetArn: string): Promise<string | undefined> {
  const latest = await tx.deployments.latest(targetArn);
  return latest === undefined ? tx.deployments.parentOf(targetArn) : latest.request.parentTargetArn;
}

async function nextDeployment(
  tx: Tx,
  { ids }: Pick<AppDeps, 'ids'>,
  arns: Arns,
  input: {
    readonly target: DeploymentTarget;
    readonly request: Deployment['request'];
    readonly onBehalfOf: string | undefined;
    readonly now: number;
  },
): Promise<Deployment> {
  const { target, request, onBehalfOf } = input;
  // Devices refuse what is older than the last they have under the same target: for a subdeployment that is its root.
  const { revision, createdAt } = await tx.deployments.nextRevision(request.targetArn, input.now, onBehalfOf);
  const id = ids.uuid();
  const document = documentOf({
    deploymentId: id,
    deploymentName: request.deploymentName,
    configurationArn: arns.configuration(target.kind, target.name, revision),
    parentTargetArn: request.parentTargetArn,
    onBehalfOf,
    creationTimestamp: createdAt,
    components: request.components,
    deploymentPolicies: request.deploymentPolicies,
  });
  return {
    id,
    target,
    targetArn: request.targetArn,
    revision,
    request,
    document,
    jobId: ids.uuid(),
    status: 'ACTIVE',
    latest: true,
    createdAt,
  };
}

/** The document as text. What the model refuses is a field of the request. */
function documentOf(input: Parameters<typeof buildDocument>[0]): string {
  try {
    return JSON.stringify(buildDocument(input));
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'ValidationException') throw error;
    const { field } = error.context;
    if (typeof field !== 'string') throw error;
    throw invalidFields([{ name: field, message: error.message.replace(`${field}: `, '') }]);
  }
}

/** Supersedes the target's revision before this one, and the subdeployments under it. True when there was any. */
async function replaceOlder(tx: Tx, deployment: Deployment, now: number): Promise<boolean> {
  const previous = await tx.deployments.latest(deployment.targetArn);
  const reason = `Superseded by revision ${deployment.revision} of ${deployment.targetArn}.`;
  let replaced = previous !== undefined;
  if (previous !== undefined) await supersede(tx, previous, reason, now);
  // The whole tree: below a subdeployment that was canceled another one may be active.
  const tree = new Set([deployment.targetArn]);
  for (const parent of tree) {
    for (const child of await tx.deployments.childTargets(parent)) {
      if (tree.has(child) || (await parentNow(tx, child)) !== parent) continue;
      tree.add(child);
      const latest = await tx.deployments.latest(child);
      if (latest?.status !== 'ACTIVE') continue;
      await supersede(tx, latest, reason, now);
      replaced = true;
    }
  }
  return replaced;
}

function jobOf(deployment: Deployment, now: number): Job {
  const { target, request } = deployment;
  const configuration = target.kind === 'thinggroup' ? request.iotJobConfiguration : undefined;
  return {
    id: deployment.jobId,
    deploymentId: deployment.id,
    carrier: target.kind === 'thinggroup' ? 'job' : 'shadow',
    target,
    targetArn: deployment.targetArn,
    document: deployment.document,
    // A thing has no fleet to roll out to: pace, abort and timeout have no effect there.
    ...(configuration === undefined ? {} : { configuration: JSON.stringify(configuration) }),
    status: 'IN_PROGRESS',
    forceCanceled: false,
    createdAt: deployment.createdAt,
    updatedAt: now,
    ...(target.kind === 'thinggroup' ? { rolloutAfter: '' } : {}),
  };
}

async function tellThing(tx: Tx, deployment: Deployment, now: number): Promise<readonly ShadowMessage[]> {
  const thing = deployment.target.name;
  const last = (await tx.executions.lastQueuedAt([thing])).get(thing) ?? 0;
  await tx.executions.insertMany([queuedExecution(deployment.jobId, thing, 1, queuedAtAfter(last, now))]);
  return desiredMessages(thing, await writeDesired(tx, thing, deployment.document, 'deploy', now));
}
