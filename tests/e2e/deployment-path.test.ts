import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CancelDeploymentCommand,
  DeleteDeploymentCommand,
  GetCoreDeviceCommand,
  GetDeploymentCommand,
  ListCoreDevicesCommand,
  ListDeploymentsCommand,
  ListInstalledComponentsCommand,
} from '@aws-sdk/client-greengrassv2';
import { AddThingToThingGroupCommand, DescribeJobCommand, ListJobExecutionsForThingCommand } from '@aws-sdk/client-iot';
import { startDevice } from '@greensward/testkit/cloud';
import { findProcesses } from '@greensward/testkit/find-processes';
import { until } from '@greensward/testkit/until';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { componentLog, type Fleet, type FleetDevice, startFleet } from './fleet.ts';

// One cloud and its devices; the tests follow one another as the revisions of their targets do.

const line = 'arn:aws:iot:us-east-1:000000000000:thinggroup/line';
const app = 'com.example.App';
const base = 'com.example.Base';
const solo = 'com.example.Solo';
const words = 'words of the dependency\n';

let fleet: Fleet;
let device: FleetDevice;

function recipe(name: string, version: string, more: Readonly<Record<string, unknown>>) {
  return { RecipeFormatVersion: '2020-01-25', ComponentName: name, ComponentVersion: version, ...more };
}

/** Prints what it has, and stays. The artifact is the program; the words come from the dependency. */
function appRecipe(version: string, script = '{artifact:app.sh}') {
  return recipe(app, version, {
    ComponentDependencies: { [base]: { VersionRequirement: '^1.0.0' } },
    ComponentConfiguration: { DefaultConfiguration: { text: 'default', nested: { a: 1, b: 2 } } },
    Manifests: [
      {
        Platform: { os: 'linux' },
        Artifacts: [{ Uri: script, Permission: { Execute: 'ALL' } }],
        Lifecycle: {
          Setenv: { WORDS: `{${base}:artifacts:path}/words.txt` },
          Run: `exec sh {artifacts:path}/app.sh ${version} "{configuration:/text}" '{configuration:/nested}'`,
        },
      },
    ],
  });
}

const appScript = 'echo "app $1 text=$2 nested=$3 words=$(cat "$WORDS")"\nexec sleep 3601\n';

beforeAll(async () => {
  fleet = await startFleet();
  await fleet.publish(
    recipe(base, '1.1.0', {
      Manifests: [{ Artifacts: [{ Uri: '{artifact:words.txt}', Permission: { Read: 'ALL' } }] }],
    }),
    {
      'words.txt': words,
    },
  );
  await fleet.publish(appRecipe('1.0.0'), { 'app.sh': appScript });
  await fleet.publish(recipe(solo, '1.0.0', { Manifests: [{ Lifecycle: { Run: 'exec sleep 3602' } }] }));
  device = await fleet.device('path-a', ['line']);
});

afterAll(() => fleet.stop());

/** Processes of components of a device: they have paths below its root in their environment. */
const running = ({ root }: FleetDevice, command = 'sleep') =>
  findProcesses(root).filter((found) => found.command.startsWith(command));

const lastLine = (of: FleetDevice) =>
  componentLog(of, app)
    .split('\n')
    .findLast((text) => text.includes('app ')) ?? '';

const appWith = (configurationUpdate?: { merge?: string; reset?: string[] }, componentVersion = '1.0.0') => ({
  [app]: { componentVersion, ...(configurationUpdate === undefined ? {} : { configurationUpdate }) },
});

test('a deployment to a group brings a component with its dependency and its artifact to a device, where it runs', async () => {
  const { deploymentId, jobId } = await fleet.deploy({
    targetArn: line,
    deploymentName: 'first',
    components: appWith(),
  });
  const execution = await fleet.ended(jobId, device, 'SUCCEEDED');
  expect(execution.statusDetails?.detailsMap).toMatchObject({ 'detailed-deployment-status': 'SUCCESSFUL' });
  await fleet.shows(device, { [app]: '1.0.0 RUNNING', [base]: '1.1.0 FINISHED' });
  await until('the component ran', () => lastLine(device).includes('app 1.0.0 text=default'));
  expect(lastLine(device)).toContain(`words=${words.trim()}`);
  expect(running(device)).toHaveLength(1);

  const { installedComponents: roots = [] } = await fleet.greengrass.send(
    new ListInstalledComponentsCommand({ coreDeviceThingName: device.name }),
  );
  expect(roots.map((item) => item.componentName)).toContain(app);
  expect(roots.map((item) => item.componentName)).not.toContain(base);
  expect(roots.find((item) => item.componentName === app)).toMatchObject({
    isRoot: true,
    lastInstallationSource: deploymentId,
  });
  expect(await fleet.effective(device, deploymentId)).toMatchObject({
    coreDeviceExecutionStatus: 'SUCCEEDED',
    deploymentName: 'first',
    targetArn: line,
    iotJobId: jobId,
  });
  const core = await fleet.greengrass.send(new GetCoreDeviceCommand({ coreDeviceThingName: device.name }));
  expect(core).toMatchObject({ coreDeviceThingName: device.name, status: 'HEALTHY', platform: 'linux' });
  const { coreDevices = [] } = await fleet.greengrass.send(new ListCoreDevicesCommand({ thingGroupArn: line }));
  expect(coreDevices.map((item) => item.coreDeviceThingName)).toEqual([device.name]);
});

test('a deployment to a thing goes through its shadow, completes, and leaves the components of its group alone', async () => {
  const before = running(device);
  const targetArn = `arn:aws:iot:us-east-1:000000000000:thing/${device.name}`;
  const { deploymentId, jobId } = await fleet.deploy({
    targetArn,
    components: { [solo]: { componentVersion: '1.0.0' } },
  });
  expect(jobId).toBe('');
  await until('the deployment is COMPLETED', async () => {
    const { deploymentStatus } = await fleet.greengrass.send(new GetDeploymentCommand({ deploymentId }));
    if (deploymentStatus === 'FAILED') throw new Error(JSON.stringify(await fleet.effective(device, deploymentId)));
    return deploymentStatus === 'COMPLETED';
  });
  expect((await fleet.effective(device, deploymentId))?.coreDeviceExecutionStatus).toBe('COMPLETED');
  const cancel = fleet.greengrass.send(new CancelDeploymentCommand({ deploymentId }));
  await expect(cancel).rejects.toMatchObject({ name: 'ValidationException' });
  await fleet.shows(device, { [app]: '1.0.0 RUNNING', [base]: '1.1.0 FINISHED', [solo]: '1.0.0 RUNNING' });
  expect(running(device, 'sleep 3601')).toEqual(before);
});

test('configuration is merged and reset over revisions, and the component runs with it', async () => {
  const revisions: readonly (readonly [{ merge?: string; reset?: string[] }, string, unknown])[] = [
    [{ merge: '{ "text": "one", "nested": { "a": 10 } }' }, 'text=one', { a: 10, b: 2 }],
    [{ reset: ['/nested/a'], merge: '{"nested":{"c":3}}' }, 'text=one', { a: 1, b: 2, c: 3 }],
    [{ merge: '{"text":"grüß dich","nested":{"b":[1,null]}}' }, 'text=grüß dich', { a: 1, b: [1, null], c: 3 }],
    [{ reset: [''] }, 'text=default', { a: 1, b: 2 }],
  ];
  for (const [update, text, nested] of revisions) {
    const { jobId } = await fleet.deploy({ targetArn: line, components: appWith(update) });
    await fleet.ended(jobId, device, 'SUCCEEDED');
    await until(`it runs with ${text}`, () => lastLine(device).includes(text));
    expect(JSON.parse(lastLine(device).match(/nested=(.*) words=/)?.[1] ?? '')).toEqual(nested);
    expect(running(device, 'sleep 3601')).toHaveLength(1);
  }
});

test('the same components again restart nothing', async () => {
  const before = running(device);
  const { jobId } = await fleet.deploy({ targetArn: line, components: appWith() });
  await fleet.ended(jobId, device, 'SUCCEEDED');
  expect(running(device)).toEqual(before);
});

test('a component that fails to start fails the deployment, and the version before it is restored', async () => {
  await fleet.publish(appRecipe('2.0.0'), { 'app.sh': 'echo "app $1 breaks"\nexit 7\n' });
  const { deploymentId, jobId } = await fleet.deploy({
    targetArn: line,
    components: appWith({ merge: '{"text":"never"}' }, '2.0.0'),
  });
  const execution = await fleet.ended(jobId, device, 'FAILED');
  expect(execution.statusDetails?.detailsMap).toMatchObject({
    'detailed-deployment-status': 'FAILED_ROLLBACK_COMPLETE',
  });
  await fleet.shows(device, { [app]: '1.0.0 RUNNING', [base]: '1.1.0 FINISHED', [solo]: '1.0.0 RUNNING' });
  await until('the old version runs with its old configuration', () =>
    lastLine(device).includes('app 1.0.0 text=default'),
  );
  expect(running(device, 'sleep 3601')).toHaveLength(1);
  const effective = await fleet.effective(device, deploymentId);
  expect(effective?.coreDeviceExecutionStatus).toBe('FAILED');
  expect(effective?.reason).toContain(app);
  expect(effective?.statusDetails?.errorTypes).not.toEqual([]);
  // Failures on devices do not end a deployment that has no abort configuration.
  const { deploymentStatus } = await fleet.greengrass.send(new GetDeploymentCommand({ deploymentId }));
  expect(deploymentStatus).toBe('ACTIVE');
  const { job } = await fleet.iot.send(new DescribeJobCommand({ jobId }));
  expect(job).toMatchObject({ status: 'IN_PROGRESS', jobProcessDetails: { numberOfFailedThings: 1 } });
});

test.each([
  ['a component that does not exist', { 'com.example.Nobody': { componentVersion: '1.0.0' } }, 'com.example.Nobody'],
  ['a version that does not exist', appWith(undefined, '9.9.9'), '9.9.9'],
] as const)(
  '%s fails on the device before anything changes, and the reason names it',
  async (_what, components, name) => {
    const before = running(device);
    const { deploymentId, jobId } = await fleet.deploy({ targetArn: line, components });
    const execution = await fleet.ended(jobId, device, 'FAILED');
    expect(execution.statusDetails?.detailsMap).toMatchObject({
      'detailed-deployment-status': 'FAILED_NO_STATE_CHANGE',
    });
    expect((await fleet.effective(device, deploymentId))?.reason).toContain(name);
    expect(running(device)).toEqual(before);
  },
);

test('an artifact whose bytes are not those of its digest is not installed', async () => {
  const script = `${appScript}# as it was published\n`;
  await fleet.publish(appRecipe('1.5.0'), { 'app.sh': script });
  const sha256 = createHash('sha256').update(script).digest('hex');
  writeFileSync(
    join(fleet.cloud.folder, 'content', sha256.slice(0, 2), sha256),
    script.replace('published', 'tampered!'),
  );
  const before = running(device);
  const { deploymentId, jobId } = await fleet.deploy({ targetArn: line, components: appWith(undefined, '1.5.0') });
  await fleet.ended(jobId, device, 'FAILED');
  expect((await fleet.effective(device, deploymentId))?.reason).toMatch(/digest|checksum|SHA-256|integrity/i);
  expect(running(device)).toEqual(before);
  expect(filesBelow(join(device.root, 'packages')).filter((text) => text.includes('tampered'))).toEqual([]);
});

test('a component that a revision no longer names is removed, with the dependency that only it had', async () => {
  const { jobId } = await fleet.deploy({ targetArn: line, components: {} });
  await fleet.ended(jobId, device, 'SUCCEEDED');
  await fleet.shows(device, { [solo]: '1.0.0 RUNNING' });
  expect(running(device).map((found) => found.command)).toEqual(['sleep 3602']);
});

test('a device that joins the group later receives its deployment', async () => {
  const { jobId } = await fleet.deploy({ targetArn: line, components: appWith({ merge: '{"text":"late"}' }) });
  await fleet.ended(jobId, device, 'SUCCEEDED');
  const late = await fleet.device('path-b', []);
  await fleet.iot.send(new AddThingToThingGroupCommand({ thingGroupName: 'line', thingName: late.name }));
  await fleet.ended(jobId, late, 'SUCCEEDED');
  await until('it runs there', () => lastLine(late).includes('text=late'));

  // While it is away, revisions pass by: it gets the last of them only.
  await late.process.stop();
  expect(running(late)).toEqual([]);
  const jobs: string[] = [];
  for (const text of ['missed-1', 'missed-2', 'present']) {
    jobs.push(
      (await fleet.deploy({ targetArn: line, components: appWith({ merge: JSON.stringify({ text }) }) })).jobId,
    );
  }
  const [last = ''] = jobs.slice(-1);
  await fleet.ended(last, device, 'SUCCEEDED');
  late.process = startDevice(late.root);
  await fleet.ended(last, late, 'SUCCEEDED');
  await until('it runs the last revision', () => lastLine(late).includes('text=present'));
  expect(componentLog(late, app)).not.toContain('missed');
  const { executionSummaries = [] } = await fleet.iot.send(
    new ListJobExecutionsForThingCommand({ thingName: late.name }),
  );
  const ran = executionSummaries.filter(({ jobExecutionSummary }) => jobExecutionSummary?.status === 'SUCCEEDED');
  expect(ran.map((item) => item.jobId).sort()).toEqual([jobId, last].sort());
});

test('a deployment that is cancelled and deleted stays on the devices that have it', async () => {
  const before = [running(device), await fleet.inventory(device)];
  const { deployments = [] } = await fleet.greengrass.send(new ListDeploymentsCommand({ targetArn: line }));
  const { deploymentId = '' } = deployments[0] ?? {};
  await fleet.greengrass.send(new CancelDeploymentCommand({ deploymentId }));
  await fleet.greengrass.send(new DeleteDeploymentCommand({ deploymentId }));
  expect([running(device), await fleet.inventory(device)]).toEqual(before);
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s stops a device and every process of its components, and it comes back with them',
  async (signal) => {
    expect(running(device)).toHaveLength(2);
    process.kill(device.process.pid, signal);
    expect(await device.process.ended).toBe(0);
    expect(findProcesses(device.root)).toEqual([]);
    device.process = startDevice(device.root);
    await until('its components run again', () => running(device).length === 2);
  },
);

/** The text of every file below a folder. */
function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
}
