import { randomBytes, randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Clock, Ids, Timers } from '../ports.ts';

/** The machine's wall clock. */
export const systemClock: Clock = { now: () => Date.now() };

/** The machine's timers, unreferenced so that none keeps a process alive. */
export const systemTimers: Timers = {
  after(ms, task) {
    // setTimeout takes at most 2^31-1 ms and fires at once above it.
    const timer = setTimeout(task, Math.min(ms, 0x7fffffff));
    timer.unref();
    return () => clearTimeout(timer);
  },
  monotonic: () => performance.now(),
};

/** The machine's source of randomness. */
export const systemIds: Ids = { uuid: () => randomUUID(), random: (bytes) => randomBytes(bytes) };
