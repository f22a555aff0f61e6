import type { JsonObject } from '@greensward/kit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  applyUpdate,
  type ConfigurationTree,
  emptyConfiguration,
  formatPointer,
  fromJson,
  mergeConfiguration,
  parsePointer,
  resetConfiguration,
  toJson,
  valueAt,
} from './configuration.ts';

const at100 = (json: JsonObject) => fromJson(json, 100, 'd1');
const merged = (base: JsonObject, over: JsonObject) => toJson(mergeConfiguration(at100(base), over, 200, 'd2').tree);

describe('mergeConfiguration', () => {
  test.each<[string, JsonObject, JsonObject, JsonObject]>([
    ['other keys survive', { a: 1, b: 2 }, { b: 3 }, { a: 1, b: 3 }],
    ['objects merge', { a: { x: 1, y: 2 } }, { a: { y: 3, z: 4 } }, { a: { x: 1, y: 3, z: 4 } }],
    ['lists are replaced whole', { a: [1, 2, { b: 1 }] }, { a: [3] }, { a: [3] }],
    ['null is stored', { a: 1 }, { a: null }, { a: null }],
    ['{} into an object changes nothing', { a: { x: 1 } }, { a: {} }, { a: { x: 1 } }],
    ['{} onto a leaf makes it an object', { a: 1 }, { a: {} }, { a: {} }],
    ['a leaf replaces an object', { a: { x: 1 } }, { a: 1 }, { a: 1 }],
    ['an object replaces a leaf', { a: 1 }, { a: { x: 1 } }, { a: { x: 1 } }],
    ['keys that differ in case are one, as first spelled', { Host: 'a' }, { host: 'b', HOST: 'c' }, { Host: 'c' }],
    ['private keys are dropped', { a: 1 }, { _b: 2, a: { _c: 3, d: 4 } }, { a: { d: 4 } }],
    ['empty values survive', {}, { a: '', b: [], c: {} }, { a: '', b: [], c: {} }],
  ])('%s', (_title, base, over, expected) => expect(merged(base, over)).toEqual(expected));

  test('an older write loses, key by key, and is named', () => {
    const newer = mergeConfiguration(at100({ a: { x: 1, y: 1 }, b: 1 }), { a: { x: 2 } }, 300, 'ipc').tree;
    const { tree, ignored } = mergeConfiguration(newer, { A: { X: 9, y: 9 }, b: 9 }, 200, 'd2');
    expect(toJson(tree)).toEqual({ a: { x: 2, y: 9 }, b: 9 });
    expect(ignored).toEqual(['/A/X']);
    const leaf = mergeConfiguration(newer, { a: 5 }, 200, 'd2');
    expect(toJson(leaf.tree)).toEqual({ a: { x: 2, y: 1 }, b: 1 });
    expect(leaf.ignored).toEqual(['/a']);
    expect(mergeConfiguration(newer, { a: { x: 2 } }, 200, 'd2').ignored).toEqual([]);
  });

  test('keys named like members of Object.prototype are only keys, before and after storage', () => {
    const hostile: JsonObject = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":2},"toString":3}');
    const tree: ConfigurationTree = JSON.parse(JSON.stringify(fromJson(hostile, 1, 'x')));
    const kept = '{"constructor":{"prototype":2},"toString":3}';
    expect(JSON.stringify(toJson(tree))).toBe(kept);
    expect(JSON.stringify(toJson(mergeConfiguration(tree, hostile, 2, 'y').tree))).toBe(kept);
    expect('polluted' in {}).toBe(false);
    expect(toJson(resetConfiguration(tree, ['/__proto__/polluted', '/constructor']))).toEqual({ toString: 3 });
    expect(toJson(resetConfiguration(emptyConfiguration(), ['/constructor/name']))).toEqual({});
  });
});

describe('resetConfiguration', () => {
  const tree = at100({ a: { b: 1, c: 2 }, 'x/y': 1, list: [1, 2], s: 't' });
  const reset = (...pointers: string[]) => toJson(resetConfiguration(tree, pointers));

  test('removes leaves and subtrees, and does nothing where there is nothing', () => {
    expect(reset('/a/b')).toEqual({ a: { c: 2 }, 'x/y': 1, list: [1, 2], s: 't' });
    expect(reset('/A', '/x~1y')).toEqual({ list: [1, 2], s: 't' });
    expect(reset('/s/t', '/nothing', '/a/b/c')).toEqual(toJson(tree));
    expect(reset('/list/0')).toEqual(toJson(tree));
    expect(reset('', 'not a pointer')).toEqual({});
  });

  test('a pointer without a leading / is refused', () => {
    expect(() => reset('a')).toThrow(expect.objectContaining({ code: 'DEPLOYMENT_DOCUMENT_NOT_VALID' }));
  });
});

describe('applyUpdate', () => {
  const defaults: JsonObject = { a: 1, b: { c: 2 }, l: [1] };
  const apply = (
    running: JsonObject | undefined,
    update: { reset?: string[]; merge?: JsonObject; defaults?: JsonObject },
  ) =>
    toJson(applyUpdate({ running: running && at100(running), defaults, ...update, timestamp: 200, source: 'd2' }).tree);

  // device-runtime.md 1.7
  test('the situations of a deployment', () => {
    expect(apply(undefined, {})).toEqual(defaults);
    expect(apply(undefined, { merge: { b: { d: 3 } } })).toEqual({ a: 1, b: { c: 2, d: 3 }, l: [1] });
    expect(apply({ a: 9 }, {})).toEqual({ a: 9, b: { c: 2 }, l: [1] });
    expect(apply({ a: 9, gone: 1 }, { defaults: { a: 5 } })).toEqual({ a: 9, gone: 1 });
    expect(apply({ a: 9 }, { reset: ['/a'] })).toEqual(defaults);
    expect(apply({ a: 9, own: 1 }, { reset: ['/own'] })).toEqual({ a: 9, b: { c: 2 }, l: [1] });
    expect(apply({ a: 9 }, { reset: ['/a'], merge: { a: 7 } })).toEqual({ ...defaults, a: 7 });
    expect(apply({ a: 9 }, { merge: { a: null } })).toEqual({ ...defaults, a: null });
    expect(apply({ b: 5 }, {})).toEqual({ a: 1, b: 5, l: [1] });
  });

  test('a new default does not overwrite what an earlier version gave', () => {
    const first = applyUpdate({ running: undefined, defaults: { a: 1 }, timestamp: 100, source: 'd1' }).tree;
    const second = applyUpdate({ running: first, defaults: { a: 2, b: 2 }, timestamp: 200, source: 'd2' }).tree;
    expect(toJson(second)).toEqual({ a: 1, b: 2 });
    expect(second.children['a']).toEqual({ name: 'a', value: 1, timestamp: 200, source: 'default', writtenAt: 100 });
  });

  test('a newer local write survives the merge and is reported; reset and default replace it', () => {
    const local = mergeConfiguration(at100({ a: 1, b: 1 }), { a: 'local' }, 300, 'ipc').tree;
    const kept = applyUpdate({ running: local, defaults: {}, merge: { a: 2, b: 2 }, timestamp: 200, source: 'd2' });
    expect(toJson(kept.tree)).toEqual({ a: 'local', b: 2 });
    expect(kept.ignored).toEqual(['/a']);
    expect(kept.tree.children['a']).toMatchObject({ timestamp: 300, source: 'ipc' });
    const reset = applyUpdate({ running: local, defaults: { a: 0 }, reset: ['/a'], timestamp: 200, source: 'd2' });
    expect(toJson(reset.tree)).toEqual({ a: 0, b: 1 });
  });
});

describe('pointers', () => {
  test('follow RFC 6901', () => {
    const json = { foo: ['bar', 'baz'], '': 0, 'a/b': 1, 'm~n': 8, k: { x: null } };
    expect(valueAt(json, '')).toBe(json);
    expect(valueAt(json, '/foo/1')).toBe('baz');
    expect(valueAt(json, '/')).toBe(0);
    expect(valueAt(json, '/a~1b')).toBe(1);
    expect(valueAt(json, '/m~0n')).toBe(8);
    expect(valueAt(json, '/k/x')).toBeNull();
    for (const nothing of ['/foo/2', '/foo/01', '/foo/-', '/Foo', '/k/x/y', '/constructor'])
      expect(valueAt(json, nothing)).toBeUndefined();
    expect(() => valueAt(json, 'foo')).toThrow('does not begin with /');
  });

  test('what is formatted is parsed back', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (keys) => {
        expect(parsePointer(formatPointer(keys))).toEqual(keys);
      }),
    );
  });
});

const key = fc.constantFrom('a', 'A', 'b', 'c', '_p', '__proto__', 'constructor', '0');
const json = fc.dictionary(
  key,
  fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom<JsonObject[string]>(null, 0, 1, 'x', true, [], [1, { a: 2 }]),
      fc.dictionary(key, tie('value'), { maxKeys: 3 }),
    ),
  })).value,
  { maxKeys: 4 },
) as fc.Arbitrary<JsonObject>;
const base = json.map((j) => fromJson(j, 100, 'base'));

describe('properties', () => {
  test('merging twice is merging once', () => {
    fc.assert(
      fc.property(base, json, (tree, over) => {
        const once = mergeConfiguration(tree, over, 200, 'o').tree;
        expect(mergeConfiguration(once, over, 200, 'o').tree).toEqual(once);
      }),
    );
  });

  test('the later write wins, whichever arrives first, where both write leaves', () => {
    const flat = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.nat(9)) as fc.Arbitrary<JsonObject>;
    fc.assert(
      fc.property(flat, flat, (early, late) => {
        const inOrder = mergeConfiguration(fromJson(early, 100, 'e'), late, 200, 'l').tree;
        const reversed = mergeConfiguration(fromJson(late, 200, 'l'), early, 100, 'e').tree;
        expect(toJson(reversed)).toEqual(toJson(inOrder));
        expect(toJson(inOrder)).toEqual({ ...early, ...late });
      }),
    );
  });

  test('resetting everything gives the defaults', () => {
    fc.assert(
      fc.property(base, json, (running, defaults) => {
        const { tree } = applyUpdate({ running, defaults, reset: [''], timestamp: 200, source: 'd' });
        expect(toJson(tree)).toEqual(
          toJson(applyUpdate({ running: undefined, defaults, timestamp: 1, source: 'd' }).tree),
        );
      }),
    );
  });

  test('a repeated update changes nothing, and a tree survives storage', () => {
    fc.assert(
      fc.property(base, json, json, (running, defaults, merge) => {
        // The second time may add defaults below what the merge made an object of; from then on nothing moves.
        const first = applyUpdate({ running, defaults, merge, timestamp: 200, source: 'd' }).tree;
        const once = applyUpdate({ running: first, defaults, merge, timestamp: 200, source: 'd' }).tree;
        const stored: ConfigurationTree = JSON.parse(JSON.stringify(once));
        expect(applyUpdate({ running: stored, defaults, merge, timestamp: 200, source: 'd' }).tree).toEqual(once);
      }),
    );
  });
});
