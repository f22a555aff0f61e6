import { type Clock, Fault, type Log } from '@greensward/kit';
import type { Reply } from '@greensward/mqtt/server';
import {
  jobExecutionAnswer,
  jobRejection,
  jobUpdateAnswer,
  parseJobGetRequest,
  parseJobStartNextRequest,
  parseJobUpdateRequest,
  pendingJobsAnswer,
} from '@greensward/protocol/jobs';
import { NEXT_JOB, type ReservedTopic } from '@greensward/protocol/topics';
import type { JobErrorCode } from '@greensward/protocol/vocabulary';
import type { App, ExecutionUpdate, ExecutionUpdateResult, Pending } from '../app/app.ts';
import type { Batcher } from '../app/batch.ts';
import { isTerminal } from '../domain/jobs/execution-machine.ts';
import { deploymentNamespace } from '../domain/jobs/job.ts';
import { documentOf, executionView, summaryView } from './job-views.ts';

type JobTopic = Extract<ReservedTopic, { kind: 'job-get' | 'job-update' | 'jobs-get' | 'jobs-start-next' }>;

export interface JobRequestDeps {
  readonly app: App;
  readonly updates: Batcher<ExecutionUpdate, ExecutionUpdateResult>;
  /** What is pending for a thing in the namespace of deployments. */
  readonly pending: Batcher<string, Pending>;
  /** A thing asked what is next, and could not be answered. */
  readonly onUnanswered: (thing: string) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** What may go well the next time. */
const passing: readonly JobErrorCode[] = ['InternalError', 'RequestThrottled'];

/**
 * Answers one request on a jobs topic, on `accepted` or `rejected`, with the token of the request. An update that fails for
 * a reason of our own is not answered but rejects: a nucleus takes every rejection for the last word and would forget its
 * status, where an unacknowledged message is sent again.
 */
export async function answerJobRequest(
  deps: JobRequestDeps,
  thing: string,
  request: { readonly topic: string; readonly payload: Uint8Array },
  target: JobTopic,
): Promise<readonly Reply[]> {
  try {
    const answer = await answerOf(deps, thing, request.payload, target);
    return [{ topic: `${request.topic}/${answer.outcome}`, payload: JSON.stringify(answer.payload) }];
  } catch (error) {
    const { code, message } = rejectionOf(error);
    if (code === 'InternalError') deps.log.error('a job request failed', { topic: request.topic, error });
    if (target.kind === 'job-update' && passing.includes(code)) throw error;
    const token = error instanceof Fault ? error.context['clientToken'] : undefined;
    const to = { now: deps.clock.now(), clientToken: typeof token === 'string' ? token : undefined };
    return [{ topic: `${request.topic}/rejected`, payload: JSON.stringify(jobRejection(to, code, message)) }];
  }
}

interface Answer {
  readonly outcome: 'accepted' | 'rejected';
  readonly payload: object;
}

async function answerOf(deps: JobRequestDeps, thing: string, payload: Uint8Array, target: JobTopic): Promise<Answer> {
  const now = deps.clock.now();
  switch (target.kind) {
    case 'jobs-get': {
      // Without a namespace there are no jobs: those of deployments are not for other job agents of the thing.
      const { clientToken } = parseJobGetRequest(payload);
      const pending = await deps.app.jobs.pending(thing, undefined);
      const views = (status: string) =>
        pending
          .filter(({ execution }) => execution.status === status)
          .map(({ execution }) => summaryView(execution, now));
      return {
        outcome: 'accepted',
        payload: pendingJobsAnswer({ now, clientToken }, views('IN_PROGRESS'), views('QUEUED')),
      };
    }
    case 'jobs-start-next': {
      const { clientToken, statusDetails, stepTimeoutInMinutes } = parseJobStartNextRequest(payload);
      const input = {
        ...(statusDetails === undefined ? {} : { statusDetails }),
        ...(stepTimeoutInMinutes === undefined ? {} : { stepTimeoutInMinutes }),
      };
      const started = await withToken(clientToken, () => deps.app.jobs.startNext(thing, input, undefined));
      const view = started && executionView(started, now, true);
      return { outcome: 'accepted', payload: jobExecutionAnswer({ now, clientToken }, view) };
    }
    case 'job-get':
      return getExecution(deps, thing, payload, target, now);
    case 'job-update':
      return updateExecution(deps, thing, payload, target, now);
  }
}

async function getExecution(
  deps: JobRequestDeps,
  thing: string,
  payload: Uint8Array,
  { jobId, namespace }: { readonly jobId: string; readonly namespace?: string },
  now: number,
): Promise<Answer> {
  const { clientToken, includeJobDocument, executionNumber } = parseJobGetRequest(payload);
  const to = { now, clientToken };
  if (jobId === NEXT_JOB) {
    const next = namespace === deploymentNamespace ? await nextOf(deps, thing, clientToken) : undefined;
    return {
      outcome: 'accepted',
      payload: jobExecutionAnswer(to, next && executionView(next, now, includeJobDocument)),
    };
  }
  if (isForeign(namespace)) return rejected(to, 'ResourceNotFound', notFound(thing, jobId));
  const found = await withToken(clientToken, () => deps.app.jobs.execution(jobId, thing, executionNumber));
  const { status, statusDetails, version } = found.execution;
  if (isTerminal(status)) {
    const state = { status, statusDetails, versionNumber: version };
    return {
      outcome: 'rejected',
      payload: jobRejection(to, 'TerminalStateReached', `The execution is ${status}.`, state),
    };
  }
  return { outcome: 'accepted', payload: jobExecutionAnswer(to, executionView(found, now, includeJobDocument)) };
}

/** Without an answer a nucleus would not ask before it hears of a job again. */
async function nextOf(deps: JobRequestDeps, thing: string, clientToken: string | undefined) {
  try {
    return (await withToken(clientToken, () => deps.pending.submit(thing))).executions[0];
  } catch (error) {
    deps.onUnanswered(thing);
    throw error;
  }
}

async function updateExecution(
  deps: JobRequestDeps,
  thing: string,
  payload: Uint8Array,
  { jobId, namespace }: { readonly jobId: string; readonly namespace?: string },
  now: number,
): Promise<Answer> {
  const request = parseJobUpdateRequest(payload);
  const { clientToken, statusDetails, expectedVersion, executionNumber, stepTimeoutInMinutes } = request;
  const to = { now, clientToken };
  if (isForeign(namespace)) return rejected(to, 'ResourceNotFound', notFound(thing, jobId));
  const result = await withToken(clientToken, () =>
    deps.updates.submit({
      thing,
      jobId,
      status: request.status,
      ...(statusDetails === undefined ? {} : { statusDetails }),
      ...(expectedVersion === undefined ? {} : { expectedVersion }),
      ...(executionNumber === undefined ? {} : { executionNumber }),
      ...(stepTimeoutInMinutes === undefined ? {} : { stepTimeoutInMinutes }),
    }),
  );
  const { execution } = result;
  const state = execution && {
    status: execution.status,
    statusDetails: execution.statusDetails,
    versionNumber: execution.version,
  };
  if (!result.ok) {
    return { outcome: 'rejected', payload: jobRejection(to, jobErrorCode(result.code), result.message, state) };
  }
  const document = request.includeJobDocument ? documentOf(result.job) : undefined;
  return {
    outcome: 'accepted',
    payload: jobUpdateAnswer(to, request.includeJobExecutionState ? state : undefined, document),
  };
}

/** Every job here is in the namespace of deployments; a request without a namespace that names the job means it too. */
function isForeign(namespace: string | undefined): boolean {
  return namespace !== undefined && namespace !== deploymentNamespace;
}

function notFound(thing: string, jobId: string): string {
  return `The thing ${thing} has no execution of the job ${jobId}.`;
}

function rejected(to: { now: number; clientToken: string | undefined }, code: JobErrorCode, message: string): Answer {
  return { outcome: 'rejected', payload: jobRejection(to, code, message) };
}

/** A refusal from inside gets the token of the request, which only its reader knows. */
async function withToken<T>(clientToken: string | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Fault)) {
      throw new Fault('InternalError', 'The request failed.', { context: { clientToken }, cause: error });
    }
    throw new Fault(error.code, error.message, { context: { ...error.context, clientToken }, cause: error });
  }
}

const codes: ReadonlyMap<string, JobErrorCode> = new Map<string, JobErrorCode>([
  ['InvalidJson', 'InvalidJson'],
  ['InvalidRequest', 'InvalidRequest'],
  ['InvalidRequestException', 'InvalidRequest'],
  ['InvalidStateTransition', 'InvalidStateTransition'],
  ['ResourceNotFound', 'ResourceNotFound'],
  ['ResourceNotFoundException', 'ResourceNotFound'],
  ['TerminalStateReached', 'TerminalStateReached'],
  ['ThrottlingException', 'RequestThrottled'],
  ['VersionMismatch', 'VersionMismatch'],
]);

function jobErrorCode(code: string): JobErrorCode {
  return codes.get(code) ?? 'InternalError';
}

/** What a device is told of an error: the cause of an internal one stays here. */
function rejectionOf(error: unknown): { code: JobErrorCode; message: string } {
  const code = error instanceof Fault ? jobErrorCode(error.code) : 'InternalError';
  return { code, message: error instanceof Fault && code !== 'InternalError' ? error.message : 'The request failed.' };
}
