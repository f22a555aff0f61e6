import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateComponentVersionCommand,
  CreateDeploymentCommand,
  type CreateDeploymentCommandInput,
  GreengrassV2Client,
  ListEffectiveDeploymentsCommand,
  ListInstalledComponentsCommand,
} from '@aws-sdk/client-greengrassv2';
import { DescribeJobExecutionCommand, IoTClient, type JobExecution } from '@aws-sdk/client-iot';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { provision, startCloud, startDevice, type TestCloud } from '@greensward/testkit/cloud';
import type { TestProcess } from '@greensward/testkit/processes';
import { sdkConfiguration } from '@greensward/testkit/sdk-configuration';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';

const bucket = 'fleet-artifacts';

/** A core device in a process of its own. */
export interface FleetDevice {
  readonly name: string;
  readonly root: string;
  process: TestProcess;
}

/** A real cloud, real devices, and what a test of a deployment asks of them. */
export interface Fleet {
  readonly folder: string;
  readonly cloud: TestCloud;
  readonly greengrass: GreengrassV2Client;
  readonly iot: IoTClient;
  /** Provisions a device and starts it. */
  device(name: string, groups: readonly string[]): Promise<FleetDevice>;
  /** Uploads files as artifacts and publishes the recipe; `{artifact:NAME}` in it stands for the URI of a file. */
  publish(recipe: Readonly<Record<string, unknown>>, files?: Readonly<Record<string, string>>): Promise<void>;
  deploy(input: CreateDeploymentCommandInput): Promise<{ readonly deploymentId: string; readonly jobId: string }>;
  /** The execution of a job on a thing, once it has ended; fails when it ended otherwise than expected. */
  ended(jobId: string, device: FleetDevice, expected: 'SUCCEEDED' | 'FAILED'): Promise<JobExecution>;
  /** Name -> version and state of the installed components, dependencies included. */
  inventory(device: FleetDevice): Promise<Readonly<Record<string, string>>>;
  /** Waits until `inventory` is this, but for the nucleus. */
  shows(device: FleetDevice, expected: Readonly<Record<string, string>>): Promise<void>;
  effective(device: FleetDevice, deploymentId: string): Promise<EffectiveStatus | undefined>;
  stop(): Promise<void>;
}

export interface EffectiveStatus {
  readonly coreDeviceExecutionStatus?: string | undefined;
  readonly reason?: string | undefined;
  readonly statusDetails?:
    | { readonly errorStack?: string[] | undefined; readonly errorTypes?: string[] | undefined }
    | undefined;
}

export async function startFleet(): Promise<Fleet> {
  const temporary = temporaryFolder();
  const folder = temporary.path;
  const cloud = await startCloud(join(folder, 'cloud'));
  const configuration = sdkConfiguration(cloud.folder);
  const greengrass = new GreengrassV2Client(configuration);
  const iot = new IoTClient(configuration);
  const s3 = new S3Client({ ...configuration, forcePathStyle: true });
  const devices: FleetDevice[] = [];
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));

  const inventory = async ({ name }: FleetDevice) => {
    const { installedComponents = [] } = await greengrass.send(
      new ListInstalledComponentsCommand({ coreDeviceThingName: name, topologyFilter: 'ALL' }),
    );
    return Object.fromEntries(
      installedComponents.map((item) => [item.componentName ?? '', `${item.componentVersion} ${item.lifecycleState}`]),
    );
  };

  return {
    folder,
    cloud,
    greengrass,
    iot,
    async device(name, groups) {
      const root = join(folder, name);
      await provision(cloud, name, groups, root);
      const made = { name, root, process: startDevice(root) };
      devices.push(made);
      return made;
    },
    async publish(recipe, files = {}) {
      let text = JSON.stringify(recipe);
      for (const [name, content] of Object.entries(files)) {
        const key = `${recipe['ComponentName']}/${recipe['ComponentVersion']}/${name}`;
        await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: content }));
        text = text.replaceAll(`{artifact:${name}}`, `s3://${bucket}/${key}`);
      }
      await greengrass.send(new CreateComponentVersionCommand({ inlineRecipe: Buffer.from(text) }));
    },
    async deploy(input) {
      const { deploymentId = '', iotJobId = '' } = await greengrass.send(new CreateDeploymentCommand(input));
      return { deploymentId, jobId: iotJobId };
    },
    ended: (jobId, device, expected) =>
      until(`${device.name} has ${expected} with job ${jobId}`, async () => {
        const described = await iot
          .send(new DescribeJobExecutionCommand({ jobId, thingName: device.name }))
          .catch(missing);
        const execution = described?.execution;
        if (execution?.status === undefined || ['QUEUED', 'IN_PROGRESS'].includes(execution.status)) return undefined;
        if (execution.status === expected) return execution;
        const log = readFileSync(join(device.root, 'logs', 'greengrass.log'), 'utf8');
        throw new Error(
          `${device.name}: ${execution.status} ${JSON.stringify(execution.statusDetails)}\n${log.slice(-3000)}`,
        );
      }),
    inventory,
    async shows(device, expected) {
      let last: Readonly<Record<string, string>> = {};
      await until(`the inventory of ${device.name} is ${JSON.stringify(expected)}`, async () => {
        const { 'aws.greengrass.Nucleus': _, ...components } = await inventory(device);
        last = components;
        const names = Object.keys(components);
        return (
          names.length === Object.keys(expected).length && names.every((name) => components[name] === expected[name])
        );
      }).catch((cause: unknown) => {
        throw new Error(`the inventory of ${device.name} is ${JSON.stringify(last)}`, { cause });
      });
    },
    async effective(device, deploymentId) {
      const { effectiveDeployments = [] } = await greengrass.send(
        new ListEffectiveDeploymentsCommand({ coreDeviceThingName: device.name }),
      );
      return effectiveDeployments.find((item) => item.deploymentId === deploymentId);
    },
    async stop() {
      for (const client of [greengrass, iot, s3]) client.destroy();
      await Promise.all(devices.map((device) => device.process.stop()));
      await cloud.process.stop();
      temporary.remove();
    },
  };
}

/** Not there yet counts as not ended yet. */
function missing(error: unknown): undefined {
  if (error instanceof Error && error.name === 'ResourceNotFoundException') return undefined;
  throw error;
}

/** The log of a component on a device; empty when there is none yet. */
export function componentLog(device: FleetDevice, component: string): string {
  try {
    return readFileSync(join(device.root, 'logs', `${component}.log`), 'utf8');
  } catch {
    return '';
  }
}
