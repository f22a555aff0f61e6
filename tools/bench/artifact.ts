import { execFile } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { createReadStream, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  CreateComponentVersionCommand,
  CreateDeploymentCommand,
  GetComponentVersionArtifactCommand,
  GreengrassV2Client,
} from '@aws-sdk/client-greengrassv2';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { deviceBundle } from '@greensward/cli/device-bundle';
import { provision, startCloud, swardBin, type TestCloud } from '@greensward/testkit/cloud';
import { startNode } from '@greensward/testkit/processes';
import { sdkConfiguration } from '@greensward/testkit/sdk-configuration';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import type { Figure } from './figure.ts';
import { peakMegabytes } from './memory.ts';

const run = promisify(execFile);

const bytes = 1_000_000_000;
const rounds = 3;
const thing = 'bench-core';
const component = 'com.example.Large';
const targetArn = 'arn:aws:iot:us-east-1:000000000000:thinggroup/bench';

/**
 * One artifact of 1 GB from the cloud to a device: resumable, hashed, verified and on disk, beside `curl` of the same address
 * followed by `sha256sum`, in turns. Both read from the same cloud process over TLS.
 */
export async function artifact(): Promise<Figure[]> {
  const folder = temporaryFolder();
  const cloud = await startCloud(join(folder.path, 'cloud'));
  const root = join(folder.path, thing);
  try {
    await provision(cloud, thing, ['bench'], root);
    await upload(cloud, join(folder.path, 'large.bin'));
    await deviceBundle();
    const device = startNode([swardBin, 'device', '--root', root]);
    try {
      await until('the device is connected', () => linesWith(root, 'connected to the cloud').length > 0);
      const idle = peakMegabytes(device.pid);
      const deviceSeconds: number[] = [];
      const curlSeconds: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const version = `1.0.${round}`;
        const arn = await publish(cloud, version);
        curlSeconds.push(await curl(cloud, arn, root, join(folder.path, 'curl.bin')));
        deviceSeconds.push(await deploy(cloud, root, version, round));
      }
      const peak = peakMegabytes(device.pid);
      const rate = (seconds: number[]) => seconds.map((second) => bytes / 1e6 / second);
      const deviceRates = rate(deviceSeconds);
      const curlRates = rate(curlSeconds);
      const ratio = middle(deviceRates) / middle(curlRates);
      return [
        { name: 'curl, then sha256sum: 1 GB', unit: 'MB/s', samples: curlRates, comparedWith: 'the device, below' },
        {
          name: 'artifact of 1 GB, loaded and verified by the device',
          unit: 'MB/s',
          samples: deviceRates,
          comparedWith: `${ratio.toFixed(2)} of curl; expected: 0.5 or more`,
        },
        {
          name: 'most memory of the device ever, with 3 artifacts of 1 GB',
          unit: 'MB',
          samples: [peak],
          comparedWith: `${idle.toFixed(1)} when it had connected`,
        },
      ];
    } finally {
      await device.stop();
    }
  } finally {
    await cloud.process.stop();
    folder.remove();
  }
}

function middle(samples: readonly number[]): number {
  return [...samples].sort((a, b) => a - b)[samples.length >> 1] ?? Number.NaN;
}

async function upload(cloud: TestCloud, path: string): Promise<void> {
  const file = await open(path, 'w');
  const block = Buffer.alloc(10_000_000);
  for (let at = 0; at < bytes; at += block.length) await file.appendFile(randomFillSync(block));
  await file.close();
  const s3 = new S3Client({
    ...sdkConfiguration(cloud.folder),
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  await s3.send(new CreateBucketCommand({ Bucket: 'large' }));
  const Body = createReadStream(path);
  await s3.send(new PutObjectCommand({ Bucket: 'large', Key: 'large.bin', Body, ContentLength: bytes }));
  s3.destroy();
  rmSync(path);
}

async function publish(cloud: TestCloud, version: string): Promise<string> {
  const client = new GreengrassV2Client(sdkConfiguration(cloud.folder));
  const recipe = {
    RecipeFormatVersion: '2020-01-25',
    ComponentName: component,
    ComponentVersion: version,
    Manifests: [{ Artifacts: [{ Uri: 's3://large/large.bin' }] }],
  };
  const { arn = '' } = await client.send(
    new CreateComponentVersionCommand({ inlineRecipe: Buffer.from(JSON.stringify(recipe)) }),
  );
  client.destroy();
  return arn;
}

/** Seconds. */
async function curl(cloud: TestCloud, arn: string, root: string, target: string): Promise<number> {
  const client = new GreengrassV2Client(sdkConfiguration(cloud.folder));
  const { preSignedUrl = '' } = await client.send(
    new GetComponentVersionArtifactCommand({ arn, artifactName: 'large.bin' }),
  );
  client.destroy();
  const startedAt = performance.now();
  await run('curl', [
    '--fail',
    '--silent',
    '--show-error',
    '--cacert',
    join(root, 'root-ca.pem'),
    '-o',
    target,
    preSignedUrl,
  ]);
  await run('sha256sum', [target]);
  const seconds = (performance.now() - startedAt) / 1000;
  rmSync(target);
  return seconds;
}

/** Seconds from the device's decision to load to the verified file on disk, told by its own log. */
async function deploy(cloud: TestCloud, root: string, version: string, round: number): Promise<number> {
  const client = new GreengrassV2Client(sdkConfiguration(cloud.folder));
  const components = { [component]: { componentVersion: version } };
  await client.send(new CreateDeploymentCommand({ targetArn, components }));
  client.destroy();
  await until('the deployment ended', () => linesWith(root, 'deployment ended').length > round, 300_000);
  const timeOf = (text: string) => Date.parse(linesWith(root, text)[round]?.split(' ')[0] ?? '');
  return (timeOf('artifact loaded') - timeOf('loading artifacts')) / 1000;
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
