const minute = 60_000;

/**
 * When the earlier of both timers fires, after an update. Only that is stored: without a new step timer the one that runs
 * keeps running; -1 clears it and leaves the in-progress timer.
 */
export function stepTimesOutAt(
  inProgress: number | undefined,
  running: number | undefined,
  stepMinutes: number | undefined,
  now: number,
): number | undefined {
  const step = stepMinutes === undefined ? running : stepMinutes === -1 ? undefined : now + stepMinutes * minute;
  if (inProgress === undefined) return step;
  return step === undefined ? inProgress : Math.min(inProgress, step);
}

/** IoT Jobs `approximateSecondsBeforeTimedOut`: whole seconds left, 0 at the least; undefined without a timer. */
export function secondsBeforeTimedOut(timesOutAt: number | undefined, now: number): number | undefined {
  return timesOutAt === undefined ? undefined : Math.max(0, Math.ceil((timesOutAt - now) / 1000));
}
