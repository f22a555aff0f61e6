import type { Tx } from '../ports/storage.ts';

/** One lease, seen from one holder, in one transaction. */
interface LeaseHolder {
  /** When another's lease ends, epoch ms: leave the work alone until then. Undefined: it is free, or one's own. */
  heldUntil(): Promise<number | undefined>;
  /** In the transaction that works: until when the work goes on without others; undefined gives it up. */
  keep(until: number | undefined): Promise<void>;
}

/**
 * Leases keep replicas from planning the same at once; a row for each job, so that they share the jobs among them, and whoever
 * hears of one carries it on. Taken and given up in the transactions that do the work, they cost no commit of their own. Nothing
 * depends on them: writers take turns, and each plans again on what it finds. They are short, so that a death costs seconds;
 * clocks of replicas that differ only shorten or lengthen them.
 */
export function leaseHolder(tx: Tx, name: string, holder: string, now: number): LeaseHolder {
  return {
    heldUntil: () => tx.leases.heldUntil(name, holder, now),
    keep: (until) => (until === undefined ? tx.leases.release(name, holder, now) : tx.leases.put(name, holder, until)),
  };
}
