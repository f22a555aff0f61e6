import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateComponentVersionCommand,
  CreateDeploymentCommand,
  GreengrassV2Client,
} from '@aws-sdk/client-greengrassv2';
import { deviceBundle, deviceNodeFlags } from '@greensward/cli/device-bundle';
import { provision, startCloud, swardBin } from '@greensward/testkit/cloud';
import { startNode, type TestProcess } from '@greensward/testkit/processes';
import { sdkConfiguration } from '@greensward/testkit/sdk-configuration';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import type { Figure } from './figure.ts';
import { bareNodeMegabytes, residentMegabytes } from './memory.ts';

const sizes = [1, 20, 100] as const;
const starts = 5;
const changes = 7;
const targetArn = 'arn:aws:iot:us-east-1:000000000000:thinggroup/bench';
const nameOf = (index: number) => `com.example.Part${String(index).padStart(3, '0')}`;

/** A device with components: how fast it starts them, what a change of one costs, and memory. */
export async function deviceBench(): Promise<Figure[]> {
  const folder = temporaryFolder();
  const cloud = await startCloud(join(folder.path, 'cloud'));
  const root = join(folder.path, 'bench-device');
  const client = new GreengrassV2Client(sdkConfiguration(cloud.folder));
  let device: TestProcess | undefined;
  try {
    await provision(cloud, 'bench-device', ['bench'], root);
    await deviceBundle(); // Made once, at the first start after an edit.
    for (let index = 0; index < Math.max(...sizes); index++) await publish(client, nameOf(index));
    const bench = new DeviceBench(root, client);
    const bare = await bareNodeMegabytes(deviceNodeFlags);
    const figures: Figure[] = [];
    device = startNode([swardBin, 'device', '--root', root]);
    await until('the device is connected', () => bench.log('connected to the cloud').length > 0);
    figures.push(memory(0, device, bare));
    const changed: number[][] = [];
    for (const size of sizes) {
      await bench.deploy(size, `first ${size}`);
      const samples: number[] = [];
      for (let round = 0; round < starts; round++) {
        await device.stop();
        const before = bench.startsOf(size);
        const startedAt = Date.now();
        device = startNode([swardBin, 'device', '--root', root]);
        const last = await until(`${size} components run`, () => bench.newest(size, before), 120_000);
        samples.push(last - startedAt);
      }
      const comparedWith = `${size} processes; runtime included`;
      figures.push({ name: `sward device started -> ${size} components run`, unit: 'ms', samples, comparedWith });
      await until('the device is connected', () => bench.log('connected to the cloud').length > 0);
      if (size > 1) figures.push(memory(size, device, bare));
      const times: number[] = [];
      for (let round = 0; round < changes; round++) times.push(await bench.change(size, round));
      changed.push(times);
    }
    const [one = [], , hundred = []] = changed;
    const ratio = (median(hundred) / median(one)).toFixed(2);
    return [
      ...figures,
      {
        name: 'change of 1 component of 1: created -> verified',
        unit: 'ms',
        samples: one,
        comparedWith: '1000 of it is the time a component must run to count',
      },
      {
        name: 'change of 1 component of 100: created -> verified',
        unit: 'ms',
        samples: hundred,
        comparedWith: `${ratio} times that of 1; expected: under 1.5. The others were not restarted`,
      },
    ];
  } finally {
    await device?.stop();
    client.destroy();
    await cloud.process.stop();
    folder.remove();
  }
}

async function publish(client: GreengrassV2Client, name: string): Promise<void> {
  const recipe = {
    RecipeFormatVersion: '2020-01-25',
    ComponentName: name,
    ComponentVersion: '1.0.0',
    ComponentConfiguration: { DefaultConfiguration: { marker: 'none' } },
    Manifests: [{ Lifecycle: { Run: 'echo "started {configuration:/marker} $(date +%s%3N)"; exec sleep 100000' } }],
  };
  await client.send(new CreateComponentVersionCommand({ inlineRecipe: Buffer.from(JSON.stringify(recipe)) }));
}

class DeviceBench {
  private readonly root: string;
  private readonly client: GreengrassV2Client;
  private deployments = 0;

  constructor(root: string, client: GreengrassV2Client) {
    this.root = root;
    this.client = client;
  }

  log(text: string): string[] {
    return lines(join(this.root, 'logs', 'greengrass.log')).filter((line) => line.includes(text));
  }

  /** Deploys the first `size` components, with a marker for the first of them; gives when it was created and when it ended. */
  async deploy(size: number, marker: string): Promise<number> {
    const components = Object.fromEntries(
      Array.from({ length: size }, (_, index) => {
        const merge = index === 0 ? { configurationUpdate: { merge: JSON.stringify({ marker }) } } : {};
        return [nameOf(index), { componentVersion: '1.0.0', ...merge }];
      }),
    );
    const createdAt = Date.now();
    await this.client.send(new CreateDeploymentCommand({ targetArn, components }));
    this.deployments += 1;
    const ended = await until(
      'the deployment ended',
      () => this.log('deployment ended')[this.deployments - 1],
      120_000,
    );
    if (!ended.includes('status=SUCCEEDED')) throw new Error(ended);
    return Date.parse(ended.split(' ')[0] ?? '') - createdAt;
  }

  /** Changes one of `size`, and sees that no other was restarted. */
  async change(size: number, round: number): Promise<number> {
    const before = this.startsOf(size);
    const ms = await this.deploy(size, `change ${round}`);
    await until('its component runs', () => (this.startsOf(size)[0] ?? 0) > (before[0] ?? 0));
    const restarted = this.startsOf(size).filter((count, index) => count !== before[index]).length;
    if (restarted !== 1) throw new Error(`${restarted} of ${size} components were restarted`);
    return ms;
  }

  /** How often each of the components was started. */
  startsOf(size: number): number[] {
    return Array.from({ length: size }, (_, index) => this.started(index).length);
  }

  /** When the last of the components started, once all have started once more than `before`; epoch ms. */
  newest(size: number, before: readonly number[]): number | undefined {
    let newest = 0;
    for (let index = 0; index < size; index++) {
      const all = this.started(index);
      if (all.length <= (before[index] ?? 0)) return undefined;
      newest = Math.max(newest, all.at(-1) ?? 0);
    }
    return newest;
  }

  private started(index: number): number[] {
    return lines(join(this.root, 'logs', `${nameOf(index)}.log`)).flatMap((line) => {
      const [, time] = /stdout\. started .* (\d{13})\./.exec(line) ?? [];
      return time === undefined ? [] : [Number(time)];
    });
  }
}

function memory(size: number, device: TestProcess, bare: number): Figure {
  const resident = residentMegabytes(device.pid);
  const over = `${(resident - bare).toFixed(1)} over a bare Node of ${bare.toFixed(1)}`;
  return {
    name: `memory of the device with ${size} components`,
    unit: 'MB',
    samples: [resident],
    comparedWith: size === 20 ? `${over}; expected: under 40` : over,
  };
}

function median(samples: readonly number[]): number {
  return [...samples].sort((a, b) => a - b)[samples.length >> 1] ?? Number.NaN;
}

function lines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return []; // Not there yet.
  }
}
