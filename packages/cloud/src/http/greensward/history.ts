import type { EventFilter } from '../../ports/history.ts';
import type { Call } from '../exchange.ts';
import { pager } from '../page-token.ts';
import type { Handlers } from '../wire/rest-json.ts';
import type { HistoryOperations } from './history-service.ts';

const pageSize = 250;

interface Range {
  readonly after?: number | undefined;
  readonly maxResults?: number | undefined;
}

async function eventsOf(filter: EventFilter, { after = 0, maxResults = pageSize }: Range, { app }: Call) {
  const { events, more } = await app.history.events(filter, after, maxResults);
  return { events, more };
}

export const historyHandlers: Handlers<HistoryOperations> = {
  async GetRollout({ deploymentId }, { app }) {
    const { deployment, rollout } = await app.history.rollout(deploymentId);
    return { deploymentId, jobId: deployment.jobId, targetArn: deployment.targetArn, ...rollout };
  },

  ListDeploymentEvents: ({ deploymentId, ...range }, call) => eventsOf({ deploymentId }, range, call),

  ListDeviceEvents: ({ thing, ...range }, call) => eventsOf({ thing }, range, call),

  ListEvents: (range, call) => eventsOf({}, range, call),

  async ListFailures({ deploymentId }, { app }) {
    const failures = await app.history.failures(deploymentId);
    return {
      failures: failures.map(({ errorCode, cause, ...rest }) => ({
        ...rest,
        errorCode: errorCode || undefined,
        cause: cause || undefined,
      })),
    };
  },

  async ListAudit({ maxResults, nextToken }, { app }) {
    const pages = pager('ListAudit', {});
    const page = await app.history.audit(pages.request(nextToken, maxResults ?? pageSize));
    return {
      entries: page.items.map(({ caller, ...rest }) => ({ ...rest, accessKeyId: caller })),
      nextToken: pages.token(page.next),
    };
  },
};
