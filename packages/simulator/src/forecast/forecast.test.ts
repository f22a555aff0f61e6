import type { JobConfiguration } from '@greensward/model/rollout';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Behaviour, flawless } from '../behaviour/behaviour.ts';
import { curveOf } from './curve.ts';
import { type DeviceCourse, type Forecast, type ForecastInput, forecast } from './forecast.ts';
import { summarize } from './summary.ts';

const minute = 60_000;

const share = fc.integer({ min: 0, max: 30 }).map((percent) => percent / 100);
const behaviours: fc.Arbitrary<Behaviour> = fc
  .tuple(share, share, share, share, fc.integer({ min: 0, max: 5 * minute }), fc.integer({ min: 0, max: 5 * minute }))
  .map(([failureRate, rejectionRate, silentRate, offlineRate, least, more]) => ({
    failureRate,
    rejectionRate,
    silentRate,
    offlineRate,
    latencyMs: { min: least, max: least + more },
    offlineMs: { min: 0, max: 20 * minute },
  }));

const counts = fc.integer({ min: 1, max: 60 });
const criteria = fc.record({
  failureType: fc.constantFrom('FAILED', 'REJECTED', 'TIMED_OUT', 'ALL'),
  action: fc.constant('CANCEL'),
  thresholdPercentage: fc.integer({ min: 0, max: 4000 }).map((hundredths) => hundredths / 100),
  minNumberOfExecutedThings: counts,
});
const configurations: fc.Arbitrary<JobConfiguration> = fc.record(
  {
    jobExecutionsRolloutConfig: fc.oneof(
      fc.record({ maximumPerMinute: fc.integer({ min: 1, max: 300 }) }),
      fc.record({
        maximumPerMinute: fc.integer({ min: 20, max: 300 }),
        exponentialRate: fc.record({
          baseRatePerMinute: fc.integer({ min: 1, max: 50 }),
          incrementFactor: fc.integer({ min: 11, max: 50 }).map((tenths) => tenths / 10),
          rateIncreaseCriteria: fc.oneof(
            fc.record({ numberOfNotifiedThings: counts }),
            fc.record({ numberOfSucceededThings: counts }),
          ),
        }),
      }),
    ),
    abortConfig: fc.record({ criteriaList: fc.array(criteria, { minLength: 1, maxLength: 3 }) }),
    timeoutConfig: fc.record({ inProgressTimeoutInMinutes: fc.integer({ min: 1, max: 8 }) }),
  },
  { requiredKeys: [] },
);
const inputs: fc.Arbitrary<ForecastInput> = fc.record({
  config: configurations,
  devices: fc.integer({ min: 1, max: 400 }),
  behaviour: behaviours,
  seed: fc.integer({ min: 0, max: 0xffff_ffff }),
});

/** When a criterion is first met, found the slow way: after each moment at which devices ended, over all that ended by then. */
function abortsAt({ config }: ForecastInput, { courses }: Forecast): number | undefined {
  const moments = [...new Set(courses.flatMap(({ endedAt }) => endedAt ?? []))].sort((a, b) => a - b);
  return moments.find((moment) => {
    const ended = courses.filter(({ endedAt }) => endedAt !== undefined && endedAt <= moment);
    return config.abortConfig?.criteriaList?.some((criterion) => {
      const types = criterion.failureType === 'ALL' ? ['FAILED', 'REJECTED', 'TIMED_OUT'] : [criterion.failureType];
      const failures = ended.filter(({ state }) => types.includes(state)).length;
      const hundredths = Math.round((criterion.thresholdPercentage ?? 0) * 100);
      const enough = ended.length >= (criterion.minNumberOfExecutedThings ?? 0);
      return failures > 0 && enough && failures * 10_000 >= hundredths * ended.length;
    });
  });
}

function times(courses: readonly DeviceCourse[], of: (course: DeviceCourse) => number | undefined): number[] {
  return courses.flatMap((course) => of(course) ?? []).sort((a, b) => a - b);
}

describe('for any policy and fleet', () => {
  test('the abort is at the moment that a slow reference finds', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const result = forecast(input);
        expect(result.abort?.at).toBe(abortsAt(input, result));
        const { abort } = result;
        if (abort === undefined) return;
        const begun = result.courses.filter(({ startedAt }) => startedAt !== undefined && startedAt <= abort.at);
        expect(abort.reached).toBe(begun.length);
        for (const { notifiedAt, startedAt } of result.courses) {
          expect(notifiedAt ?? 0).toBeLessThanOrEqual(abort.at);
          expect(startedAt ?? 0).toBeLessThanOrEqual(abort.at);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('in no sliding minute more devices are notified than the rate of its last moment allows', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const { courses, phases } = forecast(input);
        const notified = times(courses, ({ notifiedAt }) => notifiedAt);
        for (const [index, at] of notified.entries()) {
          const limit = phases.findLast((phase) => phase.at <= at)?.perMinute ?? Number.POSITIVE_INFINITY;
          const first = notified.findIndex((time) => time > at - minute);
          expect(index - first + 1).toBeLessThanOrEqual(limit);
        }
      }),
    );
  });

  test('at every point of the curve each device is in one state, and the last point is the end', () => {
    fc.assert(
      fc.property(inputs, fc.integer({ min: 2, max: 40 }), (input, points) => {
        const result = forecast(input);
        const { overAt, states } = summarize(result);
        const curve = curveOf(result, overAt, points);
        for (const { at, states: counted } of curve) {
          expect(Object.values(counted).reduce((a, b) => a + b, 0)).toBe(input.devices);
          const notified = result.courses.filter(({ notifiedAt }) => notifiedAt !== undefined && notifiedAt <= at);
          expect(counted.WAITING).toBe(input.devices - notified.length);
          const succeeded = result.courses.filter(
            ({ state, endedAt }) => state === 'SUCCEEDED' && (endedAt ?? 0) <= at,
          );
          expect(counted.SUCCEEDED).toBe(succeeded.length);
        }
        expect(curve.at(-1)?.states).toEqual(states);
      }),
    );
  });

  test('without an abort every device is notified, and ends unless it is silent and nothing times it out', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const { courses, abort } = forecast(input);
        if (abort !== undefined) return;
        const ends = input.config.timeoutConfig !== undefined || input.behaviour.silentRate === 0;
        for (const course of courses) {
          expect(course.notifiedAt).toBeDefined();
          if (ends) expect(course.endedAt).toBeDefined();
        }
      }),
    );
  });

  test('the same seed gives the same forecast', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        expect(forecast(input)).toEqual(forecast(input));
      }),
      { numRuns: 20 },
    );
  });
});

test('a policy that changes nothing about a device meets the same fleet', () => {
  const behaviour = { ...flawless, failureRate: 0.3 };
  const ends = (config: JobConfiguration) =>
    forecast({ config, devices: 200, behaviour, seed: 7 }).courses.map(({ state }) => state);
  expect(ends({ jobExecutionsRolloutConfig: { maximumPerMinute: 10 } })).toEqual(ends({}));
});

test('a constant rate gives the time by simple arithmetic', () => {
  const config = { jobExecutionsRolloutConfig: { maximumPerMinute: 100 } };
  const behaviour = { ...flawless, latencyMs: { min: 1000, max: 1000 } };
  const { notified, succeeded, peakPerMinute, settled } = summarize(
    forecast({ config, devices: 1001, behaviour, seed: 1 }),
  );
  // The planner may lag behind its rate by seconds, and is never ahead of it.
  expect(notified.p100).toBeGreaterThanOrEqual(10 * minute);
  expect(notified.p100).toBeLessThan(10 * minute + 15_000);
  expect(succeeded.p100).toBe((notified.p100 ?? 0) + 1000);
  expect(peakPerMinute).toBe(100);
  expect(settled).toBe(true);
});

test('a silent device that nothing times out keeps the rollout from settling', () => {
  const behaviour = { ...flawless, silentRate: 1 };
  const { states, settled, ended } = summarize(forecast({ config: {}, devices: 3, behaviour, seed: 1 }));
  expect(states.IN_PROGRESS).toBe(3);
  expect(settled).toBe(false);
  expect(ended.p50).toBeUndefined();
});

test('a device that answers after its timeout has timed out', () => {
  const config = { timeoutConfig: { inProgressTimeoutInMinutes: 1 } };
  const behaviour = { ...flawless, latencyMs: { min: 2 * minute, max: 2 * minute } };
  const [course] = forecast({ config, devices: 1, behaviour, seed: 1 }).courses;
  expect(course).toMatchObject({ state: 'TIMED_OUT', endedAt: minute });
});
