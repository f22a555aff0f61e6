import { describe, expect, test } from 'vitest';
import { canceledExecution } from './cancel-execution.ts';
import { queuedExecution } from './execution-machine.ts';
import type { Execution, ExecutionStatus } from './job.ts';

const execution = (status: ExecutionStatus): Execution => ({
  ...queuedExecution('job', 'core', 1, 1000),
  status,
  version: 3,
  statusDetails: { step: 'one' },
});

describe('canceling one execution', () => {
  test.each([
    ['QUEUED', false],
    ['QUEUED', true],
    ['IN_PROGRESS', true],
  ] as const)('ends one that is %s, with force %s', (status, force) => {
    expect(canceledExecution(execution(status), { force }, 2000)).toMatchObject({
      status: 'CANCELED',
      version: 4,
      updatedAt: 2000,
      forceCanceled: force,
      statusDetails: { step: 'one' },
    });
  });

  test('leaves a running one to its device', () => {
    expect(() => canceledExecution(execution('IN_PROGRESS'), { force: false }, 2000)).toThrow(
      expect.objectContaining({ code: 'InvalidStateTransitionException' }),
    );
  });

  test.each(['SUCCEEDED', 'FAILED', 'REJECTED', 'TIMED_OUT', 'CANCELED', 'REMOVED'] as const)(
    'refuses one that is %s, also with force',
    (status) => {
      expect(() => canceledExecution(execution(status), { force: true }, 2000)).toThrow(
        expect.objectContaining({ code: 'InvalidStateTransitionException' }),
      );
    },
  );

  test('needs the version that is there, where one is expected', () => {
    expect(canceledExecution(execution('QUEUED'), { force: false, expectedVersion: 3 }, 2000).version).toBe(4);
    expect(() => canceledExecution(execution('QUEUED'), { force: false, expectedVersion: 2 }, 2000)).toThrow(
      expect.objectContaining({ code: 'VersionConflictException' }),
    );
  });

  test('replaces the status details where new ones are given', () => {
    const statusDetails = { by: 'hand' };
    expect(canceledExecution(execution('QUEUED'), { force: false, statusDetails }, 2000)).toMatchObject({
      statusDetails,
    });
  });
});
