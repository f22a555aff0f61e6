import { Fault } from '@greensward/kit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  deploymentStatusDetails,
  type JobExecution,
  jobExecutionAnswer,
  jobGetRequest,
  jobRejection,
  jobsNotification,
  jobUpdateAnswer,
  jobUpdateRequest,
  parseDeploymentStatusDetails,
  parseJobAnswer,
  parseJobGetRequest,
  parseJobStartNextRequest,
  parseJobsNotification,
  parseJobUpdateRequest,
  parseRejection,
  pendingJobsAnswer,
} from './jobs.ts';

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const wire = (value: object): unknown => JSON.parse(JSON.stringify(value));

const execution: JobExecution = {
  jobId: 'J',
  thingName: 'T',
  status: 'QUEUED',
  statusDetails: {},
  queuedAt: 1_767_225_600_999,
  lastUpdatedAt: 1_767_225_600_999,
  versionNumber: 1,
  executionNumber: 1,
  jobDocument: { a: 1 },
};
const to = { now: 1_767_225_605_500, clientToken: 'jobs-nucleus-lite' };

describe('what the cloud sends', () => {
  test('an execution has whole seconds, no absent members, and echoes the token', () => {
    expect(wire(jobExecutionAnswer(to, execution))).toEqual({
      clientToken: 'jobs-nucleus-lite',
      timestamp: 1_767_225_605,
      execution: {
        jobId: 'J',
        thingName: 'T',
        status: 'QUEUED',
        statusDetails: {},
        queuedAt: 1_767_225_600,
        lastUpdatedAt: 1_767_225_600,
        versionNumber: 1,
        executionNumber: 1,
        jobDocument: { a: 1 },
      },
    });
  });

  test('nothing pending leaves the execution out', () => {
    expect(wire(jobExecutionAnswer({ now: 1_767_225_605_000 }, undefined))).toEqual({ timestamp: 1_767_225_605 });
  });

  test('a notification has jobs always, and a list only where it is not empty', () => {
    expect(wire(jobsNotification(1000, [], []))).toEqual({ timestamp: 1, jobs: {} });
    const queued = wire(jobsNotification(1000, [], [execution]));
    expect(queued).toHaveProperty('jobs.QUEUED.0.jobId', 'J');
    expect(queued).not.toHaveProperty('jobs.QUEUED.0.jobDocument');
    expect(queued).not.toHaveProperty('jobs.IN_PROGRESS');
    expect(parseJobsNotification(bytes(jobsNotification(1000, [execution], [])))).toEqual({
      inProgress: ['J'],
      queued: [],
    });
  });

  test('pending lists, update answers and rejections', () => {
    expect(wire(pendingJobsAnswer(to, [], [execution]))).toMatchObject({
      inProgressJobs: [],
      queuedJobs: [{ jobId: 'J' }],
    });
    expect(wire(jobUpdateAnswer(to))).toEqual({ clientToken: 'jobs-nucleus-lite', timestamp: 1_767_225_605 });
    const rejection = jobRejection(to, 'TerminalStateReached', 'The job is in a terminal state.', execution);
    expect(wire(rejection)).toMatchObject({
      code: 'TerminalStateReached',
      executionState: { status: 'QUEUED', versionNumber: 1, statusDetails: {} },
    });
    expect(parseRejection(bytes(rejection))).toEqual({
      code: 'TerminalStateReached',
      message: 'The job is in a terminal state.',
      clientToken: 'jobs-nucleus-lite',
    });
  });
});

describe('what the cloud reads', () => {
  test('the requests of the nucleus and of lite', () => {
    expect(parseJobGetRequest(bytes({ thingName: 'T', jobId: '$next', includeJobDocument: true }))).toEqual({
      clientToken: undefined,
      includeJobDocument: true,
      executionNumber: undefined,
    });
    expect(parseJobGetRequest(new Uint8Array()).includeJobDocument).toBe(true);
    expect(parseJobUpdateRequest(bytes({ status: 'IN_PROGRESS', clientToken: 'jobs-nucleus-lite' }))).toEqual({
      status: 'IN_PROGRESS',
      clientToken: 'jobs-nucleus-lite',
      statusDetails: undefined,
      stepTimeoutInMinutes: undefined,
      expectedVersion: undefined,
      executionNumber: undefined,
      includeJobExecutionState: false,
      includeJobDocument: false,
    });
  });

  test('our own device speaks the same language', () => {
    const report = jobUpdateRequest('T', 'J', 'FAILED', { a: 'x'.repeat(2000) }, 't');
    expect(parseJobUpdateRequest(bytes(report))).toMatchObject({
      status: 'FAILED',
      statusDetails: { a: 'x'.repeat(1024) },
    });
    expect(parseJobGetRequest(bytes(jobGetRequest('T', '$next', 't'))).clientToken).toBe('t');
  });

  test('empty values and newlines in details pass: a nucleus sends them', () => {
    const details = { 'deployment-failure-cause': 'a\nb', 'deployment-error-types': '' };
    expect(parseJobUpdateRequest(bytes({ status: 'FAILED', statusDetails: details })).statusDetails).toEqual(details);
  });

  test.each<[string, object]>([
    ['a status of the service', { status: 'CANCELED' }],
    ['no status', {}],
    [
      'eleven details',
      { status: 'FAILED', statusDetails: Object.fromEntries([...Array(11).keys()].map((key) => [key, 'v'])) },
    ],
    ['a key with a space', { status: 'FAILED', statusDetails: { 'a b': 'c' } }],
    ['a long value', { status: 'FAILED', statusDetails: { a: 'v'.repeat(1025) } }],
    ['a number as detail', { status: 'FAILED', statusDetails: { a: 1 } }],
    ['a list of details', { status: 'FAILED', statusDetails: [] }],
    ['a step timeout of 0', { status: 'FAILED', stepTimeoutInMinutes: 0 }],
  ])('%s is an InvalidRequest that carries the token', (_, body) => {
    const call = () => parseJobUpdateRequest(bytes({ ...body, clientToken: 't' }));
    expect(call).toThrow(expect.objectContaining({ code: 'InvalidRequest', context: { clientToken: 't' } }));
  });

  test('what is not JSON is InvalidJson', () => {
    const call = () => parseJobUpdateRequest(new TextEncoder().encode('{'));
    expect(call).toThrow(expect.objectContaining({ code: 'InvalidJson' }));
  });
});

describe('what a device reads', () => {
  test('an execution comes back in milliseconds', () => {
    const read = parseJobAnswer(
      bytes(jobExecutionAnswer(to, { ...execution, status: 'IN_PROGRESS', startedAt: 5000 })),
    );
    expect(read.execution).toMatchObject({
      jobId: 'J',
      status: 'IN_PROGRESS',
      queuedAt: 1_767_225_600_000,
      startedAt: 5000,
    });
    expect(read.clientToken).toBe('jobs-nucleus-lite');
  });

  test('an execution without id, time or document is none', () => {
    for (const missing of ['jobId', 'queuedAt', 'jobDocument']) {
      const answer: { [key: string]: unknown } = { jobId: 'J', queuedAt: 1, jobDocument: {} };
      delete answer[missing];
      expect(parseJobAnswer(bytes({ execution: answer })).execution).toBeUndefined();
    }
  });
});

describe('how a deployment ended', () => {
  test('the outcome travels in job details', () => {
    const outcome = {
      detailedStatus: 'FAILED_ROLLBACK_COMPLETE' as const,
      failureCause: 'broke',
      errorStack: ['DEPLOYMENT_FAILURE', 'COMPONENT_BROKEN'],
      errorTypes: ['USER_COMPONENT_ERROR'],
    };
    const details = deploymentStatusDetails(outcome);
    expect(details['deployment-error-stack']).toBe('["DEPLOYMENT_FAILURE","COMPONENT_BROKEN"]');
    expect(parseDeploymentStatusDetails(details)).toEqual(outcome);
    expect(deploymentStatusDetails({ detailedStatus: 'SUCCESSFUL' })).toEqual({
      'detailed-deployment-status': 'SUCCESSFUL',
    });
  });

  test('a list cut in the middle keeps its whole names', () => {
    const errorStack = Array.from({ length: 100 }, () => 'DEPLOYMENT_FAILURE');
    const details = deploymentStatusDetails({ errorStack });
    expect(details['deployment-error-stack']).toHaveLength(1024);
    expect(parseDeploymentStatusDetails(details).errorStack).toHaveLength(48);
  });
});

test('any payload is read or refused with a fault', () => {
  const member = fc.constantFrom('status', 'statusDetails', 'execution', 'jobs', 'clientToken', '__proto__', 'QUEUED');
  const payload = fc.oneof(fc.uint8Array(), fc.dictionary(member, fc.jsonValue()).map(bytes), fc.json().map(bytes));
  fc.assert(
    fc.property(payload, (sent) => {
      for (const read of [
        parseJobGetRequest,
        parseJobStartNextRequest,
        parseJobUpdateRequest,
        parseJobAnswer,
        parseJobsNotification,
        parseRejection,
      ]) {
        try {
          read(sent);
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }
    }),
  );
});
