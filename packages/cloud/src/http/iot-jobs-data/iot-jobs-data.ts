import { Fault } from '@greensward/kit';
import { iotJobsData, type JobExecution, type JobExecutionSummary } from '@greensward/protocol/iot-jobs-data';
import type { ExecutionUpdateResult, PendingExecution } from '../../app/app.ts';
import type { Execution } from '../../domain/jobs/job.ts';
import { secondsBeforeTimedOut } from '../../domain/jobs/timers.ts';
import type { Route } from '../exchange.ts';
import { type Handlers, restJsonRoutes } from '../wire/rest-json.ts';

/** A caller over HTTP sees the jobs of every namespace. */
const everyNamespace = '*';

/** IoT Jobs: how many executions one answer names, in progress and queued together. */
const maxPending = 10;

const handlers: Handlers<typeof iotJobsData.operations> = {
  async GetPendingJobExecutions({ thingName }, { app }) {
    const pending = (await app.jobs.pending(thingName, everyNamespace)).slice(0, maxPending);
    const of = (status: string) => pending.filter(({ execution }) => execution.status === status).map(summaryOf);
    return { inProgressJobs: of('IN_PROGRESS'), queuedJobs: of('QUEUED') };
  },

  async StartNextPendingJobExecution({ thingName, statusDetails, stepTimeoutInMinutes }, { app, now }) {
    const started = await app.jobs.startNext(
      thingName,
      {
        ...(statusDetails === undefined ? {} : { statusDetails }),
        ...(stepTimeoutInMinutes === undefined ? {} : { stepTimeoutInMinutes }),
      },
      everyNamespace,
    );
    return started === undefined ? {} : { execution: describedExecution(started, now, true) };
  },

  async DescribeJobExecution({ jobId, thingName, includeJobDocument = true, executionNumber }, { app, now }) {
    if (jobId === '$next') {
      const [next] = await app.jobs.pending(thingName, everyNamespace);
      return next === undefined ? {} : { execution: describedExecution(next, now, includeJobDocument) };
    }
    const found = await app.jobs.execution(jobId, thingName, executionNumber);
    if (found.execution.status !== 'QUEUED' && found.execution.status !== 'IN_PROGRESS') {
      throw new Fault('TerminalStateException', `Job execution ${jobId} has ended: ${found.execution.status}`);
    }
    return { execution: describedExecution(found, now, includeJobDocument) };
  },

  async UpdateJobExecution(input, { app }) {
    const { thingName, jobId, status, statusDetails, expectedVersion, executionNumber, stepTimeoutInMinutes } = input;
    const [result] = await app.jobs.update([
      {
        thing: thingName,
        jobId,
        status,
        ...(statusDetails === undefined ? {} : { statusDetails }),
        ...(expectedVersion === undefined ? {} : { expectedVersion }),
        ...(executionNumber === undefined ? {} : { executionNumber }),
        ...(stepTimeoutInMinutes === undefined ? {} : { stepTimeoutInMinutes }),
      },
    ]);
    if (result === undefined) throw new Error('the update was not answered');
    if (!result.ok) throw refusal(result);
    return {
      executionState: input.includeJobExecutionState === true ? stateOf(result.execution) : undefined,
      jobDocument: input.includeJobDocument === true ? result.job.document : undefined,
    };
  },
};

/** The HTTP names of what MQTT calls an error of IoT Jobs. VersionMismatch has none: it keeps its name, with a 409. */
const exceptions = new Map([
  ['InvalidRequest', 'InvalidRequestException'],
  ['InvalidStateTransition', 'InvalidStateTransitionException'],
  ['RequestThrottled', 'ThrottlingException'],
  ['ResourceNotFound', 'ResourceNotFoundException'],
  ['TerminalStateReached', 'InvalidStateTransitionException'],
  ['VersionMismatch', 'VersionMismatch'],
]);

function refusal(result: Extract<ExecutionUpdateResult, { ok: false }>): Fault {
  const executionState = result.execution === undefined ? undefined : stateOf(result.execution);
  return new Fault(exceptions.get(result.code) ?? 'InternalFailureException', result.message, {
    context: executionState === undefined ? {} : { executionState },
  });
}

function summaryOf({ execution }: PendingExecution): JobExecutionSummary {
  return {
    jobId: execution.jobId,
    ...timesOf(execution),
    versionNumber: execution.version,
    executionNumber: execution.number,
  };
}

function describedExecution({ execution, job }: PendingExecution, now: number, withDocument: boolean): JobExecution {
  return {
    jobId: execution.jobId,
    thingName: execution.thing,
    status: execution.status,
    statusDetails: execution.statusDetails,
    ...timesOf(execution),
    approximateSecondsBeforeTimedOut: secondsBeforeTimedOut(execution.timesOutAt, now),
    versionNumber: execution.version,
    executionNumber: execution.number,
    jobDocument: withDocument ? job.document : undefined,
  };
}

function stateOf(execution: Execution) {
  return { status: execution.status, statusDetails: execution.statusDetails, versionNumber: execution.version };
}

/** IoT Jobs data plane: whole epoch seconds, where the control plane has fractions. */
function timesOf({ queuedAt, startedAt, updatedAt }: Execution) {
  const seconds = (ms: number) => Math.floor(ms / 1000);
  return {
    queuedAt: seconds(queuedAt),
    startedAt: startedAt === undefined ? undefined : seconds(startedAt),
    lastUpdatedAt: seconds(updatedAt),
  };
}

const things = new Map(Object.keys(handlers).map((operation) => [operation, 'thingName']));

/** The jobs of a thing, for its owner or for the thing itself. */
export function iotJobsDataRoutes(access: Route['access']): ReadonlyMap<string, Route> {
  return restJsonRoutes(iotJobsData, handlers, { access, actionPrefix: 'iotjobsdata:', thing: things });
}
