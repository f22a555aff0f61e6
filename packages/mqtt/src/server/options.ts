import type { Clock, Ids, Log, Timers } from '@greensward/kit';
import type { MessageProperties } from './codec/properties.ts';
import type { SessionStore } from './session-store.ts';

/** Bounds of one server. Bytes count payload, topic and properties. */
export interface MqttLimits {
  /** Open connections; the CONNECT of one more is refused with 0x97, and it is dropped when 100 more wait for that. */
  readonly connections: number;
  /** CONNECT packets of all clients; more are refused with 0x9F. */
  readonly connectsPerSecond: number;
  /** Packets of one client but acknowledgements, on average; it is not read while it sends more. */
  readonly packetsPerSecond: number;
  /** From the start of a connection to its accepted CONNECT. */
  readonly connectTimeoutMs: number;
  /** A whole inbound packet, fixed header included. */
  readonly maximumPacketBytes: number;
  /** Longest keep-alive; MQTT 5 clients that ask for more, or none, are told so (Server Keep Alive). */
  readonly keepAliveSeconds: number;
  readonly clientIdBytes: number;
  /** QoS 1 messages of one client not yet acknowledged by the server (Receive Maximum). */
  readonly receiveMaximum: number;
  /** QoS 1 messages to one client not yet acknowledged by it. */
  readonly inflight: number;
  readonly topicAliases: number;
  /** Subscriptions of one session. */
  readonly subscriptions: number;
  /** Unsent bytes of one connection, above which QoS 0 messages are dropped and the client is not read. */
  readonly outboundBytes: number;
  /** QoS 1 bytes that wait for one client, on line or off. */
  readonly queueBytes: number;
  /** The same over all clients, with their subscriptions and wills. Over it the largest sessions end. */
  readonly totalQueueBytes: number;
  /** What connections hold that is unsent, or an unfinished packet. Over it those that hold most are cut off. */
  readonly totalBufferBytes: number;
  /** Sessions, on line or off; a new one over it is refused. */
  readonly sessions: number;
  /** Longest life of a session without a connection; that of every 3.1.1 session that is not clean. */
  readonly sessionExpirySeconds: number;
  readonly retainedMessages: number;
  readonly retainedBytes: number;
  /** How long a connection that was ended may take to leave. */
  readonly closeTimeoutMs: number;
  /** Lines of refusals that one client may log a minute; all connections that are not let in have ten times that. */
  readonly refusalsLogged: number;
}

export const DEFAULT_LIMITS: MqttLimits = {
  connections: 50_000,
  connectsPerSecond: Number.POSITIVE_INFINITY,
  packetsPerSecond: 10_000,
  connectTimeoutMs: 10_000,
  maximumPacketBytes: 262_144,
  keepAliveSeconds: 1200,
  clientIdBytes: 256,
  receiveMaximum: 100,
  inflight: 100,
  topicAliases: 8,
  subscriptions: 500,
  outboundBytes: 1_048_576,
  queueBytes: 1_048_576,
  totalQueueBytes: 268_435_456,
  totalBufferBytes: 268_435_456,
  sessions: 100_000,
  sessionExpirySeconds: 604_800,
  retainedMessages: 10_000,
  retainedBytes: 67_108_864,
  closeTimeoutMs: 2_000,
  refusalsLogged: 10,
};

/** Who asks to connect. Nothing in it is trusted yet, except that the certificate's key is in the client's hands. */
export interface ConnectRequest {
  /** As sent, or the one assigned to a client that sent none. */
  readonly clientId: string;
  /** 4 is MQTT 3.1.1. */
  readonly protocolVersion: 4 | 5;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
  /** DER. */
  readonly peerCertificate: Uint8Array | undefined;
  readonly remoteAddress: string;
}

export type RefusalReason = 'not-authorized' | 'bad-credentials' | 'unavailable';

export type AuthenticateResult<P> =
  | {
      readonly allow: true;
      readonly principal: P;
      /** True for one of many that share an identity: its session ends with its connection, and it is given none that was kept. */
      readonly transient?: boolean;
    }
  | { readonly allow: false; readonly reason: RefusalReason };

/** A connected client, as handlers see it; one object for the life of a connection. */
export interface ClientView<P> {
  readonly clientId: string;
  /** What `authenticate` made of it. */
  readonly principal: P;
  readonly protocolVersion: 4 | 5;
  readonly remoteAddress: string;
}

/** A message that a client published to a reserved topic. */
export interface MqttRequest {
  readonly topic: string;
  /** A view of the bytes as they were read: copy what is kept for long, for it holds the whole read in memory. */
  readonly payload: Buffer;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  readonly properties: MessageProperties;
}

export interface Reply {
  readonly topic: string;
  readonly payload: Uint8Array | string;
  readonly properties?: MessageProperties;
}

export interface PublishOptions {
  readonly qos: 0 | 1;
  readonly retain?: boolean;
  readonly properties?: MessageProperties;
  /** False keeps a QoS 1 message from sessions that have no connection now. Default true. */
  readonly queueOffline?: boolean;
}

/** Why a connection ended. `client` is a DISCONNECT of its own; `closed` is a connection that broke. */
export type DisconnectReason =
  | 'client'
  | 'closed'
  | 'keep-alive'
  | 'taken-over'
  | 'protocol-error'
  | 'slow-reader'
  | 'request-failed'
  | 'not-authorized'
  | 'administrative-action'
  | 'server-shutting-down';

/** What the server's owner decides. Callbacks are synchronous unless they return a promise; one that throws refuses. */
export interface MqttServerOptions<P> {
  readonly log: Log;
  readonly timers: Timers;
  readonly ids: Ids;
  readonly limits?: Partial<MqttLimits>;
  /** True refuses (0x99) what is declared as UTF-8 text (Payload Format Indicator) and is not. Default false. */
  readonly checkPayloadFormat?: boolean;
  /** Decides a CONNECT. A rejection is answered as `unavailable`. */
  authenticate(request: ConnectRequest): Promise<AuthenticateResult<P>>;
  authorizePublish(client: ClientView<P>, topic: string): boolean;
  /** Asked besides for a message, or a will, that is to be retained. Default: yes. */
  authorizeRetain?(client: ClientView<P>, topic: string): boolean;
  /**
   * Asked for each filter of a SUBSCRIBE, and again when a session is resumed: if one is refused then, all are lost. For a
   * shared subscription `filter` is what follows `$share/{shareName}/`.
   */
  authorizeSubscribe(client: ClientView<P>, filter: string, shareName?: string): boolean;
  /**
   * Asked for each message of a subscriber, and again for those that waited when it comes back. Default: what may be
   * subscribed to may be received.
   */
  authorizeReceive?(client: ClientView<P>, topic: string): boolean;
  /** Reserved topics: a client's message to one is not routed but handed to `onRequest`. */
  isRequest(topic: string): boolean;
  /**
   * Answers a request. A QoS 1 request is acknowledged when the promise resolves, so resolve after the commit. Replies go
   * to the requesting connection, subscribed or not, and to every subscriber of their topic, once a connection. A rejection
   * is a PUBACK 0x80, or the end of a 3.1.1 connection (QoS 1), or a line in the log (QoS 0).
   */
  onRequest(client: ClientView<P>, request: MqttRequest): Promise<readonly Reply[]>;
  /** After the CONNACK. */
  onConnected?(client: ClientView<P>, sessionPresent: boolean): void;
  /** After the SUBACK, with the filters that were granted. */
  onSubscribed?(client: ClientView<P>, filters: readonly string[]): void;
  /** Once for each `onConnected`; before that of the client that took over. */
  onDisconnected?(client: ClientView<P>, reason: DisconnectReason): void;
}

/** What makes sessions and retained messages survive a restart. */
export interface Persistence {
  readonly store: SessionStore;
  readonly clock: Clock;
}
