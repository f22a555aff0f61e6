import { expect, test } from 'vitest';
import { dependenciesFirst, dependersFirst } from './order.ts';

const graph = new Map([
  ['a', ['b', 'c', 'built-in']],
  ['b', ['c']],
  ['c', []],
  ['d', []],
]);

test('each name comes after what it depends on', () => {
  expect(dependenciesFirst(graph)).toEqual(['c', 'b', 'a', 'd']);
});

test('a cycle does not hang', () => {
  const cycle = new Map([
    ['a', ['b']],
    ['b', ['a']],
  ]);
  expect(dependenciesFirst(cycle).sort()).toEqual(['a', 'b']);
});

test('dependers are done before what they depend on is begun', async () => {
  const events: string[] = [];
  await dependersFirst(graph, async (name) => {
    events.push(`begin ${name}`);
    await null;
    events.push(`end ${name}`);
  });
  expect(events.indexOf('end a')).toBeLessThan(events.indexOf('begin b'));
  expect(events.indexOf('end b')).toBeLessThan(events.indexOf('begin c'));
  expect(events.indexOf('begin d')).toBeLessThan(events.indexOf('end a'));
});
