import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { startDevice } from '@greensward/testkit/cloud';
import { until } from '@greensward/testkit/until';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { componentLog, type Fleet, type FleetDevice, startFleet } from './fleet.ts';

const line = 'arn:aws:iot:us-east-1:000000000000:thinggroup/line';
const manager = 'aws.greengrass.DockerApplicationManager';
const component = 'com.example.Site';

let fleet: Fleet;
let device: FleetDevice;
let programs: string;

beforeAll(async () => {
  fleet = await startFleet();
  programs = join(fleet.folder, 'programs');
  mkdirSync(programs);
  // No docker engine runs here: a program of ours says that no image is there, takes every pull, and records both.
  const docker = `#!/bin/sh
echo "$*" >>${join(programs, 'calls')}
if [ "$2" = inspect ]; then echo "Error: No such image: $5" >&2; exit 1; fi
`;
  writeFileSync(join(programs, 'docker'), docker);
  chmodSync(join(programs, 'docker'), 0o755);
  device = await fleet.device('site', ['line']);
  await device.process.stop();
  const path = [programs, process.env['PATH']].join(delimiter);
  device.process = startDevice(device.root, ['env', `PATH=${path}`]);
});

afterAll(() => fleet.stop());

const calls = () => {
  const file = join(programs, 'calls');
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
};
const recipe = (version: string, artifacts: readonly object[], dependencies: readonly string[]) => ({
  RecipeFormatVersion: '2020-01-25',
  ComponentName: component,
  ComponentVersion: version,
  ComponentDependencies: Object.fromEntries(dependencies.map((name) => [name, { VersionRequirement: '^2.0.0' }])),
  Manifests: [
    {
      Artifacts: artifacts,
      Lifecycle: { Run: 'cat {artifacts:decompressedPath}/words/said.txt; exec sleep 3604' },
    },
  ],
});
const tar = () => {
  const folder = join(fleet.folder, 'words');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'said.txt'), 'said in a TAR\n');
  return execFileSync('tar', ['-c', '-C', folder, '.']).toString('latin1');
};

test('a component with a TAR and an image gets both, and the image goes when nothing needs it any more', async () => {
  const archive = { Uri: '{artifact:words.tar}', Unarchive: 'TAR' };
  const image = { Uri: 'docker:example/site:1.0' };
  await fleet.publish(recipe('1.0.0', [archive, image], [manager]), { 'words.tar': tar() });
  for (const version of ['2.0.0', '3.0.0']) {
    await fleet.publish(recipe(version, [archive], []), { 'words.tar': tar() });
  }
  const deploy = async (version: string) => {
    const { jobId } = await fleet.deploy({
      targetArn: line,
      components: { [component]: { componentVersion: version } },
    });
    await fleet.ended(jobId, device, 'SUCCEEDED');
  };
  await deploy('1.0.0');
  await until('it has said it', () => componentLog(device, component).includes('said in a TAR'));
  expect(calls()).toEqual(['image inspect --format {{.Id}} example/site:1.0', 'pull --quiet example/site:1.0']);
  await fleet.shows(device, { [component]: '1.0.0 RUNNING', [manager]: '2.0.12 RUNNING' });
  // The version before stays on the device for a way back, with its image.
  await deploy('2.0.0');
  expect(calls().length).toBe(2);
  await deploy('3.0.0');
  await until('the image is removed', () => calls().at(-1) === 'image rm example/site:1.0');
});

test('an image without the docker manager fails the deployment by its name, before anything is loaded', async () => {
  await fleet.publish(recipe('4.0.0', [{ Uri: 'docker:example/other:1.0' }], []));
  const { deploymentId, jobId } = await fleet.deploy({
    targetArn: line,
    components: { [component]: { componentVersion: '4.0.0' } },
  });
  await fleet.ended(jobId, device, 'FAILED');
  const status = await until('its status is known', () => fleet.effective(device, deploymentId));
  expect(status.statusDetails?.errorStack).toEqual(['DEPLOYMENT_FAILURE', 'MISSING_DOCKER_APPLICATION_MANAGER']);
  expect(status.reason).toContain('example/other:1.0');
  expect(calls().some((call) => call.includes('other'))).toBe(false);
});
