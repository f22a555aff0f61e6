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

async function decode(bytes: Uint8Array, expected: number, cuts: readonly number[] = []) {
  const trailers: Trailers = new Map();
  const found: Uint8Array[] = [];
  for await (const piece of decodeChunks(pieces(bytes, cuts), expected, trailers)) found.push(piece);
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
  ])('a body that %s is refused', async (_what, text, expected, code) => {
    await expect(decode(Buffer.from(text), expected)).rejects.toMatchObject({ code });
  });
});
