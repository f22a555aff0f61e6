const secondMs = 1000;

/**
 * When an execution of a thing is queued, epoch ms. Devices ignore one that was queued before the last they have seen, so
 * the time never goes back for a thing, whatever the clock does; and of two they take the earlier first, so that a job that
 * was made earlier comes first. The same job `again` is taken for a repeat within the second that it was seen in.
 */
export function queuedAtAfter(last: number, now: number, again = false): number {
  return Math.max(now, again ? (Math.floor(last / secondMs) + 1) * secondMs : last + 1);
}
