import {
  CancelDeploymentCommand,
  GetDeploymentCommand,
  ListEffectiveDeploymentsCommand,
} from '@aws-sdk/client-greengrassv2';
import {
  CancelJobCommand,
  DescribeJobExecutionCommand as DescribeAsOwner,
  DescribeJobCommand,
  ListJobExecutionsForJobCommand,
  ListJobExecutionsForThingCommand,
} from '@aws-sdk/client-iot';
import {
  DescribeJobExecutionCommand,
  GetPendingJobExecutionsCommand,
  StartNextPendingJobExecutionCommand,
  UpdateJobExecutionCommand,
} from '@aws-sdk/client-iot-jobs-data-plane';
import { until } from '@greensward/testkit/until';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { refusalOf } from '../conformance/conformance-cloud.ts';
import { firstFleetStatus } from '../conformance/device-by-certificate.ts';
import { type ProtocolCloud, startProtocolCloud } from './protocol-cloud.ts';
import { Connection, javaConnect, topicsOf } from './scripted-nucleus.ts';

// One rollout, as everybody who may ask is told of it: the operator by Greengrass and by IoT, the device by HTTP and MQTT.

let cloud: ProtocolCloud;
beforeAll(async () => {
  cloud = await startProtocolCloud();
});
afterAll(() => cloud.stop());

const ownerView = async (jobId: string, thingName: string) =>
  (await cloud.iot.send(new DescribeAsOwner({ jobId, thingName }))).execution;
const queued = (jobId: string, thing: string) =>
  until(`${thing} has its execution`, () => ownerView(jobId, thing).catch(() => undefined));
const update = (thingName: string, jobId: string, status: 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED') =>
  cloud.jobsData.send(new UpdateJobExecutionCommand({ thingName, jobId, status }));

describe('what is left of the time', () => {
  test('is that of the earlier timer, the same for owner and device; a step timer is set, kept, cleared and never longer', async () => {
    const identity = await cloud.core('timed', ['timed']);
    const { jobId } = await cloud.deploy({
      targetArn: await cloud.group('timed'),
      iotJobConfiguration: { timeoutConfig: { inProgressTimeoutInMinutes: 10 } },
    });
    await queued(jobId, 'timed');
    const { next, update: updateOf } = topicsOf('timed');
    const device = await Connection.open(cloud.cloud.mqttPort, identity, javaConnect('timed', true));
    const left = async () => {
      const { body } = await device.request(next, { includeJobDocument: false });
      const { execution } = await cloud.jobsData.send(new DescribeJobExecutionCommand({ jobId, thingName: 'timed' }));
      const owner = await ownerView(jobId, 'timed');
      const told = [body['execution'], execution, owner].map((view) => {
        const members = new Map<string, unknown>(Object.entries(view ?? {}));
        return members.get('approximateSecondsBeforeTimedOut');
      });
      const numbers = told.map(Number);
      // Asked one after the other.
      if (told[0] !== undefined) expect(Math.max(...numbers) - Math.min(...numbers)).toBeLessThanOrEqual(30);
      return told[0] === undefined && told[1] === undefined && told[2] === undefined ? undefined : numbers[0];
    };
    const within = async (minutes: number) => {
      const seconds = (await left()) ?? 0;
      expect(seconds).toBeLessThanOrEqual(minutes * 60);
      expect(seconds).toBeGreaterThan(minutes * 60 - 60);
    };
    const says = (more: object) => device.request(updateOf(jobId), { status: 'IN_PROGRESS', ...more });

    expect(await left()).toBeUndefined();
    await cloud.jobsData.send(new StartNextPendingJobExecutionCommand({ thingName: 'timed', stepTimeoutInMinutes: 3 }));
    await within(3);
    expect((await says({})).outcome).toBe('accepted');
    await within(3);
    expect((await says({ stepTimeoutInMinutes: 5 })).outcome).toBe('accepted');
    await within(5);
    expect((await says({ stepTimeoutInMinutes: 60 })).outcome).toBe('accepted');
    await within(10);
    expect((await says({ stepTimeoutInMinutes: 2 })).outcome).toBe('accepted');
    expect((await says({ stepTimeoutInMinutes: -1 })).outcome).toBe('accepted');
    await within(10);
    for (const stepTimeoutInMinutes of [0, -2, 10_081]) {
      expect(await says({ stepTimeoutInMinutes })).toMatchObject({
        outcome: 'rejected',
        body: { code: 'InvalidRequest' },
      });
    }
    await within(10);
    expect((await device.request(updateOf(jobId), { status: 'SUCCEEDED' })).outcome).toBe('accepted');
    expect(await ownerView(jobId, 'timed')).not.toHaveProperty('approximateSecondsBeforeTimedOut');
    await device.disconnect();
  });
});

interface Ending {
  readonly name: string;
  readonly force: boolean;
  readonly deployment: string;
  readonly reasonCode: RegExp;
  readonly comment: RegExp;
  end(ids: { deploymentId: string; jobId: string; targetArn: string }): Promise<unknown>;
}

const criterion = {
  failureType: 'FAILED',
  action: 'CANCEL',
  thresholdPercentage: 50,
  minNumberOfExecutedThings: 2,
} as const;

test.each<Ending>([
  {
    name: 'cancelled',
    force: false,
    deployment: 'CANCELED',
    reasonCode: /^DEPLOYMENT_CANCELED$/,
    comment: /was canceled/,
    end: ({ deploymentId }) => cloud.greengrass.send(new CancelDeploymentCommand({ deploymentId })),
  },
  {
    name: 'cancelled-by-its-job',
    force: false,
    deployment: 'CANCELED',
    reasonCode: /^WRONG_DAY$/,
    comment: /^not on a friday$/,
    end: ({ jobId }) =>
      cloud.iot.send(new CancelJobCommand({ jobId, reasonCode: 'WRONG_DAY', comment: 'not on a friday' })),
  },
  {
    name: 'cancelled-by-force',
    force: true,
    deployment: 'CANCELED',
    reasonCode: /^$/,
    comment: /^$/,
    end: ({ jobId }) => cloud.iot.send(new CancelJobCommand({ jobId, force: true })),
  },
  {
    name: 'superseded',
    force: false,
    deployment: 'INACTIVE',
    reasonCode: /^SUPERSEDED$/,
    comment: /^Superseded by revision 2/,
    end: ({ targetArn }) => cloud.deploy({ targetArn }),
  },
  {
    name: 'aborted',
    force: false,
    deployment: 'FAILED',
    reasonCode: /^ABORT_CRITERIA_MET$/,
    comment: /^Aborted: 1 of 2 executed things are FAILED/,
    end: ({ jobId }) => update('aborted-f', jobId, 'FAILED'),
  },
])('a deployment that is $name is so for everybody', async ({ name, force, deployment, reasonCode, comment, end }) => {
  const [q, r, s, f] = [`${name}-q`, `${name}-r`, `${name}-s`, `${name}-f`] as const;
  const identity = await cloud.core(q, [name]);
  for (const thing of [r, s, f]) await cloud.core(thing, [name]);
  const topics = topicsOf(q);
  const device = await Connection.open(cloud.cloud.mqttPort, identity, javaConnect(q, true));
  await device.publish(topics.health, firstFleetStatus(q));
  const targetArn = await cloud.group(name);
  const iotJobConfiguration = name === 'aborted' ? { abortConfig: { criteriaList: [criterion] } } : undefined;
  const ids = await cloud.deploy({ targetArn, ...(iotJobConfiguration === undefined ? {} : { iotJobConfiguration }) });
  const { jobId, deploymentId } = ids;
  for (const thing of [q, r, s, f]) await queued(jobId, thing);
  await update(r, jobId, 'IN_PROGRESS');
  await update(s, jobId, 'SUCCEEDED');
  if (name !== 'aborted') await update(f, jobId, 'FAILED');
  await end({ ...ids, targetArn });
  await until('it has ended', async () => {
    const { deploymentStatus } = await cloud.greengrass.send(new GetDeploymentCommand({ deploymentId }));
    return deploymentStatus === deployment ? deploymentStatus : undefined;
  });

  const running = force ? 'CANCELED' : 'IN_PROGRESS';
  const { job } = await cloud.iot.send(new DescribeJobCommand({ jobId }));
  expect(job?.status).toBe('CANCELED');
  expect(job?.completedAt).toBeInstanceOf(Date);
  expect(job?.forceCanceled ?? false).toBe(force);
  expect(job?.reasonCode ?? '').toMatch(reasonCode);
  expect(job?.comment ?? '').toMatch(comment);
  expect(job?.jobProcessDetails).toMatchObject({
    numberOfQueuedThings: 0,
    numberOfInProgressThings: force ? 0 : 1,
    numberOfCanceledThings: force ? 2 : 1,
    numberOfSucceededThings: 1,
    numberOfFailedThings: 1,
  });
  const { executionSummaries = [] } = await cloud.iot.send(new ListJobExecutionsForJobCommand({ jobId }));
  const listed = executionSummaries.map(({ thingArn, jobExecutionSummary }) => [
    thingArn?.split('/').at(-1),
    jobExecutionSummary?.status,
  ]);
  expect(Object.fromEntries(listed)).toEqual({ [q]: 'CANCELED', [r]: running, [s]: 'SUCCEEDED', [f]: 'FAILED' });
  const canceled = await cloud.iot.send(new ListJobExecutionsForJobCommand({ jobId, status: 'CANCELED' }));
  expect(canceled.executionSummaries).toHaveLength(force ? 2 : 1);
  const ofThing = await cloud.iot.send(new ListJobExecutionsForThingCommand({ thingName: q, status: 'CANCELED' }));
  expect(ofThing.executionSummaries).toMatchObject([{ jobId, jobExecutionSummary: { status: 'CANCELED' } }]);
  expect(await ownerView(jobId, q)).toMatchObject({ status: 'CANCELED', versionNumber: 2, forceCanceled: force });
  const effective = await cloud.greengrass.send(new ListEffectiveDeploymentsCommand({ coreDeviceThingName: q }));
  const shown = effective.effectiveDeployments?.find((each) => each.deploymentId === deploymentId);
  // A newer revision may have reached the device by now: it is the effective one then.
  if (shown !== undefined || name !== 'superseded') expect(shown?.coreDeviceExecutionStatus).toBe('CANCELED');

  // The device that has not begun: nothing is next, nothing is pending, and it is too late.
  const pendingOf = async (thingName: string) => {
    const pending = await cloud.jobsData.send(new GetPendingJobExecutionsCommand({ thingName }));
    return [...(pending.inProgressJobs ?? []), ...(pending.queuedJobs ?? [])].map((each) => each.jobId);
  };
  expect(await pendingOf(q)).not.toContain(jobId);
  const next = await device.request(topics.next, {});
  expect(JSON.stringify(next.body)).not.toContain(jobId);
  const gone = await refusalOf(cloud.jobsData.send(new DescribeJobExecutionCommand({ jobId, thingName: q })));
  expect(gone).toMatchObject({ name: 'TerminalStateException', status: 410 });
  for (const status of ['IN_PROGRESS', 'SUCCEEDED']) {
    expect(await device.request(topics.update(jobId), { status })).toMatchObject({
      outcome: 'rejected',
      body: { code: 'TerminalStateReached' },
    });
  }
  // The device that runs it: it may still end, but for force.
  expect(await pendingOf(r)).toEqual(force ? expect.not.arrayContaining([jobId]) : expect.arrayContaining([jobId]));
  if (force) expect(await refusalOf(update(r, jobId, 'SUCCEEDED'))).toMatchObject({ status: 409 });
  else await update(r, jobId, 'SUCCEEDED');
  expect((await ownerView(jobId, r))?.status).toBe(force ? 'CANCELED' : 'SUCCEEDED');
  await device.disconnect();
});
