import type { Cancel } from '@greensward/kit';
import type { ProtocolVersion } from './codec/decode.ts';
import { encodePublish } from './codec/encode.ts';
import type { Message } from './message.ts';
import type { ClientView, DisconnectReason } from './options.ts';
import { type Outgoing, OutgoingQueue } from './outgoing-queue.ts';

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

export interface Subscription {
  readonly filter: string;
  readonly qos: 0 | 1;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** Of MQTT 5; goes with every message that matches. */
  readonly identifier: number | undefined;
}

/** Bytes of all queues of a server, against its total bound. */
export interface QueueBudget {
  readonly perSession: number;
  readonly total: number;
  used: number;
}

/**
 * What the server keeps of a client id: subscriptions, and QoS 1 messages on their way. It has a link while its client is
 * connected. In memory only: a restart forgets it, and CONNACK says so (Session Present 0).
 */
export class Session<P> {
  readonly clientId: string;
  readonly subscriptions = new Map<string, Subscription>();
  /** The latest connection's. */
  view: ClientView<P>;
  link: Link | undefined;
  /** True once the server has forgotten it. */
  ended = false;
  /** How long it outlives its connection; 0 ends with it. */
  expirySeconds = 0;
  cancelExpiry: Cancel | undefined;
  /** A delayed will, while it waits. */
  pendingWill: { readonly publish: () => void; readonly cancel: Cancel } | undefined;
  readonly #budget: QueueBudget;
  readonly #queue = new OutgoingQueue();
  /** Sent and not acknowledged, in the order of sending. */
  readonly #inflight = new Map<number, Outgoing>();
  #bytes = 0;
  #lastPacketId = 0;

  constructor(clientId: string, view: ClientView<P>, budget: QueueBudget) {
    this.clientId = clientId;
    this.view = view;
    this.#budget = budget;
  }

  /** Takes a QoS 1 delivery, and sends it when the window allows; false when the queue is full. */
  offer(message: Message, retain: boolean, identifiers: readonly number[] | undefined, now: number): boolean {
    if (this.ended) return true;
    const { perSession, total } = this.#budget;
    // A single message larger than the bound is taken alone: a deployment document has no limit of its own.
    if (this.#bytes > 0 && this.#bytes + message.bytes > perSession) return false;
    if (this.#budget.used + message.bytes > total) return false;
    this.#account(message.bytes);
    this.#queue.push({ message, retain, identifiers, packetId: 0 });
    this.pump(now);
    if (this.#queue.length > 0) message.own();
    return true;
  }

  /** Sends what waits, while the client's window and the connection have room. */
  pump(now: number): void {
    const link = this.link;
    if (!link) return;
    for (let next = this.#queue.peek(); next; next = this.#queue.peek()) {
      // [MQTT-3.3.4-9] Never more unacknowledged than the client's Receive Maximum.
      if (this.#inflight.size >= link.window || !link.writable) return;
      this.#queue.shift();
      this.#transmit(link, next, now);
    }
  }

  /** The client has the message. False when nothing was sent with this identifier. */
  acknowledge(packetId: number, now: number): boolean {
    const sent = this.#inflight.get(packetId);
    if (!sent) return false;
    this.#inflight.delete(packetId);
    this.#account(-sent.message.bytes);
    this.pump(now);
    return true;
  }

  /** The connection is gone: what it did not acknowledge is sent first on the next one, in the same order [MQTT-4.6.0-1]. */
  detach(): void {
    this.link = undefined;
    this.#queue.unshift([...this.#inflight.values()]);
    this.#inflight.clear();
    for (const { message } of this.#queue) message.own();
  }

  /** Forgets all messages, for good. */
  end(): void {
    this.ended = true;
    this.#account(-this.#bytes);
    this.#inflight.clear();
    while (this.#queue.length > 0) this.#queue.shift();
  }

  #transmit(link: Link, item: Outgoing, now: number): void {
    const again = item.packetId !== 0;
    // [MQTT-3.3.2-5] A message that expired before its delivery started is deleted; one that was sent before goes on.
    if (!again && item.message.expired(now)) {
      this.#account(-item.message.bytes);
      return;
    }
    if (!again) item.packetId = this.#nextPacketId();
    const packet = encodePublish(link.version, item.message, {
      packetId: item.packetId,
      dup: again, // [MQTT-3.3.1-1]
      retain: item.retain,
      identifiers: item.identifiers,
      expirySeconds: item.message.expirySeconds(now),
    });
    // [MQTT-3.1.2-24] [MQTT-3.1.2-25] A packet too large for this client counts as delivered, unsent.
    if (!packet || packet.length > link.maximumPacketBytes) {
      this.#account(-item.message.bytes);
      return;
    }
    this.#inflight.set(item.packetId, item);
    link.send(packet);
  }

  /** [MQTT-2.2.1-4] One that is not in use; the window is far smaller than the numbers there are. */
  #nextPacketId(): number {
    do this.#lastPacketId = (this.#lastPacketId % 0xffff) + 1;
    while (this.#inflight.has(this.#lastPacketId));
    return this.#lastPacketId;
  }

  #account(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.used += bytes;
  }
}
