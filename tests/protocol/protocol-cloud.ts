import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateComponentVersionCommand,
  CreateDeploymentCommand,
  type CreateDeploymentCommandInput,
  GreengrassV2Client,
} from '@aws-sdk/client-greengrassv2';
import {
  AddThingToThingGroupCommand,
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateKeysAndCertificateCommand,
  CreatePolicyCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  IoTClient,
} from '@aws-sdk/client-iot';
import { IoTDataPlaneClient } from '@aws-sdk/client-iot-data-plane';
import { IoTJobsDataPlaneClient } from '@aws-sdk/client-iot-jobs-data-plane';
import { S3Client } from '@aws-sdk/client-s3';
import { startCloud, type TestCloud } from '@greensward/testkit/cloud';
import { sdkConfiguration } from '@greensward/testkit/sdk-configuration';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';

export const namespace = 'namespace-aws-gg-deployment';
export const deploymentShadow = 'AWSManagedGreengrassV2Deployment';
export const account = '000000000000';

/** A registered thing with what it presents to the cloud, all PEM. */
export interface Identity {
  readonly thing: string;
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

/** One real cloud process, and the stock clients of its operators. */
export interface ProtocolCloud {
  /** Changes with `restart`. */
  readonly cloud: TestCloud;
  readonly greengrass: GreengrassV2Client;
  readonly iot: IoTClient;
  readonly data: IoTDataPlaneClient;
  readonly jobsData: IoTJobsDataPlaneClient;
  readonly s3: S3Client;
  /** Registers a thing with a certificate of its own and puts it in these groups, made where missing. */
  core(thing: string, groups?: readonly string[]): Promise<Identity>;
  /** Registers more things for the certificate of another. */
  alsoFor(certificateArn: string, thing: string): Promise<void>;
  /** Makes an active certificate with a policy that allows everything its owner may do. */
  certificate(): Promise<Omit<Identity, 'thing'> & { readonly arn: string }>;
  group(name: string): Promise<string>;
  publish(recipe: Readonly<Record<string, unknown>>): Promise<string>;
  /** Deploys; the job is empty for a thing. */
  deploy(input: CreateDeploymentCommandInput): Promise<{ readonly deploymentId: string; readonly jobId: string }>;
  /** Stops or kills (-9) the cloud and starts it on the same ports and data. */
  restart(how?: 'stop' | 'kill'): Promise<void>;
  stop(): Promise<void>;
}

const policyName = 'protocol-tests';
const policyDocument = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: ['iot:*', 'iotjobsdata:*', 'greengrass:*'], Resource: ['*'] }],
});

export async function startProtocolCloud(): Promise<ProtocolCloud> {
  const folder = temporaryFolder();
  let cloud = await startCloud(join(folder.path, 'cloud'));
  const configuration = sdkConfiguration(cloud.folder);
  const greengrass = new GreengrassV2Client(configuration);
  const iot = new IoTClient(configuration);
  const data = new IoTDataPlaneClient(configuration);
  const jobsData = new IoTJobsDataPlaneClient(configuration);
  const s3 = new S3Client({ ...configuration, forcePathStyle: true });
  const groups = new Set<string>();
  const ca = readFileSync(join(cloud.folder, 'ca', 'ca.pem'), 'utf8');
  await iot.send(new CreatePolicyCommand({ policyName, policyDocument }));

  const group = async (name: string) => {
    if (!groups.has(name)) await iot.send(new CreateThingGroupCommand({ thingGroupName: name }));
    groups.add(name);
    return `arn:aws:iot:us-east-1:${account}:thinggroup/${name}`;
  };
  const certificate = async () => {
    const issued = await iot.send(new CreateKeysAndCertificateCommand({ setAsActive: true }));
    const { certificateArn: arn = '', certificatePem: cert = '', keyPair } = issued;
    await iot.send(new AttachPolicyCommand({ policyName, target: arn }));
    return { arn, cert, key: keyPair?.PrivateKey ?? '', ca };
  };
  const alsoFor = async (certificateArn: string, thing: string) => {
    await iot.send(new CreateThingCommand({ thingName: thing }));
    await iot.send(new AttachThingPrincipalCommand({ thingName: thing, principal: certificateArn }));
  };

  return {
    get cloud() {
      return cloud;
    },
    greengrass,
    iot,
    data,
    jobsData,
    s3,
    certificate,
    alsoFor,
    async core(thing, members = []) {
      const { arn, ...pems } = await certificate();
      await alsoFor(arn, thing);
      for (const name of members) {
        await group(name);
        await iot.send(new AddThingToThingGroupCommand({ thingGroupName: name, thingName: thing }));
      }
      return { thing, ...pems };
    },
    group,
    async publish(recipe) {
      const inlineRecipe = Buffer.from(JSON.stringify(recipe));
      return (await greengrass.send(new CreateComponentVersionCommand({ inlineRecipe }))).arn ?? '';
    },
    async deploy(input) {
      const { deploymentId = '', iotJobId = '' } = await greengrass.send(new CreateDeploymentCommand(input));
      return { deploymentId, jobId: iotJobId };
    },
    async restart(how = 'stop') {
      const { apiPort, devicePort, mqttPort } = cloud;
      await cloud.process[how]();
      cloud = await startCloud(cloud.folder, { ports: { apiPort, devicePort, mqttPort } });
    },
    async stop() {
      for (const client of [greengrass, iot, data, jobsData, s3]) client.destroy();
      await cloud.process.stop();
      folder.remove();
    },
  };
}
