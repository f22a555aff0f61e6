import type { LoggedEvent } from '../domain/history/event.ts';
import type { CountedFailure } from '../domain/history/failure-cause.ts';

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
