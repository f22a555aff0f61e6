import { Fault, isJsonObject, type JsonObject } from '@greensward/kit';
import { type Payload, readPayload } from './payload.ts';
import {
  DETAILED_STATUSES,
  DEVICE_JOB_STATUSES,
  type DetailedStatus,
  type DeviceJobStatus,
  JOB_EXECUTION_STATUSES,
  type JobErrorCode,
  type JobExecutionStatus,
} from './vocabulary.ts';

// Payloads of the jobs topics. In our types every time is epoch milliseconds; on the wire it is whole epoch seconds
// (nucleus lite refuses a fraction).

export type StatusDetails = Readonly<Record<string, string>>;

/** One execution as a device sees it. */
export interface JobExecution {
  readonly jobId: string;
  readonly thingName: string;
  readonly status: JobExecutionStatus;
  readonly statusDetails: StatusDetails;
  readonly queuedAt: number;
  readonly startedAt?: number | undefined;
  readonly lastUpdatedAt: number;
  readonly versionNumber: number;
  readonly executionNumber: number;
  /** Only while a timer runs. */
  readonly approximateSecondsBeforeTimedOut?: number | undefined;
  /** Absent when the request asked for none. */
  readonly jobDocument?: JsonObject | undefined;
}

export type JobExecutionSummary = Omit<JobExecution, 'thingName' | 'status' | 'statusDetails' | 'jobDocument'>;
export type JobExecutionState = Pick<JobExecution, 'status' | 'statusDetails' | 'versionNumber'>;

/** What every answer carries: when (epoch ms), and the token of the request. nucleus lite drops an answer without its token. */
export interface AnswerTo {
  readonly now: number;
  readonly clientToken?: string | undefined;
}

const seconds = (ms: number) => Math.floor(ms / 1000);
const optionalSeconds = (ms: number | undefined) => (ms === undefined ? undefined : seconds(ms));

function answer(to: AnswerTo, members: JsonObject): JsonObject {
  return { clientToken: to.clientToken, timestamp: seconds(to.now), ...members };
}

function executionJson(execution: JobExecution): JsonObject {
  return {
    ...summaryJson(execution),
    thingName: execution.thingName,
    status: execution.status,
    statusDetails: { ...execution.statusDetails },
    approximateSecondsBeforeTimedOut: execution.approximateSecondsBeforeTimedOut,
    jobDocument: execution.jobDocument,
  };
}

function summaryJson(execution: JobExecutionSummary): JsonObject {
  return {
    jobId: execution.jobId,
    queuedAt: seconds(execution.queuedAt),
    startedAt: optionalSeconds(execution.startedAt),
    lastUpdatedAt: seconds(execution.lastUpdatedAt),
    versionNumber: execution.versionNumber,
    executionNumber: execution.executionNumber,
  };
}

// --- what the cloud sends ------------------------------------------------------------------------------------------------

/** Answer to `get` of one job, `start-next`, and the payload of `notify-next`. Nothing pending: `execution` is left out. */
export function jobExecutionAnswer(to: AnswerTo, execution: JobExecution | undefined): JsonObject {
  return answer(to, { execution: execution === undefined ? undefined : executionJson(execution) });
}

/** Answer to `jobs/get`: the pending executions, in the order they are to run. */
export function pendingJobsAnswer(
  to: AnswerTo,
  inProgress: readonly JobExecutionSummary[],
  queued: readonly JobExecutionSummary[],
): JsonObject {
  return answer(to, { inProgressJobs: inProgress.map(summaryJson), queuedJobs: queued.map(summaryJson) });
}

/** Answer to `update`: state and document only where they were asked for. */
export function jobUpdateAnswer(to: AnswerTo, state?: JobExecutionState, jobDocument?: JsonObject): JsonObject {
  return answer(to, { executionState: state === undefined ? undefined : stateJson(state), jobDocument });
}

function stateJson(state: JobExecutionState): JsonObject {
  return { status: state.status, statusDetails: { ...state.statusDetails }, versionNumber: state.versionNumber };
}

/** A rejection. `state` belongs to InvalidStateTransition, VersionMismatch and TerminalStateReached. */
export function jobRejection(to: AnswerTo, code: JobErrorCode, message: string, state?: JobExecutionState): JsonObject {
  return answer(to, { code, message, executionState: state === undefined ? undefined : stateJson(state) });
}

/** Payload of `notify`. An empty list is left out: the nucleus tests whether the key QUEUED is there. */
export function jobsNotification(
  now: number,
  inProgress: readonly JobExecutionSummary[],
  queued: readonly JobExecutionSummary[],
): JsonObject {
  const jobs: JsonObject = {};
  if (inProgress.length > 0) jobs['IN_PROGRESS'] = inProgress.map(summaryJson);
  if (queued.length > 0) jobs['QUEUED'] = queued.map(summaryJson);
  return { timestamp: seconds(now), jobs };
}

// --- what the cloud reads ------------------------------------------------------------------------------------------------

export interface JobGetRequest {
  readonly clientToken: string | undefined;
  readonly includeJobDocument: boolean;
  readonly executionNumber: number | undefined;
}

export interface JobStartNextRequest {
  readonly clientToken: string | undefined;
  readonly statusDetails: StatusDetails | undefined;
  /** 1 to 10080, or -1 to discard the timer. */
  readonly stepTimeoutInMinutes: number | undefined;
}

export interface JobUpdateRequest extends JobStartNextRequest {
  readonly status: DeviceJobStatus;
  readonly expectedVersion: number | undefined;
  readonly executionNumber: number | undefined;
  readonly includeJobExecutionState: boolean;
  readonly includeJobDocument: boolean;
}

/** @throws Fault InvalidJson, when the payload is not a JSON object. An empty payload asks with the defaults. */
export function parseJobGetRequest(bytes: Uint8Array): JobGetRequest {
  const payload = readPayload(bytes, 'InvalidJson');
  return {
    clientToken: payload.string('clientToken'),
    includeJobDocument: payload.boolean('includeJobDocument') ?? true,
    executionNumber: payload.integer('executionNumber'),
  };
}

/** @throws Fault InvalidJson, or InvalidRequest with context {clientToken}. */
export function parseJobStartNextRequest(bytes: Uint8Array): JobStartNextRequest {
  return startNextOf(readPayload(bytes, 'InvalidJson'));
}

/** @throws Fault InvalidJson, or InvalidRequest with context {clientToken}. */
export function parseJobUpdateRequest(bytes: Uint8Array): JobUpdateRequest {
  const payload = readPayload(bytes, 'InvalidJson');
  const status = DEVICE_JOB_STATUSES.find((item) => item === payload.raw('status'));
  if (status === undefined) throw invalid(payload, `status must be one of ${DEVICE_JOB_STATUSES.join(', ')}`);
  return {
    ...startNextOf(payload),
    status,
    expectedVersion: payload.integer('expectedVersion'),
    executionNumber: payload.integer('executionNumber'),
    includeJobExecutionState: payload.boolean('includeJobExecutionState') ?? false,
    includeJobDocument: payload.boolean('includeJobDocument') ?? false,
  };
}

function invalid(payload: Payload, message: string): Fault {
  return new Fault('InvalidRequest', message, { context: { clientToken: payload.string('clientToken') } });
}

const MAX_DETAILS = 10;
const MAX_DETAIL_KEY = 128;
const MAX_DETAIL_VALUE = 1024;

function startNextOf(payload: Payload): JobStartNextRequest {
  const step = payload.integer('stepTimeoutInMinutes');
  if (step !== undefined && step !== -1 && (step < 1 || step > 10_080)) {
    throw invalid(payload, 'stepTimeoutInMinutes must be -1 or between 1 and 10080');
  }
  const token = payload.string('clientToken');
  if (token !== undefined && token.length > 64) throw invalid(payload, 'clientToken must have at most 64 characters');
  return { clientToken: token, statusDetails: detailsOf(payload), stepTimeoutInMinutes: step };
}

/**
 * IoT Jobs' limits, but for two: an empty value and control characters pass, since the nucleus sends both and takes a
 * rejection of its last report as final.
 */
function detailsOf(payload: Payload): StatusDetails | undefined {
  const sent = payload.raw('statusDetails');
  if (sent === undefined || sent === null) return undefined;
  const details = payload.stringMap('statusDetails');
  if (!isJsonObject(sent) || details === undefined) throw invalid(payload, 'statusDetails must be an object');
  const entries = Object.entries(details);
  if (entries.length !== Object.keys(sent).length) throw invalid(payload, 'statusDetails must hold only strings');
  if (entries.length > MAX_DETAILS) throw invalid(payload, `statusDetails must have at most ${MAX_DETAILS} entries`);
  for (const [key, value] of entries) {
    if (!/^[a-zA-Z0-9:_-]+$/.test(key) || key.length > MAX_DETAIL_KEY) {
      throw invalid(payload, `statusDetails keys must match [a-zA-Z0-9:_-]+, at most ${MAX_DETAIL_KEY} characters`);
    }
    if (value.length > MAX_DETAIL_VALUE) {
      throw invalid(payload, `statusDetails.${key} must have at most ${MAX_DETAIL_VALUE} characters`);
    }
  }
  return details;
}

// --- what a device sends -------------------------------------------------------------------------------------------------

/** Asks for one execution, usually `$next`. */
export function jobGetRequest(thingName: string, jobId: string, clientToken: string): JsonObject {
  return { thingName, jobId, includeJobDocument: true, clientToken };
}

/** Reports a status. `statusDetails` replaces what is stored; values are cut to the 1024 characters IoT Jobs takes. */
export function jobUpdateRequest(
  thingName: string,
  jobId: string,
  status: DeviceJobStatus,
  statusDetails: StatusDetails,
  clientToken: string,
): JsonObject {
  const details: JsonObject = {};
  for (const [key, value] of Object.entries(statusDetails)) details[key] = value.slice(0, MAX_DETAIL_VALUE);
  return { thingName, jobId, status, statusDetails: details, clientToken };
}

// --- what a device reads -------------------------------------------------------------------------------------------------

export interface JobAnswer {
  readonly clientToken: string | undefined;
  /** Undefined: nothing is pending, or what came is not usable (no id, no `queuedAt`, no document). */
  readonly execution: (JobExecution & { readonly jobDocument: JsonObject }) | undefined;
}

/** An answer to `get`, or a `notify-next`. @throws Fault InvalidJson */
export function parseJobAnswer(bytes: Uint8Array): JobAnswer {
  const payload = readPayload(bytes, 'InvalidJson');
  const execution = payload.object('execution');
  return {
    clientToken: payload.string('clientToken'),
    execution: execution === undefined ? undefined : executionOf(execution),
  };
}

function executionOf(payload: Payload): JobAnswer['execution'] {
  const jobId = payload.string('jobId');
  const queuedAt = payload.integer('queuedAt');
  const jobDocument = payload.raw('jobDocument');
  if (jobId === undefined || queuedAt === undefined || !isJsonObject(jobDocument)) return undefined;
  const startedAt = payload.integer('startedAt');
  return {
    jobId,
    thingName: payload.string('thingName') ?? '',
    status: JOB_EXECUTION_STATUSES.find((item) => item === payload.raw('status')) ?? 'QUEUED',
    statusDetails: payload.stringMap('statusDetails') ?? {},
    queuedAt: queuedAt * 1000,
    startedAt: startedAt === undefined ? undefined : startedAt * 1000,
    lastUpdatedAt: (payload.integer('lastUpdatedAt') ?? queuedAt) * 1000,
    versionNumber: payload.integer('versionNumber') ?? 1,
    executionNumber: payload.integer('executionNumber') ?? 1,
    jobDocument,
  };
}

/** A list notification: the ids of the pending executions. @throws Fault InvalidJson */
export function parseJobsNotification(bytes: Uint8Array): {
  readonly inProgress: readonly string[];
  readonly queued: readonly string[];
} {
  const jobs = readPayload(bytes, 'InvalidJson').object('jobs');
  const ids = (status: string) =>
    (jobs?.objects(status) ?? []).map((item) => item.string('jobId')).filter((id) => id !== undefined);
  return { inProgress: ids('IN_PROGRESS'), queued: ids('QUEUED') };
}

/** A rejection of a job or shadow request: `code` is a name for jobs, a number for shadows. */
export interface Rejection {
  readonly code: string;
  readonly message: string;
  readonly clientToken: string | undefined;
}

/** @throws Fault InvalidJson */
export function parseRejection(bytes: Uint8Array): Rejection {
  const payload = readPayload(bytes, 'InvalidJson');
  const code = payload.string('code') ?? payload.integer('code');
  return {
    code: code === undefined ? 'InternalError' : String(code),
    message: payload.string('message') ?? '',
    clientToken: payload.string('clientToken'),
  };
}

// --- how a deployment ended ----------------------------------------------------------------------------------------------

/** How a deployment ended on a device, as job details, shadow and fleet status all carry it. */
export interface DeploymentOutcome {
  readonly detailedStatus?: DetailedStatus | undefined;
  /** Ours: merged keys that lost to newer writes on the device, by component. Sent only, for a person. */
  readonly ignoredConfiguration?: string | undefined;
  readonly failureCause?: string | undefined;
  /** Error codes, from generic to specific. */
  readonly errorStack?: readonly string[] | undefined;
  readonly errorTypes?: readonly string[] | undefined;
}

/** The status details of a job that ended so. Lists travel as JSON text; nothing is sent for what is undefined. */
export function deploymentStatusDetails(outcome: DeploymentOutcome): StatusDetails {
  const details: Record<string, string> = {};
  const put = (key: string, value: string | undefined) => {
    if (value !== undefined) details[key] = value.slice(0, MAX_DETAIL_VALUE);
  };
  put('detailed-deployment-status', outcome.detailedStatus);
  put('greensward-ignored-configuration', outcome.ignoredConfiguration);
  put('deployment-failure-cause', outcome.failureCause);
  put('deployment-error-stack', outcome.errorStack === undefined ? undefined : JSON.stringify(outcome.errorStack));
  put('deployment-error-types', outcome.errorTypes === undefined ? undefined : JSON.stringify(outcome.errorTypes));
  return details;
}

/** The reverse. A list that was cut at 1024 characters keeps its whole names. */
export function parseDeploymentStatusDetails(details: StatusDetails): DeploymentOutcome {
  const read = (key: string) => (Object.hasOwn(details, key) ? details[key] : undefined);
  const detailedStatus = DETAILED_STATUSES.find((item) => item === read('detailed-deployment-status'));
  const failureCause = read('deployment-failure-cause');
  const errorStack = namesOf(read('deployment-error-stack'));
  const errorTypes = namesOf(read('deployment-error-types'));
  return {
    ...(detailedStatus === undefined ? {} : { detailedStatus }),
    ...(failureCause === undefined ? {} : { failureCause }),
    ...(errorStack === undefined ? {} : { errorStack }),
    ...(errorTypes === undefined ? {} : { errorTypes }),
  };
}

function namesOf(text: string | undefined): string[] | undefined {
  return text === undefined ? undefined : [...text.matchAll(/"(\w+)"/g)].map((found) => found[1] ?? '');
}
