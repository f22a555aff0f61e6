import { GetCoreDeviceCommand, ListInstalledComponentsCommand } from '@aws-sdk/client-greengrassv2';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ProtocolCloud, startProtocolCloud } from './protocol-cloud.ts';
import { type Connection, type JsonObject, javaConnect, ScriptedNucleus } from './scripted-nucleus.ts';

let cloud: ProtocolCloud;
let nucleus: ScriptedNucleus;
let connection: Connection;
let made = 0;

beforeAll(async () => {
  cloud = await startProtocolCloud();
  return () => cloud.stop();
});
beforeEach(async () => {
  nucleus = new ScriptedNucleus(cloud.cloud.mqttPort, await cloud.core(`health-${++made}`));
  connection = await nucleus.connect(javaConnect(nucleus.thing, true));
});
afterEach(() => nucleus.stop());

const component = (componentName: string, more: JsonObject = {}) => ({
  componentName,
  version: '1.0.0',
  fleetConfigArns: ['arn:aws:greengrass:us-east-1:000000000000:configuration:thinggroup/line3:4'],
  componentStatusDetails: null,
  isRoot: true,
  status: 'RUNNING',
  ...more,
});
const say = (message: JsonObject) => connection.publish(nucleus.topics.health, nucleus.healthBody(message));
async function installed() {
  const { installedComponents = [] } = await cloud.greengrass.send(
    new ListInstalledComponentsCommand({ coreDeviceThingName: nucleus.thing, topologyFilter: 'ALL' }),
  );
  return installedComponents.map(({ componentName = '', componentVersion, lifecycleState }) =>
    [componentName, componentVersion, lifecycleState].join(' '),
  );
}

describe('fleet status', () => {
  test('that is COMPLETE replaces the inventory, PARTIAL adds to it; an older number is ignored', async () => {
    await say({ sequenceNumber: 0, messageType: 'COMPLETE', trigger: 'NUCLEUS_LAUNCH', components: [component('a')] });
    await say({ sequenceNumber: 1, components: [component('b')] });
    expect(await installed()).toEqual(['a 1.0.0 RUNNING', 'b 1.0.0 RUNNING']);
    await say({ sequenceNumber: 1, messageType: 'COMPLETE', components: [component('late')] });
    expect(await installed()).toEqual(['a 1.0.0 RUNNING', 'b 1.0.0 RUNNING']);
    await say({ sequenceNumber: 2, messageType: 'COMPLETE', trigger: 'CADENCE', components: [component('c')] });
    expect(await installed()).toEqual(['c 1.0.0 RUNNING']);
  });

  test('in chunks is applied when the last is there, out of order and with duplicates', async () => {
    await say({
      sequenceNumber: 0,
      messageType: 'COMPLETE',
      trigger: 'NUCLEUS_LAUNCH',
      components: [component('old')],
    });
    const timestamp = Date.now();
    const chunk = (chunkId: number, name: string) =>
      say({
        sequenceNumber: 1,
        timestamp,
        messageType: 'COMPLETE',
        trigger: 'CADENCE',
        chunkInfo: { chunkId, totalChunks: 3 },
        components: [component(name)],
      });
    await chunk(3, 'c');
    await chunk(1, 'a');
    await chunk(3, 'c');
    expect(await installed()).toEqual(['old 1.0.0 RUNNING']);
    await chunk(2, 'b');
    expect(await installed()).toEqual(['a 1.0.0 RUNNING', 'b 1.0.0 RUNNING', 'c 1.0.0 RUNNING']);
    // The whole again, as its spool would: nothing changes.
    for (const [id, name] of [
      [2, 'b'],
      [1, 'a'],
      [3, 'c'],
    ] as const) {
      await chunk(id, name);
    }
    expect(await installed()).toEqual(['a 1.0.0 RUNNING', 'b 1.0.0 RUNNING', 'c 1.0.0 RUNNING']);
  });

  test('of 128,000 bytes is taken whole', async () => {
    const components = Array.from({ length: 500 }, (_, index) => component(`com.example.Component${index}`));
    const body = nucleus.healthBody({ messageType: 'COMPLETE', trigger: 'NUCLEUS_LAUNCH', components });
    const room = 128_000 - Buffer.byteLength(JSON.stringify({ ...body, filler: '' }));
    await connection.publish(nucleus.topics.health, { ...body, filler: 'x'.repeat(room) });
    const { installedComponents = [] } = await cloud.greengrass.send(
      new ListInstalledComponentsCommand({
        coreDeviceThingName: nucleus.thing,
        topologyFilter: 'ALL',
        maxResults: 100,
      }),
    );
    expect(installedComponents).toHaveLength(100);
  });

  test('whose numbers start anew is believed of a launch, and of nothing else', async () => {
    await say({ sequenceNumber: 40, messageType: 'COMPLETE', trigger: 'CADENCE', components: [component('before')] });
    await say({ sequenceNumber: 0, messageType: 'COMPLETE', trigger: 'CADENCE', components: [component('stray')] });
    expect(await installed()).toEqual(['before 1.0.0 RUNNING']);
    await say({
      sequenceNumber: 0,
      messageType: 'COMPLETE',
      trigger: 'NUCLEUS_LAUNCH',
      components: [component('new')],
    });
    await say({ sequenceNumber: 1, components: [component('more')] });
    expect(await installed()).toEqual(['more 1.0.0 RUNNING', 'new 1.0.0 RUNNING']);
  });

  test('takes a component away that is UNINSTALLED, or that a deployment which succeeded left without a configuration', async () => {
    await say({
      sequenceNumber: 0,
      messageType: 'COMPLETE',
      trigger: 'NUCLEUS_LAUNCH',
      components: ['a', 'b', 'c'].map((name) => component(name)),
    });
    // One that errs in its first deployment looks the same, and stays.
    await say({
      sequenceNumber: 1,
      trigger: 'COMPONENT_STATUS_CHANGE',
      components: [component('c', { fleetConfigArns: [], status: 'ERRORED' })],
    });
    expect(await installed()).toEqual(['a 1.0.0 RUNNING', 'b 1.0.0 RUNNING', 'c 1.0.0 ERRORED']);
    await say({
      sequenceNumber: 2,
      trigger: 'THING_GROUP_DEPLOYMENT',
      deploymentInformation: { status: 'SUCCEEDED', deploymentId: 'none', unchangedRootComponents: [] },
      components: [
        component('a', { status: 'UNINSTALLED' }),
        component('b', { fleetConfigArns: [], status: 'FINISHED' }),
        component('DeploymentService', { version: '0.0.0', fleetConfigArns: [], isRoot: false }),
      ],
    });
    expect(await installed()).toEqual(['DeploymentService 0.0.0 RUNNING', 'c 1.0.0 ERRORED']);
  });

  test('with null for every member that may be absent is taken', async () => {
    await say({
      sequenceNumber: 0,
      messageType: 'COMPLETE',
      trigger: 'NUCLEUS_LAUNCH',
      chunkInfo: null,
      deploymentInformation: null,
      components: [component('a', { version: null, fleetConfigArns: null })],
    });
    const device = await cloud.greengrass.send(new GetCoreDeviceCommand({ coreDeviceThingName: nucleus.thing }));
    expect(device).toMatchObject({
      coreVersion: '2.18.0',
      platform: 'linux',
      architecture: 'amd64',
      status: 'HEALTHY',
    });
    expect(await installed()).toHaveLength(1);
  });

  test.each(['{', '[]', 'null', '{"thing":"other"}', JSON.stringify({ components: {} })])(
    'that is %s is dropped, acknowledged, and the connection lives',
    async (payload) => {
      await connection.publish(nucleus.topics.health, payload);
      expect(await nucleus.askNext(connection)).toMatchObject({ outcome: 'accepted' });
      await expect(
        cloud.greengrass.send(new GetCoreDeviceCommand({ coreDeviceThingName: nucleus.thing })),
      ).rejects.toThrow(/does not exist/);
    },
  );
});
