import { parseDeploymentStatusDetails } from '@greensward/protocol/jobs';
import type { Deployment } from '../../domain/deployment/deployment.ts';
import type { ExecutionCounts } from '../../domain/jobs/job.ts';
import type { Page, PageRequest } from '../../ports/storage.ts';
import type { Answer, Call, Route, ServiceRoutes } from '../exchange.ts';
import { pager } from '../page-token.ts';
import { type Handlers, restJsonErrors, restJsonRoutes, restJsonService } from '../wire/rest-json.ts';
import type { EventStreams } from './event-streams.ts';
import { historyHandlers } from './history.ts';
import { type ExecutionProgress, greensward } from './service.ts';

const handlers: Handlers<typeof greensward.operations> = {
  ...historyHandlers,

  async GetDeploymentProgress({ deploymentId, maxResults, nextToken }, call) {
    const pages = pager('GetDeploymentProgress', { deploymentId });
    const request = pages.request(nextToken, maxResults ?? 250);
    const { deployment, counts, settled } = await call.app.deployments.progress(deploymentId);
    const page = await executionsOf(deployment, counts, request, call);
    return {
      deploymentId,
      targetArn: deployment.targetArn,
      status: deployment.status,
      statusReason: deployment.statusReason,
      counts,
      settled,
      executions: page.items,
      nextToken: pages.token(page.next),
    };
  },

  async RetryDeployment({ deploymentId, things }, { app }) {
    return { deploymentId, things: await app.deployments.retry(deploymentId, things) };
  },

  async GetDeviceTelemetry({ thing }, { app }) {
    const { message, receivedAt } = await app.telemetry.get(thing);
    return { thing, receivedAt, telemetry: JSON.parse(message) };
  },

  async GetDeviceEndpoints(_input, { account, endpoints }) {
    const { names, mqttPort, devicePort, rootPem } = endpoints;
    return { endpoints: { host: names[0], mqttPort, devicePort, region: account.region }, rootCaPem: rootPem };
  },
};

async function executionsOf(
  deployment: Deployment,
  counts: ExecutionCounts,
  request: PageRequest,
  { app }: Call,
): Promise<Page<ExecutionProgress>> {
  const { target, jobId, statusReason } = deployment;
  if (target.kind === 'thing') {
    // The rollout to one thing is no job that could be listed; its one execution shows in the counts.
    const statuses = Object.entries(counts).filter(([, count]) => count > 0);
    return { items: statuses.map(([status]) => ({ thing: target.name, status, reason: statusReason })) };
  }
  const page = await app.jobs.executionsOfJob(jobId, request);
  const items = page.items.map((execution) => ({
    thing: execution.thing,
    status: execution.status,
    lastUpdatedAt: execution.updatedAt,
    reason: parseDeploymentStatusDetails(execution.statusDetails).failureCause,
  }));
  return page.next === undefined ? { items } : { items, next: page.next };
}

/** Our own API: what AWS has no call for, signed for the service `greensward`. */
export function greenswardService(streams: EventStreams): ServiceRoutes {
  const service = restJsonService(greensward, restJsonRoutes(greensward, handlers, { access: 'signed' }));
  return {
    errors: service.errors,
    route(arrival) {
      const route = service.route(arrival);
      return streams.over(route, arrival) ?? route;
    },
  };
}

/** Health, unsigned. `startedAt` is epoch ms; the answer has the uptime in seconds. */
export function healthService(version: string, startedAt: number): ServiceRoutes {
  const errors = restJsonErrors(greensward);
  const route: Route<undefined, Answer> = {
    service: 'greensward',
    operation: 'GetHealth',
    errors,
    access: 'open',
    body: 'whole',
    maxBytes: 0,
    parse: () => undefined,
    async handle(_input: undefined, { now }: Call) {
      const body = { status: 'ok', version, uptimeSeconds: Math.round((now - startedAt) / 1000) };
      return {
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify(body), 'utf8'),
      };
    },
    serialize: (answer) => answer,
  };
  return { errors, route: () => route };
}
