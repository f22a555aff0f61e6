import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestCloud, type TestCloud } from './testing/test-cloud.ts';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await openTestCloud();
});
afterAll(() => cloud.close());

const invalid = { code: 'InvalidRequestException' };
const minutes = 60_000;

test('a type is made, used, deprecated, left by its things and deleted', async () => {
  const { thingTypes, things } = cloud.app;
  const type = await thingTypes.create({ name: 'pump', searchableAttributes: ['a'] });
  expect(await thingTypes.create({ name: 'pump', searchableAttributes: ['a'] })).toEqual(type);
  await expect(thingTypes.create({ name: 'pump' })).rejects.toMatchObject({ code: 'ResourceAlreadyExistsException' });

  const attributes = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`a${at}`, '1']));
  await things.create({ name: 'typed', typeName: 'pump', attributes });
  await expect(things.create({ name: 'typed', attributes: { a: '1' } })).rejects.toMatchObject({
    code: 'ResourceAlreadyExistsException',
  });
  await expect(things.create({ name: 'untyped', attributes })).rejects.toMatchObject(invalid);
  // What it has is more than it may have without the type.
  await expect(things.update({ name: 'typed', removeType: true })).rejects.toMatchObject(invalid);
  await expect(things.update({ name: 'typed', removeType: true, typeName: 'pump' })).rejects.toMatchObject(invalid);

  await thingTypes.deprecate('pump', false);
  await expect(things.create({ name: 'later', typeName: 'pump' })).rejects.toMatchObject(invalid);
  await things.update({ name: 'typed', attributes: { a: '1' } });
  expect(await things.describe('typed')).toMatchObject({ typeName: 'pump', version: 2 });
  await thingTypes.deprecate('pump', true);
  await things.create({ name: 'later', typeName: 'pump' });
  await expect(thingTypes.delete('pump')).rejects.toMatchObject(invalid);

  await thingTypes.deprecate('pump', false);
  cloud.clock.advance(4 * minutes);
  await thingTypes.deprecate('pump', false);
  await expect(thingTypes.delete('pump')).rejects.toMatchObject(invalid);
  cloud.clock.advance(1 * minutes);
  await expect(thingTypes.delete('pump')).rejects.toMatchObject(invalid);
  for (const name of ['typed', 'later']) await things.update({ name, removeType: true });
  await thingTypes.delete('pump');
  await expect(thingTypes.describe('pump')).rejects.toMatchObject({ code: 'ResourceNotFoundException' });
  await expect(thingTypes.delete('pump')).rejects.toMatchObject({ code: 'ResourceNotFoundException' });
});

test('a type that is not there is given to no thing', async () => {
  const missing = { code: 'ResourceNotFoundException' };
  await expect(cloud.app.things.create({ name: 'x', typeName: 'nothing' })).rejects.toMatchObject(missing);
  await cloud.addThings(undefined, 'x');
  await expect(cloud.app.things.update({ name: 'x', typeName: 'nothing' })).rejects.toMatchObject(missing);
});
