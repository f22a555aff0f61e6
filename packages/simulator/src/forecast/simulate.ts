import type { JobConfiguration } from '@greensward/model/rollout';
import type { Behaviour } from '../behaviour/behaviour.ts';
import { type CurvePoint, curveOf } from './curve.ts';
import { forecast } from './forecast.ts';
import { reportOf } from './report.ts';
import { type ForecastSpread, spreadOf } from './spread.ts';
import { type ForecastSummary, summarize } from './summary.ts';

const columns = 72;

export interface Simulation {
  /** Of the first seed. */
  readonly summary: ForecastSummary;
  readonly curve: readonly CurvePoint[];
  readonly spread: ForecastSpread;
}

/** Forecasts for `runs` seeds, from `seed` on. */
export function simulate(input: {
  readonly config: JobConfiguration;
  readonly devices: number;
  readonly behaviour: Behaviour;
  readonly seed: number;
  readonly runs: number;
}): Simulation {
  const { seed, runs } = input;
  const first = forecast(input);
  const summary = summarize(first);
  const curve = curveOf(first, summary.overAt, columns);
  const others = Array.from({ length: runs - 1 }, (_, index) =>
    summarize(forecast({ ...input, seed: seed + index + 1 })),
  );
  return { summary, curve, spread: spreadOf([summary, ...others]) };
}

export function textOf({ summary, curve, spread }: Simulation): string {
  return reportOf(summary, curve, spread);
}
