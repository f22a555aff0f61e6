import type { Clock } from '@greensward/kit';
import type { Storage } from '../ports/storage.ts';

const hourMs = 3_600_000;

/** Forgets answers kept for client tokens once their 8 hours are over; hourly. */
export async function pruneTick({
  storage,
  clock,
}: {
  readonly storage: Storage;
  readonly clock: Clock;
}): Promise<{ readonly nextAt?: number }> {
  const now = clock.now();
  await storage.write((tx) => tx.idempotency.prune(now));
  return { nextAt: now + hourMs };
}
