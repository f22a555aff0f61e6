import type { JsonObject } from '@greensward/kit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  applyUpdate,
  type ConfigurationTree,
  changedPaths,
  formatSource,
  fromJson,
  leavesOf,
  mergeConfiguration,
  parseSource,
  toJson,
  updateConfiguration,
  withValues,
} from './configuration.ts';

const arn = 'arn:aws:greengrass:us-east-1:000000000000:configuration:thinggroup/line:3';
const deployed = formatSource({ kind: 'deployment', id: 'd-1', configurationArn: arn });

const provenance = (tree: ConfigurationTree) =>
  Object.fromEntries(leavesOf(tree).map(({ path, leaf }) => [path.join('/'), [leaf.source, leaf.writtenAt]]));

describe('every leaf tells what set it and when', () => {
  test('a default, a deployment, a component', () => {
    const first = applyUpdate({
      running: undefined,
      defaults: { a: 1, nested: { b: 2, c: [3] } },
      merge: { nested: { b: 20 } },
      timestamp: 100,
      source: deployed,
      defaultSource: 'default/1.0.0',
    }).tree;
    const written = updateConfiguration(first, ['nested'], { d: 4 }, 150, 'ipc/App').tree;
    expect(provenance(written)).toEqual({
      a: ['default/1.0.0', 100],
      'nested/b': [deployed, 100],
      'nested/c': ['default/1.0.0', 100],
      'nested/d': ['ipc/App', 150],
    });
  });

  test('and keeps it when a later deployment only keeps the value', () => {
    const first = applyUpdate({ running: undefined, defaults: { a: 1 }, timestamp: 100, source: deployed }).tree;
    const again = applyUpdate({ running: first, defaults: { a: 2 }, timestamp: 200, source: 'deployment/d-2/x' }).tree;
    expect(provenance(again)).toEqual({ a: ['default', 100] });
  });

  test('in a text that is read back, the texts of earlier runtimes too', () => {
    const sources = [
      { kind: 'default', version: '1.0.0' },
      { kind: 'deployment', id: 'd-1', configurationArn: arn },
      { kind: 'file', name: 'config.yaml' },
      { kind: 'local', by: 'root' },
      { kind: 'ipc', component: 'com.example.App' },
    ] as const;
    for (const source of sources) expect(parseSource(formatSource(source))).toEqual(source);
    expect(parseSource('default')).toEqual({ kind: 'default', version: '' });
    expect(parseSource('8b6f-11')).toEqual({ kind: 'deployment', id: '8b6f-11', configurationArn: '' });
  });
});

describe('a write on the device', () => {
  const tree = mergeConfiguration(fromJson({ a: { x: 1, y: 1 }, b: 1 }, 100, 'd'), { a: { x: 2 } }, 300, 'ipc/A').tree;

  test('case 1: an older one loses, an equal or newer one wins, whatever case the key is in', () => {
    const leaf = fromJson({ v: 0 }, 10, 'd');
    expect(toJson(updateConfiguration(leaf, [], { V: 1 }, 3, 's').tree)).toEqual({ v: 0 });
    expect(toJson(updateConfiguration(leaf, [], { V: 1 }, 10, 's').tree)).toEqual({ v: 1 });
    expect(toJson(updateConfiguration(leaf, [], { V: 1 }, 20, 's').tree)).toEqual({ v: 1 });
  });

  test('case 24: is all or nothing: one newer key refuses it whole', () => {
    const refused = updateConfiguration(tree, ['a'], { x: 9, y: 9 }, 200, 'ipc/A');
    expect(refused.ignored).toEqual(['/a/x']);
    expect(refused.tree).toBe(tree);
    expect(toJson(updateConfiguration(tree, ['a'], { y: 9 }, 200, 'ipc/A').tree)).toEqual({ a: { x: 2, y: 9 }, b: 1 });
  });

  test('case 7: makes containers, takes the place of a leaf, and a leaf that of a container', () => {
    expect(toJson(updateConfiguration(tree, ['b', 'new'], { z: 1 }, 400, 's').tree)).toMatchObject({
      b: { new: { z: 1 } },
    });
    expect(toJson(updateConfiguration(tree, [], { a: 5 }, 400, 's').tree)).toEqual({ a: 5, b: 1 });
  });
});

test('case 5, case 23: what changed is told by leaf, and a new time or writer of the same value is no change', () => {
  const before = fromJson({ a: { x: 1, y: 1 }, gone: { z: 1 }, same: [1] }, 100, 'd');
  expect(changedPaths(before, mergeConfiguration(before, toJson(before), 200, 'other').tree)).toEqual([]);
  const after = fromJson({ a: { x: 2, y: 1, n: 3 }, same: [1], empty: {} }, 200, 'd');
  expect(changedPaths(before, after)).toEqual([['a', 'x'], ['a', 'n'], ['gone']]);
  expect(changedPaths(fromJson({ a: 1 }, 1, 'd'), fromJson({ a: { b: 2 } }, 1, 'd'))).toEqual([['a'], ['a', 'b']]);
  expect(changedPaths(fromJson({ a: { b: 2 } }, 1, 'd'), fromJson({ a: 1 }, 1, 'd'))).toEqual([['a']]);
});

test('case 2: values are replaced in place, with times and writers as they were', () => {
  const tree = fromJson({ path: '{work:path}', nested: { n: 1 } }, 100, 'd');
  const replaced = withValues(tree, { path: '/w', nested: { n: 1 } });
  expect(toJson(replaced)).toEqual({ path: '/w', nested: { n: 1 } });
  expect(provenance(replaced)).toEqual(provenance(tree));
});

// Documents of one shape: which keys are objects does not change, so that no write replaces another's subtree.
const document = fc.record(
  {
    a: fc.nat(3),
    b: fc.constantFrom<JsonObject[string]>(null, [], [1], 'x'),
    o: fc.record({ p: fc.nat(3), q: fc.nat(3) }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<JsonObject>;

describe('properties', () => {
  test('the order of arrival does not matter where times differ', () => {
    const writes = fc.uniqueArray(fc.record({ at: fc.integer({ min: 2, max: 1000 }), json: document }), {
      selector: ({ at }) => at,
      maxLength: 6,
    });
    const both = writes.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length })),
    );
    const leaves = (list: readonly { readonly at: number; readonly json: JsonObject }[]) => {
      const start = fromJson({ a: 0, o: { p: 0 } }, 1, 'default');
      const tree = list.reduce((now, { at, json }) => mergeConfiguration(now, json, at, `w${at}`).tree, start);
      return new Map(leavesOf(tree).map(({ path, leaf }) => [path.join('/'), leaf]));
    };
    fc.assert(
      fc.property(both, ([one, other]) => {
        expect(leaves(other)).toEqual(leaves(one));
      }),
    );
  });

  test('a write counts once, however often it comes', () => {
    fc.assert(
      fc.property(document, document, fc.integer({ min: 1, max: 300 }), (base, json, at) => {
        const once = mergeConfiguration(fromJson(base, 100, 'b'), json, at, 'w').tree;
        expect(mergeConfiguration(once, json, at, 'w').tree).toEqual(once);
      }),
    );
  });

  test('what differs is exactly what is told', () => {
    fc.assert(
      fc.property(document, document, (one, other) => {
        const [before, after] = [fromJson(one, 1, 'x'), fromJson(other, 2, 'y')];
        expect(changedPaths(before, before)).toEqual([]);
        const same = JSON.stringify(leafValues(before)) === JSON.stringify(leafValues(after));
        const onlyEmpty = (tree: ConfigurationTree) => JSON.stringify(toJson(tree)).includes('{}');
        if (!onlyEmpty(before) && !onlyEmpty(after)) expect(changedPaths(before, after).length === 0).toBe(same);
      }),
    );
  });
});

function leafValues(tree: ConfigurationTree) {
  return leavesOf(tree)
    .map(({ path, leaf }) => [path.join('/'), leaf.value] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
