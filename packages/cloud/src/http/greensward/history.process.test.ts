import { request } from 'node:http';
import { CreateDeploymentCommand, GreengrassV2Client } from '@aws-sdk/client-greengrassv2';
import {
  AddThingToThingGroupCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  IoTClient,
} from '@aws-sdk/client-iot';
import {
  IoTJobsDataPlaneClient,
  StartNextPendingJobExecutionCommand,
  UpdateJobExecutionCommand,
} from '@aws-sdk/client-iot-jobs-data-plane';
import { signRequest } from '@greensward/protocol/sigv4';
import { until } from '@greensward/testkit/until';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningCloud, runCloud, sdkConfiguration, sendSigned } from '../testing/running-cloud.ts';

let cloud: RunningCloud;
let greengrass: GreengrassV2Client;
let iot: IoTClient;
let jobs: IoTJobsDataPlaneClient;

beforeAll(async () => {
  cloud = await runCloud();
  greengrass = new GreengrassV2Client(sdkConfiguration(cloud));
  iot = new IoTClient(sdkConfiguration(cloud));
  jobs = new IoTJobsDataPlaneClient(sdkConfiguration(cloud));
});
afterAll(() => cloud.destroy());

const groupArn = (name: string) => `arn:aws:iot:us-east-1:000000000000:thinggroup/${name}`;

async function makeGroup(name: string, ...things: readonly string[]): Promise<void> {
  await iot.send(new CreateThingGroupCommand({ thingGroupName: name }));
  for (const thingName of things) {
    await iot.send(new CreateThingCommand({ thingName }));
    await iot.send(new AddThingToThingGroupCommand({ thingGroupName: name, thingName }));
  }
}

async function deploy(group: string): Promise<string> {
  const { deploymentId = '' } = await greengrass.send(new CreateDeploymentCommand({ targetArn: groupArn(group) }));
  return deploymentId;
}

const get = (path: string, headers: Readonly<Record<string, string>> = {}) =>
  sendSigned(cloud, 'greensward', { path, headers });

interface EventShape {
  readonly sequence: number;
  readonly subject: string;
  readonly thing?: string;
  readonly to: string;
}

const eventsAt = async (path: string): Promise<readonly EventShape[]> => {
  const body: { events?: readonly EventShape[] } = (await get(path)).json();
  return body.events ?? [];
};

/** The device's part, as the API of the data plane does it. */
async function run(thing: string, status: 'SUCCEEDED' | 'FAILED', statusDetails: Record<string, string> = {}) {
  const jobId = await until(`${thing} has a job`, async () => {
    const { execution } = await jobs.send(new StartNextPendingJobExecutionCommand({ thingName: thing }));
    return execution?.jobId;
  });
  await jobs.send(new UpdateJobExecutionCommand({ thingName: thing, jobId, status, statusDetails }));
}

interface Message {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: Record<string, unknown>;
}

/** A client of a stream that reads as fast as it can, unless it is paused. */
function follow(path: string, headers: Readonly<Record<string, string>> = {}, to = cloud) {
  const [target = '', query = ''] = path.split('?');
  const signed = signRequest(
    {
      method: 'GET',
      path: target,
      query,
      body: new Uint8Array(),
      headers: { accept: 'text/event-stream', host: new URL(to.endpoint).host, ...headers },
    },
    {
      credentials: { accessKeyId: to.key.accessKeyId, secretAccessKey: to.key.secretAccessKey },
      region: 'us-east-1',
      service: 'greensward',
      now: Date.now(),
    },
  );
  const messages: Message[] = [];
  const state = { status: 0, ended: false, messages, close: () => sent.destroy() };
  const sent = request(
    { host: '127.0.0.1', port: to.ports.apiPort, path, headers: signed, agent: false },
    (response) => {
      state.status = response.statusCode ?? 0;
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
        const blocks = text.split('\n\n');
        text = blocks.pop() ?? '';
        for (const block of blocks) {
          const field = (name: string) => block.match(new RegExp(`^${name}: (.*)$`, 'm'))?.[1];
          const data = field('data');
          if (data !== undefined) messages.push({ id: field('id'), event: field('event'), data: JSON.parse(data) });
        }
      });
      response.on('close', () => {
        state.ended = true;
      });
      response.on('error', () => {});
    },
  );
  sent.on('error', () => {});
  sent.end();
  return state;
}

const settled = (messages: readonly Message[]) =>
  messages.findLast(({ event }) => event === 'rollout')?.data['settled'] === true;

describe('the history of a rollout', () => {
  test('is read per deployment, per device and in all, from a cursor, with how far it is', async () => {
    await makeGroup('read', 'read-1', 'read-2');
    const deploymentId = await deploy('read');
    await run('read-1', 'SUCCEEDED');
    await run('read-2', 'FAILED');
    const path = `/greensward/v1/deployments/${deploymentId}/events`;
    const events = await eventsAt(path);
    expect(events.map(({ subject, thing, to }) => [subject, thing, to]).sort()).toEqual(
      [
        ['deployment', undefined, 'ACTIVE'],
        ['job', undefined, 'IN_PROGRESS'],
        ...['QUEUED', 'IN_PROGRESS', 'SUCCEEDED'].map((to) => ['execution', 'read-1', to]),
        ...['QUEUED', 'IN_PROGRESS', 'FAILED'].map((to) => ['execution', 'read-2', to]),
      ].sort(),
    );
    const page = (await get(`${path}?maxResults=3`)).json();
    expect(page).toMatchObject({ events: events.slice(0, 3), more: true });
    expect(await eventsAt(`${path}?after=${events[2]?.sequence}`)).toEqual(events.slice(3));
    expect(await eventsAt('/greensward/v1/devices/read-1/events')).toEqual(
      events.filter(({ thing }) => thing === 'read-1'),
    );
    expect(await eventsAt(`/greensward/v1/events?after=${(events[0]?.sequence ?? 0) - 1}`)).toEqual(events);
    expect((await get(`/greensward/v1/deployments/${deploymentId}`)).json()).toMatchObject({
      status: 'ACTIVE',
      counts: { SUCCEEDED: 1, FAILED: 1, QUEUED: 0 },
      settled: true,
    });
  });

  test.each([
    ['/greensward/v1/deployments/nope/events', 404],
    ['/greensward/v1/deployments/nope', 404],
    ['/greensward/v1/deployments/nope/failures', 404],
    ['/greensward/v1/devices/nope/events', 404],
    ['/greensward/v1/events?after=-1', 400],
    ['/greensward/v1/events?maxResults=0', 400],
  ])('%s is refused with %d, as a list and as a stream', async (path, status) => {
    expect((await get(path)).status).toBe(status);
    expect((await get(path, { accept: 'text/event-stream' })).status).toBe(status);
  });

  test('failures are counted by cause, the most frequent first, with some of the things', async () => {
    await makeGroup('causes', 'causes-1', 'causes-2', 'causes-3');
    const deploymentId = await deploy('causes');
    const full = (thing: string) => ({
      'deployment-failure-cause': `no space left for ${thing}, ${thing.length} bytes`,
      'deployment-error-stack': '["DEPLOYMENT_FAILURE","DISK_FULL"]',
    });
    await run('causes-1', 'FAILED', full('causes-1'));
    await run('causes-2', 'FAILED', { 'deployment-failure-cause': 'no route' });
    await run('causes-3', 'FAILED', full('causes-3'));
    expect((await get(`/greensward/v1/deployments/${deploymentId}/failures`)).json()).toEqual({
      failures: [
        {
          status: 'FAILED',
          errorCode: 'DISK_FULL',
          cause: 'no space left for {thing}, # bytes',
          devices: 2,
          exampleThings: ['causes-1', 'causes-3'],
        },
        { status: 'FAILED', cause: 'no route', devices: 1, exampleThings: ['causes-2'] },
      ],
    });
  });

  test('what an access key changed is recorded with what it was done to, and what it only read is not', async () => {
    await makeGroup('audited');
    const deploymentId = await deploy('audited');
    await get(`/greensward/v1/deployments/${deploymentId}`);
    await iot
      .send(
        new CreateThingGroupCommand({
          thingGroupName: 'audited',
          thingGroupProperties: { thingGroupDescription: 'x' },
        }),
      )
      .catch(() => {});
    const { entries }: { entries?: readonly Record<string, unknown>[] } = (
      await get('/greensward/v1/audit?maxResults=2')
    ).json();
    expect(entries).toMatchObject([
      { operation: 'greengrassv2:CreateDeployment', target: `targetArn=${groupArn('audited')}` },
      { operation: 'iot:CreateThingGroup', target: 'thingGroupName=audited' },
    ]);
    for (const entry of entries ?? []) {
      expect(Object.keys(entry).sort()).toEqual(['accessKeyId', 'at', 'operation', 'requestId', 'target']);
      expect(entry).toMatchObject({ accessKeyId: cloud.key.accessKeyId });
    }
    const { nextToken } = (await get('/greensward/v1/audit?maxResults=2')).json();
    expect((await get(`/greensward/v1/audit?nextToken=${encodeURIComponent(String(nextToken))}`)).status).toBe(200);
  });
});

describe('a stream of events', () => {
  test('brings what was and what comes, in order, until the rollout is settled, and a join opens it again', async () => {
    await makeGroup('live', 'live-1');
    const deploymentId = await deploy('live');
    const path = `/greensward/v1/deployments/${deploymentId}/events`;
    const stream = follow(path);
    await run('live-1', 'SUCCEEDED');
    await until('the rollout is settled', () => settled(stream.messages));
    await iot.send(new CreateThingCommand({ thingName: 'live-2' }));
    await iot.send(new AddThingToThingGroupCommand({ thingGroupName: 'live', thingName: 'live-2' }));
    await until('it is open again', () => !settled(stream.messages));
    await run('live-2', 'FAILED');
    await until('it is settled again', () => settled(stream.messages));
    const told = stream.messages.filter(({ event }) => event === 'transition');
    expect(told.map(({ data }) => data)).toEqual(await eventsAt(path));
    for (const { id, data } of told) expect(id).toBe(String(data['sequence']));
    expect(stream.messages.at(-1)?.data).toMatchObject({ status: 'ACTIVE', counts: { SUCCEEDED: 1, FAILED: 1 } });
    stream.close();
  });

  test('that is taken up again goes on behind the event that was seen last', async () => {
    await makeGroup('again', 'again-1');
    const deploymentId = await deploy('again');
    await run('again-1', 'SUCCEEDED');
    const path = `/greensward/v1/deployments/${deploymentId}/events`;
    const events = await eventsAt(path);
    const stream = follow(path, { 'last-event-id': String(events[1]?.sequence) });
    await until('the rest is there', () => settled(stream.messages));
    expect(stream.messages.flatMap(({ event, data }) => (event === 'transition' ? [data] : []))).toEqual(
      events.slice(2),
    );
    stream.close();
    const refused = await get(path, { accept: 'text/event-stream', 'last-event-id': 'x' });
    expect(refused.status).toBe(400);
  });

  test('of everything begins now', async () => {
    await makeGroup('all', 'all-1');
    await deploy('all');
    await run('all-1', 'SUCCEEDED');
    const stream = follow('/greensward/v1/events');
    await until('it is open', () => stream.status === 200);
    const second = await deploy('all');
    await until('the new one is told', () => stream.messages.some(({ data }) => data['deploymentId'] === second));
    const first = stream.messages[0]?.data;
    expect(first).not.toMatchObject({ thing: 'all-1' });
    stream.close();
  });

  test('one more than may be open at once is refused, and one that is closed makes room', async () => {
    const streams = Array.from({ length: 100 }, () => follow('/greensward/v1/events'));
    await until('all are open', () => streams.every(({ status }) => status === 200));
    expect((await get('/greensward/v1/events', { accept: 'text/event-stream' })).status).toBe(429);
    for (const stream of streams) stream.close();
    const next = await until('there is room', async () => {
      const stream = follow('/greensward/v1/events');
      await until('it is answered', () => stream.status !== 0);
      return stream.status === 200 ? stream : undefined;
    });
    next.close();
  });

  test('is ended by the cloud when it stops', async () => {
    const other = await runCloud();
    const stream = follow('/greensward/v1/events', {}, other);
    await until('it is open', () => stream.status === 200);
    await other.destroy();
    await until('it has ended', () => stream.ended);
  });
});
