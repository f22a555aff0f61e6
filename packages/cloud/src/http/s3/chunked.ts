import { createHash } from 'node:crypto';
import { Fault } from '@greensward/kit';
import type { ChunkSignatures } from '@greensward/protocol/sigv4';

/** The trailing headers of an upload, by lower-case name; filled when its last byte has been read. */
export type Trailers = Map<string, string>;

const maxLine = 4096;
const maxTrailers = 16;

/**
 * Decodes `aws-chunked`: `size[;chunk-signature=hex]\r\n data \r\n` until size 0, then trailers and an empty line. Yields
 * data as it comes, whatever the size of a chunk, before its signature is compared: what is yielded counts only when the
 * end is reached. Lines are bounded. Fails with `InvalidRequest` when the framing is broken, with `IncompleteBody` when the
 * data is not `expected` bytes long, or ends early, and, where `signatures` are to be checked, with `SignatureDoesNotMatch`.
 */
export async function* decodeChunks(
  body: AsyncIterable<Uint8Array>,
  expected: number,
  trailers: Trailers,
  signatures?: ChunkSignatures,
): AsyncGenerator<Uint8Array> {
  const input = new LineReader(body);
  let total = 0;
  for (;;) {
    const { size, signature } = chunkHeader(await input.line());
    total += size;
    if (total > expected) throw incomplete(expected);
    const hash = signatures === undefined ? undefined : createHash('sha256');
    for await (const piece of input.bytes(size)) {
      hash?.update(piece);
      yield piece;
    }
    if (hash !== undefined && !signatures?.acceptChunk(signature, hash.digest('hex'))) throw forged('a chunk');
    if (size === 0) break;
    if ((await input.line()) !== '') throw broken('a chunk is longer than it says');
  }
  if (total !== expected) throw incomplete(expected);
  await readTrailers(input, trailers, signatures);
  await input.drain();
}

const trailerSignature = 'x-amz-trailer-signature';

async function readTrailers(
  input: LineReader,
  trailers: Trailers,
  signatures: ChunkSignatures | undefined,
): Promise<void> {
  let signedText = '';
  let signature = '';
  for (let line = await input.trailer(); line !== undefined; line = await input.trailer()) {
    if (line === '') {
      // Some clients write `value\n\r\n` before the signature, as the reference prints what is signed.
      if (signatures?.trailer === true && signature === '') continue;
      break;
    }
    const colon = line.indexOf(':');
    if (colon < 1) throw broken('a trailer has no name');
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (signatures !== undefined && !signatures.trailer) throw broken('there is a trailer, and none was announced');
    if (signatures !== undefined && name === trailerSignature) {
      signature = value;
      continue;
    }
    if (signature !== '') throw broken('there is a trailer after the signature of the trailers');
    signedText += `${name}:${value}\n`;
    if (trailers.has(name)) throw broken('a trailer is there twice');
    trailers.set(name, value);
    if (trailers.size > maxTrailers) throw broken('there are too many trailers');
  }
  if (signatures?.trailer === true && !signatures.acceptTrailer(signature, signedText)) throw forged('the trailer');
}

/** A size in hexadecimal; the signature is empty where there is none. */
function chunkHeader(line: string): { size: number; signature: string } {
  const [, hex, extension = ''] = line.match(/^([0-9a-fA-F]{1,12})(?:;(.*))?$/) ?? [];
  if (hex === undefined) throw broken('a chunk has no size');
  return { size: Number.parseInt(hex, 16), signature: extension.match(/^chunk-signature=([0-9a-f]{64})$/)?.[1] ?? '' };
}

/** Cuts a stream of pieces of any size into lines and runs of bytes. */
class LineReader {
  private readonly source: AsyncIterator<Uint8Array>;
  private rest: Uint8Array = new Uint8Array();

  constructor(body: AsyncIterable<Uint8Array>) {
    this.source = body[Symbol.asyncIterator]();
  }

  /** Up to the next CRLF, which is taken but not returned. */
  async line(): Promise<string> {
    const line = await this.upToLineFeed();
    if (line === undefined) throw endedEarly();
    if (!line.endsWith('\r')) throw broken('a line does not end in CRLF');
    return line.slice(0, -1);
  }

  /** A line that may end in a bare line feed, as some clients write trailers; undefined at the end of the stream. */
  async trailer(): Promise<string | undefined> {
    return (await this.upToLineFeed())?.replace(/\r$/, '');
  }

  private async upToLineFeed(): Promise<string | undefined> {
    for (;;) {
      const at = this.rest.indexOf(0x0a);
      if (at > maxLine || (at < 0 && this.rest.byteLength > maxLine)) throw broken('a line is too long');
      if (at >= 0) {
        const line = Buffer.from(this.rest.subarray(0, at)).toString('latin1');
        this.rest = this.rest.subarray(at + 1);
        return line;
      }
      const more = await this.next();
      if (more === undefined) {
        if (this.rest.byteLength === 0) return undefined;
        throw endedEarly();
      }
      this.rest = this.rest.byteLength === 0 ? more : Buffer.concat([this.rest, more]);
    }
  }

  async *bytes(count: number): AsyncGenerator<Uint8Array> {
    for (let left = count; left > 0; ) {
      if (this.rest.byteLength === 0) {
        const more = await this.next();
        if (more === undefined) throw endedEarly();
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

function forged(what: string): Fault {
  return new Fault(
    'SignatureDoesNotMatch',
    `The signature of ${what} does not match the signature that was calculated. Check your AWS Secret Access Key and signing method.`,
  );
}

function endedEarly(): Fault {
  return new Fault('IncompleteBody', 'The request body ended early');
}

function incomplete(expected: number): Fault {
  return new Fault('IncompleteBody', `The request body is not the ${expected} bytes of x-amz-decoded-content-length`);
}
