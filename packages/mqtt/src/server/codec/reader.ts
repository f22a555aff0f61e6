import { isUtf8 } from 'node:buffer';
import { malformed } from '../reasons.ts';

/**
 * Reads the body of one packet from front to back. It never looks past the body, so a length that lies is a
 * `Violation` and not a read of the next packet.
 */
export class Reader {
  readonly bytes: Buffer;
  at: number;
  readonly #end: number;

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.#end = end;
  }

  get left(): number {
    return this.#end - this.at;
  }

  byte(): number {
    return this.bytes.readUInt8(this.#advance(1));
  }

  u16(): number {
    return this.bytes.readUInt16BE(this.#advance(2));
  }

  u32(): number {
    return this.bytes.readUInt32BE(this.#advance(4));
  }

  /** A variable byte integer, at most 4 bytes and in its shortest form [v5 1.5.5-1]. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw malformed('a variable byte integer is not in its shortest form');
        return value;
      }
    }
    throw malformed('a variable byte integer is longer than 4 bytes');
  }

  take(length: number): Buffer {
    const start = this.#advance(length);
    return this.bytes.subarray(start, this.at);
  }

  binary(): Buffer {
    return this.take(this.u16());
  }

  /** A UTF-8 string: well-formed, without U+0000, a byte order mark kept [v3 1.4.0-1 1.4.0-2 1.4.0-3] [v5 1.5.4-1 1.5.4-2 1.5.4-3]. */
  string(): string {
    const length = this.u16();
    const start = this.#advance(length);
    const text = this.bytes.toString('utf8', start, this.at);
    // Ill-formed bytes always decode to U+FFFD, so only text that has one needs the second look.
    if (text.includes('\ufffd') && !isUtf8(this.bytes.subarray(start, this.at))) throw malformed('text is not UTF-8');
    if (text.includes('\0')) throw malformed('text contains U+0000');
    return text;
  }

  /** A reader of the next `length` bytes, which this one skips. */
  section(length: number): Reader {
    const start = this.#advance(length);
    return new Reader(this.bytes, start, this.at);
  }

  finish(): void {
    if (this.left !== 0) throw malformed(`${this.left} bytes follow the end of the packet's fields`);
  }

  #advance(length: number): number {
    const start = this.at;
    if (start + length > this.#end) throw malformed('a field ends after the end of its packet');
    this.at = start + length;
    return start;
  }
}
