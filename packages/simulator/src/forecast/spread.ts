import type { ForecastSummary } from './summary.ts';

/** The middle and the worst of what runs with different seeds gave. */
export interface Spread {
  readonly median: number;
  readonly worst: number;
}

export interface ForecastSpread {
  readonly runs: number;
  /** How many of them were aborted. */
  readonly aborted: number;
  /** How many had devices left that never end. */
  readonly unsettled: number;
  readonly overAt: Spread;
  /** Devices that failed, were rejected or timed out. */
  readonly failures: Spread;
  /** Of the aborted runs: devices that had begun at the abort, and when it was, in ms since the creation. */
  readonly reached: Spread | undefined;
  readonly abortedAt: Spread | undefined;
}

export function spreadOf(runs: readonly ForecastSummary[]): ForecastSpread {
  const aborts = runs.flatMap(({ abort }) => abort ?? []);
  return {
    runs: runs.length,
    aborted: aborts.length,
    unsettled: runs.filter(({ settled }) => !settled).length,
    overAt: spread(runs.map(({ overAt }) => overAt)) ?? { median: 0, worst: 0 },
    failures: spread(runs.map(failures)) ?? { median: 0, worst: 0 },
    reached: spread(aborts.map(({ reached }) => reached)),
    abortedAt: spread(aborts.map(({ at }) => at)),
  };
}

function failures({ states }: ForecastSummary): number {
  return states.FAILED + states.REJECTED + states.TIMED_OUT;
}

/** More is worse in all that is spread here. Of an even number the upper of the two in the middle. */
function spread(values: readonly number[]): Spread | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1];
  const worst = sorted.at(-1);
  return median === undefined || worst === undefined ? undefined : { median, worst };
}
