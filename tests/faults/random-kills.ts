import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateComponentVersionCommand,
  CreateDeploymentCommand,
  GetDeploymentCommand,
  GreengrassV2Client,
  ListDeploymentsCommand,
  ListInstalledComponentsCommand,
} from '@aws-sdk/client-greengrassv2';
import { DescribeJobExecutionCommand, IoTClient } from '@aws-sdk/client-iot';
import { type Chance, seededChance } from '@greensward/testkit/chance';
import { provision, startCloud, startDevice, type TestCloud } from '@greensward/testkit/cloud';
import type { TestProcess } from '@greensward/testkit/processes';
import { sdkConfiguration } from '@greensward/testkit/sdk-configuration';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';

const group = 'fleet';
const targetArn = `arn:aws:iot:us-east-1:000000000000:thinggroup/${group}`;
const component = 'com.example.Steady';
const versions = ['1.0.0', '1.1.0', '2.0.0'] as const;
const deviceNames = ['core-a', 'core-b'] as const;

/** What a run of random kills saw. */
export interface KillReport {
  readonly seed: number;
  readonly kills: number;
  readonly acknowledged: number;
  readonly refusedWhileDown: number;
  readonly lastRevision: number;
}

/**
 * Kills (-9) the cloud, a device, or both, at random moments while deployments are created, then lets the fleet come to
 * rest and checks it: every acknowledged deployment is there with a rising revision, exactly one is the latest, every device
 * SUCCEEDED with it and runs exactly what it says, once.
 */
export async function randomKills(kills: number, seed: number, say: (line: string) => void): Promise<KillReport> {
  const folder = temporaryFolder();
  const fleet = await startFleet(folder.path);
  try {
    const chance = seededChance(seed);
    for (let kill = 1; kill <= kills; kill++) {
      await Promise.all([fleet.createDeployment(chance), fleet.killSomething(chance)]);
      say(`kill ${kill} of ${kills}: ${fleet.acknowledged.length} deployments acknowledged`);
    }
    const lastRevision = await fleet.checkRest();
    return { seed, kills, acknowledged: fleet.acknowledged.length, refusedWhileDown: fleet.refused, lastRevision };
  } finally {
    await fleet.stop();
    folder.remove();
  }
}

interface Device {
  readonly name: (typeof deviceNames)[number];
  readonly root: string;
  process: TestProcess;
}

class Fleet {
  readonly acknowledged: { id: string; revision: number }[] = [];
  refused = 0;
  private marker = 0;
  private cloud: TestCloud;
  private readonly devices: readonly Device[];
  private readonly greengrass: GreengrassV2Client;
  private readonly iot: IoTClient;

  constructor(cloud: TestCloud, devices: readonly Device[]) {
    this.cloud = cloud;
    this.devices = devices;
    this.greengrass = new GreengrassV2Client(sdkConfiguration(cloud.folder));
    this.iot = new IoTClient(sdkConfiguration(cloud.folder));
  }

  /** One attempt; what the cloud acknowledged must never be lost. */
  async createDeployment(chance: Chance): Promise<void> {
    await sleep(chance.integer(300));
    this.marker += 1;
    const merge = JSON.stringify({ marker: `m${this.marker}` });
    const components = { [component]: { componentVersion: chance.pick(versions), configurationUpdate: { merge } } };
    try {
      const { deploymentId = '' } = await this.greengrass.send(new CreateDeploymentCommand({ targetArn, components }));
      this.acknowledged.push({ id: deploymentId, revision: 0 });
    } catch {
      this.refused += 1; // The cloud was down, or died before it answered: nothing was promised.
    }
  }

  async killSomething(chance: Chance): Promise<void> {
    await sleep(chance.integer(600));
    const what = chance.pick(['cloud', 'device', 'both'] as const);
    const device = chance.pick(this.devices as [Device, ...Device[]]);
    if (what !== 'device') await this.cloud.process.kill();
    if (what !== 'cloud') await device.process.kill();
    await sleep(chance.integer(200));
    if (what !== 'cloud') device.process = startDevice(device.root);
    if (what !== 'device') this.cloud = await startCloud(this.cloud.folder, { ports: this.cloud });
  }

  /** Returns the revision the fleet came to rest on. */
  async checkRest(): Promise<number> {
    const { deployments = [] } = await this.greengrass.send(
      new ListDeploymentsCommand({ targetArn, historyFilter: 'ALL', maxResults: 100 }),
    );
    const [latest, ...more] = deployments.filter((deployment) => deployment.isLatestForTarget);
    if (latest === undefined || more.length > 0)
      throw new Error(`latest deployments: ${JSON.stringify([latest, ...more])}`);
    const { deploymentId = '' } = latest;
    let before = 0;
    for (const { id } of this.acknowledged) {
      const { revisionId } = await this.greengrass.send(new GetDeploymentCommand({ deploymentId: id }));
      if (Number(revisionId) <= before) throw new Error(`${id} has revision ${revisionId} after ${before}`);
      before = Number(revisionId);
    }
    if (Number(latest.revisionId) < before)
      throw new Error(`revision ${latest.revisionId} is the latest, but ${before} was acknowledged`);
    const deployment = await this.greengrass.send(new GetDeploymentCommand({ deploymentId }));
    for (const device of this.devices)
      await this.checkDevice(device, deployment.iotJobId ?? '', deployment.components?.[component]);
    return Number(latest.revisionId);
  }

  private async checkDevice(
    device: Device,
    jobId: string,
    wanted:
      | { componentVersion?: string | undefined; configurationUpdate?: { merge?: string | undefined } | undefined }
      | undefined,
  ): Promise<void> {
    const about = () => `\n${device.process.output().slice(-3000)}`;
    await until(`${device.name} SUCCEEDED with the latest deployment`, async () => {
      const { execution } = await this.iot.send(new DescribeJobExecutionCommand({ jobId, thingName: device.name }));
      if (['FAILED', 'REJECTED', 'TIMED_OUT', 'CANCELED'].includes(execution?.status ?? '')) {
        throw new Error(`${device.name}: ${execution?.status} ${JSON.stringify(execution?.statusDetails)}${about()}`);
      }
      return execution?.status === 'SUCCEEDED';
    });
    await until(`the inventory of ${device.name} shows ${component} ${wanted?.componentVersion} running`, async () => {
      const { installedComponents = [] } = await this.greengrass.send(
        new ListInstalledComponentsCommand({ coreDeviceThingName: device.name, topologyFilter: 'ALL' }),
      );
      const found = installedComponents.filter((installed) => installed.componentName === component);
      return (
        found.length === 1 &&
        found[0]?.componentVersion === wanted?.componentVersion &&
        found[0]?.lifecycleState === 'RUNNING'
      );
    });
    const { marker } = JSON.parse(wanted?.configurationUpdate?.merge ?? '{}');
    const expected = `${wanted?.componentVersion} ${marker} on ${device.name}`;
    await until(`${device.name} runs "${expected}", once`, () => {
      const lines = readFileSync(join(device.root, 'logs', `${component}.log`), 'utf8')
        .trimEnd()
        .split('\n');
      const beats = lines.filter((line) => line.includes(' beat '));
      // A second copy of the component would write its own text between the beats of the first.
      return (
        beats.length >= 3 && beats.slice(-3).every((line) => line.includes(expected)) && processesOf(device.root) === 1
      );
    });
  }

  async stop(): Promise<void> {
    this.greengrass.destroy();
    this.iot.destroy();
    await Promise.all(this.devices.map((device) => device.process.stop()));
    await this.cloud.process.stop();
    for (const device of this.devices) {
      if (processesOf(device.root) > 0) throw new Error(`${device.name} left a component process behind`);
    }
  }
}

async function startFleet(folder: string): Promise<Fleet> {
  const cloud = await startCloud(join(folder, 'cloud'));
  const greengrass = new GreengrassV2Client(sdkConfiguration(cloud.folder));
  for (const version of versions) {
    await greengrass.send(new CreateComponentVersionCommand({ inlineRecipe: Buffer.from(recipe(version)) }));
  }
  greengrass.destroy();
  const devices: Device[] = [];
  for (const name of deviceNames) {
    const root = join(folder, name);
    await provision(cloud, name, [group], root);
    devices.push({ name, root, process: startDevice(root) });
  }
  return new Fleet(cloud, devices);
}

function recipe(version: string): string {
  return JSON.stringify({
    RecipeFormatVersion: '2020-01-25',
    ComponentName: component,
    ComponentVersion: version,
    ComponentConfiguration: { DefaultConfiguration: { marker: 'none' } },
    Manifests: [
      {
        Platform: { os: 'linux' },
        Lifecycle: {
          Setenv: { GREENSWARD_TEST_DEVICE: '{kernel:rootPath}' },
          Run: `while true; do echo "beat ${version} {configuration:/marker} on {iot:thingName}"; sleep 0.2; done`,
        },
      },
    ],
  });
}

/** Shells of the test's component that belong to a device, told by its root folder: another run may be on the machine. */
function processesOf(root: string): number {
  let count = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (environment.includes(`GREENSWARD_TEST_DEVICE=${root}`) && command.includes('while true')) count += 1;
    } catch {
      // It ended meanwhile.
    }
  }
  return count;
}
