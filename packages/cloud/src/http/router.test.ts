import { expect, test } from 'vitest';
import { createRouter } from './router.ts';

const find = createRouter([
  { method: 'GET', uri: '/components/{arn}', value: 'component' },
  { method: 'GET', uri: '/components/{arn}/artifacts/{name+}', value: 'artifact' },
  { method: 'PUT', uri: '/thing-groups/{name}', value: 'group' },
  { method: 'PUT', uri: '/thing-groups/addThingToThingGroup', value: 'add' },
  { method: 'GET', uri: '/thing-groups/{name}', value: 'describe' },
  { method: 'PUT', uri: '/things/{thing}/jobs/$next', value: 'next' },
  { method: 'PUT', uri: '/things/{thing}/jobs/{job}', value: 'job' },
]);

test.each([
  ['GET', '/components/arn%3Aaws%3Agreengrass%2Fx', 'component'],
  ['GET', '/components/arn:aws:greengrass', 'component'],
  ['GET', '/components/a/artifacts/dir/sub/file.zip', 'artifact'],
  ['PUT', '/thing-groups/addThingToThingGroup', 'add'],
  ['GET', '/thing-groups/addThingToThingGroup', 'describe'],
  ['PUT', '/things/t/jobs/%24next', 'next'],
  ['PUT', '/things/t/jobs/$next', 'next'],
  ['PUT', '/things/t/jobs/1', 'job'],
  ['GET', '/components/', undefined],
  ['GET', '/components/a/b', undefined],
  ['POST', '/components/a', undefined],
  ['GET', '', undefined],
])('%s %s', (method, path, expected) => {
  expect(find(method, path)).toBe(expected);
});

test('a path that is not percent-encoded UTF-8 is refused', () => {
  expect(() => find('GET', '/components/%E0%A4%A')).toThrow(expect.objectContaining({ code: 'ValidationException' }));
});
