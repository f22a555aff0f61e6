import { Fault, type Log, messageOf, type Timers } from '@greensward/kit';
import { isTopicName, TopicTrie } from '../topic/topic.ts';
import type { Will } from './codec/decode.ts';
import { encodePublish } from './codec/encode.ts';
import { encodePassed, type MessageProperties } from './codec/properties.ts';
import { LogBudget } from './log-budget.ts';
import { Message } from './message.ts';
import type { ClientView, MqttLimits, MqttRequest, MqttServerOptions, PublishOptions, Reply } from './options.ts';
import { REASON } from './reasons.ts';
import { RetainedMessages } from './retained.ts';
import { type QueueBudget, Session, type Subscription } from './session.ts';

/** A timer longer than 2^31-1 ms fires at once in Node. */
const MAX_TIMER_MS = 0x7fffffff;

interface Delivery<P> {
  readonly session: Session<P>;
  qos: 0 | 1;
  retainAsPublished: boolean;
  identifiers: number[] | undefined;
}

interface Routing<P> {
  /** RETAIN as published, for subscriptions that ask for it. */
  readonly retain: boolean;
  readonly queueOffline: boolean;
  /** The publisher: its No Local subscriptions are left out. */
  readonly origin?: Session<P>;
  /** A session that gets the message whether it subscribed or not, with this QoS if it did not. */
  readonly also?: { readonly session: Session<P>; readonly qos: 0 | 1 };
}

/** The state that connections share: sessions, subscriptions, retained messages, and the way of a message through them. */
export class Broker<P> {
  readonly options: MqttServerOptions<P>;
  readonly limits: MqttLimits;
  readonly log: Log;
  readonly timers: Timers;
  readonly sessions = new Map<string, Session<P>>();
  readonly retained: RetainedMessages;
  readonly #subscriptions = new TopicTrie<Session<P>, Subscription>();
  readonly #budget: QueueBudget;
  readonly #drops: LogBudget;

  constructor(options: MqttServerOptions<P>, limits: MqttLimits) {
    this.options = options;
    this.limits = limits;
    this.log = options.log;
    this.timers = options.timers;
    this.retained = new RetainedMessages(limits.retainedMessages, limits.retainedBytes);
    this.#budget = { perSession: limits.queueBytes, total: limits.totalQueueBytes, used: 0 };
    this.#drops = new LogBudget(options.log, options.timers, 60);
  }

  now(): number {
    return this.timers.monotonic();
  }

  /** Asks a callback that says yes or no; one that throws says no. */
  allows(ask: 'authorizePublish' | 'authorizeSubscribe' | 'authorizeReceive', client: ClientView<P>, topic: string) {
    try {
      return this.options[ask]?.(client, topic) ?? true;
    } catch (error) {
      this.log.error(`${ask} failed`, { clientId: client.clientId, topic, error: messageOf(error) });
      return false;
    }
  }

  /** Calls the owner's callback, whose failure must not reach the connection it is about. */
  tell(what: string, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.log.error(`${what} failed`, { error: messageOf(error) });
    }
  }

  /**
   * The session for a client that was let in. Its old connection is closed before [MQTT-3.1.4-3]. Undefined when there are
   * too many sessions.
   */
  openSession(view: ClientView<P>, clean: boolean): { session: Session<P>; present: boolean } | undefined {
    const { clientId } = view;
    this.sessions.get(clientId)?.link?.close('taken-over', REASON.sessionTakenOver);
    const kept = this.sessions.get(clientId);
    // A subscription that is refused now (the policy changed, or another identity came) must not live on in the session:
    // the client would be told it is there. Starting anew makes it subscribe again, and be told.
    const resumed = !clean && kept && this.#stillAllowed(kept, view) ? kept : undefined;
    if (kept && !resumed) this.endSession(kept); // [MQTT-3.1.2-4]
    if (resumed) {
      resumed.cancelExpiry?.();
      // [MQTT-3.1.3-9] A delayed will is not sent when its client is back in time.
      resumed.pendingWill?.cancel();
      resumed.pendingWill = undefined;
      resumed.view = view;
      return { session: resumed, present: true };
    }
    if (this.sessions.size >= this.limits.sessions) return undefined;
    const session = new Session(clientId, view, this.#budget);
    this.sessions.set(clientId, session);
    return { session, present: false };
  }

  /** The connection of a session is gone. */
  release(session: Session<P>, will: Will | undefined): void {
    session.detach();
    const { view } = session;
    const delaySeconds = will?.properties.willDelayInterval ?? 0;
    if (will && delaySeconds > 0 && session.expirySeconds > 0) {
      const cancel = this.#after(delaySeconds, () => {
        session.pendingWill = undefined;
        this.#publishWill(view, will);
      });
      session.pendingWill = { cancel, publish: () => this.#publishWill(view, will) };
    } else if (will) this.#publishWill(view, will);
    if (session.expirySeconds === 0) this.endSession(session);
    else session.cancelExpiry = this.#after(session.expirySeconds, () => this.endSession(session));
  }

  endSession(session: Session<P>): void {
    if (session.ended) return;
    session.cancelExpiry?.();
    for (const filter of session.subscriptions.keys()) this.#subscriptions.delete(filter, session);
    session.subscriptions.clear();
    session.end();
    this.sessions.delete(session.clientId);
    const pending = session.pendingWill;
    session.pendingWill = undefined;
    pending?.cancel();
    pending?.publish(); // [MQTT-3.1.2-8] The end of the session does not wait for the delay.
  }

  /** Stops all that waits for a time. */
  stop(): void {
    for (const session of this.sessions.values()) {
      session.cancelExpiry?.();
      session.pendingWill?.cancel();
    }
  }

  /** Adds or replaces [MQTT-3.8.4-3] a subscription; true when there was none with its filter. */
  subscribe(session: Session<P>, subscription: Subscription): boolean {
    session.subscriptions.set(subscription.filter, subscription);
    return this.#subscriptions.set(subscription.filter, session, subscription) === undefined;
  }

  unsubscribe(session: Session<P>, filter: string): boolean {
    return session.subscriptions.delete(filter) && this.#subscriptions.delete(filter, session);
  }

  /** Sends the retained messages of a subscription just made. */
  sendRetained(session: Session<P>, subscription: Subscription): void {
    const identifiers = subscription.identifier === undefined ? undefined : [subscription.identifier];
    for (const message of this.retained.matching(subscription.filter, this.now())) {
      if (!this.allows('authorizeReceive', session.view, message.topic)) continue;
      const qos = Math.min(message.qos, subscription.qos) === 0 ? 0 : 1;
      // [MQTT-3.3.1-8] RETAIN is 1 on what is sent because of a new subscription.
      this.#deliver(session, message, qos, true, identifiers, true);
      message.settle();
    }
  }

  /** Publishes for the server itself. Throws a `Fault` InvalidMessage for a topic that is no topic name. */
  publish(topic: string, payload: Uint8Array | string, options: PublishOptions): void {
    const retain = options.retain ?? false;
    const message = this.#compose(topic, payload, options.qos, options.properties);
    if (retain && !this.retained.set(message))
      this.#drops.warn('retained message refused: the store is full', { topic });
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

  /**
   * Sends a message to each session with a matching subscription: once a session, with the highest QoS granted
   * [MQTT-3.3.5-1] and all its identifiers [MQTT-3.3.4-4]. Returns the number of sessions.
   */
  route(message: Message, routing: Routing<P>): number {
    const found: Delivery<P>[] = [];
    let index: Map<Session<P>, Delivery<P>> | undefined;
    this.#subscriptions.match(message.topic, (session, subscription) => {
      // [MQTT-3.8.3-3]
      if (subscription.noLocal && session === routing.origin) return;
      const { identifier } = subscription;
      if (found.length > 0) index ??= new Map(found.map((delivery) => [delivery.session, delivery]));
      const known = index?.get(session);
      if (known) {
        if (subscription.qos > known.qos) known.qos = subscription.qos;
        known.retainAsPublished ||= subscription.retainAsPublished;
        if (identifier !== undefined) known.identifiers = [...(known.identifiers ?? []), identifier];
        return;
      }
      const delivery: Delivery<P> = {
        session,
        qos: subscription.qos,
        retainAsPublished: subscription.retainAsPublished,
        identifiers: identifier === undefined ? undefined : [identifier],
      };
      found.push(delivery);
      index?.set(session, delivery);
    });
    const { also } = routing;
    const subscribed = found.length;
    if (also && !found.some(({ session }) => session === also.session)) {
      if (also.session.link) this.#deliver(also.session, message, also.qos, false, undefined, false);
    }
    for (const { session, qos, retainAsPublished, identifiers } of found) {
      if (session !== also?.session && !this.allows('authorizeReceive', session.view, message.topic)) continue;
      // [MQTT-3.3.1-12] [MQTT-3.3.1-13] RETAIN is 0 towards a subscription that was there, unless it asked otherwise.
      const retain = routing.retain && retainAsPublished;
      this.#deliver(session, message, message.qos === 0 ? 0 : qos, retain, identifiers, routing.queueOffline);
    }
    message.settle();
    return subscribed;
  }

  #deliver(
    session: Session<P>,
    message: Message,
    qos: 0 | 1,
    retain: boolean,
    identifiers: readonly number[] | undefined,
    queueOffline: boolean,
  ): void {
    const { link } = session;
    if (qos === 1) {
      if (!link && (!queueOffline || session.expirySeconds === 0)) return;
      if (session.offer(message, retain, identifiers, this.now())) return;
      const fields = { clientId: session.clientId, topic: message.topic, bytes: message.bytes };
      this.#drops.warn('message dropped: the queue of the client is full', fields);
      // Later, because a close may publish a will, and this may be the delivery of one.
      if (link) queueMicrotask(() => link.close('slow-reader', REASON.quotaExceeded));
      return;
    }
    if (!link) return;
    const now = message.expiresAt === undefined ? 0 : this.now();
    const packet =
      identifiers === undefined
        ? message.sharedPacket(link.version, retain, now)
        : encodePublish(link.version, message, {
            packetId: 0,
            dup: false,
            retain,
            identifiers,
            expirySeconds: message.expirySeconds(now),
          });
    // [MQTT-3.1.2-24]
    if (packet && packet.length <= link.maximumPacketBytes) link.sendOrDrop(packet);
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

  expiryOf(seconds: number | undefined): number | undefined {
    return seconds === undefined ? undefined : this.now() + seconds * 1000;
  }

  #publishWill(view: ClientView<P>, will: Will): void {
    const { topic, payload, retain, properties, passed } = will;
    const qos = will.qos === 0 ? 0 : 1;
    if (!this.allows('authorizePublish', view, topic)) {
      this.log.warn('will refused: not authorized', { clientId: view.clientId, topic });
      return;
    }
    if (this.options.isRequest(topic)) {
      const request: MqttRequest = { topic, payload, qos, retain, properties };
      this.request(view, request).then(
        (replies) => this.tell('a reply to a will', () => this.#publishReplies(replies)),
        (error) => this.log.warn('request failed', { clientId: view.clientId, topic, error: messageOf(error) }),
      );
      return;
    }
    const message = new Message(topic, payload, qos, passed, this.expiryOf(properties.messageExpiryInterval));
    if (retain && !this.retained.set(message))
      this.#drops.warn('retained message refused: the store is full', { topic });
    this.route(message, { retain, queueOffline: true });
  }

  #publishReplies(replies: readonly Reply[]): void {
    for (const { topic, payload, properties } of replies) {
      this.publish(topic, payload, { qos: 1, ...(properties && { properties }) });
    }
  }

  #stillAllowed(session: Session<P>, view: ClientView<P>): boolean {
    for (const filter of session.subscriptions.keys()) {
      if (!this.allows('authorizeSubscribe', view, filter)) return false;
    }
    return true;
  }

  #after(seconds: number, task: () => void): () => void {
    return this.timers.after(Math.min(seconds * 1000, MAX_TIMER_MS), task);
  }
}
