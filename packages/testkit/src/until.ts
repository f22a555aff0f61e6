import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Calls `probe` until it gives something else than undefined or false, and returns that. Fails with `what` after `limitMs`;
 * an error of the last call is its cause.
 */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = 30_000,
): Promise<T> {
  const end = performance.now() + limitMs;
  let cause: unknown;
  while (performance.now() < end) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await sleep(25);
  }
  throw new Error(`not within ${limitMs} ms: ${what}`, { cause });
}
