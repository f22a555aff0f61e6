import { ListInstalledComponentsCommand } from '@aws-sdk/client-greengrassv2';
import { DescribeJobExecutionCommand } from '@aws-sdk/client-iot';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type ProtocolCloud, startProtocolCloud } from './protocol-cloud.ts';
import { Connection, type JsonObject, liteConnect, topicsOf } from './scripted-nucleus.ts';
import { seconds, text } from './shapes.ts';

// Nucleus lite, message by message: MQTT 3.1.1 with a clean session and no user name, one filter with a wildcard a call, its
// token in each request, and 5000 bytes of room for what arrives.

const clientToken = 'jobs-nucleus-lite';
const room = 5000;

let cloud: ProtocolCloud;
const open: Connection[] = [];
let made = 0;

beforeAll(async () => {
  cloud = await startProtocolCloud();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((connection) => connection.drop()));
});
afterAll(() => cloud.stop());

async function newLite(group: string) {
  const identity = await cloud.core(`lite-${++made}`, [group]);
  const { thing } = identity;
  const connect = async () => {
    const connection = await Connection.open(cloud.cloud.mqttPort, identity, liteConnect(thing));
    open.push(connection);
    return connection;
  };
  return { thing, topics: topicsOf(thing), connect };
}

/** One call of lite: its own subscription with a wildcard, and only the answer that carries its token. */
async function call(connection: Connection, topic: string, payload: JsonObject) {
  await connection.subscribe(`${topic}/+`);
  const answer = await connection.request(topic, { ...payload, clientToken });
  await connection.unsubscribe(`${topic}/+`);
  expect(answer.body['clientToken']).toBe(clientToken);
  return answer;
}
const deployTo = async (group: string) =>
  cloud.deploy({
    targetArn: await cloud.group(group),
    components: { 'com.example.Hello': { componentVersion: '1.0.0' } },
  });

describe('nucleus lite', () => {
  test('with nothing pending gets its token and the time, and no execution', async () => {
    const lite = await newLite('lite-empty');
    const connection = await lite.connect();
    expect(connection.connack.sessionPresent).toBe(false);
    expect(await connection.subscribe(lite.topics.notifyNext)).toBe(1);
    const answer = await call(connection, lite.topics.next, { jobId: '$next', thingName: lite.thing });
    expect(answer).toEqual({ outcome: 'accepted', body: { clientToken, timestamp: seconds } });
    expect(connection.left(lite.topics.notifyNext)).toEqual([]);
  });

  test('is told the next job with its document, begins it, ends it, and is told that nothing is next; all of it fits its buffer', async () => {
    const lite = await newLite('lite-success');
    const connection = await lite.connect();
    await connection.subscribe(lite.topics.notifyNext);
    await call(connection, lite.topics.next, {});
    const { jobId, deploymentId } = await deployTo('lite-success');
    const execution = {
      jobId,
      thingName: lite.thing,
      status: 'QUEUED',
      statusDetails: {},
      queuedAt: seconds,
      lastUpdatedAt: seconds,
      versionNumber: 1,
      executionNumber: 1,
      jobDocument: expect.objectContaining({ deploymentId }),
    };
    expect(await connection.next(lite.topics.notifyNext)).toEqual({ timestamp: seconds, execution });
    const described = await call(connection, lite.topics.next, {});
    expect(described.body).toEqual({ clientToken, timestamp: seconds, execution });

    const update = lite.topics.update(jobId);
    expect(await call(connection, update, { status: 'IN_PROGRESS' })).toEqual({
      outcome: 'accepted',
      body: { clientToken, timestamp: seconds },
    });
    expect(await call(connection, update, { status: 'SUCCEEDED' })).toMatchObject({ outcome: 'accepted' });
    // Its one slot of unsent updates is tried again every minute.
    expect(await call(connection, update, { status: 'SUCCEEDED' })).toMatchObject({ outcome: 'accepted' });
    expect(await connection.next(lite.topics.notifyNext)).toEqual({ timestamp: seconds });
    for (const { topic, text: payload } of connection.received) {
      expect(Buffer.byteLength(topic) + Buffer.byteLength(payload)).toBeLessThan(room - 16);
    }
    const { execution: ended } = await cloud.iot.send(
      new DescribeJobExecutionCommand({ jobId, thingName: lite.thing }),
    );
    expect(ended?.status).toBe('SUCCEEDED');
  });

  test('that reports FAILURE, which IoT Jobs does not know, is told so for good, with its token', async () => {
    const lite = await newLite('lite-failure');
    const connection = await lite.connect();
    const { jobId } = await deployTo('lite-failure');
    const answer = await call(connection, lite.topics.update(jobId), { status: 'FAILURE' });
    expect(answer).toEqual({
      outcome: 'rejected',
      body: { clientToken, timestamp: seconds, code: 'InvalidRequest', message: text },
    });
  });

  test('gets an answer on its own connection though it subscribed to none', async () => {
    const lite = await newLite('lite-virtual');
    const connection = await lite.connect();
    const answer = await connection.request(lite.topics.next, { clientToken }, 0);
    expect(answer.body).toEqual({ clientToken, timestamp: seconds });
  });

  test('after a reconnect subscribes anew and is told what is pending', async () => {
    const lite = await newLite('lite-again');
    const before = await lite.connect();
    await before.subscribe(lite.topics.notifyNext);
    await before.drop();
    const { jobId } = await deployTo('lite-again');
    const after = await lite.connect();
    expect(after.connack.sessionPresent).toBe(false);
    await after.subscribe(lite.topics.notifyNext);
    expect(await after.next(lite.topics.notifyNext)).toMatchObject({ execution: { jobId } });
  });

  test('says what it has at QoS 0, with its runtime, an empty deployment, and what is gone as UNINSTALLED', async () => {
    const lite = await newLite('lite-health');
    const connection = await lite.connect();
    const health = (sequenceNumber: number, components: readonly JsonObject[]) =>
      connection.publish(
        lite.topics.health,
        {
          ggcVersion: '2.6.0',
          platform: 'linux',
          architecture: 'amd64',
          runtime: 'aws_nucleus_lite',
          thing: lite.thing,
          sequenceNumber,
          timestamp: Date.now(),
          messageType: sequenceNumber === 1 ? 'COMPLETE' : 'PARTIAL',
          trigger: sequenceNumber === 1 ? 'NUCLEUS_LAUNCH' : 'COMPONENT_STATUS_CHANGE',
          overallDeviceStatus: 'HEALTHY',
          deploymentInformation: {},
          components,
        },
        0,
      );
    const installed = async () => {
      // QoS 0 has no acknowledgement; a question behind it has.
      await connection.request(lite.topics.next, { clientToken });
      const { installedComponents = [] } = await cloud.greengrass.send(
        new ListInstalledComponentsCommand({ coreDeviceThingName: lite.thing, topologyFilter: 'ALL' }),
      );
      return installedComponents.map(({ componentName, isRoot }) => ({ componentName, isRoot }));
    };
    const component = (name: string, status = 'RUNNING') => ({
      componentName: name,
      version: status === 'UNINSTALLED' ? '' : '1.0.0',
      fleetConfigArns: [],
      isRoot: true,
      status,
    });
    await health(1, [component('a'), component('b')]);
    await expect.poll(installed).toEqual([
      { componentName: 'a', isRoot: true },
      { componentName: 'b', isRoot: true },
    ]);
    await health(2, [component('a', 'UNINSTALLED'), component('b')]);
    await expect.poll(installed).toEqual([{ componentName: 'b', isRoot: true }]);
  });
});
