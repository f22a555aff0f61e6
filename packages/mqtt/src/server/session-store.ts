import type { Subscription } from './subscription.ts';

// The port through which sessions, their queues and retained messages survive a restart. Its owner implements it on a
// database or a file. Everything in it is a value; times are epoch milliseconds, for the monotonic clock starts anew.
//
// What a client that is away is to get is in the store before its publisher is told so. What is on its way to a client that
// is connected is not: it is stored when the connection ends without an acknowledgement, and a crash before loses it.

/** A message as it is kept. The object is the same for every session that has the message: keep its bytes once if you can. */
export interface StoredMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1;
  /** Encoded MQTT 5 properties that every receiver gets. */
  readonly properties: Uint8Array;
  /** When it expires, if it does. */
  readonly expiresAt: number | undefined;
}

export interface StoredWill {
  readonly message: StoredMessage;
  readonly retain: boolean;
  /** Seconds that the publication waits after the end of the connection. */
  readonly delaySeconds: number;
  /** From the will's publication; undefined never expires. */
  readonly expirySeconds: number | undefined;
}

export interface StoredSession {
  readonly clientId: string;
  readonly subscriptions: readonly Subscription[];
  /** Seconds that it outlives its connection. */
  readonly expirySeconds: number;
  /** When its connection ended; undefined while it has one. */
  readonly disconnectedAt: number | undefined;
  readonly will: StoredWill | undefined;
}

/** A QoS 1 message that waits for a client without a connection. */
export interface QueuedMessage {
  readonly clientId: string;
  /** Unique in the store; the messages of a client are delivered in its order. */
  readonly sequence: number;
  readonly message: StoredMessage;
  readonly retain: boolean;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
  /** The shared subscription it came by (`$share/...`). */
  readonly shared: string | undefined;
}

export type StoreChange =
  /** Takes the place of what the store has of the session, except for its messages. */
  | { readonly kind: 'session'; readonly session: StoredSession }
  /** Removes the session and all its messages. */
  | { readonly kind: 'session-ended'; readonly clientId: string }
  | { readonly kind: 'queued'; readonly queued: QueuedMessage }
  /** Removes one message of a client; it may not be there. */
  | { readonly kind: 'unqueued'; readonly clientId: string; readonly sequence: number }
  /** Takes the place of the topic's retained message. */
  | { readonly kind: 'retained'; readonly message: StoredMessage }
  | { readonly kind: 'retained-removed'; readonly topic: string };

export interface StoredState {
  readonly sessions: readonly StoredSession[];
  /** In any order. */
  readonly queued: readonly QueuedMessage[];
  readonly retained: readonly StoredMessage[];
}

export interface SessionStore {
  /** All that is kept. Called once, before the first connection. */
  load(): Promise<StoredState>;
  /**
   * Applies changes in their order, all or none, and resolves when no power cut can undo them. It is never called again
   * before it has ended. When it rejects, the same changes come again, with others after them.
   */
  write(changes: readonly StoreChange[]): Promise<void>;
}
