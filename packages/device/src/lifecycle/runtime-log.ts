import type { Log } from '@greensward/kit';
import { LogFile, type LogFileOptions } from './log-file.ts';

type Fields = Readonly<Record<string, unknown>>;

/** `greengrass.log`: what the runtime says of itself, in the form and the sizes of `logging`. Each line is on its way to the disk when the call returns. */
export function createRuntimeLog(options: Omit<LogFileOptions, 'mode'>): Log {
  const file = new LogFile('greengrass', 'main', { ...options, mode: 0o600 });
  const logOf = (bound: Fields): Log => {
    const at = (level: 'DEBUG' | 'INFO' | 'WARN' | 'ERROR') => (message: string, fields?: Fields) => {
      const contexts = Object.entries({ ...bound, ...fields }).flatMap(([key, value]) =>
        value === undefined ? [] : [[key, textOf(value)] as const],
      );
      file.write({ level, event: message, message: '', contexts: Object.fromEntries(contexts) });
      // What is said last, before a death, is what one wants to read.
      file.flush();
    };
    return {
      debug: at('DEBUG'),
      info: at('INFO'),
      warn: at('WARN'),
      error: at('ERROR'),
      child: (fields) => logOf({ ...bound, ...fields }),
    };
  };
  return logOf({});
}

/** On one line, whatever it is. */
function textOf(value: unknown): string {
  const text =
    value instanceof Error ? value.message : typeof value === 'object' ? JSON.stringify(value) : String(value);
  return text.replace(/[\r\n]+/g, ' ');
}
