import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type MadeCertificate, makeCertificate } from '../adapters/testing/certificates.ts';
import type { DeviceConnection } from './app.ts';
import { openTestCloud, type TestCloud } from './testing/test-cloud.ts';

let cloud: TestCloud;
let pump: MadeCertificate;
beforeEach(async () => {
  cloud = await openTestCloud();
  await cloud.app.groups.create({ name: 'plant' });
  await cloud.app.groups.create({ name: 'line', parent: 'plant' });
  await cloud.addThings('line', 'pump');
  pump = await makeCertificate('CN=pump 7, O=Works', { names: ['pump.example'] });
  await cloud.app.certificates.registerWithoutCa({ pem: pump.pem, active: true });
  await cloud.app.things.attachPrincipal('pump', arn());
});
afterEach(() => cloud.close());

const arn = () => cloud.arns.certificate(pump.id);
const allow = (Action: unknown, Resource: unknown = '*', Condition?: unknown) => ({
  ...{ Effect: 'Allow', Action, Resource },
  ...(Condition === undefined ? {} : { Condition }),
});
const deny = (Action: unknown, Resource: unknown = '*') => ({ ...allow(Action, Resource), Effect: 'Deny' });
const policy = (...Statement: readonly object[]) => JSON.stringify({ Version: '2012-10-17', Statement });

async function give(name: string, target: string, ...statements: readonly object[]) {
  await cloud.app.policies.create(name, policy(...statements));
  await cloud.app.policies.attach(name, target);
}
async function connect(clientId = 'pump'): Promise<DeviceConnection> {
  const device = await cloud.app.access.connect(pump.der, { clientId, sourceIp: '192.0.2.7' });
  if ('refused' in device) throw new Error(device.refused);
  device.hold();
  return device;
}
const refusal = async (clientId: string) => {
  const device = await cloud.app.access.connect(pump.der, { clientId, sourceIp: '192.0.2.7' });
  return 'refused' in device ? device.refused : undefined;
};
const publish = (device: DeviceConnection, topic = 'a') => device.may('iot:Publish', `topic/${topic}`);

describe('connecting', () => {
  test('needs a policy that allows the client id', async () => {
    expect(await refusal('pump')).toContain('iot:Connect');
    await give('connect', arn(), allow('iot:Connect', 'arn:aws:iot:us-east-1:000000000000:client/pump*'));
    expect(await refusal('pump')).toBeUndefined();
    expect(await refusal('pump#2')).toBeUndefined();
    expect(await refusal('pump-2')).toBeUndefined();
    expect(await refusal('other')).toContain('iot:Connect');
  });

  test('under the name of a thing that the certificate is not attached to is refused, whatever a policy allows', async () => {
    await give('all', arn(), allow('*'));
    await cloud.addThings(undefined, 'other');
    expect(await refusal('other')).toContain('name of a thing');
    expect(await refusal('other#1')).toContain('name of a thing');
    expect(await refusal('nobody')).toBeUndefined();
  });
});

describe('a change of policy decides about the next action of a connection that is there', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['another default version', () => cloud.app.policies.createVersion('first', policy(allow('iot:Connect')), true)],
    ['a policy that denies is attached', () => give('no', arn(), deny('iot:Publish'))],
    ['the policy is detached', () => cloud.app.policies.detach('first', arn())],
    ['a group above gets a policy that denies', () => give('no', cloud.arns.group('plant'), deny('iot:Publish'))],
    [
      'the thing joins a group whose policy denies',
      async () => {
        await cloud.app.groups.create({ name: 'quiet' });
        await give('no', cloud.arns.group('quiet'), deny('iot:Publish'));
        await cloud.app.groups.addThing('quiet', 'pump');
      },
    ],
    ['the certificate is revoked', () => cloud.app.certificates.setStatus(pump.id, 'REVOKED')],
  ])('%s', async (_change, change) => {
    await give('first', arn(), allow('iot:*'));
    const device = await connect();
    expect(publish(device)).toBe(true);
    await change();
    expect(publish(device)).toBe(false);
  });

  test('and allows again: version, attachment, group, attribute', async () => {
    await give('connect', arn(), allow('iot:Connect'));
    const device = await connect();
    expect(publish(device)).toBe(false);
    await cloud.app.policies.createVersion('connect', policy(allow('iot:*')), true);
    expect(publish(device)).toBe(true);
    await cloud.app.policies.setDefaultVersion('connect', 1);
    expect(publish(device)).toBe(false);
    await give('of-line', cloud.arns.group('line'), allow('iot:Publish'));
    expect(publish(device)).toBe(true);
    await cloud.app.groups.removeThing('line', 'pump');
    expect(publish(device)).toBe(false);
    await cloud.app.groups.addThing('line', 'pump');
    expect(publish(device)).toBe(true);
    await cloud.app.groups.delete('line');
    expect(publish(device)).toBe(false);
    const site = 'iot:Connection.Thing.Attributes[site]';
    await give('site', arn(), allow('iot:Publish', '*', { StringEquals: { [site]: 'north' } }));
    expect(publish(device)).toBe(false);
    await cloud.app.things.update({ name: 'pump', attributes: { site: 'north' } });
    expect(publish(device)).toBe(true);
  });

  test('and allows by the type of the thing', async () => {
    await give('connect', arn(), allow('iot:Connect'));
    await give('typed', arn(), allow('iot:Publish', `arn:aws:iot:*:*:topic/\${iot:Connection.Thing.ThingTypeName}/#`));
    const device = await connect();
    expect(publish(device, 'pumps/#')).toBe(false);
    await cloud.app.thingTypes.create({ name: 'pumps' });
    await cloud.app.things.update({ name: 'pump', typeName: 'pumps' });
    expect([publish(device, 'pumps/#'), publish(device, 'valves/#')]).toEqual([true, false]);
    await cloud.app.things.update({ name: 'pump', removeType: true });
    expect(publish(device, 'pumps/#')).toBe(false);
  });

  test('a connection that was released is not kept up to date any more, and a new one is right', async () => {
    await give('first', arn(), allow('iot:*'));
    const device = await connect();
    device.release();
    device.release();
    await cloud.app.policies.createVersion('first', policy(allow('iot:Connect')), true);
    expect(publish(await connect())).toBe(false);
  });

  test('one that was decided about before the change, and is held after it, is right too', async () => {
    await give('first', arn(), allow('iot:*'));
    const device = await cloud.app.access.connect(pump.der, { clientId: 'pump', sourceIp: '' });
    if ('refused' in device) throw new Error(device.refused);
    await cloud.app.policies.createVersion('first', policy(allow('iot:Connect')), true);
    device.hold();
    // Any use case waits until all held connections are up to date.
    await cloud.app.policies.detach('nothing', arn());
    expect(publish(device)).toBe(false);
  });
});

describe('policies', () => {
  test('of thing groups do not allow the data plane of Greengrass, but may deny it', async () => {
    const may = async () => {
      const device = await cloud.app.access.device(pump.der);
      return device?.request({ thing: 'pump' })('greengrass:ResolveComponentCandidates', '*');
    };
    await give('group', cloud.arns.group('line'), allow('greengrass:*'));
    expect(await may()).toBe(false);
    await give('own', arn(), allow('greengrass:*'));
    expect(await may()).toBe(true);
    await give('no', cloud.arns.group('plant'), deny('greengrass:*'));
    expect(await may()).toBe(false);
  });

  test('see the thing, the certificate and the address of a connection, and the thing of a request', async () => {
    const client = 'arn:aws:iot:us-east-1:000000000000:client/';
    const thing = `\${${'iot:Connection.Thing.ThingName'}}`;
    const conditions = {
      StringEquals: {
        'iot:Certificate.Subject.CommonName': 'pump 7',
        'iot:Certificate.Subject.Organization': 'Works',
        'iot:Certificate.Issuer.CommonName': 'pump 7',
        'iot:Certificate.Subject.AlternativeName.DNSName': 'pump.example',
        'iot:CertificateId': pump.id,
      },
      IpAddress: { 'aws:SourceIp': '192.0.2.0/24' },
    };
    await give('facts', arn(), allow('iot:Connect', [`${client}${thing}`, `${client}${thing}#*`], conditions));
    expect(await refusal('pump')).toBeUndefined();
    expect(await refusal('pump#2')).toBeUndefined();
    expect(await refusal('else')).toContain('iot:Connect');
    const thingArn = 'arn:aws:iot:us-east-1:000000000000:thing/';
    await give('shadow', arn(), allow('iot:GetThingShadow', `${thingArn}${thing}`));
    const may = (await cloud.app.access.device(pump.der))?.request({ thing: 'pump' });
    expect(may?.('iot:GetThingShadow', cloud.arns.thing('pump'))).toBe(true);
    expect(may?.('iot:GetThingShadow', cloud.arns.thing('other'))).toBe(false);
  });

  test('that an earlier version took and that cannot be read allow nothing, not even by others', async () => {
    await give('all', arn(), allow('*'));
    expect(await refusal('pump')).toBeUndefined();
    await cloud.storage.write((tx) =>
      tx.policies.insertVersion({ policy: 'all', number: 2, document: '{"Version": "2008-10-17"}', createdAt: 1 }),
    );
    await cloud.app.policies.create('more', policy(allow('*')));
    await cloud.app.policies.setDefaultVersion('all', 2);
    await cloud.app.policies.attach('more', arn());
    expect(await refusal('pump')).toContain('iot:Connect');
  });

  test('that cannot be read from the database allow nothing until they can', async () => {
    await give('first', arn(), allow('iot:*'));
    const device = await connect();
    const read = cloud.storage.read;
    Object.assign(cloud.storage, { read: () => Promise.reject(new Error('the disk is gone')) });
    cloud.bus.publish({ kind: 'rights-changed' });
    await cloud.app.policies.detach('nothing', arn());
    expect(publish(device)).toBe(false);
    Object.assign(cloud.storage, { read });
    expect(await refusal('pump')).toBeUndefined();
    expect(publish(device)).toBe(true);
  });
});
