import { parseDocument } from '@greensward/model/deployment-document';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GroupRecord } from '../store/records.ts';
import { groupsAfter, isStale, rootsOf, sourcesOf } from './roots.ts';

const arn = (group: string) => `arn:aws:greengrass:us-east-1:000000000000:configuration:${group}:1`;

function documentOf(group: string, components: Readonly<Record<string, string>>, creationTimestamp = 100) {
  return parseDocument({
    deploymentId: 'd',
    configurationArn: arn(group),
    creationTimestamp,
    components: Object.fromEntries(Object.entries(components).map(([name, version]) => [name, { version }])),
  });
}

function groups(of: Readonly<Record<string, Readonly<Record<string, string>>>>): Map<string, GroupRecord> {
  return new Map(
    Object.entries(of).map(([name, roots]) => [name, { roots, configurationArn: arn(name), timestamp: 1 }]),
  );
}

describe('groups after a deployment', () => {
  const before = groups({
    'thinggroup/x': { A: '1.0.0', B: '1.0.0' },
    'thinggroup/y': { B: '1.0.0', C: '1.0.0' },
    'thing/core': { T: '1.0.0' },
    LOCAL_DEPLOYMENT: { L: '1.0.0' },
  });
  const names = (of: Readonly<Record<string, GroupRecord>>) => Object.keys(of).sort();

  test('its own is replaced by the document, the others are kept while the device belongs to them', () => {
    const after = groupsAfter(documentOf('thinggroup/x', { B: '2.0.0' }), 'thinggroup/x', before, ['x', 'y']);
    expect(names(after)).toEqual(['LOCAL_DEPLOYMENT', 'thing/core', 'thinggroup/x', 'thinggroup/y']);
    expect(after['thinggroup/x']).toEqual({
      roots: { B: '2.0.0' },
      configurationArn: arn('thinggroup/x'),
      timestamp: 100,
    });
  });

  test('case 75: one that was left is dropped; what was deployed to the thing or on it is never left', () => {
    const after = groupsAfter(documentOf('thinggroup/x', {}), 'thinggroup/x', before, []);
    expect(names(after)).toEqual(['LOCAL_DEPLOYMENT', 'thing/core', 'thinggroup/x']);
  });

  test('none is dropped when the cloud would not say', () => {
    expect(names(groupsAfter(documentOf('thing/core', {}), 'thing/core', before, 'denied')).length).toBe(4);
  });

  const name = fc.oneof(fc.stringMatching(/^[a-z]{1,3}$/), fc.constantFrom('__proto__', 'constructor', 'toString'));
  const roots = fc.dictionary(name, fc.constantFrom('1.0.0', '2.0.0'), { noNullPrototype: false });

  test('whatever the names: own group as in the document, others as they were or gone', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, roots), { maxLength: 5 }),
        fc.array(name),
        name,
        roots,
        (records, members, own, wanted) => {
          const known = new Map(
            records.map(([group, of]): [string, GroupRecord] => [
              `thinggroup/${group}`,
              { roots: of, configurationArn: arn(`thinggroup/${group}`), timestamp: 1 },
            ]),
          );
          const group = `thinggroup/${own}`;
          const after = new Map(Object.entries(groupsAfter(documentOf(group, wanted), group, known, members)));
          expect(Object.entries(after.get(group)?.roots ?? {}).sort()).toEqual(Object.entries(wanted).sort());
          for (const [other, record] of known) {
            if (other === group) continue;
            expect(after.get(other)).toBe(members.includes(other.slice(11)) ? record : undefined);
          }
          expect(rootsOf(Object.fromEntries(after)).filter(({ requirer }) => requirer === group).length).toBe(
            Object.keys(wanted).length,
          );
        },
      ),
    );
  });
});

test('roots are pinned to their versions, by their groups', () => {
  expect(
    rootsOf(Object.fromEntries(groups({ 'thinggroup/x': { A: '1.0.0' }, LOCAL_DEPLOYMENT: { A: '1.1.0' } }))),
  ).toEqual([
    { component: 'A', requirement: '==1.0.0', requirer: 'thinggroup/x' },
    { component: 'A', requirement: '==1.1.0', requirer: 'LOCAL_DEPLOYMENT' },
  ]);
});

test('a document is stale when its group ran a newer one; the same one again is not', () => {
  const last = { roots: {}, configurationArn: '', timestamp: 100 };
  expect(isStale(documentOf('thinggroup/x', {}, 99), last)).toBe(true);
  expect(isStale(documentOf('thinggroup/x', {}, 100), last)).toBe(false);
  expect(isStale(documentOf('thinggroup/x', {}, 1), undefined)).toBe(false);
});

describe('the deployments behind a component', () => {
  test('are those whose roots lead to it, through any number of dependencies, each once', () => {
    const dependencies = new Map([
      ['A', ['Lib']],
      ['B', ['Lib', 'A']],
      ['Lib', ['Base']],
    ]);
    const of = groups({ 'thinggroup/x': { A: '1.0.0', Lib: '1.0.0' }, 'thinggroup/y': { B: '1.0.0' } });
    const sources = sourcesOf(Object.fromEntries(of), (name) => dependencies.get(name) ?? []);
    expect(sources.get('Base')).toEqual([arn('thinggroup/x'), arn('thinggroup/y')]);
    expect(sources.get('B')).toEqual([arn('thinggroup/y')]);
    expect(sources.get('Other')).toBeUndefined();
  });

  test('are found in a circle too', () => {
    const of = Object.fromEntries(groups({ 'thinggroup/x': { A: '1.0.0' } }));
    expect([...sourcesOf(of, (name) => (name === 'A' ? ['B'] : ['A'])).keys()]).toEqual(['A', 'B']);
  });
});
