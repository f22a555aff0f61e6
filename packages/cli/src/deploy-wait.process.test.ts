import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CancelDeploymentCommand,
  CreateDeploymentCommand,
  GreengrassV2Client,
  ListDeploymentsCommand,
} from '@aws-sdk/client-greengrassv2';
import {
  AddThingToThingGroupCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  IoTClient,
  RemoveThingFromThingGroupCommand,
} from '@aws-sdk/client-iot';
import {
  IoTJobsDataPlaneClient,
  type JobExecutionStatus,
  StartNextPendingJobExecutionCommand,
  UpdateJobExecutionCommand,
} from '@aws-sdk/client-iot-jobs-data-plane';
import { startCloud, swardBin, type TestCloud } from '@greensward/testkit/cloud';
import { sdkConfiguration } from '@greensward/testkit/sdk-configuration';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import { afterAll, beforeAll, expect, test } from 'vitest';

// `sward deploy --wait` against a real cloud: what it waits for, and what its exit code says.

const folder = temporaryFolder();
const data = join(folder.path, 'data');
let cloud: TestCloud;
let iot: IoTClient;
let greengrass: GreengrassV2Client;
let jobs: IoTJobsDataPlaneClient;

beforeAll(async () => {
  cloud = await startCloud(data);
  iot = new IoTClient(sdkConfiguration(data));
  greengrass = new GreengrassV2Client(sdkConfiguration(data));
  jobs = new IoTJobsDataPlaneClient(sdkConfiguration(data));
});
afterAll(async () => {
  await cloud.process.stop();
  folder.remove();
});

const arn = (group: string) => `arn:aws:iot:us-east-1:000000000000:thinggroup/${group}`;

/** A group of these things, and the command that deploys to it and waits. */
async function waitsFor(group: string, things: readonly string[], request: object = {}) {
  await iot.send(new CreateThingGroupCommand({ thingGroupName: group }));
  for (const thingName of things) {
    await iot.send(new CreateThingCommand({ thingName }));
    await iot.send(new AddThingToThingGroupCommand({ thingGroupName: group, thingName }));
  }
  const file = join(folder.path, `${group}.json`);
  writeFileSync(file, JSON.stringify({ targetArn: arn(group), ...request }));
  const child = spawn(process.execPath, [swardBin, 'deploy', file, '--wait', '--data', data]);
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (part) => (text.stdout += part));
  child.stderr.on('data', (part) => (text.stderr += part));
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, ...text }));
  });
  for (const thing of things) await until(`${thing} is queued`, () => text.stdout.includes(`${thing}  QUEUED`));
  return { ended, text };
}

const start = async (thingName: string) => {
  const { execution } = await jobs.send(new StartNextPendingJobExecutionCommand({ thingName }));
  return execution?.jobId ?? '';
};
async function end(thingName: string, status: JobExecutionStatus): Promise<void> {
  await jobs.send(new UpdateJobExecutionCommand({ thingName, jobId: await start(thingName), status }));
}

test.each([
  ['SUCCEEDED' as const, 0],
  ['FAILED' as const, 1],
  ['REJECTED' as const, 1],
])('it ends when every device has: with one that %s, exit %s', async (status, code) => {
  const name = status.toLowerCase();
  const waiting = await waitsFor(name, [`${name}-1`, `${name}-2`]);
  await end(`${name}-1`, 'SUCCEEDED');
  await end(`${name}-2`, status);
  const outcome = await waiting.ended;
  expect(outcome).toMatchObject({ code, stderr: '' });
  expect(outcome.stdout.trim().split('\n').at(-1)).toContain(`${name}-2  ${status}`);
});

test('a device that leaves the group before it began is not waited for, and has not failed', async () => {
  const waiting = await waitsFor('leaves', ['leaves-1', 'leaves-2']);
  await end('leaves-1', 'SUCCEEDED');
  await iot.send(new RemoveThingFromThingGroupCommand({ thingGroupName: 'leaves', thingName: 'leaves-2' }));
  expect(await waiting.ended).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('REMOVED') });
});

test('an abort is exit 1, and says why', async () => {
  const criterion = { failureType: 'FAILED', action: 'CANCEL', thresholdPercentage: 50, minNumberOfExecutedThings: 1 };
  const waiting = await waitsFor('aborts', ['aborts-1', 'aborts-2'], {
    iotJobConfiguration: { abortConfig: { criteriaList: [criterion] } },
  });
  await end('aborts-1', 'FAILED');
  const { code, stderr } = await waiting.ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/^sward: deployment \S+ is FAILED: Aborted: 1 of 1 executed things are FAILED.*\n$/);
});

test('a newer revision is exit 1, and says so', async () => {
  const waiting = await waitsFor('replaced', ['replaced-1']);
  await greengrass.send(new CreateDeploymentCommand({ targetArn: arn('replaced') }));
  const { code, stderr } = await waiting.ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/^sward: deployment \S+ is INACTIVE: Superseded by revision 2 .*\n$/);
});

test('cancelled, it still waits for the device that runs it, and is exit 1', async () => {
  const waiting = await waitsFor('canceled', ['canceled-1', 'canceled-2']);
  await start('canceled-1');
  await until('it runs', () => waiting.text.stdout.includes('canceled-1  IN_PROGRESS'));
  const { deployments = [] } = await greengrass.send(new ListDeploymentsCommand({ targetArn: arn('canceled') }));
  await greengrass.send(new CancelDeploymentCommand({ deploymentId: deployments[0]?.deploymentId }));
  await until('the other one is told', () => waiting.text.stdout.includes('canceled-2  CANCELED'));
  expect(waiting.text.stderr).toBe('');
  await end('canceled-1', 'SUCCEEDED');
  const { code, stderr, stdout } = await waiting.ended;
  expect(code).toBe(1);
  expect(stdout).toContain('canceled-1  SUCCEEDED');
  expect(stderr).toMatch(/^sward: deployment \S+ is CANCELED: The deployment was canceled\.\n$/);
});

test('a cloud that is killed and starts again is waited for, and nothing is told twice', async () => {
  const waiting = await waitsFor('restarts', ['restarts-1', 'restarts-2']);
  await end('restarts-1', 'SUCCEEDED');
  await until('that is told', () => waiting.text.stdout.includes('restarts-1  SUCCEEDED'));
  await cloud.process.kill();
  cloud = await startCloud(data, { ports: cloud });
  await end('restarts-2', 'SUCCEEDED');
  const { code, stdout } = await waiting.ended;
  expect(code).toBe(0);
  const lines = stdout.trim().split('\n');
  expect(new Set(lines).size).toBe(lines.length);
  expect(lines).toContain('restarts-2  SUCCEEDED');
});
