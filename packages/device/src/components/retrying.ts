import {
  type Backoff,
  backoffDelay,
  delay,
  type Ids,
  isRetryable,
  type Log,
  messageOf,
  type Timers,
} from '@greensward/kit';

export interface RetryDeps {
  readonly timers: Timers;
  readonly ids: Ids;
  readonly log: Log;
  /** After this many milliseconds of failures without any progress the last fault is final. */
  readonly retryLimitMs: number;
}

const backoff: Backoff = { firstMs: 1_000, maxMs: 60_000 };

/**
 * Runs `task` until it succeeds, fails with a fault that is not retryable, or the signal aborts. `task` calls `progressed`
 * whenever bytes arrived: a slow line is not a failing one.
 */
export async function retrying<T>(
  deps: RetryDeps,
  what: string,
  signal: AbortSignal,
  task: (progressed: () => void) => Promise<T>,
): Promise<T> {
  let since = deps.timers.monotonic();
  let attempt = 0;
  const progressed = () => {
    since = deps.timers.monotonic();
    attempt = 0;
  };
  for (;;) {
    signal.throwIfAborted();
    try {
      return await task(progressed);
    } catch (error) {
      if (signal.aborted || !isRetryable(error) || deps.timers.monotonic() - since >= deps.retryLimitMs) throw error;
      attempt += 1;
      const waitMs = Math.round(backoffDelay(backoff, attempt, chance(deps.ids)));
      deps.log.warn(`${what} failed, will be tried again`, { waitMs, reason: messageOf(error) });
      await delay(deps.timers, waitMs, signal);
    }
  }
}

/** A number in [0, 1). */
function chance(ids: Ids): number {
  return new DataView(Uint8Array.from(ids.random(4)).buffer).getUint32(0) / 2 ** 32;
}

/**
 * Runs `task` for every item, at most `limit` at once. The first failure aborts the others; it is thrown when none of them
 * runs any more.
 */
export async function inParallel<T>(
  items: readonly T[],
  limit: number,
  signal: AbortSignal,
  task: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) {
      either.throwIfAborted();
      await task(item, either);
    }
  };
  const workers = Array.from({ length: Math.min(limit, items.length) }, async () => {
    try {
      await worker();
    } catch (error) {
      failure.abort(error);
    }
  });
  await Promise.all(workers);
  signal.throwIfAborted();
  failure.signal.throwIfAborted();
}
