import type { DeploymentIoTJobConfiguration } from '@aws-sdk/client-greengrassv2';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ExecutionCounts, type JobConfiguration, planRollout, type RateState, timesOutAt } from './rollout.ts';

const none: ExecutionCounts = { succeeded: 0, failed: 0, rejected: 0, timedOut: 0 };
const start = 1_700_000_000_000;

const rate = (over: JobConfiguration['jobExecutionsRolloutConfig']): JobConfiguration => ({
  jobExecutionsRolloutConfig: over,
});

/** Runs a rollout of `things` to its end, planning whenever the plan says; returns when how many were enqueued. */
function simulate(
  config: JobConfiguration,
  things: number,
  succeededOf: (notified: number) => number = () => 0,
): [number, number][] {
  const enqueued: [number, number][] = [];
  let state: RateState | undefined;
  let now = start;
  for (let waiting = things; waiting > 0; ) {
    const counts = { ...none, succeeded: succeededOf(things - waiting) };
    const plan = planRollout({ config, counts, waiting, joined: 0, rate: state, now });
    if (plan.enqueue > 0) enqueued.push([now - start, plan.enqueue]);
    waiting -= plan.enqueue;
    state = plan.rate;
    if (waiting === 0) break;
    if (plan.nextAt === undefined || plan.nextAt <= now) throw new Error('no next time');
    now = plan.nextAt;
  }
  return enqueued;
}

const inMinute = (enqueued: [number, number][], minute: number) =>
  enqueued.filter(([at]) => Math.floor(at / 60_000) === minute).reduce((sum, [, count]) => sum + count, 0);

describe('the rate', () => {
  test('without a configuration there is no limit', () => {
    const plan = planRollout({
      config: undefined,
      counts: none,
      waiting: 5000,
      joined: 3,
      rate: undefined,
      now: start,
    });
    expect(plan).toMatchObject({ enqueue: 5000, enqueueJoined: 3, nextAt: undefined, abort: undefined });
  });

  test('a constant rate is spread over the minute', () => {
    const enqueued = simulate(rate({ maximumPerMinute: 60 }), 180);
    expect([0, 1, 2].map((minute) => inMinute(enqueued, minute))).toEqual([60, 60, 60]);
    expect(enqueued.every(([at, count]) => count === 1 && at % 1000 === 0)).toBe(true);
    expect(simulate(rate({ maximumPerMinute: 1 }), 3)).toEqual([
      [0, 1],
      [60_000, 1],
      [120_000, 1],
    ]);
  });

  test('1000 a minute is the cap', () => {
    const enqueued = simulate(
      rate({
        exponentialRate: {
          baseRatePerMinute: 1000,
          incrementFactor: 5,
          rateIncreaseCriteria: { numberOfNotifiedThings: 1 },
        },
      }),
      3000,
    );
    expect([0, 1, 2].map((minute) => inMinute(enqueued, minute))).toEqual([1000, 1000, 1000]);
  });

  test('things that joined later do not wait for the rate, and do not use it', () => {
    const plan = planRollout({
      config: rate({ maximumPerMinute: 1 }),
      counts: none,
      waiting: 10,
      joined: 7,
      rate: undefined,
      now: start,
    });
    expect(plan).toMatchObject({ enqueue: 1, enqueueJoined: 7, nextAt: start + 60_000 });
  });

  test('an exponential rate steps up with every so many notified things', () => {
    const config = rate({
      exponentialRate: {
        baseRatePerMinute: 50,
        incrementFactor: 2,
        rateIncreaseCriteria: { numberOfNotifiedThings: 1000 },
      },
      maximumPerMinute: 1000,
    });
    const perMinute = (notified: number) => {
      const state: RateState = { notified, credit: 0, at: start, recent: [] };
      const { nextAt } = planRollout({ config, counts: none, waiting: 1, joined: 0, rate: state, now: start });
      return Math.round(60_000 / ((nextAt ?? 0) - start));
    };
    expect([0, 999, 1000, 1999, 2000, 3000, 4000, 9000].map(perMinute)).toEqual([
      50, 50, 100, 100, 200, 400, 800, 1000,
    ]);
    const enqueued = simulate(config, 1100);
    expect([0, 1, 19, 20].map((minute) => inMinute(enqueued, minute))).toEqual([50, 50, 50, 100]);
  });

  test('with succeeded things as the criterion, silent devices hold the rate down', () => {
    const config = rate({
      exponentialRate: {
        baseRatePerMinute: 10,
        incrementFactor: 1.5,
        rateIncreaseCriteria: { numberOfSucceededThings: 10 },
      },
    });
    expect(inMinute(simulate(config, 40), 2)).toBe(10);
    const perMinute = (succeeded: number) => {
      const state: RateState = { notified: 500, credit: 0, at: start, recent: [] };
      const plan = planRollout({
        config,
        counts: { ...none, succeeded },
        waiting: 1,
        joined: 0,
        rate: state,
        now: start,
      });
      return Math.floor(60_000 / ((plan.nextAt ?? 0) - start) + 0.1);
    };
    // floor(10 x 1.5^k)
    expect([0, 9, 10, 20, 30].map(perMinute)).toEqual([10, 10, 15, 22, 33]);
  });

  test('an increase with one decimal digit is computed exactly', () => {
    const config = rate({
      exponentialRate: {
        baseRatePerMinute: 100,
        incrementFactor: 1.4,
        rateIncreaseCriteria: { numberOfSucceededThings: 1 },
      },
    });
    const state: RateState = { notified: 0, credit: 1e9, at: start, recent: [[start - 1, 195]] };
    const plan = (succeeded: number) =>
      planRollout({ config, counts: { ...none, succeeded }, waiting: 9, joined: 0, rate: state, now: start }).enqueue;
    expect(plan(1)).toBe(0);
    expect(plan(2)).toBe(1); // 100 x 1.4 x 1.4 is 196, not 195.99...
  });

  test('the configuration is the one of the SDK', () => {
    const config: DeploymentIoTJobConfiguration = { jobExecutionsRolloutConfig: { maximumPerMinute: 2 } };
    expect(planRollout({ config, counts: none, waiting: 9, joined: 0, rate: undefined, now: start }).enqueue).toBe(1);
  });

  test('a clock set back neither stalls nor bursts', () => {
    const config = rate({ maximumPerMinute: 60 });
    const first = planRollout({ config, counts: none, waiting: 100, joined: 0, rate: undefined, now: start });
    const back = planRollout({
      config,
      counts: none,
      waiting: 99,
      joined: 0,
      rate: first.rate,
      now: start - 3_600_000,
    });
    expect(back.enqueue).toBe(0);
    expect(back.nextAt).toBe(start - 3_600_000 + 1000);
  });

  test('in no sliding minute is the rate exceeded, however often it is planned', () => {
    const ticks = fc.array(fc.tuple(fc.oneof(fc.nat(3000), fc.nat(70_000)), fc.nat(400)), {
      minLength: 5,
      maxLength: 150,
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), ticks, (maximumPerMinute, waits) => {
        const enqueued: [number, number][] = [];
        let state: RateState | undefined;
        let now = start;
        for (const [wait, waiting] of waits) {
          now += wait;
          const plan = planRollout({
            config: rate({ maximumPerMinute }),
            counts: none,
            waiting,
            joined: 0,
            rate: state,
            now,
          });
          state = plan.rate;
          if (plan.enqueue < waiting) expect(plan.nextAt).toBeGreaterThan(now);
          expect(plan.enqueue).toBeLessThanOrEqual(waiting);
          enqueued.push([now, plan.enqueue]);
          const lastMinute = enqueued.filter(([at]) => at > now - 60_000).reduce((sum, [, count]) => sum + count, 0);
          expect(lastMinute).toBeLessThanOrEqual(maximumPerMinute);
          expect(state.recent.length).toBeLessThan(70);
        }
      }),
    );
  });
});

describe('abort', () => {
  const abortOf = (criteria: [string, number, number][], counts: Partial<ExecutionCounts>) => {
    const criteriaList = criteria.map(([failureType, thresholdPercentage, minNumberOfExecutedThings]) => ({
      failureType,
      action: 'CANCEL',
      thresholdPercentage,
      minNumberOfExecutedThings,
    }));
    return planRollout({
      config: { abortConfig: { criteriaList } },
      counts: { ...none, ...counts },
      waiting: 5,
      joined: 1,
      rate: undefined,
      now: start,
    });
  };
  const aborts = (type: string, threshold: number, minimum: number, counts: Partial<ExecutionCounts>) =>
    abortOf([[type, threshold, minimum]], counts).abort !== undefined;

  test('happens at exactly the threshold, not just under it', () => {
    expect(aborts('FAILED', 20, 5, { failed: 1, succeeded: 4 })).toBe(true);
    expect(aborts('FAILED', 20.01, 5, { failed: 1, succeeded: 4 })).toBe(false);
    expect(aborts('FAILED', 33.33, 1, { failed: 1, succeeded: 2 })).toBe(true);
    expect(aborts('FAILED', 33.34, 1, { failed: 1, succeeded: 2 })).toBe(false);
    // 100 * 7 / 100 is 7.000000000000001 in floating point
    expect(aborts('FAILED', 0.07, 1, { failed: 7, succeeded: 9993 })).toBe(true);
    expect(aborts('FAILED', 100, 1, { failed: 3 })).toBe(true);
  });

  test('waits for enough executed things and for a failure', () => {
    expect(aborts('ALL', 10, 10, { failed: 9 })).toBe(false);
    expect(aborts('ALL', 10, 10, { failed: 9, succeeded: 1 })).toBe(true);
    expect(aborts('ALL', 0, 1, { succeeded: 5 })).toBe(false);
    expect(aborts('ALL', 0, 1, { succeeded: 500, rejected: 1 })).toBe(true);
  });

  test('each failure type counts its own, ALL counts all', () => {
    const counts = { failed: 1, rejected: 2, timedOut: 3, succeeded: 4 };
    expect([10, 10.01].map((threshold) => aborts('FAILED', threshold, 1, counts))).toEqual([true, false]);
    expect([20, 20.01].map((threshold) => aborts('REJECTED', threshold, 1, counts))).toEqual([true, false]);
    expect([30, 30.01].map((threshold) => aborts('TIMED_OUT', threshold, 1, counts))).toEqual([true, false]);
    expect([60, 60.01].map((threshold) => aborts('ALL', threshold, 1, counts))).toEqual([true, false]);
  });

  test('the first criterion met in list order aborts, says why, and nothing more is enqueued', () => {
    const plan = abortOf(
      [
        ['FAILED', 90, 1],
        ['TIMED_OUT', 10, 1],
        ['ALL', 1, 1],
      ],
      { timedOut: 1, succeeded: 3 },
    );
    expect(plan).toMatchObject({ enqueue: 0, enqueueJoined: 0, abort: { criterion: { failureType: 'TIMED_OUT' } } });
    expect(plan.abort?.reason).toBe('1 of 4 executed things are TIMED_OUT: at least 10 % of at least 1');
  });
});

test('an execution times out so many minutes after it began, or never', () => {
  expect(timesOutAt(start, { timeoutConfig: { inProgressTimeoutInMinutes: 30 } })).toBe(start + 1_800_000);
  expect(timesOutAt(start, {})).toBeUndefined();
  expect(timesOutAt(start, undefined)).toBeUndefined();
});
