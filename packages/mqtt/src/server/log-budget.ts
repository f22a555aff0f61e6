import type { Log, Timers } from '@greensward/kit';

const WINDOW_MS = 60_000;

/** Logs refusals of one connection, at most `perMinute` lines a minute; what was left out is counted on the next line. */
export class LogBudget {
  readonly #log: Log;
  readonly #timers: Timers;
  readonly #perMinute: number;
  #windowStart = Number.NEGATIVE_INFINITY;
  #written = 0;
  #suppressed = 0;

  constructor(log: Log, timers: Timers, perMinute: number) {
    this.#log = log;
    this.#timers = timers;
    this.#perMinute = perMinute;
  }

  warn(message: string, fields: Readonly<Record<string, unknown>>): void {
    const now = this.#timers.monotonic();
    if (now - this.#windowStart >= WINDOW_MS) {
      this.#windowStart = now;
      this.#written = 0;
    }
    if (this.#written >= this.#perMinute) {
      this.#suppressed++;
      return;
    }
    this.#written++;
    if (this.#suppressed === 0) this.#log.warn(message, fields);
    else this.#log.warn(message, { ...fields, suppressed: this.#suppressed });
    this.#suppressed = 0;
  }
}
