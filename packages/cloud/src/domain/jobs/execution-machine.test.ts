import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyDeviceUpdate } from './device-update.ts';
import { endedByService, isTerminal, mayMove, queuedExecution } from './execution-machine.ts';
import type { Execution, ExecutionStatus } from './job.ts';

const start = 1_700_000_000_000;
const minute = 60_000;
const queued = queuedExecution('job', 'core', 1, start);
const statuses: readonly ExecutionStatus[] = [
  'QUEUED',
  'IN_PROGRESS',
  'SUCCEEDED',
  'FAILED',
  'TIMED_OUT',
  'REJECTED',
  'REMOVED',
  'CANCELED',
];

const limited = (minutes: number) => ({ timeoutConfig: { inProgressTimeoutInMinutes: minutes } });

function updated(execution: Execution, status: string, at = start, options = {}): Execution {
  const result = applyDeviceUpdate(execution, { status, ...options }, undefined, at);
  if (!result.ok) throw new Error(result.message);
  return result.execution;
}

describe('a device moves its execution', () => {
  test.each(['IN_PROGRESS', 'SUCCEEDED', 'FAILED', 'REJECTED'])('from QUEUED to %s, one version further', (status) => {
    expect(updated(queued, status)).toMatchObject({ status, version: 2 });
  });

  test.each(['QUEUED', 'CANCELED', 'REMOVED', 'TIMED_OUT', 'FAILURE', 'constructor'])('never to %s', (status) => {
    expect(applyDeviceUpdate(queued, { status }, undefined, start)).toMatchObject({
      ok: false,
      code: 'InvalidRequest',
    });
  });

  test('an identical terminal status is accepted again without a new version', () => {
    const done = updated(queued, 'SUCCEEDED');
    expect(applyDeviceUpdate(done, { status: 'SUCCEEDED' }, undefined, start)).toEqual({
      ok: true,
      changed: false,
      execution: done,
    });
  });

  test('another status after a terminal one is TerminalStateReached', () => {
    const done = updated(queued, 'SUCCEEDED');
    expect(applyDeviceUpdate(done, { status: 'FAILED' }, undefined, start)).toMatchObject({
      ok: false,
      code: 'TerminalStateReached',
    });
  });

  test('an expected version that differs is VersionMismatch', () => {
    expect(applyDeviceUpdate(queued, { status: 'IN_PROGRESS', expectedVersion: 7 }, undefined, start)).toMatchObject({
      ok: false,
      code: 'VersionMismatch',
    });
  });

  test('status details replace the old ones as a whole, and stay when left out', () => {
    const first = updated(queued, 'IN_PROGRESS', start, { statusDetails: { a: '1', b: '2' } });
    expect(updated(first, 'IN_PROGRESS').statusDetails).toEqual({ a: '1', b: '2' });
    expect(updated(first, 'IN_PROGRESS', start, { statusDetails: { c: '3' } }).statusDetails).toEqual({ c: '3' });
  });

  test.each([
    ['more than 10 pairs', Object.fromEntries(Array.from({ length: 11 }, (_, index) => [`k${index}`, 'v']))],
    ['a value longer than 1024', { k: 'v'.repeat(1025) }],
    ['a key with a space', { 'a b': 'v' }],
  ])('status details with %s are refused', (_what, statusDetails) => {
    expect(applyDeviceUpdate(queued, { status: 'IN_PROGRESS', statusDetails }, undefined, start)).toMatchObject({
      ok: false,
      code: 'InvalidRequest',
    });
  });
});

describe('timers', () => {
  test('the in-progress timer starts with the execution and is not restarted', () => {
    const first = applyDeviceUpdate(queued, { status: 'IN_PROGRESS' }, limited(10), start);
    expect(first).toMatchObject({ execution: { timesOutAt: start + 10 * minute, startedAt: start } });
    if (!first.ok) return;
    const second = applyDeviceUpdate(first.execution, { status: 'IN_PROGRESS' }, limited(10), start + 5 * minute);
    expect(second).toMatchObject({ execution: { timesOutAt: start + 10 * minute, startedAt: start } });
  });

  test('the earlier of the in-progress and the step timer fires; -1 clears the step timer', () => {
    const short = applyDeviceUpdate(queued, { status: 'IN_PROGRESS', stepTimeoutInMinutes: 2 }, limited(10), start);
    expect(short).toMatchObject({ execution: { timesOutAt: start + 2 * minute } });
    if (!short.ok) return;
    const cleared = applyDeviceUpdate(
      short.execution,
      { status: 'IN_PROGRESS', stepTimeoutInMinutes: -1 },
      limited(10),
      start,
    );
    expect(cleared).toMatchObject({ execution: { timesOutAt: start + 10 * minute } });
    const long = applyDeviceUpdate(
      short.execution,
      { status: 'IN_PROGRESS', stepTimeoutInMinutes: 60 },
      limited(10),
      start,
    );
    expect(long).toMatchObject({ execution: { timesOutAt: start + 10 * minute } });
  });

  test('a terminal execution has no timer', () => {
    const running = applyDeviceUpdate(queued, { status: 'IN_PROGRESS' }, limited(10), start);
    if (!running.ok) throw new Error(running.message);
    expect(updated(running.execution, 'FAILED')).not.toHaveProperty('timesOutAt');
  });
});

describe('the service moves an execution', () => {
  test('cancel ends what is queued and leaves what runs, unless forced', () => {
    const running = updated(queued, 'IN_PROGRESS');
    expect(endedByService(queued, 'CANCELED', start)).toMatchObject({ status: 'CANCELED', forceCanceled: false });
    expect(endedByService(running, 'CANCELED', start)).toBeUndefined();
    expect(endedByService(running, 'CANCELED', start, true)).toMatchObject({ status: 'CANCELED', forceCanceled: true });
  });

  test('a timer ends only what runs', () => {
    expect(endedByService(queued, 'TIMED_OUT', start)).toBeUndefined();
    expect(endedByService(updated(queued, 'IN_PROGRESS'), 'TIMED_OUT', start)).toMatchObject({ status: 'TIMED_OUT' });
  });
});

describe('whatever device and service do', () => {
  const step = fc.oneof(
    fc.record({
      by: fc.constant('device' as const),
      status: fc.constantFrom(...statuses, 'nonsense'),
      expectedVersion: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
      step: fc.option(fc.constantFrom(-1, 1, 100), { nil: undefined }),
    }),
    fc.record({
      by: fc.constant('service' as const),
      status: fc.constantFrom('CANCELED' as const, 'REMOVED' as const, 'TIMED_OUT' as const),
      force: fc.boolean(),
    }),
  );

  test('versions grow by one a change, terminal is for ever, and only running executions have timers', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 12 }),
        fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
        (steps, timeout) => {
          let execution = queued;
          let now = start;
          for (const action of steps) {
            now += minute;
            const before = execution;
            if (action.by === 'device') {
              const result = applyDeviceUpdate(
                execution,
                {
                  status: action.status,
                  ...(action.expectedVersion === undefined ? {} : { expectedVersion: action.expectedVersion }),
                  ...(action.step === undefined ? {} : { stepTimeoutInMinutes: action.step }),
                },
                timeout === undefined ? undefined : limited(timeout),
                now,
              );
              if (result.ok) execution = result.execution;
            } else {
              execution = endedByService(execution, action.status, now, action.force) ?? execution;
            }
            if (execution === before) continue;
            expect(isTerminal(before.status)).toBe(false);
            expect(execution.version).toBe(before.version + 1);
            expect(
              (['device', 'service', 'force'] as const).some((actor) =>
                mayMove(before.status, execution.status, actor),
              ),
            ).toBe(true);
            if (execution.timesOutAt !== undefined) expect(execution.status).toBe('IN_PROGRESS');
            if (before.startedAt !== undefined) expect(execution.startedAt).toBe(before.startedAt);
          }
        },
      ),
    );
  });
});
