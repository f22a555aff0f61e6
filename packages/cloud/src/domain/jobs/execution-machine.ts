import type { Execution, ExecutionStatus } from './job.ts';

type Actor = 'device' | 'service' | 'force';

/**
 * IoT Jobs: who may move an execution from one status to another. A pair that is not listed is refused. `service` is the
 * control plane (cancel, abort, timer, membership), `force` a cancel with `force=true` and the deletion of the thing.
 */
const transitions: { readonly [from in ExecutionStatus]: { readonly [to in ExecutionStatus]?: readonly Actor[] } } = {
  QUEUED: {
    IN_PROGRESS: ['device'],
    SUCCEEDED: ['device'],
    FAILED: ['device'],
    REJECTED: ['device'],
    CANCELED: ['service', 'force'],
    REMOVED: ['service', 'force'],
  },
  IN_PROGRESS: {
    IN_PROGRESS: ['device'],
    SUCCEEDED: ['device'],
    FAILED: ['device'],
    REJECTED: ['device'],
    TIMED_OUT: ['service'],
    CANCELED: ['force'],
    REMOVED: ['force'],
  },
  SUCCEEDED: {},
  FAILED: {},
  REJECTED: {},
  TIMED_OUT: {},
  CANCELED: {},
  REMOVED: {},
};

/** The statuses that a device may write. */
const deviceStatuses = ['IN_PROGRESS', 'SUCCEEDED', 'FAILED', 'REJECTED'] as const;
type DeviceStatus = (typeof deviceStatuses)[number];

/** True for a status that a device may write. */
export function isDeviceStatus(status: string): status is DeviceStatus {
  return deviceStatuses.some((known) => known === status);
}

/** True when nothing can change the execution any more. */
export function isTerminal(status: ExecutionStatus): boolean {
  return Object.keys(transitions[status]).length === 0;
}

/** True when `actor` may move an execution so. */
export function mayMove(from: ExecutionStatus, to: ExecutionStatus, actor: Actor): boolean {
  return transitions[from][to]?.includes(actor) ?? false;
}

/** A new execution, QUEUED. `number` counts the times that the thing got this job, from 1. */
export function queuedExecution(jobId: string, thing: string, number: number, queuedAt: number): Execution {
  return {
    jobId,
    thing,
    number,
    status: 'QUEUED',
    version: 1,
    statusDetails: {},
    queuedAt,
    updatedAt: queuedAt,
    forceCanceled: false,
  };
}

/**
 * The execution after the service ended it, or undefined when it may not (the caller leaves it alone). With `force` a
 * running one is ended too.
 */
export function endedByService(
  execution: Execution,
  status: 'CANCELED' | 'REMOVED' | 'TIMED_OUT',
  now: number,
  force = false,
): Execution | undefined {
  if (!mayMove(execution.status, status, force ? 'force' : 'service')) return undefined;
  const { timesOutAt: _, ...rest } = execution;
  const forceCanceled = execution.forceCanceled || (force && status === 'CANCELED');
  return { ...rest, status, version: execution.version + 1, updatedAt: now, forceCanceled };
}

/** True for an end that may be tried again: the device failed or refused, or its time was over. */
export function hasFailed(status: ExecutionStatus): boolean {
  return status === 'FAILED' || status === 'REJECTED' || status === 'TIMED_OUT';
}
