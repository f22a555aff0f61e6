import type { Clock } from '@greensward/kit';
import { endedByService } from '../domain/jobs/execution-machine.ts';
import type { Bus } from '../ports/bus.ts';
import type { Storage } from '../ports/storage.ts';
import { leaseHolder } from './lease.ts';

const leaseName = 'timeouts';
const maxRows = 1000;
/** Between two transactions of a flood of timeouts, so that the writes of others are not kept out. */
const gapMs = 100;
/** A process that dies leaves the timers to the others after so long. */
const leaseMs = 2000;

/**
 * Ends executions whose in-progress or step timer has fired as TIMED_OUT, at most 1000 a tick. Timers are stored, so that
 * they run on over a restart. Their things are told, and the rollout looks at abort criteria.
 */
export async function timeoutTick({
  storage,
  clock,
  bus,
  holder,
}: {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly bus: Bus;
  /** This process, among those that share the database. */
  readonly holder: string;
}): Promise<{ readonly nextAt?: number }> {
  const now = clock.now();
  const next = await storage.read(async (tx) => {
    const timer = await tx.executions.nextTimeout();
    const until = await leaseHolder(tx, leaseName, holder, now).heldUntil();
    return timer === undefined ? undefined : Math.max(timer, until ?? 0);
  });
  if (next === undefined) return {};
  if (next > now) return { nextAt: next };
  const { things, nextAt } = await storage.write(async (tx) => {
    const lease = leaseHolder(tx, leaseName, holder, now);
    const until = await lease.heldUntil();
    if (until !== undefined) return { things: [], nextAt: until };
    const fired = await tx.executions.timedOut(now, maxRows);
    const ended = fired.flatMap((execution) => endedByService(execution, 'TIMED_OUT', now) ?? []);
    if (ended.length > 0) await tx.executions.updateMany(ended);
    const later = await tx.executions.nextTimeout();
    await lease.keep(later !== undefined && later <= now ? now + leaseMs : undefined);
    return { things: [...new Set(ended.map(({ thing }) => thing))], nextAt: later };
  });
  if (things.length > 0) {
    bus.publish({ kind: 'pending-changed', things });
    bus.publish({ kind: 'rollout' });
  }
  return nextAt === undefined ? {} : { nextAt: Math.max(nextAt, now + gapMs) };
}
