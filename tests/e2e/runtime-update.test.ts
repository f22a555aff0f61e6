import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetCoreDeviceCommand } from '@aws-sdk/client-greengrassv2';
import { deviceBundle, deviceNodeFlags } from '@greensward/cli/device-bundle';
import { startDevice, swardBin } from '@greensward/testkit/cloud';
import { startNode, type TestProcess } from '@greensward/testkit/processes';
import { until } from '@greensward/testkit/until';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { componentLog, type Fleet, type FleetDevice, startFleet } from './fleet.ts';

// One cloud, one device; the tests follow one another as the revisions of its group do.

const targetArn = 'arn:aws:iot:us-east-1:000000000000:thinggroup/line';
const nucleus = 'aws.greengrass.Nucleus';
const app = 'com.example.App';

let fleet: Fleet;
let device: FleetDevice;
let installed: string;

/** As a service manager starts it: the bundle, without a channel to a parent. */
function start(): TestProcess {
  const through = ['env', '-u', 'NODE_CHANNEL_FD'];
  return startNode([...deviceNodeFlags, installed, '--root', device.root], { through });
}

async function publishBuild(version: string, text: string): Promise<void> {
  await fleet.publish(
    {
      RecipeFormatVersion: '2020-01-25',
      ComponentName: nucleus,
      ComponentVersion: version,
      ComponentType: 'aws.greengrass.nucleus',
      Manifests: [{ Platform: { os: 'linux' }, Artifacts: [{ Uri: '{artifact:device.mjs}' }] }],
    },
    { 'device.mjs': text },
  );
}

/** A build from the sources of this project. */
async function publishGood(version: string): Promise<void> {
  const file = join(fleet.folder, `${version}.mjs`);
  const made = startNode([swardBin, 'device', 'bundle', '--out', file, '--as', version]);
  expect(await made.ended, made.output()).toBe(0);
  await publishBuild(version, readFileSync(file, 'utf8'));
}

async function deploy(version: string, failureHandlingPolicy: 'ROLLBACK' | 'DO_NOTHING' = 'ROLLBACK') {
  return fleet.deploy({
    targetArn,
    components: { [app]: { componentVersion: '1.0.0' }, [nucleus]: { componentVersion: version } },
    deploymentPolicies: { failureHandlingPolicy },
  });
}

const coreVersion = async () =>
  (await fleet.greengrass.send(new GetCoreDeviceCommand({ coreDeviceThingName: device.name }))).coreVersion;
const isAlive = (one: TestProcess) => existsSync(`/proc/${one.pid}`);
const appStarts = () => [...componentLog(device, app).matchAll(/under (\S+?)\. \{/g)].map(([, version]) => version);

beforeAll(async () => {
  fleet = await startFleet();
  installed = await deviceBundle();
  await fleet.publish({
    RecipeFormatVersion: '2020-01-25',
    ComponentName: app,
    ComponentVersion: '1.0.0',
    Manifests: [{ Lifecycle: { Run: 'echo "under $GGC_VERSION"; echo x >> kept; exec sleep 3607' } }],
  });
  device = await fleet.device('updated', ['line']);
  await device.process.stop();
  device.process = start();
  await fleet.ended(
    (await fleet.deploy({ targetArn, components: { [app]: { componentVersion: '1.0.0' } } })).jobId,
    device,
    'SUCCEEDED',
  );
});

afterAll(() => fleet.stop());

test('a good build takes over in the same process, keeps the components, and is reported', async () => {
  await publishGood('2.19.0');
  const { jobId } = await deploy('2.19.0');
  await fleet.ended(jobId, device, 'SUCCEEDED');
  await until('the cloud knows the version', async () => (await coreVersion()) === '2.19.0');
  expect(isAlive(device.process)).toBe(true);
  expect(appStarts()).toEqual(['2.12.0', '2.19.0']);
  expect(readFileSync(join(device.root, 'work', app, 'kept'), 'utf8')).toBe('x\nx\n');
  await fleet.shows(device, { [app]: '1.0.0 RUNNING' });
  // And after a stop it is what runs, started by the program that was installed.
  await device.process.stop();
  device.process = start();
  await until('the component runs again', () => appStarts().length === 3);
  expect(appStarts().at(-1)).toBe('2.19.0');
});

test('what is no build fails before anything changes', async () => {
  await publishBuild('2.19.1', 'this is not JavaScript');
  const { jobId } = await deploy('2.19.1');
  const execution = await fleet.ended(jobId, device, 'FAILED');
  expect(execution.statusDetails?.detailsMap).toMatchObject({
    'detailed-deployment-status': 'FAILED_NO_STATE_CHANGE',
    'deployment-error-stack': expect.stringContaining('COMPONENT_LOAD_FAILURE'),
    'deployment-failure-cause': expect.stringContaining('SyntaxError'),
  });
  expect(appStarts().length).toBe(3);
});

test('a build that crashes is started three times, then the old one runs again and says so', async () => {
  const said = JSON.parse(
    execFileSync(process.execPath, [installed, 'check', '--root', device.root], { encoding: 'utf8' }),
  );
  const crashes = join(fleet.folder, 'crashes');
  await publishBuild(
    '2.20.0',
    `import { appendFileSync } from 'node:fs';
    if (process.argv[2] === 'check') console.log(JSON.stringify({ version: '2.20.0', store: ${said.store} }));
    else {
      appendFileSync(${JSON.stringify(crashes)}, 'x');
      setTimeout(() => { throw new Error('this build does not work'); }, 50);
      await new Promise(() => setInterval(() => {}, 1e6));
    }`,
  );
  const { jobId } = await deploy('2.20.0', 'DO_NOTHING');
  const execution = await fleet.ended(jobId, device, 'FAILED');
  expect(execution.statusDetails?.detailsMap).toMatchObject({
    'detailed-deployment-status': 'FAILED_ROLLBACK_COMPLETE',
    'deployment-error-stack': expect.stringContaining('NUCLEUS_RESTART_FAILURE'),
  });
  expect(readFileSync(crashes, 'utf8')).toBe('xxx');
  expect(isAlive(device.process)).toBe(true);
  expect(await coreVersion()).toBe('2.19.0');
  await until('the component runs again', () => appStarts().length === 4);
  expect(appStarts().at(-1)).toBe('2.19.0');
  await fleet.shows(device, { [app]: '1.0.0 RUNNING' });
});

test('a power cut while the new build is tried costs nothing but time', async () => {
  await publishGood('2.21.0');
  const record = join(device.root, 'config', 'runtime.json');
  const { jobId } = await deploy('2.21.0');
  await until('the build is tried', () => existsSync(record) && readFileSync(record, 'utf8').includes('"starts":1'));
  await device.process.kill();
  device.process = start();
  await fleet.ended(jobId, device, 'SUCCEEDED');
  await until('the cloud knows the version', async () => (await coreVersion()) === '2.21.0');
  await until('the build is kept', () => !readFileSync(record, 'utf8').includes('trial'));
  await fleet.shows(device, { [app]: '1.0.0 RUNNING' });
});

test('under a parent with a channel it ends with 100, and the next start is of the new build', async () => {
  await publishGood('2.22.0');
  await device.process.stop();
  device.process = startDevice(device.root);
  const { jobId } = await deploy('2.22.0');
  expect(await device.process.ended).toBe(100);
  device.process = startDevice(device.root);
  await fleet.ended(jobId, device, 'SUCCEEDED');
  await until('the cloud knows the version', async () => (await coreVersion()) === '2.22.0');
});
