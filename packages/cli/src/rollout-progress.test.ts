import { describe, expect, test } from 'vitest';
import type { CloudClient, DeploymentProgress } from './cloud-client/cloud-client.ts';
import { endOf, followRollout } from './rollout-progress.ts';

const base: DeploymentProgress = { deploymentId: 'd', status: 'ACTIVE', settled: false, counts: {}, executions: [] };

/** A cloud that answers these one after the other. */
function answering(...answers: readonly Partial<DeploymentProgress>[]): CloudClient {
  const left = [...answers];
  const never = () => Promise.reject(new Error('not asked'));
  return {
    call: never,
    createBucket: never,
    putObject: never,
    deviceEndpoints: never,
    retry: never,
    progress: async () => ({ ...base, ...left.shift() }),
  };
}

async function follow(expected: number, ...answers: readonly Partial<DeploymentProgress>[]) {
  const lines: string[] = [];
  const progress = await followRollout(answering(...answers), 'd', expected, (...line) => lines.push(line.join(' ')));
  return { lines, progress };
}

describe('a rollout that is followed', () => {
  test('tells each change once, and ends when it is settled', async () => {
    const queued = { thing: 'a', status: 'QUEUED' };
    const failed = { thing: 'a', status: 'FAILED', reason: 'no' };
    const { lines } = await follow(
      0,
      { executions: [queued] },
      { executions: [queued] },
      { settled: true, executions: [failed] },
    );
    expect(lines).toEqual(['a QUEUED ', 'a FAILED no']);
  });

  test('waits for as many things as are expected, unless none will come any more', async () => {
    const done = { thing: 'a', status: 'SUCCEEDED' };
    expect((await follow(1, { settled: true }, { settled: true, executions: [done] })).lines).toHaveLength(1);
    const { progress } = await follow(1, { settled: true, status: 'CANCELED' });
    expect(endOf(progress)).toBe('deployment d is CANCELED');
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
