import { iotAlreadyExists, iotInvalid, iotNotFound, iotVersionConflict } from '../domain/faults.ts';
import type { ThingGroup } from '../domain/registry/registry.ts';
import { attributesRefusal, depthRefusal, mergedAttributes, sameGroup } from '../domain/registry/registry-rules.ts';
import type { Tx } from '../ports/storage.ts';
import type { GroupUseCases } from './app.ts';
import { createArns } from './arns.ts';
import type { AppDeps } from './context.ts';
import { deleteGroup } from './delete-group.ts';
import type { DeviceRights } from './device-rights.ts';
import { joinGroup, leaveGroup, requireGroup } from './group-membership.ts';

/** IoT: attributes of a thing group. */
const maxAttributes = 50;

/** The static thing groups of the registry, and who is in groups of either kind. */
export function createGroups(deps: AppDeps, rights: DeviceRights): GroupUseCases {
  const { storage, clock, ids, bus, account } = deps;
  const arns = createArns(account);

  /** A thing has other groups, so perhaps other policies. */
  async function tellRights(thing: string): Promise<void> {
    const certificates = await storage.read((tx) => tx.things.principals(thing));
    if (certificates.length > 0) bus.publish({ kind: 'rights-changed', certificates });
    await rights.settled();
  }

  return {
    create: ({ name, parent, description, attributes = {}, tags }) =>
      storage.write(async (tx) => {
        const refusal = attributesRefusal(attributes, maxAttributes);
        if (refusal !== undefined) throw iotInvalid(refusal);
        const wanted = {
          attributes,
          ...(parent === undefined ? {} : { parent }),
          ...(description === undefined ? {} : { description }),
        };
        const present = await tx.groups.get(name);
        if (present !== undefined) {
          if (present.dynamic === undefined && sameGroup(present, wanted)) return present;
          throw iotAlreadyExists('Thing group', name, arns.group(name));
        }
        if (parent !== undefined) await requireRoomBelow(tx, parent);
        const group: ThingGroup = { name, id: ids.uuid(), ...wanted, version: 1, createdAt: clock.now() };
        await tx.groups.insert(group);
        if (tags !== undefined) await tx.tags.put(arns.group(name), tags);
        return group;
      }),

    describe: (name) =>
      storage.read(async (tx) => {
        const group = await requireGroup(tx, name);
        return { group, ancestors: (await tx.groups.ancestry(name)).slice(0, -1) };
      }),

    update: ({ name, description, attributes, merge = false, expectedVersion }) =>
      storage.write(async (tx) => {
        const present = await requireGroup(tx, name);
        refuseDynamic(present, 'UpdateDynamicThingGroup');
        if (expectedVersion !== undefined && expectedVersion !== present.version) {
          throw iotVersionConflict('Thing group', name, present.version);
        }
        const next =
          attributes === undefined ? present.attributes : mergedAttributes(present.attributes, attributes, merge);
        const refusal = attributesRefusal(next, maxAttributes);
        if (refusal !== undefined) throw iotInvalid(refusal);
        const version = present.version + 1;
        const described = description === undefined ? {} : { description };
        await tx.groups.update({ ...present, ...described, attributes: next, version });
        return version;
      }),

    async delete(name, expectedVersion) {
      let hadPolicies = false;
      const isDeletable = async (tx: Tx) => {
        const group = await tx.groups.get(name);
        if (group === undefined) return false; // IoT: deleting what is not there succeeds.
        refuseDynamic(group, 'DeleteDynamicThingGroup');
        if (expectedVersion !== undefined && expectedVersion !== group.version) {
          throw iotVersionConflict('Thing group', name, group.version);
        }
        if (await tx.groups.hasChildren(name)) {
          throw iotInvalid(`Cannot delete thing group : ${name} when there are still child groups attached to it.`);
        }
        hadPolicies = (await tx.policies.attachedTo(arns.group(name))).length > 0;
        return true;
      };
      await deleteGroup(deps, name, isDeletable, async (tx) => {
        await tx.tags.clear(arns.group(name));
        await tx.policies.detachAll(arns.group(name));
      });
      if (hadPolicies) bus.publish({ kind: 'rights-changed' });
      await rights.settled();
      bus.publish({ kind: 'things-changed' });
    },

    list: (page, filter) =>
      storage.read(async (tx) => {
        if (filter.parent !== undefined) await requireGroup(tx, filter.parent);
        return tx.groups.list(page, filter);
      }),

    async addThing(groupName, thing) {
      const joined = await storage.write(async (tx) => {
        await requireThing(tx, thing);
        return joinGroup(tx, groupName, thing, clock.now());
      });
      if (!joined) return;
      bus.publish({ kind: 'rollout' });
      bus.publish({ kind: 'things-changed' });
      await tellRights(thing);
    },

    async removeThing(groupName, thing) {
      const changed = await storage.write(async (tx) => {
        await requireThing(tx, thing);
        return leaveGroup(tx, groupName, thing, clock.now());
      });
      if (changed.length > 0) bus.publish({ kind: 'pending-changed', things: changed });
      bus.publish({ kind: 'things-changed' });
      await tellRights(thing);
    },

    async moveThing(thing, { add, remove }) {
      const { changed, joined } = await storage.write(async (tx) => {
        await requireThing(tx, thing);
        const now = clock.now();
        const affected = new Set<string>();
        let joins = 0;
        // Left first: a thing is in one group of a hierarchy.
        for (const group of remove) for (const each of await leaveGroup(tx, group, thing, now)) affected.add(each);
        for (const group of add) if (await joinGroup(tx, group, thing, now)) joins += 1;
        return { changed: [...affected], joined: joins > 0 };
      });
      if (changed.length > 0) bus.publish({ kind: 'pending-changed', things: changed });
      if (joined) bus.publish({ kind: 'rollout' });
      bus.publish({ kind: 'things-changed' });
      await tellRights(thing);
    },

    things: (group, recursive, page) =>
      storage.read(async (tx) => {
        await requireGroup(tx, group);
        return tx.groups.members(group, recursive, page);
      }),

    ofThing: (thing) =>
      storage.read(async (tx) => {
        await requireThing(tx, thing);
        return tx.groups.ofThing(thing);
      }),

    membership: (thing) =>
      storage.read(async (tx) => {
        const result = [];
        for (const group of await tx.groups.ofThing(thing)) {
          result.push({ group, ancestors: (await tx.groups.ancestry(group)).slice(0, -1) });
        }
        return result;
      }),
  };
}

/** IoT: dynamic groups have operations of their own. */
function refuseDynamic({ name, dynamic }: ThingGroup, operation: string): void {
  if (dynamic !== undefined) throw iotInvalid(`The thing group ${name} is a dynamic one: use ${operation}.`);
}

async function requireThing(tx: Tx, name: string): Promise<void> {
  if ((await tx.things.get(name)) === undefined) throw iotNotFound('Thing', name);
}

async function requireRoomBelow(tx: Tx, parent: string): Promise<void> {
  const { dynamic } = await requireGroup(tx, parent);
  if (dynamic !== undefined) throw iotInvalid(`The thing group ${parent} is a dynamic one: it has no groups below it.`);
  const refusal = depthRefusal(await tx.groups.ancestry(parent));
  if (refusal !== undefined) throw iotInvalid(refusal);
}
