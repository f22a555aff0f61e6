/** Wall-clock time, epoch milliseconds. It may jump; never use it to measure a duration. */
export interface Clock {
  now(): number;
}

/** Undoes a timer; calling it again does nothing. */
export type Cancel = () => void;

/** Timers and durations on a monotonic clock, in milliseconds. */
export interface Timers {
  /** Runs `task` once after `ms`. The timer does not keep the process alive. */
  after(ms: number, task: () => void): Cancel;
  /** Monotonic milliseconds since an arbitrary start. */
  monotonic(): number;
}

/** Unique ids and secrets. */
export interface Ids {
  /** A random UUID (version 4), lower case. */
  uuid(): string;
  /** `bytes` random bytes of cryptographic quality. */
  random(bytes: number): Uint8Array;
}

/** Structured log. `fields` never hold a secret. */
export interface Log {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** A log whose every line also has `fields`. */
  child(fields: Readonly<Record<string, unknown>>): Log;
}

/** A log that drops everything; for tests and libraries used without a log. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};
