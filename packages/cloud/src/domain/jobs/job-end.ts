import type { Job } from './job.ts';

/** The job after a cancel or an abort. */
export function canceledJob(
  job: Job,
  reason: { readonly reasonCode?: string; readonly comment?: string },
  force: boolean,
  now: number,
): Job {
  return {
    ...withoutRollout(job),
    status: 'CANCELED',
    ...(reason.reasonCode === undefined ? {} : { reasonCode: reason.reasonCode }),
    ...(reason.comment === undefined ? {} : { comment: reason.comment }),
    forceCanceled: force,
    updatedAt: now,
    completedAt: now,
  };
}

/** The thing deployment's rollout after its one device reported an end. */
export function completedJob(job: Job, now: number): Job {
  return { ...withoutRollout(job), status: 'COMPLETED', updatedAt: now, completedAt: now };
}

function withoutRollout({ rateState: _, rolloutAfter: __, retryAfter: ___, ...job }: Job): Job {
  return job;
}
