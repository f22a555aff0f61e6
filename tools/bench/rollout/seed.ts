import { makeFleetCertificate, makeFleetKey } from '@greensward/simulator/certificates';
import type { FleetDevice } from '@greensward/simulator/fleet';
import type { Storage } from '../../../packages/cloud/src/ports/storage.ts';

const batch = 2000;

export const thingName = (index: number) => `virtual-${String(index).padStart(6, '0')}`;

/** Registers things by number, from `first` on, in a group that exists or is made. */
export async function seedThings(storage: Storage, group: string, count: number, first = 0): Promise<void> {
  await storage.write(async (tx) => {
    if ((await tx.groups.get(group)) !== undefined) return;
    await tx.groups.insert({ name: group, id: group, attributes: {}, version: 1, createdAt: 1 });
  });
  for (let from = 0; from < count; from += batch) {
    await storage.write(async (tx) => {
      for (let index = first + from; index < first + Math.min(count, from + batch); index++) {
        const name = thingName(index);
        await tx.things.insert({ name, id: name, attributes: {}, version: 1, createdAt: 1 });
        await tx.groups.add(group, name, 1);
      }
    });
  }
}

/** Gives things that exist a certificate each, registered without a CA and active, with one policy that allows what they do. */
export async function seedCertificates(storage: Storage, things: readonly string[]): Promise<readonly FleetDevice[]> {
  const key = makeFleetKey();
  const policy = 'virtual-devices';
  const document = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: ['iot:*', 'greengrass:*'], Resource: '*' }],
  });
  await storage.write((tx) =>
    tx.policies.insert({ name: policy, document, defaultVersion: 1, lastVersion: 1, createdAt: 1, updatedAt: 1 }),
  );
  const devices: FleetDevice[] = [];
  for (let from = 0; from < things.length; from += batch) {
    await storage.write(async (tx) => {
      for (const thing of things.slice(from, from + batch)) {
        const { cert, certificateId: id } = makeFleetCertificate(key, thing);
        await tx.certificates.insert({ id, pem: cert, status: 'ACTIVE', mode: 'SNI_ONLY', createdAt: 1, updatedAt: 1 });
        await tx.policies.attach(policy, `arn:aws:iot:us-east-1:000000000000:cert/${id}`);
        await tx.things.attach(thing, id);
        devices.push({ thing, cert, key });
      }
    });
  }
  return devices;
}
