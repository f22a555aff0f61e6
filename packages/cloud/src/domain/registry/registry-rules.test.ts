import { expect, test } from 'vitest';
import { attributesRefusal, depthRefusal, joinRefusal, mergedAttributes, sameMap } from './registry-rules.ts';

test('a thing is in at most 10 groups', () => {
  const present = Array.from({ length: 10 }, (_, index) => ({ name: `g${index}`, ancestry: [`g${index}`] }));
  expect(joinRefusal({ name: 'new', ancestry: ['new'] }, present)).toContain('at most 10');
  expect(joinRefusal({ name: 'new', ancestry: ['new'] }, present.slice(1))).toBeUndefined();
});

test('a thing is not in two groups with a common ancestor', () => {
  const present = [{ name: 'line1', ancestry: ['plant', 'line1'] }];
  expect(joinRefusal({ name: 'line2', ancestry: ['plant', 'line2'] }, present)).toContain('same hierarchy');
  expect(joinRefusal({ name: 'plant', ancestry: ['plant'] }, present)).toContain('same hierarchy');
});

test('a hierarchy has at most 7 levels', () => {
  expect(depthRefusal(['1', '2', '3', '4', '5', '6'])).toBeUndefined();
  expect(depthRefusal(['1', '2', '3', '4', '5', '6', '7'])).toContain('7 levels');
});

test('an update replaces attributes; with merge an empty value removes one', () => {
  expect(mergedAttributes({ a: '1', b: '2' }, { c: '3' }, false)).toEqual({ c: '3' });
  expect(mergedAttributes({ a: '1', b: '2' }, { a: '', c: '3' }, true)).toEqual({ b: '2', c: '3' });
});

test('attribute names and values are checked, and their number', () => {
  expect(attributesRefusal({ a: '1', b: '2', c: '3', d: '4' }, 3)).toContain('At most 3');
  expect(attributesRefusal({ 'a b': '1' }, 3)).toBeDefined();
  expect(attributesRefusal({ a: 'x y' }, 3)).toBeDefined();
  expect(attributesRefusal({ a: '' }, 3)).toBeUndefined();
});

test('equal maps are equal in any order, whatever their keys are called', () => {
  expect(sameMap({ a: '1', b: '2' }, { b: '2', a: '1' })).toBe(true);
  expect(sameMap({ constructor: 'x' }, { toString: 'x' })).toBe(false);
});
