import { Fault } from '@greensward/kit';
import { parseFleetQuery, sourcesOf } from '@greensward/model/fleet-query';
import { iotAlreadyExists, iotInvalid, iotNotFound, iotVersionConflict } from '../domain/faults.ts';
import { everything, queryVersion, thingIndex } from '../domain/fleet-index/indexing-configuration.ts';
import type { ThingGroup } from '../domain/registry/registry.ts';
import { attributesRefusal, mergedAttributes, sameGroup } from '../domain/registry/registry-rules.ts';
import type { Tx } from '../ports/storage.ts';
import type { DynamicGroupUseCases, IndexChoice } from './app.ts';
import { createArns } from './arns.ts';
import type { AppDeps } from './context.ts';
import { deleteGroup } from './delete-group.ts';
import { requireGroup } from './group-membership.ts';
import { refuseReserved } from './tags.ts';

/** IoT: attributes of a thing group, and dynamic groups of an account. */
const maxAttributes = 50;
const maxGroups = 100;

/** Thing groups whose members are found by a query. Who they are is found by the task of the same name. */
export function createDynamicGroups(deps: AppDeps): DynamicGroupUseCases {
  const { storage, clock, ids, bus, account } = deps;
  const arns = createArns(account);

  return {
    async create({ name, query, index, description, attributes = {}, tags = {} }) {
      const sources = sourcesOf(parseFleetQuery(query));
      refuseIndex(index);
      refuseAttributes(attributes);
      refuseReserved(tags);
      const made = await storage.write(async (tx) => {
        await requireIndex(tx);
        const wanted = { attributes, ...(description === undefined ? {} : { description }) };
        const present = await tx.groups.get(name);
        if (present !== undefined) {
          if (present.dynamic?.query === query && sameGroup(present, wanted)) return present;
          throw iotAlreadyExists('Thing group', name, arns.group(name));
        }
        if ((await tx.fleetIndex.dynamicGroups()).length >= maxGroups) {
          throw new Fault('LimitExceededException', `At most ${maxGroups} dynamic thing groups are allowed.`);
        }
        const group: ThingGroup = { name, id: ids.uuid(), ...wanted, version: 1, createdAt: clock.now() };
        await tx.groups.insert(group);
        await tx.fleetIndex.define(name, query, [...sources]);
        await tx.tags.put(arns.group(name), tags);
        return { ...group, dynamic: { query, building: true } };
      });
      bus.publish({ kind: 'things-changed' });
      return made;
    },

    async update({ name, query, index, description, attributes, merge = false, expectedVersion }) {
      const sources = query === undefined ? undefined : sourcesOf(parseFleetQuery(query));
      refuseIndex(index);
      const version = await storage.write(async (tx) => {
        if (query !== undefined) await requireIndex(tx);
        const present = await requireDynamic(tx, name);
        if (expectedVersion !== undefined && expectedVersion !== present.version) {
          throw iotVersionConflict('Thing group', name, present.version);
        }
        const next =
          attributes === undefined ? present.attributes : mergedAttributes(present.attributes, attributes, merge);
        refuseAttributes(next);
        const described = description === undefined ? {} : { description };
        await tx.groups.update({ ...present, ...described, attributes: next, version: present.version + 1 });
        if (query !== undefined && sources !== undefined && query !== present.dynamic?.query) {
          await tx.fleetIndex.define(name, query, [...sources]);
        }
        return present.version + 1;
      });
      bus.publish({ kind: 'things-changed' });
      return version;
    },

    async delete(name, expectedVersion) {
      const isDeletable = async (tx: Tx) => {
        if ((await tx.groups.get(name)) === undefined) return false; // IoT: deleting what is not there succeeds.
        const group = await requireDynamic(tx, name);
        if (expectedVersion !== undefined && expectedVersion !== group.version) {
          throw iotVersionConflict('Thing group', name, group.version);
        }
        return true;
      };
      await deleteGroup(deps, name, isDeletable, (tx) => tx.tags.clear(arns.group(name)));
    },
  };
}

async function requireDynamic(tx: Tx, name: string): Promise<ThingGroup> {
  const group = await requireGroup(tx, name);
  if (group.dynamic === undefined) throw iotInvalid(`The thing group ${name} is not a dynamic one.`);
  return group;
}

/** Fails with ResourceNotFoundException while things are not indexed. */
export async function requireIndex(tx: Tx): Promise<void> {
  const { mode } = (await tx.fleetIndex.configuration()) ?? everything;
  if (mode === 'OFF') throw iotNotFound('Index', thingIndex);
}

/** IoT: there is one index of things and one version of its query language. */
export function refuseIndex({ name = thingIndex, version = queryVersion }: IndexChoice): void {
  if (name !== thingIndex) throw iotNotFound('Index', name);
  if (version !== queryVersion) throw iotInvalid(`queryVersion: must be ${queryVersion}`);
}

function refuseAttributes(attributes: Readonly<Record<string, string>>): void {
  const refusal = attributesRefusal(attributes, maxAttributes);
  if (refusal !== undefined) throw iotInvalid(refusal);
}
