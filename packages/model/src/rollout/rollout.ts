// Planning of a continuous job's rollout (IoT Jobs: rollout rate, abort, timeout). Pure: the state of the rate goes in and comes out.

/** `iotJobConfiguration` of CreateDeployment. Everything may be left out; without a rate nothing is limited. */
export interface JobConfiguration {
  readonly jobExecutionsRolloutConfig?: RolloutConfiguration | undefined;
  readonly abortConfig?: { readonly criteriaList?: readonly AbortCriterion[] | undefined } | undefined;
  readonly timeoutConfig?: { readonly inProgressTimeoutInMinutes?: number | undefined } | undefined;
}

interface RolloutConfiguration {
  /** At most this many devices a minute; 1000 when left out. */
  readonly maximumPerMinute?: number | undefined;
  readonly exponentialRate?:
    | {
        readonly baseRatePerMinute?: number | undefined;
        /** At most one decimal digit. */
        readonly incrementFactor?: number | undefined;
        readonly rateIncreaseCriteria?:
          | {
              readonly numberOfNotifiedThings?: number | undefined;
              readonly numberOfSucceededThings?: number | undefined;
            }
          | undefined;
      }
    | undefined;
}

interface AbortCriterion {
  readonly failureType?: string | undefined;
  readonly action?: string | undefined;
  /** At most two decimal digits. */
  readonly thresholdPercentage?: number | undefined;
  readonly minNumberOfExecutedThings?: number | undefined;
}

/** How many executions of the job end how. Cancelled and removed ones do not count as executed. */
export interface ExecutionCounts {
  readonly succeeded: number;
  readonly failed: number;
  readonly rejected: number;
  readonly timedOut: number;
}

/** What the rate has done so far; plain JSON, stored with the job. */
export interface RateState {
  /** Things enqueued under the rate since the job was created. */
  readonly notified: number;
  /** Credit at `at`, in 1/60000 things (so that a rate per minute accrues in whole numbers per millisecond). */
  readonly credit: number;
  /** Epoch ms of the last plan. */
  readonly at: number;
  /** What was enqueued in the last minute: [epoch ms, how many], oldest first. */
  readonly recent: readonly (readonly [at: number, count: number])[];
}

export interface RolloutInput {
  readonly config: JobConfiguration | undefined;
  readonly counts: ExecutionCounts;
  /** Things of the target's original members that have no execution yet: the rate is for these. */
  readonly waiting: number;
  /** Things that joined the target later and have no execution yet: outside the rate. */
  readonly joined: number;
  /** Of the plan before; undefined for a new job. */
  readonly rate: RateState | undefined;
  /** Epoch ms. */
  readonly now: number;
}

export interface RolloutPlan {
  /** How many of the waiting to enqueue now. */
  readonly enqueue: number;
  readonly enqueueJoined: number;
  /** When to plan again because the rate allows more, epoch ms; undefined: when something happens. */
  readonly nextAt: number | undefined;
  /** To be stored in the transaction that enqueues. */
  readonly rate: RateState;
  /** The job is to be cancelled; nothing more is enqueued. */
  readonly abort: { readonly criterion: AbortCriterion; readonly reason: string } | undefined;
}

const MINUTE = 60_000;
const MAX_PER_MINUTE = 1000;

/**
 * What to do now for a rollout. The rate is spread over the minute (bursts of at most ten seconds' worth, after idling), and in no
 * minute, sliding, is more enqueued than the rate allows.
 */
export function planRollout(input: RolloutInput): RolloutPlan {
  const { config, counts, waiting, joined, now } = input;
  const before = input.rate ?? { notified: 0, credit: MINUTE, at: now, recent: [] };
  const abort = findAbort(config, counts);
  if (abort !== undefined) return { enqueue: 0, enqueueJoined: 0, nextAt: undefined, rate: before, abort };
  const perMinute = ratePerMinute(config?.jobExecutionsRolloutConfig, before.notified, counts.succeeded);
  if (perMinute === undefined) {
    const rate = { ...before, notified: before.notified + waiting, at: now };
    return { enqueue: waiting, enqueueJoined: joined, nextAt: undefined, rate, abort };
  }
  // A clock set back must neither stall the rollout for hours nor let it burst: what is "later" than now happened now.
  const recent = before.recent
    .map(([at, count]) => [Math.min(at, now), count] as const)
    .filter(([at]) => at > now - MINUTE);
  const used = recent.reduce((sum, [, count]) => sum + count, 0);
  const burst = Math.max(MINUTE, perMinute * 10_000);
  const credit = Math.min(burst, before.credit + Math.max(0, now - before.at) * perMinute);
  const enqueue = Math.max(0, Math.min(waiting, Math.floor(credit / MINUTE), perMinute - used));
  const left = credit - enqueue * MINUTE;
  const rate = { notified: before.notified + enqueue, credit: left, at: now, recent: record(recent, now, enqueue) };
  const nextAt = enqueue < waiting ? nextTime(rate, perMinute, now) : undefined;
  return { enqueue, enqueueJoined: joined, nextAt, rate, abort };
}

/** When an execution in progress since `startedAt` times out (epoch ms both), or undefined when it never does. */
export function timesOutAt(startedAt: number, config: JobConfiguration | undefined): number | undefined {
  const minutes = config?.timeoutConfig?.inProgressTimeoutInMinutes;
  return minutes === undefined ? undefined : startedAt + minutes * MINUTE;
}

/** Executions a minute; undefined: no limit. Step k of an exponential rate is floor(base x factor^k), computed exactly. */
export function ratePerMinute(
  config: RolloutConfiguration | undefined,
  notified: number,
  succeeded: number,
): number | undefined {
  if (config === undefined || (config.maximumPerMinute === undefined && config.exponentialRate === undefined))
    return undefined;
  const maximum = Math.min(config.maximumPerMinute ?? MAX_PER_MINUTE, MAX_PER_MINUTE);
  const exponential = config.exponentialRate;
  if (exponential === undefined) return maximum;
  const criteria = exponential.rateIncreaseCriteria;
  const base = Math.max(1, exponential.baseRatePerMinute ?? 1);
  const factor = exponential.incrementFactor ?? 1;
  // Both criteria given: whichever is reached first.
  const steps = Math.max(
    stepsOf(notified, criteria?.numberOfNotifiedThings),
    stepsOf(succeeded, criteria?.numberOfSucceededThings),
  );
  if (factor <= 1) return Math.min(base, maximum);
  const tenths = BigInt(Math.round(factor * 10));
  let numerator = BigInt(base);
  let denominator = 1n;
  for (let step = 0; step < steps; step++) {
    if (numerator >= BigInt(maximum) * denominator) return maximum;
    numerator *= tenths;
    denominator *= 10n;
  }
  return Math.min(Number(numerator / denominator), maximum);
}

function stepsOf(count: number, every: number | undefined): number {
  return every === undefined || every < 1 ? 0 : Math.floor(count / every);
}

/** The first criterion, in order, that the finished executions meet; at least one failure is needed. */
function findAbort(config: JobConfiguration | undefined, counts: ExecutionCounts): RolloutPlan['abort'] {
  const completed = counts.succeeded + counts.failed + counts.rejected + counts.timedOut;
  for (const criterion of config?.abortConfig?.criteriaList ?? []) {
    const failures = failuresOf(criterion.failureType, counts);
    const minimum = criterion.minNumberOfExecutedThings ?? 1;
    const threshold = criterion.thresholdPercentage ?? 100;
    if (failures < 1 || completed < minimum) continue;
    // 100 x failures / completed >= threshold, in hundredths of a percent: exact where floating point is not.
    if (BigInt(failures) * 10_000n < BigInt(Math.round(threshold * 100)) * BigInt(completed)) continue;
    const what = criterion.failureType === 'ALL' ? 'FAILED, REJECTED or TIMED_OUT' : criterion.failureType;
    const reason = `${failures} of ${completed} executed things are ${what}: at least ${threshold} % of at least ${minimum}`;
    return { criterion, reason };
  }
  return undefined;
}

function failuresOf(failureType: string | undefined, counts: ExecutionCounts): number {
  switch (failureType) {
    case 'FAILED':
      return counts.failed;
    case 'REJECTED':
      return counts.rejected;
    case 'TIMED_OUT':
      return counts.timedOut;
    case 'ALL':
      return counts.failed + counts.rejected + counts.timedOut;
    default:
      return 0;
  }
}

/** Adds to the record of the last minute. Entries of one second become one, dated by the latest: never too early. */
function record(recent: RateState['recent'], now: number, count: number): RateState['recent'] {
  if (count === 0) return recent;
  const last = recent.at(-1);
  if (last !== undefined && Math.floor(last[0] / 1000) === Math.floor(now / 1000)) {
    return [...recent.slice(0, -1), [now, last[1] + count]];
  }
  return [...recent, [now, count]];
}

/** The first moment at which one more thing has both its credit and its place in the sliding minute. */
function nextTime(rate: RateState, perMinute: number, now: number): number {
  const accrued = now + Math.max(0, Math.ceil((MINUTE - rate.credit) / perMinute));
  let used = rate.recent.reduce((sum, [, count]) => sum + count, 0);
  for (const [at, count] of rate.recent) {
    if (used < perMinute) break;
    used -= count;
    if (used < perMinute) return Math.max(accrued, at + MINUTE);
  }
  return Math.max(accrued, now + 1);
}
