import { jobArn, thingArn } from '@greensward/protocol/arn';
import type { DeploymentIoTJobConfiguration } from '@greensward/protocol/greengrassv2';
import type { iot, JobExecutionSummary, Job as JobOutput } from '@greensward/protocol/iot';
import type { Account } from '../../app/context.ts';
import { iotNotFound } from '../../domain/faults.ts';
import { deploymentNamespace, type Execution, type ExecutionCounts, type Job } from '../../domain/jobs/job.ts';
import { secondsBeforeTimedOut } from '../../domain/jobs/timers.ts';
import { scopeOf } from '../arns.ts';
import { pager } from '../page-token.ts';
import type { Handlers } from '../wire/rest-json.ts';

type JobHandlers = Pick<
  Handlers<typeof iot.operations>,
  | 'DescribeJob'
  | 'ListJobs'
  | 'GetJobDocument'
  | 'ListJobExecutionsForJob'
  | 'ListJobExecutionsForThing'
  | 'DescribeJobExecution'
  | 'CancelJob'
  | 'CancelJobExecution'
  | 'DeleteJob'
  | 'DeleteJobExecution'
>;

const jobStatuses = ['IN_PROGRESS', 'CANCELED', 'COMPLETED'] as const;

export const jobHandlers: JobHandlers = {
  async DescribeJob({ jobId }, { app, account }) {
    const { job, counts } = await app.jobs.describe(jobId);
    return { job: describedJob(job, counts, account) };
  },

  async ListJobs(input, { app, account }) {
    const { status, targetSelection, thingGroupName, thingGroupId, namespaceId } = input;
    const pages = pager('ListJobs', { status, targetSelection, thingGroupName, thingGroupId, namespaceId });
    const request = pages.request(input.nextToken, input.maxResults ?? 25);
    const known = jobStatuses.find((item) => item === status);
    // Every job here is continuous, and in one of three states.
    if (targetSelection === 'SNAPSHOT' || (status !== undefined && known === undefined)) return { jobs: [] };
    const group = thingGroupName === undefined ? undefined : (await app.groups.describe(thingGroupName)).group;
    if (thingGroupId !== undefined && group?.id !== thingGroupId) return { jobs: [] };
    const page = await app.jobs.list(request, {
      ...(known === undefined ? {} : { status: known }),
      ...(group === undefined ? {} : { groupName: group.name }),
      ...(namespaceId === undefined ? {} : { namespace: namespaceId }),
    });
    const jobs = page.items.map((job) => ({
      jobArn: jobArn(scopeOf(account), job.id),
      jobId: job.id,
      thingGroupId: group?.id,
      targetSelection: 'CONTINUOUS' as const,
      status: job.status,
      createdAt: job.createdAt,
      lastUpdatedAt: job.updatedAt,
      completedAt: job.completedAt,
      isConcurrent: isRollingOut(job),
    }));
    return { jobs, nextToken: pages.token(page.next) };
  },

  async GetJobDocument({ jobId }, { app }) {
    const { job } = await app.jobs.describe(jobId);
    return { document: job.document };
  },

  async ListJobExecutionsForJob({ jobId, status, nextToken, maxResults }, { app, account }) {
    const pages = pager('ListJobExecutionsForJob', { jobId, status });
    const page = await app.jobs.executionsOfJob(jobId, pages.request(nextToken, maxResults ?? 25), status);
    const executionSummaries = page.items.map((execution) => ({
      thingArn: thingArn(scopeOf(account), execution.thing),
      jobExecutionSummary: summaryOf(execution),
    }));
    return { executionSummaries, nextToken: pages.token(page.next) };
  },

  async ListJobExecutionsForThing(input, { app }) {
    const { thingName, status, namespaceId, jobId } = input;
    const pages = pager('ListJobExecutionsForThing', { thingName, status, namespaceId, jobId });
    const request = pages.request(input.nextToken, input.maxResults ?? 25);
    if (namespaceId !== undefined && namespaceId !== deploymentNamespace) return { executionSummaries: [] };
    if (jobId !== undefined) {
      const { execution } = await app.jobs.execution(jobId, thingName);
      const fits = status === undefined || execution.status === status;
      return { executionSummaries: fits ? [{ jobId, jobExecutionSummary: summaryOf(execution) }] : [] };
    }
    const page = await app.jobs.executionsOfThing(thingName, request, status);
    const executionSummaries = page.items.map((execution) => ({
      jobId: execution.jobId,
      jobExecutionSummary: summaryOf(execution),
    }));
    return { executionSummaries, nextToken: pages.token(page.next) };
  },

  async DescribeJobExecution({ jobId, thingName, executionNumber }, { app, account, now }) {
    const { execution } = await app.jobs.execution(jobId, thingName, executionNumber);
    return {
      execution: {
        jobId,
        status: execution.status,
        forceCanceled: execution.forceCanceled,
        statusDetails: { detailsMap: execution.statusDetails },
        thingArn: thingArn(scopeOf(account), execution.thing),
        ...timesOf(execution),
        executionNumber: execution.number,
        versionNumber: execution.version,
        approximateSecondsBeforeTimedOut: secondsBeforeTimedOut(execution.timesOutAt, now),
      },
    };
  },

  async CancelJob({ jobId, force = false, reasonCode, comment }, { app, account }) {
    const job = await app.jobs.cancel(jobId, {
      force,
      ...(reasonCode === undefined ? {} : { reasonCode }),
      ...(comment === undefined ? {} : { comment }),
    });
    return { jobArn: jobArn(scopeOf(account), job.id), jobId: job.id };
  },

  async CancelJobExecution({ jobId, thingName, force = false, expectedVersion, statusDetails }, { app }) {
    await app.jobs.cancelExecution(jobId, thingName, {
      force,
      ...(expectedVersion === undefined ? {} : { expectedVersion }),
      ...(statusDetails === undefined ? {} : { statusDetails }),
    });
    return undefined;
  },

  async DeleteJob({ jobId, force = false, namespaceId }, { app }) {
    requireNamespace(jobId, namespaceId);
    await app.jobs.delete(jobId, force);
    return undefined;
  },

  async DeleteJobExecution({ jobId, thingName, executionNumber, force = false, namespaceId }, { app }) {
    requireNamespace(jobId, namespaceId);
    await app.jobs.deleteExecution(jobId, thingName, executionNumber, force);
    return undefined;
  },
};

/** Every job here is of the namespace of deployments. */
function requireNamespace(jobId: string, namespaceId: string | undefined): void {
  if (namespaceId !== undefined && namespaceId !== deploymentNamespace) throw iotNotFound('Job', jobId);
}

function describedJob(job: Job, counts: ExecutionCounts, account: Account): JobOutput {
  return {
    jobArn: jobArn(scopeOf(account), job.id),
    jobId: job.id,
    targetSelection: 'CONTINUOUS',
    status: job.status,
    forceCanceled: job.forceCanceled ? true : undefined,
    reasonCode: job.reasonCode,
    comment: job.comment,
    targets: [job.targetArn],
    presignedUrlConfig: {},
    // The members of iotJobConfiguration are those of a job, name by name.
    ...configurationOf(job),
    createdAt: job.createdAt,
    lastUpdatedAt: job.updatedAt,
    completedAt: job.completedAt,
    jobProcessDetails: {
      processingTargets: job.status === 'IN_PROGRESS' ? [job.targetArn] : undefined,
      numberOfCanceledThings: counts.CANCELED,
      numberOfSucceededThings: counts.SUCCEEDED,
      numberOfFailedThings: counts.FAILED,
      numberOfRejectedThings: counts.REJECTED,
      numberOfQueuedThings: counts.QUEUED,
      numberOfInProgressThings: counts.IN_PROGRESS,
      numberOfRemovedThings: counts.REMOVED,
      numberOfTimedOutThings: counts.TIMED_OUT,
    },
    namespaceId: deploymentNamespace,
    isConcurrent: isRollingOut(job),
  };
}

/** IoT Jobs: true while executions are still being made, or written as ended. */
function isRollingOut(job: Job): boolean {
  return job.rolloutAfter !== undefined || job.retryAfter !== undefined || job.sweeping === true;
}

function configurationOf(job: Job): DeploymentIoTJobConfiguration {
  return job.configuration === undefined ? {} : JSON.parse(job.configuration);
}

function summaryOf(execution: Execution): JobExecutionSummary {
  return { status: execution.status, ...timesOf(execution), executionNumber: execution.number, retryAttempt: 0 };
}

function timesOf({ queuedAt, startedAt, updatedAt }: Execution) {
  return { queuedAt, startedAt, lastUpdatedAt: updatedAt };
}
