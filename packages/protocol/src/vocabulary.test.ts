import { expect, test } from 'vitest';
import { deploymentErrorTypeOf, isTerminal, JOB_EXECUTION_STATUSES } from './vocabulary.ts';

test('error codes know their type', () => {
  expect(deploymentErrorTypeOf('DEPLOYMENT_FAILURE')).toBe('NONE');
  expect(deploymentErrorTypeOf('DISK_SPACE_CRITICAL')).toBe('DEVICE_ERROR');
  expect(deploymentErrorTypeOf('S3_ACCESS_DENIED')).toBe('PERMISSION_ERROR');
  expect(deploymentErrorTypeOf('constructor')).toBeUndefined();
});

test('all but queued and running executions have ended', () => {
  expect(JOB_EXECUTION_STATUSES.filter((status) => !isTerminal(status))).toEqual(['QUEUED', 'IN_PROGRESS']);
});
