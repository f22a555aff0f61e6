import {
  GetCoreDeviceCommand,
  ListCoreDevicesCommand,
  ListEffectiveDeploymentsCommand,
  ListInstalledComponentsCommand,
} from '@aws-sdk/client-greengrassv2';
import {
  AddThingToThingGroupCommand,
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateKeysAndCertificateCommand,
  CreatePolicyCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  DeleteCertificateCommand,
  DeletePolicyCommand,
  DeleteThingCommand,
  DeleteThingGroupCommand,
  DescribeCertificateCommand,
  DescribeEndpointCommand,
  DescribeThingCommand,
  DescribeThingGroupCommand,
  DetachPolicyCommand,
  DetachThingPrincipalCommand,
  ListThingGroupsCommand,
  ListThingGroupsForThingCommand,
  ListThingPrincipalsCommand,
  ListThingsInThingGroupCommand,
  paginateListThings,
  RemoveThingFromThingGroupCommand,
  UpdateCertificateCommand,
  UpdateThingCommand,
} from '@aws-sdk/client-iot';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConformanceCloud, refusalOf, startConformanceCloud } from './conformance-cloud.ts';

let under: ConformanceCloud;

beforeAll(async () => {
  under = await startConformanceCloud();
});

afterAll(() => under.stop());

const createThing = (thingName: string, attributes: Record<string, string> = {}) =>
  under.iot.send(new CreateThingCommand({ thingName, attributePayload: { attributes } }));
const add = (thingGroupName: string, thingName: string) =>
  under.iot.send(new AddThingToThingGroupCommand({ thingGroupName, thingName }));

describe('things', () => {
  test('are created once, and again only with the same attributes', async () => {
    const one = await createThing('twice', { a: '1' });
    const two = await createThing('twice', { a: '1' });
    expect(two).toMatchObject({ thingArn: one.thingArn, thingId: one.thingId });
    expect(await refusalOf(createThing('twice', { a: '2' }))).toMatchObject({
      name: 'ResourceAlreadyExistsException',
      status: 409,
      error: { resourceId: 'twice', resourceArn: one.thingArn },
    });
    expect(await under.iot.send(new DescribeThingCommand({ thingName: 'twice' }))).toMatchObject({
      thingName: 'twice',
      thingArn: 'arn:aws:iot:us-east-1:000000000000:thing/twice',
      attributes: { a: '1' },
      version: 1,
    });
  });

  test('are updated only by who knows their version', async () => {
    await createThing('versioned');
    const update = (expectedVersion: number, attributes: Record<string, string>) =>
      under.iot.send(
        new UpdateThingCommand({
          thingName: 'versioned',
          attributePayload: { attributes, merge: true },
          expectedVersion,
        }),
      );
    await update(1, { a: '1' });
    expect(await refusalOf(update(1, { a: '2' }))).toMatchObject({ name: 'VersionConflictException', status: 409 });
    await update(2, { b: '2' });
    const thing = await under.iot.send(new DescribeThingCommand({ thingName: 'versioned' }));
    expect(thing).toMatchObject({ version: 3, attributes: { a: '1', b: '2' } });
  });

  test('are listed page by page, and not more than 250 at once', async () => {
    for (const name of ['page-a', 'page-b', 'page-c']) await createThing(name, { kind: 'paged' });
    const seen: (string | undefined)[] = [];
    const input = { attributeName: 'kind', attributeValue: 'paged' };
    for await (const page of paginateListThings({ client: under.iot, pageSize: 2 }, input)) {
      seen.push(...(page.things ?? []).map((thing) => thing.thingName));
    }
    expect(seen.sort()).toEqual(['page-a', 'page-b', 'page-c']);
    const tooMany = await under.raw({ method: 'GET', path: '/things', query: 'maxResults=251', service: 'iot' });
    expect(tooMany).toMatchObject({ status: 400, errorType: 'InvalidRequestException' });
  });

  test('are deleted also when they are not there', async () => {
    await createThing('gone');
    await under.iot.send(new DeleteThingCommand({ thingName: 'gone' }));
    expect((await under.iot.send(new DeleteThingCommand({ thingName: 'gone' }))).$metadata.httpStatusCode).toBe(200);
    const describe = under.iot.send(new DescribeThingCommand({ thingName: 'gone' }));
    expect(await refusalOf(describe)).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
  });

  test('have names of a pattern', async () => {
    for (const name of ['a b', 'a/b', 'x'.repeat(129)]) {
      expect(await refusalOf(createThing(name))).toMatchObject({ name: 'InvalidRequestException', status: 400 });
    }
  });
});

describe('thing groups', () => {
  test('form a tree that is described, listed, and deleted from its leaves', async () => {
    await under.group('root');
    await under.group('leaf', 'root');
    const leaf = await under.iot.send(new DescribeThingGroupCommand({ thingGroupName: 'leaf' }));
    expect(leaf).toMatchObject({
      thingGroupArn: 'arn:aws:iot:us-east-1:000000000000:thinggroup/leaf',
      version: 1,
      thingGroupMetadata: { parentGroupName: 'root', rootToParentThingGroups: [{ groupName: 'root' }] },
    });
    expect(leaf.thingGroupMetadata?.creationDate).toBeInstanceOf(Date);
    const below = await under.iot.send(new ListThingGroupsCommand({ parentGroup: 'root' }));
    expect(below.thingGroups?.map((group) => group.groupName)).toEqual(['leaf']);
    const early = under.iot.send(new DeleteThingGroupCommand({ thingGroupName: 'root' }));
    expect(await refusalOf(early)).toMatchObject({ name: 'InvalidRequestException', status: 400 });
    await under.iot.send(new DeleteThingGroupCommand({ thingGroupName: 'leaf' }));
    await under.iot.send(new DeleteThingGroupCommand({ thingGroupName: 'root' }));
    await under.iot.send(new DeleteThingGroupCommand({ thingGroupName: 'root' }));
    const create = under.iot.send(new CreateThingGroupCommand({ thingGroupName: 'x', parentGroupName: 'nobody' }));
    expect(await refusalOf(create)).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
  });

  test('have members, directly and below', async () => {
    await under.group('plant');
    await under.group('line', 'plant');
    await createThing('member');
    await add('line', 'member');
    await add('line', 'member');
    const things = async (recursive: boolean) =>
      (await under.iot.send(new ListThingsInThingGroupCommand({ thingGroupName: 'plant', recursive }))).things;
    expect(await things(false)).toEqual([]);
    expect(await things(true)).toEqual(['member']);
    const { thingGroups } = await under.iot.send(new ListThingGroupsForThingCommand({ thingName: 'member' }));
    expect(thingGroups?.map((group) => group.groupName)).toEqual(['line']);
    await under.iot.send(new RemoveThingFromThingGroupCommand({ thingGroupName: 'line', thingName: 'member' }));
    expect(await things(true)).toEqual([]);
    expect(await refusalOf(add('nobody', 'member'))).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
    expect(await refusalOf(add('line', 'nobody'))).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
  });

  test('of one tree do not share a thing', async () => {
    await under.group('tree');
    await under.group('left', 'tree');
    await under.group('right', 'tree');
    await createThing('torn');
    await add('left', 'torn');
    expect(await refusalOf(add('right', 'torn'))).toMatchObject({ name: 'InvalidRequestException', status: 400 });
  });

  test('are at most ten of one thing', async () => {
    await createThing('popular');
    for (let number = 1; number <= 10; number++) {
      await under.group(`fan-${number}`);
      await add(`fan-${number}`, 'popular');
    }
    await under.group('fan-11');
    expect(await refusalOf(add('fan-11', 'popular'))).toMatchObject({ name: 'InvalidRequestException', status: 400 });
  });
});

describe('certificates and policies', () => {
  test('are attached, and deleted only when nothing holds them', async () => {
    const made = await under.iot.send(new CreateKeysAndCertificateCommand({ setAsActive: true }));
    const { certificateId = '', certificateArn: target = '' } = made;
    expect(certificateId).toMatch(/^[0-9a-f]{64}$/);
    expect(made.certificatePem).toContain('BEGIN CERTIFICATE');
    expect(made.keyPair?.PrivateKey).toContain('PRIVATE KEY');
    const statement = { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' };
    const policyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    await under.iot.send(new CreatePolicyCommand({ policyName: 'held', policyDocument }));
    await under.iot.send(new AttachPolicyCommand({ policyName: 'held', target }));
    await createThing('holder');
    await under.iot.send(new AttachThingPrincipalCommand({ thingName: 'holder', principal: target }));
    const { principals } = await under.iot.send(new ListThingPrincipalsCommand({ thingName: 'holder' }));
    expect(principals).toEqual([target]);

    const deletePolicy = under.iot.send(new DeletePolicyCommand({ policyName: 'held' }));
    expect(await refusalOf(deletePolicy)).toMatchObject({ name: 'DeleteConflictException', status: 409 });
    const remove = (forceDelete = false) =>
      under.iot.send(new DeleteCertificateCommand({ certificateId, forceDelete }));
    expect(await refusalOf(remove())).toMatchObject({ name: 'CertificateStateException', status: 406 });
    await under.iot.send(new UpdateCertificateCommand({ certificateId, newStatus: 'INACTIVE' }));
    expect(await refusalOf(remove())).toMatchObject({ name: 'DeleteConflictException', status: 409 });
    expect(await refusalOf(remove(true))).toMatchObject({ name: 'DeleteConflictException', status: 409 });
    await under.iot.send(new DetachThingPrincipalCommand({ thingName: 'holder', principal: target }));
    await under.iot.send(new DetachPolicyCommand({ policyName: 'held', target }));
    await remove();
    const describe = under.iot.send(new DescribeCertificateCommand({ certificateId }));
    expect(await refusalOf(describe)).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
    await under.iot.send(new DeletePolicyCommand({ policyName: 'held' }));
  });
});

describe('endpoints', () => {
  test.each([undefined, 'iot:Data-ATS', 'iot:CredentialProvider', 'iot:Jobs'])(
    'of type %s are the name of this machine',
    async (type) => {
      const answer = await under.iot.send(
        new DescribeEndpointCommand(type === undefined ? {} : { endpointType: type }),
      );
      expect(answer.endpointAddress).toBe('localhost');
    },
  );

  test('of an unknown type are refused', async () => {
    const call = under.iot.send(new DescribeEndpointCommand({ endpointType: 'iot:Foo' }));
    expect(await refusalOf(call)).toMatchObject({ name: 'InvalidRequestException', status: 400 });
  });

  test('are also given to old clients, which sign for execute-api', async () => {
    const answer = await under.raw({ method: 'GET', path: '/endpoint', service: 'execute-api' });
    expect(answer.json).toEqual({ endpointAddress: 'localhost' });
  });
});

describe('a thing that never reported', () => {
  test('is no core device', async () => {
    await createThing('silent');
    const coreDeviceThingName = 'silent';
    for (const command of [
      under.greengrass.send(new GetCoreDeviceCommand({ coreDeviceThingName })),
      under.greengrass.send(new ListInstalledComponentsCommand({ coreDeviceThingName })),
      under.greengrass.send(new ListEffectiveDeploymentsCommand({ coreDeviceThingName })),
    ]) {
      expect(await refusalOf(command)).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
    }
    expect((await under.greengrass.send(new ListCoreDevicesCommand({}))).coreDevices).toEqual([]);
  });
});
