import type { Clock, Log } from '../ports.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

const ranks: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** A log that writes one JSON object a line: time (ISO 8601), level, message, then the fields. */
export function lineLog(
  write: (line: string) => void,
  clock: Clock,
  /** Lines below it are dropped; a function is asked at each line. */
  level: LogLevel | (() => LogLevel) = 'info',
  bound: Readonly<Record<string, unknown>> = {},
): Log {
  const at = (rank: LogLevel) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
    if (ranks[rank] < ranks[typeof level === 'function' ? level() : level]) return;
    const time = new Date(clock.now()).toISOString();
    write(`${JSON.stringify({ time, level: rank, message, ...bound, ...fields }, readable)}\n`);
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => lineLog(write, clock, level, { ...bound, ...fields }),
  };
}

function readable(_key: string, value: unknown): unknown {
  if (value instanceof Error) return value.message;
  return typeof value === 'bigint' ? value.toString() : value;
}
