import { mkdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Fault } from '@greensward/kit';
import { writeFileAtomic } from '@greensward/kit/node';
import { iot } from '@greensward/protocol/iot';
import type { CloudClient } from '../cloud-client/cloud-client.ts';
import { type DeviceFiles, deviceConfigYaml } from './config-yaml.ts';
import { devicePolicyDocument, devicePolicyName } from './device-policy.ts';

/** The nucleus version whose behaviour the device runtime has; it reports itself as this one. */
const nucleusVersion = '2.12.0';

/** The files of a device below its folder. */
function deviceFiles(folder: string): DeviceFiles & { readonly config: string } {
  const root = resolve(folder);
  return {
    root,
    certificate: join(root, 'device.pem.crt'),
    privateKey: join(root, 'device.pem.key'),
    rootCa: join(root, 'root-ca.pem'),
    config: join(root, 'config.yaml'),
  };
}

/** What was made for a thing. */
export interface Provisioned {
  readonly thingName: string;
  readonly certificateArn: string;
  /** Absolute paths. */
  readonly root: string;
  readonly config: string;
}

/**
 * Makes a thing in its groups (made where missing), a certificate with the device policy, and in `folder` the files a core
 * device starts from. The thing and its groups may be there already: it gets one more certificate. A configuration in
 * `folder` may not. When it fails, the folder is as it was.
 *
 * @throws Fault `AlreadyProvisioned`, `Unreachable`, and whatever the cloud refuses.
 */
export async function provisionThing(
  client: CloudClient,
  thing: string,
  groups: readonly string[],
  folder: string,
): Promise<Provisioned> {
  const files = deviceFiles(folder);
  if (await exists(files.config)) {
    throw new Fault('AlreadyProvisioned', `${files.config} is there already: name an empty folder with --out`);
  }
  // What the cloud refuses, it refuses here, before there is anything to clean up.
  await ignoring('ResourceAlreadyExistsException', client.call(iot.operations.CreateThing, { thingName: thing }));
  for (const group of groups) {
    await ignoring(
      'ResourceAlreadyExistsException',
      client.call(iot.operations.CreateThingGroup, { thingGroupName: group }),
    );
    await client.call(iot.operations.AddThingToThingGroup, { thingGroupName: group, thingName: thing });
  }
  const policy = { policyName: devicePolicyName, policyDocument: devicePolicyDocument };
  await ignoring('ResourceAlreadyExistsException', client.call(iot.operations.CreatePolicy, policy));

  const firstMade = await mkdir(files.root, { recursive: true, mode: 0o755 });
  try {
    const certificateArn = await addCertificate(client, thing, files);
    // The configuration comes last: with it the folder counts as provisioned.
    await writeDeviceConfig(client, thing, folder);
    return { thingName: thing, certificateArn, root: files.root, config: files.config };
  } catch (error) {
    for (const file of [files.privateKey, files.certificate, files.rootCa]) await rm(file, { force: true });
    if (firstMade !== undefined) await rm(firstMade, { recursive: true, force: true });
    throw error;
  }
}

async function addCertificate(client: CloudClient, thing: string, files: DeviceFiles): Promise<string> {
  const issued = await client.call(iot.operations.CreateKeysAndCertificate, { setAsActive: true });
  const { certificateArn = '', certificatePem = '', keyPair } = issued;
  await client.call(iot.operations.AttachPolicy, { policyName: devicePolicyName, target: certificateArn });
  await client.call(iot.operations.AttachThingPrincipal, { thingName: thing, principal: certificateArn });
  await writeFileAtomic(files.privateKey, keyPair?.PrivateKey ?? '', 0o600);
  await writeFileAtomic(files.certificate, certificatePem, 0o644);
  return certificateArn;
}

/** Writes root CA and `config.yaml` from what the cloud says today; called again when the cloud's ports or names changed. */
export async function writeDeviceConfig(client: CloudClient, thing: string, folder: string): Promise<void> {
  const files = deviceFiles(folder);
  const { endpoints, rootCaPem } = await client.deviceEndpoints();
  await writeFileAtomic(files.rootCa, rootCaPem, 0o644);
  await writeFileAtomic(files.config, deviceConfigYaml(thing, files, endpoints, nucleusVersion), 0o644);
}

async function ignoring(code: string, call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof Fault && error.code === code)) throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
