import { CancelJobCommand, DescribeJobExecutionCommand as DescribeAsOwner } from '@aws-sdk/client-iot';
import {
  DescribeJobExecutionCommand,
  GetPendingJobExecutionsCommand,
  StartNextPendingJobExecutionCommand,
  UpdateJobExecutionCommand,
  type UpdateJobExecutionCommandInput,
} from '@aws-sdk/client-iot-jobs-data-plane';
import { until } from '@greensward/testkit/until';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { refusalOf } from '../conformance/conformance-cloud.ts';
import { sendRaw } from '../conformance/raw-request.ts';
import { askDevicePort } from './device-http.ts';
import { type Identity, type ProtocolCloud, startProtocolCloud } from './protocol-cloud.ts';
import { Connection, javaConnect, liteConnect, topicsOf } from './scripted-nucleus.ts';
import { seconds, text } from './shapes.ts';

// The jobs of a thing by the stock client of iot-jobs-data, by raw requests, and over MQTT without the namespace.

let cloud: ProtocolCloud;
let made = 0;

beforeAll(async () => {
  cloud = await startProtocolCloud();
});
afterAll(() => cloud.stop());

/** A thing with one QUEUED job. */
async function newJob(): Promise<{ identity: Identity; thingName: string; jobId: string }> {
  const group = `jobs-group-${++made}`;
  const identity = await cloud.core(`worker-${made}`, [group]);
  const thingName = identity.thing;
  const { jobId } = await cloud.deploy({ targetArn: await cloud.group(group) });
  await until('the job is rolled out', () =>
    cloud.iot.send(new DescribeAsOwner({ jobId, thingName })).then(
      ({ execution }) => execution,
      () => undefined,
    ),
  );
  return { identity, thingName, jobId };
}
const describeOf = (thingName: string, jobId: string, more: object = {}) =>
  cloud.jobsData.send(new DescribeJobExecutionCommand({ thingName, jobId, ...more }));
const update = (
  thingName: string,
  jobId: string,
  status: 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED',
  more: Partial<UpdateJobExecutionCommandInput> = {},
) => cloud.jobsData.send(new UpdateJobExecutionCommand({ thingName, jobId, status, ...more }));

describe('the jobs data plane over HTTP', () => {
  test('lists what is pending, starts the next, describes it, updates it', async () => {
    const { thingName, jobId } = await newJob();
    const summary = { jobId, queuedAt: seconds, lastUpdatedAt: seconds, versionNumber: 1, executionNumber: 1 };
    const pending = await cloud.jobsData.send(new GetPendingJobExecutionsCommand({ thingName }));
    expect(pending).toMatchObject({ inProgressJobs: [], queuedJobs: [summary] });

    const next = await describeOf(thingName, '$next');
    expect(next.execution).toMatchObject({ ...summary, thingName, status: 'QUEUED', jobDocument: text });
    expect(
      (await describeOf(thingName, '$next', { includeJobDocument: false })).execution?.jobDocument,
    ).toBeUndefined();

    const started = await cloud.jobsData.send(
      new StartNextPendingJobExecutionCommand({ thingName, statusDetails: { step: 'one' } }),
    );
    expect(started.execution).toMatchObject({
      jobId,
      status: 'IN_PROGRESS',
      statusDetails: { step: 'one' },
      startedAt: seconds,
      versionNumber: 2,
    });
    const again = await cloud.jobsData.send(
      new StartNextPendingJobExecutionCommand({ thingName, statusDetails: { step: 'two' } }),
    );
    expect(again.execution).toMatchObject({ statusDetails: { step: 'one' }, versionNumber: 2 });

    const plain = await update(thingName, jobId, 'IN_PROGRESS', { statusDetails: { step: 'three' } });
    expect(plain.executionState).toBeUndefined();
    expect(plain.jobDocument).toBeUndefined();
    const full = await update(thingName, jobId, 'IN_PROGRESS', {
      includeJobExecutionState: true,
      includeJobDocument: true,
    });
    expect(full.executionState).toEqual({
      status: 'IN_PROGRESS',
      statusDetails: { step: 'three' },
      versionNumber: 4,
    });
    expect(JSON.parse(full.jobDocument ?? '')).toHaveProperty('deploymentId');
  });

  test('with nothing pending has no execution at all', async () => {
    const { thing: thingName } = await cloud.core(`idle-${++made}`);
    expect((await describeOf(thingName, '$next')).execution).toBeUndefined();
    const started = await cloud.jobsData.send(new StartNextPendingJobExecutionCommand({ thingName }));
    expect(started.execution).toBeUndefined();
  });

  test('refuses an expected version that is not there with 409 VersionMismatch and the state', async () => {
    const { thingName, jobId } = await newJob();
    const refusal = await refusalOf(update(thingName, jobId, 'IN_PROGRESS', { expectedVersion: 7 }));
    expect(refusal).toMatchObject({ name: 'VersionMismatch', status: 409 });
    expect((await describeOf(thingName, jobId)).execution?.versionNumber).toBe(1);
  });

  test('[row 111] describing what has SUCCEEDED is 410 TerminalStateException, updating it otherwise 409', async () => {
    const { thingName, jobId } = await newJob();
    await update(thingName, jobId, 'SUCCEEDED');
    expect(await refusalOf(describeOf(thingName, jobId))).toMatchObject({
      name: 'TerminalStateException',
      status: 410,
    });
    expect(await refusalOf(update(thingName, jobId, 'FAILED'))).toMatchObject({
      name: 'InvalidStateTransitionException',
      status: 409,
    });
    await update(thingName, jobId, 'SUCCEEDED'); // A repeat is no new statement.
  });

  test('an unknown job or thing is 404; a status only the service sets is 400', async () => {
    const { thingName, jobId } = await newJob();
    expect(await refusalOf(describeOf(thingName, 'nope'))).toMatchObject({ name: 'ResourceNotFoundException' });
    expect(await refusalOf(describeOf('nobody', jobId))).toMatchObject({ name: 'ResourceNotFoundException' });
    const path = `/things/${thingName}/jobs/${jobId}`;
    for (const status of ['CANCELED', 'QUEUED', 'REMOVED', 'TIMED_OUT', 'FAILURE', '']) {
      const answer = await raw('POST', path, 'iot-jobs-data', JSON.stringify({ status }));
      expect(`${status} ${answer.status} ${answer.errorType}`).toBe(`${status} 400 InvalidRequestException`);
    }
  });

  test('an update of prototype names is refused where IoT Jobs refuses it, and pollutes nothing', async () => {
    const { thingName, jobId } = await newJob();
    const body =
      '{"status":"IN_PROGRESS","__proto__":{"status":"FAILED"},"statusDetails":{"__proto__":"x","constructor":"y"}}';
    const answer = await raw('POST', `/things/${thingName}/jobs/${jobId}`, 'iot-jobs-data', body);
    expect(answer.status).toBe(200);
    const { execution } = await describeOf(thingName, jobId);
    expect(execution?.status).toBe('IN_PROGRESS');
    expect(Object.entries(execution?.statusDetails ?? {})).toContainEqual(['constructor', 'y']);
  });
});

const raw = (method: string, path: string, service: string, body?: string) =>
  sendRaw(cloud.cloud.folder, { method, path, service, ...(body === undefined ? {} : { body }) });

describe('one path, two services', () => {
  test('[row 10] the jobs of a thing are summaries for the owner, and pending lists in the data plane', async () => {
    const { thingName, jobId } = await newJob();
    const owner = await raw('GET', `/things/${thingName}/jobs`, 'iot');
    expect(owner.json).toMatchObject({ executionSummaries: [{ jobId, jobExecutionSummary: { status: 'QUEUED' } }] });
    const device = await raw('GET', `/things/${thingName}/jobs`, 'iot-jobs-data');
    expect(device.json).toMatchObject({ inProgressJobs: [], queuedJobs: [{ jobId, queuedAt: seconds }] });
  });

  test('[row 11] one execution has a nested map and fractions for the owner, a flat one and whole seconds in the data plane', async () => {
    const { thingName, jobId } = await newJob();
    await update(thingName, jobId, 'IN_PROGRESS', { statusDetails: { step: 'one' } });
    const path = `/things/${thingName}/jobs/${jobId}`;
    const owner = await raw('GET', path, 'iot');
    expect(owner.json).toMatchObject({
      execution: { jobId, statusDetails: { detailsMap: { step: 'one' } }, queuedAt: expect.any(Number) },
    });
    const device = await raw('GET', path, 'iot-jobs-data');
    expect(device.json).toMatchObject({
      execution: { jobId, statusDetails: { step: 'one' }, queuedAt: seconds, startedAt: seconds, jobDocument: text },
    });
  });

  test.each(['%24next', '$next'])('[row 12] %s is the next job', async (next) => {
    const { thingName, jobId } = await newJob();
    const answer = await raw('GET', `/things/${thingName}/jobs/${next}`, 'iot-jobs-data');
    expect(answer.json).toMatchObject({ execution: { jobId } });
  });

  test('the device port takes the certificate for the signature, and only for its own thing', async () => {
    const { identity, thingName, jobId } = await newJob();
    const own = await askDevicePort(cloud.cloud.devicePort, identity, { path: `/things/${thingName}/jobs/$next` });
    expect(own.json()).toMatchObject({ execution: { jobId } });
    const other = await newJob();
    for (const path of [`/things/${other.thingName}/jobs`, `/things/${other.thingName}/shadow`]) {
      const answer = await askDevicePort(cloud.cloud.devicePort, identity, { path });
      expect(answer.status).toBe(403);
      expect(answer.headers['x-amzn-errortype']).toBeDefined();
    }
  });
});

describe('[row 109, as far as it is served] canceling', () => {
  test('by force cancels an execution that runs; what has ended stays as it ended', async () => {
    const running = await newJob();
    await update(running.thingName, running.jobId, 'IN_PROGRESS');
    await cloud.iot.send(new CancelJobCommand({ jobId: running.jobId, force: true }));
    const { execution } = await cloud.iot.send(new DescribeAsOwner(running));
    expect(execution).toMatchObject({ status: 'CANCELED', forceCanceled: true });
    expect(await refusalOf(update(running.thingName, running.jobId, 'SUCCEEDED'))).toMatchObject({ status: 409 });

    const ended = await newJob();
    await update(ended.thingName, ended.jobId, 'SUCCEEDED');
    await cloud.iot.send(new CancelJobCommand({ jobId: ended.jobId, force: true }));
    expect((await cloud.iot.send(new DescribeAsOwner(ended))).execution?.status).toBe('SUCCEEDED');
  });
});

describe.each([
  { version: 'MQTT 5', options: (thing: string) => javaConnect(thing, true) },
  { version: 'MQTT 3.1.1', options: liteConnect },
])('jobs without a namespace over $version', ({ options }) => {
  test('show no deployment as the next one, and answer about one that is named', async () => {
    const { identity, thingName, jobId } = await newJob();
    const { jobs, notify } = topicsOf(thingName);
    const device = await Connection.open(cloud.cloud.mqttPort, identity, options(thingName));
    await device.subscribe(`${jobs}/notify`);
    await device.subscribe(`${jobs}/notify-next`);
    const clientToken = 'plain';
    const empty = { outcome: 'accepted', body: { clientToken, timestamp: seconds } };
    expect(await device.request(`${jobs}/$next/get`, { clientToken })).toEqual(empty);
    expect(await device.request(`${jobs}/start-next`, { clientToken })).toEqual(empty);
    expect(await device.request(`${jobs}/get`, { clientToken })).toEqual({
      outcome: 'accepted',
      body: { clientToken, timestamp: seconds, inProgressJobs: [], queuedJobs: [] },
    });
    const named = await device.request(`${jobs}/${jobId}/get`, { clientToken });
    expect(named.body).toMatchObject({ clientToken, execution: { jobId, thingName, queuedAt: seconds } });
    const without = await device.request(`${jobs}/${jobId}/get`, { clientToken, includeJobDocument: false });
    expect(without.body['execution']).not.toHaveProperty('jobDocument');

    const begun = await device.request(`${jobs}/${jobId}/update`, {
      status: 'IN_PROGRESS',
      expectedVersion: 1,
      includeJobExecutionState: true,
      includeJobDocument: true,
      clientToken,
    });
    expect(begun).toEqual({
      outcome: 'accepted',
      body: {
        clientToken,
        timestamp: seconds,
        executionState: { status: 'IN_PROGRESS', statusDetails: {}, versionNumber: 2 },
        jobDocument: expect.any(Object),
      },
    });
    const stale = await device.request(`${jobs}/${jobId}/update`, {
      status: 'SUCCEEDED',
      expectedVersion: 1,
      clientToken,
    });
    expect(stale.body).toEqual({
      clientToken,
      timestamp: seconds,
      code: 'VersionMismatch',
      message: text,
      executionState: { status: 'IN_PROGRESS', statusDetails: {}, versionNumber: 2 },
    });
    const done = await device.request(`${jobs}/${jobId}/update`, { status: 'SUCCEEDED', clientToken });
    expect(done).toEqual(empty);
    // A job of the namespace is announced there, and not here.
    expect(device.left(`${jobs}/notify`)).toEqual([]);
    expect(device.left(`${jobs}/notify-next`)).toEqual([]);
    expect(device.left(notify)).toEqual([]);
    await device.drop();
  });

  test('are rejected with the codes of IoT Jobs', async () => {
    const { identity, thingName, jobId } = await newJob();
    const { jobs } = topicsOf(thingName);
    const device = await Connection.open(cloud.cloud.mqttPort, identity, options(thingName));
    const codeOf = async (topic: string, payload: object | string) => {
      const answer = await device.request(topic, typeof payload === 'string' ? payload : JSON.stringify(payload));
      expect(answer).toMatchObject({ outcome: 'rejected', body: { message: text, timestamp: seconds } });
      return answer.body['code'];
    };
    expect(await codeOf(`${jobs}/nope/get`, {})).toBe('ResourceNotFound');
    expect(await codeOf(`${jobs}/${jobId}/update`, '{')).toBe('InvalidJson');
    expect(await codeOf(`${jobs}/${jobId}/update`, '[]')).toBe('InvalidJson');
    expect(await codeOf(`${jobs}/${jobId}/update`, { status: 'QUEUED' })).toBe('InvalidRequest');
    expect(await codeOf(`${jobs}/${jobId}/update`, { status: 'IN_PROGRESS', stepTimeoutInMinutes: 0 })).toBe(
      'InvalidRequest',
    );
    expect(await codeOf(`${jobs}/${jobId}/update`, { status: 'IN_PROGRESS', statusDetails: { 'no space': 'x' } })).toBe(
      'InvalidRequest',
    );
    expect(await codeOf(`${jobs}/what/is/this`, {})).toBe('InvalidTopic');
    await device.request(`${jobs}/${jobId}/update`, { status: 'FAILED' });
    expect(await codeOf(`${jobs}/${jobId}/get`, {})).toBe('TerminalStateReached');
    await device.drop();
  });
});
