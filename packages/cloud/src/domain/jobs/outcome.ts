import type { DeploymentOutcome } from '@greensward/protocol/jobs';
import { isTerminal } from './execution-machine.ts';
import type { Execution } from './job.ts';

/** Characters of a cause, and of a name; names of a list: what a device may make us keep. */
const maxCause = 8000;
const maxName = 256;
const maxNames = 100;

/** The execution with what its device told of a failure outside the status details; itself when that is nothing. */
export function withOutcome(execution: Execution, told: DeploymentOutcome): Execution {
  const { failureCause, errorStack, errorTypes } = told;
  const outcome = {
    ...(failureCause ? { failureCause: failureCause.slice(0, maxCause) } : {}),
    ...(errorStack?.length ? { errorStack: namesOf(errorStack) } : {}),
    ...(errorTypes?.length ? { errorTypes: namesOf(errorTypes) } : {}),
  };
  return Object.keys(outcome).length === 0 ? execution : { ...execution, outcome };
}

/** What counts of it: an execution that goes on, or has succeeded, has not failed whatever was told before. */
export function outcomeOf({ status, outcome }: Execution): DeploymentOutcome {
  return outcome !== undefined && isTerminal(status) && status !== 'SUCCEEDED' ? outcome : {};
}

function namesOf(list: readonly string[]): readonly string[] {
  return list.slice(0, maxNames).map((name) => name.slice(0, maxName));
}
