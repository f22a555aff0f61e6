import type { Clock, Log } from '@greensward/kit';
import { concerns, findMembership, liveGroups, type MembershipChange } from '../app/dynamic-membership.ts';
import type { Bus } from '../ports/bus.ts';
import type { Storage, Tx } from '../ports/storage.ts';

interface DynamicGroupsDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly bus: Bus;
  readonly log: Log;
}

/** Things of one transaction. */
const maxThings = 200;

/**
 * Keeps the members of dynamic thing groups what their queries find: of the things that changed, and, for a group that is new
 * or whose query changed, of all things in the order of their names. One transaction of bounded size a tick, which also
 * forgets the changes that it dealt with and writes how far the group is: it may be killed at any time, and called by several
 * processes. The cost of a change does not depend on how many things there are.
 */
export function createDynamicGroupsTick(deps: DynamicGroupsDeps): () => Promise<{ readonly nextAt?: number }> {
  const { storage, clock, bus, log } = deps;
  // Round and round, so that things that change all the time do not keep others waiting. Lost with the process: no harm.
  let after: string | undefined;

  return async () => {
    if (!(await storage.read((tx) => tx.fleetIndex.isDue()))) return {};
    const now = clock.now();
    const { changes, next, due } = await storage.write(async (tx) => {
      const groups = await liveGroups(tx, log);
      const page = await tx.fleetIndex.changes({ limit: maxThings, ...(after === undefined ? {} : { after }) });
      const changed = new Map(page.items.map((change) => [change.thing, change]));
      const things = await tx.fleetIndex.things([...changed.keys()]);
      const ofThing = new Map(
        page.items.map((change) => [change.thing, groups.filter((group) => concerns(group, change))]),
      );
      const found = await findMembership(tx, things, (thing) => ofThing.get(thing) ?? [], now);
      await tx.fleetIndex.settle(page.items);
      const built = await buildOn(tx, groups, now);
      return { changes: [found, built], next: page.next, due: await tx.fleetIndex.isDue() };
    });
    after = next;
    const things = [...new Set(changes.flatMap(({ pendingChanged }) => pendingChanged))];
    if (things.length > 0) bus.publish({ kind: 'pending-changed', things });
    if (changes.some(({ joined }) => joined)) bus.publish({ kind: 'rollout' });
    return due ? { nextAt: now } : {};
  };
}

/** Finds the next members of the first group that has not all of them yet. */
async function buildOn(tx: Tx, groups: Awaited<ReturnType<typeof liveGroups>>, now: number): Promise<MembershipChange> {
  const group = groups.find(({ builtUpTo }) => builtUpTo !== undefined);
  if (group?.builtUpTo === undefined) return { joined: false, pendingChanged: [] };
  const page = await tx.things.list({ limit: maxThings, after: group.builtUpTo }, {});
  const change = await findMembership(tx, page.items, () => [group], now);
  await tx.fleetIndex.setBuilt(group.name, page.next);
  return change;
}
