import { expect, test } from 'vitest';
import { createCreationLimit } from './creation-limit.ts';

const throttled = { code: 'ThrottlingException' };

test('a connection makes three certificates, then one each 20 seconds; another one is not concerned', async () => {
  let now = 0;
  const limit = createCreationLimit({ monotonic: () => now });
  const [one, other] = [{}, {}];
  const make = (connection: object) => limit.run(connection, async () => 'made');
  for (let count = 0; count < 3; count++) expect(await make(one)).toBe('made');
  await expect(make(one)).rejects.toMatchObject(throttled);
  expect(await make(other)).toBe('made');
  now += 19_999;
  await expect(make(one)).rejects.toMatchObject(throttled);
  now += 1;
  expect(await make(one)).toBe('made');
  await expect(make(one)).rejects.toMatchObject(throttled);
});

test('at most 32 are made at once; a failed one makes room', async () => {
  const limit = createCreationLimit({ monotonic: () => 0 });
  const { promise, reject } = Promise.withResolvers<never>();
  const running = Array.from({ length: 32 }, () => limit.run({}, () => promise));
  await expect(limit.run({}, async () => 'made')).rejects.toMatchObject(throttled);
  reject(new Error('failed'));
  await Promise.allSettled(running);
  expect(await limit.run({}, async () => 'made')).toBe('made');
});
