import type { Json } from '@greensward/kit';

/** What the cloud wants the device to do. */
export type Arrival =
  /** The next job, as often as the cloud says so. `document` is the job document as it came. */
  | {
      readonly kind: 'job';
      readonly jobId: string;
      readonly queuedAt: number;
      readonly status: string;
      readonly document: Json;
    }
  /** No job is pending any more: one that waits or runs was cancelled. */
  | { readonly kind: 'no-job' }
  /** The deployment shadow asks for this document, or for its cancellation. */
  | { readonly kind: 'shadow'; readonly configurationArn: string; readonly document: Json; readonly cancel: boolean };

/** A deployment status to deliver. */
export interface StatusReport {
  readonly source:
    | { readonly kind: 'job'; readonly jobId: string }
    | { readonly kind: 'shadow'; readonly configurationArn: string };
  readonly status: 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED' | 'REJECTED' | 'CANCELED';
  readonly detailedStatus?: string;
  readonly failureCause?: string;
  readonly errorStack?: readonly string[];
  readonly errorTypes?: readonly string[];
  /** Merged keys that lost to newer writes on the device. */
  readonly ignoredConfiguration?: string;
}

/** The MQTT side of the device. It keeps no state that must survive: on each connect it asks the cloud again. */
export interface Uplink {
  /** Connects, and keeps connecting; never throws for a network reason. */
  start(): void;
  stop(): Promise<void>;
  /** The settings of the connection have changed: ends it, and connects with the new ones. */
  reconnect(): void;
  connected(): boolean;
  onConnection(listener: (connected: boolean) => void): () => void;
  onArrival(listener: (arrival: Arrival) => void): () => void;
  /**
   * Resolves when the cloud has answered: `accepted`, or `rejected` for good. Rejects with a retryable Fault when offline or
   * without an answer in time. CANCELED is not sent for jobs.
   */
  report(report: StatusReport): Promise<'accepted' | 'rejected'>;
  /**
   * Resolves when the message is acknowledged; rejects with a Fault otherwise, retryable unless the cloud refused the message
   * itself.
   */
  publishFleetStatus(payload: string): Promise<void>;
}
