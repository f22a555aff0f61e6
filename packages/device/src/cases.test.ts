// Counts what is proven of the 132 numbered behaviours of the reference runtime: by a test whose title begins `case 17: ` or
// `cases 17, 18: `, or by a row of docs/reference/compatibility.md that says what we do instead and names a test.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..', '..');
const last = 132;

/** Numbers that nothing proves yet. A number that is proven must go from here. */
const notYet: ReadonlySet<number> = new Set([]);

interface Row {
  readonly cases: readonly number[];
  readonly difference: string;
  /** The title of a test, or a part of it that only one title has. */
  readonly test: string;
}

/** The string literals of the tests that could be titles; which of them are is not worth a parser. */
function testTexts(): ReadonlyMap<string, string> {
  const files = globSync(['packages/*/src/**/*.test.ts', 'tests/**/*.test.ts'], { cwd: root });
  return new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
}

function numbersIn(text: string): number[] {
  return [...text.matchAll(/\d+/g)].map(([digits]) => Number(digits));
}

function titledCases(texts: ReadonlyMap<string, string>): number[] {
  return [...texts].flatMap(([file, text]) => {
    if (file.endsWith('cases.test.ts')) return [];
    return [...text.matchAll(/['"`]cases? (\d+(?:, (?:cases? )?\d+)*): /g)].flatMap(([, numbers = '']) =>
      numbersIn(numbers),
    );
  });
}

/** Rows of the form `| case 17, 18 | what we do | test title |`. */
function rows(): Row[] {
  const page = readFileSync(join(root, 'docs', 'reference', 'compatibility.md'), 'utf8');
  return [...page.matchAll(/^\| cases? ([\d, ]+) \| (.+) \| (.+) \|$/gm)].map(
    ([, cases = '', difference = '', name = '']) => ({
      cases: numbersIn(cases),
      difference,
      test: name,
    }),
  );
}

const texts = testTexts();
const inRows = rows().flatMap(({ cases }) => cases);
const covered = new Set([...titledCases(texts), ...inRows]);

test('every number is proven, or on the list of those that are not yet, and not both', () => {
  const all = Array.from({ length: last }, (_value, index) => index + 1);
  const missing = all.filter((number) => !covered.has(number));
  // What a person wants to know who runs this.
  console.info(`${last - missing.length} of ${last} cases are proven; not yet: ${missing.join(', ')}`);
  expect(missing.filter((number) => !notYet.has(number))).toEqual([]);
  expect([...notYet].filter((number) => covered.has(number))).toEqual([]);
});

test('no number is unknown', () => {
  expect([...covered, ...notYet].filter((number) => number < 1 || number > last)).toEqual([]);
});

test('no number has two rows, and every row names a test that there is', () => {
  expect(inRows.filter((number, index) => inRows.indexOf(number) !== index)).toEqual([]);
  for (const row of rows()) {
    const found = [...texts].filter(([file, text]) => !file.endsWith('cases.test.ts') && text.includes(row.test));
    expect(found.length, `a test called ${row.test}`).toBeGreaterThan(0);
    expect(row.difference.length).toBeGreaterThan(10);
  }
});
