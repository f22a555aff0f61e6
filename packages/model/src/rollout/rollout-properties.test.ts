import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ExecutionCounts, type JobConfiguration, planRollout, type RateState } from './rollout.ts';

// Reference rules, written apart from the planner: fractions of BigInt, and no state but the history of what was enqueued.

interface Fraction {
  readonly over: bigint;
  readonly under: bigint;
}

/** A decimal number as it is written, exactly. */
function exactly(value: number): Fraction {
  const [whole = '0', decimals = ''] = String(value).split('.');
  return { over: BigInt(whole + decimals), under: 10n ** BigInt(decimals.length) };
}

const minute = 60_000;
const start = 1_700_000_000_000;
const none: ExecutionCounts = { succeeded: 0, failed: 0, rejected: 0, timedOut: 0 };

interface Policy {
  readonly maximumPerMinute: number | undefined;
  readonly exponential:
    | { readonly base: number; readonly factor: number; readonly notified?: number; readonly succeeded?: number }
    | undefined;
}

function configOf({ maximumPerMinute, exponential }: Policy): JobConfiguration {
  return {
    jobExecutionsRolloutConfig: {
      maximumPerMinute,
      exponentialRate: exponential && {
        baseRatePerMinute: exponential.base,
        incrementFactor: exponential.factor,
        rateIncreaseCriteria: {
          numberOfNotifiedThings: exponential.notified,
          numberOfSucceededThings: exponential.succeeded,
        },
      },
    },
  };
}

/** min(maximum, floor(base x factor^k)), k the number of times that a criterion was reached, by whichever was first. */
function allowed({ maximumPerMinute, exponential }: Policy, notified: number, succeeded: number): number {
  const maximum = BigInt(maximumPerMinute ?? 1000);
  if (exponential === undefined) return Number(maximum);
  let steps = 0;
  const reached = (count: number, every: number | undefined) => every !== undefined && count >= (steps + 1) * every;
  let rate: Fraction = { over: BigInt(exponential.base), under: 1n };
  const factor = exactly(exponential.factor);
  while (
    rate.over < maximum * rate.under &&
    (reached(notified, exponential.notified) || reached(succeeded, exponential.succeeded))
  ) {
    steps += 1;
    rate = { over: rate.over * factor.over, under: rate.under * factor.under };
  }
  const floor = rate.over / rate.under;
  return Number(floor < maximum ? floor : maximum);
}

const anyPolicy: fc.Arbitrary<Policy> = fc.record({
  maximumPerMinute: fc.option(fc.integer({ min: 1, max: 1000 }), { nil: undefined }),
  exponential: fc.option(
    fc
      .record({
        base: fc.integer({ min: 1, max: 200 }),
        factor: fc.integer({ min: 11, max: 50 }).map((tenths) => tenths / 10),
        notified: fc.integer({ min: 1, max: 300 }),
        succeeded: fc.integer({ min: 1, max: 300 }),
        criteria: fc.constantFrom('notified', 'succeeded', 'both'),
      })
      .map(({ base, factor, notified, succeeded, criteria }) => ({
        base,
        factor,
        ...(criteria === 'succeeded' ? {} : { notified }),
        ...(criteria === 'notified' ? {} : { succeeded }),
      })),
    { nil: undefined },
  ),
});
const anyRate = anyPolicy.filter((policy) => policy.maximumPerMinute !== undefined || policy.exponential !== undefined);

test('for any policy and any answers, no sliding minute has more than its rate, and a rollout comes to its end', () => {
  const answers = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 10 });
  // When the planner is called besides the times that it asks for, and whether its state went through a restart.
  const calls = fc.array(fc.record({ wait: fc.oneof(fc.nat(2000), fc.nat(90_000)), restart: fc.boolean() }), {
    minLength: 1,
    maxLength: 10,
  });
  fc.assert(
    fc.property(anyRate, fc.integer({ min: 1, max: 400 }), answers, calls, (policy, things, shares, turns) => {
      const config = configOf(policy);
      const history: (readonly [at: number, count: number])[] = [];
      let state: RateState | undefined;
      let [now, notified, succeeded] = [start, 0, 0];
      for (let turn = 0; notified < things; turn++) {
        // Each thing takes its minute at the slowest, and asking in between costs a turn more.
        expect(turn).toBeLessThan(4 * things + 100);
        const plan = planRollout({
          config,
          counts: { ...none, succeeded },
          waiting: things - notified,
          joined: 0,
          rate: state,
          now,
        });
        const rate = allowed(policy, notified, succeeded);
        history.push([now, plan.enqueue]);
        const lastMinute = history.filter(([at]) => at > now - minute).reduce((sum, [, count]) => sum + count, 0);
        if (plan.enqueue > 0) expect(lastMinute).toBeLessThanOrEqual(rate);
        notified += plan.enqueue;
        succeeded = Math.max(succeeded, Math.floor(notified * (shares[turn % shares.length] ?? 0)));
        const { wait, restart } = turns[turn % turns.length] ?? { wait: 0, restart: false };
        state = restart ? JSON.parse(JSON.stringify(plan.rate)) : plan.rate;
        if (notified === things) break;
        if (plan.nextAt === undefined) throw new Error('things are left, and no time to go on');
        expect(plan.nextAt).toBeGreaterThan(now);
        expect(plan.nextAt - now).toBeLessThanOrEqual(minute);
        now = turn % 2 === 0 ? Math.min(plan.nextAt, now + wait) : plan.nextAt;
      }
    }),
    { numRuns: 300 },
  );
});

test('a rollout that is planned on time is as fast as its rate, but for a second each minute', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 3000 }), (maximumPerMinute, things) => {
      let state: RateState | undefined;
      let [now, left] = [start, things];
      for (;;) {
        const input = { config: configOf({ maximumPerMinute, exponential: undefined }), counts: none, joined: 0, now };
        const plan = planRollout({ ...input, waiting: left, rate: state });
        left -= plan.enqueue;
        state = plan.rate;
        if (plan.nextAt === undefined) break;
        now = plan.nextAt;
      }
      // The first at once, one more each minute / rate; what is enqueued within one second counts as of its end.
      const wanted = ((things - 1) * minute) / maximumPerMinute;
      expect(now - start).toBeLessThanOrEqual((wanted * 61) / 60 + 1000);
    }),
    { numRuns: 50 },
  );
});

test('an abort is decided as by fractions', () => {
  const failureType = fc.constantFrom('FAILED', 'REJECTED', 'TIMED_OUT', 'ALL');
  const criterion = fc.record({
    failureType,
    // Around the ratios that small counts make, and anywhere.
    thresholdPercentage: fc.oneof(
      fc.integer({ min: 0, max: 10_000 }).map((hundredths) => hundredths / 100),
      fc.constantFrom(0.07, 1.1, 12.5, 14.28, 14.29, 16.66, 16.67, 20, 25, 33.33, 33.34, 50, 66.66, 66.67, 75, 100),
    ),
    minNumberOfExecutedThings: fc.integer({ min: 1, max: 20 }),
  });
  const count = fc.oneof(fc.nat(10), fc.nat(100_000));
  const anyCounts = fc.record({ succeeded: count, failed: count, rejected: count, timedOut: count });
  fc.assert(
    fc.property(fc.array(criterion, { maxLength: 4 }), anyCounts, (criteria, counts) => {
      const criteriaList = criteria.map((each) => ({ ...each, action: 'CANCEL' }));
      const plan = planRollout({
        config: { abortConfig: { criteriaList } },
        counts,
        waiting: 3,
        joined: 2,
        rate: undefined,
        now: start,
      });
      const wanted = criteriaList.find(({ failureType: type, thresholdPercentage, minNumberOfExecutedThings }) => {
        const ends = [
          { type: 'SUCCEEDED', many: counts.succeeded },
          { type: 'FAILED', many: counts.failed },
          { type: 'REJECTED', many: counts.rejected },
          { type: 'TIMED_OUT', many: counts.timedOut },
        ];
        const sum = (list: typeof ends) => list.reduce((total, { many }) => total + BigInt(many), 0n);
        const bad = sum(ends.filter((end) => (type === 'ALL' ? end.type !== 'SUCCEEDED' : end.type === type)));
        const all = sum(ends);
        const threshold = exactly(thresholdPercentage);
        return (
          bad > 0n && all >= BigInt(minNumberOfExecutedThings) && bad * 100n * threshold.under >= threshold.over * all
        );
      });
      expect(plan.abort?.criterion).toEqual(wanted);
      expect([plan.enqueue, plan.enqueueJoined]).toEqual(wanted === undefined ? [3, 2] : [0, 0]);
    }),
    { numRuns: 2000 },
  );
});
