import { parseDeploymentStatusDetails } from '@greensward/protocol/jobs';
import type { Execution, ExecutionStatus } from '../jobs/job.ts';
import { outcomeOf } from '../jobs/outcome.ts';
import { plainText } from './plain-text.ts';

const failures = ['FAILED', 'REJECTED', 'TIMED_OUT'] as const;
export type FailureStatus = (typeof failures)[number];

/** Why executions failed, in a form in which the same failure on two devices is one. */
export interface FailureCause {
  readonly status: FailureStatus;
  /** The most specific code of the device's error stack; '' when it told none. */
  readonly errorCode: string;
  /** What the device told, without what is its own; '' when it told nothing. */
  readonly cause: string;
}

/** A cause, and on how many things the newest execution failed so. */
export interface CountedFailure extends FailureCause {
  readonly devices: number;
  /** Some of these things, by name. */
  readonly exampleThings: readonly string[];
}

/** Causes that are told apart in one job; what comes after is counted under one more for each status. */
export const maxCauses = 100;

/** The cause that stands for those that are not told apart. */
export function otherCause(status: FailureStatus): FailureCause {
  return { status, errorCode: '', cause: 'other causes' };
}

export function isFailure(status: ExecutionStatus): status is FailureStatus {
  return failures.some((failure) => failure === status);
}

const maxCause = 200;
const maxCode = 100;
/** What is looked at: enough for what is kept. */
const maxRead = 2000;

/** The cause of an execution that has failed; undefined for another. */
export function failureCause(execution: Execution): FailureCause | undefined {
  const { status, thing } = execution;
  if (!isFailure(status)) return undefined;
  const told = { ...parseDeploymentStatusDetails(execution.statusDetails), ...outcomeOf(execution) };
  return {
    status,
    errorCode: plainText(told.errorStack?.at(-1) ?? '', maxCode),
    cause: comparable(told.failureCause ?? '', thing),
  };
}

/** What differs between devices, from special to general: each is replaced by what it is. */
const ownParts: readonly (readonly [RegExp, string])[] = [
  [/\b[a-z][a-z0-9+.-]*:\/\/[^\s'"<>]+/gi, '{url}'],
  [/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, '{id}'],
  [/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?([.,]\d+)?(Z|[+-]\d\d:?\d\d)?/g, '{time}'],
  [
    /(?<![\w.}])(?:[A-Za-z]:)?[\\/](?:[^\s'":;,<>()[\]{}\\/]+[\\/])*[^\s'":;,<>()[\]{}\\/]*[^\s'":;,.<>()[\]{}\\/]/g,
    '{path}',
  ],
  [/\b\d{1,3}(\.\d{1,3}){3}\b/g, '{address}'],
  [/\b(?=[a-f]*\d)(?:0x)?[0-9a-f]{8,}\b/gi, '{id}'],
];

// A version is the same on every device that has it, and says much.
const number = /(?<![\w.])(\d+\.\d+\.\d+(?![\d.]))|\d+/g;

/** Stands for the name of the thing while it may be a part of a path or an address: of no meaning in any text. */
const nameMark = '\ue000';

/** The text without what is the device's own: its name, ids, paths, URLs, addresses, times and numbers. */
function comparable(text: string, thing: string): string {
  let result = text.slice(0, maxRead);
  if (thing.length > 2) result = result.replaceAll(thing, nameMark);
  for (const [pattern, name] of ownParts) result = result.replace(pattern, name);
  return plainText(
    result.replaceAll(nameMark, '{thing}').replace(number, (_, version?: string) => version ?? '#'),
    maxCause,
  );
}
