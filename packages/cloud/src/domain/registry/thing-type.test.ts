import { expect, test } from 'vitest';
import { attributeLimit, deletionRefusal, sameType, searchableRefusal, type ThingType } from './thing-type.ts';

const pump: ThingType = { name: 'pump', id: 'id', searchableAttributes: ['a', 'b'], createdAt: 0 };

test('a thing has 3 attributes, and 50 with a type', () => {
  expect([attributeLimit(undefined), attributeLimit('pump')]).toEqual([3, 50]);
});

test('a type has at most 3 searchable attributes, in any order', () => {
  expect(searchableRefusal(['a', 'b', 'c'])).toBeUndefined();
  expect(searchableRefusal(['a', 'b', 'c', 'd'])).toContain('3');
  expect(sameType(pump, { searchableAttributes: ['b', 'a'] })).toBe(true);
  expect(sameType(pump, { searchableAttributes: ['b'] })).toBe(false);
  expect(sameType(pump, { searchableAttributes: ['a', 'b'], description: 'x' })).toBe(false);
});

test('a type is deleted when it has been deprecated for 5 minutes and no thing is of it', () => {
  const deprecated = { ...pump, deprecatedAt: 1000 };
  expect(deletionRefusal(pump, false, 1e9)).toContain('not deprecated');
  expect(deletionRefusal(deprecated, false, 300_999)).toContain('5 minutes');
  expect(deletionRefusal(deprecated, false, 301_000)).toBeUndefined();
  expect(deletionRefusal(deprecated, true, 301_000)).toContain('things of it');
});
