import {
  AssociateServiceRoleToAccountCommand,
  BatchAssociateClientDeviceWithCoreDeviceCommand,
  BatchDisassociateClientDeviceFromCoreDeviceCommand,
  DeleteCoreDeviceCommand,
  DisassociateServiceRoleFromAccountCommand,
  GetConnectivityInfoCommand,
  GetServiceRoleForAccountCommand,
  ListClientDevicesAssociatedWithCoreDeviceCommand,
  paginateListClientDevicesAssociatedWithCoreDevice,
  UpdateConnectivityInfoCommand,
} from '@aws-sdk/client-greengrassv2';
import type { MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConformanceCloud, refusalOf, startConformanceCloud } from './conformance-cloud.ts';
import { type CertifiedDevice, certifiedDevice, firstFleetStatus } from './device-by-certificate.ts';

let under: ConformanceCloud;
let core: CertifiedDevice;
let client: CertifiedDevice;
let connection: MqttClient;

beforeAll(async () => {
  under = await startConformanceCloud();
  [core, client] = await Promise.all([certifiedDevice(under, 'core'), certifiedDevice(under, 'client')]);
  await under.thing('other');
  connection = await core.connect();
  // Acknowledged after the commit.
  await connection.publishAsync('$aws/things/core/greengrassv2/health/json', firstFleetStatus('core'), { qos: 1 });
});

afterAll(async () => {
  await connection.endAsync();
  await under.stop();
});

const associate = (...names: readonly string[]) =>
  under.greengrass.send(
    new BatchAssociateClientDeviceWithCoreDeviceCommand({
      coreDeviceThingName: 'core',
      entries: names.map((thingName) => ({ thingName })),
    }),
  );
const disassociate = (...names: readonly string[]) =>
  under.greengrass.send(
    new BatchDisassociateClientDeviceFromCoreDeviceCommand({
      coreDeviceThingName: 'core',
      entries: names.map((thingName) => ({ thingName })),
    }),
  );
async function associated(): Promise<readonly (string | undefined)[]> {
  const names: (string | undefined)[] = [];
  const paginator = { client: under.greengrass, pageSize: 1 };
  const input = { coreDeviceThingName: 'core' };
  for await (const page of paginateListClientDevicesAssociatedWithCoreDevice(paginator, input)) {
    names.push(...(page.associatedClientDevices ?? []).map(({ thingName }) => thingName));
  }
  return names;
}
const endpoint = { Id: '192.168.1.5', HostAddress: '192.168.1.5', PortNumber: 8883, Metadata: '' };
const connectivityPath = '/greengrass/things/core/connectivityInfo';

describe('client devices', () => {
  test('are associated, those that are unknown are told, and listed page by page', async () => {
    expect((await associate('client', 'nobody', 'other')).errorEntries).toEqual([
      { thingName: 'nobody', code: 'ResourceNotFoundException', message: expect.any(String) },
    ]);
    expect((await associate('client')).errorEntries).toEqual([]);
    expect(await associated()).toEqual(['client', 'other']);
    const list = new ListClientDevicesAssociatedWithCoreDeviceCommand({ coreDeviceThingName: 'core' });
    const { associatedClientDevices = [] } = await under.greengrass.send(list);
    expect(associatedClientDevices[0]?.associationTimestamp).toBeInstanceOf(Date);
    expect((await disassociate('other', 'nobody')).errorEntries).toEqual([]);
    expect(await associated()).toEqual(['client']);
  });

  test('of a core device that never reported are refused with 404', async () => {
    const input = { coreDeviceThingName: 'other', entries: [{ thingName: 'client' }] };
    for (const call of [
      () => under.greengrass.send(new BatchAssociateClientDeviceWithCoreDeviceCommand(input)),
      () => under.greengrass.send(new BatchDisassociateClientDeviceFromCoreDeviceCommand(input)),
      () =>
        under.greengrass.send(new ListClientDevicesAssociatedWithCoreDeviceCommand({ coreDeviceThingName: 'other' })),
    ]) {
      expect(await refusalOf(call())).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
    }
  });

  test('are at least one and at most 100 at once', async () => {
    const many = Array.from({ length: 101 }, (_, index) => `thing-${index}`);
    for (const names of [[], many]) {
      expect(await refusalOf(associate(...names))).toMatchObject({ name: 'ValidationException', status: 400 });
    }
  });
});

describe('connectivity information', () => {
  test('is nothing for a thing that told none', async () => {
    const answer = await under.greengrass.send(new GetConnectivityInfoCommand({ thingName: 'nobody' }));
    expect(answer.connectivityInfo).toEqual([]);
  });

  test('is replaced as a whole, from the device and from the account, with a new version each time', async () => {
    const told = await core.ask(connectivityPath, { method: 'PUT', body: { ConnectivityInfo: [endpoint] } });
    expect(told).toEqual({ status: 200, json: { Version: expect.any(String), Message: expect.any(String) } });
    const seen = await under.greengrass.send(new GetConnectivityInfoCommand({ thingName: 'core' }));
    expect(seen.connectivityInfo).toEqual([
      { id: endpoint.Id, hostAddress: endpoint.HostAddress, portNumber: 8883, metadata: '' },
    ]);
    const update = new UpdateConnectivityInfoCommand({
      thingName: 'core',
      connectivityInfo: [{ id: 'a', hostAddress: 'core.example', portNumber: 65_535 }],
    });
    const { version } = await under.greengrass.send(update);
    expect(version).not.toBe(told.json['Version']);
    expect((await core.ask(connectivityPath)).json).toMatchObject({
      ConnectivityInfo: [{ Id: 'a', HostAddress: 'core.example', PortNumber: 65_535 }],
    });
  });

  test('that changes is told to the core device by the shadow of its companion', async () => {
    const topic = '$aws/things/core-gci/shadow/update/delta';
    const told = new Promise<unknown>((resolve) => {
      connection.on('message', (on, payload) => {
        if (on === topic) resolve(JSON.parse(payload.toString('utf8')).state.version);
      });
    });
    await connection.subscribeAsync(topic, { qos: 1 });
    const answer = await core.ask(connectivityPath, { method: 'PUT', body: { ConnectivityInfo: [endpoint] } });
    expect(await told).toBe(answer.json['Version']);
  });

  test('of another thing is not for a device', async () => {
    expect(await client.ask(connectivityPath)).toMatchObject({ status: 403 });
    const body = { ConnectivityInfo: [] };
    expect(await client.ask(connectivityPath, { method: 'PUT', body })).toMatchObject({ status: 403 });
  });

  test.each([
    ['a port that is none', { thingName: 'core', connectivityInfo: [{ portNumber: 65_536 }] }],
    ['a thing that is not there', { thingName: 'nobody', connectivityInfo: [] }],
  ])('is refused for %s', async (_what, input) => {
    expect(await refusalOf(under.greengrass.send(new UpdateConnectivityInfoCommand(input)))).toMatchObject({
      name: 'ValidationException',
      status: 400,
    });
  });
});

describe('discovery', () => {
  test('tells a client device its core devices and where they are', async () => {
    await associate('client');
    await core.ask(connectivityPath, { method: 'PUT', body: { ConnectivityInfo: [endpoint] } });
    expect(await client.ask('/greengrass/discover/thing/client')).toEqual({
      status: 200,
      json: {
        GGGroups: [
          {
            GGGroupId: 'greengrassV2-coreDevice-core',
            Cores: [{ thingArn: 'arn:aws:iot:us-east-1:000000000000:thing/core', Connectivity: [endpoint] }],
            CAs: [],
          },
        ],
      },
    });
  });

  test('is 404 without an association, 403 for another thing, and ends with the core device', async () => {
    expect(await core.ask('/greengrass/discover/thing/core')).toMatchObject({ status: 404 });
    expect(await core.ask('/greengrass/discover/thing/client')).toMatchObject({ status: 403 });
    await under.greengrass.send(new DeleteCoreDeviceCommand({ coreDeviceThingName: 'core' }));
    expect(await client.ask('/greengrass/discover/thing/client')).toMatchObject({ status: 404 });
  });
});

test('the service role is remembered, replaced, and gone again', async () => {
  const get = () => under.greengrass.send(new GetServiceRoleForAccountCommand({}));
  const roleArn = 'arn:aws:iam::000000000000:role/service-role/Greengrass_ServiceRole';
  expect(await refusalOf(get())).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
  const put = (arn: string) => under.greengrass.send(new AssociateServiceRoleToAccountCommand({ roleArn: arn }));
  await put('arn:aws:iam::000000000000:role/Old');
  const { associatedAt } = await put(roleArn);
  expect(new Date(associatedAt ?? '').toISOString()).toBe(associatedAt);
  expect(await get()).toMatchObject({ roleArn, associatedAt });
  expect(await refusalOf(put('nonsense'))).toMatchObject({ name: 'ValidationException', status: 400 });
  const { disassociatedAt } = await under.greengrass.send(new DisassociateServiceRoleFromAccountCommand({}));
  expect(Date.parse(disassociatedAt ?? '')).toBeGreaterThan(0);
  expect(await refusalOf(get())).toMatchObject({ status: 404 });
});
