import { describe, expect, test } from 'vitest';
import { parentRefusal } from './parent-rules.ts';
import { requestErrors } from './request-rules.ts';
import { statusAfter } from './transitions.ts';

const targetArn = 'arn:aws:iot:us-east-1:000000000000:thinggroup/line';

describe('a deployment request is refused', () => {
  test.each(['1.0', 'v1.0.0', '>=1.0.0', '1.0.1000000', ' 1.0.0', ''])(
    'for the component version %j, naming the field',
    (componentVersion) => {
      expect(requestErrors({ targetArn, components: { 'com.example.A': { componentVersion } } })).toMatchObject([
        { name: 'components.com.example.A.componentVersion' },
      ]);
    },
  );

  test.each(['[1]', '{bad', '"x"', 'null', '1', ''])('for the merge %j, naming the field', (merge) => {
    const components = { A: { componentVersion: '1.0.0', configurationUpdate: { merge } } };
    expect(requestErrors({ targetArn, components })).toMatchObject([
      { name: 'components.A.configurationUpdate.merge' },
    ]);
  });

  test('for a merge that is nested deeper than any device reads', () => {
    const merge = `{"a":${'['.repeat(200)}${']'.repeat(200)}}`;
    const components = { A: { componentVersion: '1.0.0', configurationUpdate: { merge } } };
    expect(requestErrors({ targetArn, components })).toHaveLength(1);
  });

  test.each(['a b', 'a/b', '../x', 'a:b', 'a'.repeat(129)])('for the component name %j', (name) => {
    expect(requestErrors({ targetArn, components: { [name]: { componentVersion: '1.0.0' } } })).toHaveLength(1);
  });

  test('for rate increase criteria that name none', () => {
    const exponentialRate = { baseRatePerMinute: 1, incrementFactor: 2, rateIncreaseCriteria: {} };
    expect(
      requestErrors({ targetArn, iotJobConfiguration: { jobExecutionsRolloutConfig: { exponentialRate } } }),
    ).toHaveLength(1);
  });

  test('for every breach at once', () => {
    const components = {
      A: { componentVersion: '1' },
      B: { componentVersion: '2', configurationUpdate: { merge: 'x' } },
    };
    expect(requestErrors({ targetArn, components })).toHaveLength(3);
  });

  test('but not for an empty set of components, an exact prerelease or an empty merge', () => {
    expect(requestErrors({ targetArn })).toEqual([]);
    const components = { A: { componentVersion: '1.0.0-alpha+b1', configurationUpdate: { merge: '{}', reset: [''] } } };
    expect(requestErrors({ targetArn, components })).toEqual([]);
  });
});

describe('subdeployments', () => {
  const target = { kind: 'thinggroup', name: 'line' } as const;
  const parent = 'arn:aws:iot:us-east-1:000000000000:thinggroup/plant';

  test('are for thing groups only, and never of themselves', () => {
    expect(parentRefusal({ kind: 'thing', name: 't' }, 'x', parent, undefined)?.code).toBe('ValidationException');
    expect(parentRefusal(target, targetArn, targetArn, undefined)?.code).toBe('ValidationException');
  });

  test('keep the parent they were first used with', () => {
    expect(parentRefusal(target, targetArn, parent, parent)).toBeUndefined();
    expect(parentRefusal(target, targetArn, parent, `${parent}2`)?.code).toBe('ConflictException');
  });
});

describe('the transition table', () => {
  test.each([
    ['ACTIVE', 'cancel', 'CANCELED'],
    ['ACTIVE', 'delete', undefined],
    ['ACTIVE', 'supersede', 'INACTIVE'],
    ['COMPLETED', 'cancel', undefined],
    ['COMPLETED', 'supersede', 'INACTIVE'],
    ['CANCELED', 'cancel', undefined],
    ['CANCELED', 'supersede', undefined],
    ['FAILED', 'delete', 'gone'],
    ['INACTIVE', 'delete', 'gone'],
  ] as const)('%s, %s: %s', (status, action, expected) => {
    expect(statusAfter(status, action)).toBe(expected);
  });
});
