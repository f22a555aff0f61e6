import type { DeviceState, Forecast } from './forecast.ts';
import { noDevices } from './summary.ts';

/** How many devices stood where at one moment, in ms since the creation; together all of them. */
export interface CurvePoint {
  readonly at: number;
  readonly states: Readonly<Record<DeviceState, number>>;
}

/** `points` moments from the creation to `until`, evenly apart; the last one is `until` itself. */
export function curveOf({ courses, abort }: Forecast, until: number, points: number): readonly CurvePoint[] {
  const moments = Array.from({ length: points }, (_, index) => Math.round((until * index) / Math.max(1, points - 1)));
  /** The first moment at or after a time; `points` when all are before it. */
  const momentOf = (time: number | undefined): number => {
    if (time === undefined || time > until) return points;
    let index = 0;
    for (let end = points; index < end; ) {
      const middle = (index + end) >> 1;
      if ((moments[middle] ?? 0) < time) index = middle + 1;
      else end = middle;
    }
    return index;
  };
  const changes = moments.map(() => ({ ...noDevices }));
  for (const course of courses) {
    const { state, notifiedAt, startedAt, endedAt } = course;
    const steps: readonly (readonly [DeviceState, number])[] = [
      ['WAITING', 0],
      ['QUEUED', momentOf(notifiedAt)],
      ['IN_PROGRESS', momentOf(startedAt)],
      [state, momentOf(state === 'CANCELED' ? abort?.at : endedAt)],
    ];
    steps.forEach(([into, from], index) => {
      const at = changes[from];
      if (at === undefined) return;
      at[into]++;
      const before = steps.slice(0, index).findLast(([, entered]) => entered < points);
      if (before !== undefined) at[before[0]]--;
    });
  }
  const total = { ...noDevices };
  return changes.map((change, index) => {
    for (const state of stateNames) total[state] += change[state];
    return { at: moments[index] ?? 0, states: { ...total } };
  });
}

const stateNames: readonly DeviceState[] = [
  'WAITING',
  'QUEUED',
  'IN_PROGRESS',
  'SUCCEEDED',
  'FAILED',
  'REJECTED',
  'TIMED_OUT',
  'CANCELED',
];
