import { silentLog } from '@greensward/kit';
import { systemIds, systemTimers } from '@greensward/kit/node';
import {
  createMqttServer,
  listenTls,
  type MqttRequest,
  type MqttServer,
  type Reply,
  type TlsListener,
} from '@greensward/mqtt/server';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ProxySettings } from '../configuration/device-config.ts';
import { createUplink } from './mqtt-uplink.ts';
import { makeCertificates } from './testing/certificates.ts';
import type { Arrival, Uplink } from './uplink.ts';

const certificates = makeCertificates('core-01');
const jobs = '$aws/things/core-01/jobs';
const namespace = 'namespace-aws-gg-deployment';
const shadow = '$aws/things/core-01/shadow/name/AWSManagedGreengrassV2Deployment';
const nextGet = `${jobs}/$next/${namespace}/get`;
const notify = `${jobs}/notify-${namespace}`;
const fleet = '$aws/things/core-01/greengrassv2/health/json';

/** A cloud of a few lines: it answers requests as `answers` says, and keeps what came. */
class Cloud {
  readonly requests: { readonly topic: string; readonly body: Record<string, unknown> }[] = [];
  readonly subscriptions: string[] = [];
  readonly connects: { readonly clientId: string; readonly version: number; readonly resumed: boolean }[] = [];
  readonly answers = new Map<string, (body: Record<string, unknown>) => unknown>();
  refuseConnect = false;
  refusals = 0;
  refusedFilter = '';
  refusedTopic = '';
  port = 0;
  private server: MqttServer<undefined> | undefined;
  private listener: TlsListener | undefined;

  async start(): Promise<void> {
    const server = createMqttServer<undefined>({
      log: silentLog,
      timers: systemTimers,
      ids: systemIds,
      authenticate: async () => {
        if (!this.refuseConnect) return { allow: true, principal: undefined };
        this.refusals += 1;
        return { allow: false, reason: 'not-authorized' };
      },
      authorizePublish: (_client, topic) => topic !== this.refusedTopic,
      authorizeSubscribe: (_client, filter) => filter !== this.refusedFilter,
      isRequest: (topic) => topic.startsWith('$aws/'),
      onRequest: async (_client, request) => this.request(request),
      onConnected: ({ clientId, protocolVersion: version }, resumed) => {
        this.connects.push({ clientId, version, resumed });
      },
      onSubscribed: (_client, filters) => {
        this.subscriptions.push(...filters);
      },
    });
    const { cert, key } = certificates.server;
    const tls = { cert, key, ca: certificates.ca, host: '127.0.0.1', port: this.port, log: silentLog };
    this.listener = await listenTls(server, tls);
    this.port = this.listener.port;
    this.server = server;
  }

  async stop(): Promise<void> {
    await this.listener?.close();
    await this.server?.close();
  }

  drop(): void {
    this.server?.disconnect(() => true, 'administrative-action');
  }

  send(topic: string, body: unknown): void {
    this.server?.publish(topic, JSON.stringify(body), { qos: 1 });
  }

  async count(topic: string, least: number): Promise<void> {
    await vi.waitFor(() => expect(this.sent(topic).length).toBeGreaterThanOrEqual(least), 10_000);
  }

  sent(topic: string): Record<string, unknown>[] {
    return this.requests.filter((request) => request.topic === topic).map(({ body }) => body);
  }

  private request({ topic, payload }: MqttRequest): Reply[] {
    const body: Record<string, unknown> = JSON.parse(payload.toString());
    this.requests.push({ topic, body });
    const answer = this.answers.get(topic)?.(body);
    if (answer === undefined) return [];
    const rejected = typeof answer === 'object' && answer !== null && 'code' in answer;
    const text = JSON.stringify({ clientToken: body['clientToken'], timestamp: 1, ...Object(answer) });
    return [{ topic: `${topic}/${rejected ? 'rejected' : 'accepted'}`, payload: text }];
  }
}

let cloud: Cloud;
let uplink: Uplink | undefined;
let arrivals: Arrival[];

beforeEach(async () => {
  cloud = new Cloud();
  cloud.answers.set(nextGet, () => ({}));
  await cloud.start();
});
afterEach(async () => {
  await uplink?.stop();
  uplink = undefined;
  await cloud.stop();
});

function makeUplink(
  options: { version?: 'mqtt5' | 'mqtt3'; operationTimeoutMs?: number; timeScale?: number; proxy?: ProxySettings } = {},
): Uplink {
  const { version = 'mqtt5', operationTimeoutMs = 30_000, timeScale = 1, proxy } = options;
  const made = createUplink({
    config: { thingName: 'core-01', nucleusVersion: '2.18.0', ...(proxy === undefined ? {} : { proxy }) },
    settings: () => ({
      iotDataEndpoint: 'localhost',
      mqttPort: cloud.port,
      mqtt: {
        version,
        keepAliveMs: 60_000,
        pingTimeoutMs: 30_000,
        operationTimeoutMs,
        connectTimeoutMs: 15_000,
        sessionExpirySeconds: 604_800,
        receiveMaximum: 100,
        minReconnectMs: 1_000,
        maxReconnectMs: 120_000,
      },
    }),
    tls: certificates.device,
    log: silentLog,
    timers: { ...systemTimers, after: (ms, task) => systemTimers.after(ms * timeScale, task) },
    ids: systemIds,
  });
  arrivals = [];
  made.onArrival((arrival) => arrivals.push(arrival));
  uplink = made;
  return made;
}

async function connected(options: Parameters<typeof makeUplink>[0] = {}): Promise<Uplink> {
  const made = makeUplink(options);
  made.start();
  await vi.waitFor(() => expect(made.connected()).toBe(true), 10_000);
  return made;
}

/** Connected, and nothing is pending. */
async function atRest(options: Parameters<typeof makeUplink>[0] = {}): Promise<Uplink> {
  const made = await connected(options);
  await vi.waitFor(() => expect(arrivals.length).toBe(1));
  arrivals.length = 0;
  return made;
}

const execution = (jobId: string, queuedAt: number) => ({
  execution: { jobId, queuedAt, status: 'QUEUED', versionNumber: 1, jobDocument: { deploymentId: jobId } },
});
const jobSource = { kind: 'job', jobId: 'job-1' } as const;
const updateOf = (jobId: string) => `${jobs}/${jobId}/${namespace}/update`;

describe.each(['mqtt5', 'mqtt3'] as const)('over %s', (version) => {
  test('subscribes in order, asks for job and shadow, and hands on the job', async () => {
    cloud.answers.set(nextGet, () => execution('job-1', 100));
    await connected({ version });
    await cloud.count(`${shadow}/get`, 1);
    expect(cloud.connects).toEqual([{ clientId: 'core-01', version: version === 'mqtt5' ? 5 : 4, resumed: false }]);
    expect(cloud.subscriptions).toEqual([
      `${nextGet}/accepted`,
      `${nextGet}/rejected`,
      notify,
      `${jobs}/+/${namespace}/update/accepted`,
      `${jobs}/+/${namespace}/update/rejected`,
      `${shadow}/update/accepted`,
      `${shadow}/update/rejected`,
      `${shadow}/get/accepted`,
    ]);
    expect(cloud.requests.map(({ topic }) => topic)).toEqual([nextGet, `${shadow}/get`]);
    expect(cloud.sent(nextGet)[0]).toMatchObject({ thingName: 'core-01', jobId: '$next', includeJobDocument: true });
    await vi.waitFor(() =>
      expect(arrivals).toEqual([
        { kind: 'job', jobId: 'job-1', queuedAt: 100_000, status: 'QUEUED', document: { deploymentId: 'job-1' } },
      ]),
    );
  });

  test('a lost connection is made again, and everything is asked for again', async () => {
    cloud.answers.set(nextGet, () => execution('job-1', 100));
    const states: boolean[] = [];
    const made = await connected({ version });
    made.onConnection((state) => states.push(state));
    await vi.waitFor(() => expect(arrivals.length).toBe(1));
    cloud.drop();
    await cloud.count(nextGet, 2);
    await vi.waitFor(() => expect(states).toEqual([false, true]));
    expect(cloud.connects.at(-1)?.resumed).toBe(version === 'mqtt5');
    await vi.waitFor(() => expect(arrivals.length).toBe(2));
    expect(arrivals[1]).toEqual(arrivals[0]);
    cloud.answers.set(nextGet, () => execution('job-2', 101));
    cloud.send(notify, { timestamp: 1, jobs: { QUEUED: [{ jobId: 'job-2' }] } });
    await vi.waitFor(() => expect(arrivals.at(-1)).toMatchObject({ jobId: 'job-2' }));
  });
});

test('a cloud that is restarted and knows no sessions is subscribed to again', async () => {
  await connected();
  await cloud.stop();
  await vi.waitFor(() => expect(uplink?.connected()).toBe(false));
  cloud.subscriptions.length = 0;
  await cloud.start();
  await vi.waitFor(() => expect(uplink?.connected()).toBe(true), 10_000);
  expect(cloud.subscriptions.length).toBe(8);
});

test('a refused device keeps trying', async () => {
  cloud.refuseConnect = true;
  const made = makeUplink({ timeScale: 0.01 });
  made.start();
  await vi.waitFor(() => expect(cloud.refusals).toBeGreaterThan(2), 10_000);
  expect(made.connected()).toBe(false);
  cloud.refuseConnect = false;
  await vi.waitFor(() => expect(made.connected()).toBe(true), 10_000);
});

describe('the answer to "what is next"', () => {
  test('none says that what was pending is not any more, for the device may have been away when it was cancelled', async () => {
    await connected();
    await vi.waitFor(() => expect(arrivals).toEqual([{ kind: 'no-job' }]));
  });

  test('counts only when it is to the last question', async () => {
    await atRest();
    const late = { timestamp: 1, clientToken: 'of-an-earlier-connection' };
    cloud.send(`${nextGet}/accepted`, { ...late, ...execution('job-0', 50) });
    cloud.send(`${nextGet}/accepted`, late);
    cloud.answers.set(nextGet, () => execution('job-1', 40)); // The cloud's clock may have been set back.
    cloud.send(notify, { timestamp: 1, jobs: { QUEUED: [{ jobId: 'job-1' }] } });
    await vi.waitFor(() => expect(arrivals.length).toBeGreaterThan(0));
    expect(arrivals).toMatchObject([{ kind: 'job', jobId: 'job-1' }]);
  });

  test('counts without a token too, but then "none" says nothing', async () => {
    await atRest();
    cloud.send(`${nextGet}/accepted`, { timestamp: 1 });
    cloud.send(`${nextGet}/accepted`, { timestamp: 1, ...execution('job-1', 100) });
    await vi.waitFor(() => expect(arrivals).toMatchObject([{ kind: 'job', jobId: 'job-1' }]));
  });
});

test('a status that waits for its answer does not hold up the end of the runtime', async () => {
  const made = await connected();
  const waiting = made.report({ source: { kind: 'job', jobId: 'job-1' }, status: 'IN_PROGRESS' });
  const outcome = waiting.catch((error: unknown) => error);
  await cloud.count(`${jobs}/job-1/${namespace}/update`, 1);
  await made.stop();
  expect(await outcome).toMatchObject({ code: 'MQTT_CONNECTION_FAILED', retryable: true });
});

describe('notifications', () => {
  test('an empty one means that no job is pending; one with only running jobs means nothing', async () => {
    await atRest();
    cloud.send(notify, { timestamp: 1, jobs: { IN_PROGRESS: [{ jobId: 'job-1' }] } });
    cloud.send(notify, { timestamp: 2, jobs: {} });
    await vi.waitFor(() => expect(arrivals).toEqual([{ kind: 'no-job' }]));
    expect(cloud.sent(nextGet).length).toBe(1);
  });

  test('a queued job that is not there yet is asked for again, not for ever', async () => {
    await atRest({ timeScale: 0.001 });
    cloud.send(notify, { timestamp: 1, jobs: { QUEUED: [{ jobId: 'job-1' }] } });
    await cloud.count(nextGet, 8);
    cloud.send(notify, { timestamp: 2, jobs: {} });
    await vi.waitFor(() => expect(arrivals.length).toBe(1));
    expect(cloud.sent(nextGet).length).toBe(8);
  });

  test('what cannot be read is ignored', async () => {
    await atRest();
    cloud.send(notify, 'text');
    cloud.send(`${nextGet}/accepted`, [1]);
    cloud.send(notify, { timestamp: 2, jobs: {} });
    await vi.waitFor(() => expect(arrivals).toEqual([{ kind: 'no-job' }]));
  });
});

describe('a job status', () => {
  const failed = {
    source: jobSource,
    status: 'FAILED',
    detailedStatus: 'FAILED_ROLLBACK_COMPLETE',
    failureCause: 'x'.repeat(2000),
    errorStack: ['DEPLOYMENT_FAILURE', 'COMPONENT_BROKEN'],
    errorTypes: ['USER_COMPONENT_ERROR'],
  } as const;

  test('is reported with its details and accepted', async () => {
    cloud.answers.set(updateOf('job-1'), () => ({}));
    const made = await connected();
    expect(await made.report({ source: jobSource, status: 'IN_PROGRESS' })).toBe('accepted');
    expect(await made.report(failed)).toBe('accepted');
    const [first, second] = cloud.sent(updateOf('job-1'));
    expect(first).toMatchObject({ thingName: 'core-01', jobId: 'job-1', status: 'IN_PROGRESS', statusDetails: {} });
    expect(second).toMatchObject({
      status: 'FAILED',
      statusDetails: {
        'detailed-deployment-status': 'FAILED_ROLLBACK_COMPLETE',
        'deployment-failure-cause': 'x'.repeat(1024),
        'deployment-error-stack': '["DEPLOYMENT_FAILURE","COMPONENT_BROKEN"]',
        'deployment-error-types': '["USER_COMPONENT_ERROR"]',
      },
    });
    expect(first?.['clientToken']).not.toBe(second?.['clientToken']);
  });

  test('can be rejected for good, or for now', async () => {
    const made = await connected();
    cloud.answers.set(updateOf('job-1'), () => ({ code: 'TerminalStateReached', message: 'over' }));
    expect(await made.report(failed)).toBe('rejected');
    cloud.answers.set(updateOf('job-1'), () => ({ code: 'RequestThrottled', message: 'slowly' }));
    await expect(made.report(failed)).rejects.toMatchObject({ code: 'THROTTLING_ERROR', retryable: true });
  });

  test('without an answer, without a connection, or with one that ends, fails and may be tried again', async () => {
    const made = await connected({ operationTimeoutMs: 300 });
    const retryable = { code: 'MQTT_CONNECTION_FAILED', retryable: true };
    await expect(made.report(failed)).rejects.toMatchObject({
      ...retryable,
      message: expect.stringContaining('in time'),
    });
    const ending = made.report(failed);
    const expectation = expect(ending).rejects.toMatchObject(retryable);
    await cloud.count(updateOf('job-1'), 2);
    await cloud.stop();
    await expectation;
    await vi.waitFor(() => expect(made.connected()).toBe(false));
    await expect(made.report(failed)).rejects.toMatchObject(retryable);
    await expect(made.publishFleetStatus('{}')).rejects.toMatchObject(retryable);
  });

  test('of a cancellation is not sent', async () => {
    const made = await connected();
    expect(await made.report({ source: jobSource, status: 'CANCELED' })).toBe('accepted');
    expect(cloud.sent(updateOf('job-1'))).toEqual([]);
  });
});

describe('the deployment shadow', () => {
  const configurationArn = 'arn:aws:greengrass:us-east-1:000000000000:configuration:thing/core-01:3';
  const fleetConfig = JSON.stringify({ configurationArn, components: {} });
  const desired = (desiredStatus = 'SUCCEEDED') => ({ state: { desired: { fleetConfig, desiredStatus } } });
  const source = { kind: 'shadow', configurationArn } as const;

  test('brings a deployment on connect, its cancellation later, and takes the report', async () => {
    cloud.answers.set(`${shadow}/get`, () => ({ ...desired(), version: 4 }));
    cloud.answers.set(`${shadow}/update`, () => ({ state: {}, version: 5 }));
    const made = await connected();
    const document = { configurationArn, components: {} };
    await vi.waitFor(() =>
      expect(arrivals).toContainEqual({ kind: 'shadow', configurationArn, document, cancel: false }),
    );
    expect(await made.report({ source, status: 'IN_PROGRESS', detailedStatus: 'SUCCESSFUL' })).toBe('accepted');
    cloud.send(`${shadow}/update/accepted`, { ...desired('CANCELED'), version: 6 });
    await vi.waitFor(() => expect(arrivals.at(-1)).toMatchObject({ kind: 'shadow', cancel: true }));
    const [report] = cloud.sent(`${shadow}/update`);
    expect(report?.['state']).toEqual({
      reported: {
        fleetConfigurationArnForStatus: configurationArn,
        status: 'IN_PROGRESS',
        statusDetails: { failureCause: '', errorStack: [], errorTypes: [], ignoredConfiguration: null },
        ggcVersion: '2.18.0',
      },
    });
  });

  test('a status that the cloud has wrong is reported again, but not for ever', async () => {
    cloud.answers.set(`${shadow}/update`, () => ({ state: {}, version: 1 }));
    const made = await connected();
    await made.report({ source, status: 'SUCCEEDED', detailedStatus: 'SUCCESSFUL' });
    const reported = { fleetConfigurationArnForStatus: configurationArn, status: 'FAILED' };
    for (let version = 2; version < 12; version += 1) {
      cloud.send(`${shadow}/update/accepted`, { state: { reported }, version });
    }
    await cloud.count(`${shadow}/update`, 6);
    await made.report({ source, status: 'SUCCEEDED' });
    expect(cloud.sent(`${shadow}/update`).length).toBe(7);
  });

  test('a version conflict asks for the document and may be tried again; another rejection is final', async () => {
    const made = await connected();
    await cloud.count(`${shadow}/get`, 1);
    cloud.answers.set(`${shadow}/update`, () => ({ code: 409, message: 'Version conflict' }));
    await expect(made.report({ source, status: 'SUCCEEDED' })).rejects.toMatchObject({ retryable: true });
    await cloud.count(`${shadow}/get`, 2);
    cloud.answers.set(`${shadow}/update`, () => ({ code: 403, message: 'Forbidden' }));
    expect(await made.report({ source, status: 'SUCCEEDED' })).toBe('rejected');
  });
});

test('fleet status is published and acknowledged', async () => {
  const made = await connected();
  await made.publishFleetStatus('{"ggcVersion":"2.18.0"}');
  expect(cloud.sent(fleet)).toEqual([{ ggcVersion: '2.18.0' }]);
});

test('what the cloud will never take is refused for good', async () => {
  const made = await connected();
  cloud.refusedTopic = updateOf('job-1');
  expect(await made.report({ source: jobSource, status: 'SUCCEEDED' })).toBe('rejected');
  cloud.refusedTopic = fleet;
  await expect(made.publishFleetStatus('{}')).rejects.toMatchObject({ code: 'ACCESS_DENIED', retryable: false });
});

test('a refused subscription does not take the rest down, and is tried again', async () => {
  cloud.refusedFilter = `${shadow}/update/accepted`;
  await connected({ timeScale: 0.001 });
  cloud.refusedFilter = '';
  await vi.waitFor(() => expect(cloud.subscriptions).toContain(`${shadow}/update/accepted`));
});

test('stopping sends DISCONNECT and ends at once, also while it waits to connect again', async () => {
  const made = await connected();
  await cloud.stop();
  await vi.waitFor(() => expect(made.connected()).toBe(false));
  const before = systemTimers.monotonic();
  await made.stop();
  expect(systemTimers.monotonic() - before).toBeLessThan(2_000);
});
