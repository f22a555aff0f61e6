import { applyShadowUpdate } from '@greensward/protocol/shadow';
import { shadowTopic } from '@greensward/protocol/topics';
import { invalidFields, resourceNotFound } from '../domain/faults.ts';
import type { Tx } from '../ports/storage.ts';
import type { ClientDeviceUseCases, ConnectivityUseCases, ShadowMessage } from './app.ts';
import type { AppDeps } from './context.ts';
import { followUps } from './deployment-shadow.ts';
import { toRecord, toShadow } from './shadow-records.ts';

/** Where core devices are reached by their client devices. */
export function createConnectivity(deps: Pick<AppDeps, 'storage' | 'clock' | 'ids' | 'bus'>): ConnectivityUseCases {
  const { storage, clock, ids, bus } = deps;
  return {
    get: (thing) => storage.read(async (tx) => (await tx.connectivity.getMany([thing])).get(thing)?.endpoints ?? []),

    async update(thing, endpoints) {
      const version = ids.uuid();
      const messages = await storage.write(async (tx) => {
        if ((await tx.things.get(thing)) === undefined) {
          throw invalidFields([{ name: 'thingName', message: `the thing ${thing} does not exist` }]);
        }
        await tx.connectivity.put({ thing, version, endpoints });
        return tellCompanion(tx, thing, version, clock.now());
      });
      bus.publish({ kind: 'shadow-changed', messages });
      return version;
    },

    discover: (thing) =>
      storage.read(async (tx) => {
        const cores = await tx.clientDevices.coresOf(thing);
        if (cores.length === 0) throw resourceNotFound('core device of the client device', thing);
        const known = await tx.connectivity.getMany(cores);
        return cores.map((core) => ({ core, endpoints: known.get(core)?.endpoints ?? [] }));
      }),
  };
}

/** The components of a core device that serve its clients learn of a change by the shadow of the companion thing. */
async function tellCompanion(tx: Tx, core: string, version: string, now: number): Promise<readonly ShadowMessage[]> {
  const thing = `${core}-gci`;
  const record = await tx.shadows.get(thing, '');
  const update = { state: { desired: { version } }, version: undefined, clientToken: undefined };
  const change = applyShadowUpdate(record && toShadow(record), update, now, undefined);
  await tx.shadows.put([toRecord(thing, '', change.shadow, now)]);
  const topic = shadowTopic(thing, undefined, 'update');
  return [{ topic: `${topic}/accepted`, payload: JSON.stringify(change.accepted) }, ...followUps(topic, change)];
}

/** Which things may discover which core devices. */
export function createClientDevices({ storage, clock }: Pick<AppDeps, 'storage' | 'clock'>): ClientDeviceUseCases {
  return {
    associate: (core, things) =>
      storage.write(async (tx) => {
        await requireCore(tx, core);
        const known = await tx.things.existing(things);
        const associatedAt = clock.now();
        const wanted = [...new Set(things)].filter((thing) => known.has(thing));
        await tx.clientDevices.put(wanted.map((thing) => ({ core, thing, associatedAt })));
        return things
          .filter((thing) => !known.has(thing))
          .map((thing) => ({
            thing,
            code: 'ResourceNotFoundException',
            message: `The thing ${thing} does not exist.`,
          }));
      }),

    disassociate: (core, things) =>
      storage.write(async (tx) => {
        await requireCore(tx, core);
        await tx.clientDevices.delete(core, things);
      }),

    list: (core, page) =>
      storage.read(async (tx) => {
        await requireCore(tx, core);
        return tx.clientDevices.ofCore(core, page);
      }),
  };
}

async function requireCore(tx: Tx, core: string): Promise<void> {
  if ((await tx.devices.get(core)) === undefined) throw resourceNotFound('coreDevice', core);
}
