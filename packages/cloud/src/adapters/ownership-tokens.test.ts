import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createOwnershipTokens } from './ownership-tokens.ts';

const certificate = 'ab'.repeat(32);
const claim = 'cd'.repeat(32);
let now = 1_700_000_000_000;
const tokensOf = (secret: number) =>
  createOwnershipTokens({ secret: new Uint8Array(32).fill(secret), clock: { now: () => now } });
const tokens = tokensOf(1);

test('a token is its certificate, for its claim and for an hour', () => {
  const token = tokens.issue(certificate, claim);
  expect(tokens.certificateOf(token, claim)).toBe(certificate);
  expect(tokens.certificateOf(token, certificate)).toBeUndefined();
  expect(tokensOf(2).certificateOf(token, claim)).toBeUndefined();
  now += 3_599_999;
  expect(tokens.certificateOf(token, claim)).toBe(certificate);
  now += 1;
  expect(tokens.certificateOf(token, claim)).toBeUndefined();
});

test('a token with any bit changed, or another text, is none', () => {
  const token = Buffer.from(tokens.issue(certificate, claim), 'base64url');
  fc.assert(
    fc.property(fc.nat(token.length * 8 - 1), fc.string(), (bit, text) => {
      const changed = Buffer.from(token);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(tokens.certificateOf(changed.toString('base64url'), claim)).toBeUndefined();
      expect(tokens.certificateOf(text, claim)).toBeUndefined();
    }),
  );
});
