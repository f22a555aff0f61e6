import type { JsonObject } from '@greensward/kit';
import type { JobExecution, JobExecutionSummary } from '@greensward/protocol/jobs';
import type { PendingExecution } from '../app/app.ts';
import type { Execution, Job } from '../domain/jobs/job.ts';
import { secondsBeforeTimedOut } from '../domain/jobs/timers.ts';

/** The document of a job, an object over MQTT. */
export function documentOf(job: Job): JsonObject {
  return JSON.parse(job.document);
}

/** An execution as a list shows it. */
export function summaryView(execution: Execution, now: number): JobExecutionSummary {
  return {
    jobId: execution.jobId,
    queuedAt: execution.queuedAt,
    startedAt: execution.startedAt,
    lastUpdatedAt: execution.updatedAt,
    versionNumber: execution.version,
    executionNumber: execution.number,
    approximateSecondsBeforeTimedOut: secondsBeforeTimedOut(execution.timesOutAt, now),
  };
}

/** An execution as its device sees it. */
export function executionView({ execution, job }: PendingExecution, now: number, withDocument: boolean): JobExecution {
  return {
    ...summaryView(execution, now),
    thingName: execution.thing,
    status: execution.status,
    statusDetails: execution.statusDetails,
    jobDocument: withDocument ? documentOf(job) : undefined,
  };
}
