import { crc32 } from 'node:zlib';
import { Fault } from '@greensward/kit';
import { decodeHeaders, encodeHeaders, type Headers, type OutgoingHeaders } from './headers.ts';

// The event-stream frame of AWS, big-endian: total length, length of the headers, CRC-32 of these 8 bytes, headers, payload,
// CRC-32 of everything before it.

/** One frame. */
export interface Frame {
  readonly headers: Headers;
  readonly payload: Uint8Array;
}

/** The largest frame that the clients of AWS send or take: 24 MiB. */
export const maxFrameBytes = 24 * 1024 * 1024;

const preludeBytes = 12;
const overheadBytes = 16;

/** The bytes of a frame. Headers are int32 and strings only: small decoders know no other. */
export function encodeFrame(headers: OutgoingHeaders, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const block = encodeHeaders(headers);
  const total = overheadBytes + block.length + payload.length;
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, total);
  view.setUint32(4, block.length);
  view.setUint32(8, crc32(bytes.subarray(0, 8)));
  bytes.set(block, preludeBytes);
  bytes.set(payload, preludeBytes + block.length);
  view.setUint32(total - 4, crc32(bytes.subarray(0, total - 4)));
  return bytes;
}

/**
 * Cuts a byte stream into frames. What is announced is not allocated: memory grows with what has come, and each byte is copied a
 * bounded number of times however it is cut. After a fault the reader is of no use any more.
 */
export class FrameReader {
  #buffer = new Uint8Array(0);
  #start = 0;
  #end = 0;
  /** Length of the frame whose prelude has been read. */
  #total: number | undefined;

  push(chunk: Uint8Array): void {
    this.#makeRoom(chunk.length);
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /**
   * The next whole frame; undefined until it is there. A frame above `limit` bytes is refused as soon as it is announced.
   *
   * @throws Fault `MALFORMED_FRAME`: nothing that follows can be understood.
   */
  next(limit: number): Frame | undefined {
    if (this.#end - this.#start < preludeBytes) return undefined;
    this.#total ??= this.#readPrelude();
    const total = this.#total;
    if (total > limit) throw malformed(`a frame of ${total} bytes is larger than ${limit}`);
    if (this.#end - this.#start < total) return undefined;
    // A copy: the buffer is used again.
    const bytes = this.#buffer.slice(this.#start, this.#start + total);
    this.#start += total;
    this.#total = undefined;
    if (this.#start === this.#end) this.#empty();
    return decodeFrame(bytes);
  }

  #readPrelude(): number {
    const view = new DataView(this.#buffer.buffer, this.#start, preludeBytes);
    const total = view.getUint32(0);
    if (total < overheadBytes || view.getUint32(4) > total - overheadBytes)
      throw malformed('the lengths of a frame do not fit');
    if (view.getUint32(8) !== crc32(this.#buffer.subarray(this.#start, this.#start + 8)))
      throw malformed('the checksum of the prelude is wrong');
    return total;
  }

  #makeRoom(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return;
    const used = this.#end - this.#start;
    const grown = new Uint8Array(Math.max(1024, 2 * used, used + bytes));
    grown.set(this.#buffer.subarray(this.#start, this.#end));
    this.#buffer = grown;
    this.#start = 0;
    this.#end = used;
  }

  #empty(): void {
    this.#start = 0;
    this.#end = 0;
    // One large frame must not hold its memory for as long as the connection lives.
    if (this.#buffer.length > 64 * 1024) this.#buffer = new Uint8Array(0);
  }
}

/** @throws Fault `MALFORMED_FRAME`. */
function decodeFrame(bytes: Uint8Array): Frame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const bodyEnd = bytes.length - 4;
  if (view.getUint32(bodyEnd) !== crc32(bytes.subarray(0, bodyEnd)))
    throw malformed('the checksum of a frame is wrong');
  const headersEnd = preludeBytes + view.getUint32(4);
  const headers = decodeHeaders(bytes.subarray(preludeBytes, headersEnd));
  if (headers === undefined) throw malformed('the headers of a frame cannot be read');
  return { headers, payload: bytes.subarray(headersEnd, bodyEnd) };
}

function malformed(message: string): Fault {
  return new Fault('MALFORMED_FRAME', message);
}
