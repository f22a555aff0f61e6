import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateComponentVersionCommand,
  CreateDeploymentCommand,
  GreengrassV2Client,
} from '@aws-sdk/client-greengrassv2';
import { deviceBundle, deviceNodeFlags } from '@greensward/cli/device-bundle';
import { provision, startCloud, swardBin, type TestCloud } from '@greensward/testkit/cloud';
import { startNode, type TestProcess } from '@greensward/testkit/processes';
import { sdkConfiguration } from '@greensward/testkit/sdk-configuration';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import type { Figure } from './figure.ts';
import { bareNodeMegabytes, residentMegabytes } from './memory.ts';

const rounds = 11;
const thing = 'bench-core';
const component = 'com.example.Clock';
const targetArn = 'arn:aws:iot:us-east-1:000000000000:thinggroup/bench';

/** Prints the wall clock when its process starts, with the marker of its configuration. */
const recipe = {
  RecipeFormatVersion: '2020-01-25',
  ComponentName: component,
  ComponentVersion: '1.0.0',
  ComponentConfiguration: { DefaultConfiguration: { marker: 'none' } },
  Manifests: [
    {
      Platform: { os: 'linux' },
      Lifecycle: { Run: 'echo "started {configuration:/marker} $(date +%s%3N)"; exec sleep 1000' },
    },
  ],
};

/** One cloud and one device: how fast a deployment runs, how fast a device connects, and what both cost in memory. */
export async function oneDevice(): Promise<Figure[]> {
  const folder = temporaryFolder();
  const cloud = await startCloud(join(folder.path, 'cloud'));
  const root = join(folder.path, thing);
  try {
    await provision(cloud, thing, ['bench'], root);
    const connect = await connectTimes(root);
    const { device } = connect;
    try {
      const running = await deploymentTimes(cloud, root);
      const memory = await memoryFigures(cloud, device);
      return [
        {
          name: 'create-deployment answered -> process runs',
          unit: 'ms',
          samples: running,
          comparedWith: 'expected: well under 2000',
        },
        {
          name: 'sward device started -> connected',
          unit: 'ms',
          samples: connect.samples,
          comparedWith: 'expected: under 1000',
        },
        ...memory,
      ];
    } finally {
      await device.stop();
    }
  } finally {
    await cloud.process.stop();
    folder.remove();
  }
}

/** The command a person types: it makes the bundle where that is old, and becomes the runtime. */
function startDevice(root: string): TestProcess {
  return startNode([swardBin, 'device', '--root', root]);
}

/** Starts the device again and again; the last one is left running. Times are told by the device's own log. */
async function connectTimes(root: string): Promise<{ samples: number[]; device: TestProcess }> {
  const samples: number[] = [];
  await deviceBundle(); // Made once, at the first start after an edit.
  for (let round = 1; ; round++) {
    const before = connections(root).length;
    const startedAt = Date.now();
    const device = startDevice(root);
    await until('the device is connected', () => connections(root).length > before);
    samples.push((connections(root).at(-1) ?? 0) - startedAt);
    if (round === rounds) return { samples, device };
    await device.stop();
  }
}

function connections(root: string): number[] {
  return linesWith(root, 'connected to the cloud').map((line) => Date.parse(line.split(' ')[0] ?? ''));
}

function linesWith(root: string, text: string): string[] {
  try {
    return readFileSync(join(root, 'logs', 'greengrass.log'), 'utf8')
      .split('\n')
      .filter((line) => line.includes(text));
  } catch {
    return []; // Not started yet.
  }
}

async function deploymentTimes(cloud: TestCloud, root: string): Promise<number[]> {
  const client = new GreengrassV2Client(sdkConfiguration(cloud.folder));
  await client.send(new CreateComponentVersionCommand({ inlineRecipe: Buffer.from(JSON.stringify(recipe)) }));
  const samples: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const marker = `m${round}`;
    const components = {
      [component]: { componentVersion: '1.0.0', configurationUpdate: { merge: JSON.stringify({ marker }) } },
    };
    await client.send(new CreateDeploymentCommand({ targetArn, components }));
    const answeredAt = Date.now();
    const startedAt = await until('the component runs', () => startOf(root, marker));
    if (round > 0) samples.push(startedAt - answeredAt); // The first also installs it.
    // The next must find a device at rest, not one that still verifies this one.
    await until('the deployment ended', () => linesWith(root, 'deployment ended').length > round);
  }
  client.destroy();
  return samples;
}

function startOf(root: string, marker: string): number | undefined {
  const text = readFileSync(join(root, 'logs', `${component}.log`), { encoding: 'utf8', flag: 'a+' });
  const [, time] = text.match(new RegExp(`started ${marker} (\\d+)`)) ?? [];
  return time === undefined ? undefined : Number(time);
}

async function memoryFigures(cloud: TestCloud, device: TestProcess): Promise<Figure[]> {
  const bare = await bareNodeMegabytes([]);
  const bareSmall = await bareNodeMegabytes(deviceNodeFlags);
  const deviceMemory = residentMegabytes(device.pid);
  const over = (deviceMemory - bareSmall).toFixed(1);
  return [
    {
      name: 'memory of a bare Node',
      unit: 'MB',
      samples: [bare],
      comparedWith: `${bareSmall.toFixed(1)} with the device's flags`,
    },
    {
      name: 'memory of the cloud',
      unit: 'MB',
      samples: [residentMegabytes(cloud.process.pid)],
      comparedWith: 'a bare Node, above',
    },
    {
      name: 'memory of the device',
      unit: 'MB',
      samples: [deviceMemory],
      comparedWith: `${over} over a bare Node; expected: under 40`,
    },
  ];
}
