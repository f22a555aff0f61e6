import { createHash } from 'node:crypto';
import { Fault, type Ids, messageOf } from '@greensward/kit';
import { parsePolicy } from '@greensward/model/policy';
import { iotInvalid, iotNotFound } from '../domain/faults.ts';
import type { PlannedPolicy, ProvisioningPlan } from '../domain/provisioning/plan.ts';
import type { Override } from '../domain/provisioning/template.ts';
import type { Certificate, Thing } from '../domain/registry/registry.ts';
import { attributesRefusal, mergedAttributes, sameMap } from '../domain/registry/registry-rules.ts';
import { attributeLimit } from '../domain/registry/thing-type.ts';
import type { Tx } from '../ports/storage.ts';
import type { Arns } from './arns.ts';
import { joinGroup, leaveGroup } from './group-membership.ts';
import { requireUsableType } from './thing-types.ts';

/** IoT: policies of a certificate. */
const maxPolicies = 10;

/** What a registration changed that others are to hear of after the commit. */
export interface Provisioned {
  /** By logical name in the template. */
  readonly resourceArns: ReadonlyMap<string, string>;
  readonly joined: boolean;
  /** Things whose pending executions changed. */
  readonly pendingChanged: readonly string[];
  /** Certificates about which something else may decide now. */
  readonly certificates: readonly string[];
  /** The certificate was taken out of use. */
  readonly deactivated: boolean;
}

/**
 * Makes what a plan says, inside the transaction of the caller: all of it, or by the fault it throws nothing. `certificate` is
 * the one the plan is about, as it is stored.
 */
export async function applyProvisioning(
  tx: Tx,
  plan: ProvisioningPlan,
  certificate: Certificate | undefined,
  deps: { readonly arns: Arns; readonly ids: Ids; readonly now: number },
): Promise<Provisioned> {
  try {
    return await apply(tx, plan, certificate, deps);
  } catch (error) {
    // What the template counts on is not there: for the caller, who asks for none of it, the registration failed.
    if (!(error instanceof Fault) || error.code !== 'ResourceNotFoundException') throw error;
    throw new Fault('ResourceRegistrationFailureException', error.message, { cause: error });
  }
}

async function apply(
  tx: Tx,
  plan: ProvisioningPlan,
  certificate: Certificate | undefined,
  deps: { readonly arns: Arns; readonly ids: Ids; readonly now: number },
): Promise<Provisioned> {
  const { arns, now } = deps;
  const resourceArns = new Map<string, string>();
  const existed = await applyThing(tx, plan.thing, deps);
  resourceArns.set(plan.thing.resource, arns.thing(plan.thing.name));
  const groups = await applyGroups(tx, plan.thing, existed, now);
  let deactivated = false;
  if (certificate !== undefined && plan.certificate !== undefined) {
    const arn = arns.certificate(certificate.id);
    await tx.things.attach(plan.thing.name, certificate.id);
    deactivated = await applyStatus(tx, plan.certificate, certificate, now);
    resourceArns.set(plan.certificate.resource, arn);
    for (const policy of plan.policies) {
      resourceArns.set(policy.resource, arns.policy(await attachPolicy(tx, policy, arn, now)));
    }
  }
  return { resourceArns, ...groups, deactivated, certificates: await tx.things.principals(plan.thing.name) };
}

/** True for a thing that was there. */
async function applyThing(
  tx: Tx,
  { name, attributes, typeName, overrides }: ProvisioningPlan['thing'],
  { ids, now }: { readonly ids: Ids; readonly now: number },
): Promise<boolean> {
  const present = await tx.things.get(name);
  if (present === undefined) {
    if (typeName !== undefined) await requireUsableType(tx, typeName);
    refuseAttributes(attributes ?? {}, typeName);
    const typed = typeName === undefined ? {} : { typeName };
    const thing: Thing = { name, id: ids.uuid(), attributes: attributes ?? {}, ...typed, version: 1, createdAt: now };
    await tx.things.insert(thing);
    return false;
  }
  const nextType = await typeAfter(tx, present, typeName, overrides.type);
  const next = attributesAfter(present, attributes, overrides.attributes);
  if (nextType === present.typeName && next === present.attributes) return true;
  refuseAttributes(next, nextType);
  const typed = nextType === undefined ? {} : { typeName: nextType };
  await tx.things.update({ ...present, ...typed, attributes: next, version: present.version + 1 });
  return true;
}

/** The type of a thing that exists. A template takes none away. */
async function typeAfter(
  tx: Tx,
  present: Thing,
  typeName: string | undefined,
  override: Override,
): Promise<string | undefined> {
  if (typeName === undefined || typeName === present.typeName || override === 'DO_NOTHING') return present.typeName;
  if (override === 'FAIL') throw conflict(`The thing ${present.name} exists with another thing type.`);
  await requireUsableType(tx, typeName);
  return typeName;
}

/** The attributes of a thing that exists; the same object when they stay as they are. */
function attributesAfter(
  present: Thing,
  attributes: Readonly<Record<string, string>> | undefined,
  override: Override,
): Readonly<Record<string, string>> {
  if (attributes === undefined || override === 'DO_NOTHING') return present.attributes;
  const next = mergedAttributes(present.attributes, attributes, override === 'MERGE');
  if (sameMap(present.attributes, next)) return present.attributes;
  if (override === 'FAIL') throw conflict(`The thing ${present.name} exists with other attributes.`);
  return next;
}

async function applyGroups(
  tx: Tx,
  { name, groups, overrides }: ProvisioningPlan['thing'],
  existed: boolean,
  now: number,
): Promise<Pick<Provisioned, 'joined' | 'pendingChanged'>> {
  const present = groups === undefined ? [] : await tx.groups.ofThing(name, 'static');
  const missing = (groups ?? []).filter((group) => !present.includes(group));
  const others = present.filter((group) => groups?.includes(group) === false);
  if (overrides.groups === 'FAIL' && existed && (missing.length > 0 || others.length > 0)) {
    throw conflict(`The thing ${name} is in other groups.`);
  }
  const pendingChanged = new Set<string>();
  if (overrides.groups === 'REPLACE') {
    for (const group of others) for (const thing of await leaveGroup(tx, group, name, now)) pendingChanged.add(thing);
  }
  let joined = false;
  if (!existed || overrides.groups !== 'DO_NOTHING') {
    for (const group of missing) joined = (await joinGroup(tx, group, name, now)) || joined;
  }
  return { joined, pendingChanged: [...pendingChanged] };
}

/** True when it took the certificate out of use. */
async function applyStatus(
  tx: Tx,
  { status, override }: NonNullable<ProvisioningPlan['certificate']>,
  certificate: Certificate,
  now: number,
): Promise<boolean> {
  if (certificate.status === status) return false;
  if (certificate.status !== 'PENDING_ACTIVATION') {
    if (override === 'DO_NOTHING') return false;
    if (override === 'FAIL') throw conflict(`The certificate ${certificate.id} is ${certificate.status}.`);
  }
  await tx.certificates.update({ ...certificate, status, updatedAt: now });
  return status !== 'ACTIVE';
}

/** IoT: a document of a template is attached under the hash of it; the same document is the same policy. Returns its name. */
async function attachPolicy(tx: Tx, policy: PlannedPolicy, target: string, now: number): Promise<string> {
  const name = 'name' in policy ? policy.name : createHash('sha256').update(policy.document).digest('hex');
  if ((await tx.policies.get(name)) === undefined) {
    if ('name' in policy) throw iotNotFound('Policy', name);
    refuseMalformed(policy);
    const { document } = policy;
    await tx.policies.insert({ name, document, defaultVersion: 1, lastVersion: 1, createdAt: now, updatedAt: now });
  }
  const attached = await tx.policies.attachedTo(target);
  if (attached.some((each) => each.name === name)) return name;
  if (attached.length >= maxPolicies) throw iotInvalid(`At most ${maxPolicies} policies can be attached to ${target}.`);
  await tx.policies.attach(name, target);
  return name;
}

function refuseMalformed({ resource, document }: { readonly resource: string; readonly document: string }): void {
  try {
    parsePolicy(document, 'iot');
  } catch (error) {
    throw iotInvalid(`Resources.${resource}.Properties.PolicyDocument: ${messageOf(error)}`);
  }
}

function refuseAttributes(attributes: Readonly<Record<string, string>>, typeName: string | undefined): void {
  const refusal = attributesRefusal(attributes, attributeLimit(typeName));
  if (refusal !== undefined) throw iotInvalid(refusal);
}

function conflict(message: string): Fault {
  return new Fault('ConflictingResourceUpdateException', message);
}
