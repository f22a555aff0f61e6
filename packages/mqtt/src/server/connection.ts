import { nextTick } from 'node:process';
import type { Duplex } from 'node:stream';
import { type Cancel, messageOf } from '@greensward/kit';
import { AckOrder } from './ack-order.ts';
import type { Broker } from './broker.ts';
import { decode, decodeConnect, type ProtocolVersion, type Will } from './codec/decode.ts';
import { encodeConnack, encodeDisconnect, encodePuback } from './codec/encode.ts';
import { type Frame, FrameReader } from './codec/frames.ts';
import { handleConnect } from './handle-connect.ts';
import { handlePacket } from './handle-packet.ts';
import { LogBudget } from './log-budget.ts';
import type { ClientView, DisconnectReason } from './options.ts';
import { REASON, Violation } from './reasons.ts';
import type { Link, Session } from './session.ts';

/** Where a connection comes from. */
export interface Peer {
  /** DER of the client certificate, verified by TLS. */
  readonly certificate?: Uint8Array;
  readonly address: string;
}

/** Unsent bytes above which queued messages wait in their queue, where they are shared and not yet encoded. */
const PUMP_BYTES = 65_536;

/** What a connection has once its client is let in. */
export interface Opened<P> {
  readonly session: Session<P>;
  readonly view: ClientView<P>;
  readonly will: Will | undefined;
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
  readonly peer: Peer;
  version: ProtocolVersion = 4;
  window = 0;
  maximumPacketBytes = 0xffffffff;
  will: Will | undefined;
  /** Topics by alias, as this client set them; no longer than the connection [MQTT-3.3.2-7]. */
  aliases: Map<number, string> | undefined;
  /** QoS 0 requests whose handlers run. */
  openRequests = 0;
  readonly acks = new AckOrder((packetId, reason) => this.send(encodePuback(this.version, packetId, reason)));
  #mode: 'connecting' | 'authenticating' | 'open' | 'closed' = 'connecting';
  #opened: Opened<P> | undefined;
  readonly #stream: Duplex;
  readonly #frames: FrameReader;
  readonly #onGone: (connection: Connection<P>) => void;
  #cancelTimer: Cancel;
  #keepAliveMs = 0;
  #lastReceived = 0;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #processing = false;
  #paused = false;
  #refusals: LogBudget | undefined;
  readonly #flush = (): void => this.#writePending();
  readonly #written = (): void => {
    if (this.#mode !== 'open') return;
    this.#opened?.session.pump(this.broker.now());
    this.proceed();
  };

  /** `onGone` is called once, when the stream has closed. */
  constructor(broker: Broker<P>, stream: Duplex, peer: Peer, onGone: (connection: Connection<P>) => void) {
    this.broker = broker;
    this.peer = peer;
    this.#stream = stream;
    this.#onGone = onGone;
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
    return this.#backlog < PUMP_BYTES;
  }

  get #backlog(): number {
    return this.#pendingBytes + this.#stream.writableLength;
  }

  /** From here on packets wait until `open` or `refuse`. */
  authenticating(): void {
    this.#mode = 'authenticating';
  }

  /** The client is in: the CONNACK goes first [MQTT-3.2.0-1], then what its session holds. */
  open(opened: Opened<P>, connack: Buffer): void {
    const now = this.broker.now();
    this.#mode = 'open';
    this.#opened = opened;
    this.will = opened.will;
    this.window = opened.window;
    this.maximumPacketBytes = opened.maximumPacketBytes;
    opened.session.link = this;
    this.#cancelTimer();
    this.#lastReceived = now;
    // [MQTT-3.1.2-22] One and a half times the keep-alive; 0 turns it off.
    this.#keepAliveMs = opened.keepAliveSeconds * 1500;
    if (this.#keepAliveMs > 0) this.#armKeepAlive(this.#keepAliveMs);
    this.send(connack);
    opened.session.pump(now);
  }

  /** Answers the CONNECT with a refusal, then closes [MQTT-3.1.4-2] [MQTT-3.2.2-7]. */
  refuse(reason: number, message: string, fields: Readonly<Record<string, unknown>>): void {
    this.refused(`connect refused: ${message}`, fields);
    this.send(encodeConnack(this.version, reason, false));
    this.close('protocol-error');
  }

  /** Logs what a client was refused. */
  refused(message: string, fields: Readonly<Record<string, unknown>>): void {
    const { log, timers, limits } = this.broker;
    this.#refusals ??= new LogBudget(log, timers, limits.refusalsLogged);
    this.#refusals.warn(message, { ...this.#who(), ...fields });
  }

  /** Writes are gathered, and leave together when the current work is done. */
  send(packet: Buffer): void {
    if (this.#mode === 'closed') return;
    // [MQTT-3.1.2-24] Messages were measured before; this is an answer as long as the client's own packet made it.
    if (packet.length > this.maximumPacketBytes) {
      this.refused('connection closed: an answer exceeds the Maximum Packet Size of the client', {});
      this.close('protocol-error', REASON.packetTooLarge);
      return;
    }
    if (this.#pending.length === 0) nextTick(this.#flush);
    this.#pending.push(packet);
    this.#pendingBytes += packet.length;
  }

  sendOrDrop(packet: Buffer): void {
    if (this.#backlog <= this.broker.limits.outboundBytes) this.send(packet);
  }

  /** Ends the connection; a second call does nothing. An open MQTT 5 client is told `reason` [MQTT-3.14.0-1]. */
  close(why: DisconnectReason, reason?: number): void {
    if (this.#mode === 'closed') return;
    if (this.#mode === 'open' && this.version === 5 && reason !== undefined) this.send(encodeDisconnect(reason));
    this.#mode = 'closed';
    this.#writePending();
    this.#cancelTimer();
    // end() and not destroy(): what was just written has to leave. A peer that does not take it is cut off.
    if (!this.#stream.destroyed) {
      this.#cancelTimer = this.broker.timers.after(this.broker.limits.closeTimeoutMs, () => this.#stream.destroy());
      this.#stream.end();
      this.#stream.resume();
    }
    const opened = this.#opened;
    if (!opened || opened.session.link !== this) return;
    this.broker.release(opened.session, this.will);
    this.broker.tell('onDisconnected', () => this.broker.options.onDisconnected?.(opened.view, why));
  }

  /** Something that held up reading may be over. */
  proceed(): void {
    if (!this.#paused || this.#processing || this.#mode === 'closed' || this.#blocked()) return;
    this.#paused = false;
    this.#process();
    if (!this.#paused) this.#stream.resume();
  }

  /**
   * Reading stops while the client is being authenticated, while it does not take what it is sent, and while it has too
   * many requests open that no Receive Maximum bounds (3.1.1, or QoS 0).
   */
  #blocked(): boolean {
    const { receiveMaximum, outboundBytes } = this.broker.limits;
    return (
      this.#mode === 'authenticating' ||
      this.openRequests >= receiveMaximum ||
      (this.version === 4 && this.acks.size >= receiveMaximum) ||
      this.#backlog > outboundBytes
    );
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
  }

  #handle(frame: Frame): void {
    if (this.#opened) handlePacket(this, this.#opened, decode(frame, this.version));
    else handleConnect(this, decodeConnect(frame));
  }

  #failed(error: unknown): void {
    if (!(error instanceof Violation)) {
      this.broker.log.error('a packet could not be handled', { ...this.#who(), error: messageOf(error) });
      this.close('protocol-error', REASON.implementationError);
      return;
    }
    const { reason, message } = error;
    if (this.#mode === 'connecting' && reason === REASON.unsupportedProtocolVersion) {
      this.refuse(reason, message, {});
      return;
    }
    this.refused(`connection closed: ${message}`, { reason });
    // [MQTT-4.13.1-1] Only this connection ends.
    this.close('protocol-error', reason);
  }

  #writePending(): void {
    const parts = this.#pending;
    const [first] = parts;
    if (!first) return;
    const bytes = parts.length === 1 ? first : Buffer.concat(parts, this.#pendingBytes);
    this.#pending = [];
    this.#pendingBytes = 0;
    if (this.#stream.destroyed || this.#stream.writableEnded) return;
    // The callback and not `drain`: our bounds are not the stream's, which has no event for them.
    this.#stream.write(bytes, this.#written);
  }

  #armKeepAlive(ms: number): void {
    this.#cancelTimer = this.broker.timers.after(ms, () => {
      const now = this.broker.now();
      // While our own handlers hold up reading, silence is not the client's.
      if (this.openRequests > 0 || this.acks.size > 0) this.#lastReceived = now;
      const left = this.#keepAliveMs - (now - this.#lastReceived);
      if (left > 0) this.#armKeepAlive(left);
      else this.close('keep-alive', REASON.keepAliveTimeout);
    });
  }

  #who(): Record<string, unknown> {
    const clientId = this.#opened?.view.clientId;
    return { remoteAddress: this.peer.address, ...(clientId !== undefined && { clientId }) };
  }
}
