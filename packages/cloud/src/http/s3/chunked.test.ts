import { createHash } from 'node:crypto';
import type { ChunkSignatures } from '@greensward/protocol/sigv4';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeChunks, type Trailers } from './chunked.ts';

/** Cuts bytes into pieces at arbitrary places, as a socket does. */
async function* pieces(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const cut of [...at, bytes.length]) {
    if (cut > from) yield bytes.subarray(from, cut);
    from = Math.max(from, cut);
  }
}

function encode(chunks: readonly Uint8Array[], trailer = ''): Uint8Array {
  const parts = chunks
    .filter((chunk) => chunk.length > 0)
    .flatMap((chunk) => [
      Buffer.from(`${chunk.length.toString(16)};chunk-signature=00\r\n`),
      chunk,
      Buffer.from('\r\n'),
    ]);
  return Buffer.concat([...parts, Buffer.from(`0\r\n${trailer}\r\n`)]);
}

async function decode(
  bytes: Uint8Array,
  expected: number,
  cuts: readonly number[] = [],
  signatures: ChunkSignatures | undefined = undefined,
) {
  const trailers: Trailers = new Map();
  const found: Uint8Array[] = [];
  for await (const piece of decodeChunks(pieces(bytes, cuts), expected, trailers, signatures)) found.push(piece);
  return { data: Buffer.concat(found), trailers };
}

describe('aws-chunked', () => {
  test('what was framed comes out, however the socket cut it', async () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(chunks, fc.array(fc.nat(5000), { maxLength: 20 }), async (parts, cuts) => {
        const plain = Buffer.concat(parts);
        const encoded = encode(parts, 'x-amz-checksum-crc32:AAAAAA==\r\n');
        const { data, trailers } = await decode(encoded, plain.length, cuts);
        expect(data.equals(plain)).toBe(true);
        expect(trailers.get('x-amz-checksum-crc32')).toBe('AAAAAA==');
      }),
    );
  });

  test('garbage ends in a Fault and never in anything else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(300)), async (bytes, cuts) => {
        const outcome = await decode(bytes, 50, cuts).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (outcome !== undefined) expect(outcome).toMatchObject({ name: 'Fault' });
      }),
    );
  });

  test.each([
    ['ends early', '5\r\nab', 5, 'IncompleteBody'],
    ['is shorter than it said', '2\r\nab\r\n0\r\n\r\n', 5, 'IncompleteBody'],
    ['is longer than it said', 'ff\r\n', 5, 'IncompleteBody'],
    ['has a chunk longer than its size', '1\r\nab\r\n0\r\n\r\n', 1, 'InvalidRequest'],
    ['has no size', 'xyz\r\n', 5, 'InvalidRequest'],
    ['has a line without end', 'a'.repeat(10_000), 5, 'InvalidRequest'],
    ['goes on after the end', '0\r\n\r\nmore', 0, 'InvalidRequest'],
    ['has a trailer twice', '0\r\na:1\r\na:2\r\n\r\n', 0, 'InvalidRequest'],
    ['has a size line that ends in a bare line feed', '1\na\r\n0\r\n\r\n', 1, 'InvalidRequest'],
  ])('a body that %s is refused', async (_what, text, expected, code) => {
    await expect(decode(Buffer.from(text), expected)).rejects.toMatchObject({ code });
  });
});
/** Stands in for SigV4: a "signature" is the hash of the one before and of what is signed. */
function fakeSignatures(trailer: boolean): ChunkSignatures {
  let previous = 'seed';
  const accept = (signature: string, what: string) => {
    previous = sign(previous, what);
    return signature === previous;
  };
  return { trailer, acceptChunk: accept, acceptTrailer: accept };
}

function sign(previous: string, what: string): string {
  return createHash('sha256').update(`${previous} ${what}`).digest('hex');
}

/** `lineEnd` is between a trailer and the next line. */
function encodeSigned(chunks: readonly Uint8Array[], trailer: string | undefined, lineEnd = '\r\n'): Buffer {
  let previous = 'seed';
  const next = (what: string) => {
    previous = sign(previous, what);
    return previous;
  };
  const parts = [...chunks.filter((chunk) => chunk.length > 0), Buffer.alloc(0)].flatMap((chunk) => {
    const signature = next(createHash('sha256').update(chunk).digest('hex'));
    const head = `${chunk.length.toString(16)};chunk-signature=${signature}\r\n`;
    return chunk.length === 0 ? [Buffer.from(head)] : [Buffer.from(head), chunk, Buffer.from('\r\n')];
  });
  const end =
    trailer === undefined ? '\r\n' : `${trailer}${lineEnd}x-amz-trailer-signature:${next(`${trailer}\n`)}\r\n\r\n`;
  return Buffer.concat([...parts, Buffer.from(end)]);
}

describe('aws-chunked with signatures', () => {
  const checksum = 'x-amz-checksum-crc32:AAAAAA==';
  const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 5 });

  test('what was signed comes out, with a trailer and without', async () => {
    const trailer = fc.constantFrom(undefined, checksum);
    const lineEnd = fc.constantFrom('\r\n', '\n', '\n\r\n');
    await fc.assert(
      fc.asyncProperty(chunks, trailer, lineEnd, fc.array(fc.nat(3000)), async (parts, line, separator, cuts) => {
        const plain = Buffer.concat(parts);
        const encoded = encodeSigned(parts, line, separator);
        const { data, trailers } = await decode(encoded, plain.length, cuts, fakeSignatures(line !== undefined));
        expect(data.equals(plain)).toBe(true);
        expect([...trailers]).toEqual(line === undefined ? [] : [['x-amz-checksum-crc32', 'AAAAAA==']]);
      }),
    );
  });

  test('no byte of it can be changed', async () => {
    await fc.assert(
      fc.asyncProperty(chunks, fc.nat(), fc.integer({ min: 1, max: 255 }), async (parts, where, change) => {
        const plain = Buffer.concat(parts);
        const encoded = encodeSigned(parts, checksum);
        // The framing may be spelled in another way (a capital digit); what comes out may not differ.
        const at = where % encoded.length;
        encoded[at] = (encoded[at] ?? 0) ^ change;
        const outcome = await decode(encoded, plain.length, [], fakeSignatures(true)).then(
          ({ data, trailers }) => data.equals(plain) && trailers.get('x-amz-checksum-crc32') === 'AAAAAA==',
          (error: unknown) => error,
        );
        if (outcome !== true) expect(outcome).toMatchObject({ name: 'Fault' });
      }),
      { numRuns: 500 },
    );
  });

  const [one, two] = [Buffer.from('one'), Buffer.from('two')];
  const text = encodeSigned([one, two], checksum).toString();
  test.each([
    ['a chunk is left out', text.replace(/3;[^\n]*\none\r\n/, ''), 3, 'SignatureDoesNotMatch'],
    ['a chunk has no signature', text.replace(/;chunk-signature=[0-9a-f]*/, ''), 6, 'SignatureDoesNotMatch'],
    ['the last chunk has no signature', text.replace(/0;chunk-signature=[0-9a-f]*/, '0'), 6, 'SignatureDoesNotMatch'],
    ['the trailer has no signature', text.replace(/x-amz-trailer-sig.*/, ''), 6, 'SignatureDoesNotMatch'],
    ['the trailer is another', text.replace('AAAAAA==', 'BAAAAA=='), 6, 'SignatureDoesNotMatch'],
    ['a trailer follows the signature', text.replace(/\r\n\r\n$/, '\r\na:b\r\n\r\n'), 6, 'InvalidRequest'],
  ])('when %s it is refused', async (_what, body, expected, code) => {
    expect(body).not.toBe(text);
    await expect(decode(Buffer.from(body), expected, [], fakeSignatures(true))).rejects.toMatchObject({ code });
  });

  test('a trailer that nothing signs is refused', async () => {
    const body = encodeSigned([one], undefined).toString().replace(/\r\n$/, `${checksum}\r\n\r\n`);
    await expect(decode(Buffer.from(body), 3, [], fakeSignatures(false))).rejects.toMatchObject({
      code: 'InvalidRequest',
    });
  });
});
