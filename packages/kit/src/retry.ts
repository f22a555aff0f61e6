import { Fault } from './fault.ts';
import type { Timers } from './ports.ts';

/** Exponential backoff with full jitter in the upper half: [d/2, d], d doubling from `firstMs` to `maxMs`. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** The delay before attempt `attempt` + 1, in milliseconds. `attempt` counts from 1; `chance` is in [0, 1). */
export function backoffDelay(backoff: Backoff, attempt: number, chance: number): number {
  const ceiling = Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(attempt - 1, 30));
  return ceiling / 2 + chance * (ceiling / 2);
}

/** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
export function delay(timers: Timers, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = timers.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** True when `error` is a {@link Fault} that says the same call may succeed later. */
export function isRetryable(error: unknown): boolean {
  return error instanceof Fault && error.retryable;
}
