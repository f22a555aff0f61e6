import { resourceNotFound } from '../domain/faults.ts';
import type { EventFilter } from '../ports/history.ts';
import type { Tx } from '../ports/storage.ts';
import type { HistoryUseCases } from './app.ts';
import type { AppDeps } from './context.ts';
import { rolloutState } from './rollout-state.ts';

const exampleThings = 5;

/** What happened: events, causes of failures, and who changed what. */
export function createHistory({ storage, bus }: Pick<AppDeps, 'storage' | 'bus'>): HistoryUseCases {
  return {
    events: (filter, after, limit) =>
      storage.read(async (tx) => {
        const found = await tx.events.list(filter, after, limit + 1);
        if (found.length === 0) await requireSubject(tx, filter);
        const deployment =
          filter.deploymentId === undefined ? undefined : await tx.deployments.get(filter.deploymentId);
        return {
          events: found.slice(0, limit),
          more: found.length > limit,
          ...(deployment === undefined ? {} : { rollout: await rolloutState(tx, deployment) }),
        };
      }),

    head: () => storage.read((tx) => tx.events.head()),

    onChange: (listener) =>
      bus.subscribe((event) => {
        if (event.kind === 'events') listener();
      }),

    rollout: (deploymentId) =>
      storage.read(async (tx) => {
        const deployment = await tx.deployments.get(deploymentId);
        if (deployment === undefined) throw resourceNotFound('deployment', deploymentId);
        return { deployment, rollout: await rolloutState(tx, deployment) };
      }),

    failures: (deploymentId) =>
      storage.read(async (tx) => {
        const deployment = await tx.deployments.get(deploymentId);
        if (deployment === undefined) throw resourceNotFound('deployment', deploymentId);
        return tx.failures.ofJob(deployment.jobId, exampleThings);
      }),

    audit: (page) => storage.read((tx) => tx.audit.list(page)),
  };
}

/** A deployment or device of which nothing was ever heard is a mistake of the caller; a deleted one has its events. */
async function requireSubject(tx: Tx, filter: EventFilter): Promise<void> {
  const { deploymentId, thing } = filter;
  if (deploymentId !== undefined && (await tx.deployments.get(deploymentId)) === undefined) {
    if ((await tx.events.list({ deploymentId }, 0, 1)).length === 0) throw resourceNotFound('deployment', deploymentId);
  }
  if (thing !== undefined && (await tx.things.get(thing)) === undefined) {
    if ((await tx.events.list({ thing }, 0, 1)).length === 0) throw resourceNotFound('thing', thing);
  }
}
