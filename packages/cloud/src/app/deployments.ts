import { completePolicies } from '@greensward/model/deployment-document';
import type { Deployment } from '../domain/deployment/deployment.ts';
import { moved, statusAfter } from '../domain/deployment/transitions.ts';
import { invalidRequest, resourceNotFound } from '../domain/faults.ts';
import type { Tx } from '../ports/storage.ts';
import type { DeploymentUseCases } from './app.ts';
import { createArns } from './arns.ts';
import type { AppDeps } from './context.ts';
import { createDeployment } from './create-deployment.ts';
import { desiredMessages, writeDesired } from './deployment-shadow.ts';
import { effectiveDeployments } from './effective-deployments.ts';
import { cancelJob } from './end-job.ts';
import { retryDeployment } from './retry-deployment.ts';
import { rolloutState } from './rollout-state.ts';

/** Deployments: revisions of what a thing or a thing group is to run. */
export function createDeployments(deps: AppDeps): DeploymentUseCases {
  const { storage, clock, bus, account } = deps;
  const arns = createArns(account);

  return {
    create: (input) => createDeployment(deps, arns, input),

    get: (id) =>
      storage.read(async (tx) => {
        const deployment = await requireDeployment(tx, id);
        const deploymentPolicies = completePolicies(deployment.request.deploymentPolicies);
        return {
          deployment: { ...deployment, request: { ...deployment.request, deploymentPolicies } },
          tags: await tx.tags.get(arns.deployment(id)),
        };
      }),

    list: (page, { history, ...filter }) =>
      storage.read((tx) => tx.deployments.list(page, { ...filter, latestOnly: history === 'LATEST_ONLY' })),

    async cancel(id) {
      const { status, messages } = await storage.write(async (tx) => {
        const deployment = await requireDeployment(tx, id);
        const canceled = moved(deployment, 'cancel', 'The deployment was canceled.');
        if (canceled === undefined) {
          throw invalidRequest(
            `The deployment ${id} is ${deployment.status}; only an ACTIVE deployment can be canceled.`,
          );
        }
        await tx.deployments.update(canceled);
        const now = clock.now();
        const job = await tx.jobs.get(deployment.jobId);
        const reason = { reasonCode: 'DEPLOYMENT_CANCELED', comment: `The deployment ${id} was canceled.` };
        if (job?.status === 'IN_PROGRESS') await cancelJob(tx, job, reason, now);
        const written =
          deployment.target.kind === 'thing'
            ? await writeDesired(tx, deployment.target.name, deployment.document, 'CANCELED', now)
            : undefined;
        return {
          status: canceled.status,
          messages: written === undefined ? [] : desiredMessages(deployment.target.name, written),
        };
      });
      bus.publish({ kind: 'job-ended' });
      if (messages.length > 0) bus.publish({ kind: 'shadow-changed', messages });
      return { status, message: `The deployment ${id} has been canceled. Devices that have received it keep it.` };
    },

    async delete(id) {
      await storage.write(async (tx) => {
        const deployment = await requireDeployment(tx, id);
        if (statusAfter(deployment.status, 'delete') === undefined) {
          throw invalidRequest(`The deployment ${id} is ${deployment.status}; cancel it before deleting it.`);
        }
        await tx.deployments.delete(id);
        await tx.jobs.delete(deployment.jobId, clock.now());
        await tx.tags.clear(arns.deployment(id));
        await tx.tags.clear(arns.job(deployment.jobId));
        if (deployment.latest) await promoteNewest(tx, deployment.targetArn);
      });
      bus.publish({ kind: 'job-ended' });
    },

    retry: (id, things) => retryDeployment(deps, id, things),

    effective: (thing, page) => storage.read((tx) => effectiveDeployments(tx, thing, page)),

    progress: (id) =>
      storage.read(async (tx) => {
        const deployment = await requireDeployment(tx, id);
        return { deployment, ...(await rolloutState(tx, deployment)) };
      }),
  };
}

async function requireDeployment(tx: Tx, id: string): Promise<Deployment> {
  const deployment = await tx.deployments.get(id);
  if (deployment === undefined) throw resourceNotFound('deployment', id);
  return deployment;
}

/** The newest revision that is left, with its historic status, stands for the target again. */
async function promoteNewest(tx: Tx, targetArn: string): Promise<void> {
  const [newest] = (await tx.deployments.list({ limit: 1 }, { targetArn, latestOnly: false })).items;
  if (newest !== undefined) await tx.deployments.update({ ...newest, latest: true });
}
