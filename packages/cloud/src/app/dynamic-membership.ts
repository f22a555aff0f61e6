import { type Log, messageOf } from '@greensward/kit';
import {
  type FleetQuery,
  matchesQuery,
  parseFleetQuery,
  type QuerySource,
  sourcesOf,
} from '@greensward/model/fleet-query';
import { everything } from '../domain/fleet-index/indexing-configuration.ts';
import type { Thing } from '../domain/registry/registry.ts';
import type { DynamicGroup, ThingChange } from '../ports/fleet-index.ts';
import type { Tx } from '../ports/storage.ts';
import { removeMemberExecutions } from './membership-effects.ts';
import { readDocuments } from './thing-documents.ts';

/** A dynamic group with its query as a value. */
export interface LiveGroup extends DynamicGroup {
  readonly parsed: FleetQuery;
  readonly sources: ReadonlySet<QuerySource>;
}

/** What others are to hear of after the commit. */
export interface MembershipChange {
  readonly joined: boolean;
  /** Things whose pending executions changed. */
  readonly pendingChanged: readonly string[];
}

/** The dynamic groups. One whose query cannot be read any more keeps its members, and is logged. */
export async function liveGroups(tx: Tx, log: Log): Promise<readonly LiveGroup[]> {
  const groups: LiveGroup[] = [];
  for (const group of await tx.fleetIndex.dynamicGroups()) {
    try {
      const parsed = parseFleetQuery(group.query);
      groups.push({ ...group, parsed, sources: sourcesOf(parsed) });
    } catch (error) {
      log.error('the query of a dynamic thing group cannot be read', { group: group.name, error: messageOf(error) });
    }
  }
  return groups;
}

/** True when what changed of a thing may change whether it is in the group. */
export function concerns({ sources }: LiveGroup, change: ThingChange): boolean {
  return change.sources.some(
    (source) =>
      source === 'thing' ||
      [...sources].some((each) => each === source || (each === 'shadow/*' && source.startsWith('shadow/'))),
  );
}

/**
 * Puts things into those of the groups whose queries find them, and takes them out of the others, with all that follows for
 * their executions: as for static groups. `groupsOf` says which groups to look at for a thing.
 */
export async function findMembership(
  tx: Tx,
  things: readonly Thing[],
  groupsOf: (thing: string) => readonly LiveGroup[],
  now: number,
): Promise<MembershipChange> {
  const sources = new Set<QuerySource>();
  for (const { name } of things)
    for (const group of groupsOf(name)) for (const each of group.sources) sources.add(each);
  const configuration = (await tx.fleetIndex.configuration()) ?? everything;
  const present = await tx.fleetIndex.dynamicGroupsOf(things.map(({ name }) => name));
  const joining = new Map<string, string[]>();
  const leaving = new Map<string, string[]>();
  for (const { document } of await readDocuments(tx, configuration, things, sources)) {
    const thing = document.thingName;
    for (const { name, parsed } of groupsOf(thing)) {
      const isIn = present.get(thing)?.has(name) === true;
      if (matchesQuery(parsed, document) !== isIn) push(isIn ? leaving : joining, name, thing);
    }
  }
  const pendingChanged = new Set<string>();
  for (const [group, gone] of leaving) {
    for (const thing of await removeMemberExecutions(tx, group, gone, now)) pendingChanged.add(thing);
    await tx.fleetIndex.leave(group, gone);
  }
  for (const [group, come] of joining) await tx.fleetIndex.join(group, come, now);
  return { joined: joining.size > 0, pendingChanged: [...pendingChanged] };
}

function push(lists: Map<string, string[]>, key: string, value: string): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
