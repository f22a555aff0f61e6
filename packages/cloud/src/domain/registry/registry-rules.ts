import type { ThingGroup } from './registry.ts';

/** IoT: how many static groups a thing may be in. */
const maxGroupsPerThing = 10;
/** IoT: levels of a hierarchy, the root counted. */
const maxDepth = 7;

/** Why a thing cannot join a group, or undefined when it can. Ancestries are root first, the group itself last. */
export function joinRefusal(
  group: { readonly name: string; readonly ancestry: readonly string[] },
  present: readonly { readonly name: string; readonly ancestry: readonly string[] }[],
): string | undefined {
  if (present.length >= maxGroupsPerThing) return `A thing can be in at most ${maxGroupsPerThing} groups.`;
  const root = group.ancestry[0];
  const rival = present.find((other) => other.ancestry[0] === root);
  if (rival === undefined) return undefined;
  return `The thing is in the group ${rival.name}, which belongs to the same hierarchy as ${group.name}.`;
}

/** Why a group cannot be created below this ancestry (its parent last), or undefined when it can. */
export function depthRefusal(parentAncestry: readonly string[]): string | undefined {
  return parentAncestry.length >= maxDepth ? `A group hierarchy has at most ${maxDepth} levels.` : undefined;
}

/** Why attributes are refused, or undefined. IoT: 3 without a thing type, 50 with one and for groups. */
export function attributesRefusal(attributes: Readonly<Record<string, string>>, limit: number): string | undefined {
  const entries = Object.entries(attributes);
  if (entries.length > limit) return `At most ${limit} attributes are allowed.`;
  for (const [name, value] of entries) {
    if (!/^[a-zA-Z0-9_.,@/:#-]{1,128}$/.test(name)) return `The attribute name ${JSON.stringify(name)} is invalid.`;
    if (!/^[a-zA-Z0-9_.,@/:#=[\]-]{0,800}$/.test(value)) return `The value of the attribute ${name} is invalid.`;
  }
  return undefined;
}

/** The attributes after an update; with `merge` an empty value removes its name. */
export function mergedAttributes(
  present: Readonly<Record<string, string>>,
  change: Readonly<Record<string, string>>,
  merge: boolean,
): Readonly<Record<string, string>> {
  const entries = new Map(merge ? Object.entries(present) : []);
  for (const [name, value] of Object.entries(change)) {
    if (value === '') entries.delete(name);
    else entries.set(name, value);
  }
  return Object.fromEntries(entries);
}

/** IoT: creating a group again with the same configuration is accepted. */
export function sameGroup(a: ThingGroup, b: Pick<ThingGroup, 'parent' | 'description' | 'attributes'>): boolean {
  return a.parent === b.parent && a.description === b.description && sameMap(a.attributes, b.attributes);
}

/** Equal names with equal values, in any order. */
export function sameMap(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const left = Object.entries(a);
  const right = new Map(Object.entries(b));
  return left.length === right.size && left.every(([name, value]) => right.get(name) === value);
}
