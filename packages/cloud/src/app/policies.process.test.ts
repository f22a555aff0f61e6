import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestCloud, type TestCloud } from './testing/test-cloud.ts';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await openTestCloud();
});
afterAll(() => cloud.close());

const document = (action: string) =>
  JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action: action, Resource: '*' } });
const conflict = { code: 'DeleteConflictException' };
const missing = { code: 'ResourceNotFoundException' };
const policies = () => cloud.app.policies;
const numbers = async (name: string) => (await policies().versions(name)).versions.map(({ number }) => number);

async function certificate(): Promise<string> {
  return cloud.arns.certificate((await cloud.app.certificates.createKeys(true)).certificateId);
}

describe('policy versions', () => {
  test('are numbered from 1 and never twice; at most five are there at once', async () => {
    await policies().create('five', document('iot:A1'));
    for (let number = 2; number <= 5; number++) {
      const made = await policies().createVersion('five', document(`iot:A${number}`), false);
      expect(made).toMatchObject({ version: { number }, isDefault: false });
    }
    await expect(policies().createVersion('five', document('iot:A6'), true)).rejects.toMatchObject({
      code: 'VersionsLimitExceededException',
    });
    await policies().deleteVersion('five', 5);
    expect((await policies().createVersion('five', document('iot:A6'), true)).version.number).toBe(6);
    expect(await numbers('five')).toEqual([6, 4, 3, 2, 1]);
    expect(await policies().get('five')).toMatchObject({ defaultVersion: 6, document: document('iot:A6') });
  });

  test('the default one is not deleted, an unknown one is not found', async () => {
    await policies().create('default', document('iot:A'));
    await policies().createVersion('default', document('iot:B'), false);
    await expect(policies().deleteVersion('default', 1)).rejects.toMatchObject(conflict);
    await policies().setDefaultVersion('default', 2);
    expect((await policies().get('default')).document).toBe(document('iot:B'));
    await policies().deleteVersion('default', 1);
    for (const call of [
      () => policies().deleteVersion('default', 1),
      () => policies().setDefaultVersion('default', 1),
      () => policies().version('default', 1),
      () => policies().version('nobody', 1),
      () => policies().versions('nobody'),
      () => policies().createVersion('nobody', document('iot:A'), true),
    ]) {
      await expect(call()).rejects.toMatchObject(missing);
    }
  });

  test('a policy goes with its last version only, and when it is attached to nothing', async () => {
    const target = await certificate();
    await policies().create('held', document('iot:A'));
    await policies().attach('held', target);
    await expect(policies().delete('held')).rejects.toMatchObject(conflict);
    await policies().detach('held', target);
    await policies().createVersion('held', document('iot:B'), true);
    await expect(policies().delete('held')).rejects.toMatchObject(conflict);
    await policies().deleteVersion('held', 1);
    await policies().delete('held');
    await policies().create('held', document('iot:C'));
    expect(await numbers('held')).toEqual([1]);
  });

  test('that break the grammar are refused, naming where', async () => {
    const bad = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Resource: '*' }] });
    await policies().create('grammar', document('iot:A'));
    for (const call of [policies().create('bad', bad), policies().createVersion('grammar', bad, true)]) {
      await expect(call).rejects.toMatchObject({
        code: 'MalformedPolicyException',
        message: 'Statement[0].Action: is missing.',
      });
    }
  });
});

describe('attachments', () => {
  test('a certificate carries at most ten policies, a thing group two; again is accepted', async () => {
    const target = await certificate();
    await cloud.app.groups.create({ name: 'two' });
    for (let index = 0; index < 11; index++) await policies().create(`many-${index}`, document('iot:A'));
    for (let index = 0; index < 10; index++) await policies().attach(`many-${index}`, target);
    await policies().attach('many-0', target);
    await expect(policies().attach('many-10', target)).rejects.toMatchObject({ code: 'LimitExceededException' });
    for (let index = 0; index < 2; index++) await policies().attach(`many-${index}`, cloud.arns.group('two'));
    await expect(policies().attach('many-2', cloud.arns.group('two'))).rejects.toMatchObject({
      code: 'LimitExceededException',
    });
    expect(await policies().targets('many-0')).toEqual([target, cloud.arns.group('two')]);
    await cloud.app.groups.delete('two');
    expect(await policies().targets('many-0')).toEqual([target]);
  });

  test('the effective policies of a thing are those of its certificate, its groups and all groups above them', async () => {
    await cloud.app.groups.create({ name: 'plant' });
    await cloud.app.groups.create({ name: 'line', parent: 'plant' });
    await cloud.app.groups.create({ name: 'elsewhere', parent: 'plant' });
    await cloud.addThings('line', 'pump');
    const principal = await certificate();
    for (const name of ['of-plant', 'of-line', 'of-elsewhere', 'of-pump']) {
      await policies().create(name, document('iot:A'));
    }
    for (const name of ['plant', 'line', 'elsewhere']) {
      await policies().attach(`of-${name}`, cloud.arns.group(name));
    }
    await policies().attach('of-pump', principal);
    const names = async (input: { principal?: string; thing?: string }) =>
      (await policies().effective(input)).map(({ name }) => name);
    expect(await names({ principal, thing: 'pump' })).toEqual(['of-line', 'of-plant', 'of-pump']);
    expect(await names({ thing: 'pump' })).toEqual(['of-line', 'of-plant']);
    expect(await names({ principal })).toEqual(['of-pump']);
    await expect(names({ thing: 'nobody' })).rejects.toMatchObject(missing);
    const attached = async (recursive: boolean) =>
      (await policies().attachedTo(cloud.arns.group('line'), recursive)).map(({ name }) => name);
    expect(await attached(false)).toEqual(['of-line']);
    expect(await attached(true)).toEqual(['of-line', 'of-plant']);
  });
});
