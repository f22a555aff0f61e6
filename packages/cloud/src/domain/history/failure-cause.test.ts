import { describe, expect, test } from 'vitest';
import type { Execution } from '../jobs/job.ts';
import { failureCause } from './failure-cause.ts';
import { plainText } from './plain-text.ts';

const failed = (thing: string, cause: string, rest: Partial<Execution> = {}): Execution => ({
  jobId: 'job',
  thing,
  number: 1,
  status: 'FAILED',
  version: 2,
  statusDetails: { 'deployment-failure-cause': cause },
  queuedAt: 1,
  updatedAt: 2,
  forceCanceled: false,
  ...rest,
});

describe('the cause of a failure', () => {
  test.each([
    ['no space left on /var/lib/greengrass/core-1/work', 'no space left on {path}'],
    ['cannot write C:\\greengrass\\work\\a.bin: full', 'cannot write {path}: full'],
    ['core-1 timed out after 120 s, pid 4711', '{thing} timed out after # s, pid #'],
    ['GET https://10.0.0.7:8443/x?sig=abc failed with 403', 'GET {url} failed with #'],
    ['connect ECONNREFUSED 10.1.2.3:8883', 'connect ECONNREFUSED {address}:#'],
    ['at 2026-01-02T03:04:05.678Z: no answer', 'at {time}: no answer'],
    ['deployment 0b5e0d4e-0f5c-4a8b-9a53-3f4f8a1c2d3e is gone', 'deployment {id} is gone'],
    ['digest deadbeef01234567 does not match', 'digest {id} does not match'],
    ['com.example.App 1.2.3 needs 2.0.0', 'com.example.App 1.2.3 needs 2.0.0'],
    ['two\nlines\u0000and\ud800 a half', 'two lines and\ufffd a half'],
    ['', ''],
  ])('%j is compared as %j', (told, cause) => {
    expect(failureCause(failed('core-1', told))).toEqual({ status: 'FAILED', errorCode: '', cause });
  });

  test('is the most specific code of the error stack, in full words where fleet status brought them', () => {
    const execution = failed('a', 'cut', {
      statusDetails: {
        'deployment-error-stack': '["DEPLOYMENT_FAILURE","DISK_FULL"]',
        'deployment-failure-cause': 'cut',
      },
      outcome: { failureCause: 'the whole text' },
    });
    expect(failureCause(execution)).toEqual({ status: 'FAILED', errorCode: 'DISK_FULL', cause: 'the whole text' });
  });

  test('a short name of a thing does not eat into words', () => {
    expect(failureCause(failed('a', 'a bad thing'))?.cause).toBe('a bad thing');
  });

  test('a large text costs no more than its beginning', () => {
    expect(failureCause(failed('core', '/a'.repeat(4000)))?.cause.length).toBeLessThanOrEqual(200);
    expect(failureCause(failed('core', '1.'.repeat(4000)))?.cause.length).toBeLessThanOrEqual(200);
  });

  test.each(['QUEUED', 'IN_PROGRESS', 'SUCCEEDED', 'CANCELED', 'REMOVED'] as const)('%s is no failure', (status) => {
    expect(failureCause(failed('a', 'x', { status }))).toBeUndefined();
  });
});

test('a text is never cut inside a character', () => {
  expect(plainText('ab😀', 3)).toBe('ab');
  expect(plainText('ab😀', 4)).toBe('ab😀');
});
