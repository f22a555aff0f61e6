import { Fault } from '@greensward/kit';
import { endedByService, isTerminal } from './execution-machine.ts';
import type { Execution } from './job.ts';

/** How the owner of the account cancels one execution. */
export interface ExecutionCancel {
  /** Also when it is IN_PROGRESS: the device is not asked, and its later updates are refused. */
  readonly force: boolean;
  readonly expectedVersion?: number;
  /** Takes the place of those there are. */
  readonly statusDetails?: Readonly<Record<string, string>>;
}

/**
 * IoT Jobs, CancelJobExecution: the execution as CANCELED. Fails with `InvalidStateTransitionException` when it has ended, or
 * runs and is not forced, and with `VersionConflictException` when it is at another version.
 */
export function canceledExecution(execution: Execution, how: ExecutionCancel, now: number): Execution {
  const { force, expectedVersion, statusDetails } = how;
  if (isTerminal(execution.status)) {
    throw new Fault('InvalidStateTransitionException', `The job execution is ${execution.status}: it has ended.`);
  }
  if (expectedVersion !== undefined && expectedVersion !== execution.version) {
    throw new Fault('VersionConflictException', `The job execution is at version ${execution.version}.`);
  }
  const ended = endedByService(execution, 'CANCELED', now, force);
  if (ended === undefined) {
    throw new Fault('InvalidStateTransitionException', 'The job execution is IN_PROGRESS: only force cancels it.');
  }
  return statusDetails === undefined ? ended : { ...ended, statusDetails };
}
