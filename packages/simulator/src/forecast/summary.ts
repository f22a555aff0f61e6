import type { DeviceCourse, DeviceState, Forecast, ForecastAbort, RatePhase } from './forecast.ts';

/** Times are ms since the creation; undefined: that many are never reached. */
export interface ForecastSummary {
  readonly devices: number;
  readonly notified: Times;
  /** Devices that ended, however they did. */
  readonly ended: Times;
  readonly succeeded: Times;
  /** How many devices stand where when nothing happens any more. */
  readonly states: Readonly<Record<DeviceState, number>>;
  /** When nothing happens any more. */
  readonly overAt: number;
  /** No device has it queued or in progress then. */
  readonly settled: boolean;
  /** Most devices told within any 60 seconds. */
  readonly peakPerMinute: number;
  readonly phases: readonly RatePhase[];
  readonly abort: ForecastAbort | undefined;
}

/** When 50, 95 and 100 % of all devices got there. */
export interface Times {
  readonly p50: number | undefined;
  readonly p95: number | undefined;
  readonly p100: number | undefined;
}

const minute = 60_000;

export function summarize({ courses, phases, abort }: Forecast): ForecastSummary {
  const { length: devices } = courses;
  const states: Record<DeviceState, number> = { ...noDevices };
  for (const { state } of courses) states[state]++;
  const notified = timesOf(courses, ({ notifiedAt }) => notifiedAt);
  const started = timesOf(courses, ({ startedAt }) => startedAt);
  const ended = timesOf(courses, ({ endedAt }) => endedAt);
  const succeeded = timesOf(courses, ({ endedAt, state }) => (state === 'SUCCEEDED' ? endedAt : undefined));
  return {
    devices,
    notified: reachedAt(notified, devices),
    ended: reachedAt(ended, devices),
    succeeded: reachedAt(succeeded, devices),
    states,
    overAt: Math.max(0, abort?.at ?? 0, ...[notified, started, ended].map((times) => times.at(-1) ?? 0)),
    settled: states.QUEUED === 0 && states.IN_PROGRESS === 0,
    peakPerMinute: peak(notified),
    phases,
    abort,
  };
}

export const noDevices: Readonly<Record<DeviceState, number>> = {
  WAITING: 0,
  QUEUED: 0,
  IN_PROGRESS: 0,
  SUCCEEDED: 0,
  FAILED: 0,
  REJECTED: 0,
  TIMED_OUT: 0,
  CANCELED: 0,
};

function timesOf(courses: readonly DeviceCourse[], of: (course: DeviceCourse) => number | undefined): Float64Array {
  return Float64Array.from(courses.flatMap((course) => of(course) ?? [])).sort();
}

function reachedAt(sorted: Float64Array, devices: number): Times {
  const at = (share: number) => sorted[Math.max(1, Math.ceil(devices * share)) - 1];
  return { p50: at(0.5), p95: at(0.95), p100: at(1) };
}

function peak(sorted: Float64Array): number {
  let most = 0;
  let first = 0;
  for (let last = 0; last < sorted.length; last++) {
    while ((sorted[first] ?? 0) <= (sorted[last] ?? 0) - minute) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
