import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileGlob, matchGlob } from './glob.ts';
import { isConstant, parseTemplate } from './template.ts';

function matches(pattern: string, text: string): boolean {
  const tokens = parseTemplate(pattern, true);
  if (!isConstant(tokens)) throw new Error('the pattern has variables');
  return matchGlob(compileGlob(tokens), text);
}

/** The definition, by table: row i, column j tells whether the first i of the pattern match the first j of the text. */
function reference(pattern: string, text: string): boolean {
  const characters = [...text];
  let row = [true, ...characters.map(() => false)];
  for (const symbol of pattern) {
    const next = [symbol === '*' && row[0] === true];
    for (const [index, character] of characters.entries()) {
      const fits = symbol === '?' || symbol === character;
      next.push(symbol === '*' ? row[index + 1] === true || next[index] === true : fits && row[index] === true);
    }
    row = next;
  }
  return row.at(-1) === true;
}

describe('globs', () => {
  test.each([
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['?', '', false],
    ['a*', 'a/b:c', true],
    ['*b', 'aab', true],
    ['a*a', 'a', false],
    ['a*b*c', 'abbbc', true],
    ['a*b*c', 'acb', false],
    ['a?c', 'a/c', true],
    ['a?c', 'ac', false],
    ['*?', '😀', true],
    ['??', '😀', false],
    ['*?*?*', '😀', false],
    ['a?', 'a😀', true],
    ['a+b#', 'a+b#', true],
    ['a+b', 'axb', false],
    ['.*', 'abc', false],
  ])('%j against %j is %j', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected);
    expect(reference(pattern, text)).toBe(expected);
  });

  test('agree with the definition for any pattern and text', () => {
    const alphabet = fc.constantFrom('a', 'b', '/', '😀', 'é');
    const pattern = fc.array(fc.oneof(alphabet, fc.constantFrom('*', '?')), { maxLength: 12 });
    const text = fc.array(alphabet, { maxLength: 16 });
    fc.assert(
      fc.property(pattern, text, (p, t) => {
        expect(matches(p.join(''), t.join(''))).toBe(reference(p.join(''), t.join('')));
      }),
      { numRuns: 3000 },
    );
  });

  test('a pattern made from the text by wildcards matches it', () => {
    const piece = fc.tuple(fc.string({ maxLength: 5 }), fc.constantFrom('keep', 'any', 'one'));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
        const plain = pieces.map(([text, how]) => [text.replaceAll(/[*?$]/g, 'x'), how] as const);
        const pattern = plain.map(([text, how]) =>
          how === 'keep' ? text : how === 'any' ? '*' : '?'.repeat([...text].length),
        );
        expect(matches(pattern.join(''), plain.map(([text]) => text).join(''))).toBe(true);
      }),
    );
  });

  test.each([
    ['*a'.repeat(1000), 'a'.repeat(60_000), true],
    [`${'*a'.repeat(1000)}b`, 'a'.repeat(60_000), false],
    [`${'*a'.repeat(1000)}*b*`, 'a'.repeat(60_000), false],
    [`${'a*'.repeat(1000)}c`, 'ab'.repeat(30_000), false],
    [`${'*?a'.repeat(600)}b*`, 'a'.repeat(60_000), false],
    ['*'.repeat(2000), 'a'.repeat(60_000), true],
    [`*${'?'.repeat(2000)}b*`, 'a'.repeat(60_000), false],
    [`*a${'?'.repeat(2000)}*b`, 'a'.repeat(60_000), false],
    [`${'?*'.repeat(1000)}b`, 'a'.repeat(60_000), false],
  ])(
    'a hostile pattern is decided at once (case %#)',
    (pattern, text, expected) => {
      expect(matches(pattern, text)).toBe(expected);
    },
    500,
  );
});
