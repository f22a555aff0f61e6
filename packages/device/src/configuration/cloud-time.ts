import type { Clock, Timers } from '@greensward/kit';

/**
 * What the cloud's clock shows, as far as the device knows. It decides the times of writes on the device, for a device whose clock is
 * years ahead would otherwise overrule every deployment of those years.
 */
export interface CloudTime {
  /** The cloud said this time a moment ago (`Date` of an answer, epoch ms). The last word counts: its clock may be set back. */
  observe(epochMs: number): void;
  /** The cloud's clock has been at this time (the creation of a deployment), so it is not behind it. */
  observeAtLeast(epochMs: number): void;
  /** Epoch ms, never later than the cloud's clock when that is known; then the machine's clock has no say. */
  now(): number;
}

/** The estimate runs on the monotonic clock, so that a jump of the wall clock moves nothing. */
export function createCloudTime(clock: Clock, timers: Timers): CloudTime {
  let known: { readonly epochMs: number; readonly at: number } | undefined;
  /** The latest time the cloud has surely passed, while its clock itself is not known. */
  let floor = Number.NEGATIVE_INFINITY;
  // Answers take their way and `Date` has whole seconds, so this is behind the cloud, if anything.
  const estimate = () => (known === undefined ? undefined : known.epochMs + (timers.monotonic() - known.at));
  return {
    observe(epochMs) {
      if (Number.isFinite(epochMs)) known = { epochMs, at: timers.monotonic() };
    },
    observeAtLeast(epochMs) {
      const now = estimate();
      if (now === undefined) floor = Math.max(floor, epochMs);
      else if (epochMs > now) known = { epochMs, at: timers.monotonic() };
    },
    now: () => Math.floor(estimate() ?? Math.max(clock.now(), floor)),
  };
}
