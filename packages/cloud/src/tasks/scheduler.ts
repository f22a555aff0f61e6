import { backoffDelay, type Cancel, type Clock, type Log, type Timers } from '@greensward/kit';

/** A background task: idempotent, without input; it reads the state itself and caps its work. */
export interface Task {
  readonly name: string;
  /** Does what is due now. `nextAt`: epoch ms when there will be work again without a signal; in the past: at once. */
  tick(): Promise<{ readonly nextAt?: number }>;
  /** Looks again after this many ms at the latest, signal or not. */
  readonly maxIdleMs: number;
}

/** Runs one task. A signal during a tick makes one more follow; two ticks of a task never overlap. */
export interface Scheduler {
  signal(): void;
  /** Resolves when the running tick is over; none starts after that. */
  stop(): Promise<void>;
}

const backoff = { firstMs: 500, maxMs: 60_000 };
/** Between two ticks of a task that is signalled without pause: what came meanwhile is one tick's work. */
const signalGapMs = 25;

/**
 * Modes: idle (a timer waits), running, stopped. They change only in `run`, `signal` and `stop`. A tick that throws is
 * logged and tried again, later each time: a task never dies of an error.
 */
export function createScheduler(
  task: Task,
  { timers, clock, log, chance }: { timers: Timers; clock: Clock; log: Log; chance: () => number },
): Scheduler {
  let mode: 'idle' | 'running' | 'stopped' = 'idle';
  let again = false;
  let failures = 0;
  let timer: Cancel | undefined;
  let running: Promise<void> = Promise.resolve();

  const start = (): void => {
    if (mode !== 'idle') return;
    timer?.();
    timer = undefined;
    mode = 'running';
    running = run();
  };

  const run = async (): Promise<void> => {
    let waitMs = task.maxIdleMs;
    try {
      const { nextAt } = await task.tick();
      failures = 0;
      if (nextAt !== undefined) waitMs = Math.min(waitMs, Math.max(0, nextAt - clock.now()));
    } catch (error) {
      failures += 1;
      waitMs = backoffDelay(backoff, failures, chance());
      log.error('a background task failed; it will be tried again', { task: task.name, failures, waitMs, error });
    }
    if (mode === 'stopped') return;
    mode = 'idle';
    if (again && failures === 0) waitMs = Math.min(waitMs, signalGapMs);
    again = false;
    timer = timers.after(waitMs, start);
  };

  start();

  return {
    signal() {
      if (mode === 'running') again = true;
      else if (failures === 0) start(); // After a failure the delay holds, or a busy bus would turn it into a hot loop.
    },
    async stop() {
      mode = 'stopped';
      timer?.();
      await running;
    },
  };
}
