import type { Cancel } from '@greensward/kit';
import type { ProtocolVersion, Will } from './codec/decode.ts';
import { encodePublish } from './codec/encode.ts';
import type { Journal } from './journal.ts';
import type { Memory } from './memory.ts';
import type { Message } from './message.ts';
import type { ClientView, DisconnectReason } from './options.ts';
import { type Outgoing, OutgoingQueue } from './outgoing-queue.ts';
import { costOf, type Subscription } from './subscription.ts';

/** What a session knows of its connection. */
export interface Link {
  readonly version: ProtocolVersion;
  /** QoS 1 messages the client takes without acknowledging one (its Receive Maximum, and our own bound). */
  readonly window: number;
  /** Largest packet the client takes, in bytes. */
  readonly maximumPacketBytes: number;
  /** False while enough bytes wait to be written. */
  readonly writable: boolean;
  send(packet: Buffer): void;
  /** Sends, or drops when the client reads too slowly: for QoS 0. */
  sendOrDrop(packet: Buffer): void;
  /** Ends the connection; an MQTT 5 client is told `reason`. */
  close(why: DisconnectReason, reason: number): void;
}

/** What sessions share. */
export interface SessionHost {
  /** Bound of the queue of one session. */
  readonly queueBytes: number;
  readonly memory: Memory;
  readonly journal: Journal | undefined;
  readonly toEpoch: (monotonic: number) => number;
}

/** More messages that a session is to get, made one by one as it has room: what is retained, after a subscription. */
interface Backlog {
  readonly filter: string;
  /** Delivers the next; `full` when the queue has no room for it yet, `end` when there is none. */
  next(now: number): 'delivered' | 'full' | 'end';
}

/** A will, and who left it; undefined after a restart. */
export interface LeftWill<P> {
  readonly will: Will;
  readonly view: ClientView<P> | undefined;
}

/**
 * What the server keeps of a client id: subscriptions, and QoS 1 messages on their way. It has a link while its client is
 * connected, and lives at least as long as that, then for its expiry [v3 4.1.0-1 4.1.0-2] [v5 3.1.2-23 4.1.0-1]. With a store it survives a restart if it survives its connection; without one a restart forgets it, and
 * CONNACK says so (Session Present 0).
 */
export class Session<P> {
  readonly clientId: string;
  readonly subscriptions = new Map<string, Subscription>();
  /** The latest connection's; undefined when there was none since a restart. */
  view: ClientView<P> | undefined;
  link: Link | undefined;
  /** True once the server has forgotten it. */
  ended = false;
  /** How long it outlives its connection; 0 ends with it. */
  expirySeconds = 0;
  cancelExpiry: Cancel | undefined;
  /** Waits for the sending of a delayed will. */
  cancelWill: Cancel | undefined;
  /** True when the store has it. */
  stored = false;
  readonly #host: SessionHost;
  #will: LeftWill<P> | undefined;
  #queue: OutgoingQueue | undefined;
  /** Sent and not acknowledged, in the order of sending. A window is small: it is searched. */
  #inflight: Outgoing[] = [];
  #backlogs: Backlog[] | undefined;
  #queueBytes = 0;
  /** Of subscriptions and the will. */
  #ownBytes = 0;
  #lastPacketId = 0;
  #pumping = false;

  constructor(clientId: string, view: ClientView<P> | undefined, host: SessionHost) {
    this.clientId = clientId;
    this.view = view;
    this.#host = host;
  }

  get heldBytes(): number {
    return this.#queueBytes + this.#ownBytes;
  }

  /** True when messages are kept for it while it has no connection. */
  get keeps(): boolean {
    return this.link !== undefined || this.expirySeconds > 0;
  }

  /** True when the next QoS 1 message would leave at once. */
  get ready(): boolean {
    const { link } = this;
    return link?.writable === true && this.#inflight.length < link.window && !this.#queue?.length;
  }

  /** The will of the latest connection, until it is published or discarded [v3 3.1.2-8 3.1.2-10] [v5 3.1.2-7 3.1.2-10]. */
  get will(): LeftWill<P> | undefined {
    return this.#will;
  }

  set will(left: LeftWill<P> | undefined) {
    this.#charge(bytesOf(left) - bytesOf(this.#will));
    this.#will = left;
  }

  addSubscription(subscription: Subscription): void {
    const before = this.subscriptions.get(subscription.filter);
    this.subscriptions.set(subscription.filter, subscription);
    this.#charge(costOf(subscription) - (before ? costOf(before) : 0));
  }

  removeSubscription(filter: string): boolean {
    const subscription = this.subscriptions.get(filter);
    if (!subscription) return false;
    this.subscriptions.delete(filter);
    this.#charge(-costOf(subscription));
    this.#backlogs = this.#backlogs?.filter((backlog) => backlog.filter !== filter);
    return true;
  }

  /** Takes a QoS 1 delivery, and sends it when the window allows; false when the queue is full. */
  offer(
    message: Message,
    retain: boolean,
    identifiers: readonly number[] | undefined,
    now: number,
    shared?: string,
  ): boolean {
    if (this.ended) return true;
    if (!this.#hasRoom(message)) {
      this.#dropExpired(now);
      if (!this.#hasRoom(message)) return false;
    }
    const item: Outgoing = { message, retain, identifiers, shared, packetId: 0, stored: 0 };
    this.#take(item);
    this.pump(now);
    if (this.#queue?.length) message.own();
    if (!this.link) this.#store(item);
    return true;
  }

  /** Takes back a message that the store has. */
  restore(item: Outgoing): void {
    item.message.own();
    this.#take(item);
  }

  /** Sends more after what waits, as there is room for it. Takes the place of an earlier one for the same filter. */
  follow(backlog: Backlog, now: number): void {
    this.#backlogs = [...(this.#backlogs ?? []).filter(({ filter }) => filter !== backlog.filter), backlog];
    this.pump(now);
  }

  /** Sends what waits, while the client's window and the connection have room. */
  pump(now: number): void {
    // A backlog delivers by `offer`, which pumps: the outer call goes on.
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      do this.#pumpQueue(now);
      while (this.#pumpBacklog(now));
    } finally {
      this.#pumping = false;
    }
  }

  /**
   * The client has the message, or does not want it: either way it is done [v5 4.4.0-2 4.8.2-6]. False when nothing was sent
   * with this identifier.
   */
  acknowledge(packetId: number, now: number): boolean {
    const at = this.#inflight.findIndex((item) => item.packetId === packetId);
    const [sent] = at < 0 ? [] : this.#inflight.splice(at, 1);
    if (!sent) return false;
    this.#drop(sent);
    this.pump(now);
    return true;
  }

  /**
   * The connection is gone: what it did not acknowledge stays unacknowledged [v3 4.3.2-1] [v5 4.3.2-3] and is sent first on
   * the next one, in the same order [v3 4.6.0-1].
   */
  detach(): void {
    this.link = undefined;
    if (this.#inflight.length > 0) {
      this.#queue ??= new OutgoingQueue();
      this.#queue.unshift(this.#inflight);
      this.#inflight = [];
    }
    for (const item of this.#queue ?? []) {
      item.message.own();
      this.#store(item);
    }
  }

  /** Takes out the messages of the queue that `wanted` says yes to. */
  extract(wanted: (item: Outgoing) => boolean): readonly Outgoing[] {
    const taken = this.#queue?.take(wanted) ?? [];
    for (const item of taken) this.#drop(item);
    return taken;
  }

  /** Puts back what `extract` took, before all else. */
  putBack(items: readonly Outgoing[]): void {
    if (items.length === 0) return;
    this.#queue ??= new OutgoingQueue();
    this.#queue.unshift(items);
    for (const item of items) {
      this.#hold(item);
      this.#store(item);
    }
  }

  /** Forgets all messages, for good. */
  end(): void {
    this.ended = true;
    this.will = undefined;
    this.extract(() => true);
    for (const item of this.#inflight) this.#drop(item);
    this.#inflight = [];
    this.#backlogs = undefined;
    for (const filter of [...this.subscriptions.keys()]) this.removeSubscription(filter);
  }

  #hasRoom(message: Message): boolean {
    // A single message larger than the bound is taken alone: a deployment document has no limit of its own.
    return this.#queueBytes === 0 || this.#queueBytes + message.bytes <= this.#host.queueBytes;
  }

  #dropExpired(now: number): void {
    // One that was sent before may have arrived: its exchange is completed.
    this.extract(({ message, packetId }) => packetId === 0 && message.expired(now));
  }

  #take(item: Outgoing): void {
    this.#queue ??= new OutgoingQueue();
    this.#queue.push(item);
    this.#hold(item);
  }

  #pumpQueue(now: number): void {
    const link = this.link;
    const queue = this.#queue;
    if (!link || !queue) return;
    for (let next = queue.peek(); next; next = queue.peek()) {
      // Never more unacknowledged than the client's Receive Maximum [v5 3.3.4-9 4.9.0-1 4.9.0-2]. All else passes by this queue
      // [v5 3.3.4-10 4.9.0-3].
      if (this.#inflight.length >= link.window || !link.writable) return;
      queue.shift();
      this.#transmit(link, next, now);
    }
  }

  /** True when there may be more for which there is room. */
  #pumpBacklog(now: number): boolean {
    const [first, ...others] = this.#backlogs ?? [];
    if (!first || !this.ready) return false;
    const result = first.next(now);
    if (result !== 'end') return result === 'delivered';
    this.#backlogs = others.length > 0 ? others : undefined;
    return others.length > 0;
  }

  #transmit(link: Link, item: Outgoing, now: number): void {
    const again = item.packetId !== 0;
    // A message that expired before its delivery started is deleted; one that was sent before goes on [v5 3.3.2-5].
    if (!again && item.message.expired(now)) {
      this.#drop(item);
      return;
    }
    // One sent again keeps its identifier [v3 2.3.1-4 4.4.0-1] [v5 4.4.0-1].
    if (!again) item.packetId = this.#nextPacketId();
    const packet = encodePublish(link.version, item.message, {
      packetId: item.packetId,
      // 1 on what is sent again and on nothing else, whatever the publisher sent [v3 3.3.1-1 3.3.1-3] [v5 3.3.1-1 3.3.1-3
      // 4.3.2-2].
      dup: again,
      retain: item.retain,
      identifiers: item.identifiers,
      expirySeconds: item.message.expirySeconds(now),
    });
    // A packet too large for this client counts as delivered, unsent [v5 3.1.2-24 3.1.2-25].
    if (!packet || packet.length > link.maximumPacketBytes) {
      this.#drop(item);
      return;
    }
    this.#inflight.push(item);
    link.send(packet);
  }

  /**
   * One that is not in use, and not 0 [v3 2.3.1-1 4.3.2-1] [v5 2.2.1-4 4.3.2-1]. What is sent again is all in flight by now,
   * and a window is far smaller than the numbers there are.
   */
  #nextPacketId(): number {
    do this.#lastPacketId = (this.#lastPacketId % 0xffff) + 1;
    while (this.#inflight.some(({ packetId }) => packetId === this.#lastPacketId));
    return this.#lastPacketId;
  }

  #store(item: Outgoing): void {
    const { journal, toEpoch } = this.#host;
    if (!journal || !this.stored || item.stored !== 0) return;
    item.stored = journal.queued({
      clientId: this.clientId,
      message: item.message.toStore(toEpoch),
      retain: item.retain,
      subscriptionIdentifiers: item.identifiers,
      shared: item.shared,
    });
  }

  #hold(item: Outgoing): void {
    this.#queueBytes += item.message.bytes;
    item.message.hold(this.#host.memory);
  }

  #drop(item: Outgoing): void {
    this.#queueBytes -= item.message.bytes;
    item.message.release(this.#host.memory);
    if (item.stored === 0) return;
    this.#host.journal?.unqueued(this.clientId, item.stored);
    item.stored = 0;
  }

  #charge(bytes: number): void {
    this.#ownBytes += bytes;
    this.#host.memory.add(bytes);
  }
}

function bytesOf<P>(left: LeftWill<P> | undefined): number {
  return left ? left.will.topic.length + left.will.payload.length + left.will.passed.length + 256 : 0;
}
