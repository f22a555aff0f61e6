import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ListInstalledComponentsCommand } from '@aws-sdk/client-greengrassv2';
import { startCloud, startDevice, swardBin } from '@greensward/testkit/cloud';
import { until } from '@greensward/testkit/until';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { componentLog, type Fleet, type FleetDevice, startFleet } from './fleet.ts';

// A cloud and a person at the device, each with deployments of their own; the tests follow one another.

const run = promisify(execFile);
const line = 'arn:aws:iot:us-east-1:000000000000:thinggroup/line';
const cloudy = 'com.example.Cloudy';
const local = 'com.example.Local';

let fleet: Fleet;
let device: FleetDevice;
let recipes: string;

const recipe = (name: string, version: string, word: string, more: object = {}) => ({
  RecipeFormatVersion: '2020-01-25',
  ComponentName: name,
  ComponentVersion: version,
  Manifests: [{ Lifecycle: { Run: `echo "${word}"; exec sleep 3600` } }],
  ...more,
});

async function deployLocally(...args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [swardBin, 'device', 'deploy', '--root', device.root, ...args]);
  return stdout.trim();
}

beforeAll(async () => {
  fleet = await startFleet();
  await fleet.publish(recipe(cloudy, '1.0.0', 'of the cloud'));
  await fleet.publish(recipe(cloudy, '2.0.0', 'of the cloud 2'));
  device = await fleet.device('local-a', ['line']);
  recipes = join(fleet.folder, 'recipes');
  mkdirSync(recipes);
  const { jobId } = await fleet.deploy({ targetArn: line, components: { [cloudy]: { componentVersion: '1.0.0' } } });
  await fleet.ended(jobId, device, 'SUCCEEDED');
});

afterAll(() => fleet.stop());

test('a local deployment adds to what the cloud deployed, and the cloud is told', async () => {
  writeFileSync(join(recipes, 'local.json'), JSON.stringify(recipe(local, '1.0.0', 'of a person')));
  await deployLocally('--recipe-dir', recipes, '--merge', `${local}=1.0.0`, '--wait');
  await fleet.shows(device, { [cloudy]: '1.0.0 RUNNING', [local]: '1.0.0 RUNNING' });
  const { installedComponents = [] } = await fleet.greengrass.send(
    new ListInstalledComponentsCommand({ coreDeviceThingName: device.name }),
  );
  const found = installedComponents.find(({ componentName }) => componentName === local);
  expect(found).toMatchObject({ isRoot: true, lastInstallationSource: 'LOCAL' });
});

test('a cloud deployment afterwards keeps what a person deployed, and asks the cloud nothing about it', async () => {
  const { jobId } = await fleet.deploy({ targetArn: line, components: { [cloudy]: { componentVersion: '2.0.0' } } });
  await fleet.ended(jobId, device, 'SUCCEEDED');
  await fleet.shows(device, { [cloudy]: '2.0.0 RUNNING', [local]: '1.0.0 RUNNING' });
});

test('case 83: a version that is on the device is taken for a local root, though the cloud has it with another recipe', async () => {
  await fleet.publish(recipe(local, '1.0.0', 'of the cloud, same version'));
  await deployLocally('--update-config', JSON.stringify({ [local]: { MERGE: { a: 1 } } }), '--wait');
  expect(componentLog(device, local)).not.toContain('of the cloud');
});

test('two pins of one component on different versions fail the deployment that brings the second', async () => {
  const { stdout, code } = (await run(process.execPath, [
    ...[swardBin, 'device', 'deploy', '--root', device.root, '--merge', `${cloudy}=1.0.0`, '--wait', '--json'],
  ]).catch(
    (error: { readonly stdout: string; readonly code: number }) => error as { stdout: string; code?: number },
  )) as {
    stdout: string;
    code?: number;
  };
  expect(code).toBe(1);
  expect(JSON.parse(stdout).deploymentStatusDetails.detailedDeploymentStatus).toBe('FAILED_NO_STATE_CHANGE');
  await fleet.shows(device, { [cloudy]: '2.0.0 RUNNING', [local]: '1.0.0 RUNNING' });
});

test('a local deployment in the group of the cloud is replaced by the next deployment of that group', async () => {
  writeFileSync(join(recipes, 'extra.json'), JSON.stringify(recipe('com.example.Extra', '1.0.0', 'extra')));
  await deployLocally('--recipe-dir', recipes, '--merge', 'com.example.Extra=1.0.0', '--group', 'line', '--wait');
  await fleet.shows(device, {
    [cloudy]: '2.0.0 RUNNING',
    [local]: '1.0.0 RUNNING',
    'com.example.Extra': '1.0.0 RUNNING',
  });
  const { jobId } = await fleet.deploy({ targetArn: line, components: { [cloudy]: { componentVersion: '2.0.0' } } });
  await fleet.ended(jobId, device, 'SUCCEEDED');
  await fleet.shows(device, { [cloudy]: '2.0.0 RUNNING', [local]: '1.0.0 RUNNING' });
});

test('one that is made while the cloud is away and the runtime dies is told when both are back', async () => {
  await fleet.cloud.process.kill();
  const id = await deployLocally('--remove', local);
  await device.process.kill();
  device.process = startDevice(device.root);
  const status = () =>
    run(process.execPath, [swardBin, 'device', 'status', id, '--root', device.root]).then(({ stdout }) => stdout);
  await until('it has ended', async () => (await status()).includes('SUCCEEDED'));
  const again = await startCloud(fleet.cloud.folder, { ports: fleet.cloud });
  try {
    await fleet.shows(device, { [cloudy]: '2.0.0 RUNNING' });
  } finally {
    await again.process.stop();
  }
});
