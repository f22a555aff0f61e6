import type { LoggedEvent } from '../domain/history/event.ts';
import type { CountedFailure } from '../domain/history/failure-cause.ts';
import type { Keepsake } from '../domain/history/retention.ts';

/** Of which deployment, or of which thing; all without either. */
export interface EventFilter {
  readonly deploymentId?: string;
  readonly thing?: string;
}

/** The log of what happened. The stores of deployments, jobs and executions write it with what they change. */
export interface EventLog {
  /** True when this transaction has written an event, or changed a job: followers have something to look at. */
  readonly changed: boolean;
  /** Those after a number, oldest first. */
  list(filter: EventFilter, after: number, limit: number): Promise<readonly LoggedEvent[]>;
  /** The number given last; 0 before the first. */
  head(): Promise<number>;
}

/** Counts failures by cause; the store of executions keeps them with what it changes. */
export interface FailureStore {
  /** Most things first; with up to `examples` of them. */
  ofJob(jobId: string, examples: number): Promise<readonly CountedFailure[]>;
}

/** Who changed what. `at` is epoch ms. */
export interface AuditRecord {
  readonly requestId: string;
  readonly at: number;
  /** The access key. */
  readonly caller: string;
  /** `service:Operation`. */
  readonly operation: string;
  /** What it was done to: names and ids of the request, or its path. */
  readonly target: string;
}

export interface AuditStore {
  /** One a request, however many transactions that takes. */
  record(record: AuditRecord): Promise<void>;
  /** Newest first. `after`: the `next` of the page before. */
  list(page: { limit: number; after?: string }): Promise<{ items: readonly AuditRecord[]; next?: string }>;
}

/** Ties what a request changes to who sent it. */
export interface AuditTrail {
  /** What `work` writes is recorded as done by this request, in the transaction that does it. */
  during<T>(record: AuditRecord, work: () => Promise<T>): Promise<T>;
}

/** Where a walk over the executions of a job is. */
export interface ExecutionCursor {
  readonly thing: string;
  readonly number: number;
}

/** Forgets what is over, a few rows at a time. No events are written of it. */
export interface RetentionStore {
  /** All deployments by id, some at a time: those after this one. */
  deployments(after: string, limit: number): Promise<readonly Keepsake[]>;
  deployment(id: string): Promise<Keepsake | undefined>;
  /**
   * Looks at `limit` executions of a job that has ended and deletes those that are over and that their thing does not run
   * by any more: it left, is gone, or has an execution of a newer job of the target. Returns where to go on; undefined at the end.
   */
  forgetExecutions(
    jobId: string,
    after: ExecutionCursor | undefined,
    limit: number,
  ): Promise<ExecutionCursor | undefined>;
  /** The oldest events of a deployment. Returns how many there were. */
  forgetEvents(deploymentId: string, limit: number): Promise<number>;
  /** The deployment and its job; false, and nothing is done, while executions of it are there. */
  forgetDeployment(deploymentId: string, jobId: string): Promise<boolean>;
  /** The oldest events, as far as they are from before `at`. Returns how many that were. */
  forgetEventsBefore(at: number, limit: number): Promise<number>;
  forgetAuditBefore(at: number, limit: number): Promise<number>;
}
