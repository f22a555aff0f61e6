import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDevice } from '@greensward/testkit/cloud';
import { findProcesses } from '@greensward/testkit/find-processes';
import { until } from '@greensward/testkit/until';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Fleet, type FleetDevice, startFleet } from './fleet.ts';

// One cloud, one device; the tests follow one another as the revisions of its group do.

const targetArn = 'arn:aws:iot:us-east-1:000000000000:thinggroup/line';
const nucleus = 'aws.greengrass.Nucleus';
const base = 'com.example.Base';
const top = 'com.example.Top';

let fleet: Fleet;
let device: FleetDevice;

/** What bootstrap steps, starts and reboots wrote, in their order. */
const events = (): string[] => {
  const file = join(fleet.folder, 'events');
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
};
const flag = (name: string) => join(fleet.folder, name);

async function publish(name: string, version: string, Bootstrap: unknown, dependency?: string): Promise<void> {
  const say = (what: string) => `echo "${name.split('.').at(-1)} ${version} ${what}" >> '${flag('events')}'`;
  const script = typeof Bootstrap === 'string' ? `${say('bootstrap')}; ${Bootstrap}` : undefined;
  await fleet.publish({
    RecipeFormatVersion: '2020-01-25',
    ComponentName: name,
    ComponentVersion: version,
    ...(dependency === undefined ? {} : { ComponentDependencies: { [dependency]: { VersionRequirement: '>=1.0.0' } } }),
    Manifests: [
      {
        Lifecycle: {
          ...(script === undefined ? {} : { Bootstrap: { Script: script, Timeout: 30 } }),
          Run: `${say('run')}; exec sleep 3604`,
        },
      },
    ],
  });
}

beforeAll(async () => {
  fleet = await startFleet();
  const reboot = flag('reboot.sh');
  // As an init does: the runtime is asked to end.
  writeFileSync(reboot, `#!/bin/sh\necho "reboot $*" >> '${flag('events')}'\nkill -TERM $PPID\n`);
  chmodSync(reboot, 0o755);
  await publish(base, '1.0.0', undefined);
  await publish(base, '2.0.0', `test -e '${flag('booted')}' || { touch '${flag('booted')}'; exit 101; }`);
  await publish(base, '3.0.0', `until test -e '${flag('go')}'; do sleep 0.05; done`);
  await publish(base, '4.0.0', 'exit 7');
  await publish(top, '1.0.0', 'exit 100', base);
  device = await fleet.device('boots', ['line']);
  await deploy('SUCCEEDED', {
    [base]: { componentVersion: '1.0.0' },
    [nucleus]: {
      componentVersion: '2.12.0',
      configurationUpdate: { merge: JSON.stringify({ rebootCommand: `${reboot} now` }) },
    },
  });
});

afterAll(() => fleet.stop());

type Components = Parameters<Fleet['deploy']>[0]['components'];
async function deploy(end: 'SUCCEEDED' | 'FAILED', components: Components) {
  const { jobId } = await fleet.deploy({ targetArn, components });
  return fleet.ended(jobId, device, end);
}

test('a bootstrap step that asks for a reboot gets one, and the deployment goes on after it', async () => {
  const before = events().length;
  const components = { [base]: { componentVersion: '2.0.0' }, [top]: { componentVersion: '1.0.0' } };
  const { jobId } = await fleet.deploy({ targetArn, components });
  expect(await device.process.ended).toBe(101);
  expect(events().slice(before)).toEqual(['Base 2.0.0 bootstrap', 'reboot now']);
  expect(findProcesses(device.root).map(({ command }) => command)).toEqual([]);
  device.process = startDevice(device.root);
  await fleet.ended(jobId, device, 'SUCCEEDED');
  // Base is not asked again; Top, which asks for a restart, gets one before any component runs.
  expect(events().slice(before + 2)).toEqual(['Top 1.0.0 bootstrap', 'Base 2.0.0 run', 'Top 1.0.0 run']);
  await fleet.shows(device, { [base]: '2.0.0 RUNNING', [top]: '1.0.0 RUNNING' });
});

test('a step under way when the power goes is ended, and run again from its beginning', async () => {
  const before = events().length;
  const { jobId } = await fleet.deploy({ targetArn, components: { [base]: { componentVersion: '3.0.0' } } });
  await until('the step runs', () => events().length > before);
  await device.process.kill();
  device.process = startDevice(device.root);
  await until('the step runs again', () => events().length > before + 1);
  // A shell that forks for a command is two of its kind for a moment.
  const shells = () => findProcesses(device.root).filter(({ command }) => command.startsWith('sh -c'));
  await until('one shell runs it', () => shells().length === 1);
  writeFileSync(flag('go'), '');
  await fleet.ended(jobId, device, 'SUCCEEDED');
  expect(events().slice(before)).toEqual(['Base 3.0.0 bootstrap', 'Base 3.0.0 bootstrap', 'Base 3.0.0 run']);
});

test('a step that fails brings back what ran before, and its exit code is in the cause', async () => {
  const execution = await deploy('FAILED', { [base]: { componentVersion: '4.0.0' } });
  expect(execution.statusDetails?.detailsMap).toMatchObject({
    'detailed-deployment-status': 'FAILED_ROLLBACK_COMPLETE',
    'deployment-failure-cause': expect.stringContaining('exited with code 7'),
    'deployment-error-stack': expect.stringContaining('COMPONENT_BOOTSTRAP_ERROR'),
  });
  expect(events().slice(-2)).toEqual(['Base 4.0.0 bootstrap', 'Base 3.0.0 run']);
});
