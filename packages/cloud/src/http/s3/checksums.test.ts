import { expect, test } from 'vitest';
import { digestOf } from './checksums.ts';

// The check values of the CRC catalogue, and of the FIPS 180 hashes, for this text.
const text = Buffer.from('123456789');

test.each([
  ['crc32', 'cbf43926'],
  ['crc32c', 'e3069283'],
  ['crc64nvme', 'ae8b14860a799888'],
  ['sha1', 'f7c3bc1d808e04732adf679965ccc34ca7ae3441'],
  ['sha256', '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225'],
])('%s of 123456789, in two pieces', (algorithm, hex) => {
  const digest = digestOf(algorithm);
  digest?.update(text.subarray(0, 4));
  digest?.update(text.subarray(4));
  expect(Buffer.from(digest?.base64() ?? '', 'base64').toString('hex')).toBe(hex);
});

test('an unknown algorithm is not there', () => {
  expect(digestOf('md4')).toBeUndefined();
});
