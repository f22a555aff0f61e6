import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestCloud, type TestCloud } from './testing/test-cloud.ts';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await openTestCloud();
});
afterAll(() => cloud.close());
const invalid = { code: 'InvalidRequestException' };

describe('things', () => {
  test('creating one again with the same attributes is accepted, with others it already exists', async () => {
    const first = await cloud.app.things.create({ name: 'twin', attributes: { a: '1' } });
    expect(await cloud.app.things.create({ name: 'twin', attributes: { a: '1' } })).toEqual(first);
    await expect(cloud.app.things.create({ name: 'twin', attributes: { a: '2' } })).rejects.toMatchObject({
      code: 'ResourceAlreadyExistsException',
    });
  });

  test('an update moves the version; a stale expected version conflicts', async () => {
    await cloud.app.things.create({ name: 'versioned', attributes: { a: '1' } });
    await cloud.app.things.update({ name: 'versioned', attributes: { b: '2' }, merge: true, expectedVersion: 1 });
    expect(await cloud.app.things.describe('versioned')).toMatchObject({ version: 2, attributes: { a: '1', b: '2' } });
    const stale = cloud.app.things.update({ name: 'versioned', attributes: {}, expectedVersion: 1 });
    await expect(stale).rejects.toMatchObject({ code: 'VersionConflictException' });
  });

  test('deleting an unknown thing is accepted; one with a certificate is refused', async () => {
    await cloud.app.things.delete('unknown');
    await cloud.app.things.create({ name: 'held' });
    const { certificateId } = await cloud.app.certificates.createKeys(true);
    await cloud.app.things.attachPrincipal('held', cloud.arns.certificate(certificateId));
    await expect(cloud.app.things.delete('held')).rejects.toMatchObject(invalid);
    await cloud.app.things.detachPrincipal('held', cloud.arns.certificate(certificateId));
    await cloud.app.things.delete('held');
    await expect(cloud.app.things.describe('held')).rejects.toMatchObject({ code: 'ResourceNotFoundException' });
  });
});

describe('thing groups', () => {
  test('a group with children is not deleted; an unknown one is', async () => {
    await cloud.app.groups.create({ name: 'top' });
    await cloud.app.groups.create({ name: 'below', parent: 'top' });
    await expect(cloud.app.groups.delete('top')).rejects.toMatchObject(invalid);
    await cloud.app.groups.delete('below');
    await cloud.app.groups.delete('top');
    await cloud.app.groups.delete('top');
  });

  test('no thing is in two groups of one hierarchy, nor in more than ten groups', async () => {
    await cloud.app.things.create({ name: 'member' });
    await cloud.app.groups.create({ name: 'root' });
    await cloud.app.groups.create({ name: 'left', parent: 'root' });
    await cloud.app.groups.create({ name: 'right', parent: 'root' });
    await cloud.app.groups.addThing('left', 'member');
    await cloud.app.groups.addThing('left', 'member');
    await expect(cloud.app.groups.addThing('right', 'member')).rejects.toMatchObject(invalid);
    for (let index = 0; index < 10; index++) {
      await cloud.app.groups.create({ name: `extra-${index}` });
      const joining = cloud.app.groups.addThing(`extra-${index}`, 'member');
      if (index < 9) await joining;
      else await expect(joining).rejects.toMatchObject(invalid);
    }
    expect(await cloud.app.groups.membership('member')).toContainEqual({ group: 'left', ancestors: ['root'] });
  });

  test('a hierarchy has at most 7 levels', async () => {
    let parent: string | undefined;
    for (let level = 1; level <= 7; level++) {
      const name = `level-${level}`;
      await cloud.app.groups.create({ name, ...(parent === undefined ? {} : { parent }) });
      parent = name;
    }
    await expect(cloud.app.groups.create({ name: 'level-8', parent: 'level-7' })).rejects.toMatchObject(invalid);
  });
});

describe('certificates', () => {
  const document = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
  });

  test('an ACTIVE one is not deleted, one of a thing never, one with a policy only by force', async () => {
    const { certificateId: id } = await cloud.app.certificates.createKeys(true);
    const arn = cloud.arns.certificate(id);
    await expect(cloud.app.certificates.delete(id, true)).rejects.toMatchObject({ code: 'CertificateStateException' });
    await cloud.app.certificates.setStatus(id, 'INACTIVE');
    await cloud.app.policies.create('allow-all', document);
    await cloud.app.policies.attach('allow-all', arn);
    await cloud.app.things.create({ name: 'owner' });
    await cloud.app.things.attachPrincipal('owner', arn);
    await expect(cloud.app.certificates.delete(id, true)).rejects.toMatchObject({ code: 'DeleteConflictException' });
    await cloud.app.things.detachPrincipal('owner', arn);
    await expect(cloud.app.certificates.delete(id, false)).rejects.toMatchObject({ code: 'DeleteConflictException' });
    await expect(cloud.app.policies.delete('allow-all')).rejects.toMatchObject({ code: 'DeleteConflictException' });
    await cloud.app.certificates.delete(id, true);
    await cloud.app.policies.delete('allow-all');
  });

  test('what ends the trust in one is told, so that its connections end', async () => {
    const { certificateId } = await cloud.app.certificates.createKeys(true);
    cloud.events.length = 0;
    await cloud.app.certificates.setStatus(certificateId, 'REVOKED');
    expect(cloud.events).toContainEqual({ kind: 'certificate-changed', certificateId });
  });

  test('a policy that is malformed, or attached to nothing that exists, is refused', async () => {
    await expect(cloud.app.policies.create('bad', '{}')).rejects.toMatchObject({ code: 'MalformedPolicyException' });
    await cloud.app.policies.create('good', document);
    await expect(cloud.app.policies.attach('good', cloud.arns.certificate('0'.repeat(64)))).rejects.toMatchObject({
      code: 'ResourceNotFoundException',
    });
    await expect(cloud.app.policies.attach('good', cloud.arns.thing('x'))).rejects.toMatchObject(invalid);
  });
});

describe('core devices', () => {
  const status = (thing: string, sequenceNumber: number, rest: object = {}) => ({
    thing,
    payload: Buffer.from(
      JSON.stringify({
        ggcVersion: '2.18.0',
        platform: 'linux',
        architecture: 'amd64',
        thing,
        sequenceNumber,
        timestamp: 1_700_000_000_000 + sequenceNumber,
        messageType: 'PARTIAL',
        trigger: 'COMPONENT_STATUS_CHANGE',
        overallDeviceStatus: 'HEALTHY',
        components: [],
        ...rest,
      }),
    ),
  });
  const component = (componentName: string, rest: object = {}) => ({
    componentName,
    version: '1.0.0',
    fleetConfigArns: ['arn:aws:greengrass:us-east-1:000000000000:configuration:thinggroup/g:1'],
    isRoot: true,
    status: 'RUNNING',
    ...rest,
  });
  const ingest = (...messages: { thing: string; payload: Uint8Array }[]) =>
    cloud.app.devices.ingestFleetStatus(messages);
  const names = async (thing: string, topology: 'ALL' | 'ROOT' = 'ALL') =>
    (await cloud.app.devices.components(thing, topology)).map(({ name }) => name).sort();

  test('exist from their first status on, go by DeleteCoreDevice, and come back with the next status', async () => {
    await cloud.app.things.create({ name: 'core' });
    await expect(cloud.app.devices.get('core')).rejects.toMatchObject({ code: 'ResourceNotFoundException' });
    await ingest(
      status('core', 0, { messageType: 'COMPLETE', trigger: 'NUCLEUS_LAUNCH', components: [component('A')] }),
    );
    expect((await cloud.app.devices.get('core')).device).toMatchObject({ status: 'HEALTHY', coreVersion: '2.18.0' });
    await cloud.app.devices.delete('core');
    await expect(cloud.app.devices.get('core')).rejects.toMatchObject({ code: 'ResourceNotFoundException' });
    expect(await cloud.app.things.describe('core')).toMatchObject({ name: 'core' });
    await ingest(status('core', 1));
    expect((await cloud.app.devices.get('core')).device.sequence).toBe(1);
  });

  test('PARTIAL adds, COMPLETE replaces, UNINSTALLED removes; roots alone by default', async () => {
    await ingest(
      status('d1', 0, { messageType: 'COMPLETE', components: [component('A'), component('B', { isRoot: false })] }),
    );
    await ingest(
      status('d1', 1, { components: [component('C')] }),
      status('d1', 2, { components: [component('A', { status: 'UNINSTALLED' })] }),
    );
    expect(await names('d1')).toEqual(['B', 'C']);
    expect(await names('d1', 'ROOT')).toEqual(['C']);
    await ingest(status('d1', 3, { messageType: 'COMPLETE', components: [component('D')] }));
    expect(await names('d1')).toEqual(['D']);
  });

  test('a component that no configuration wants is removed by a deployment that succeeded, not by an error of its own', async () => {
    await ingest(status('d2', 0, { components: [component('A'), component('B')] }));
    await ingest(status('d2', 1, { components: [component('A', { fleetConfigArns: [], status: 'ERRORED' })] }));
    expect(await names('d2')).toEqual(['A', 'B']);
    const deploymentInformation = { status: 'SUCCEEDED', deploymentId: 'deployment', unchangedRootComponents: ['B'] };
    const gone = component('A', { fleetConfigArns: [], status: 'FINISHED' });
    await ingest(status('d2', 2, { trigger: 'THING_GROUP_DEPLOYMENT', deploymentInformation, components: [gone] }));
    expect(await cloud.app.devices.components('d2', 'ALL')).toMatchObject([
      { name: 'B', installationSource: 'deployment' },
    ]);
  });

  test('an older message is ignored; a launch starts the sequence anew', async () => {
    await ingest(status('d3', 5, { components: [component('A')] }), status('d3', 4, { components: [component('B')] }));
    expect(await names('d3')).toEqual(['A']);
    await ingest(status('d3', 0, { messageType: 'COMPLETE', trigger: 'NUCLEUS_LAUNCH', components: [component('B')] }));
    expect(await names('d3')).toEqual(['B']);
  });

  test('chunks replace the set only when all are there, in any order', async () => {
    await ingest(status('d4', 0, { messageType: 'COMPLETE', components: [component('Old')] }));
    const chunk = (chunkId: number, name: string) =>
      status('d4', 1, {
        messageType: 'COMPLETE',
        chunkInfo: { chunkId, totalChunks: 2 },
        components: [component(name)],
      });
    await ingest(chunk(2, 'B'));
    expect(await names('d4')).toEqual(['Old']);
    await ingest(chunk(1, 'A'));
    expect(await names('d4')).toEqual(['A', 'B']);
  });

  test('lastStatusChangeTimestamp moves with the state only, lastReportedTimestamp with every mention', async () => {
    await ingest(status('d5', 0, { components: [component('A')] }), status('d5', 1, { components: [component('A')] }));
    const at = 1_700_000_000_000;
    expect(await cloud.app.devices.components('d5', 'ALL')).toMatchObject([{ changedAt: at, reportedAt: at + 1 }]);
    await ingest(status('d5', 2, { components: [component('A', { status: 'BROKEN' })] }));
    expect(await cloud.app.devices.components('d5', 'ALL')).toMatchObject([{ changedAt: at + 2, state: 'BROKEN' }]);
  });

  test('a message that speaks for another thing, or cannot be read, is dropped and harms no other', async () => {
    await ingest(
      { thing: 'd6', payload: status('d7', 0).payload },
      { thing: 'd6', payload: Buffer.from('{') },
      status('d6', 0),
    );
    await expect(cloud.app.devices.get('d7')).rejects.toMatchObject({ code: 'ResourceNotFoundException' });
    expect((await cloud.app.devices.get('d6')).device.thing).toBe('d6');
  });

  test('tags of a core device live as long as its record', async () => {
    await ingest(status('d8', 0));
    const arn = cloud.arns.coreDevice('d8');
    await cloud.app.tags.put(arn, { a: '1', b: '2' });
    await cloud.app.tags.remove(arn, ['a', 'unknown']);
    expect(await cloud.app.tags.get(arn)).toEqual({ b: '2' });
    await expect(cloud.app.tags.put(arn, { 'aws:x': '1' })).rejects.toMatchObject({ code: 'ValidationException' });
    await cloud.app.devices.delete('d8');
    await expect(cloud.app.tags.get(arn)).rejects.toMatchObject({ code: 'ResourceNotFoundException' });
  });
});

describe('shadows', () => {
  const ask = async (action: 'get' | 'update' | 'delete', payload: object = {}, name = 's') => {
    const [answer] = await cloud.app.shadows.handle([
      { thing: 't', name, action, payload: Buffer.from(JSON.stringify(payload)) },
    ]);
    if (answer === undefined) throw new Error('no answer');
    return { ...answer, body: JSON.parse(answer.response) };
  };

  test('merge, delete a key with null, refuse a stale version, and continue the version after a delete', async () => {
    await ask('update', { state: { desired: { a: 1, b: { c: 2 } } } });
    expect((await ask('update', { state: { desired: { a: null, b: { d: 3 } } }, version: 1 })).ok).toBe(true);
    expect((await ask('get')).body).toMatchObject({ state: { desired: { b: { c: 2, d: 3 } } }, version: 2 });
    expect(await ask('update', { state: { desired: { x: 1 } }, version: 1 })).toMatchObject({ ok: false, code: 409 });
    await ask('delete');
    expect(await ask('get')).toMatchObject({ ok: false, code: 404 });
    expect((await ask('update', { state: { reported: { y: 1 } } })).body.version).toBe(3);
    expect(await cloud.app.shadows.names('t', { limit: 10 })).toEqual({ items: ['s'] });
  });

  test('a change over HTTP is told to subscribers with its answer; one over MQTT is left to the one who asked', async () => {
    cloud.events.length = 0;
    await ask('update', { state: { desired: { z: 1 } } }, '');
    const topics = cloud.events.flatMap((event) =>
      event.kind === 'shadow-changed' ? event.messages.map(({ topic }) => topic) : [],
    );
    expect(topics).toEqual(['accepted', 'delta', 'documents'].map((end) => `$aws/things/t/shadow/update/${end}`));
    cloud.events.length = 0;
    const payload = Buffer.from('{"state":{"reported":{"z":1}}}');
    const [answer] = await cloud.app.shadows.handle([{ thing: 't', name: '', action: 'update', payload, via: 'mqtt' }]);
    expect(answer?.messages.map(({ topic }) => topic)).toEqual(['$aws/things/t/shadow/update/documents']);
    expect(cloud.events.filter(({ kind }) => kind === 'shadow-changed')).toEqual([]);
  });
});
