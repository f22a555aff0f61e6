import type { Json } from '@greensward/kit';
import { type DeploymentRecord, type DeploymentSource, deploymentKey } from '../store/records.ts';
import type { Arrival } from '../uplink/uplink.ts';

/** What a person on the device asks for. `request` is a `LocalRequest`. */
export type LocalArrival =
  | { readonly kind: 'local'; readonly deploymentId: string; readonly createdOn: number; readonly request: Json }
  | { readonly kind: 'cancel-local'; readonly deploymentId: string };

/** What an arrival changes: a deployment joins the queue, open ones are cancelled, or the end of one is to be told again. */
export interface QueueChange {
  readonly enqueue?: DeploymentRecord;
  readonly cancel: readonly DeploymentRecord[];
  readonly tellAgain?: DeploymentRecord;
}

/** Stages in which a deployment can be cancelled; one that goes back already does so whatever comes. */
const cancellableStages: ReadonlySet<DeploymentRecord['stage']> = new Set([
  'QUEUED',
  'PREPARING',
  'BOOTSTRAPPING',
  'APPLYING',
]);

/** True when nothing on the device has been changed by it: it can be dropped as if it had never come. */
export function hasChangedNothing({ stage }: DeploymentRecord): boolean {
  return stage === 'QUEUED' || stage === 'PREPARING';
}

/**
 * Decides what an arrival means. The cloud hands out one next job, so a new one says that an older one is cancelled; so does "no
 * job". There is one place for a shadow deployment: a newer document replaces it. A delivery that is known by its key is a repeat
 * and says nothing about others; one of a deployment that has ended comes from a cloud that does not know its end (any more).
 * Local deployments stand in the same queue, and the cloud cancels none of them: only the person who made one does.
 */
export function onArrival(
  arrival: Arrival | LocalArrival,
  open: readonly DeploymentRecord[],
  known: (key: string) => DeploymentRecord | undefined,
): QueueChange {
  const cancellable = (kind: DeploymentSource['kind']) =>
    open.filter(
      ({ source, stage, cancelled }) => source.kind === kind && cancellableStages.has(stage) && cancelled !== true,
    );
  switch (arrival.kind) {
    case 'no-job':
      return { cancel: cancellable('job') };
    case 'job': {
      const source = { kind: 'job', jobId: arrival.jobId, queuedAt: arrival.queuedAt } as const;
      return join(source, arrival.document, cancellable('job'), known);
    }
    case 'shadow': {
      const source = { kind: 'shadow', configurationArn: arrival.configurationArn } as const;
      if (!arrival.cancel) return join(source, arrival.document, cancellable('shadow'), known);
      return { cancel: cancellable('shadow').filter((record) => record.key === deploymentKey(source)) };
    }
    case 'local': {
      const { deploymentId, createdOn } = arrival;
      return join({ kind: 'local', deploymentId, createdOn }, arrival.request, [], known);
    }
    case 'cancel-local': {
      const isIt = ({ source }: DeploymentRecord) =>
        source.kind === 'local' && source.deploymentId === arrival.deploymentId;
      return { cancel: cancellable('local').filter(isIt) };
    }
  }
}

function join(
  source: DeploymentSource,
  document: DeploymentRecord['document'],
  others: readonly DeploymentRecord[],
  known: (key: string) => DeploymentRecord | undefined,
): QueueChange {
  const key = deploymentKey(source);
  const before = known(key);
  if (before === undefined) return { enqueue: { key, source, document, stage: 'QUEUED' }, cancel: others };
  return before.stage === 'ENDED' ? { cancel: [], tellAgain: before } : { cancel: [] };
}

/** The next deployment to work on: one that was begun goes before one that waits. */
export function nextDeployment(open: readonly DeploymentRecord[]): DeploymentRecord | undefined {
  return open.find((record) => record.stage !== 'QUEUED') ?? open[0];
}
