import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
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
function deviceFiles(folder: string): DeviceFiles {
  const root = resolve(folder);
  return {
    root,
    certificate: join(root, 'device.pem.crt'),
    privateKey: join(root, 'device.pem.key'),
    rootCa: join(root, 'root-ca.pem'),
  };
}

/**
 * Makes a thing in its groups (made where missing), a certificate with the device policy, and in `folder` the files a core
 * device starts from. The thing and its groups may be there already; a configuration in `folder` may not.
 */
export async function provisionThing(
  client: CloudClient,
  thing: string,
  groups: readonly string[],
  folder: string,
): Promise<void> {
  const files = deviceFiles(folder);
  const configFile = join(files.root, 'config.yaml');
  if (await exists(configFile)) {
    throw new Fault('AlreadyProvisioned', `${configFile} is there already: name an empty folder with --out`);
  }
  await client.call(iot.operations.CreateThing, { thingName: thing });
  for (const group of groups) {
    await ignoring(
      'ResourceAlreadyExistsException',
      client.call(iot.operations.CreateThingGroup, { thingGroupName: group }),
    );
    await client.call(iot.operations.AddThingToThingGroup, { thingGroupName: group, thingName: thing });
  }
  const policy = { policyName: devicePolicyName, policyDocument: devicePolicyDocument };
  await ignoring('ResourceAlreadyExistsException', client.call(iot.operations.CreatePolicy, policy));
  const issued = await client.call(iot.operations.CreateKeysAndCertificate, { setAsActive: true });
  const { certificateArn = '', certificatePem = '', keyPair } = issued;
  await client.call(iot.operations.AttachPolicy, { policyName: devicePolicyName, target: certificateArn });
  await client.call(iot.operations.AttachThingPrincipal, { thingName: thing, principal: certificateArn });

  await mkdir(files.root, { recursive: true, mode: 0o755 });
  await writeFile(files.privateKey, keyPair?.PrivateKey ?? '', { mode: 0o600 });
  await chmod(files.privateKey, 0o600); // The mode above does not change a file that was there.
  await writeFile(files.certificate, certificatePem);
  await writeDeviceConfig(client, thing, folder);
}

/** Writes root CA and `config.yaml` from what the cloud says today; called again when the cloud's ports or names changed. */
export async function writeDeviceConfig(client: CloudClient, thing: string, folder: string): Promise<void> {
  const files = deviceFiles(folder);
  const { endpoints, rootCaPem } = await client.deviceEndpoints();
  await writeFileAtomic(files.rootCa, rootCaPem, 0o644);
  await writeFileAtomic(
    join(files.root, 'config.yaml'),
    deviceConfigYaml(thing, files, endpoints, nucleusVersion),
    0o644,
  );
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
