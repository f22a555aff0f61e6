import { completePolicies } from '@greensward/model/deployment-document';
import { jobArn } from '@greensward/protocol/arn';
import type { greengrassv2 } from '@greensward/protocol/greengrassv2';
import type { Account } from '../../app/context.ts';
import type { Deployment } from '../../domain/deployment/deployment.ts';
import { scopeOf } from '../arns.ts';
import { pager } from '../page-token.ts';
import type { Handlers } from '../wire/rest-json.ts';

type DeploymentHandlers = Pick<
  Handlers<typeof greengrassv2.operations>,
  | 'CreateDeployment'
  | 'GetDeployment'
  | 'ListDeployments'
  | 'CancelDeployment'
  | 'DeleteDeployment'
  | 'ListEffectiveDeployments'
>;

export const deploymentHandlers: DeploymentHandlers = {
  CreateDeployment: (input, { app }) => app.deployments.create(input),

  async GetDeployment({ deploymentId }, { app, account }) {
    const { deployment, tags } = await app.deployments.get(deploymentId);
    const { request } = deployment;
    return {
      ...summaryOf(deployment),
      ...jobOf(deployment, account),
      components: request.components,
      deploymentPolicies: completePolicies(request.deploymentPolicies),
      iotJobConfiguration: request.iotJobConfiguration,
      tags,
    };
  },

  async ListDeployments(input, { app }) {
    const { targetArn, parentTargetArn, historyFilter = 'LATEST_ONLY' } = input;
    const pages = pager('ListDeployments', { targetArn, parentTargetArn, historyFilter });
    const page = await app.deployments.list(pages.request(input.nextToken, input.maxResults ?? 50), {
      ...(targetArn === undefined ? {} : { targetArn }),
      ...(parentTargetArn === undefined ? {} : { parentTargetArn }),
      history: historyFilter,
    });
    return { deployments: page.items.map(summaryOf), nextToken: pages.token(page.next) };
  },

  async CancelDeployment({ deploymentId }, { app }) {
    const { message } = await app.deployments.cancel(deploymentId);
    return { message };
  },

  async DeleteDeployment({ deploymentId }, { app }) {
    await app.deployments.delete(deploymentId);
    return undefined;
  },

  async ListEffectiveDeployments({ coreDeviceThingName, ...paging }, { app, account }) {
    const pages = pager('ListEffectiveDeployments', { coreDeviceThingName });
    const request = pages.request(paging.nextToken, paging.maxResults ?? 50);
    const page = await app.deployments.effective(coreDeviceThingName, request);
    const effectiveDeployments = page.items.flatMap(({ deployment, execution, status, reason, ...errors }) =>
      status === 'REMOVED'
        ? []
        : {
            deploymentId: deployment.id,
            deploymentName: deployment.request.deploymentName ?? '',
            ...jobOf(deployment, account),
            targetArn: deployment.targetArn,
            coreDeviceExecutionStatus: status,
            reason: reason === '' ? undefined : reason,
            creationTimestamp: deployment.createdAt,
            modifiedTimestamp: execution.updatedAt,
            statusDetails: detailsOf(errors),
          },
    );
    return { effectiveDeployments, nextToken: pages.token(page.next) };
  },
};

function summaryOf(deployment: Deployment) {
  return {
    targetArn: deployment.targetArn,
    revisionId: String(deployment.revision),
    deploymentId: deployment.id,
    deploymentName: deployment.request.deploymentName,
    creationTimestamp: deployment.createdAt,
    deploymentStatus: deployment.status,
    isLatestForTarget: deployment.latest,
    parentTargetArn: deployment.request.parentTargetArn,
  };
}

/** A thing gets its deployment through its shadow: there is no job to name. */
function jobOf({ target, jobId }: Deployment, account: Account) {
  return target.kind === 'thinggroup' ? { iotJobId: jobId, iotJobArn: jobArn(scopeOf(account), jobId) } : {};
}

function detailsOf({ errorStack, errorTypes }: { errorStack: readonly string[]; errorTypes: readonly string[] }) {
  return errorStack.length === 0 && errorTypes.length === 0 ? undefined : { errorStack, errorTypes };
}
