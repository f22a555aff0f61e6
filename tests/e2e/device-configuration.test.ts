import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { startDevice, swardBin } from '@greensward/testkit/cloud';
import { startNode } from '@greensward/testkit/processes';
import { sdkConfiguration } from '@greensward/testkit/sdk-configuration';
import { until } from '@greensward/testkit/until';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { componentLog, type Fleet, type FleetDevice, startFleet } from './fleet.ts';

// One cloud, one device; the tests follow one another as the revisions of its group do.

const line = 'arn:aws:iot:us-east-1:000000000000:thinggroup/line';
const service = 'aws.greengrass.TokenExchangeService';
const nucleus = 'aws.greengrass.Nucleus';
const reader = 'com.example.Reader';
const plain = 'com.example.Plain';
const require = createRequire(import.meta.url);

let fleet: Fleet;
let device: FleetDevice;

const recipe = (name: string, more: Readonly<Record<string, unknown>>) => ({
  RecipeFormatVersion: '2020-01-25',
  ComponentName: name,
  ComponentVersion: '1.0.0',
  ...more,
});

/** A component in Node with the stock SDK, which finds its credentials by itself. */
const program = `
const { S3Client, GetObjectCommand } = require(${JSON.stringify(require.resolve('@aws-sdk/client-s3'))});
const { STSClient, GetCallerIdentityCommand } = require(${JSON.stringify(require.resolve('@aws-sdk/client-sts'))});
const endpoint = process.env.CLOUD_API;
(async () => {
  const s3 = new S3Client({ endpoint, forcePathStyle: true });
  const got = await s3.send(new GetObjectCommand({ Bucket: 'readings', Key: 'a.txt' }));
  console.log('read: ' + await got.Body.transformToString());
  const who = await new STSClient({ endpoint }).send(new GetCallerIdentityCommand({}));
  console.log('who: ' + who.Arn);
  setInterval(() => {}, 1 << 30);
})().catch((error) => { console.log('failed: ' + error.name + ' ' + error.message); process.exit(1); });
`;

beforeAll(async () => {
  fleet = await startFleet();
  const s3 = new S3Client({ ...sdkConfiguration(fleet.cloud.folder), forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: 'readings' }));
  await s3.send(new PutObjectCommand({ Bucket: 'readings', Key: 'a.txt', Body: 'twelve' }));
  s3.destroy();
  await fleet.publish(
    recipe(reader, {
      ComponentDependencies: {
        [service]: { VersionRequirement: '>=2.0.0' },
        'aws.greengrass.LogManager': { VersionRequirement: '^2.0.0', DependencyType: 'SOFT' },
      },
      Manifests: [
        {
          Artifacts: [{ Uri: '{artifact:reader.cjs}' }],
          Lifecycle: {
            Setenv: { CLOUD_API: `http://127.0.0.1:${fleet.cloud.apiPort}` },
            Run: `exec '${process.execPath}' {artifacts:path}/reader.cjs`,
          },
        },
      ],
    }),
    { 'reader.cjs': program },
  );
  await fleet.publish(
    recipe(plain, {
      ComponentConfiguration: { DefaultConfiguration: { rpm: 900 } },
      Manifests: [{ Lifecycle: { Run: 'echo "rpm {configuration:/rpm}"; exec sleep 3603' } }],
    }),
  );
  device = await fleet.device('configured', ['line']);
});

afterAll(() => fleet.stop());

const explain = async (...args: readonly string[]) => {
  const one = startNode([swardBin, 'device', 'config', 'explain', '--root', device.root, ...args]);
  expect(await one.ended, one.output()).toBe(0);
  return one.output();
};
const log = () => readFileSync(join(device.root, 'logs', 'greengrass.log'), 'utf8');
const deploy = async (components: Parameters<Fleet['deploy']>[0]['components'], end: 'SUCCEEDED' | 'FAILED') => {
  const { deploymentId, jobId } = await fleet.deploy({ targetArn: line, components });
  return { deploymentId, execution: await fleet.ended(jobId, device, end) };
};

test('a component that depends on the token exchange service reads from S3 with the stock SDK', async () => {
  await deploy({ [reader]: { componentVersion: '1.0.0' } }, 'SUCCEEDED');
  await until('it has read', () => componentLog(device, reader).includes('read: twelve'));
  await until('it is somebody', () =>
    /who: arn:aws:sts::000000000000:assumed-role\//.test(componentLog(device, reader)),
  );
  await fleet.shows(device, {
    [reader]: '1.0.0 RUNNING',
    [service]: '2.0.3 RUNNING',
    'aws.greengrass.LogManager': '2.3.7 RUNNING',
  });
  expect(log()).toContain('this component is accepted, and does nothing on this runtime');
});

test('`sward device config explain` tells what set each value, while the device runs and when it does not', async () => {
  const components = {
    [reader]: { componentVersion: '1.0.0' },
    [plain]: { componentVersion: '1.0.0', configurationUpdate: { merge: '{"speed":{"max":1200}}' } },
  };
  const { deploymentId } = await deploy(components, 'SUCCEEDED');
  const leaves: readonly Record<string, unknown>[] = JSON.parse(await explain(plain, '--json'));
  expect(leaves).toEqual([
    expect.objectContaining({ pointer: '/rpm', value: 900, source: { kind: 'default', version: '1.0.0' } }),
    expect.objectContaining({
      pointer: '/speed/max',
      value: 1200,
      source: { kind: 'deployment', id: deploymentId, configurationArn: expect.stringMatching(/thinggroup\/line:2$/) },
    }),
  ]);
  expect(await explain(nucleus, '/iotRoleAlias')).toContain('config.yaml');
  await device.process.stop();
  expect(await explain(plain, '/rpm')).toMatch(/^com\.example\.Plain \/rpm = 900\n {4}default of the recipe/);
  device.process = startDevice(device.root);
  await fleet.shows(device, {
    [reader]: '1.0.0 RUNNING',
    [plain]: '1.0.0 RUNNING',
    [service]: '2.0.3 RUNNING',
    'aws.greengrass.LogManager': '2.3.7 RUNNING',
  });
});

test('a parameter of the runtime that cannot be is refused before anything changes', async () => {
  const components = {
    [plain]: { componentVersion: '1.0.0' },
    [nucleus]: { componentVersion: '2.12.0', configurationUpdate: { merge: '{"mqtt":{"keepAliveTimeoutMs":1}}' } },
  };
  const { execution } = await deploy(components, 'FAILED');
  expect(execution.statusDetails?.detailsMap).toMatchObject({
    'detailed-deployment-status': 'FAILED_NO_STATE_CHANGE',
    'deployment-failure-cause': expect.stringContaining('mqtt.keepAliveTimeoutMs'),
  });
});

test.each([
  [
    'an address of the cloud that is none',
    { iotDataEndpoint: 'localhost', mqtt: { port: 1, standaloneMqttTimeoutMs: 1 } },
    'MQTT to localhost:1',
  ],
  ['a default user that there is none of', { runWithDefault: { posixUser: 'no-such-user' } }, 'no-such-user'],
])('%s is refused before anything changes', async (_what, merge, reason) => {
  const before = componentLog(device, plain);
  const components = {
    [plain]: { componentVersion: '1.0.0' },
    [nucleus]: { componentVersion: '2.12.0', configurationUpdate: { merge: JSON.stringify(merge) } },
  };
  const { execution } = await deploy(components, 'FAILED');
  expect(execution.statusDetails?.detailsMap).toMatchObject({
    'detailed-deployment-status': 'FAILED_NO_STATE_CHANGE',
    'deployment-failure-cause': expect.stringContaining(reason),
  });
  expect(componentLog(device, plain)).toBe(before);
});

test('parameters are taken over while components run, those of the connection by a new one', async () => {
  const before = componentLog(device, plain);
  const components = {
    [plain]: { componentVersion: '1.0.0' },
    [nucleus]: {
      componentVersion: '2.12.0',
      configurationUpdate: { merge: '{"mqtt":{"keepAliveTimeoutMs":90000},"logging":{"level":"DEBUG"}}' },
    },
  };
  const { deploymentId } = await deploy(components, 'SUCCEEDED');
  await until('it is connected again', () => log().split('connected to the cloud').length > 3);
  await until('it logs in detail', () => log().includes(' [DEBUG] '));
  expect(componentLog(device, plain)).toBe(before);
  expect(await explain(nucleus, '/logging')).toContain(deploymentId);
});

test('a parameter that needs it makes the runtime start again, and the deployment goes on', async () => {
  const started = () => componentLog(device, plain).split('rpm 900').length;
  const before = started();
  const components = {
    [plain]: { componentVersion: '1.0.0' },
    [nucleus]: { componentVersion: '2.12.0', configurationUpdate: { merge: '{"mqtt":{"version":"mqtt3"}}' } },
  };
  await deploy(components, 'SUCCEEDED');
  expect(started()).toBe(before + 1);
  expect(log()).toContain('the runtime starts again with its new configuration');
});
