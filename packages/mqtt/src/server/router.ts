import { TopicTrie } from '../topic/topic.ts';
import { encodePublish } from './codec/encode.ts';
import type { Message } from './message.ts';
import type { ClientView } from './options.ts';
import type { Outgoing } from './outgoing-queue.ts';
import type { RetainedMessages } from './retained.ts';
import type { Session } from './session.ts';
import { candidates, SharedSubscriptions, type ShareGroup } from './shared-subscriptions.ts';
import { isShared, type Subscription } from './subscription.ts';

interface Delivery<P> {
  readonly session: Session<P>;
  qos: 0 | 1;
  retainAsPublished: boolean;
  identifiers: number[] | undefined;
}

export interface Routing<P> {
  /** RETAIN as published, for subscriptions that ask for it. */
  readonly retain: boolean;
  readonly queueOffline: boolean;
  /** The publisher: its No Local subscriptions are left out. */
  readonly origin?: Session<P>;
  /** A session that gets the message whether it subscribed or not, with this QoS if it did not. */
  readonly also?: { readonly session: Session<P>; readonly qos: 0 | 1 };
}

interface RouterHost<P> {
  now(): number;
  mayReceive(client: ClientView<P>, topic: string): boolean;
  /** A message found the queue of a session full. */
  overflowed(session: Session<P>, message: Message): void;
}

/** Subscriptions, and the way of a message to the sessions that have them. */
export class Router<P> {
  readonly #host: RouterHost<P>;
  readonly #retained: RetainedMessages;
  readonly #subscriptions = new TopicTrie<Session<P>, Subscription>();
  readonly #shared = new SharedSubscriptions<P>();

  constructor(host: RouterHost<P>, retained: RetainedMessages) {
    this.#host = host;
    this.#retained = retained;
  }

  /** Adds or replaces [v3 3.8.4-3] [v5 3.8.4-3] a subscription; true when there was none with its filter. */
  subscribe(session: Session<P>, subscription: Subscription): boolean {
    session.addSubscription(subscription);
    if (isShared(subscription.filter)) return this.#shared.add(session, subscription);
    return this.#subscriptions.set(subscription.filter, session, subscription) === undefined;
  }

  /** The filter is compared as it is written [v3 3.10.4-1] [v5 3.10.4-1]; nothing new is sent for it [v3 3.10.4-2] [v5 3.10.4-2]. */
  unsubscribe(session: Session<P>, filter: string): boolean {
    if (!session.removeSubscription(filter)) return false;
    return isShared(filter) ? this.#shared.remove(session, filter) : this.#subscriptions.delete(filter, session);
  }

  /** Takes a session's subscriptions away; it still has them. */
  remove(session: Session<P>): void {
    for (const filter of session.subscriptions.keys()) {
      if (isShared(filter)) this.#shared.remove(session, filter);
      else this.#subscriptions.delete(filter, session);
    }
  }

  /** Sends the retained messages of a subscription just made, as fast as the client takes them. */
  sendRetained(session: Session<P>, subscription: Subscription): void {
    const identifiers = subscription.identifier === undefined ? undefined : [subscription.identifier];
    const cursor = this.#retained.matching(subscription.filter);
    const { filter } = subscription;
    let waiting: Message | undefined;
    const next = (now: number) => {
      const message = waiting ?? cursor.next(now);
      waiting = undefined;
      if (!message) return 'end';
      if (!this.#mayReceive(session, message.topic)) return 'delivered';
      // RETAIN is 1 on what is sent because of a new subscription [v3 3.3.1-8].
      if (lower(message.qos, subscription.qos) === 0) this.#deliver(session, message, 0, true, identifiers, true);
      else if (!session.offer(message, true, identifiers, now)) waiting = message;
      message.settle();
      return waiting ? 'full' : 'delivered';
    };
    session.follow({ filter, next }, this.#host.now());
  }

  /**
   * Sends a message to each session with a matching subscription [v3 4.5.0-1] [v5 4.5.0-1]: once a session, with the highest
   * QoS granted [v3 3.3.5-1] [v5 3.3.4-2] and all its identifiers [v5 3.3.4-3 3.3.4-4], in the order in which messages come
   * [v3 3.3.2-3 4.6.0-5 4.6.0-6] [v5 3.3.2-3 4.6.0-5 4.6.0-6]. Returns the number of sessions.
   */
  route(message: Message, routing: Routing<P>): number {
    const found = this.#find(message.topic, routing.origin);
    const { also } = routing;
    if (also?.session.link && !found.some(({ session }) => session === also.session)) {
      this.#deliver(also.session, message, also.qos, false, undefined, false);
    }
    for (const { session, qos, retainAsPublished, identifiers } of found) {
      if (session !== also?.session && !this.#mayReceive(session, message.topic)) continue;
      // RETAIN is 0 towards a subscription that was there [v3 3.3.1-9], unless it asked otherwise [v5 3.3.1-12 3.3.1-13].
      const retain = routing.retain && retainAsPublished;
      this.#deliver(session, message, lower(message.qos, qos), retain, identifiers, routing.queueOffline);
    }
    let count = found.length;
    this.#shared.match(message.topic, (group) => {
      if (this.#deliverShared(group, message, routing)) count++;
    });
    message.settle();
    return count;
  }

  /**
   * Gives messages of shared subscriptions, which a session did not take, to others of their groups. Returns those that
   * nobody took. One that was refused by its client does not come here [v5 4.8.2-6].
   */
  redistribute(items: readonly Outgoing[], queueOffline: boolean): readonly Outgoing[] {
    return items.filter((item) => {
      const group = item.shared === undefined ? undefined : this.#shared.group(item.shared);
      return !group || !this.#deliverShared(group, item.message, { retain: item.retain, queueOffline });
    });
  }

  #find(topic: string, origin: Session<P> | undefined): Delivery<P>[] {
    const found: Delivery<P>[] = [];
    let index: Map<Session<P>, Delivery<P>> | undefined;
    this.#subscriptions.match(topic, (session, subscription) => {
      if (subscription.noLocal && session === origin) return; // [v5 3.8.3-3]
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
    return found;
  }

  /** To one member, with the QoS that was granted to it [v5 4.8.2-3]; false when none can take it. */
  #deliverShared(group: ShareGroup<P>, message: Message, routing: Routing<P>): boolean {
    for (const [session, { qos, identifier, retainAsPublished }] of candidates(group)) {
      if (!session.link && (!routing.queueOffline || lower(message.qos, qos) === 0)) continue;
      if (!this.#mayReceive(session, message.topic)) continue;
      const identifiers = identifier === undefined ? undefined : [identifier];
      const retain = routing.retain && retainAsPublished;
      if (lower(message.qos, qos) === 0) {
        this.#deliver(session, message, 0, retain, identifiers, false);
        return true;
      }
      if (session.offer(message, retain, identifiers, this.#host.now(), group.name)) return true;
    }
    return false;
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
      // Kept for a session that is not clean while its client is away [v3 3.1.2-5].
      if (!session.keeps || (!link && !queueOffline)) return;
      if (!session.offer(message, retain, identifiers, this.#host.now())) this.#host.overflowed(session, message);
      return;
    }
    const now = message.expiresAt === undefined ? 0 : this.#host.now();
    if (!link || message.expired(now)) return;
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
    // A packet larger than the client takes is not sent [v5 3.1.2-24].
    if (packet && packet.length <= link.maximumPacketBytes) link.sendOrDrop(packet);
  }

  /** After a restart nobody stands for a session: what it may receive is asked when its client comes for it. */
  #mayReceive({ view }: Session<P>, topic: string): boolean {
    return view === undefined || this.#host.mayReceive(view, topic);
  }
}

/** The QoS of a delivery [v3 3.8.4-6] [v5 3.8.4-8]. */
function lower(published: 0 | 1, granted: 0 | 1): 0 | 1 {
  return published === 1 && granted === 1 ? 1 : 0;
}
