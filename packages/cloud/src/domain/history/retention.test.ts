import { describe, expect, test } from 'vitest';
import { type Keepsake, mayForget } from './retention.ts';

const day = 86_400_000;
const now = 1_700_000_000_000;
const retention = { jobsMs: 90 * day, revisions: 3, eventsMs: day, auditMs: day };
const replaced: Keepsake = {
  deploymentId: 'd',
  jobId: 'j',
  revision: 9,
  newestRevision: 10,
  latest: false,
  status: 'INACTIVE',
  jobStatus: 'CANCELED',
  endedAt: now - 89 * day,
};

describe('a deployment that is over', () => {
  test.each([
    ['is kept for its time', {}, false],
    ['goes at the end of its time', { endedAt: now - 90 * day }, true],
    ['goes earlier when its target has too many', { revision: 7 }, true],
    ['is one of as many as are kept', { revision: 8 }, false],
    ['stays while it stands for its target', { endedAt: 0, latest: true }, false],
    ['stays when it is the last of its target', { endedAt: 0, revision: 10 }, false],
    ['stays while it is active', { endedAt: 0, status: 'ACTIVE' as const }, false],
    ['stays while its job is in progress', { endedAt: 0, jobStatus: 'IN_PROGRESS' as const }, false],
  ])('%s', (_what, members, expected) => {
    expect(mayForget({ ...replaced, ...members }, retention, now)).toBe(expected);
  });
});
