import type { Clock } from '@greensward/kit';
import { endedByService } from '../domain/jobs/execution-machine.ts';
import type { Bus } from '../ports/bus.ts';
import type { Storage } from '../ports/storage.ts';

const maxRows = 1000;
const secondMs = 1000;

/**
 * Ends executions whose in-progress or step timer has fired as TIMED_OUT, at most 1000 a tick. Timers are stored, so that
 * they run on over a restart. Their things are told, and the rollout looks at abort criteria.
 */
export async function timeoutTick({
  storage,
  clock,
  bus,
}: {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly bus: Bus;
}): Promise<{ readonly nextAt?: number }> {
  const now = clock.now();
  const next = await storage.read((tx) => tx.executions.nextTimeout());
  if (next === undefined) return {};
  if (next > now) return { nextAt: next };
  const { things, nextAt } = await storage.write(async (tx) => {
    const fired = await tx.executions.timedOut(now, maxRows);
    const ended = fired.flatMap((execution) => endedByService(execution, 'TIMED_OUT', now) ?? []);
    if (ended.length > 0) await tx.executions.updateMany(ended);
    return { things: [...new Set(ended.map(({ thing }) => thing))], nextAt: await tx.executions.nextTimeout() };
  });
  if (things.length > 0) {
    bus.publish({ kind: 'pending-changed', things });
    bus.publish({ kind: 'rollout' });
  }
  // Not at once: the next write of a flood of timeouts would keep out everyone else's.
  return nextAt === undefined ? {} : { nextAt: Math.max(nextAt, now + secondMs) };
}
