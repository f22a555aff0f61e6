import { CreateDeploymentCommand } from '@aws-sdk/client-greengrassv2';
import {
  AddThingToThingGroupCommand,
  CancelJobExecutionCommand,
  CreatePolicyCommand,
  CreateRoleAliasCommand,
  CreateThingGroupCommand,
  DeleteJobCommand,
  DeleteJobExecutionCommand,
  DeletePolicyCommand,
  DescribeJobCommand,
  DescribeJobExecutionCommand,
  DescribeThingGroupCommand,
  ListTagsForResourceCommand,
  ListThingGroupsForThingCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateThingGroupCommand,
  UpdateThingGroupsForThingCommand,
} from '@aws-sdk/client-iot';
import { IoTDataPlaneClient, PublishCommand } from '@aws-sdk/client-iot-data-plane';
import { UpdateJobExecutionCommand } from '@aws-sdk/client-iot-jobs-data-plane';
import { sdkConfiguration } from '@greensward/testkit/sdk-configuration';
import { until } from '@greensward/testkit/until';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConformanceCloud, refusalOf, startConformanceCloud } from './conformance-cloud.ts';
import { certifiedDevice } from './device-by-certificate.ts';

let under: ConformanceCloud;

beforeAll(async () => {
  under = await startConformanceCloud();
});

afterAll(() => under.stop());

describe('a thing group', () => {
  test('is updated by who knows its version', async () => {
    await under.iot.send(
      new CreateThingGroupCommand({
        thingGroupName: 'changed',
        thingGroupProperties: { thingGroupDescription: 'one', attributePayload: { attributes: { a: '1' } } },
      }),
    );
    const update = (merge: boolean, attributes: Record<string, string>, expectedVersion?: number) =>
      under.iot.send(
        new UpdateThingGroupCommand({
          thingGroupName: 'changed',
          thingGroupProperties: { attributePayload: { attributes, merge } },
          ...(expectedVersion === undefined ? {} : { expectedVersion }),
        }),
      );
    expect((await update(true, { b: '2' }, 1)).version).toBe(2);
    expect(await refusalOf(update(true, {}, 1))).toMatchObject({ name: 'VersionConflictException', status: 409 });
    const described = () => under.iot.send(new DescribeThingGroupCommand({ thingGroupName: 'changed' }));
    expect(await described()).toMatchObject({
      version: 2,
      thingGroupProperties: { thingGroupDescription: 'one', attributePayload: { attributes: { a: '1', b: '2' } } },
    });
    await update(false, { c: '3' });
    expect((await described()).thingGroupProperties?.attributePayload?.attributes).toEqual({ c: '3' });
  });

  test('is left for another of its hierarchy in one step, or in none', async () => {
    await under.group('root');
    for (const name of ['left', 'right']) await under.group(name, 'root');
    await under.thing('mover');
    const move = (thingGroupsToAdd: string[], thingGroupsToRemove: string[]) =>
      under.iot.send(
        new UpdateThingGroupsForThingCommand({ thingName: 'mover', thingGroupsToAdd, thingGroupsToRemove }),
      );
    const groups = async () =>
      (await under.iot.send(new ListThingGroupsForThingCommand({ thingName: 'mover' }))).thingGroups?.map(
        ({ groupName }) => groupName,
      );
    await move(['left'], []);
    await move(['right'], ['left']);
    expect(await groups()).toEqual(['right']);
    expect(await refusalOf(move(['left', 'nowhere'], ['right']))).toMatchObject({ status: 404 });
    expect(await refusalOf(move(['left'], []))).toMatchObject({ name: 'InvalidRequestException', status: 400 });
    expect(await groups()).toEqual(['right']);
  });
});

describe('tags of IoT', () => {
  const list = async (resourceArn: string) =>
    (await under.iot.send(new ListTagsForResourceCommand({ resourceArn }))).tags;

  test('are on thing groups, policies and role aliases: from the start, added, replaced and removed', async () => {
    const tags = [{ Key: 'plant', Value: 'north' }];
    const policyDocument = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
    });
    const roleArn = 'arn:aws:iam::000000000000:role/Fetch';
    const made = await Promise.all([
      under.iot.send(new CreateThingGroupCommand({ thingGroupName: 'tagged', tags })),
      under.iot.send(new CreatePolicyCommand({ policyName: 'tagged', policyDocument, tags })),
      under.iot.send(new CreateRoleAliasCommand({ roleAlias: 'tagged', roleArn, tags })),
    ]);
    for (const arn of [made[0].thingGroupArn, made[1].policyArn, made[2].roleAliasArn]) {
      const resourceArn = arn ?? '';
      expect(await list(resourceArn), arn).toEqual(tags);
      const more = [
        { Key: 'plant', Value: 'south' },
        { Key: 'line', Value: '' },
      ];
      await under.iot.send(new TagResourceCommand({ resourceArn, tags: more }));
      expect(await list(resourceArn)).toEqual([more[1], more[0]]);
      await under.iot.send(new UntagResourceCommand({ resourceArn, tagKeys: ['line', 'never'] }));
      expect(await list(resourceArn)).toEqual([more[0]]);
    }
    await under.iot.send(new DeletePolicyCommand({ policyName: 'tagged' }));
    expect(await refusalOf(list(made[1].policyArn ?? ''))).toMatchObject({
      name: 'ResourceNotFoundException',
      status: 404,
    });
  });

  test('are not on things, and have at most 50 keys', async () => {
    const thing = await under.thing('untagged');
    expect(await refusalOf(list(thing))).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
    const group = await under.group('full');
    const tags = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, index) => ({ Key: `k${from + index}`, Value: '' }));
    await under.iot.send(new TagResourceCommand({ resourceArn: group, tags: tags(0, 50) }));
    const more = under.iot.send(new TagResourceCommand({ resourceArn: group, tags: tags(50, 51) }));
    expect(await refusalOf(more)).toMatchObject({ name: 'InvalidRequestException', status: 400 });
  });
});

test('executions and jobs are canceled and deleted, those that run only by force', async () => {
  const targetArn = await under.group('jobs');
  for (const thingName of ['job-a', 'job-b']) {
    await under.thing(thingName);
    await under.iot.send(new AddThingToThingGroupCommand({ thingGroupName: 'jobs', thingName }));
  }
  const created = await under.greengrass.send(
    new CreateDeploymentCommand({ targetArn, components: { 'com.example.Any': { componentVersion: '1.0.0' } } }),
  );
  const jobId = created.iotJobId ?? '';
  const execution = async (thingName: string) =>
    (await under.iot.send(new DescribeJobExecutionCommand({ jobId, thingName }))).execution;
  await until('both have their execution', async () => (await execution('job-b')) !== undefined);
  await under.jobsData.send(new UpdateJobExecutionCommand({ jobId, thingName: 'job-a', status: 'IN_PROGRESS' }));

  const cancel = (thingName: string, force: boolean) =>
    under.iot.send(new CancelJobExecutionCommand({ jobId, thingName, force, statusDetails: { by: 'hand' } }));
  const refused = { name: 'InvalidStateTransitionException', status: 409 };
  expect(await refusalOf(cancel('job-a', false))).toMatchObject(refused);
  await cancel('job-a', true);
  expect(await execution('job-a')).toMatchObject({
    status: 'CANCELED',
    forceCanceled: true,
    statusDetails: { detailsMap: { by: 'hand' } },
  });
  expect(await refusalOf(cancel('job-a', true))).toMatchObject(refused);

  const remove = (thingName: string, executionNumber: number) =>
    under.iot.send(new DeleteJobExecutionCommand({ jobId, thingName, executionNumber }));
  await remove('job-b', 1);
  expect(await refusalOf(remove('job-b', 1))).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });

  expect(await refusalOf(under.iot.send(new DeleteJobCommand({ jobId })))).toMatchObject(refused);
  await under.iot.send(new DeleteJobCommand({ jobId, force: true, namespaceId: 'aws-gg-deployment' }));
  expect(await refusalOf(under.iot.send(new DescribeJobCommand({ jobId })))).toMatchObject({ status: 404 });
});

describe('a device that is connected', () => {
  test('gets what is published over HTTP, with its MQTT 5 properties', async () => {
    const device = await certifiedDevice(under, 'listener');
    const client = await device.connect();
    const data = new IoTDataPlaneClient(sdkConfiguration(under.cloud.folder));
    const arrived = new Promise((resolve) => {
      client.on('message', (topic, payload, { properties }) => {
        const { contentType, responseTopic, userProperties, correlationData } = properties ?? {};
        const correlation = correlationData?.toString();
        resolve({ topic, text: payload.toString(), contentType, responseTopic, correlation, ...userProperties });
      });
    });
    await client.subscribeAsync('plant/#', { qos: 1 });
    await data.send(
      new PublishCommand({
        topic: 'plant/valve 1',
        qos: 1,
        payload: Buffer.from('open'),
        contentType: 'text/plain',
        responseTopic: 'plant/answers',
        correlationData: Buffer.from('7').toString('base64'),
        userProperties: JSON.stringify([{ by: 'hand' }]),
      }),
    );
    const message = { topic: 'plant/valve 1', text: 'open', contentType: 'text/plain', by: 'hand', correlation: '7' };
    expect(await arrived).toEqual({ ...message, responseTopic: 'plant/answers' });
    for (const topic of ['$aws/things/listener/jobs/notify', 'plant/+']) {
      const publish = data.send(new PublishCommand({ topic, payload: Buffer.from('x') }));
      expect(await refusalOf(publish)).toMatchObject({ name: 'InvalidRequestException', status: 400 });
    }
    await client.endAsync();
    data.destroy();
  });

  test('tells telemetry, whose last message is shown', async () => {
    const client = await (await certifiedDevice(under, 'teller')).connect();
    const path = '/greensward/v1/devices/teller/telemetry';
    const ask = () => under.raw({ method: 'GET', path, service: 'greensward' });
    expect(await ask()).toMatchObject({ status: 404, errorType: 'ResourceNotFoundException' });
    const telemetry = {
      Schema: '2022-06-30',
      ADP: [{ TS: 1_767_225_600_000, NS: 'SystemMetrics', M: [{ N: 'CpuUsage', Sum: 15.45, U: 'Percent' }] }],
    };
    await client.publishAsync('$aws/things/teller/greengrass/health/json', JSON.stringify(telemetry), { qos: 1 });
    expect((await ask()).json).toEqual({ thing: 'teller', receivedAt: expect.any(Number), telemetry });
    await client.endAsync();
  });
});
