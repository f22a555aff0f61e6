import { type Clock, type Log, messageChain } from '@greensward/kit';
import { turn } from '../app/turn.ts';
import type { Bus } from '../ports/bus.ts';
import type { Storage } from '../ports/storage.ts';

/** What a task over jobs needs. */
export interface JobTaskDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly bus: Bus;
  readonly log: Log;
  /** This process, among those that share the database. */
  readonly holder: string;
}

/** After a failure of one job. */
const retryMs = 10_000;

/**
 * Gives each job its turn, a transaction or two, and the event loop one in between. A job that fails is logged as `failure`,
 * tried again later, and holds up no other. Returns when the first of them wants its next turn, epoch ms.
 */
export async function eachJob(
  { clock, log }: Pick<JobTaskDeps, 'clock' | 'log'>,
  jobs: readonly string[],
  failure: string,
  work: (jobId: string) => Promise<number | undefined>,
): Promise<number | undefined> {
  let nextAt: number | undefined;
  for (const [index, jobId] of jobs.entries()) {
    if (index > 0) await turn();
    const at = await work(jobId).catch((error: unknown) => {
      log.error(failure, { jobId, error: messageChain(error) });
      return clock.now() + retryMs;
    });
    if (at !== undefined) nextAt = Math.min(nextAt ?? at, at);
  }
  return nextAt;
}
