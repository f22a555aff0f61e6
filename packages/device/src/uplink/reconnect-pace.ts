import { type Backoff, backoffDelay } from '@greensward/kit';

/** A connection that held this long was a good one (CRT: minimum connected time before retry reset). */
const stableMs = 30_000;
/** A server that takes every connection and drops it is met with at most this many doublings. */
const maxShortLived = 7;
const standard: Backoff = { firstMs: 1_000, maxMs: 120_000 };
const quick: Backoff = { firstMs: 250, maxMs: 250 };

/** What the last connections were like. */
export interface PaceHistory {
  /** Attempts in a row that never got as far as being usable. */
  readonly failed: number;
  /** Usable connections in a row that did not hold. */
  readonly shortLived: number;
}

export const freshPace: PaceHistory = { failed: 0, shortLived: 0 };

/** `usableMs`: how long the connection was usable; undefined when it never was. */
export function afterConnection(history: PaceHistory, usableMs: number | undefined): PaceHistory {
  if (usableMs === undefined) return { ...history, failed: history.failed + 1 };
  if (usableMs >= stableMs) return freshPace;
  return { failed: 0, shortLived: Math.min(maxShortLived, history.shortLived + 1) };
}

/**
 * Milliseconds to wait before the next attempt, never near 0. After a connection that held, or the very first failure, a
 * quarter of a second at most: a restarted cloud is found at once. Then `backoff`: 1 s doubling to 120 s unless configured. `chance` is in [0, 1).
 */
export function reconnectDelay(history: PaceHistory, chance: number, backoff: Backoff = standard): number {
  const step = history.failed + history.shortLived - 1;
  return Math.round(step < 1 ? backoffDelay(quick, 1, chance) : backoffDelay(backoff, step, chance));
}
