import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matches, mismatch } from './platform.ts';
import { fullMatch } from './regex.ts';

const one = (name: string, template: string | null, value?: string) =>
  matches(new Map([[name, template]]), value === undefined ? {} : { [name]: value });

describe('a platform template', () => {
  // recipes.md 8.3
  test.each<[string, string | null, string | undefined, boolean]>([
    ['os', 'linux', 'linux', true],
    ['os', 'Linux', 'linux', false],
    ['os', '*', undefined, true],
    ['os', '/.*/', undefined, false],
    ['os', '/.+/', 'linux', true],
    ['os', '/windows|linux/', 'linux', true],
    ['os', '/^windows|linux$/', 'linux', true],
    ['os', '/lin/', 'linux', false],
    ['os', '//', 'linux', false],
    ['os', '/', 'linux', false],
    ['os', 'any', 'linux', true],
    ['os', 'all', 'linux', true],
    ['architecture', 'any', 'amd64', true],
    ['os', 'any', undefined, false],
    ['chip', 'any', 'foo', false],
    ['chip', 'any', 'any', true],
    ['os', '!windows', 'linux', false],
    ['os', 'linux,windows', 'linux', false],
    ['os', null, undefined, true],
    ['os', '', 'linux', false],
    ['os', 'linux', '', false],
    ['com.acme.radio.Chip', '/sx127[0-9]/', 'sx1276', true],
    ['architecture', '/amd64|aarch64/', 'aarch64', true],
  ])('%s: %j on a device with %j gives %s', (name, template, value, expected) => {
    expect(one(name, template, value)).toBe(expected);
  });

  test('no requirement matches every device, several must all hold', () => {
    expect(matches(new Map(), {})).toBe(true);
    const platform = new Map([
      ['os', 'linux'],
      ['architecture', 'arm'],
    ]);
    expect(matches(platform, { os: 'linux', architecture: 'arm', extra: 'ignored' })).toBe(true);
    expect(matches(platform, { os: 'linux', architecture: 'amd64' })).toBe(false);
    expect(mismatch(platform, { os: 'linux', architecture: 'amd64' })).toBe('architecture: amd64 is not arm');
  });

  test('an attribute inherited from Object.prototype is not an attribute of the device', () => {
    expect(matches(new Map([['constructor', '/.+/']]), {})).toBe(false);
  });

  test('a bad pattern matches nothing and says why', () => {
    for (const template of [
      '/(/',
      '/[/',
      '/*/',
      '/a{2,1}/',
      '/(?=a)a/',
      '/(a)\\1/',
      '/a**/',
      '/)/',
      '/\\/',
      `/${'a'.repeat(300)}/`,
    ]) {
      expect(one('os', template, 'a'), template).toBe(false);
      expect(mismatch(new Map([['os', template]]), { os: 'a' })).toContain('cannot be used');
    }
  });

  test('patterns that make a backtracking matcher hang are answered at once', () => {
    const text = `${'a'.repeat(1000)}!`;
    for (const pattern of ['(a+)+', '(a|a)*', '(a|aa)+', '(.*a){20}', '((a*)*)*', 'a{0,4000}']) {
      expect(fullMatch(pattern, text).matches).toBe(false);
    }
    expect(fullMatch('((a{99}){99}){99}', text)).toEqual({ matches: false, reason: 'the pattern repeats too much' });
    expect(fullMatch('((((){4000}){4000}){4000}){4000}', text).matches).toBe(false);
    expect(fullMatch('((((a{0}){4000}){4000}){4000}){4000}', text).matches).toBe(false);
  });

  test('supported patterns mean what the language runtime says they mean', () => {
    const atom = fc.constantFrom(
      'a',
      'b',
      '.',
      '[ab]',
      '[^a]',
      '[a-c]',
      '\\d',
      '\\w',
      '\\S',
      '(a|b)',
      '(?:ab|c)',
      '^',
      '$',
      '\\.',
      'é',
    );
    const quantifier = fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,}', '{0,2}', '*?');
    const piece = fc.tuple(atom, quantifier).map(([a, q]) => (a === '^' || a === '$' ? a : a + q));
    const sequence = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''));
    const pattern = fc.oneof(
      sequence,
      fc.tuple(sequence, sequence).map(([x, y]) => `(${x}|${y})*${x}`),
    );
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', '.', 'é'), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (source, value) => {
        const result = fullMatch(source, value);
        expect(result.reason).toBeUndefined();
        expect(result.matches).toBe(new RegExp(`^(?:${source})$`, 'u').test(value));
      }),
      { numRuns: 500 },
    );
  });

  test('no pattern throws', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (pattern, value) => typeof fullMatch(pattern, value).matches === 'boolean'),
    );
  });
});
