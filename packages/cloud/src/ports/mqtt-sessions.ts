/** Sessions of the device broker, the messages that wait in them, and retained messages. */
export interface MqttSessions {
  /** All that is kept; as large as the broker's limits let it become. */
  load(): Promise<KeptSessions>;
  /** Applied again, the same changes change nothing. */
  apply(changes: SessionChanges): Promise<void>;
}

export interface KeptSessions {
  readonly sessions: readonly KeptSession[];
  readonly queued: readonly KeptDelivery[];
  readonly retained: readonly KeptMessage[];
}

/** In the order in which they are applied. */
export interface SessionChanges {
  /** Clients whose sessions, and all messages that are kept of them, go. */
  readonly ended: ReadonlySet<string>;
  /** Sequences of messages that go. */
  readonly unqueued: ReadonlySet<number>;
  /** Each takes the place of the client's session. */
  readonly sessions: readonly KeptSession[];
  readonly queued: readonly KeptDelivery[];
  /** By topic; undefined goes. */
  readonly retained: ReadonlyMap<string, KeptMessage | undefined>;
}

export interface KeptSession {
  readonly clientId: string;
  /** What the broker writes of it, for the broker to read. */
  readonly session: string;
}

export interface KeptMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1;
  readonly properties: Uint8Array;
  /** Epoch ms. */
  readonly expiresAt: number | undefined;
}

/** A message that waits for one client. */
export interface KeptDelivery {
  readonly clientId: string;
  /** Of this delivery alone. */
  readonly sequence: number;
  /** The message is kept once for all deliveries that name it. */
  readonly messageId: number;
  readonly message: KeptMessage;
  /** What the broker writes of it, for the broker to read. */
  readonly delivery: string;
}
