import { iotInvalid, iotNotFound } from '../domain/faults.ts';
import type { ThingGroup } from '../domain/registry/registry.ts';
import { joinRefusal } from '../domain/registry/registry-rules.ts';
import type { Tx } from '../ports/storage.ts';
import { removeMemberExecutions } from './membership-effects.ts';

/** Fails with ResourceNotFoundException. */
export async function requireGroup(tx: Tx, name: string): Promise<ThingGroup> {
  const group = await tx.groups.get(name);
  if (group === undefined) throw iotNotFound('Thing group', name);
  return group;
}

/** IoT: nobody is put into a dynamic group by hand, or taken out of it. Fails with InvalidRequestException. */
async function requireStatic(tx: Tx, name: string): Promise<void> {
  const { dynamic } = await requireGroup(tx, name);
  if (dynamic !== undefined) throw iotInvalid(`The members of the dynamic thing group ${name} are found by its query.`);
}

/** Puts a thing that exists into a group; true when it was not in it. Afterwards there may be work for the rollout. */
export async function joinGroup(tx: Tx, name: string, thing: string, now: number): Promise<boolean> {
  await requireStatic(tx, name);
  const present = await tx.groups.ofThing(thing, 'static');
  if (present.includes(name)) return false;
  const ancestries = [];
  for (const each of present) ancestries.push({ name: each, ancestry: await tx.groups.ancestry(each) });
  const refusal = joinRefusal({ name, ancestry: await tx.groups.ancestry(name) }, ancestries);
  if (refusal !== undefined) throw iotInvalid(refusal);
  await tx.groups.add(name, thing, now);
  return true;
}

/** Takes a thing out of a group that it may be in. Returns the things whose pending executions changed. */
export async function leaveGroup(tx: Tx, name: string, thing: string, now: number): Promise<readonly string[]> {
  await requireStatic(tx, name);
  if (!(await tx.groups.ofThing(thing)).includes(name)) return [];
  const affected = await removeMemberExecutions(tx, name, [thing], now);
  await tx.groups.remove(name, thing);
  return affected;
}
