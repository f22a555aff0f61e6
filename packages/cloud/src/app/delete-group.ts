import type { Tx } from '../ports/storage.ts';
import type { AppDeps } from './context.ts';
import { removeMemberExecutions } from './membership-effects.ts';
import { turn } from './turn.ts';

/** Members of one transaction. */
const maxMembers = 250;

/**
 * Deletes a group: its members leave it, as many as fit in one small transaction, and the group goes with the last of them. So
 * nobody waits for a large group; one whose deletion is cut off, by an error or a death, is smaller, and is deleted by asking again.
 *
 * @param isDeletable asked in each transaction: false when there is no such group, and fails when it may not be deleted
 * @param detach removes what hangs on the group, in the transaction that removes it
 */
export async function deleteGroup(
  { storage, clock, bus }: Pick<AppDeps, 'storage' | 'clock' | 'bus'>,
  name: string,
  isDeletable: (tx: Tx) => Promise<boolean>,
  detach: (tx: Tx) => Promise<void>,
): Promise<void> {
  for (let left = true; left; ) {
    const step = await storage.write(async (tx) => {
      if (!(await isDeletable(tx))) return { things: [], left: false };
      const { items, next } = await tx.groups.members(name, false, { limit: maxMembers });
      const things = await removeMemberExecutions(tx, name, items, clock.now());
      if (next !== undefined) {
        await tx.groups.remove(name, ...items);
        return { things, left: true };
      }
      await tx.groups.delete(name);
      await detach(tx);
      return { things, left: false };
    });
    left = step.left;
    if (step.things.length > 0) bus.publish({ kind: 'pending-changed', things: step.things });
    if (left) await turn();
  }
}
