import { describe, expect, test } from 'vitest';
import type { CloudClient, DeploymentProgress, Followed, RolloutState } from './cloud-client/cloud-client.ts';
import { endOf, followRollout } from './rollout-progress.ts';

const base: DeploymentProgress = { deploymentId: 'd', status: 'ACTIVE', settled: false, counts: {}, executions: [] };

/** A cloud in which this happens to the deployment, and nothing after it. */
function inWhich(...happens: readonly Followed[]): CloudClient {
  const never = () => Promise.reject(new Error('not asked'));
  return {
    call: never,
    createBucket: never,
    putObject: never,
    deviceEndpoints: never,
    retry: never,
    progress: async () => base,
    async *follow() {
      yield* happens;
      throw new Error('still followed');
    },
  };
}

const moved = (thing: string, to: string, reason?: string): Followed => ({
  kind: 'transition',
  subject: 'execution',
  thing,
  to,
  ...(reason === undefined ? {} : { reason }),
});
const state = (members: Partial<RolloutState>): Followed => ({ kind: 'rollout', ...base, ...members });

async function follow(expected: number, ...happens: readonly Followed[]) {
  const lines: string[] = [];
  await followRollout(inWhich(...happens), 'd', expected, (...line) => lines.push(line.join(' ')));
  return lines;
}

describe('a rollout that is followed', () => {
  test('tells the last of the changes that come together, and ends when it is settled', async () => {
    const lines = await follow(
      0,
      moved('a', 'QUEUED'),
      state({ counts: { QUEUED: 1 } }),
      moved('a', 'IN_PROGRESS'),
      moved('b', 'QUEUED'),
      moved('a', 'FAILED', 'no'),
      state({ counts: { QUEUED: 1, FAILED: 1 } }),
      moved('b', 'SUCCEEDED'),
      state({ settled: true }),
    );
    expect(lines).toEqual(['a QUEUED ', 'a FAILED no', 'b QUEUED ', 'b SUCCEEDED ']);
  });

  test('waits for as many things as are expected, unless none will come any more', async () => {
    const done = state({ settled: true, counts: { SUCCEEDED: 1 } });
    expect(await follow(1, state({ settled: true }), moved('a', 'SUCCEEDED'), done)).toEqual(['a SUCCEEDED ']);
    expect(await follow(1, state({ settled: true, status: 'CANCELED' }))).toEqual([]);
  });

  test('is followed no longer than it is there', async () => {
    expect(await follow(1, { kind: 'transition', subject: 'deployment', to: 'DELETED' })).toEqual([]);
  });
});

test.each([
  ['ACTIVE', undefined, undefined],
  ['COMPLETED', undefined, undefined],
  ['FAILED', 'Aborted: 2 of 2', 'deployment d is FAILED: Aborted: 2 of 2'],
  ['INACTIVE', undefined, 'deployment d is INACTIVE: a newer deployment of the same target took its place'],
])('the end of a deployment that is %s', (status, statusReason, text) => {
  expect(endOf({ ...base, status, ...(statusReason === undefined ? {} : { statusReason }) })).toBe(text);
});
