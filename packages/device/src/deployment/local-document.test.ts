import { fromJson } from '@greensward/model/configuration';
import { groupOf } from '@greensward/model/deployment-document';
import { describe, expect, test } from 'vitest';
import type { ComponentSet, GroupRecord, SetEntry } from '../store/records.ts';
import { localDocument } from './local-document.ts';
import { readLocalRequest, requestFromJson, requestToJson } from './local-request.ts';
import { groupsAfter } from './roots.ts';

const made = { deploymentId: 'd-1', createdOn: 5000 };
const group = (roots: Record<string, string>): GroupRecord => ({ roots, configurationArn: 'arn', timestamp: 900 });

function setOf(...entries: readonly (readonly [string, string, Partial<SetEntry>?])[]): ComponentSet {
  return new Map(
    entries.map(([name, version, more]) => [
      name,
      { name, version, arn: '', configuration: fromJson({}, 1, 'x'), isRoot: true, sources: [], ...more },
    ]),
  );
}

const request = (sent: Parameters<typeof readLocalRequest>[0]) =>
  requestFromJson(requestToJson(readLocalRequest(sent)));

describe('the document of a local deployment', () => {
  test('pins the roots of its group to what runs, without those removed, with those added', () => {
    const groups = new Map([
      ['LOCAL_DEPLOYMENT', group({ A: '1.0.0', B: '1.0.0', C: '1.0.0' })],
      ['thinggroup/line', group({ Other: '1.0.0' })],
    ]);
    const set = setOf(['A', '1.0.1'], ['B', '1.0.0'], ['C', '1.0.0'], ['Other', '1.0.0']);
    const wanted = request({ rootComponentVersionsToAdd: { C: '2.0.0', D: '1.0.0' }, rootComponentsToRemove: ['B'] });
    const document = localDocument(wanted, made, groups, set);
    expect(Object.entries(document.components).map(([name, { version }]) => `${name} ${version}`)).toEqual([
      'A 1.0.1',
      'C 2.0.0',
      'D 1.0.0',
    ]);
    expect(groupOf(document)).toBe('LOCAL_DEPLOYMENT');
    expect(document).toMatchObject({ failureHandlingPolicy: 'DO_NOTHING', creationTimestamp: 5000 });
    expect(document.componentUpdatePolicy.action).toBe('SKIP_NOTIFY_COMPONENTS');
  });

  test('with a group changes the roots of that group, and does not make its next cloud deployment look late', () => {
    const groups = new Map([['thinggroup/line', group({ Other: '1.0.0' })]]);
    const wanted = request({ groupName: 'line', rootComponentVersionsToAdd: { New: '1.0.0' } });
    const document = localDocument(wanted, made, groups, setOf(['Other', '1.0.0']));
    expect(groupOf(document)).toBe('thinggroup/line');
    const after = groupsAfter(document, groupOf(document), groups, ['line']);
    expect(after).toEqual({
      'thinggroup/line': { roots: { Other: '1.0.0', New: '1.0.0' }, configurationArn: 'd-1', timestamp: 900 },
    });
  });

  test('case 54: keeps runWith of what is not named, and replaces it whole of what is', () => {
    const runWith = { posixUser: 'u', systemResourceLimits: { memory: 1, cpus: 2 } };
    const set = setOf(['A', '1.0.0', { runWith }], ['B', '1.0.0', { runWith }]);
    const groups = new Map([['LOCAL_DEPLOYMENT', group({ A: '1.0.0', B: '1.0.0' })]]);
    const document = localDocument(request({ componentToRunWithInfo: { A: { posixUser: 'v' } } }), made, groups, set);
    expect(document.components).toEqual({
      A: { version: '1.0.0', runWith: { posixUser: 'v' } },
      B: { version: '1.0.0', runWith },
    });
  });

  test('carries updates of what is no root of its group', () => {
    const wanted = request({
      componentToConfiguration: { Base: { MERGE: { a: 1 }, RESET: ['/b'] }, A: { MERGE: { c: 2 } } },
    });
    const groups = new Map([['LOCAL_DEPLOYMENT', group({ A: '1.0.0' })]]);
    const document = localDocument(wanted, made, groups, setOf(['A', '1.0.0'], ['Base', '1.0.0']));
    expect(document.local?.updates).toEqual({ Base: { configurationUpdate: { merge: { a: 1 }, reset: ['/b'] } } });
    expect(document.components).toEqual({ A: { version: '1.0.0', configurationUpdate: { merge: { c: 2 } } } });
  });
});

describe('a request that cannot be meant is refused with its member', () => {
  test.each([
    [{ groupName: 'a:b' }, 'Thing group name cannot contain colon characters'],
    [{ groupName: '../a' }, 'groupName: "../a" is not the name of a thing group'],
    [{ rootComponentVersionsToAdd: { A: '^1.0.0' } }, 'rootComponentVersionsToAdd.A: "^1.0.0" is not an exact version'],
    [{ rootComponentVersionsToAdd: { 'a/b': '1.0.0' } }, 'rootComponentVersionsToAdd: "a/b" is not a component name'],
    [
      { componentToConfiguration: JSON.parse('{"__proto__": {}}') },
      'componentToConfiguration: "__proto__" is not a component name',
    ],
    [{ rootComponentsToRemove: [''] }, 'rootComponentsToRemove: "" is not a component name'],
    [{ componentToConfiguration: { A: 1 } }, 'componentToConfiguration.A: must be an object with MERGE, RESET'],
    [{ componentToConfiguration: { A: { MERGE: [] } } }, 'componentToConfiguration.A.MERGE: must be an object'],
    [{ componentToConfiguration: { A: { RESET: 'x' } } }, 'componentToConfiguration.A.RESET: must be a list'],
    [{ componentToConfiguration: { A: { RESET: ['x'] } } }, 'RESET: "x" does not begin with "/"'],
    [{ componentToConfiguration: { A: '{' } }, 'componentToConfiguration.A: is not JSON'],
  ])('%j', (sent, text) => {
    expect(() => readLocalRequest(sent)).toThrow(expect.objectContaining({ code: 'InvalidArgumentsError' }));
    expect(() => readLocalRequest(sent)).toThrow(text);
  });

  test('but an update may come as text, as nucleus lite takes it', () => {
    const { configuration } = readLocalRequest({ componentToConfiguration: { A: '{"MERGE":{"a":1}}' } });
    expect(configuration).toEqual({ A: { merge: { a: 1 } } });
  });
});
