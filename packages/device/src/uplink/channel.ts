import type { Ids, JsonObject, Log, Timers } from '@greensward/kit';
import type { Arrival } from './uplink.ts';

/** What one subject of the uplink (jobs, shadow) is given. */
export interface ChannelDeps {
  readonly thingName: string;
  readonly timers: Timers;
  readonly ids: Ids;
  readonly log: Log;
  /** How long an answer of the cloud may take, milliseconds. */
  readonly timeoutMs: number;
  /** Publishes at QoS 1 on the connection there is; rejects with a retryable Fault when there is none. */
  readonly send: (topic: string, payload: JsonObject) => Promise<void>;
  readonly arrive: (arrival: Arrival) => void;
}

/** One subject: its topics, what it asks on each connection, and what it makes of messages. */
export interface Channel<Report> {
  /** In the order they are to be subscribed. */
  readonly filters: readonly string[];
  /** Asks for the current state; called on each connection. */
  refresh(): void;
  /** False: the topic is not one of this subject. Throws when the payload cannot be read. */
  receive(topic: string, payload: Uint8Array): boolean;
  report(report: Report): Promise<'accepted' | 'rejected'>;
  disconnected(reason: string): void;
}
