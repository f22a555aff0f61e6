import { lstatSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { leadsInside, passesLink } from './archive-links.ts';

const inside = (link: string, links: Record<string, string>) => leadsInside(link, new Map(Object.entries(links)));

test.each<[string, Record<string, string>, boolean]>([
  ['a', { a: 'b/c' }, true],
  ['d/a', { 'd/a': '../b' }, true],
  ['d/a', { 'd/a': '..' }, true],
  ['a', { a: '..' }, false],
  ['d/a', { 'd/a': '../../b' }, false],
  ['a', { a: '/etc/passwd' }, false],
  ['a', { a: '' }, false],
  ['a', { a: 'a' }, false],
  ['a', { a: 'b', b: 'a' }, false],
  // Lexically d/..; in truth the parent of the archive.
  ['x', { 'd/e/up': '../..', x: 'd/e/up/..' }, false],
  ['x', { 'd/e/up': '..', x: 'd/e/up/../f' }, true],
])('%s of %j leads inside: %s', (link, links, expected) => {
  expect(inside(link, links)).toBe(expected);
});

test('a path passes a link when one of its folders is one', () => {
  const links = new Map([['a/b', 'c']]);
  expect([passesLink('a/b/c', links), passesLink('a/b', links), passesLink('a/bc/d', links)]).toEqual([
    true,
    false,
    false,
  ]);
});

test('what is said to lead inside does so on a real file system', () => {
  const segment = fc.constantFrom('a', 'b', '..', '.');
  const target = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'));
  const links = fc.dictionary(fc.constantFrom('l', 'm', 'a/l', 'a/b/m', 'b/n'), target, { minKeys: 1, maxKeys: 4 });
  const names = fc.dictionary(
    fc.constantFrom('l', 'm', 'a/l', 'a/b/m', 'b/n'),
    fc.oneof(target, fc.constantFrom('l', 'm/..', 'a/l/..', 'a/b/m', 'b/n/../..', 'l/..')),
    { minKeys: 1, maxKeys: 5 },
  );
  fc.assert(
    fc.property(fc.oneof(links, names), (made) => {
      const folder = realpathSync(mkdtempSync(join(tmpdir(), 'greensward-links-')));
      const root = join(folder, 'in');
      try {
        for (const path of ['a/a', 'a/b', 'b/a', 'b/b']) mkdirSync(join(root, path), { recursive: true });
        for (const [name, to] of Object.entries(made)) {
          mkdirSync(dirname(join(root, name)), { recursive: true });
          symlinkSync(to, join(root, name));
        }
        for (const name of Object.keys(made)) {
          expect(lstatSync(join(root, name)).isSymbolicLink()).toBe(true);
          if (!inside(name, made)) continue;
          const real = realOrUndefined(join(root, name));
          if (real !== undefined) expect(`${real}/`.startsWith(`${root}/`)).toBe(true);
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
    { numRuns: 60 },
  );
});

function realOrUndefined(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined; // It dangles.
  }
}
