import { Fault, type Log, messageOf, type Timers } from '@greensward/kit';
import { isTopicName } from '../topic/topic.ts';
import { encodePassed, type MessageProperties } from './codec/properties.ts';
import { Journal } from './journal.ts';
import { LogBudget } from './log-budget.ts';
import { letGo, Memory } from './memory.ts';
import { Message } from './message.ts';
import type {
  ClientView,
  MqttLimits,
  MqttRequest,
  MqttServerOptions,
  Persistence,
  PublishOptions,
  Reply,
} from './options.ts';
import { REASON } from './reasons.ts';
import { RetainedMessages } from './retained.ts';
import { Router, type Routing } from './router.ts';
import { type LeftWill, Session, type SessionHost } from './session.ts';
import type { StoredWill } from './session-store.ts';
import { TokenBucket } from './token-bucket.ts';

/** A timer longer than 2^31-1 ms fires at once in Node. */
const MAX_TIMER_MS = 0x7fffffff;

/** What the broker asks of connections when their buffers hold too much. */
interface BufferHolder {
  readonly heldBytes: number;
  /** Ends a connection that does not take what it is sent, or does not finish what it sends. */
  cutOff(): void;
}

/** The state that connections share: sessions with their wills, and retained messages; and the ways to the owner. */
export class Broker<P> {
  readonly options: MqttServerOptions<P>;
  readonly limits: MqttLimits;
  readonly log: Log;
  readonly timers: Timers;
  readonly sessions = new Map<string, Session<P>>();
  readonly retained: RetainedMessages;
  readonly router: Router<P>;
  readonly journal: Journal | undefined;
  /** Of connections: what is unsent, and unfinished packets. */
  readonly buffers: Memory;
  readonly connections = new Set<BufferHolder>();
  readonly connects: TokenBucket;
  readonly host: SessionHost;
  /** For what is refused to those who are not in: they can come as often as they like. */
  readonly strangers: LogBudget;
  readonly #persistence: Persistence | undefined;
  readonly #drops: LogBudget;

  /** `lastSequence` is the largest of a queued message in the store. */
  constructor(options: MqttServerOptions<P>, limits: MqttLimits, persistence?: Persistence, lastSequence = 0) {
    this.options = options;
    this.limits = limits;
    this.log = options.log;
    this.timers = options.timers;
    this.#persistence = persistence;
    this.journal = persistence && new Journal(persistence.store, this.log, this.timers, lastSequence);
    this.retained = new RetainedMessages(limits.retainedMessages, limits.retainedBytes, {
      kept: (message) => this.journal?.retained(message.toStore(this.toEpoch)),
      removed: (topic) => this.journal?.retainedRemoved(topic),
    });
    this.router = new Router<P>(
      {
        now: () => this.now(),
        mayReceive: (client, topic) => this.allows('authorizeReceive', client, topic),
        overflowed: (session, message) => this.#overflowed(session, message),
      },
      this.retained,
    );
    this.buffers = new Memory(limits.totalBufferBytes, () => this.#freeBuffers());
    const memory = new Memory(limits.totalQueueBytes, () => this.#freeSessions());
    this.host = { queueBytes: limits.queueBytes, memory, journal: this.journal, toEpoch: this.toEpoch };
    this.connects = new TokenBucket(limits.connectsPerSecond, this.now());
    this.strangers = new LogBudget(options.log, options.timers, 10 * limits.refusalsLogged);
    this.#drops = new LogBudget(options.log, options.timers, 60);
  }

  now(): number {
    return this.timers.monotonic();
  }

  readonly toEpoch = (monotonic: number): number => {
    const clock = this.#persistence?.clock;
    return clock ? clock.now() + (monotonic - this.now()) : monotonic;
  };

  /** Asks a callback that says yes or no; one that throws says no. */
  allows(
    ask: 'authorizePublish' | 'authorizeRetain' | 'authorizeSubscribe' | 'authorizeReceive',
    client: ClientView<P>,
    topic: string,
    shareName?: string,
  ): boolean {
    try {
      if (ask === 'authorizeSubscribe') return this.options.authorizeSubscribe(client, topic, shareName);
      return this.options[ask]?.(client, topic) ?? true;
    } catch (error) {
      this.log.error(`${ask} failed`, { clientId: client.clientId, topic, error: messageOf(error) });
      return false;
    }
  }

  /** Whether a client may publish such a message. */
  allowsPublish(client: ClientView<P>, topic: string, retain: boolean): boolean {
    return this.allows('authorizePublish', client, topic) && (!retain || this.allows('authorizeRetain', client, topic));
  }

  /** Calls the owner's callback, whose failure must not reach the connection it is about. */
  tell(what: string, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.log.error(`${what} failed`, { error: messageOf(error) });
    }
  }

  /** A session for a client that has none; undefined when there are too many. */
  newSession(view: ClientView<P>): Session<P> | undefined {
    if (this.sessions.size >= this.limits.sessions) return undefined;
    const session = new Session(view.clientId, view, this.host);
    this.sessions.set(view.clientId, session);
    return session;
  }

  /** The connection of a session is gone: its will is published or waits, and the session waits or ends. */
  release(session: Session<P>): void {
    this.save(session, this.now());
    session.detach();
    this.#handOver(session, false);
    const delaySeconds = session.will?.will.properties.willDelayInterval ?? 0;
    if (delaySeconds === 0 || session.expirySeconds === 0) this.publishWill(session);
    else session.cancelWill = this.after(delaySeconds, () => this.publishWill(session));
    if (session.expirySeconds === 0) this.endSession(session);
    // A session is kept for as long as was agreed, and no longer [v5 4.1.0-2].
    else session.cancelExpiry = this.after(session.expirySeconds, () => this.endSession(session));
  }

  endSession(session: Session<P>): void {
    if (session.ended) return;
    session.cancelExpiry?.();
    this.router.remove(session);
    this.#handOver(session, true);
    // The end of the session does not wait for the delay [v5 3.1.2-8].
    this.publishWill(session);
    session.end();
    this.sessions.delete(session.clientId);
    if (session.stored) this.journal?.sessionEnded(session.clientId);
  }

  /** Publishes what a session's client left to be published, once. */
  publishWill(session: Session<P>): void {
    const left = session.will;
    session.cancelWill?.();
    session.cancelWill = undefined;
    if (!left) return; // [v3 3.1.2-12]
    session.will = undefined;
    this.save(session, session.link ? undefined : this.now());
    this.#sendWill(session.clientId, left);
  }

  /** Brings what changed of a session to the store; `disconnectedAt` in monotonic ms, undefined while it is connected. */
  save(session: Session<P>, disconnectedAt: number | undefined): void {
    // One that ends with its connection is not kept; one that was kept until now has to be changed there.
    if (!this.journal || session.ended || (session.expirySeconds === 0 && !session.stored)) return;
    session.stored = true;
    this.journal.session({
      clientId: session.clientId,
      subscriptions: [...session.subscriptions.values()],
      expirySeconds: session.expirySeconds,
      disconnectedAt: disconnectedAt === undefined ? undefined : this.toEpoch(disconnectedAt),
      will: session.will && this.#storedWill(session.will),
    });
  }

  /** Stops all that waits for a time. */
  stop(): void {
    for (const session of this.sessions.values()) {
      session.cancelExpiry?.();
      session.cancelWill?.();
    }
  }

  /** Publishes for the server itself. Throws a `Fault` InvalidMessage for a topic that is no topic name. */
  publish(topic: string, payload: Uint8Array | string, options: PublishOptions): void {
    const retain = options.retain ?? false;
    const message = this.#compose(topic, payload, options.qos, options.properties);
    if (retain) this.#retainOwn(message);
    this.route(message, { retain, queueOffline: options.queueOffline ?? true });
  }

  /** Answers a request: to the requester, and to all subscribers of the reply's topic. */
  reply(requester: Session<P>, qos: 0 | 1, replies: readonly Reply[]): void {
    for (const { topic, payload, properties } of replies) {
      const message = this.#compose(topic, payload, 1, properties);
      this.route(message, { retain: false, queueOffline: true, also: { session: requester, qos } });
    }
  }

  /** Hands a request to the owner; never throws, always a promise. */
  request(client: ClientView<P>, request: MqttRequest): Promise<readonly Reply[]> {
    try {
      return this.options.onRequest(client, request);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  route(message: Message, routing: Routing<P>): number {
    return this.router.route(message, routing);
  }

  expiryOf(seconds: number | undefined): number | undefined {
    return seconds === undefined ? undefined : this.now() + seconds * 1000;
  }

  /** Runs `task` after so many seconds, however many they are. */
  after(seconds: number, task: () => void): () => void {
    let left = seconds * 1000;
    let cancel: () => void;
    const arm = (): void => {
      const ms = Math.min(left, MAX_TIMER_MS);
      left -= ms;
      cancel = this.timers.after(ms, left > 0 ? arm : task);
    };
    arm();
    return () => cancel();
  }

  #compose(
    topic: string,
    payload: Uint8Array | string,
    qos: 0 | 1,
    properties: MessageProperties | undefined,
  ): Message {
    if (!isTopicName(topic)) throw new Fault('InvalidMessage', 'the topic is not a topic name', { context: { topic } });
    const bytes =
      typeof payload === 'string'
        ? Buffer.from(payload, 'utf8')
        : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    if (!properties) return new Message(topic, bytes, qos);
    const { messageExpiryInterval } = properties;
    return new Message(topic, bytes, qos, encodePassed(properties), this.expiryOf(messageExpiryInterval));
  }

  #sendWill(clientId: string, { will, view }: LeftWill<P>): void {
    const { topic, payload, retain, properties, passed } = will;
    const qos = will.qos === 0 ? 0 : 1;
    // After a restart there is nobody to ask for: it was allowed when it was left.
    if (view && !this.allowsPublish(view, topic, retain)) {
      this.log.warn('will refused: not authorized', { clientId, topic });
      return;
    }
    if (this.options.isRequest(topic)) {
      if (!view) {
        this.log.warn('will dropped: a request of a client from before a restart', { clientId, topic });
        return;
      }
      const request: MqttRequest = { topic, payload, qos, retain, properties };
      this.request(view, request).then(
        (replies) => this.tell('a reply to a will', () => this.#publishReplies(replies)),
        (error) => this.log.warn('request failed', { clientId, topic, error: messageOf(error) }),
      );
      return;
    }
    const message = new Message(topic, payload, qos, passed, this.expiryOf(properties.messageExpiryInterval));
    // [v3 3.1.2-16 3.1.2-17] [v5 3.1.2-14 3.1.2-15]
    if (retain) this.#retainOwn(message);
    this.route(message, { retain, queueOffline: true });
  }

  #publishReplies(replies: readonly Reply[]): void {
    for (const { topic, payload, properties } of replies) {
      this.publish(topic, payload, { qos: 1, ...(properties && { properties }) });
    }
  }

  #retainOwn(message: Message): void {
    if (this.retained.set(message, this.now())) return;
    this.#drops.warn('retained message refused: the store is full', { topic: message.topic });
  }

  #storedWill({ will }: LeftWill<P>): StoredWill {
    const { topic, payload, passed, properties } = will;
    const qos = will.qos === 0 ? 0 : 1;
    return {
      message: { topic, payload, qos, properties: passed, expiresAt: undefined },
      retain: will.retain,
      delaySeconds: properties.willDelayInterval ?? 0,
      expirySeconds: properties.messageExpiryInterval,
    };
  }

  /** Messages of shared subscriptions that wait in vain for this client go to others of their groups. */
  #handOver(session: Session<P>, ending: boolean): void {
    const shared = session.extract((item) => item.shared !== undefined);
    if (shared.length === 0) return;
    // While the session lives it may come back for them, so only those who are there take over.
    const left = this.router.redistribute(shared, ending);
    if (!ending) session.putBack(left);
    else if (left.length > 0)
      this.#drops.warn('messages of shared subscriptions dropped: nobody can take them', { messages: left.length });
  }

  #overflowed(session: Session<P>, message: Message): void {
    const { clientId, link } = session;
    const fields = { clientId, topic: message.topic, bytes: message.bytes };
    this.#drops.warn('message dropped: the queue of the client is full', fields);
    // Later, because a close may publish a will, and this may be the delivery of one.
    if (link) queueMicrotask(() => link.close('slow-reader', REASON.quotaExceeded));
  }

  /** All sessions hold too much: the largest end, and their clients learn of it by a CONNACK without Session Present. */
  #freeSessions(): void {
    letGo(this.host.memory, this.sessions.values(), (session) => {
      this.log.warn('session ended: all sessions hold too much, and it holds most', {
        clientId: session.clientId,
        bytes: session.heldBytes,
      });
      session.link?.close('slow-reader', REASON.quotaExceeded);
      this.endSession(session);
    });
  }

  #freeBuffers(): void {
    letGo(this.buffers, this.connections, (connection) => connection.cutOff());
  }
}
