import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ComponentState, diff } from './diff.ts';

const state = (over: Partial<ComponentState> = {}): ComponentState => ({
  version: '1.0.0',
  componentType: 'aws.greengrass.generic',
  lifecycle: { Install: 'i', Run: { Script: 'r', Timeout: 5 }, Shutdown: 's', Setenv: { A: '1' } },
  configuration: { a: 1 },
  runWith: { posixUser: 'u' },
  dependencies: new Map(),
  ...over,
});
const lifecycle = state().lifecycle;
const kinds = (before: ComponentState, after: ComponentState) =>
  diff(new Map([['c', before]]), new Map([['c', after]])).map(({ kind, reasons }) => `${kind}: ${reasons.join(', ')}`);

describe('diff', () => {
  // recipes.md 9.6
  test.each<[string, Partial<ComponentState>, string[]]>([
    ['nothing', {}, []],
    ['version', { version: '1.0.1' }, ['reinstall: version']],
    ['install script', { lifecycle: { ...lifecycle, Install: 'j' } }, ['reinstall: lifecycle.install']],
    [
      'install removed',
      { lifecycle: { Run: lifecycle['Run'], Shutdown: 's', Setenv: { A: '1' } } },
      ['reinstall: lifecycle.install'],
    ],
    ['posixUser', { runWith: { posixUser: 'v' } }, ['reinstall: runWith.posixUser']],
    ['user dropped', { runWith: {} }, ['reinstall: runWith.posixUser']],
    ['windowsUser', { runWith: { posixUser: 'u', windowsUser: 'w' } }, ['reinstall: runWith.windowsUser']],
    [
      'limits',
      { runWith: { posixUser: 'u', systemResourceLimits: { memory: 5, cpus: 1 } } },
      ['update-limits: runWith.systemResourceLimits'],
    ],
    ['run script', { lifecycle: { ...lifecycle, Run: 'x' } }, ['restart: lifecycle.run']],
    ['run timeout', { lifecycle: { ...lifecycle, Run: { Script: 'r', Timeout: 6 } } }, ['restart: lifecycle.run']],
    ['setenv', { lifecycle: { ...lifecycle, Setenv: { A: '2' } } }, ['restart: lifecycle.setenv']],
    ['new key', { lifecycle: { ...lifecycle, Recover: 'x' } }, ['restart: lifecycle.recover']],
    ['shutdown script', { lifecycle: { ...lifecycle, Shutdown: 't' } }, []],
    [
      'case of keys',
      { lifecycle: { INSTALL: 'i', run: { SCRIPT: 'r', timeout: 5 }, shutdown: 's', setenv: { a: '1' } } },
      [],
    ],
    ['configuration', { configuration: { a: 2 } }, ['update-configuration: configuration']],
    [
      'configuration that looks like more',
      { configuration: { version: 2, install: 1, lifecycle: 3 } },
      ['update-configuration: configuration'],
    ],
    ['new dependency', { dependencies: new Map([['d', 'HARD']]) }, ['restart: dependencies.d']],
    [
      'version and run',
      { version: '2.0.0', lifecycle: { Run: 'x', Install: 'i' } },
      ['reinstall: version, lifecycle.run, lifecycle.setenv'],
    ],
    [
      'limits and configuration',
      { runWith: { posixUser: 'u', systemResourceLimits: { cpus: 1 } }, configuration: {} },
      ['update-limits: runWith.systemResourceLimits', 'update-configuration: configuration'],
    ],
  ])('cases 22, 32, 55: a change of %s', (_title, over, expected) => {
    expect(kinds(state(), state(over))).toEqual(expected);
  });

  test('a dependency dropped or of another type changes nothing', () => {
    const before = state({
      dependencies: new Map([
        ['d', 'HARD'],
        ['e', 'SOFT'],
      ]),
    });
    expect(kinds(before, state({ dependencies: new Map([['e', 'HARD']]) }))).toEqual([]);
  });

  test('limits of 0 are no limits', () => {
    expect(
      kinds(state(), state({ runWith: { posixUser: 'u', systemResourceLimits: { memory: 0, cpus: 0 } } })),
    ).toEqual([]);
  });

  test('starts go dependencies first, removals dependers first and last of all', () => {
    const on = (...names: string[]) => new Map(names.map((name) => [name, 'HARD' as const]));
    const current = new Map([
      ['base', state()],
      ['old', state({ dependencies: on('base') })],
      ['older', state({ dependencies: on('old') })],
    ]);
    const desired = new Map([
      ['top', state({ dependencies: on('middle', 'base') })],
      ['middle', state({ dependencies: on('base') })],
      ['base', state({ version: '2.0.0' })],
    ]);
    expect(diff(current, desired).map(({ kind, component }) => `${kind} ${component}`)).toEqual([
      'reinstall base',
      'add middle',
      'add top',
      'remove older',
      'remove old',
    ]);
  });

  test('case 34: the same document twice takes no step', () => {
    const names = ['a', 'b', 'c'];
    const component = fc.record({
      version: fc.constantFrom('1.0.0', '2.0.0'),
      configuration: fc.dictionary(fc.string(), fc.nat()),
      lifecycle: fc.dictionary(fc.string(), fc.string()),
      dependencies: fc.subarray(names).map((subset) => new Map(subset.map((name) => [name, 'HARD' as const]))),
    });
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), component), (components) => {
        const map = new Map(Object.entries(components).map(([name, over]) => [name, state(over)]));
        expect(diff(map, structuredClone(map))).toEqual([]);
      }),
    );
  });
});
