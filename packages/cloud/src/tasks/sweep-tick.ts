import { type Clock, type Log, messageChain } from '@greensward/kit';
import { turn } from '../app/turn.ts';
import type { Bus } from '../ports/bus.ts';
import type { Storage } from '../ports/storage.ts';
import { leaseHolder } from './lease.ts';

export interface SweepDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly bus: Bus;
  readonly log: Log;
  /** This process, among those that share the database. */
  readonly holder: string;
}

/** Executions of one transaction. */
const maxRows = 1000;
const maxJobs = 100;
/** A process that dies leaves a job to the others after so long. */
const leaseMs = 5000;
/** After a failure of one job. */
const retryMs = 10_000;

/**
 * Writes the executions of jobs that have ended, which read as ended already, and deletes those of deleted jobs; one small
 * transaction a job, so that nobody waits for a whole group. Their things are told after each commit: those that are not told
 * because the process dies find out from the state when they connect, subscribe or ask.
 */
export async function sweepTick(deps: SweepDeps): Promise<{ readonly nextAt?: number }> {
  const jobs = await deps.storage.read((tx) => tx.executions.toSweep(maxJobs));
  let nextAt: number | undefined;
  for (const [index, jobId] of jobs.entries()) {
    if (index > 0) await turn();
    const at = await sweepOne(deps, jobId);
    if (at !== undefined) nextAt = Math.min(nextAt ?? at, at);
  }
  if (jobs.length === maxJobs) nextAt = deps.clock.now();
  return nextAt === undefined ? {} : { nextAt };
}

/** Returns when to go on. One that cannot be swept is tried again later, and holds up no other. */
async function sweepOne({ storage, clock, bus, log, holder }: SweepDeps, jobId: string): Promise<number | undefined> {
  try {
    const { things, nextAt } = await storage.write(async (tx) => {
      const now = clock.now();
      const lease = leaseHolder(tx, `sweep/${jobId}`, holder, now);
      const until = await lease.heldUntil();
      if (until !== undefined) return { things: [], nextAt: until };
      const swept = await tx.executions.sweep(jobId, maxRows);
      await lease.keep(swept.done ? undefined : now + leaseMs);
      return { things: swept.things, nextAt: swept.done ? undefined : now };
    });
    if (things.length > 0) bus.publish({ kind: 'pending-changed', things });
    return nextAt;
  } catch (error) {
    log.error('the executions of a job that has ended could not be written', { jobId, error: messageChain(error) });
    return clock.now() + retryMs;
  }
}
