import type { JsonObject } from '@greensward/kit';
import { expect, test } from 'vitest';
import { bootstrapTasks, rollbackTasks } from './bootstrap-plan.ts';

type Step = JsonObject | string | null;

const set = (...components: readonly (readonly [name: string, version: string, bootstrap: Step, needs?: string])[]) =>
  new Map(
    components.map(([name, version, Bootstrap, needs]) => [
      name,
      {
        version,
        lifecycle: { Bootstrap, Run: 'run' },
        dependencies: new Map(needs === undefined ? [] : [[needs, 'HARD' as const]]),
      },
    ]),
  );
const names = (tasks: ReturnType<typeof bootstrapTasks>) => tasks.map(({ component }) => component);

test('case 114: bootstrap is needed where it is new, changed, or of another version, and not for null', () => {
  const before = set(['A', '1.0.0', 'one'], ['B', '1.0.0', 'one'], ['C', '1.0.0', 'one'], ['E', '1.0.0', 'one']);
  const after = set(
    ['A', '1.0.0', 'one'],
    ['B', '1.0.0', 'two'],
    ['C', '1.1.0', 'one'],
    ['D', '1.0.0', 'one'],
    ['E', '1.0.0', null],
    ['F', '1.0.0', null],
  );
  expect(names(bootstrapTasks(before, after))).toEqual(['B', 'C', 'D']);
  expect(bootstrapTasks(after, after)).toEqual([]);
});

test('neither the case of keys, nor their order, nor the type of a value changes a bootstrap step', () => {
  const before = set(['A', '1.0.0', { Script: 'x', Timeout: 300, Setenv: { a: '1', b: '2' } }]);
  expect(bootstrapTasks(before, set(['A', '1.0.0', { timeout: '300', SCRIPT: 'x', setenv: { b: 2, a: 1 } }]))).toEqual(
    [],
  );
  for (const other of [{ Script: 'x', Timeout: 301 }, { Script: 'x', Timeout: 300, RequiresPrivilege: true }, 'x']) {
    expect(names(bootstrapTasks(before, set(['A', '1.0.0', other])))).toEqual(['A']);
  }
});

test('bootstrap steps run after those of their dependencies', () => {
  const after = set(['A', '1.0.0', 'x', 'C'], ['B', '1.0.0', 'x', 'A'], ['C', '1.0.0', 'x']);
  expect(names(bootstrapTasks(new Map(), after))).toEqual(['C', 'A', 'B']);
});

test('a rollback bootstraps again what was begun to, as it was before and where that asks for it', () => {
  const asking = { Script: 'x', BootstrapOnRollback: true };
  const before = set(['A', '1.0.0', asking], ['B', '1.0.0', asking], ['C', '1.0.0', 'x'], ['D', '1.0.0', asking]);
  const run = [
    { component: 'A', state: 'DONE' },
    { component: 'C', state: 'DONE' },
    { component: 'D', state: 'STARTED' },
    { component: 'B', state: 'PENDING' },
    { component: 'New', state: 'DONE' },
  ] as const;
  expect(rollbackTasks(run, before)).toEqual([
    { component: 'A', state: 'PENDING' },
    { component: 'D', state: 'PENDING' },
  ]);
  expect(rollbackTasks(undefined, before)).toEqual([]);
});
