import type { ProtocolVersion } from './codec/decode.ts';
import { encodePublish } from './codec/encode.ts';
import { NO_BYTES } from './codec/properties.ts';
import type { Memory } from './memory.ts';
import type { StoredMessage } from './session-store.ts';

/** Part of a large read that is kept for a small message: from here on the message is copied instead. */
const SHARED_CHUNK_BYTES = 4096;

/** What the objects around a queued message cost. */
const OVERHEAD_BYTES = 64;

/** A message under way to subscribers. One object is shared by all its deliveries. */
export class Message {
  readonly topic: string;
  readonly qos: 0 | 1;
  readonly passed: Buffer;
  /** Monotonic milliseconds; undefined never expires. */
  readonly expiresAt: number | undefined;
  readonly bytes: number;
  #payload: Buffer;
  /** Queues that hold it. */
  #holders = 0;
  #stored: StoredMessage | undefined;
  /** QoS 0 packets by version and RETAIN, made once for all subscribers. */
  #shared: (Buffer | undefined)[] | undefined;

  constructor(topic: string, payload: Buffer, qos: 0 | 1, passed: Buffer = NO_BYTES, expiresAt?: number) {
    this.topic = topic;
    this.#payload = payload;
    this.qos = qos;
    this.passed = passed;
    this.expiresAt = expiresAt;
    // So that empty messages are bounded too.
    this.bytes = payload.length + topic.length + passed.length + OVERHEAD_BYTES;
  }

  get payload(): Buffer {
    return this.#payload;
  }

  /** Copies the payload out of the chunk it was read in. Call before keeping the message for long. */
  own(): void {
    const payload = this.#payload;
    if (payload.buffer.byteLength > payload.length * 2 && payload.buffer.byteLength > SHARED_CHUNK_BYTES) {
      this.#payload = Buffer.allocUnsafeSlow(payload.length);
      payload.copy(this.#payload);
    }
  }

  /** Counts the message for one more queue: its bytes once, and what each queue adds. */
  hold(memory: Memory): void {
    memory.add(this.#holders === 0 ? this.bytes : OVERHEAD_BYTES);
    this.#holders++;
  }

  release(memory: Memory): void {
    this.#holders--;
    memory.add(this.#holders === 0 ? -this.bytes : -OVERHEAD_BYTES);
  }

  /** What a store keeps of it; `toEpoch` turns monotonic milliseconds into those of the clock. */
  toStore(toEpoch: (monotonic: number) => number): StoredMessage {
    this.#stored ??= {
      topic: this.topic,
      payload: this.#payload,
      qos: this.qos,
      properties: this.passed,
      expiresAt: this.expiresAt === undefined ? undefined : toEpoch(this.expiresAt),
    };
    return this.#stored;
  }

  expired(now: number): boolean {
    return this.expiresAt !== undefined && this.expiresAt <= now;
  }

  /** Seconds of its lifetime that are left, what it was received with less the wait [v5 3.3.2-6]. */
  expirySeconds(now: number): number | undefined {
    return this.expiresAt === undefined ? undefined : Math.max(0, Math.ceil((this.expiresAt - now) / 1000));
  }

  /** The QoS 0 packet for subscribers without subscription identifiers. Share only within one routing: it has an expiry. */
  sharedPacket(version: ProtocolVersion, retain: boolean, now: number): Buffer | undefined {
    this.#shared ??= [];
    const slot = (version === 5 ? 2 : 0) + (retain ? 1 : 0);
    this.#shared[slot] ??= encodePublish(version, this, {
      packetId: 0,
      dup: false,
      retain,
      identifiers: undefined,
      expirySeconds: this.expirySeconds(now),
    });
    return this.#shared[slot];
  }

  /** Drops the shared packets once a routing is over. */
  settle(): void {
    this.#shared = undefined;
  }
}
