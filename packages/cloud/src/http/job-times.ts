import type { Execution } from '../domain/jobs/job.ts';

/** IoT Jobs: an estimate, in seconds; undefined without a timer, 0 once it has fired. */
export function secondsLeft({ timesOutAt }: Execution, now: number): number | undefined {
  return timesOutAt === undefined ? undefined : Math.max(0, Math.floor((timesOutAt - now) / 1000));
}
