import { eachJob, type JobTaskDeps } from './each-job.ts';
import { leaseHolder } from './lease.ts';

/** Executions of one transaction. */
const maxRows = 1000;
const maxJobs = 100;
/** A process that dies leaves a job to the others after so long. */
const leaseMs = 5000;

/**
 * Writes the executions of jobs that have ended, which read as ended already, and deletes those of deleted jobs; one small
 * transaction a job, so that nobody waits for a whole group. Their things are told after each commit: those that are not told
 * because the process dies find out from the state when they connect, subscribe or ask.
 */
export async function sweepTick(deps: JobTaskDeps): Promise<{ readonly nextAt?: number }> {
  const jobs = await deps.storage.read((tx) => tx.executions.toSweep(maxJobs));
  const failure = 'the executions of a job that has ended could not be written';
  const next = await eachJob(deps, jobs, failure, (jobId) => sweepOne(deps, jobId));
  const nextAt = jobs.length === maxJobs ? deps.clock.now() : next;
  return nextAt === undefined ? {} : { nextAt };
}

/** Returns when to go on. */
async function sweepOne({ storage, clock, bus, holder }: JobTaskDeps, jobId: string): Promise<number | undefined> {
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
}
