import { malformed, REASON, Violation } from '../reasons.ts';

/** One packet: the first byte of its fixed header, and all that follows the length. */
export interface Frame {
  readonly header: number;
  readonly body: Buffer;
}

const FIRST_ALLOCATION = 1024;
const NOTHING = Buffer.alloc(0);

/**
 * Cuts a stream of bytes into packets. The declared length is checked before a byte of the body is kept, and the room
 * for a packet grows with what has arrived, not with what was declared: a client that lies about a length costs what it
 * sent.
 */
export class FrameReader {
  readonly #maximumBytes: number;
  #chunk: Buffer = NOTHING;
  #at = 0;
  /** The packet under assembly, when its header has come but not all of its body. */
  #partial: Buffer | undefined;
  #partialHeader = 0;
  #filled = 0;
  #needed = 0;

  /** `maximumBytes` bounds a whole packet, fixed header included. */
  constructor(maximumBytes: number) {
    this.#maximumBytes = maximumBytes;
  }

  /** Bytes kept of what has arrived. */
  get heldBytes(): number {
    return this.#chunk.length - this.#at + (this.#partial?.length ?? 0);
  }

  push(chunk: Buffer): void {
    const rest = this.#chunk.length - this.#at;
    this.#chunk = rest === 0 ? chunk : Buffer.concat([this.#chunk.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /** The next complete packet; undefined when more bytes are needed. Throws a `Violation` for a bad or large length. */
  next(): Frame | undefined {
    if (this.#partial) return this.#continue(this.#partial);
    const chunk = this.#chunk;
    const start = this.#at;
    const header = chunk[start];
    if (header === undefined) {
      // Let go of the chunk: an idle connection should not hold its last 64 KiB read.
      this.#chunk = NOTHING;
      this.#at = 0;
      return undefined;
    }
    let length = 0;
    let at = start + 1;
    for (let shift = 0; ; shift += 7) {
      const byte = chunk[at];
      if (byte === undefined) return undefined;
      at++;
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
      if (shift === 21) throw malformed('the remaining length is longer than 4 bytes');
    }
    if (at - start + length > this.#maximumBytes) {
      throw new Violation(REASON.packetTooLarge, `a packet of ${length} bytes was declared`);
    }
    if (chunk.length - at >= length) {
      this.#at = at + length;
      return { header, body: chunk.subarray(at, this.#at) };
    }
    this.#at = at;
    this.#partial = Buffer.allocUnsafeSlow(Math.min(length, Math.max(FIRST_ALLOCATION, chunk.length - at)));
    this.#partialHeader = header;
    this.#needed = length;
    this.#filled = 0;
    return this.#continue(this.#partial);
  }

  #continue(partial: Buffer): Frame | undefined {
    const available = Math.min(this.#chunk.length - this.#at, this.#needed - this.#filled);
    let room = partial;
    if (this.#filled + available > partial.length) {
      room = Buffer.allocUnsafeSlow(Math.min(this.#needed, Math.max(partial.length * 2, this.#filled + available)));
      partial.copy(room, 0, 0, this.#filled);
      this.#partial = room;
    }
    this.#chunk.copy(room, this.#filled, this.#at, this.#at + available);
    this.#filled += available;
    this.#at += available;
    if (this.#filled < this.#needed) {
      this.#chunk = NOTHING;
      this.#at = 0;
      return undefined;
    }
    this.#partial = undefined;
    return { header: this.#partialHeader, body: room };
  }
}
