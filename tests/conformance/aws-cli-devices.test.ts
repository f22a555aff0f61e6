import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AddThingToThingGroupCommand } from '@aws-sdk/client-iot';
import { GetPendingJobExecutionsCommand } from '@aws-sdk/client-iot-jobs-data-plane';
import { findAwsCli } from '@greensward/testkit/programs';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import type { MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConformanceCloud, startConformanceCloud } from './conformance-cloud.ts';
import { type CertifiedDevice, certifiedDevice, firstFleetStatus } from './device-by-certificate.ts';

// What an operator does to devices with the stock AWS CLI, over HTTP, while one of them is connected over MQTT.

const aws = findAwsCli();
const run = promisify(execFile);

describe.skipIf(aws === undefined)('the AWS CLI (needs it installed)', () => {
  const folder = temporaryFolder();
  const file = (name: string) => join(folder.path, name);
  let under: ConformanceCloud;
  let core: CertifiedDevice;
  let connection: MqttClient;
  /** How this CLI is told that a blob in its arguments is the bytes themselves; version 1 knows nothing else. */
  let rawBlobs: readonly string[];

  beforeAll(async () => {
    under = await startConformanceCloud();
    const { stdout } = await run(aws ?? '', ['--version']);
    rawBlobs = stdout.startsWith('aws-cli/1.') ? [] : ['--cli-binary-format', 'raw-in-base64-out'];
    core = await certifiedDevice(under, 'core');
    await under.thing('client');
    const targetArn = await under.group('line');
    await under.iot.send(new AddThingToThingGroupCommand({ thingGroupName: 'line', thingName: 'core' }));
    connection = await core.connect();
    // Acknowledged after the commit.
    await connection.publishAsync('$aws/things/core/greengrassv2/health/json', firstFleetStatus('core'), { qos: 1 });
    await cliJson('greengrassv2', 'create-deployment', '--target-arn', targetArn);
  });

  afterAll(async () => {
    await connection.endAsync();
    await under.stop();
    folder.remove();
  });

  /** Runs the CLI with the profile that the cloud wrote, and no AWS setting of this machine. */
  async function cli(...args: readonly string[]): Promise<string> {
    const own = Object.entries(process.env).filter(([name]) => !/^(AWS_|REQUESTS_CA_BUNDLE$)/i.test(name));
    const env = { ...Object.fromEntries(own), ...under.cloud.environment, AWS_PAGER: '' };
    return (await run(aws ?? '', args, { env })).stdout;
  }
  async function cliJson(...args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
    return JSON.parse(await cli(...args, '--output', 'json'));
  }

  /** A call of iot-data that writes what it is answered to a file. */
  async function shadow(operation: string, ...args: readonly string[]): Promise<unknown> {
    const answer = file('shadow.json');
    await cli('iot-data', operation, '--thing-name', 'core', ...args, answer);
    return JSON.parse(readFileSync(answer, 'utf8'));
  }

  test('updates, reads and deletes a classic shadow; the device is told the delta', async () => {
    const topic = '$aws/things/core/shadow/update/delta';
    await connection.subscribeAsync(topic, { qos: 1 });
    const told = nextOn(connection, topic);
    const payload = JSON.stringify({ state: { desired: { rpm: 900 } } });
    expect(await shadow('update-thing-shadow', ...rawBlobs, '--payload', payload)).toMatchObject({
      state: { desired: { rpm: 900 } },
      version: 1,
    });
    expect(JSON.parse(await told)).toMatchObject({ state: { rpm: 900 }, version: 1 });
    expect(await shadow('get-thing-shadow')).toMatchObject({ state: { desired: { rpm: 900 }, delta: { rpm: 900 } } });
    expect(await shadow('delete-thing-shadow')).toMatchObject({ version: 1 });
    await expect(shadow('get-thing-shadow')).rejects.toMatchObject({
      stderr: expect.stringContaining('(ResourceNotFoundException)'),
    });
  });

  test('updates a named shadow from a file, reads it, and lists the names', async () => {
    writeFileSync(file('payload.json'), JSON.stringify({ state: { reported: { door: 'open' } } }));
    const named = ['--shadow-name', 'door'];
    await shadow('update-thing-shadow', ...named, '--payload', `fileb://${file('payload.json')}`);
    expect(await shadow('get-thing-shadow', ...named)).toMatchObject({ state: { reported: { door: 'open' } } });
    const listed = await cliJson('iot-data', 'list-named-shadows-for-thing', '--thing-name', 'core');
    expect(listed).toMatchObject({ results: expect.arrayContaining(['door']) });
    expect(await shadow('delete-thing-shadow', ...named)).toMatchObject({ version: 1 });
  });

  test('publishes a message that a device receives as it was given', async () => {
    await connection.subscribeAsync('plant/orders', { qos: 1 });
    const received = nextOn(connection, 'plant/orders');
    await cli('iot-data', 'publish', '--topic', 'plant/orders', '--qos', '1', ...rawBlobs, '--payload', 'stop {now} ü');
    expect(await received).toBe('stop {now} ü');
  });

  test('lists, starts, describes and updates the job of a device, and describes the job', async () => {
    const thing = ['--thing-name', 'core'];
    await until('the job is rolled out', async () => {
      const { queuedJobs = [] } = await under.jobsData.send(new GetPendingJobExecutionsCommand({ thingName: 'core' }));
      return queuedJobs.length === 1;
    });
    const pending = await cliJson('iot-jobs-data', 'get-pending-job-executions', ...thing);
    expect(pending).toMatchObject({
      inProgressJobs: [],
      queuedJobs: [{ jobId: expect.any(String), versionNumber: 1 }],
    });
    const started = await cliJson('iot-jobs-data', 'start-next-pending-job-execution', ...thing);
    expect(started).toMatchObject({ execution: { status: 'IN_PROGRESS', versionNumber: 2, thingName: 'core' } });
    const jobId = jobIdIn(started);
    const job = ['--job-id', jobId];
    expect(pending).toMatchObject({ queuedJobs: [{ jobId }] });
    expect(await cliJson('iot-jobs-data', 'describe-job-execution', ...job, ...thing)).toMatchObject({
      execution: { jobId, status: 'IN_PROGRESS', jobDocument: expect.stringContaining('deploymentId') },
    });
    const done = ['--status', 'SUCCEEDED', '--expected-version', '2', '--include-job-execution-state'];
    expect(await cliJson('iot-jobs-data', 'update-job-execution', ...job, ...thing, ...done)).toMatchObject({
      executionState: { status: 'SUCCEEDED', versionNumber: 3 },
    });
    expect(await cliJson('iot', 'describe-job', ...job)).toMatchObject({
      job: { jobId, targetSelection: 'CONTINUOUS', jobProcessDetails: { numberOfSucceededThings: 1 } },
    });
  });

  test('replaces a policy by a new version', async () => {
    const Statement = { Effect: 'Allow', Action: ['iot:*', 'greengrass:*'], Resource: '*' };
    const policyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
    const policy = ['--policy-name', 'all-core', '--policy-document', policyDocument];
    expect(await cliJson('iot', 'create-policy-version', ...policy, '--set-as-default')).toMatchObject({
      policyVersionId: '2',
      isDefaultVersion: true,
      policyDocument,
    });
  });

  test('makes a role alias that a device is given credentials for', async () => {
    const role = ['--role-alias', 'Pumps', '--role-arn', 'arn:aws:iam::000000000000:role/Pumps'];
    expect(await cliJson('iot', 'create-role-alias', ...role)).toMatchObject({
      roleAliasArn: 'arn:aws:iot:us-east-1:000000000000:rolealias/Pumps',
    });
    expect(await core.ask('/role-aliases/Pumps/credentials')).toMatchObject({
      status: 200,
      json: { credentials: { accessKeyId: expect.stringMatching(/^ASIA/) } },
    });
  });

  test('associates client devices with a core device', async () => {
    const entries = ['--entries', 'thingName=client', 'thingName=nobody'];
    const of = ['--core-device-thing-name', 'core'];
    expect(
      await cliJson('greengrassv2', 'batch-associate-client-device-with-core-device', ...of, ...entries),
    ).toMatchObject({ errorEntries: [{ thingName: 'nobody', code: 'ResourceNotFoundException' }] });
    expect(await cliJson('greengrassv2', 'list-client-devices-associated-with-core-device', ...of)).toMatchObject({
      associatedClientDevices: [{ thingName: 'client' }],
    });
  });

  test('lists the public components', async () => {
    const { components } = await cliJson('greengrassv2', 'list-components', '--scope', 'PUBLIC');
    expect(components).toContainEqual(expect.objectContaining({ componentName: 'aws.greengrass.Nucleus' }));
  });
});

/** The next message on a topic, as text. */
function nextOn(connection: MqttClient, topic: string): Promise<string> {
  return new Promise((resolve) => {
    const hear = (on: string, payload: Buffer) => {
      if (on !== topic) return;
      connection.removeListener('message', hear);
      resolve(payload.toString('utf8'));
    };
    connection.on('message', hear);
  });
}

function jobIdIn({ execution }: Readonly<Record<string, unknown>>): string {
  if (typeof execution === 'object' && execution !== null && 'jobId' in execution) return String(execution.jobId);
  throw new Error('no job execution');
}
