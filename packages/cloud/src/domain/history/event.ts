import { parseDeploymentStatusDetails } from '@greensward/protocol/jobs';
import type { Execution } from '../jobs/job.ts';
import { outcomeOf } from '../jobs/outcome.ts';
import { plainText } from './plain-text.ts';

/** What changed its status. */
export type EventSubject = 'deployment' | 'job' | 'execution';

/** One change of a status. Times are epoch ms. */
export interface LoggedEvent {
  /**
   * Grows by one an event in the order of commits: who has seen all up to a number and asks for what follows it misses
   * nothing and sees nothing twice.
   */
  readonly sequence: number;
  readonly at: number;
  readonly subject: EventSubject;
  readonly deploymentId: string;
  readonly jobId: string;
  /** Executions only. */
  readonly thing?: string;
  readonly executionNumber?: number;
  /** Absent for what is new. */
  readonly from?: string;
  /** A status of the subject, or `DELETED`. */
  readonly to: string;
  /** Why: a failure's cause, the code or comment of a cancel or an abort. One line, at most 300 characters. */
  readonly reason?: string;
}

/** An event before it has its number. */
export type NewEvent = Omit<LoggedEvent, 'sequence'>;

const maxReason = 300;

/** A reason as it is kept; nothing for an empty text. */
export function eventReason(text: string | undefined): { readonly reason?: string } {
  const reason = plainText(text ?? '', maxReason);
  return reason === '' ? {} : { reason };
}

/** Why an execution is where it is: the device's own words for a failure, the reason of the job for a cancel. */
export function executionReason(execution: Execution, jobReason: string | undefined): { readonly reason?: string } {
  switch (execution.status) {
    case 'FAILED':
    case 'REJECTED':
    case 'TIMED_OUT': {
      const told = { ...parseDeploymentStatusDetails(execution.statusDetails), ...outcomeOf(execution) };
      return eventReason(told.failureCause || told.errorStack?.at(-1));
    }
    case 'CANCELED':
      return eventReason(jobReason);
    default:
      return {};
  }
}
