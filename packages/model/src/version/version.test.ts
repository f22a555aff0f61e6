import fc from 'fast-check';
import npmSatisfies from 'semver/functions/satisfies.js';
import { describe, expect, test } from 'vitest';
import { compareVersions, compatible, highest, isRequirement, isVersion, pinnedVersion, satisfies } from './version.ts';

describe('versions', () => {
  test.each(['1.0.0', '0.0.0', '999999.999999.999999', '1.0.0-rc.1', '1.0.0-1', '1.0.0+build.7', '1.2.3-a.b+c.d'])(
    '%s is a version',
    (text) => expect(isVersion(text)).toBe(true),
  );

  test.each([
    '1000000.0.0',
    '1.0',
    '1',
    'v1.0.0',
    '=1.0.0',
    '01.0.0',
    '1.0.0-',
    '1.0.0-01',
    ' 1.0.0',
    '1.0.0\n',
    '',
    '1.x.0',
  ])('%j is not a version', (text) => expect(isVersion(text)).toBe(false));

  test('a version of 64 characters is accepted, one of 65 is not', () => {
    expect(isVersion(`1.0.0-${'a'.repeat(58)}`)).toBe(true);
    expect(isVersion(`1.0.0-${'a'.repeat(59)}`)).toBe(false);
  });

  test('a version of hostile length or shape is refused in no time', () => {
    expect(isVersion(`1.0.0-${'0a-'.repeat(100_000)}!`)).toBe(false);
  });

  test('versions sort by semver precedence, numbers as numbers, prereleases first', () => {
    const sorted = ['1.10.0', '1.9.0', '1.10.0-rc.10', '1.10.0-rc.9', '1.10.0-alpha'].sort(compareVersions);
    expect(sorted).toEqual(['1.9.0', '1.10.0-alpha', '1.10.0-rc.9', '1.10.0-rc.10', '1.10.0']);
  });
});

// Each row: requirement, versions that satisfy it, versions that do not (recipes.md 4).
const vectors: [string, string[], string[]][] = [
  ['1.2.3', ['1.2.3'], ['1.2.4', '1.2.3-rc.1']],
  ['=1.2.3', ['1.2.3'], ['1.2.2']],
  ['==1.2.0', ['1.2.0'], ['1.2.1', '1.1.0']],
  ['*', ['0.0.0', '9.9.9'], ['1.0.0-rc.1']],
  ['x', ['0.0.0', '1.0.0'], ['1.0.0-rc.1']],
  ['', ['0.0.1', '1.0.0'], ['1.0.0-rc.1']],
  ['1', ['1.0.0', '1.9.9'], ['2.0.0', '0.9.9']],
  ['1.x', ['1.0.0', '1.9.9'], ['2.0.0']],
  ['1.*', ['1.0.0', '1.9.9'], ['2.0.0']],
  ['1.2', ['1.2.0', '1.2.9'], ['1.3.0']],
  ['1.2.x', ['1.2.0', '1.2.9'], ['1.3.0']],
  ['^1.2.3', ['1.2.3', '1.9.9'], ['1.2.2', '2.0.0', '1.9.0-rc.1']],
  ['^0.2.3', ['0.2.3', '0.2.9'], ['0.3.0']],
  ['^0.0.3', ['0.0.3'], ['0.0.4']],
  ['~1.2.3', ['1.2.3', '1.2.9'], ['1.3.0']],
  ['~1', ['1.0.0', '1.9.9'], ['2.0.0']],
  ['>1.0.0', ['1.0.1'], ['1.0.0']],
  ['>=1.0.0', ['1.0.0'], ['0.9.9']],
  ['<2.0.0', ['1.9.9'], ['2.0.0', '2.0.0-rc.1']],
  ['<=2.0.0', ['2.0.0'], ['2.0.1']],
  ['>=1.0.0 <2.0.0', ['1.5.0'], ['2.0.0', '0.1.0']],
  ['1.0.0 - 1.9.9', ['1.0.0', '1.9.9'], ['1.9.10', '0.9.9']],
  ['1.2.x || >=2.1.0 <3', ['1.2.7', '2.1.0', '2.9.9'], ['1.3.0', '2.0.9', '3.0.0']],
  ['>=1.0.0-rc.1', ['1.0.0-rc.1', '1.0.0-rc.2', '1.0.0', '2.0.0'], ['1.0.0-beta', '1.1.0-rc.1']],
  ['^1.2.3-beta.1', ['1.2.3-beta.2', '1.2.3', '1.5.0'], ['1.2.4-beta.2']],
  // semver4j renderings, as the Java nucleus sends them
  ['>=1.0.0 <2.0.0', ['1.0.0'], ['2.0.0']],
  ['>=1.2.0 <1.3.0', ['1.2.9'], ['1.3.0']],
  ['>=0.0.0', ['0.0.0', '7.1.2'], ['7.0.0-rc.1']],
];

describe('requirements', () => {
  test.each(vectors)('%j means what npm says it means', (requirement, inside, outside) => {
    expect(isRequirement(requirement)).toBe(true);
    for (const version of inside) expect(satisfies(version, requirement), version).toBe(true);
    for (const version of outside) expect(satisfies(version, requirement), version).toBe(false);
    for (const version of [...inside, ...outside]) {
      expect(npmSatisfies(version, requirement.replace('==', '='))).toBe(inside.includes(version));
    }
  });

  test.each(['latest', '>=1.0.0,<2', '!1', '1.2.3.4', 'a'.repeat(5000)])(
    '%s is refused and matches nothing',
    (text) => {
      expect(isRequirement(text)).toBe(false);
      expect(satisfies('1.0.0', text)).toBe(false);
      expect(highest(['1.0.0'], [text])).toBeUndefined();
    },
  );

  test('each requirement is evaluated by itself: a bound also holds for the first arm of an alternative', () => {
    expect(highest(['1.2.0', '1.4.0'], ['1.x || 2.x', '>=1.5.0'])).toBeUndefined();
    expect(highest(['1.2.0', '1.6.0', '2.3.0', '3.0.0'], ['1.x || 2.x', '>=1.5.0'])).toBe('2.3.0');
  });

  test('the highest version wins, prereleases only where named', () => {
    expect(highest(['1.9.0', '1.10.0', '1.11.0-rc.1'], ['^1.0.0'])).toBe('1.10.0');
    expect(highest(['1.10.0', '1.11.0-rc.1'], ['>=1.11.0-rc.0'])).toBe('1.11.0-rc.1');
    expect(highest([], ['*'])).toBeUndefined();
    expect(highest(['1.0.0', '2.0.0'], [])).toBe('2.0.0');
  });

  test('pins are recognised, ranges are not pins', () => {
    expect(['1.2.0', '=1.2.0', '==1.2.0', '= 1.2.0'].map(pinnedVersion)).toEqual(Array(4).fill('1.2.0'));
    expect(['1.2', '^1.2.0', '*', '>=1.2.0', '1.2.0 || 1.3.0'].map(pinnedVersion)).toEqual(Array(5).fill(undefined));
  });

  test('requirements that no version can meet together are incompatible', () => {
    expect(compatible('==1.0.0', '==2.0.0')).toBe(false);
    expect(compatible('==1.0.0', '^1.0.0')).toBe(true);
    expect(compatible('^1.0.0', '==2.0.0')).toBe(false);
    expect(compatible('^1.0.0', '>=2.0.0')).toBe(false);
    expect(compatible('1.x || 2.x', '>=2.1.0')).toBe(true);
    expect(compatible('*', '>=0.0.0')).toBe(true);
  });

  test('what is highest satisfies every requirement, and nothing higher does', () => {
    const version = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)).map((parts) => parts.join('.'));
    const requirement = fc.oneof(
      version.map((v) => `^${v}`),
      version.map((v) => `~${v}`),
      version.map((v) => `>=${v}`),
      version.map((v) => `<${v}`),
      fc.tuple(version, version).map(([a, b]) => `^${a} || ^${b}`),
    );
    fc.assert(
      fc.property(fc.array(version), fc.array(requirement, { maxLength: 3 }), (versions, requirements) => {
        const best = highest(versions, requirements);
        const fitting = versions.filter((v) => requirements.every((r) => satisfies(v, r)));
        if (best === undefined) return fitting.length === 0;
        return fitting.includes(best) && fitting.every((v) => compareVersions(v, best) <= 0);
      }),
    );
  });
});
