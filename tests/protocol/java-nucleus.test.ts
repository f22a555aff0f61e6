import {
  CancelDeploymentCommand,
  GetDeploymentCommand,
  ListInstalledComponentsCommand,
} from '@aws-sdk/client-greengrassv2';
import {
  AddThingToThingGroupCommand,
  CancelJobCommand,
  DescribeJobExecutionCommand,
  RemoveThingFromThingGroupCommand,
} from '@aws-sdk/client-iot';
import { until } from '@greensward/testkit/until';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { askDevicePort } from './device-http.ts';
import { account, type Identity, type ProtocolCloud, startProtocolCloud } from './protocol-cloud.ts';
import { type Connection, type JsonObject, java3Connect, javaConnect, ScriptedNucleus } from './scripted-nucleus.ts';
import { seconds, text } from './shapes.ts';

// The Java nucleus, message by message: what it sends, in its order and form, and what it must get.

let cloud: ProtocolCloud;
const nuclei: ScriptedNucleus[] = [];
let made = 0;

beforeAll(async () => {
  cloud = await startProtocolCloud();
});
afterEach(async () => {
  await Promise.all(nuclei.splice(0).map((nucleus) => nucleus.stop()));
});
afterAll(() => cloud.stop());

/** A thing of a new name in a group of a new name, and the nucleus that plays it. */
async function newCore(...groups: readonly string[]) {
  const identity = await cloud.core(`core-${++made}`, groups);
  const nucleus = new ScriptedNucleus(cloud.cloud.mqttPort, identity);
  nuclei.push(nucleus);
  return { nucleus, identity };
}
const component = (version = '1.0.0') => ({ 'com.example.Hello': { componentVersion: version } });
const groupArn = (name: string) => `arn:aws:iot:us-east-1:${account}:thinggroup/${name}`;
const configurationArn = (target: string, revision: number) =>
  `arn:aws:greengrass:us-east-1:${account}:configuration:${target}:${revision}`;
const deployTo = (group: string, version?: string) =>
  cloud.deploy({ targetArn: groupArn(group), components: component(version) });

async function statusOf(jobId: string, thing: string) {
  const { execution } = await cloud.iot.send(new DescribeJobExecutionCommand({ jobId, thingName: thing }));
  return execution?.status;
}
/** All that was told until now has arrived: the answers to two more questions came after it. */
async function settled(nucleus: ScriptedNucleus, connection: Connection) {
  await nucleus.askNext(connection);
  await nucleus.askNext(connection);
}
const queued = (jobId: string) => ({
  jobId,
  queuedAt: seconds,
  lastUpdatedAt: seconds,
  versionNumber: 1,
  executionNumber: 1,
});
const begun = (jobId: string) => ({ ...queued(jobId), startedAt: seconds, versionNumber: 2 });
const successful = { 'detailed-deployment-status': 'SUCCESSFUL' };

describe('12.1 first connect', () => {
  test('CONNECT with a user name, no password and ALPN x-amzn-mqtt-ca is accepted with a new session and the bounds of MQTT 5', async () => {
    const { nucleus } = await newCore();
    const { connack } = await nucleus.connect(javaConnect(nucleus.thing, true));
    expect(connack).toMatchObject({ sessionPresent: false, reasonCode: 0 });
    expect(connack.properties).toMatchObject({ maximumQoS: 1 });
    expect(connack.properties?.receiveMaximum).toBeGreaterThanOrEqual(100);
    expect(connack.properties?.maximumPacketSize).toBeGreaterThan(128 * 1024);
    // The week that the nucleus asks for is not shortened, nor its keep-alive.
    expect(connack.properties?.sessionExpiryInterval ?? 604_800).toBe(604_800);
    expect(connack.properties?.serverKeepAlive ?? 60).toBe(60);
  });

  test('nothing pending and no shadow: no execution, no notification, a 404, and the launch is believed', async () => {
    const { nucleus } = await newCore();
    const connection = await nucleus.start();
    const next = await nucleus.askNext(connection);
    expect(next).toEqual({ outcome: 'accepted', body: { timestamp: seconds } });
    const shadow = await connection.request(`${nucleus.topics.shadow}/get`, nucleus.messages.shadowGet);
    expect(shadow).toEqual({
      outcome: 'rejected',
      body: {
        code: 404,
        message: "No shadow exists with name: 'AWSManagedGreengrassV2Deployment'",
        timestamp: seconds,
      },
    });
    await nucleus.health(connection, {
      messageType: 'COMPLETE',
      trigger: 'NUCLEUS_LAUNCH',
      components: [
        {
          componentName: 'aws.greengrass.Nucleus',
          version: '2.18.0',
          fleetConfigArns: [],
          componentStatusDetails: null,
          isRoot: false,
          status: 'FINISHED',
        },
      ],
    });
    await nucleus.health(connection, { trigger: 'COMPONENT_STATUS_CHANGE' });
    const { installedComponents } = await cloud.greengrass.send(
      new ListInstalledComponentsCommand({ coreDeviceThingName: nucleus.thing, topologyFilter: 'ALL' }),
    );
    expect(installedComponents).toMatchObject([
      { componentName: 'aws.greengrass.Nucleus', componentVersion: '2.18.0', lifecycleState: 'FINISHED' },
    ]);
    await settled(nucleus, connection);
    expect(connection.left(nucleus.topics.notify)).toEqual([]);
  });

  test('with mqtt3: connects clean, disconnects, connects again to a session that is kept from then on', async () => {
    const { nucleus } = await newCore();
    const first = await nucleus.connect(java3Connect(nucleus.thing, true));
    expect(first.connack.sessionPresent).toBe(false);
    await first.disconnect();
    const second = await nucleus.connect(java3Connect(nucleus.thing, false));
    expect(second.connack.sessionPresent).toBe(false);
    await nucleus.subscribeAll(second);
    expect(await nucleus.askNext(second)).toMatchObject({ outcome: 'accepted' });
    await second.drop();
    const third = await nucleus.connect(java3Connect(nucleus.thing, false));
    expect(third.connack.sessionPresent).toBe(true);
  });
});

describe('12.2 thing-group deployment, success', () => {
  test('is announced, fetched, begun, worked on with the data plane, reported; then nothing is pending', async () => {
    const { nucleus, identity } = await newCore('line-success');
    await cloud.publish(recipe('1.0.0'));
    const connection = await nucleus.start();
    await nucleus.askNext(connection);
    const { jobId, deploymentId } = await deployTo('line-success');

    const { topics, messages } = nucleus;
    const told = await connection.next(topics.notify);
    expect(told).toEqual({ timestamp: seconds, jobs: { QUEUED: [queued(jobId)] } });

    const fetched = await nucleus.askNext(connection);
    expect(fetched).toEqual({
      outcome: 'accepted',
      body: {
        timestamp: seconds,
        execution: {
          ...queued(jobId),
          thingName: nucleus.thing,
          status: 'QUEUED',
          statusDetails: {},
          jobDocument: expect.any(Object),
        },
      },
    });
    expect(documentIn(fetched.body)).toMatchObject({
      deploymentId,
      configurationArn: configurationArn('thinggroup/line-success', 1),
      creationTimestamp: expect.toSatisfy((ms: number) => Number.isInteger(ms) && ms > 1e12),
      components: { 'com.example.Hello': { version: '1.0.0' } },
    });

    const update = topics.update(jobId);
    expect(await nucleus.report(connection, jobId, 'IN_PROGRESS')).toEqual({
      outcome: 'accepted',
      body: { timestamp: seconds },
    });
    expect(connection.left(topics.notify)).toEqual([]); // QUEUED to IN_PROGRESS changes nothing of what is pending.
    expect((await nucleus.askNext(connection)).body).toMatchObject({
      execution: { ...begun(jobId), status: 'IN_PROGRESS' },
    });

    const groups = await askDevicePort(cloud.cloud.devicePort, identity, {
      path: `/greengrass/v2/coreDevices/${nucleus.thing}/thingGroups`,
    });
    expect(groups.json()).toEqual({
      thingGroups: [
        {
          thingGroupName: 'line-success',
          thingGroupArn: groupArn('line-success'),
          rootToParentThingGroups: [],
        },
      ],
    });

    expect(await nucleus.report(connection, jobId, 'SUCCEEDED', successful)).toMatchObject({ outcome: 'accepted' });
    await nucleus.health(connection, {
      trigger: 'THING_GROUP_DEPLOYMENT',
      deploymentInformation: {
        status: 'SUCCEEDED',
        statusDetails: { detailedStatus: 'SUCCESSFUL', failureCause: null, errorStack: null, errorTypes: null },
        fleetConfigurationArnForStatus: configurationArn('thinggroup/line-success', 1),
        deploymentId,
        unchangedRootComponents: [],
      },
      components: [running('com.example.Hello', '1.0.0', configurationArn('thinggroup/line-success', 1))],
    });
    expect(await connection.next(topics.notify)).toEqual({ timestamp: seconds, jobs: {} });
    expect(await statusOf(jobId, nucleus.thing)).toBe('SUCCEEDED');

    // The spool of the nucleus repeats what it did not see acknowledged.
    expect(await connection.request(update, messages.update(jobId, 'SUCCEEDED', successful))).toMatchObject({
      outcome: 'accepted',
    });
    expect(await connection.request(update, messages.update(jobId, 'FAILED'))).toEqual({
      outcome: 'rejected',
      body: {
        code: 'TerminalStateReached',
        message: text,
        timestamp: seconds,
        executionState: { status: 'SUCCEEDED', statusDetails: successful, versionNumber: 3 },
      },
    });
    await settled(nucleus, connection);
    expect(connection.left(topics.notify)).toEqual([]);
    // Nothing came twice: each answer once a connection, subscribed or not.
    const accepted = connection.received.filter(({ topic }) => topic === `${update}/accepted`);
    expect(accepted).toHaveLength(3);
  });

  test('a restart in the middle gets its own job again from $next, begins it again, and ends it', async () => {
    const { nucleus } = await newCore('line-restart');
    const before = await nucleus.start();
    const { jobId } = await deployTo('line-restart');
    await before.next(nucleus.topics.notify);
    await nucleus.report(before, jobId, 'IN_PROGRESS');
    await before.disconnect();

    const after = await nucleus.start();
    expect(after.connack.sessionPresent).toBe(false);
    expect((await nucleus.askNext(after)).body).toMatchObject({ execution: { jobId, status: 'IN_PROGRESS' } });
    expect(await nucleus.report(after, jobId, 'IN_PROGRESS')).toMatchObject({ outcome: 'accepted' });
    expect(await nucleus.report(after, jobId, 'SUCCEEDED', successful)).toMatchObject({ outcome: 'accepted' });
  });

  test('while one job runs, $next stays with it; its end announces the other one under QUEUED', async () => {
    const { nucleus } = await newCore('line-first', 'line-second');
    const connection = await nucleus.start();
    const first = await deployTo('line-first');
    await connection.next(nucleus.topics.notify);
    await nucleus.report(connection, first.jobId, 'IN_PROGRESS');
    const second = await deployTo('line-second');
    expect(await connection.next(nucleus.topics.notify)).toEqual({
      timestamp: seconds,
      jobs: { IN_PROGRESS: [begun(first.jobId)], QUEUED: [queued(second.jobId)] },
    });
    const during = await nucleus.askNext(connection);
    expect(during.body).toMatchObject({ execution: { jobId: first.jobId } });
    await nucleus.report(connection, first.jobId, 'SUCCEEDED', successful);
    expect(await connection.next(nucleus.topics.notify)).toEqual({
      timestamp: seconds,
      jobs: { QUEUED: [queued(second.jobId)] },
    });
    const then = await nucleus.askNext(connection);
    expect(then.body).toMatchObject({ execution: { jobId: second.jobId } });
    expect(queuedAtIn(then.body)).toBeGreaterThanOrEqual(queuedAtIn(during.body));
  });
});

describe('12.3 failure', () => {
  test('with rollback is kept with its causes, control characters and cut lists included', async () => {
    const { nucleus } = await newCore('line-failure');
    const connection = await nucleus.start();
    const { jobId } = await deployTo('line-failure');
    await connection.next(nucleus.topics.notify);
    await nucleus.report(connection, jobId, 'IN_PROGRESS');
    await nucleus.health(connection, {
      trigger: 'COMPONENT_STATUS_CHANGE',
      overallDeviceStatus: 'UNHEALTHY',
      components: [
        {
          ...running('com.example.Hello', '1.0.0'),
          status: 'ERRORED',
          componentStatusDetails: { statusCodes: ['RUN_ERROR'], statusReason: 'The run script exited with code 1.' },
        },
      ],
    });
    const details = {
      'detailed-deployment-status': 'FAILED_ROLLBACK_COMPLETE',
      'deployment-failure-cause': 'Service com.example.Hello\nin broken state after deployment',
      'deployment-error-stack': '["DEPLOYMENT_FAILURE","COMPONENT_UPDATE_ERROR","COMPONENT_BROKEN"]',
      'deployment-error-types': `["USER_COMPONENT_ERROR"${' '.repeat(1001)}`,
    };
    expect(await nucleus.report(connection, jobId, 'FAILED', details)).toMatchObject({ outcome: 'accepted' });
    expect(await connection.next(nucleus.topics.notify)).toEqual({ timestamp: seconds, jobs: {} });
    const { execution } = await cloud.iot.send(new DescribeJobExecutionCommand({ jobId, thingName: nucleus.thing }));
    expect(execution).toMatchObject({ status: 'FAILED', statusDetails: { detailsMap: details } });
  });

  test('a stale document is REJECTED without having been begun', async () => {
    const { nucleus } = await newCore('line-stale');
    const connection = await nucleus.start();
    const { jobId } = await deployTo('line-stale');
    await connection.next(nucleus.topics.notify);
    const answer = await nucleus.report(connection, jobId, 'REJECTED', { 'detailed-deployment-status': 'REJECTED' });
    expect(answer).toMatchObject({ outcome: 'accepted' });
    expect(await statusOf(jobId, nucleus.thing)).toBe('REJECTED');
    expect(await connection.next(nucleus.topics.notify)).toEqual({ timestamp: seconds, jobs: {} });
  });
});

describe('12.4 cancel', () => {
  test('of a job that is QUEUED is an empty notification', async () => {
    const { nucleus } = await newCore('line-cancel');
    const connection = await nucleus.start();
    const { deploymentId, jobId } = await deployTo('line-cancel');
    await connection.next(nucleus.topics.notify);
    await cloud.greengrass.send(new CancelDeploymentCommand({ deploymentId }));
    expect(await connection.next(nucleus.topics.notify)).toEqual({ timestamp: seconds, jobs: {} });
    expect(await statusOf(jobId, nucleus.thing)).toBe('CANCELED');
    expect((await nucleus.askNext(connection)).body).not.toHaveProperty('execution');
  });

  test('by force of a job that runs: an empty notification, and the late end is rejected as terminal', async () => {
    const { nucleus } = await newCore('line-force');
    const connection = await nucleus.start();
    const { jobId } = await deployTo('line-force');
    await connection.next(nucleus.topics.notify);
    await nucleus.report(connection, jobId, 'IN_PROGRESS');
    await cloud.iot.send(new CancelJobCommand({ jobId, force: true }));
    expect(await connection.next(nucleus.topics.notify)).toEqual({ timestamp: seconds, jobs: {} });
    expect(await nucleus.report(connection, jobId, 'SUCCEEDED', successful)).toEqual({
      outcome: 'rejected',
      body: {
        code: 'TerminalStateReached',
        message: text,
        timestamp: seconds,
        executionState: { status: 'CANCELED', statusDetails: {}, versionNumber: 3 },
      },
    });
  });

  test('without force leaves a job alone that runs', async () => {
    const { nucleus } = await newCore('line-gentle');
    const connection = await nucleus.start();
    const { jobId, deploymentId } = await deployTo('line-gentle');
    await connection.next(nucleus.topics.notify);
    await nucleus.report(connection, jobId, 'IN_PROGRESS');
    await cloud.greengrass.send(new CancelDeploymentCommand({ deploymentId }));
    expect((await nucleus.askNext(connection)).body).toMatchObject({ execution: { jobId, status: 'IN_PROGRESS' } });
    await settled(nucleus, connection);
    expect(connection.left(nucleus.topics.notify).map((message) => JSON.parse(message.text).jobs)).not.toContainEqual(
      {},
    );
    expect(await nucleus.report(connection, jobId, 'SUCCEEDED', successful)).toMatchObject({ outcome: 'accepted' });
  });

  test('of a thing deployment: its shadow says so complete, and takes the report CANCELED', async () => {
    const { nucleus } = await newCore();
    const { shadow } = nucleus.topics;
    const connection = await nucleus.start();
    const { deploymentId } = await cloud.deploy({ targetArn: thingArn(nucleus), components: component() });
    const wanted = await connection.next(`${shadow}/update/accepted`);
    const fleetConfig = fleetConfigIn(wanted);
    expect(wanted).toEqual({
      state: { desired: { fleetConfig, desiredStatus: 'SUCCEEDED' } },
      metadata: { desired: { fleetConfig: { timestamp: seconds }, desiredStatus: { timestamp: seconds } } },
      version: 1,
      timestamp: seconds,
    });
    const arn = configurationArn(`thing/${nucleus.thing}`, 1);
    expect(JSON.parse(fleetConfig)).toMatchObject({ deploymentId, configurationArn: arn });

    await reportShadow(nucleus, connection, arn, 'IN_PROGRESS', 1);
    await cloud.greengrass.send(new CancelDeploymentCommand({ deploymentId }));
    const canceled = await connection.next(`${shadow}/update/accepted`);
    expect(canceled['state']).toEqual({ desired: { fleetConfig, desiredStatus: 'CANCELED' } });
    expect(canceled['version']).toBe(3);
    const told = await reportShadow(nucleus, connection, arn, 'CANCELED', 3);
    expect(told.body).toMatchObject({ version: 4, state: { reported: { status: 'CANCELED' } } });
  });
});

describe('thing deployments by shadow', () => {
  test('reported values come back as they were written, with a version in every answer, whatever version a report names', async () => {
    const { nucleus } = await newCore();
    const { shadow } = nucleus.topics;
    const connection = await nucleus.start();
    const { deploymentId } = await cloud.deploy({ targetArn: thingArn(nucleus), components: component() });
    const arn = configurationArn(`thing/${nucleus.thing}`, 1);
    await connection.next(`${shadow}/update/accepted`);
    await reportShadow(nucleus, connection, arn, 'IN_PROGRESS', 1);
    // The version of a report that was spooled before another one is stale: a refusal would lose it.
    const done = await reportShadow(nucleus, connection, arn, 'SUCCEEDED', 1, { detailedStatus: 'SUCCESSFUL' });
    const reported = nucleus.messages.shadowReport(arn, 'SUCCEEDED', 1, { detailedStatus: 'SUCCESSFUL' }).state;
    expect(done).toMatchObject({ outcome: 'accepted', body: { state: reported, version: 3, timestamp: seconds } });

    const found = await connection.request(`${shadow}/get`, nucleus.messages.shadowGet);
    expect(found.body).toMatchObject({
      state: { ...reported, desired: { desiredStatus: 'SUCCEEDED', fleetConfig: text } },
      version: 3,
      timestamp: seconds,
    });
    const { deploymentStatus } = await cloud.greengrass.send(new GetDeploymentCommand({ deploymentId }));
    expect(deploymentStatus).toBe('COMPLETED');
    // The next revision overwrites what is desired and nothing that was reported, under an ARN of its own.
    await cloud.deploy({ targetArn: thingArn(nucleus), components: component('1.0.1') });
    const second = await connection.next(`${shadow}/update/accepted`);
    expect(JSON.parse(fleetConfigIn(second)).configurationArn).toBe(configurationArn(`thing/${nucleus.thing}`, 2));
    const after = await connection.request(`${shadow}/get`, nucleus.messages.shadowGet);
    expect(after.body).toMatchObject({ state: reported, version: 4 });
  });

  test('a document beyond 8 KB is carried: the deployment shadow has no limit', async () => {
    const { nucleus } = await newCore();
    const connection = await nucleus.start();
    const merge = JSON.stringify({ text: 'x'.repeat(20_000) });
    await cloud.deploy({
      targetArn: thingArn(nucleus),
      components: { 'com.example.Hello': { componentVersion: '1.0.0', configurationUpdate: { merge } } },
    });
    const wanted = await connection.next(`${nucleus.topics.shadow}/update/accepted`);
    const document = JSON.parse(fleetConfigIn(wanted));
    expect(document.components['com.example.Hello'].configurationUpdate.merge).toEqual(JSON.parse(merge));
    expect(document.requiredCapabilities ?? []).not.toContain('LARGE_CONFIGURATION');
    expect(await reportShadow(nucleus, connection, document.configurationArn, 'IN_PROGRESS', 1)).toMatchObject({
      outcome: 'accepted',
    });
  });
});

describe('12.5 a thing moves from one group to another', () => {
  test('the QUEUED job of the old group goes, that of the new one comes, and only the new group is told by the data plane', async () => {
    const { nucleus, identity } = await newCore('move-a');
    await cloud.group('move-b');
    const connection = await nucleus.start();
    const old = await deployTo('move-a');
    const next = await deployTo('move-b');
    await connection.next(nucleus.topics.notify);
    const thingName = nucleus.thing;
    await cloud.iot.send(new RemoveThingFromThingGroupCommand({ thingGroupName: 'move-a', thingName }));
    expect(await connection.next(nucleus.topics.notify)).toEqual({ timestamp: seconds, jobs: {} });
    expect(await statusOf(old.jobId, thingName)).toBe('REMOVED');
    await cloud.iot.send(new AddThingToThingGroupCommand({ thingGroupName: 'move-b', thingName }));
    expect(await connection.next(nucleus.topics.notify)).toEqual({
      timestamp: seconds,
      jobs: { QUEUED: [queued(next.jobId)] },
    });
    const groups = await askDevicePort(cloud.cloud.devicePort, identity, {
      path: `/greengrass/v2/coreDevices/${thingName}/thingGroups`,
    });
    expect(groups.json()['thingGroups']).toMatchObject([{ thingGroupName: 'move-b' }]);
    await nucleus.report(connection, next.jobId, 'IN_PROGRESS');
    expect(await nucleus.report(connection, next.jobId, 'SUCCEEDED', successful)).toMatchObject({
      outcome: 'accepted',
    });
    expect(await connection.next(nucleus.topics.notify)).toEqual({ timestamp: seconds, jobs: {} });
  });

  test('leaving a group that it is done with sends nothing', async () => {
    const { nucleus } = await newCore('leave-a');
    const connection = await nucleus.start();
    const { jobId } = await deployTo('leave-a');
    await connection.next(nucleus.topics.notify);
    await nucleus.report(connection, jobId, 'SUCCEEDED', successful);
    await connection.next(nucleus.topics.notify);
    await cloud.iot.send(new RemoveThingFromThingGroupCommand({ thingGroupName: 'leave-a', thingName: nucleus.thing }));
    await settled(nucleus, connection);
    expect(connection.left(nucleus.topics.notify)).toEqual([]);
  });
});

describe('12.6 reconnect after being away during two revisions', () => {
  test('the session is there, nothing is subscribed again, and every stale and fresh question is answered with the last one', async () => {
    const { nucleus } = await newCore('line-away');
    const { topics, messages } = nucleus;
    const before = await nucleus.start();
    await nucleus.askNext(before);
    await before.drop();
    const fourth = await deployTo('line-away');
    await until('the first revision is rolled out', () => statusOf(fourth.jobId, nucleus.thing));
    const fifth = await deployTo('line-away', '1.0.1');
    await until('the second revision is rolled out', () => statusOf(fifth.jobId, nucleus.thing));
    expect(await statusOf(fourth.jobId, nucleus.thing)).toBe('CANCELED');

    const after = await nucleus.connect(javaConnect(nucleus.thing, false));
    expect(after.connack.sessionPresent).toBe(true);
    // In a burst, not waiting: the spool from before, then what a resumed nucleus asks.
    const spooled = await Promise.all([
      after.publish(topics.next, messages.next),
      after.publish(topics.next, messages.next),
      after.publish(`${topics.shadow}/get`, messages.shadowGet),
      after.publish(topics.update(fourth.jobId), messages.update(fourth.jobId, 'IN_PROGRESS')),
      after.publish(topics.health, nucleus.healthBody({ trigger: 'RECONNECT' })),
      after.publish(topics.next, messages.next),
    ]);
    expect(spooled).toHaveLength(6);
    for (let answer = 1; answer <= 3; answer++) {
      expect(await after.next(`${topics.next}/accepted`)).toMatchObject({
        execution: { jobId: fifth.jobId, status: 'QUEUED' },
      });
    }
    expect(await after.next(`${topics.update(fourth.jobId)}/rejected`)).toMatchObject({
      code: 'TerminalStateReached',
      executionState: { status: 'CANCELED' },
    });
    expect(await after.next(topics.notify)).toEqual({ timestamp: seconds, jobs: { QUEUED: [queued(fifth.jobId)] } });
    await settled(nucleus, after);
    for (const { text: told } of after.received.filter(({ topic }) => topic === topics.notify)) {
      expect(told).not.toContain(fourth.jobId);
    }
    expect(await nucleus.report(after, fifth.jobId, 'SUCCEEDED', successful)).toMatchObject({ outcome: 'accepted' });
  });

  test('what runs on the device stays first when a revision appeared meanwhile', async () => {
    const { nucleus } = await newCore('line-busy');
    const before = await nucleus.start();
    const fourth = await deployTo('line-busy');
    await before.next(nucleus.topics.notify);
    await nucleus.report(before, fourth.jobId, 'IN_PROGRESS');
    await before.drop();
    const fifth = await deployTo('line-busy', '1.0.1');
    await until('the second revision is rolled out', () => statusOf(fifth.jobId, nucleus.thing));
    const after = await nucleus.connect(javaConnect(nucleus.thing, false));
    expect(await after.next(nucleus.topics.notify)).toEqual({
      timestamp: seconds,
      jobs: { IN_PROGRESS: [begun(fourth.jobId)], QUEUED: [queued(fifth.jobId)] },
    });
    expect((await nucleus.askNext(after)).body).toMatchObject({ execution: { jobId: fourth.jobId } });
    expect(await nucleus.report(after, fourth.jobId, 'SUCCEEDED', successful)).toMatchObject({ outcome: 'accepted' });
    expect((await nucleus.askNext(after)).body).toMatchObject({ execution: { jobId: fifth.jobId } });
  });

  test('of several revisions for the thing itself, the shadow tells only the last', async () => {
    const { nucleus } = await newCore();
    const { shadow } = nucleus.topics;
    const before = await nucleus.start();
    await before.drop();
    for (const version of ['1.0.0', '1.0.1', '1.0.2']) {
      await cloud.deploy({ targetArn: thingArn(nucleus), components: component(version) });
    }
    const after = await nucleus.connect(javaConnect(nucleus.thing, false));
    const found = await after.request(`${shadow}/get`, nucleus.messages.shadowGet);
    expect(JSON.parse(fleetConfigIn(found.body)).configurationArn).toBe(configurationArn(`thing/${nucleus.thing}`, 3));
    expect(after.left(`${shadow}/update/accepted`)).toEqual([]);
  });
});

describe('a second connection', () => {
  test('as {thing}#2 lives beside the first; an answer goes to both, once each', async () => {
    const { nucleus } = await newCore('line-two');
    const first = await nucleus.start();
    const second = await nucleus.connect(javaConnect(`${nucleus.thing}#2`, true));
    const { jobId } = await deployTo('line-two');
    await first.next(nucleus.topics.notify);
    const answer = await nucleus.askNext(second);
    expect(answer.body).toMatchObject({ execution: { jobId } });
    expect(await first.next(`${nucleus.topics.next}/accepted`)).toEqual(answer.body);
    await settled(nucleus, first);
    expect(first.left(`${nucleus.topics.next}/accepted`)).toEqual([]);
    expect(first.ended || second.ended).toBe(false);
  });

  test('of the same client id ends the first', async () => {
    const { nucleus } = await newCore();
    const first = await nucleus.start();
    const second = await nucleus.connect(javaConnect(nucleus.thing, false));
    expect(second.connack.sessionPresent).toBe(true);
    await until('the first connection ends', () => first.ended);
    expect(await nucleus.askNext(second)).toMatchObject({ outcome: 'accepted' });
  });

  test('as {thing}#endpoint-switch reports the end of a job, fire and forget, in MQTT 3.1.1', async () => {
    const { nucleus } = await newCore('line-switch');
    const connection = await nucleus.start();
    const { jobId } = await deployTo('line-switch');
    await connection.next(nucleus.topics.notify);
    await nucleus.report(connection, jobId, 'IN_PROGRESS');
    const once = await nucleus.connect(java3Connect(`${nucleus.thing}#endpoint-switch`, true));
    await once.publish(nucleus.topics.update(jobId), nucleus.messages.update(jobId, 'SUCCEEDED', successful));
    await once.disconnect();
    expect(await statusOf(jobId, nucleus.thing)).toBe('SUCCEEDED');
    expect(await connection.next(nucleus.topics.notify)).toEqual({ timestamp: seconds, jobs: {} });
    expect(connection.ended).toBe(false);
  });

  test.each(['{thing}-2', 'other', '{thing}2'])(
    'as %s, when that is another thing, is refused with not authorized',
    async (pattern) => {
      const { nucleus } = await newCore();
      const clientId = pattern.replace('{thing}', nucleus.thing);
      await cloud.core(clientId);
      await expect(nucleus.connect(javaConnect(clientId, true))).rejects.toThrow(/Not authorized|not authorized/i);
    },
  );
});

describe('a cloud that was restarted', () => {
  test('says that the session is gone, and the nucleus that subscribes again is told what is pending', async () => {
    const { nucleus } = await newCore('line-reborn');
    const before = await nucleus.start();
    await nucleus.askNext(before);
    const { jobId } = await deployTo('line-reborn');
    await before.next(nucleus.topics.notify);
    await nucleus.report(before, jobId, 'IN_PROGRESS');
    await cloud.restart();
    await until('the connection ends', () => before.ended);
    const after = await nucleus.connect(javaConnect(nucleus.thing, false));
    if (!after.connack.sessionPresent) await nucleus.subscribeAll(after);
    expect((await nucleus.askNext(after)).body).toMatchObject({ execution: { jobId, status: 'IN_PROGRESS' } });
    expect(await nucleus.report(after, jobId, 'SUCCEEDED', successful)).toMatchObject({ outcome: 'accepted' });
    await after.next(nucleus.topics.notify);
  });
});

function recipe(version: string) {
  return {
    RecipeFormatVersion: '2020-01-25',
    ComponentName: 'com.example.Hello',
    ComponentVersion: version,
    Manifests: [{ Platform: { os: 'linux' }, Lifecycle: { Run: 'sleep 3600' } }],
  };
}

function running(componentName: string, version: string, ...fleetConfigArns: readonly string[]) {
  return { componentName, version, fleetConfigArns, componentStatusDetails: null, isRoot: true, status: 'RUNNING' };
}

function thingArn({ thing }: Pick<Identity, 'thing'>) {
  return `arn:aws:iot:us-east-1:${account}:thing/${thing}`;
}

function reportShadow(
  nucleus: ScriptedNucleus,
  connection: Connection,
  arn: string,
  status: string,
  version: number,
  details: JsonObject = {},
) {
  return connection.request(
    `${nucleus.topics.shadow}/update`,
    nucleus.messages.shadowReport(arn, status, version, details),
  );
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && name in value
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}

/** The job document in an answer, which over MQTT is an object. */
function documentIn(body: JsonObject): unknown {
  return member(body['execution'], 'jobDocument');
}

function queuedAtIn(body: JsonObject): number {
  return Number(member(body['execution'], 'queuedAt'));
}

/** The deployment document in a shadow message, which there is text. */
function fleetConfigIn(message: JsonObject): string {
  const fleetConfig = member(member(message['state'], 'desired'), 'fleetConfig');
  if (typeof fleetConfig !== 'string') throw new Error(`no fleetConfig in ${JSON.stringify(message)}`);
  return fleetConfig;
}
