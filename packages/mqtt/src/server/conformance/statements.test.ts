import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mqtt5, mqtt311, type Statements } from './statements.ts';

const sources = join(import.meta.dirname, '../..');

/** The ids in brackets of `text`, such as `v5 3.1.2-22`. */
function citedIn(text: string): string[] {
  return [...text.matchAll(/\[(v[35]) ([\d.\-\s*/]+)\]/g)].flatMap(([, version, ids = '']) =>
    // A comment may break its line within a bracket.
    ids.split(/[\s*/]+/).map((id) => `${version} ${id}`),
  );
}

/** A test's comments cite nothing: what counts is what its titles say. */
const withoutComments = (text: string): string => text.replace(/^\s*\/\/.*$/gm, '');

const files = globSync('**/*.ts', { cwd: sources }).filter((name) => !name.includes('conformance'));
const isTest = (name: string): boolean => name.endsWith('.test.ts');
const citedBy = (names: readonly string[], clean: (text: string) => string): Set<string> =>
  new Set(names.flatMap((name) => citedIn(clean(readFileSync(join(sources, name), 'utf8')))));
const byTests = citedBy(files.filter(isTest), withoutComments);
const byCode = citedBy(
  files.filter((name) => !isTest(name)),
  (text) => text,
);

const applying = ({ version, applies }: Statements): string[] =>
  applies
    .trim()
    .split('\n')
    .map((line) => `${version} ${line.trim().split(/\s+/)[0]}`);
const exempt = ({ version, exempt: groups }: Statements): string[] =>
  Object.values(groups).flatMap((ids) => ids.split(' ').map((id) => `${version} ${id}`));

describe.each([
  ['3.1.1', mqtt311],
  ['5.0', mqtt5],
] as const)('every MUST of MQTT %s that applies', (_version, statements) => {
  test('is in the title of a test', () => {
    expect(applying(statements).filter((id) => !byTests.has(id))).toEqual([]);
  });

  test('is named at its code', () => {
    expect(applying(statements).filter((id) => !byCode.has(id))).toEqual([]);
  });

  test('is listed once, and what does not apply is cited nowhere', () => {
    const all = [...applying(statements), ...exempt(statements)];
    expect(all.filter((id, at) => all.indexOf(id) !== at)).toEqual([]);
    const strange = [...byTests, ...byCode].filter((id) => id.startsWith(statements.version));
    expect(strange.filter((id) => !applying(statements).includes(id))).toEqual([]);
  });
});
