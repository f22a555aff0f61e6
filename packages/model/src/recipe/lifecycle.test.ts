import type { JsonObject } from '@greensward/kit';
import { describe, expect, test } from 'vitest';
import { describePlatforms, effectiveLifecycle, lifecycleSteps, parseRecipe, selectManifest } from './recipe.ts';

const header = 'RecipeFormatVersion: "2020-01-25"\nComponentName: a\nComponentVersion: 1.0.0\n';

// recipes.md 10
const selecting = parseRecipe(`${header}
Manifests:
  - Platform: { os: linux, architecture: aarch64 }
    Selections: [pi, linux]
  - Platform: { os: linux }
    Selections: [linux]
  - Platform: { os: windows }
    Selections: [win]
  - {}
Lifecycle:
  Setenv: { MODE: edge }
  Install:
    Skipif: onpath acmed
    RequiresPrivilege: true
    Script:
      pi: sh pi.sh
      linux: sh linux.sh
      all: "echo nothing to install"
  Run:
    win: "acmed.exe"
    linux: "acmed"
`);

function chosen(recipe: ReturnType<typeof parseRecipe>, attributes: Record<string, string>): JsonObject {
  const manifest = selectManifest(recipe, attributes);
  if (manifest === undefined) throw new Error('no manifest');
  return effectiveLifecycle(recipe, manifest);
}

describe('the lifecycle of a device', () => {
  test.each<[Record<string, string>, string, string | undefined]>([
    [{ os: 'linux', architecture: 'aarch64' }, 'sh pi.sh', 'acmed'],
    [{ os: 'linux', architecture: 'amd64' }, 'sh linux.sh', 'acmed'],
    [{ os: 'windows', architecture: 'amd64' }, 'echo nothing to install', 'acmed.exe'],
    [{ os: 'darwin', architecture: 'aarch64' }, 'echo nothing to install', undefined],
  ])('%j takes its selections in priority order, then all, else the step is dropped', (attributes, script, run) => {
    const lifecycle = chosen(selecting, attributes);
    expect(lifecycle).toEqual({
      Setenv: { MODE: 'edge' },
      Install: { Skipif: 'onpath acmed', RequiresPrivilege: true, Script: script },
      ...(run === undefined ? {} : { Run: run }),
    });
  });

  const filtered = (selections: string, lifecycle: string) =>
    chosen(
      parseRecipe(
        `${header}Manifests: [{ Selections: ${selections} }, { Selections: [other] }]\nLifecycle: ${lifecycle}`,
      ),
      {},
    );

  test('selectors on top, levels mixed, extras beside selectors dropped, null selections passed over', () => {
    expect(filtered('[a]', '{ a: { Run: x }, all: { Run: y } }')).toEqual({ Run: 'x' });
    expect(filtered('[]', '{ a: { Run: x }, all: { Run: y }, Install: z }')).toEqual({ Run: 'y' });
    expect(filtered('[a, b]', '{ Run: { a: null, b: { Script: { all: s }, extra: 1 } } }')).toEqual({
      Run: { Script: 's', extra: 1 },
    });
    expect(filtered('[a]', '{ Run: { other: x, plain: y } }')).toEqual({});
    expect(filtered('[a]', '{ Run: x, Install: null }')).toEqual({ Run: 'x' });
    expect(filtered('[a]', '{ All: { Run: x } }')).toEqual({ All: { Run: 'x' } });
    expect(filtered('[a]', '{ a: text }')).toEqual({});
  });

  test("a manifest's own lifecycle replaces the global one, unfiltered", () => {
    const recipe = parseRecipe(`${header}Manifests: [{ Lifecycle: { Run: { all: x } } }]\nLifecycle: { Install: y }`);
    expect(chosen(recipe, {})).toEqual({ Run: { all: 'x' } });
  });

  test('the first matching manifest wins, and none may match', () => {
    const recipe = parseRecipe(
      `${header}Manifests: [{ Name: any, Platform: { os: "*" } }, { Name: exact, Platform: { os: linux } }]`,
    );
    expect(selectManifest(recipe, { os: 'linux' })?.name).toBe('any');
    const windows = parseRecipe(`${header}Manifests: [{ Platform: { os: windows } }]`);
    expect(selectManifest(windows, { os: 'linux' })).toBeUndefined();
  });

  test('platforms are described by name, or by os and architecture', () => {
    const recipe = parseRecipe(
      `${header}Manifests: [{ Name: Pi, Platform: { os: linux } }, { Platform: { os: linux, architecture: arm, x: null } }, {}]`,
    );
    expect(describePlatforms(recipe)).toEqual([
      { name: 'Pi', attributes: { os: 'linux' } },
      { name: 'linux arm', attributes: { os: 'linux', architecture: 'arm' } },
      { name: 'all', attributes: {} },
    ]);
  });
});

describe('lifecycleSteps', () => {
  test('a string step is an object with that script and the default timeout', () => {
    const steps = lifecycleSteps({
      Install: 'a',
      Startup: 'b',
      Run: 'c',
      Shutdown: 'd',
      Recover: 'e',
      Bootstrap: 'f',
      Uninstall: 'g',
    });
    expect(steps.install).toEqual(lifecycleSteps({ Install: { Script: 'a' } }).install);
    const { install, startup, run, shutdown, recover, bootstrap, uninstall } = steps;
    expect(
      [install, startup, run, shutdown, recover, bootstrap, uninstall].map((step) => step?.timeoutSeconds),
    ).toEqual([120, 120, undefined, 15, 60, 120, 120]);
    expect(steps.errorResetTimeSeconds).toBe(3600);
  });

  test('keys are read in any case; the last value wins under one name', () => {
    const steps = lifecycleSteps({
      RUN: { SCRIPT: 'x', requiresprivilege: 'yes', SetEnv: { Path: '1', PATH: '2', n: 3, b: true }, TIMEOUT: '5' },
      setenv: { _X: 'kept' },
      errorResetTime: 60,
    });
    expect(steps.run).toMatchObject({ script: 'x', requiresPrivilege: true, timeoutSeconds: 5 });
    expect([...(steps.run?.setenv ?? [])]).toEqual([
      ['Path', '2'],
      ['n', '3'],
      ['b', 'true'],
    ]);
    expect([...steps.setenv]).toEqual([['_X', 'kept']]);
    expect(steps.errorResetTimeSeconds).toBe(60);
    expect(lifecycleSteps({ Run: 'a', run: 'b' }).run?.script).toBe('b');
    expect(lifecycleSteps({ Run: { Script: 'a', Timeout: 5 }, run: { Script: 'b' } }).run).toMatchObject({
      script: 'b',
      timeoutSeconds: 5,
    });
  });

  test('an absent, null or empty step is absent', () => {
    for (const value of [null, '', { Script: '' }]) expect(lifecycleSteps({ Run: value }).run).toBeUndefined();
    expect(lifecycleSteps({}).run).toBeUndefined();
  });

  test('only the spellings the nucleus knows are true', () => {
    const privileged = (value: string | number | boolean) =>
      lifecycleSteps({ Run: { Script: 'x', RequiresPrivilege: value } }).run?.requiresPrivilege;
    for (const value of [true, 1, 'true', 'yes', 'on', 't', 'y', 'Y']) expect(privileged(value)).toBe(true);
    for (const value of [false, 0, 'True', 'TRUE', 'no', '1', '']) expect(privileged(value)).toBe(false);
  });

  test('a timeout that is not a number is 0, as in the nucleus', () => {
    for (const value of ['soon', '', true, {}]) {
      const step = lifecycleSteps({ Run: { Script: 'x', Timeout: value } }).run;
      expect(step?.timeoutSeconds).toBe(value === true ? 1 : 0);
    }
  });

  test.each([
    ['onpath git', { test: 'onpath', operand: 'git', negated: false }],
    [' exists /opt/a b ', { test: 'exists', operand: '/opt/a b', negated: false }],
    ['!exists /x', { test: 'exists', operand: '/x', negated: true }],
    ['! onpath x', { test: 'onpath', operand: 'x', negated: true }],
  ])('Skipif %j is understood', (text, expected) => {
    expect(lifecycleSteps({ Install: { Script: 'x', Skipif: text } }).install).toMatchObject({
      skipif: expected,
      problem: undefined,
    });
  });

  test.each(['exists', 'onpath', 'test -f x', 'Exists x', '', 5])('Skipif %j is a problem of the step', (value) => {
    expect(lifecycleSteps({ Install: { Script: 'x', Skipif: value } }).install?.problem).toContain('Skipif');
  });

  test('an object without a script, or a list, is a problem of the step', () => {
    expect(lifecycleSteps({ Run: { Timeout: 5 } }).run?.problem).toBe('the step has no Script');
    expect(lifecycleSteps({ Run: ['x'] }).run?.problem).toContain('neither');
  });
});
