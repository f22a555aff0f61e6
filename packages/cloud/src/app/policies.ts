import { Fault } from '@greensward/kit';
import { parsePolicy } from '@greensward/model/policy';
import { iotAlreadyExists, iotInvalid, iotNotFound } from '../domain/faults.ts';
import type { Policy, PolicyVersion } from '../domain/registry/registry.ts';
import type { Tx } from '../ports/storage.ts';
import type { PolicyUseCases } from './app.ts';
import { type Arns, createArns } from './arns.ts';
import type { AppDeps } from './context.ts';
import { certificatesBehind, type DeviceRights } from './device-rights.ts';
import { refuseReserved } from './tags.ts';

/** IoT: versions of one policy, the default one counted. */
const maxVersions = 5;

/** IoT policies, their versions, and what they are attached to. */
export function createPolicies(deps: AppDeps, rights: DeviceRights): PolicyUseCases {
  const { storage, bus, clock, account } = deps;
  const arns = createArns(account);

  /** Resolves when what the policies of these targets say now decides. */
  async function tellRights(targets: readonly string[]): Promise<void> {
    const certificates = certificatesBehind(arns, targets);
    if (certificates?.length !== 0) {
      bus.publish({ kind: 'rights-changed', ...(certificates === undefined ? {} : { certificates }) });
    }
    await rights.settled();
  }

  return {
    create: (name, document, tags = {}) =>
      storage.write(async (tx) => {
        parsePolicy(document, 'iot');
        refuseReserved(tags);
        if ((await tx.policies.get(name)) !== undefined) throw iotAlreadyExists('Policy', name, arns.policy(name));
        const now = clock.now();
        const policy: Policy = { name, document, defaultVersion: 1, lastVersion: 1, createdAt: now, updatedAt: now };
        await tx.policies.insert(policy);
        await tx.tags.put(arns.policy(name), tags);
        return policy;
      }),

    get: (name) => storage.read((tx) => requirePolicy(tx, name)),

    delete: (name) =>
      storage.write(async (tx) => {
        await requirePolicy(tx, name);
        if ((await tx.policies.targets(name)).length > 0) {
          throw conflict(`Cannot delete the policy because it is attached to one or more principals (name=${name})`);
        }
        if ((await tx.policies.versions(name)).length > 1) {
          throw conflict(
            `Cannot delete the policy because it has one or more policy versions attached to it (name=${name})`,
          );
        }
        await tx.policies.delete(name);
        await tx.tags.clear(arns.policy(name));
      }),

    list: (page) => storage.read((tx) => tx.policies.list(page)),

    async attach(name, target) {
      await storage.write(async (tx) => {
        await requirePolicy(tx, name);
        const limit = await requireTarget(tx, arns, target);
        const attached = await tx.policies.attachedTo(target);
        if (attached.some((policy) => policy.name === name)) return;
        if (attached.length >= limit) {
          throw new Fault('LimitExceededException', `At most ${limit} policies can be attached to ${target}.`);
        }
        await tx.policies.attach(name, target);
      });
      await tellRights([target]);
    },

    async detach(name, target) {
      await storage.write((tx) => tx.policies.detach(name, target));
      await tellRights([target]);
    },

    attachedTo: (target, recursive = false) =>
      storage.read(async (tx) => {
        await requireTarget(tx, arns, target);
        const group = arns.target(target);
        if (!recursive || group?.kind !== 'thinggroup') return tx.policies.attachedTo(target);
        return policiesOf(tx, (await tx.groups.ancestry(group.name)).map(arns.group));
      }),

    targets: (name) =>
      storage.read(async (tx) => {
        await requirePolicy(tx, name);
        return tx.policies.targets(name);
      }),

    effective: ({ principal, thing }) =>
      storage.read(async (tx) => {
        const targets: string[] = [];
        if (principal !== undefined) {
          await requireTarget(tx, arns, principal);
          targets.push(principal);
        }
        if (thing !== undefined) {
          if ((await tx.things.get(thing)) === undefined) throw iotNotFound('Thing', thing);
          for (const group of await tx.groups.ofThing(thing)) {
            targets.push(...(await tx.groups.ancestry(group)).map(arns.group));
          }
        }
        return policiesOf(tx, targets);
      }),

    async createVersion(name, document, asDefault) {
      parsePolicy(document, 'iot');
      const { version, targets } = await storage.write(async (tx) => {
        const policy = await requirePolicy(tx, name);
        if ((await tx.policies.versions(name)).length >= maxVersions) {
          throw new Fault(
            'VersionsLimitExceededException',
            `The policy ${name} already has the maximum number of versions (${maxVersions})`,
          );
        }
        const number = policy.lastVersion + 1;
        const now = clock.now();
        const made: PolicyVersion = { policy: name, number, document, createdAt: now };
        await tx.policies.insertVersion(made);
        const defaultVersion = asDefault ? number : policy.defaultVersion;
        await tx.policies.update({ ...policy, defaultVersion, lastVersion: number, updatedAt: now });
        return { version: made, targets: asDefault ? await tx.policies.targets(name) : [] };
      });
      await tellRights(targets);
      return { version, isDefault: asDefault };
    },

    version: (name, number) =>
      storage.read(async (tx) => {
        const policy = await requirePolicy(tx, name);
        return { version: await requireVersion(tx, name, number), policy };
      }),

    versions: (name) =>
      storage.read(async (tx) => {
        const policy = await requirePolicy(tx, name);
        return { versions: await tx.policies.versions(name), policy };
      }),

    deleteVersion: (name, number) =>
      storage.write(async (tx) => {
        const policy = await requirePolicy(tx, name);
        await requireVersion(tx, name, number);
        if (policy.defaultVersion === number) {
          throw conflict(`Cannot delete the default version of a policy (name=${name}, version=${number})`);
        }
        await tx.policies.deleteVersion(name, number);
      }),

    async setDefaultVersion(name, number) {
      const targets = await storage.write(async (tx) => {
        const policy = await requirePolicy(tx, name);
        await requireVersion(tx, name, number);
        if (policy.defaultVersion === number) return [];
        await tx.policies.update({ ...policy, defaultVersion: number, updatedAt: clock.now() });
        return tx.policies.targets(name);
      });
      await tellRights(targets);
    },
  };
}

function conflict(message: string): Fault {
  return new Fault('DeleteConflictException', message);
}

async function requirePolicy(tx: Tx, name: string): Promise<Policy> {
  const policy = await tx.policies.get(name);
  if (policy === undefined) throw iotNotFound('Policy', name);
  return policy;
}

async function requireVersion(tx: Tx, name: string, number: number): Promise<PolicyVersion> {
  const version = (await tx.policies.versions(name)).find((each) => each.number === number);
  if (version === undefined) throw iotNotFound('Policy version', `${name}, ${number}`);
  return version;
}

/** Each once, ordered by name. */
async function policiesOf(tx: Tx, targets: readonly string[]): Promise<readonly Policy[]> {
  const found = new Map<string, Policy>();
  for (const target of targets)
    for (const policy of await tx.policies.attachedTo(target)) found.set(policy.name, policy);
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A certificate or a thing group that exists. Returns how many policies it may carry (IoT: 10 and 2). */
async function requireTarget(tx: Tx, arns: Arns, target: string): Promise<number> {
  const certificate = arns.certificateId(target);
  if (certificate !== undefined) {
    if ((await tx.certificates.get(certificate)) === undefined) throw iotNotFound('Certificate', certificate);
    return 10;
  }
  const group = arns.target(target);
  if (group?.kind !== 'thinggroup') {
    throw iotInvalid(`The target ${target} is not the ARN of a certificate or a thing group of this account.`);
  }
  const found = await tx.groups.get(group.name);
  if (found === undefined) throw iotNotFound('Thing group', group.name);
  // IoT: who is in a dynamic group is found some time later, which is too late for a denial.
  if (found.dynamic !== undefined) throw iotInvalid('Policies cannot be attached to a dynamic thing group.');
  return 2;
}
