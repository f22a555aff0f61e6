import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRecipe } from '../recipe/recipe.ts';
import { highest, satisfies } from '../version/version.ts';
import {
  answerNeed,
  type Conflict,
  type Need,
  type Resolved,
  type ResolveState,
  type Root,
  resolve,
} from './resolve.ts';

type Dependencies = Record<string, string>;
/** Component to version to its dependencies. */
type Store = Record<string, Record<string, Dependencies>>;

function recipe(name: string, version: string, dependencies: Dependencies, type = 'aws.greengrass.generic') {
  const map = Object.fromEntries(
    Object.entries(dependencies).map(([key, text]) => {
      const [requirement, dependencyType = 'HARD'] = text.split(';');
      return [key, { VersionRequirement: requirement, DependencyType: dependencyType }];
    }),
  );
  return parseRecipe(
    JSON.stringify({
      RecipeFormatVersion: '2020-01-25',
      ComponentName: name,
      ComponentVersion: version,
      ComponentType: type,
      ComponentDependencies: map,
      Manifests: [{}],
    }),
  );
}

interface Run {
  readonly result: Resolved | Conflict | 'no version';
  readonly asked: Need[];
}

/** Answers every need with the highest fitting version of the store. */
function run(store: Store, roots: Root[], over: Partial<ResolveState> = {}): Run {
  let state: ResolveState = { roots, answers: new Map(), provided: new Map(), ...over };
  const asked: Need[] = [];
  for (;;) {
    const step = resolve(state);
    if (step.kind !== 'need') return { result: step, asked };
    asked.push(step);
    if (asked.length > 1000) throw new Error('no end');
    const versions = store[step.component] ?? {};
    const version = highest(Object.keys(versions), Object.values(step.requirements));
    if (version === undefined) return { result: 'no version', asked };
    const type = step.component.startsWith('nucleus') ? 'aws.greengrass.nucleus' : 'aws.greengrass.generic';
    state = answerNeed(state, step, {
      version,
      recipe: recipe(step.component, version, versions[version] ?? {}, type),
    });
  }
}

const root = (component: string, requirement = '*', requirer = 'thinggroup/x'): Root => ({
  component,
  requirement,
  requirer,
});

const versions = ({ result }: Run) => {
  if (result === 'no version' || result.kind !== 'resolved') throw new Error(JSON.stringify(result));
  return [...result.components].map(([name, { version }]) => `${name}-${version}`);
};
const conflictOf = ({ result }: Run): Conflict => {
  if (result === 'no version' || result.kind !== 'conflict') throw new Error('no conflict');
  return result;
};

describe('resolve', () => {
  test('resolves a closure, dependencies first, asking for one component at a time with all its requirers', () => {
    const store: Store = {
      app: { '1.0.0': { lib: '^1.0.0', log: '*;SOFT' } },
      tool: { '2.0.0': { lib: '>=1.1.0' } },
      lib: { '1.0.0': {}, '1.2.0': { log: '*' }, '2.0.0': {} },
      log: { '3.0.0': {} },
    };
    const outcome = run(store, [root('app', '==1.0.0'), root('tool', '==2.0.0', 'thinggroup/y')]);
    expect(versions(outcome)).toEqual(['log-3.0.0', 'lib-1.2.0', 'app-1.0.0', 'tool-2.0.0']);
    expect(outcome.asked.map(({ component, requirements }) => [component, requirements])).toEqual([
      ['app', { 'thinggroup/x': '==1.0.0' }],
      ['tool', { 'thinggroup/y': '==2.0.0' }],
      ['lib', { app: '^1.0.0', tool: '>=1.1.0' }],
      ['log', { app: '*', lib: '*' }],
    ]);
    if (outcome.result !== 'no version' && outcome.result.kind === 'resolved') {
      expect([...(outcome.result.components.get('lib')?.requirements ?? [])]).toEqual([
        ['app', '^1.0.0'],
        ['tool', '>=1.1.0'],
      ]);
    }
  });

  test('no roots resolve to nothing', () => {
    expect(versions(run({}, []))).toEqual([]);
  });

  test('case 78: a later requirer makes a component needed again, and what only the dropped version required is released', () => {
    const store: Store = {
      a: { '1.0.0': { b: '*', c: '*' } },
      b: { '1.0.0': {}, '2.0.0': { d: '*' } },
      c: { '1.0.0': { e: '*' } },
      d: { '1.0.0': {} },
      e: { '1.0.0': { b: '<2.0.0' } },
    };
    const outcome = run(store, [root('a')]);
    expect(versions(outcome)).toEqual(['b-1.0.0', 'e-1.0.0', 'c-1.0.0', 'a-1.0.0']);
    expect(outcome.asked.filter(({ component }) => component === 'b').map(({ requirements }) => requirements)).toEqual([
      { a: '*' },
      { a: '*', e: '<2.0.0' },
    ]);
  });

  test('case 79: overlapping ranges of two groups resolve to one version in the overlap', () => {
    const store: Store = {
      a: { '1.0.0': { lib: '>=1.0.0 <3.0.0' } },
      b: { '1.0.0': { lib: '>=2.0.0' } },
      lib: { '1.5.0': {}, '2.5.0': {}, '3.5.0': {} },
    };
    expect(versions(run(store, [root('a'), root('b', '*', 'thinggroup/y')]))).toContain('lib-2.5.0');
  });

  test('disjoint pins of two groups are a conflict that names both, before anyone is asked', () => {
    const outcome = run({}, [
      root('other'),
      root('a', '==1.0.0', 'thinggroup/x'),
      root('a', '==2.0.0', 'thinggroup/y'),
    ]);
    const { code, message, requirements } = conflictOf(outcome);
    expect(code).toBe('COMPONENT_VERSION_REQUIREMENTS_NOT_MET');
    for (const part of ['thinggroup/x', '==1.0.0', 'thinggroup/y', '==2.0.0', ' a ']) expect(message).toContain(part);
    expect(requirements).toEqual({ 'thinggroup/x': '==1.0.0', 'thinggroup/y': '==2.0.0' });
    expect(outcome.asked).toEqual([]);
  });

  test('case 79: disjoint ranges of dependers are a conflict that names both', () => {
    const store: Store = {
      a: { '1.0.0': { lib: '^1.0.0' } },
      b: { '1.0.0': { lib: '^2.0.0' } },
      lib: { '1.0.0': {}, '2.0.0': {} },
    };
    const { message } = conflictOf(run(store, [root('a'), root('b')]));
    expect(message).toBe('No version of lib can satisfy both ^1.0.0, required by a, and ^2.0.0, required by b');
  });

  test.each<[string, Store, string]>([
    ['of one', { a: { '1.0.0': { a: '*' } } }, 'a'],
    ['of two, one link SOFT', { a: { '1.0.0': { b: '*' } }, b: { '1.0.0': { a: '*;SOFT' } } }, 'a'],
    ['below the root', { a: { '1.0.0': { b: '*' } }, b: { '1.0.0': { c: '*' } }, c: { '1.0.0': { b: '*' } } }, 'b'],
  ])('case 80: a cycle %s is an error that names the component', (_title, store, name) => {
    expect(conflictOf(run(store, [root('a')]))).toMatchObject({
      code: 'COMPONENT_CIRCULAR_DEPENDENCY_ERROR',
      message: `Circular dependency detected for component ${name}`,
    });
  });

  test('a cycle that another version does not have is no error', () => {
    const store: Store = { a: { '1.0.0': {}, '2.0.0': { b: '*' } }, b: { '1.0.0': { a: '<2.0.0' } } };
    expect(versions(run(store, [root('a'), root('b')]))).toEqual(['a-1.0.0', 'b-1.0.0']);
  });

  test('versions that chase each other end in an error', () => {
    const store: Store = {
      a: { '1.0.0': { b: '<2.0.0' }, '2.0.0': { b: '>=2.0.0' } },
      b: { '1.0.0': { a: '>=2.0.0' }, '2.0.0': { a: '<2.0.0' } },
    };
    expect(conflictOf(run(store, [root('a'), root('b')])).code).toBe('COMPONENT_CIRCULAR_DEPENDENCY_ERROR');
  });

  test('case 82: a root whose prerelease tag begins with a digit is refused, other tags are not', () => {
    const store: Store = { a: { '1.0.0-1': {}, '1.0.0-rc.1': {} } };
    expect(conflictOf(run(store, [root('a', '==1.0.0-1')])).code).toBe('COMPONENT_VERSION_NOT_VALID');
    expect(versions(run(store, [root('a', '==1.0.0-rc.1')]))).toEqual(['a-1.0.0-rc.1']);
  });

  describe('the nucleus', () => {
    const nucleus = { component: 'nucleus', version: '2.5.0' };
    const store: Store = {
      a: { '1.0.0': { nucleus: '^2.0.0' }, '2.0.0': { nucleus: '^3.0.0' } },
      patch: { '1.0.0': { nucleus: '>=2.5.3 <3.0.0' } },
      nucleus: { '2.9.0': {}, '3.0.0': {} },
      nucleusToo: { '1.0.0': {} },
    };

    test('stays at the running version and is not asked for while that fits', () => {
      const outcome = run(store, [root('a', '==1.0.0')], { nucleus });
      expect(versions(outcome)).toEqual(['nucleus-2.5.0', 'a-1.0.0']);
      expect(outcome.asked.map(({ component }) => component)).toEqual(['a']);
    });

    test('case 81: is moved by a dependency to a patch, and to no other version that the cloud may answer', () => {
      const patched = { ...store, nucleus: { '2.5.4': {} } };
      expect(versions(run(patched, [root('patch', '==1.0.0')], { nucleus }))).toEqual(['nucleus-2.5.4', 'patch-1.0.0']);
      const { code } = conflictOf(run(store, [root('patch', '==1.0.0')], { nucleus }));
      expect(code).toBe('UNAUTHORIZED_NUCLEUS_MINOR_VERSION_UPDATE');
    });

    test('is not moved by a dependency to another minor or major version', () => {
      const { code, message } = conflictOf(run(store, [root('a', '==2.0.0')], { nucleus }));
      expect(code).toBe('UNAUTHORIZED_NUCLEUS_MINOR_VERSION_UPDATE');
      expect(message).toContain('2.5.0');
      expect(message).toContain('a: ^3.0.0');
    });

    test('is moved by a root', () => {
      expect(versions(run(store, [root('nucleus', '==3.0.0'), root('a', '==2.0.0')], { nucleus }))).toEqual([
        'nucleus-3.0.0',
        'a-2.0.0',
      ]);
    });

    test('cannot be two', () => {
      const outcome = run(store, [root('a', '==1.0.0'), root('nucleusToo')], { nucleus });
      expect(conflictOf(outcome).code).toBe('MULTIPLE_NUCLEUS_RESOLVED_ERROR');
    });
  });

  test('what the runtime provides is not asked for if its version fits, else it is', () => {
    const store: Store = {
      a: { '1.0.0': { cli: '^2.0.0' }, '2.0.0': { cli: '^3.0.0' } },
      cli: { '3.1.0': { a: '*' }, '3.0.0': {} },
    };
    const provided = new Map([['cli', '2.4.0']]);
    expect(versions(run(store, [root('a', '1.x')], { provided }))).toEqual(['cli-2.4.0', 'a-1.0.0']);
    const { result, asked } = run(store, [root('a', '2.x'), root('cli', '3.0.0')], { provided });
    expect(asked).toHaveLength(2);
    expect(result).toMatchObject({ kind: 'resolved' });
  });

  test('an answer that is not what was asked for is refused', () => {
    const state: ResolveState = { roots: [root('a', '^1.0.0')], answers: new Map(), provided: new Map() };
    const need = resolve(state);
    if (need.kind !== 'need') throw new Error('no need');
    const code = 'RESOLVE_COMPONENT_CANDIDATES_BAD_RESPONSE';
    expect(() => answerNeed(state, need, { version: '2.0.0', recipe: recipe('a', '2.0.0', {}) })).toThrow(
      expect.objectContaining({ code }),
    );
    expect(() => answerNeed(state, need, { version: '1.0.0', recipe: recipe('b', '1.0.0', {}) })).toThrow(
      expect.objectContaining({ code }),
    );
    expect(() => answerNeed(state, need, { version: '1.0.0', recipe: recipe('a', '1.1.0', {}) })).toThrow(
      expect.objectContaining({ code }),
    );
  });

  const names = ['a', 'b', 'c', 'd', 'e'];
  const requirement = fc.constantFrom('*', '1.x', '2.x', '>=1.1.0', '<2.0.0', '^1.0.0 || ^3.0.0');
  const dependencies = fc.dictionary(fc.constantFrom(...names), requirement, { maxKeys: 2 });
  const store = fc.record(
    Object.fromEntries(
      names.map((name) => [
        name,
        fc.dictionary(fc.constantFrom('1.0.0', '1.1.0', '2.0.0', '3.0.0'), dependencies, { minKeys: 1 }),
      ]),
    ),
  );
  const roots = fc.uniqueArray(fc.tuple(fc.constantFrom(...names), fc.constantFrom('*', '1.x', '>=1.1.0')), {
    selector: ([name]) => name,
    maxLength: 3,
  });

  test('it always ends; a result satisfies every requirement, is closed, and is in dependency order', () => {
    let resolved = 0;
    fc.assert(
      fc.property(store, roots, (contents, wanted) => {
        const { result } = run(
          contents,
          wanted.map(([name, text]) => root(name, text)),
        );
        if (result === 'no version' || result.kind === 'conflict') return;
        resolved++;
        const order = [...result.components.keys()];
        for (const [name, text] of wanted)
          expect(satisfies(result.components.get(name)?.version ?? '', text)).toBe(true);
        for (const [name, component] of result.components) {
          for (const [dependency, { versionRequirement }] of component.recipe?.dependencies ?? []) {
            expect(satisfies(result.components.get(dependency)?.version ?? '', versionRequirement)).toBe(true);
            expect(order.indexOf(dependency)).toBeLessThan(order.indexOf(name));
          }
          // nothing of a dropped version is left: every requirer is a root's group or in the result
          for (const requirer of component.requirements.keys()) {
            expect(requirer === 'thinggroup/x' || result.components.get(requirer)?.recipe?.dependencies.has(name)).toBe(
              true,
            );
          }
        }
      }),
      { numRuns: 300 },
    );
    expect(resolved).toBeGreaterThan(20);
  });

  test('what it refuses names requirements that no version meets together; what is not found is in no version of the store', () => {
    const disjoint = fc.dictionary(fc.constantFrom(...names), fc.constantFrom('1.x', '2.x', '>=3.0.0', '==1.1.0'), {
      maxKeys: 2,
    });
    const contents = fc.record(
      Object.fromEntries(
        names.map((name) => [
          name,
          fc.dictionary(fc.constantFrom('1.0.0', '1.1.0', '2.0.0'), disjoint, { minKeys: 1 }),
        ]),
      ),
    );
    const numbers = [0, 1, 2, 3, 4];
    const all = numbers.flatMap((a) => numbers.flatMap((b) => numbers.map((c) => `${a}.${b}.${c}`)));
    const met = (versions: readonly string[], requirements: readonly string[]) =>
      versions.filter((version) => requirements.every((text) => satisfies(version, text)));
    let refused = 0;
    let missing = 0;
    fc.assert(
      fc.property(contents, roots, (versions, wanted) => {
        const { result, asked } = run(
          versions,
          wanted.map(([name, text]) => root(name, text)),
        );
        if (result === 'no version') {
          missing++;
          const { component = '', requirements = {} } = asked.at(-1) ?? {};
          expect(met(Object.keys(versions[component] ?? {}), Object.values(requirements))).toEqual([]);
        }
        if (result === 'no version' || result.kind !== 'conflict') return;
        if (result.code !== 'COMPONENT_VERSION_REQUIREMENTS_NOT_MET' || result.message.startsWith('No choice')) return;
        refused++;
        expect(met(all, Object.values(result.requirements))).toEqual([]);
        // Of all of them the message names two that exclude each other.
        const named =
          / both (.+), required by (\S+), and (.+), required by (\S+)$/.exec(result.message)?.slice(1) ?? [];
        const [one = '', first = '', other = '', second = ''] = named;
        expect(result.requirements).toMatchObject({ [first]: one, [second]: other });
        expect(met(all, [one, other])).toEqual([]);
      }),
      { numRuns: 500 },
    );
    expect(refused).toBeGreaterThan(20);
    expect(missing).toBeGreaterThan(20);
  });
});
