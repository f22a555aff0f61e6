import { CreateDeploymentCommand, ListEffectiveDeploymentsCommand } from '@aws-sdk/client-greengrassv2';
import {
  AddThingToThingGroupCommand,
  AttachPolicyCommand,
  CreateDynamicThingGroupCommand,
  CreatePolicyCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  CreateThingTypeCommand,
  DeleteDynamicThingGroupCommand,
  DeleteThingGroupCommand,
  DeleteThingTypeCommand,
  DeprecateThingTypeCommand,
  DescribeIndexCommand,
  DescribeThingCommand,
  DescribeThingGroupCommand,
  DescribeThingTypeCommand,
  GetIndexingConfigurationCommand,
  ListIndicesCommand,
  ListTagsForResourceCommand,
  ListThingGroupsCommand,
  ListThingGroupsForThingCommand,
  ListThingsCommand,
  ListThingsInThingGroupCommand,
  ListThingTypesCommand,
  RemoveThingFromThingGroupCommand,
  SearchIndexCommand,
  UpdateDynamicThingGroupCommand,
  UpdateIndexingConfigurationCommand,
  UpdateThingCommand,
  UpdateThingGroupCommand,
} from '@aws-sdk/client-iot';
import { IoTDataPlaneClient, UpdateThingShadowCommand } from '@aws-sdk/client-iot-data-plane';
import { sdkConfiguration } from '@greensward/testkit/sdk-configuration';
import { until } from '@greensward/testkit/until';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConformanceCloud, refusalOf, startConformanceCloud } from './conformance-cloud.ts';
import { certifiedDevice, firstFleetStatus } from './device-by-certificate.ts';

let under: ConformanceCloud;
let data: IoTDataPlaneClient;

beforeAll(async () => {
  under = await startConformanceCloud();
  data = new IoTDataPlaneClient(sdkConfiguration(under.cloud.folder));
});
afterAll(async () => {
  data.destroy();
  await under.stop();
});

const invalid = { name: 'InvalidRequestException', status: 400 };
const attributes = (thingName: string, values: Record<string, string>) =>
  under.iot.send(new UpdateThingCommand({ thingName, attributePayload: { attributes: values } }));
const dynamic = (thingGroupName: string, queryString: string) =>
  under.iot.send(new CreateDynamicThingGroupCommand({ thingGroupName, queryString }));
const members = async (thingGroupName: string) =>
  (await under.iot.send(new ListThingsInThingGroupCommand({ thingGroupName }))).things;
const search = async (queryString: string) =>
  (await under.iot.send(new SearchIndexCommand({ queryString }))).things?.map(({ thingName }) => thingName);

describe('a dynamic thing group', () => {
  test('is BUILDING, then ACTIVE, and has the things that its query finds; their deployments follow', async () => {
    for (const thingName of ['north-1', 'south-1']) {
      const site = thingName.split('-')[0] ?? '';
      await under.iot.send(new CreateThingCommand({ thingName, attributePayload: { attributes: { site } } }));
    }
    const made = await under.iot.send(
      new CreateDynamicThingGroupCommand({
        thingGroupName: 'north',
        queryString: 'attributes.site:north',
        thingGroupProperties: { thingGroupDescription: 'all in the north' },
        tags: [{ Key: 'a', Value: 'b' }],
      }),
    );
    expect(made).toMatchObject({
      thingGroupName: 'north',
      thingGroupArn: 'arn:aws:iot:us-east-1:000000000000:thinggroup/north',
      indexName: 'AWS_Things',
      queryString: 'attributes.site:north',
      queryVersion: '2017-09-30',
    });
    const described = () => under.iot.send(new DescribeThingGroupCommand({ thingGroupName: 'north' }));
    const active = await until('the group is ACTIVE', async () => {
      const group = await described();
      expect(['BUILDING', 'ACTIVE']).toContain(group.status);
      return group.status === 'ACTIVE' && group;
    });
    expect(active).toMatchObject({
      thingGroupId: made.thingGroupId,
      version: 1,
      indexName: 'AWS_Things',
      queryString: 'attributes.site:north',
      queryVersion: '2017-09-30',
      thingGroupProperties: { thingGroupDescription: 'all in the north' },
    });
    const resourceArn = made.thingGroupArn ?? '';
    expect((await under.iot.send(new ListTagsForResourceCommand({ resourceArn }))).tags).toEqual([
      { Key: 'a', Value: 'b' },
    ]);
    expect(await members('north')).toEqual(['north-1']);
    const groups = (await under.iot.send(new ListThingGroupsCommand({}))).thingGroups?.map(
      ({ groupName }) => groupName,
    );
    expect(groups).toContain('north');

    const { deploymentId } = await under.greengrass.send(new CreateDeploymentCommand({ targetArn: resourceArn }));
    const core = await certifiedDevice(under, 'mover');
    const client = await core.connect();
    await client.publishAsync('$aws/things/mover/greengrassv2/health/json', firstFleetStatus('mover'), { qos: 1 });
    const effective = async () =>
      (await under.greengrass.send(new ListEffectiveDeploymentsCommand({ coreDeviceThingName: 'mover' })))
        .effectiveDeployments;
    expect(await effective()).toEqual([]);
    const notified = new Promise<string>((resolve) => {
      client.on('message', (_, payload) => payload.includes('QUEUED') && resolve(payload.toString()));
    });
    await client.subscribeAsync('$aws/things/mover/jobs/notify-namespace-aws-gg-deployment', { qos: 1 });
    await attributes('mover', { site: 'north' });
    await until('it has the deployment', async () => (await effective())?.length === 1);
    expect((await effective())?.[0]).toMatchObject({ deploymentId, coreDeviceExecutionStatus: 'QUEUED' });
    expect(JSON.parse(await notified)).toMatchObject({ jobs: { QUEUED: [{ executionNumber: 1 }] } });
    const ofThing = await under.iot.send(new ListThingGroupsForThingCommand({ thingName: 'mover' }));
    expect(ofThing.thingGroups).toEqual([{ groupName: 'north', groupArn: resourceArn }]);
    await attributes('mover', { site: 'south' });
    await until('it has lost the deployment', async () => (await effective())?.length === 0);
    await client.endAsync();
  });

  test('made again is accepted with the same query only', async () => {
    const first = await dynamic('again', 'thingName:x*');
    expect((await dynamic('again', 'thingName:x*')).thingGroupId).toBe(first.thingGroupId);
    const exists = { name: 'ResourceAlreadyExistsException', status: 409 };
    expect(await refusalOf(dynamic('again', 'thingName:y*'))).toMatchObject(exists);
    expect(await refusalOf(under.group('again'))).toMatchObject(exists);
  });

  test('gets another query and other properties by who knows its version', async () => {
    await under.thing('z-1');
    await dynamic('changing', 'thingName:x-1');
    const update = (input: { queryString?: string; expectedVersion?: number; indexName?: string }) =>
      under.iot.send(
        new UpdateDynamicThingGroupCommand({
          thingGroupName: 'changing',
          thingGroupProperties: { attributePayload: { attributes: { a: '1' }, merge: true } },
          ...input,
        }),
      );
    expect((await update({ queryString: 'thingName:z-1', expectedVersion: 1 })).version).toBe(2);
    expect(await refusalOf(update({ expectedVersion: 1 }))).toMatchObject({ name: 'VersionConflictException' });
    expect(await refusalOf(update({ indexName: 'Other' }))).toMatchObject({ status: 404 });
    await until('it has other members', async () => (await members('changing'))?.[0] === 'z-1');
    expect(await under.iot.send(new DescribeThingGroupCommand({ thingGroupName: 'changing' }))).toMatchObject({
      version: 2,
      queryString: 'thingName:z-1',
      thingGroupProperties: { attributePayload: { attributes: { a: '1' } } },
    });
  });

  test('has no members by hand, no policies, no groups below it, and operations of its own', async () => {
    await dynamic('closed', 'thingName:nobody');
    await under.group('open');
    await under.thing('outsider');
    const thingGroupName = 'closed';
    const policyDocument = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Deny', Action: 'iot:*', Resource: '*' }],
    });
    await under.iot.send(new CreatePolicyCommand({ policyName: 'none', policyDocument }));
    const target = 'arn:aws:iot:us-east-1:000000000000:thinggroup/closed';
    const refused = await Promise.all(
      [
        under.iot.send(new AddThingToThingGroupCommand({ thingGroupName, thingName: 'outsider' })),
        under.iot.send(new RemoveThingFromThingGroupCommand({ thingGroupName, thingName: 'outsider' })),
        under.iot.send(new UpdateThingGroupCommand({ thingGroupName, thingGroupProperties: {} })),
        under.iot.send(new DeleteThingGroupCommand({ thingGroupName })),
        under.iot.send(new CreateThingGroupCommand({ thingGroupName: 'below', parentGroupName: 'closed' })),
        under.iot.send(new AttachPolicyCommand({ policyName: 'none', target })),
        under.iot.send(new DeleteDynamicThingGroupCommand({ thingGroupName: 'open' })),
        under.iot.send(new UpdateDynamicThingGroupCommand({ thingGroupName: 'open', thingGroupProperties: {} })),
      ].map(refusalOf),
    );
    for (const refusal of refused) expect(refusal, refusal.message).toMatchObject(invalid);
    await under.iot.send(new DeleteDynamicThingGroupCommand({ thingGroupName }));
    await under.iot.send(new DeleteDynamicThingGroupCommand({ thingGroupName }));
    expect(await refusalOf(members('closed'))).toMatchObject({ status: 404 });
  });

  test('with a query that is none is refused, with the place', async () => {
    const refusal = await refusalOf(dynamic('broken', 'thingName:(a OR'));
    expect(refusal).toMatchObject({ name: 'InvalidQueryException', status: 400 });
    expect(refusal.message).toContain('character 16');
    expect(await refusalOf(search('attributes.a:['))).toMatchObject({ name: 'InvalidQueryException' });
    expect(await refusalOf(members('broken'))).toMatchObject({ status: 404 });
  });
});

describe('the index of things', () => {
  test('is searched for what the registry, shadows and connections say, page by page', async () => {
    await under.iot.send(new CreateThingTypeCommand({ thingTypeName: 'lamp' }));
    for (const thingName of ['lamp-1', 'lamp-2', 'lamp-3']) {
      const input = { thingName, thingTypeName: 'lamp', attributePayload: { attributes: { watts: '40' } } };
      await under.iot.send(new CreateThingCommand(input));
    }
    await under.group('lights');
    await under.iot.send(new AddThingToThingGroupCommand({ thingGroupName: 'lights', thingName: 'lamp-2' }));
    const payload = Buffer.from(JSON.stringify({ state: { reported: { on: true }, desired: { on: false } } }));
    await data.send(new UpdateThingShadowCommand({ thingName: 'lamp-2', shadowName: 'light', payload }));
    const found = await under.iot.send(
      new SearchIndexCommand({ queryString: 'thingTypeName:lamp AND shadow.name.light.hasDelta:true' }),
    );
    expect(found.things).toHaveLength(1);
    const [lamp] = found.things ?? [];
    expect(lamp).toMatchObject({
      thingName: 'lamp-2',
      thingTypeName: 'lamp',
      thingGroupNames: ['lights'],
      attributes: { watts: '40' },
    });
    expect(JSON.parse(lamp?.shadow ?? '')).toMatchObject({
      name: {
        light: { reported: { on: true }, desired: { on: false }, delta: { on: false }, hasDelta: true, version: 1 },
      },
    });
    const names: (string | undefined)[] = [];
    let nextToken: string | undefined;
    do {
      const page = await under.iot.send(
        new SearchIndexCommand({ queryString: 'attributes.watts:[40 TO 60]', maxResults: 2, nextToken }),
      );
      names.push(...(page.things ?? []).map(({ thingName }) => thingName));
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    expect(names).toEqual(['lamp-1', 'lamp-2', 'lamp-3']);

    const core = await certifiedDevice(under, 'lamp-core');
    const client = await core.connect();
    const connected = 'connectivity.connected:true thingName:lamp*';
    await until('it is found as connected', async () => (await search(connected))?.[0] === 'lamp-core');
    await client.endAsync();
    await until('it is found no more', async () => (await search(connected))?.length === 0);
    expect(await search('connectivity.disconnectReason:CLIENT_INITIATED_DISCONNECT thingName:lamp*')).toEqual([
      'lamp-core',
    ]);
  });

  test('is described, and has what it is told to have', async () => {
    expect((await under.iot.send(new ListIndicesCommand({}))).indexNames).toEqual(['AWS_Things']);
    const describe = (indexName: string) => under.iot.send(new DescribeIndexCommand({ indexName }));
    expect(await describe('AWS_Things')).toMatchObject({
      indexStatus: 'ACTIVE',
      schema: 'REGISTRY_AND_SHADOW_AND_CONNECTIVITY_STATUS',
    });
    expect(await refusalOf(describe('Other'))).toMatchObject({ name: 'ResourceNotFoundException' });
    const configure = (thingIndexingConfiguration: object) =>
      under.iot.send(
        new UpdateIndexingConfigurationCommand({
          thingIndexingConfiguration: { thingIndexingMode: 'REGISTRY', ...thingIndexingConfiguration },
        }),
      );
    const configuration = () => under.iot.send(new GetIndexingConfigurationCommand({}));
    const { thingIndexingConfiguration: before } = await configuration();
    expect(before).toMatchObject({ thingIndexingMode: 'REGISTRY_AND_SHADOW', thingConnectivityIndexingMode: 'STATUS' });
    await under.thing('indexed');
    const payload = Buffer.from(JSON.stringify({ state: { reported: { depth: 7 } } }));
    await data.send(new UpdateThingShadowCommand({ thingName: 'indexed', payload }));
    expect(await search('shadow.reported.depth:7')).toEqual(['indexed']);
    await configure({ namedShadowIndexingMode: 'ON', filter: { namedShadowNames: ['a'] } });
    expect(await search('shadow.reported.depth:7')).toEqual([]);
    expect((await configuration()).thingIndexingConfiguration).toMatchObject({
      thingIndexingMode: 'REGISTRY',
      thingConnectivityIndexingMode: 'OFF',
      namedShadowIndexingMode: 'ON',
      filter: { namedShadowNames: ['a'] },
    });
    expect(await describe('AWS_Things')).toMatchObject({ schema: 'REGISTRY' });
    for (const bad of [
      { thingIndexingMode: 'OFF' },
      { deviceDefenderIndexingMode: 'VIOLATIONS' },
      { filter: { geoLocations: [{ name: 'shadow.reported.place' }] } },
    ]) {
      expect(await refusalOf(configure(bad))).toMatchObject(invalid);
    }
    await under.iot.send(new UpdateIndexingConfigurationCommand({ thingIndexingConfiguration: before }));
    expect(await search('shadow.reported.depth:7')).toEqual(['indexed']);
  });
});

describe('a thing type', () => {
  test('is made, given to things, listed and deprecated; deleted only later', async () => {
    const thingTypeName = 'pump';
    const made = await under.iot.send(
      new CreateThingTypeCommand({
        thingTypeName,
        thingTypeProperties: { thingTypeDescription: 'moves water', searchableAttributes: ['maker'] },
        tags: [{ Key: 'a', Value: 'b' }],
      }),
    );
    expect(made.thingTypeArn).toBe('arn:aws:iot:us-east-1:000000000000:thingtype/pump');
    const tags = new ListTagsForResourceCommand({ resourceArn: made.thingTypeArn ?? '' });
    expect((await under.iot.send(tags)).tags).toEqual([{ Key: 'a', Value: 'b' }]);
    const describeType = () => under.iot.send(new DescribeThingTypeCommand({ thingTypeName }));
    expect(await describeType()).toMatchObject({
      thingTypeId: made.thingTypeId,
      thingTypeProperties: { thingTypeDescription: 'moves water', searchableAttributes: ['maker'] },
      thingTypeMetadata: { deprecated: false, creationDate: expect.any(Date) },
    });
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`a${at}`, '1']));
    const create = (thingName: string) =>
      under.iot.send(new CreateThingCommand({ thingName, thingTypeName, attributePayload: { attributes: many } }));
    await create('pump-1');
    expect(await under.iot.send(new DescribeThingCommand({ thingName: 'pump-1' }))).toMatchObject({ thingTypeName });
    const listed = await under.iot.send(new ListThingsCommand({ thingTypeName }));
    expect(listed.things?.map(({ thingName }) => thingName)).toEqual(['pump-1']);

    await under.iot.send(new DeprecateThingTypeCommand({ thingTypeName }));
    expect((await describeType()).thingTypeMetadata).toMatchObject({
      deprecated: true,
      deprecationDate: expect.any(Date),
    });
    expect(await refusalOf(create('pump-2'))).toMatchObject(invalid);
    expect(await refusalOf(under.iot.send(new DeleteThingTypeCommand({ thingTypeName })))).toMatchObject(invalid);
    await under.iot.send(new DeprecateThingTypeCommand({ thingTypeName, undoDeprecate: true }));
    await create('pump-2');
    for (const thingTypeName of ['pump-a', 'pump-b'])
      await under.iot.send(new CreateThingTypeCommand({ thingTypeName }));
    const names: (string | undefined)[] = [];
    let nextToken: string | undefined;
    do {
      const page = await under.iot.send(new ListThingTypesCommand({ maxResults: 1, nextToken }));
      names.push(...(page.thingTypes ?? []).map((type) => type.thingTypeName));
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    expect(names.filter((name) => name?.startsWith('pump'))).toEqual(['pump', 'pump-a', 'pump-b']);
    const one = await under.iot.send(new ListThingTypesCommand({ thingTypeName: 'pump-a' }));
    expect(one.thingTypes?.map((type) => type.thingTypeName)).toEqual(['pump-a']);
  });
});
