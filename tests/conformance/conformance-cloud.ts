import { join } from 'node:path';
import { CreateComponentVersionCommand, GreengrassV2Client } from '@aws-sdk/client-greengrassv2';
import { CreateThingCommand, CreateThingGroupCommand, IoTClient } from '@aws-sdk/client-iot';
import { IoTJobsDataPlaneClient } from '@aws-sdk/client-iot-jobs-data-plane';
import { S3Client } from '@aws-sdk/client-s3';
import { startCloud, type TestCloud } from '@greensward/testkit/cloud';
import { sdkConfiguration } from '@greensward/testkit/sdk-configuration';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { type RawAnswer, type RawRequest, sendRaw } from './raw-request.ts';

/** One real cloud process for the tests of a file, and the unmodified SDK clients that talk to it. */
export interface ConformanceCloud {
  readonly cloud: TestCloud;
  readonly greengrass: GreengrassV2Client;
  readonly iot: IoTClient;
  readonly jobsData: IoTJobsDataPlaneClient;
  readonly s3: S3Client;
  raw(request: RawRequest): Promise<RawAnswer>;
  /** Makes a thing group and returns its ARN. */
  group(name: string, parent?: string): Promise<string>;
  /** Makes a thing and returns its ARN. */
  thing(name: string): Promise<string>;
  /** Publishes a recipe, given as an object or as text, and returns the ARN of the component version. */
  publish(recipe: Readonly<Record<string, unknown>> | string): Promise<string>;
  stop(): Promise<void>;
}

export async function startConformanceCloud(): Promise<ConformanceCloud> {
  const folder = temporaryFolder();
  const cloud = await startCloud(join(folder.path, 'cloud'));
  const configuration = sdkConfiguration(cloud.folder);
  const greengrass = new GreengrassV2Client(configuration);
  const iot = new IoTClient(configuration);
  const jobsData = new IoTJobsDataPlaneClient(configuration);
  const s3 = new S3Client({ ...configuration, forcePathStyle: true });
  return {
    cloud,
    greengrass,
    iot,
    jobsData,
    s3,
    raw: (request) => sendRaw(cloud.folder, request),
    async group(name, parent) {
      const made = await iot.send(
        new CreateThingGroupCommand({
          thingGroupName: name,
          ...(parent === undefined ? {} : { parentGroupName: parent }),
        }),
      );
      return made.thingGroupArn ?? '';
    },
    async thing(name) {
      const made = await iot.send(new CreateThingCommand({ thingName: name }));
      return made.thingArn ?? '';
    },
    async publish(recipe) {
      const text = typeof recipe === 'string' ? recipe : JSON.stringify(recipe);
      const made = await greengrass.send(new CreateComponentVersionCommand({ inlineRecipe: Buffer.from(text) }));
      return made.arn ?? '';
    },
    async stop() {
      for (const client of [greengrass, iot, jobsData, s3]) client.destroy();
      await cloud.process.stop();
      folder.remove();
    },
  };
}

/** A recipe without artifacts, for Linux. */
export function simpleRecipe(name: string, version = '1.0.0', more: Readonly<Record<string, unknown>> = {}) {
  return {
    RecipeFormatVersion: '2020-01-25',
    ComponentName: name,
    ComponentVersion: version,
    Manifests: [{ Platform: { os: 'linux' }, Lifecycle: { Run: 'sleep 3600' } }],
    ...more,
  };
}

/** What an SDK threw, as the parts that matter here. */
export interface Refusal {
  readonly name: string;
  readonly status: number | undefined;
  readonly message: string;
  readonly error: Readonly<Record<string, unknown>>;
}

/** The refusal of a call that must not succeed. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  let answer: unknown;
  try {
    answer = await call;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const members: Record<string, unknown> = { ...error };
    const metadata = members['$metadata'];
    const status =
      typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
        ? Number(metadata.httpStatusCode)
        : undefined;
    return { name: error.name, status, message: error.message, error: members };
  }
  throw new Error(`not refused: ${JSON.stringify(answer)}`);
}
