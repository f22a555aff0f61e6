import { Fault } from '@greensward/kit';

/** The trailing headers of an upload, by lower-case name; filled when its last byte has been read. */
export type Trailers = Map<string, string>;

const maxLine = 4096;
const maxTrailers = 16;

/**
 * Decodes `aws-chunked`: `size[;extension]\r\n data \r\n` until size 0, then trailers and an empty line. Yields data as it
 * comes, whatever the size of a chunk; lines are bounded. Fails with `InvalidRequest` when the framing is broken and with
 * `IncompleteBody` when the data is not `expected` bytes long, or ends early.
 */
export async function* decodeChunks(
  body: AsyncIterable<Uint8Array>,
  expected: number,
  trailers: Trailers,
): AsyncGenerator<Uint8Array> {
  const input = new LineReader(body);
  let total = 0;
  for (;;) {
    const size = chunkSize(await input.line());
    if (size === 0) break;
    total += size;
    if (total > expected) throw incomplete(expected);
    yield* input.bytes(size);
    if ((await input.line()) !== '') throw broken('a chunk is longer than it says');
  }
  if (total !== expected) throw incomplete(expected);
  await readTrailers(input, trailers);
  await input.drain();
}

async function readTrailers(input: LineReader, trailers: Trailers): Promise<void> {
  for (;;) {
    const line = await input.line('');
    if (line === '') return;
    const colon = line.indexOf(':');
    if (colon < 1) throw broken('a trailer has no name');
    trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
    if (trailers.size > maxTrailers) throw broken('there are too many trailers');
  }
}

function chunkSize(line: string): number {
  const hex = line.match(/^([0-9a-fA-F]{1,12})(?:;.*)?$/)?.[1];
  if (hex === undefined) throw broken('a chunk has no size');
  return Number.parseInt(hex, 16);
}

/** Cuts a stream of pieces of any size into lines and runs of bytes. */
class LineReader {
  private readonly source: AsyncIterator<Uint8Array>;
  private rest: Uint8Array = new Uint8Array();

  constructor(body: AsyncIterable<Uint8Array>) {
    this.source = body[Symbol.asyncIterator]();
  }

  /** Up to the next CRLF, which is taken but not returned. `atEnd` stands for a line where the stream is over. */
  async line(atEnd?: string): Promise<string> {
    for (;;) {
      const at = this.rest.indexOf(0x0a);
      if (at > 0 && this.rest[at - 1] === 0x0d) {
        const line = Buffer.from(this.rest.subarray(0, at - 1)).toString('latin1');
        this.rest = this.rest.subarray(at + 1);
        return line;
      }
      if (at >= 0) throw broken('a line does not end in CRLF');
      if (this.rest.byteLength > maxLine) throw broken('a line is too long');
      const more = await this.next();
      if (more === undefined) {
        if (atEnd !== undefined && this.rest.byteLength === 0) return atEnd;
        throw new Fault('IncompleteBody', 'The request body ended early');
      }
      this.rest = this.rest.byteLength === 0 ? more : Buffer.concat([this.rest, more]);
    }
  }

  async *bytes(count: number): AsyncGenerator<Uint8Array> {
    for (let left = count; left > 0; ) {
      if (this.rest.byteLength === 0) {
        const more = await this.next();
        if (more === undefined) throw new Fault('IncompleteBody', 'The request body ended early');
        this.rest = more;
      }
      const piece = this.rest.subarray(0, left);
      this.rest = this.rest.subarray(piece.byteLength);
      left -= piece.byteLength;
      if (piece.byteLength > 0) yield piece;
    }
  }

  /** Nothing may follow the trailers. */
  async drain(): Promise<void> {
    for (;;) {
      if (this.rest.byteLength > 0) throw broken('there is something after the last chunk');
      const more = await this.next();
      if (more === undefined) return;
      this.rest = more;
    }
  }

  private async next(): Promise<Uint8Array | undefined> {
    const step = await this.source.next();
    return step.done === true ? undefined : step.value;
  }
}

function broken(what: string): Fault {
  return new Fault('InvalidRequest', `The aws-chunked body is not valid: ${what}`);
}

function incomplete(expected: number): Fault {
  return new Fault('IncompleteBody', `The request body is not the ${expected} bytes of x-amz-decoded-content-length`);
}
