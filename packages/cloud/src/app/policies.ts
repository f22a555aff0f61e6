import { Fault } from '@greensward/kit';
import { iotAlreadyExists, iotInvalid, iotNotFound } from '../domain/faults.ts';
import { policyDocumentError } from '../domain/registry/policy-rules.ts';
import type { Policy } from '../domain/registry/registry.ts';
import type { Tx } from '../ports/storage.ts';
import type { PolicyUseCases } from './app.ts';
import { type Arns, createArns } from './arns.ts';
import type { AppDeps } from './context.ts';
import { refuseReserved } from './tags.ts';

/** IoT policies and what they are attached to. */
export function createPolicies(deps: AppDeps): PolicyUseCases {
  const { storage, clock, account } = deps;
  const arns = createArns(account);

  return {
    create: (name, document, tags = {}) =>
      storage.write(async (tx) => {
        const wrong = policyDocumentError(document);
        if (wrong !== undefined) throw new Fault('MalformedPolicyException', wrong);
        refuseReserved(tags);
        if ((await tx.policies.get(name)) !== undefined) throw iotAlreadyExists('Policy', name, arns.policy(name));
        const policy: Policy = { name, document, createdAt: clock.now() };
        await tx.policies.insert(policy);
        await tx.tags.put(arns.policy(name), tags);
        return policy;
      }),

    get: (name) => storage.read((tx) => requirePolicy(tx, name)),

    delete: (name) =>
      storage.write(async (tx) => {
        await requirePolicy(tx, name);
        if ((await tx.policies.targets(name)).length > 0) {
          throw new Fault(
            'DeleteConflictException',
            `Cannot delete the policy because it is attached to one or more principals (name=${name})`,
          );
        }
        await tx.policies.delete(name);
        await tx.tags.clear(arns.policy(name));
      }),

    list: (page) => storage.read((tx) => tx.policies.list(page)),

    attach: (name, target) =>
      storage.write(async (tx) => {
        await requirePolicy(tx, name);
        const limit = await requireTarget(tx, arns, target);
        const attached = await tx.policies.attachedTo(target);
        if (attached.some((policy) => policy.name === name)) return;
        if (attached.length >= limit) {
          throw new Fault('LimitExceededException', `At most ${limit} policies can be attached to ${target}.`);
        }
        await tx.policies.attach(name, target);
      }),

    detach: (name, target) => storage.write((tx) => tx.policies.detach(name, target)),

    attachedTo: (target) =>
      storage.read(async (tx) => {
        await requireTarget(tx, arns, target);
        return tx.policies.attachedTo(target);
      }),
  };
}

async function requirePolicy(tx: Tx, name: string): Promise<Policy> {
  const policy = await tx.policies.get(name);
  if (policy === undefined) throw iotNotFound('Policy', name);
  return policy;
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
  if ((await tx.groups.get(group.name)) === undefined) throw iotNotFound('Thing group', group.name);
  return 2;
}
