import type { CoreDevice } from '../domain/devices/core-device.ts';
import { resourceNotFound } from '../domain/faults.ts';
import type { Tx } from '../ports/storage.ts';
import type { DeviceUseCases } from './app.ts';
import { createArns } from './arns.ts';
import type { AppDeps } from './context.ts';
import { createFleetStatusIngest } from './ingest-fleet-status.ts';

/** Core devices: they exist from their first fleet status on, and what they are is what they say. */
export function createDevices(deps: AppDeps): DeviceUseCases {
  const { storage, account } = deps;
  const arns = createArns(account);

  return {
    get: (thing) =>
      storage.read(async (tx) => ({
        device: await requireDevice(tx, thing),
        tags: await tx.tags.get(arns.coreDevice(thing)),
      })),

    list: (page, { groupArn, ...filter }) =>
      storage.read((tx) =>
        tx.devices.list(page, { ...filter, ...(groupArn === undefined ? {} : { groupTargetArn: groupArn }) }),
      ),

    delete: (thing) =>
      storage.write(async (tx) => {
        await requireDevice(tx, thing);
        await tx.devices.delete(thing);
        await tx.tags.clear(arns.coreDevice(thing));
      }),

    components: (thing, topology) =>
      storage.read(async (tx) => {
        await requireDevice(tx, thing);
        const components = await tx.devices.components(thing);
        return topology === 'ALL' ? components : components.filter(({ isRoot }) => isRoot);
      }),

    ingestFleetStatus: createFleetStatusIngest(deps),
  };
}

async function requireDevice(tx: Tx, thing: string): Promise<CoreDevice> {
  const device = await tx.devices.get(thing);
  if (device === undefined) throw resourceNotFound('coreDevice', thing);
  return device;
}
