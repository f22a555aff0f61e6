import { type Clock, Fault, type Log, type Timers } from '@greensward/kit';
import type { LogSettings } from '../configuration/device-config.ts';
import { LogFile, type LogLine } from './log-file.ts';

/** One line of a component's log. */
export interface ComponentLine extends LogLine {
  readonly level: 'INFO' | 'WARN' | 'ERROR';
}

export interface ComponentLogsOptions {
  /** Where the files are; exists. */
  readonly folder: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  /** `logging` of the runtime, read at each line. */
  readonly settings: () => LogSettings;
}

/** The log files of components. */
export interface ComponentLogs {
  /** Throws Fault `COMPONENT_NAME_INVALID` for what cannot be a component's name. */
  log(component: string): (line: ComponentLine) => void;
  /** Writes out what is not on disk yet. */
  close(): void;
}

export function createComponentLogs({ log, ...options }: ComponentLogsOptions): ComponentLogs {
  const files = new Map<string, LogFile>();
  return {
    log(component) {
      if (!/^[A-Za-z0-9_.-]{1,128}$/.test(component)) {
        throw new Fault('COMPONENT_NAME_INVALID', `${JSON.stringify(component)} is not a component name`);
      }
      const onFailure = (reason: string) => log.error('a component log cannot be written', { component, reason });
      const file = files.get(component) ?? new LogFile(component, 'Copier', { ...options, mode: 0o644, onFailure });
      files.set(component, file);
      return (line) => file.write(line);
    },
    close() {
      for (const file of files.values()) file.flush();
    },
  };
}
