import { Fault, type JsonObject } from '@greensward/kit';
import { fromJson } from '@greensward/model/configuration';
import { parseRecipe, type Recipe } from '@greensward/model/recipe';
import { describe, expect, test } from 'vitest';
import type { ComponentSet, SetEntry } from '../store/records.ts';
import { buildSpecs, type SpecContext, withHardDependers } from './specs.ts';

function recipe(name: string, more: JsonObject = {}): Recipe {
  return parseRecipe(
    JSON.stringify({
      RecipeFormatVersion: '2020-01-25',
      ComponentName: name,
      ComponentVersion: '1.0.0',
      Manifests: [{ Platform: { os: 'linux' }, Lifecycle: { Run: 'exec true' } }],
      ...more,
    }),
  );
}

function entry(name: string, more: Partial<SetEntry> = {}, configuration: JsonObject = {}): SetEntry {
  return {
    name,
    version: '1.0.0',
    arn: '',
    configuration: fromJson(configuration, 1, 'test'),
    isRoot: true,
    sources: [],
    ...more,
  };
}

function build(recipes: readonly Recipe[], entries: readonly SetEntry[], more: Partial<SpecContext> = {}) {
  const unresolved: string[] = [];
  const set: ComponentSet = new Map(entries.map((one) => [one.name, one]));
  const built = buildSpecs(set, {
    recipe: (name) => recipes.find((one) => one.componentName === name),
    paths: (name, version) => ({
      artifacts: `/r/a/${name}/${version}`,
      decompressed: `/r/d/${name}/${version}`,
      work: `/r/w/${name}`,
    }),
    attributes: { os: 'linux' },
    environment: { PATH: '/bin' },
    rootPath: '/r',
    thingName: 'core-1',
    onUnresolved: (component, placeholder) => unresolved.push(`${component} ${placeholder}`),
    ...more,
  });
  return { ...built, unresolved };
}

const dependsOn = (name: string, type: string): JsonObject => ({
  ComponentDependencies: { [name]: { VersionRequirement: '^1.0.0', DependencyType: type } },
});

function failure(error: unknown): string {
  return error instanceof Fault ? `${error.code}: ${error.message}` : String(error);
}

describe('a component as it is to run', () => {
  test('has its variables replaced by its own values and those of its dependencies', () => {
    const Run =
      '{configuration:/n} {artifacts:path} {artifacts:decompressedPath} {work:path} {kernel:rootPath} {iot:thingName} {Lib:configuration:/n} {Lib:artifacts:path} {configuration:/none}';
    const app = recipe('App', { ...dependsOn('Lib', 'SOFT'), Manifests: [{ Lifecycle: { Run } }] });
    const { specs, failed, unresolved } = build(
      [app, recipe('Lib')],
      [entry('App', {}, { n: 1 }), entry('Lib', {}, { n: [2] })],
    );
    expect(failed.size).toBe(0);
    expect(specs.get('App')?.lifecycle).toEqual({
      Run: '1 /r/a/App/1.0.0 /r/d/App/1.0.0 /r/w/App /r core-1 [2] /r/a/Lib/1.0.0 {configuration:/none}',
    });
    expect(unresolved).toEqual(['App {configuration:/none}']);
  });

  test('depends on what is in the set; the rest the runtime provides itself', () => {
    const app = recipe('App', {
      ComponentDependencies: {
        Lib: { VersionRequirement: '*', DependencyType: 'HARD' },
        'aws.greengrass.Nucleus': { VersionRequirement: '*', DependencyType: 'SOFT' },
      },
    });
    const { specs } = build([app, recipe('Lib')], [entry('App'), entry('Lib')]);
    expect([...(specs.get('App')?.dependencies ?? [])]).toEqual([['Lib', 'HARD']]);
  });

  test('runs as its own user, else as the one of the configuration, else as the runtime itself', () => {
    const user = (one: SetEntry, more?: Partial<SpecContext>) =>
      build([recipe('App')], [one], more).specs.get('App')?.user;
    const own = entry('App', { runWith: { posixUser: 'own:group' } });
    expect(user(own, { defaultUser: 'ggc_user' })).toBe('own:group');
    expect(user(entry('App'), { defaultUser: 'ggc_user' })).toBe('ggc_user');
    expect(user(entry('App'))).toBeUndefined();
  });

  test('has its limits, folders, configuration and environment', () => {
    const limits = { memory: 1024, cpus: 0.5 };
    const limited = entry('App', { runWith: { systemResourceLimits: limits } }, { a: { b: null } });
    expect(build([recipe('App')], [limited]).specs.get('App')).toMatchObject({
      limits,
      workPath: '/r/w/App',
      artifactPaths: ['/r/a/App/1.0.0', '/r/d/App/1.0.0'],
      configuration: { a: { b: null } },
      environment: { PATH: '/bin' },
    });
  });
});

describe('what cannot run', () => {
  test.each<readonly [string, JsonObject, string]>([
    ['has no manifest here', { Manifests: [{ Platform: { os: 'windows' } }] }, 'LOCAL_RECIPE_NOT_FOUND: App 1.0.0'],
    [
      'has a bad pointer',
      { Manifests: [{ Lifecycle: { Run: '{configuration:n}' } }] },
      'CONFIG_INTERPOLATE_ERROR: the JSON pointer of {configuration:n}',
    ],
    [
      'needs the Java nucleus',
      { ComponentType: 'aws.greengrass.plugin' },
      'CUSTOM_PLUGIN_NOT_SUPPORTED: App 1.0.0 is of type aws.greengrass.plugin',
    ],
  ])('%s, is told with why, and keeps no other from running', (_what, more, problem) => {
    const { specs, failed } = build([recipe('App', more), recipe('Other')], [entry('App'), entry('Other')]);
    expect([...specs.keys()]).toEqual(['Other']);
    expect(failure(failed.get('App'))).toContain(problem);
  });

  test('is what has no recipe', () => {
    expect(failure(build([], [entry('App')]).failed.get('App'))).toContain('the recipe of App 1.0.0');
  });
});

test('with HARD dependers: through any number of steps, never over a SOFT one', () => {
  const needs = (...of: readonly (readonly [string, 'HARD' | 'SOFT'])[]) => ({ dependencies: new Map(of) });
  const specs = new Map([
    ['Top', needs(['Middle', 'HARD'])],
    ['Middle', needs(['Lib', 'HARD'])],
    ['Loose', needs(['Lib', 'SOFT'])],
    ['OnLoose', needs(['Loose', 'HARD'])],
    ['Lib', needs()],
  ]);
  expect([...withHardDependers(['Lib'], specs)].sort()).toEqual(['Lib', 'Middle', 'Top']);
  expect([...withHardDependers([], specs)]).toEqual([]);
});
