import {
  AddThingToThingGroupCommand,
  AttachPolicyCommand,
  AttachPrincipalPolicyCommand,
  CreateKeysAndCertificateCommand,
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  DeletePolicyCommand,
  DeletePolicyVersionCommand,
  DetachPolicyCommand,
  DetachPrincipalPolicyCommand,
  DetachThingPrincipalCommand,
  GetEffectivePoliciesCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  ListAttachedPoliciesCommand,
  ListPolicyPrincipalsCommand,
  ListPolicyVersionsCommand,
  ListPrincipalPoliciesCommand,
  paginateListTargetsForPolicy,
  SetDefaultPolicyVersionCommand,
  UpdateCertificateCommand,
} from '@aws-sdk/client-iot';
import type { MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { devicePolicyDocument } from '../../packages/cli/src/provision/device-policy.ts';
import { type ConformanceCloud, refusalOf, startConformanceCloud } from './conformance-cloud.ts';
import { codeOf, connectDevice, type DeviceCredentials, makeDevice } from './device-connection.ts';

let under: ConformanceCloud;
const clients: MqttClient[] = [];

beforeAll(async () => {
  under = await startConformanceCloud();
});
afterEach(() => {
  for (const client of clients.splice(0)) client.end(true);
});
afterAll(() => under.stop());

const account = 'arn:aws:iot:us-east-1:000000000000';
const allow = (Action: unknown, Resource: unknown = '*') => ({ Effect: 'Allow', Action, Resource });
const document = (...Statement: readonly object[]) => JSON.stringify({ Version: '2012-10-17', Statement });
const create = (policyName: string, ...statements: readonly object[]) =>
  under.iot.send(new CreatePolicyCommand({ policyName, policyDocument: document(...statements) }));
const createVersion = (policyName: string, setAsDefault: boolean, ...statements: readonly object[]) =>
  under.iot.send(new CreatePolicyVersionCommand({ policyName, policyDocument: document(...statements), setAsDefault }));
async function connect(device: DeviceCredentials, clientId: string, version: 4 | 5 = 5): Promise<MqttClient> {
  const client = await connectDevice(under, device, clientId, version);
  clients.push(client);
  return client;
}

describe('policy versions', () => {
  test('are made, read, listed, made the default, and deleted; the sixth is one too many', async () => {
    const first = await create('v', allow('iot:A1'));
    expect(first).toMatchObject({ policyVersionId: '1', policyArn: `${account}:policy/v` });
    for (let number = 2; number <= 5; number++) {
      const made = await createVersion('v', number === 3, allow(`iot:A${number}`));
      expect(made).toMatchObject({ policyVersionId: String(number), isDefaultVersion: number === 3 });
    }
    expect(await refusalOf(createVersion('v', false, allow('iot:A6')))).toMatchObject({
      name: 'VersionsLimitExceededException',
      status: 409,
    });
    const { policyVersions = [] } = await under.iot.send(new ListPolicyVersionsCommand({ policyName: 'v' }));
    expect(policyVersions.map(({ versionId, isDefaultVersion }) => [versionId, isDefaultVersion])).toEqual([
      ...[
        ['5', false],
        ['4', false],
        ['3', true],
      ],
      ...[
        ['2', false],
        ['1', false],
      ],
    ]);
    expect(policyVersions[0]?.createDate).toBeInstanceOf(Date);
    const version = (policyVersionId: string) => ({ policyName: 'v', policyVersionId });
    const remove = (id: string) => under.iot.send(new DeletePolicyVersionCommand(version(id)));
    expect(await refusalOf(remove('3'))).toMatchObject({ name: 'DeleteConflictException', status: 409 });
    await under.iot.send(new SetDefaultPolicyVersionCommand(version('5')));
    expect(await under.iot.send(new GetPolicyCommand({ policyName: 'v' }))).toMatchObject({
      defaultVersionId: '5',
      policyDocument: document(allow('iot:A5')),
    });
    expect(await under.iot.send(new GetPolicyVersionCommand(version('3')))).toMatchObject({
      isDefaultVersion: false,
      policyDocument: document(allow('iot:A3')),
    });
    const deletePolicy = () => under.iot.send(new DeletePolicyCommand({ policyName: 'v' }));
    expect(await refusalOf(deletePolicy())).toMatchObject({ name: 'DeleteConflictException', status: 409 });
    for (const id of ['1', '2', '3', '4']) await remove(id);
    expect(await refusalOf(remove('4'))).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
    await deletePolicy();
  });

  test('that are malformed are refused with the path of what is wrong', async () => {
    const bad = under.iot.send(
      new CreatePolicyCommand({ policyName: 'bad', policyDocument: document(allow('iot:*'), { Effect: 'Perhaps' }) }),
    );
    expect(await refusalOf(bad)).toMatchObject({
      name: 'MalformedPolicyException',
      status: 400,
      message: 'Statement[1].Effect: must be "Allow" or "Deny".',
    });
    const long = create('long', allow('iot:*', `${account}:topic/${'x'.repeat(2048)}`));
    expect(await refusalOf(long)).toMatchObject({ name: 'MalformedPolicyException', status: 400 });
  });
});

describe('policies', () => {
  test('list their targets, and targets their policies, in the old form too', async () => {
    await create('listed', allow('iot:*'));
    const group = await under.group('listed');
    const made = await under.iot.send(new CreateKeysAndCertificateCommand({ setAsActive: true }));
    const principal = made.certificateArn ?? '';
    await under.iot.send(new AttachPrincipalPolicyCommand({ policyName: 'listed', principal }));
    await under.iot.send(new AttachPolicyCommand({ policyName: 'listed', target: group }));
    const targets: string[] = [];
    const paging = { client: under.iot, pageSize: 1 };
    for await (const page of paginateListTargetsForPolicy(paging, { policyName: 'listed' })) {
      targets.push(...(page.targets ?? []));
    }
    expect(targets).toEqual([principal, group]);
    const principals = await under.iot.send(new ListPolicyPrincipalsCommand({ policyName: 'listed' }));
    expect(principals.principals).toEqual([principal]);
    const policies = await under.iot.send(new ListPrincipalPoliciesCommand({ principal }));
    expect(policies.policies).toEqual([{ policyName: 'listed', policyArn: `${account}:policy/listed` }]);
    await under.iot.send(new DetachPrincipalPolicyCommand({ policyName: 'listed', principal }));
    const left = await under.iot.send(new ListAttachedPoliciesCommand({ target: principal }));
    expect(left.policies).toEqual([]);
  });

  test('are inherited from all groups above', async () => {
    await under.group('top');
    await under.group('bottom', 'top');
    await under.thing('heir');
    await under.iot.send(new AddThingToThingGroupCommand({ thingGroupName: 'bottom', thingName: 'heir' }));
    await create('of-top', allow('iot:Publish'));
    await under.iot.send(new AttachPolicyCommand({ policyName: 'of-top', target: `${account}:thinggroup/top` }));
    const { effectivePolicies } = await under.iot.send(new GetEffectivePoliciesCommand({ thingName: 'heir' }));
    expect(effectivePolicies).toEqual([
      { policyName: 'of-top', policyArn: `${account}:policy/of-top`, policyDocument: document(allow('iot:Publish')) },
    ]);
    const target = `${account}:thinggroup/bottom`;
    const attached = async (recursive: boolean) =>
      (await under.iot.send(new ListAttachedPoliciesCommand({ target, recursive }))).policies?.length;
    expect([await attached(false), await attached(true)]).toEqual([0, 1]);
  });
});

/** What earlier versions of `sward provision` gave every device. */
const formerDocument = document(
  allow(['iot:Connect'], [`arn:aws:iot:*:*:client/\${${'iot:Connection.Thing.ThingName'}}*`]),
  allow(['iot:Publish', 'iot:Subscribe', 'iot:Receive', 'greengrass:*'], ['*']),
);

describe.each([
  ['the policy of sward provision', 'provisioned', devicePolicyDocument],
  ['the policy of earlier versions of it', 'former', formerDocument],
])('%s', (_what, policyName, policyDocument) => {
  test('lets a core device do what it does', async () => {
    await under.iot.send(new CreatePolicyCommand({ policyName, policyDocument }));
    const thing = `core-${policyName}`;
    await under.thing(thing);
    await under.thing(`${thing}-2`);
    const device = await makeDevice(under, thing, [policyName]);
    for (const clientId of [thing, `${thing}#2`, `${thing}#endpoint-switch`]) {
      const client = await connect(device, clientId);
      const own = `$aws/things/${thing}`;
      const namespace = 'namespace-aws-gg-deployment';
      const filters = [
        `${own}/jobs/notify-${namespace}`,
        `${own}/jobs/$next/${namespace}/get/accepted`,
        `${own}/jobs/+/${namespace}/update/+`,
        `${own}/shadow/name/AWSManagedGreengrassV2Deployment/update/delta`,
      ];
      for (const filter of filters)
        expect([filter, await codeOf(client.subscribeAsync(filter, { qos: 1 }))]).toEqual([filter, 1]);
      const answered = new Promise((resolve) => client.once('message', (topic) => resolve(topic)));
      await client.publishAsync(`${own}/jobs/$next/${namespace}/get`, '{}', { qos: 1 });
      expect(await answered).toBe(`${own}/jobs/$next/${namespace}/get/accepted`);
      await client.publishAsync(`${own}/greengrassv2/health/json`, '{}', { qos: 1 });
      expect(await codeOf(client.subscribeAsync(`$aws/things/${thing}-2/jobs/notify`))).toBe(135);
    }
    await expect(connect(device, `${thing}-2`)).rejects.toThrow();
    await expect(connect(device, `${thing}-3`)).rejects.toThrow();
  });
});

describe('a live connection', () => {
  test('does with its next packet what its policies say by then', async () => {
    await under.thing('live');
    await create('live', allow('iot:*'));
    const device = await makeDevice(under, 'live', ['live']);
    const client = await connect(device, 'live');
    const publish = () => codeOf(client.publishAsync('open/a', 'x', { qos: 1 }));
    expect(await publish()).toBe(0);
    await createVersion('live', true, allow('iot:Connect'));
    expect(await publish()).toBe(135);
    expect(await codeOf(client.subscribeAsync('open/a'))).toBe(135);
    await under.iot.send(new SetDefaultPolicyVersionCommand({ policyName: 'live', policyVersionId: '1' }));
    expect(await publish()).toBe(0);
    await under.iot.send(new DetachPolicyCommand({ policyName: 'live', target: device.arn }));
    expect(await publish()).toBe(135);
    expect(client.connected).toBe(true);
  });

  test.each([4, 5] as const)(
    'of MQTT %s is lost when its certificate is revoked, deactivated or detached',
    async (version) => {
      const name = `lost-${version}`;
      await under.thing(name);
      await create(name, allow('iot:*'));
      for (const how of ['REVOKED', 'INACTIVE', 'detached'] as const) {
        const device = await makeDevice(under, name, [name]);
        const client = await connect(device, name, version);
        const closed = new Promise((resolve) => client.once('close', () => resolve('closed')));
        if (how === 'detached') {
          await under.iot.send(new DetachThingPrincipalCommand({ thingName: name, principal: device.arn }));
        } else await under.iot.send(new UpdateCertificateCommand({ certificateId: device.id, newStatus: how }));
        expect(await closed).toBe('closed');
        await expect(connect(device, name, version)).rejects.toThrow();
      }
    },
  );
});
