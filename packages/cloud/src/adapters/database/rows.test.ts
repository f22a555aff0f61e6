import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chunks, lookups, parseTimeKey, prefixEnd, timeKey, toPage } from './rows.ts';

const text = fc.string({
  unit: fc
    .integer({ min: 0, max: 0x10ffff })
    .filter((p) => p < 0xd800 || p > 0xdfff)
    .map((p) => String.fromCodePoint(p)),
});
const compare = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

describe('the end of a prefix', () => {
  test('parts the texts that start with it from those after it', () => {
    fc.assert(
      fc.property(text, text, (prefix, other) => {
        const end = prefixEnd(prefix);
        const inRange = (candidate: string) =>
          compare(candidate, prefix) >= 0 && (end === undefined || compare(candidate, end) < 0);
        expect(inRange(prefix + other)).toBe(true);
        expect(inRange(other)).toBe(other.startsWith(prefix));
      }),
    );
  });

  test('steps over the surrogates and past the last character', () => {
    expect(prefixEnd('a\ud7ff')).toBe('a\ue000');
    expect(prefixEnd('a\u{10ffff}')).toBe('b');
    expect(prefixEnd('\u{10ffff}')).toBeUndefined();
    expect(prefixEnd('')).toBeUndefined();
  });
});

test('lookups hold every name and come in few lengths', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 3000 }), (names) => {
      const pieces = [...lookups(names)];
      expect(new Set(pieces.flat())).toEqual(new Set(names));
      for (const piece of pieces) expect(Math.log2(piece.length) % 1).toBe(0);
    }),
    { numRuns: 20 },
  );
});

test('chunks keep the order and the length', () => {
  expect([...chunks([1, 2, 3, 4, 5], 2)]).toEqual([[1, 2], [3, 4], [5]]);
  expect([...chunks([])]).toEqual([]);
});

test('a page names what to continue after only when more follows', () => {
  const page = (rows: string[]) =>
    toPage(
      rows,
      { limit: 2 },
      (row) => row.toUpperCase(),
      (row) => row,
    );
  expect(page(['a', 'b', 'c'])).toEqual({ items: ['A', 'B'], next: 'b' });
  expect(page(['a', 'b'])).toEqual({ items: ['A', 'B'] });
});

test('a key of time and id is read back, another text is refused', () => {
  expect(parseTimeKey(timeKey(17, 'a/b'), 'ValidationException')).toEqual({ at: 17, id: 'a/b' });
  for (const key of ['', '17', '17/', 'x/a', '-1/a', '9999999999999999/a']) {
    expect(() => parseTimeKey(key, 'ValidationException')).toThrow('not valid');
  }
});
