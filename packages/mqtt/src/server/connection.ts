import type { Duplex } from 'node:stream';
import { type Cancel, messageOf } from '@greensward/kit';
import { AckOrder } from './ack-order.ts';
import type { Broker } from './broker.ts';
import { decode, decodeConnect, type ProtocolVersion } from './codec/decode.ts';
import { encodeConnack, encodeDisconnect, encodePuback } from './codec/encode.ts';
import { type Frame, FrameReader } from './codec/frames.ts';
import { handleConnect } from './handle-connect.ts';
import { handlePacket } from './handle-packet.ts';
import { LogBudget } from './log-budget.ts';
import type { ClientView, DisconnectReason } from './options.ts';
import { Outbox } from './outbox.ts';
import { REASON, Violation } from './reasons.ts';
import type { Link, Session } from './session.ts';
import { TokenBucket } from './token-bucket.ts';

/** Where a connection comes from. */
export interface Peer {
  /** DER of the client certificate, verified by TLS. */
  readonly certificate?: Uint8Array;
  readonly address: string;
}

const PUBACK = 4;

/** Unsent bytes above which queued messages wait in their queue, where they are shared and not yet encoded. */
const PUMP_BYTES = 65_536;

/** What a connection has once its client is let in. */
export interface Opened<P> {
  readonly session: Session<P>;
  readonly view: ClientView<P>;
  readonly keepAliveSeconds: number;
  readonly window: number;
  readonly maximumPacketBytes: number;
}

/**
 * One network connection. Modes: `connecting` (no CONNECT yet) -> `authenticating` (nothing more is read) -> `open` ->
 * `closed`; any mode goes to `closed`, once, in `close`. `closed` writes what is left and lets the peer leave.
 */
export class Connection<P> implements Link {
  readonly broker: Broker<P>;
  readonly address: string;
  /** DER of the client's; gone once it was looked at, for a server has many idle connections. */
  certificate: Uint8Array | undefined;
  /** Why the client cannot be served, whoever it is; undefined when it can. */
  readonly turnAway: number | undefined;
  version: ProtocolVersion = 4;
  window = 0;
  maximumPacketBytes = 0xffffffff;
  /** QoS 0 requests whose handlers run. */
  openRequests = 0;
  readonly acks = new AckOrder(this);
  #mode: 'connecting' | 'authenticating' | 'open' | 'closed' = 'connecting';
  #opened: Opened<P> | undefined;
  readonly #stream: Duplex;
  readonly #frames: FrameReader;
  readonly #onGone: (connection: Connection<P>) => void;
  #cancelTimer: Cancel;
  #keepAliveMs = 0;
  #lastReceived = 0;
  readonly #outbox: Outbox;
  #aliases: Map<number, string> | undefined;
  #aliasBytes = 0;
  /** What of it is counted in the server's buffers. */
  #counted = 0;
  #processing = false;
  #paused = false;
  /** True while an answer waits for the store. */
  #waiting = false;
  #bucket: TokenBucket | undefined;
  /** Set while the client is not read because it sends too fast. */
  #cancelThrottle: Cancel | undefined;
  #refusals: LogBudget | undefined;
  /** `onGone` is called once, when the stream has closed. `turnAway` refuses the CONNECT with that reason. */
  constructor(
    broker: Broker<P>,
    stream: Duplex,
    peer: Peer,
    onGone: (connection: Connection<P>) => void,
    turnAway?: number,
  ) {
    this.broker = broker;
    this.address = peer.address;
    this.certificate = peer.certificate;
    this.turnAway = turnAway;
    this.#stream = stream;
    this.#onGone = onGone;
    this.#outbox = new Outbox(stream, this);
    this.#frames = new FrameReader(broker.limits.maximumPacketBytes);
    this.#cancelTimer = broker.timers.after(broker.limits.connectTimeoutMs, () => {
      this.refused('connection closed: no CONNECT was accepted in time', {});
      this.close('protocol-error');
    });
    stream.on('data', (chunk: Buffer) => this.#received(chunk));
    stream.on('end', () => this.close('closed'));
    stream.on('error', (error) => {
      broker.log.debug('connection broke', { ...this.#who(), error: messageOf(error) });
      this.close('closed');
    });
    stream.on('close', () => {
      this.close('closed');
      this.#cancelTimer();
      broker.buffers.add(-this.#counted);
      this.#counted = 0;
      this.#onGone(this);
    });
  }

  get closed(): boolean {
    return this.#mode === 'closed';
  }

  /** Set while open, and kept after. */
  get opened(): Opened<P> | undefined {
    return this.#opened;
  }

  get writable(): boolean {
    return this.#outbox.bytes < PUMP_BYTES;
  }

  get heldBytes(): number {
    return this.#counted;
  }

  /** Topics by alias, as this client set them; no longer than the connection [v5 3.3.2-7]. */
  topicOfAlias(alias: number): string | undefined {
    return this.#aliases?.get(alias);
  }

  learnAlias(alias: number, topic: string): void {
    this.#aliases ??= new Map();
    this.#aliasBytes += 2 * (topic.length - (this.#aliases.get(alias)?.length ?? 0));
    this.#aliases.set(alias, topic);
  }

  /** From here on packets wait until `open` or `refuse`. */
  authenticating(): void {
    this.#mode = 'authenticating';
    this.certificate = undefined;
  }

  /** The client is in: the CONNACK goes first [v3 3.2.0-1] [v5 3.2.0-1 3.2.0-2], then what its session holds. */
  open(opened: Opened<P>, connack: Buffer): void {
    const now = this.broker.now();
    this.#mode = 'open';
    this.#opened = opened;
    this.window = opened.window;
    this.maximumPacketBytes = opened.maximumPacketBytes;
    opened.session.link = this;
    this.#cancelTimer();
    this.#lastReceived = now;
    // One and a half times the keep-alive [v3 3.1.2-24] [v5 3.1.2-22]; 0 turns it off.
    this.#keepAliveMs = opened.keepAliveSeconds * 1500;
    if (this.#keepAliveMs > 0) this.#armKeepAlive(this.#keepAliveMs);
    this.send(connack);
    opened.session.pump(now);
  }

  /** Answers the CONNECT with a refusal, then closes [v3 3.2.2-5 3.1.4-5] [v5 3.2.2-7 3.1.4-2 3.1.4-6 4.13.2-1]. */
  refuse(reason: number, message: string, fields: Readonly<Record<string, unknown>>): void {
    this.refused(`connect refused: ${message}`, fields);
    this.send(encodeConnack(this.version, reason, false));
    this.close('protocol-error');
  }

  /** Logs what a client was refused. */
  refused(message: string, fields: Readonly<Record<string, unknown>>): void {
    const { log, timers, limits, strangers } = this.broker;
    if (this.#opened) this.#refusals ??= new LogBudget(log, timers, limits.refusalsLogged);
    (this.#refusals ?? strangers).warn(message, { ...this.#who(), ...fields });
  }

  /** Writes are gathered, and leave together when the current work is done. */
  send(packet: Buffer): void {
    if (this.#mode === 'closed') return;
    // Messages were measured before; this is an answer as long as the client's own packet made it [v5 3.1.2-24].
    if (packet.length > this.maximumPacketBytes) {
      this.refused('connection closed: an answer exceeds the Maximum Packet Size of the client', {});
      this.close('protocol-error', REASON.packetTooLarge);
      return;
    }
    this.#outbox.add(packet);
    this.#count();
  }

  sendOrDrop(packet: Buffer): void {
    if (this.#outbox.bytes <= this.broker.limits.outboundBytes) this.send(packet);
  }

  sendPuback(packetId: number, reason: number): void {
    this.send(encodePuback(this.version, packetId, reason));
  }

  /** Runs `task` when the store has what was changed of the session: at once without a store. Nothing is read until then. */
  whenStored(session: Session<P>, task: () => void): void {
    const { journal } = this.broker;
    if (!journal || !session.stored || journal.idle) {
      task();
      return;
    }
    this.#waiting = true;
    void journal.flushed().then(() => {
      this.#waiting = false;
      if (!this.closed) task();
      this.proceed();
    });
  }

  /**
   * Ends the connection; a second call does nothing. An open MQTT 5 client is told `reason` first [v5 3.14.0-1], and nothing
   * after [v5 3.14.4-1 3.14.4-2].
   */
  close(why: DisconnectReason, reason?: number): void {
    if (this.#mode === 'closed') return;
    if (this.#mode === 'open' && this.version === 5 && reason !== undefined) this.send(encodeDisconnect(reason));
    this.#mode = 'closed';
    this.#outbox.flush();
    this.#cancelTimer();
    this.#cancelThrottle?.();
    // end() and not destroy(): what was just written has to leave. A peer that does not take it is cut off.
    if (!this.#stream.destroyed) {
      this.#cancelTimer = this.broker.timers.after(this.broker.limits.closeTimeoutMs, () => this.#stream.destroy());
      this.#stream.end();
      this.#stream.resume();
    }
    const opened = this.#opened;
    if (!opened || opened.session.link !== this) return;
    this.broker.release(opened.session);
    this.broker.tell('onDisconnected', () => this.broker.options.onDisconnected?.(opened.view, why));
  }

  cutOff(): void {
    this.refused('connection cut off: all connections hold too much, and it holds most', { bytes: this.#counted });
    this.close('slow-reader', REASON.quotaExceeded);
    this.#stream.destroy();
    this.broker.buffers.add(-this.#counted);
    this.#counted = 0;
  }

  /** Something that held up reading may be over. */
  proceed(): void {
    if (!this.#paused || this.#processing || this.#mode === 'closed' || this.#blocked()) return;
    this.#paused = false;
    this.#process();
    if (!this.#paused) this.#stream.resume();
  }

  /** The peer has taken what was written. */
  written(): void {
    this.#count();
    if (this.#mode !== 'open') return;
    this.#opened?.session.pump(this.broker.now());
    this.proceed();
  }

  /** Reading stops while the client does not take what it is sent, and for our own reasons. */
  #blocked(): boolean {
    return this.#outbox.bytes > this.broker.limits.outboundBytes || this.#heldUp();
  }

  /**
   * Our own reasons: the client is being authenticated, has too many requests open that no Receive Maximum bounds (3.1.1, or
   * QoS 0), sends too fast, or the store is behind.
   */
  #heldUp(): boolean {
    const { receiveMaximum } = this.broker.limits;
    return (
      this.#mode === 'authenticating' ||
      this.#waiting ||
      this.#cancelThrottle !== undefined ||
      this.openRequests >= receiveMaximum ||
      (this.version === 4 && this.acks.size >= receiveMaximum) ||
      this.#storeIsBehind()
    );
  }

  #storeIsBehind(): boolean {
    const { journal } = this.broker;
    if (!journal?.full) return false;
    void journal.flushed().then(() => this.proceed());
    return true;
  }

  #received(chunk: Buffer): void {
    if (this.#mode === 'closed') return;
    this.#frames.push(chunk);
    this.#process();
  }

  #process(): void {
    this.#processing = true;
    let any = false;
    try {
      while (!this.closed) {
        if (this.#blocked()) {
          this.#paused = true;
          this.#stream.pause();
          break;
        }
        const frame = this.#frames.next();
        if (!frame) break;
        any = true;
        this.#handle(frame);
      }
    } catch (error) {
      this.#failed(error);
    }
    this.#processing = false;
    if (any) this.#lastReceived = this.broker.now();
    this.#count();
  }

  #handle(frame: Frame): void {
    if (!this.#opened) {
      handleConnect(this, decodeConnect(frame));
      return;
    }
    if (frame.header >> 4 !== PUBACK) this.#throttle();
    handlePacket(this, this.#opened, decode(frame, this.version));
  }

  /** Counts a packet, and stops reading when the next would be too soon: it waits in the client's own buffers. */
  #throttle(): void {
    const now = this.broker.now();
    this.#bucket ??= new TokenBucket(this.broker.limits.packetsPerSecond, now);
    this.#bucket.take();
    const waitMs = this.#bucket.waitMs(now);
    if (waitMs === 0) return;
    this.#cancelThrottle = this.broker.timers.after(waitMs, () => {
      this.#cancelThrottle = undefined;
      this.proceed();
    });
  }

  #failed(error: unknown): void {
    if (!(error instanceof Violation)) {
      this.broker.log.error('a packet could not be handled', { ...this.#who(), error: messageOf(error) });
      // An error of our own ends the connection, too [v3 4.8.0-2].
      this.close('protocol-error', REASON.implementationError);
      return;
    }
    const { reason, message } = error;
    if (this.#mode === 'connecting' && reason === REASON.unsupportedProtocolVersion) {
      this.refuse(reason, message, {});
      return;
    }
    this.refused(`connection closed: ${message}`, { reason });
    // Only this connection ends; a CONNECT that is malformed gets no CONNACK [v3 4.8.0-1 3.1.4-1] [v5 4.13.1-1 3.1.4-1].
    this.close('protocol-error', reason);
  }

  #count(): void {
    const held = this.#outbox.bytes + this.#frames.heldBytes + this.#aliasBytes;
    if (held === this.#counted || this.#stream.destroyed) return;
    this.broker.buffers.add(held - this.#counted);
    this.#counted = held;
  }

  #armKeepAlive(ms: number): void {
    this.#cancelTimer = this.broker.timers.after(ms, () => {
      const now = this.broker.now();
      // While we ourselves hold up reading, silence is not the client's.
      if (this.openRequests > 0 || this.acks.size > 0 || this.#heldUp()) this.#lastReceived = now;
      const left = this.#keepAliveMs - (now - this.#lastReceived);
      if (left > 0) this.#armKeepAlive(left);
      else this.close('keep-alive', REASON.keepAliveTimeout);
    });
  }

  #who(): Record<string, unknown> {
    const clientId = this.#opened?.view.clientId;
    return { remoteAddress: this.address, ...(clientId !== undefined && { clientId }) };
  }
}
