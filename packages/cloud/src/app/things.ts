import { iotAlreadyExists, iotInvalid, iotNotFound, iotVersionConflict } from '../domain/faults.ts';
import type { Certificate, Thing } from '../domain/registry/registry.ts';
import { attributesRefusal, mergedAttributes, sameMap } from '../domain/registry/registry-rules.ts';
import { attributeLimit } from '../domain/registry/thing-type.ts';
import type { Tx } from '../ports/storage.ts';
import type { ThingUseCases } from './app.ts';
import { createArns } from './arns.ts';
import type { AppDeps } from './context.ts';
import type { DeviceRights } from './device-rights.ts';
import { removeThingExecutions } from './membership-effects.ts';
import { requireUsableType } from './thing-types.ts';

/** The things of the registry. */
export function createThings(deps: AppDeps, rights: DeviceRights): ThingUseCases {
  const { storage, clock, ids, bus, account } = deps;
  const arns = createArns(account);

  return {
    async create({ name, attributes = {}, typeName }) {
      const made = await storage.write(async (tx) => {
        refuseAttributes(attributes, typeName);
        const present = await tx.things.get(name);
        if (present !== undefined) {
          if (sameMap(present.attributes, attributes) && present.typeName === typeName) return present;
          throw iotAlreadyExists('Thing', name, arns.thing(name));
        }
        if (typeName !== undefined) await requireUsableType(tx, typeName);
        const thing: Thing = {
          name,
          id: ids.uuid(),
          attributes,
          ...(typeName === undefined ? {} : { typeName }),
          version: 1,
          createdAt: clock.now(),
        };
        await tx.things.insert(thing);
        return thing;
      });
      bus.publish({ kind: 'things-changed' });
      return made;
    },

    describe: (name) => storage.read((tx) => requireThing(tx, name)),

    async update({ name, attributes, merge = false, typeName, removeType = false, expectedVersion }) {
      const certificates = await storage.write(async (tx) => {
        const { typeName: presentType, ...present } = await requireThing(tx, name);
        if (typeName !== undefined && removeType) {
          throw iotInvalid('thingTypeName and removeThingType cannot be given together');
        }
        if (typeName !== undefined && typeName !== presentType) await requireUsableType(tx, typeName);
        if (expectedVersion !== undefined && expectedVersion !== present.version) {
          throw iotVersionConflict('Thing', name, present.version);
        }
        const next =
          attributes === undefined ? present.attributes : mergedAttributes(present.attributes, attributes, merge);
        const nextType = removeType ? undefined : (typeName ?? presentType);
        refuseAttributes(next, nextType);
        await tx.things.update({
          ...present,
          ...(nextType === undefined ? {} : { typeName: nextType }),
          attributes: next,
          version: present.version + 1,
        });
        return tx.things.principals(name);
      });
      bus.publish({ kind: 'things-changed' });
      // Policies may speak of attributes and of the type.
      if (certificates.length > 0) bus.publish({ kind: 'rights-changed', certificates });
      await rights.settled();
    },

    async delete(name, expectedVersion) {
      const changed = await storage.write(async (tx) => {
        const thing = await tx.things.get(name);
        if (thing === undefined) return false; // IoT: deleting what is not there succeeds.
        if (expectedVersion !== undefined && expectedVersion !== thing.version) {
          throw iotVersionConflict('Thing', name, thing.version);
        }
        if ((await tx.things.principals(name)).length > 0) {
          throw iotInvalid(`Cannot delete. Thing ${name} is still attached to one or more principals.`);
        }
        const removed = await removeThingExecutions(tx, name, clock.now());
        await tx.things.delete(name);
        return removed;
      });
      if (changed) bus.publish({ kind: 'pending-changed', things: [name] });
    },

    list: (page, filter) => storage.read((tx) => tx.things.list(page, filter)),

    async attachPrincipal(thing, principalArn) {
      const certificateId = await storage.write(async (tx) => {
        await requireThing(tx, thing);
        const certificate = await requirePrincipal(tx, principalArn, arns.certificateId(principalArn));
        await tx.things.attach(thing, certificate.id);
        return certificate.id;
      });
      bus.publish({ kind: 'rights-changed', certificates: [certificateId] });
      await rights.settled();
    },

    async detachPrincipal(thing, principalArn) {
      const certificateId = await storage.write(async (tx) => {
        await requireThing(tx, thing);
        const certificate = await requirePrincipal(tx, principalArn, arns.certificateId(principalArn));
        await tx.things.detach(thing, certificate.id);
        return certificate.id;
      });
      bus.publish({ kind: 'certificate-changed', certificateId });
      await rights.settled();
    },

    principals: (thing) =>
      storage.read(async (tx) => {
        await requireThing(tx, thing);
        return (await tx.things.principals(thing)).map((id) => arns.certificate(id));
      }),

    ofPrincipal: (principalArn) =>
      storage.read(async (tx) => {
        const certificate = await requirePrincipal(tx, principalArn, arns.certificateId(principalArn));
        return tx.things.ofCertificate(certificate.id);
      }),
  };
}

async function requireThing(tx: Tx, name: string): Promise<Thing> {
  const thing = await tx.things.get(name);
  if (thing === undefined) throw iotNotFound('Thing', name);
  return thing;
}

async function requirePrincipal(tx: Tx, arn: string, id: string | undefined): Promise<Certificate> {
  if (id === undefined) throw iotInvalid(`The principal ${arn} is not the ARN of a certificate of this account.`);
  const certificate = await tx.certificates.get(id);
  if (certificate === undefined) throw iotNotFound('Certificate', id);
  return certificate;
}

function refuseAttributes(attributes: Readonly<Record<string, string>>, typeName: string | undefined): void {
  const refusal = attributesRefusal(attributes, attributeLimit(typeName));
  if (refusal !== undefined) throw iotInvalid(refusal);
}
