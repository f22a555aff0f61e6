import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSigningKeys } from './canonical.ts';
import { type ChunkSignatures, createChunkSignatures, hasSignedChunks } from './chunks.ts';

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');

// The two worked examples of the S3 reference ("Authenticating Requests"): 64 KiB and 1 KiB of the letter a, then the end.
const scope = { date: '20130524', region: 'us-east-1', service: 's3' };
const time = '20130524T000000Z';
const key = createSigningKeys().of('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', scope);
const parts = [Buffer.alloc(65536, 'a'), Buffer.alloc(1024, 'a'), Buffer.alloc(0)].map(sha256);

function signaturesOf(payloadHash: string, seed: string): ChunkSignatures {
  const found = createChunkSignatures(payloadHash, { seed, time, scope, key });
  if (found === undefined) throw new Error(`${payloadHash} has no chunk signatures`);
  return found;
}

const plain = () =>
  signaturesOf(
    'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
  );
const plainSignatures = [
  'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
  '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
  'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
];

describe('the examples of the S3 reference', () => {
  test('without a trailer', () => {
    const chunks = plain();
    expect(chunks.trailer).toBe(false);
    expect(parts.map((hash, index) => chunks.acceptChunk(plainSignatures[index] ?? '', hash))).toEqual([
      true,
      true,
      true,
    ]);
  });

  test('with a trailer', () => {
    const seed = '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e';
    const chunks = signaturesOf('STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', seed);
    const signatures = [
      'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
      '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
      '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
    ];
    expect(chunks.trailer).toBe(true);
    expect(parts.map((hash, index) => chunks.acceptChunk(signatures[index] ?? '', hash))).toEqual([true, true, true]);
    const trailer = 'd81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435';
    expect(chunks.acceptTrailer(trailer, 'x-amz-checksum-crc32c:sOO8/Q==\n')).toBe(true);
  });
});

test('a chunk that is changed, left out or moved is not accepted', () => {
  const [first = '', second = ''] = plainSignatures;
  const [hash = '', next = ''] = parts;
  expect(plain().acceptChunk(first, sha256('other'))).toBe(false);
  expect(plain().acceptChunk(second, next)).toBe(false);
  expect(plain().acceptChunk(first.replace(/^./, '0'), hash)).toBe(false);
  expect(plain().acceptChunk('', hash)).toBe(false);
});

test('any chunks that are signed by the rule are accepted, and none of them with another byte', () => {
  const body = fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 6 });
  fc.assert(
    fc.property(body, fc.nat(), (chunks, at) => {
      const seed = '0'.repeat(64);
      let previous = seed;
      const signed = [...chunks, new Uint8Array()].map((data) => {
        const text = `AWS4-HMAC-SHA256-PAYLOAD\n${time}\n20130524/us-east-1/s3/aws4_request\n${previous}\n${sha256('')}\n${sha256(data)}`;
        previous = createHmac('sha256', key).update(text).digest('hex');
        return { signature: previous, hash: sha256(data) };
      });
      const verdicts = (bad: number) => {
        const checker = signaturesOf('STREAMING-AWS4-HMAC-SHA256-PAYLOAD', seed);
        return signed.map(({ signature, hash }, index) =>
          checker.acceptChunk(signature, index === bad ? sha256(`${hash}.`) : hash),
        );
      };
      expect(verdicts(-1).every(Boolean)).toBe(true);
      const bad = at % signed.length;
      // All after it are signed over another predecessor.
      expect(verdicts(bad)).toEqual(signed.map((_, index) => index < bad));
    }),
  );
});

test.each([
  'UNSIGNED-PAYLOAD',
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
  'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD',
  parts[0] ?? '',
])('%s announces no signed chunks', (hash) => {
  expect(hasSignedChunks(hash)).toBe(false);
  expect(createChunkSignatures(hash, { seed: '', time, scope, key })).toBeUndefined();
});
