import { iotAlreadyExists, iotInvalid, iotNotFound } from '../domain/faults.ts';
import { deletionRefusal, sameType, searchableRefusal, type ThingType } from '../domain/registry/thing-type.ts';
import type { Tx } from '../ports/storage.ts';
import type { ThingTypeUseCases } from './app.ts';
import { createArns } from './arns.ts';
import type { AppDeps } from './context.ts';
import { refuseReserved } from './tags.ts';

/** The thing types of the registry. */
export function createThingTypes({
  storage,
  clock,
  ids,
  account,
}: Pick<AppDeps, 'storage' | 'clock' | 'ids' | 'account'>): ThingTypeUseCases {
  const arns = createArns(account);

  return {
    create: ({ name, description, searchableAttributes = [], tags = {} }) =>
      storage.write(async (tx) => {
        const refusal = searchableRefusal(searchableAttributes);
        if (refusal !== undefined) throw iotInvalid(refusal);
        refuseReserved(tags);
        const wanted = { searchableAttributes, ...(description === undefined ? {} : { description }) };
        const present = await tx.thingTypes.get(name);
        if (present !== undefined) {
          if (sameType(present, wanted)) return present;
          throw iotAlreadyExists('Thing type', name, arns.thingType(name));
        }
        const type: ThingType = { name, id: ids.uuid(), ...wanted, createdAt: clock.now() };
        await tx.thingTypes.insert(type);
        await tx.tags.put(arns.thingType(name), tags);
        return type;
      }),

    describe: (name) => storage.read((tx) => requireType(tx, name)),

    list: (page, name) =>
      storage.read(async (tx) => {
        if (name === undefined) return tx.thingTypes.list(page);
        const type = await tx.thingTypes.get(name);
        return { items: type === undefined ? [] : [type] };
      }),

    deprecate: (name, undo) =>
      storage.write(async (tx) => {
        const { deprecatedAt, ...type } = await requireType(tx, name);
        if (undo) await tx.thingTypes.update(type);
        // Deprecating once more does not begin the wait anew.
        else await tx.thingTypes.update({ ...type, deprecatedAt: deprecatedAt ?? clock.now() });
      }),

    delete: (name) =>
      storage.write(async (tx) => {
        const type = await requireType(tx, name);
        const refusal = deletionRefusal(type, await tx.thingTypes.isUsed(name), clock.now());
        if (refusal !== undefined) throw iotInvalid(refusal);
        await tx.thingTypes.delete(name);
        await tx.tags.clear(arns.thingType(name));
      }),
  };
}

async function requireType(tx: Tx, name: string): Promise<ThingType> {
  const type = await tx.thingTypes.get(name);
  if (type === undefined) throw iotNotFound('Thing type', name);
  return type;
}

/** Fails with ResourceNotFoundException, or InvalidRequestException for a deprecated one. */
export async function requireUsableType(tx: Tx, name: string): Promise<void> {
  const type = await requireType(tx, name);
  if (type.deprecatedAt !== undefined) throw iotInvalid(`The thing type ${name} is deprecated.`);
}
