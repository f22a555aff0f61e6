import { appendFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Cancel, type Clock, Fault, type Log, messageOf, type Timers } from '@greensward/kit';
import type { LogSettings } from '../configuration/device-config.ts';

/** One line of a component's log. */
export interface ComponentLine {
  readonly level: 'INFO' | 'WARN' | 'ERROR';
  readonly event: string;
  readonly message: string;
  readonly contexts: Readonly<Record<string, string>>;
}

export interface ComponentLogsOptions {
  /** Where the files are; exists. */
  readonly folder: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  /** A file larger than this is put aside. Default 1 MiB. */
  readonly fileBytes?: number;
  /** Limit of all files of one component; the oldest are deleted. Default 10 MiB. */
  readonly totalBytes?: number;
  /** `logging` of the runtime, read at each line; it wins over the two above. */
  readonly settings?: () => LogSettings;
}

/** The log files of components: `<component>.log`, put aside by size and hour as `<component>_yyyy_MM_dd_HH_<n>.log`. */
export interface ComponentLogs {
  /** Throws Fault `COMPONENT_NAME_INVALID` for what cannot be a component's name. */
  log(component: string): (line: ComponentLine) => void;
  /** Writes out what is not on disk yet. */
  close(): void;
}

/** Lines are collected this long, so that a chatty component costs one write and not one a line. */
const flushMs = 50;
/** More than this is written at once. */
const flushBytes = 64 * 1024;

export function createComponentLogs(options: ComponentLogsOptions): ComponentLogs {
  const files = new Map<string, LogFile>();
  return {
    log(component) {
      if (!/^[A-Za-z0-9_.-]{1,128}$/.test(component)) {
        throw new Fault('COMPONENT_NAME_INVALID', `${JSON.stringify(component)} is not a component name`);
      }
      const file = files.get(component) ?? new LogFile(component, options);
      files.set(component, file);
      return (line) => {
        const { level = 'INFO', format = 'TEXT' } = options.settings?.() ?? {};
        if (levels.indexOf(line.level) < levels.indexOf(level)) return;
        const write = format === 'JSON' ? jsonLine : formatLine;
        file.write(write(component, options.clock.now(), line));
      };
    },
    close() {
      for (const file of files.values()) file.close();
    },
  };
}

const levels: readonly LogSettings['level'][] = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR'];

/** The JSON form of the reference runtime. */
function jsonLine(component: string, at: number, { level, event, message, contexts }: ComponentLine): string {
  const line = { thread: 'Copier', level, eventType: event, message, contexts, loggerName: component, timestamp: at };
  return `${JSON.stringify(line)}\n`;
}

/** The text form of the reference runtime: time, level, thread, logger, event, message, contexts. */
function formatLine(component: string, at: number, line: ComponentLine): string {
  const contexts = Object.entries(line.contexts).map(([key, value]) => `${key}=${value}`);
  const message = line.message === '' ? '' : ` ${line.message}.`;
  const time = new Date(at).toISOString();
  return `${time} [${line.level}] (Copier) ${component}: ${line.event}.${message} {${contexts.join(', ')}}\n`;
}

class LogFile {
  readonly #component: string;
  readonly #options: ComponentLogsOptions;
  readonly #path: string;
  #pending: string[] = [];
  #pendingBytes = 0;
  #cancel: Cancel | undefined;
  #failed = false;

  constructor(component: string, options: ComponentLogsOptions) {
    this.#component = component;
    this.#options = options;
    this.#path = join(options.folder, `${component}.log`);
  }

  write(line: string): void {
    this.#pending.push(line);
    this.#pendingBytes += line.length;
    if (this.#pendingBytes >= flushBytes) this.close();
    else this.#cancel ??= this.#options.timers.after(flushMs, () => this.close());
  }

  /** Writes what is pending; the file is open only meanwhile. */
  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#pending.length === 0) return;
    const text = this.#pending.join('');
    this.#pending = [];
    this.#pendingBytes = 0;
    try {
      this.#rotate();
      appendFileSync(this.#path, text, { mode: 0o644 });
      this.#failed = false;
    } catch (error) {
      // A full disk must not end the components whose output cannot be kept. Said once, not for each line.
      if (!this.#failed) {
        this.#options.log.error('a component log cannot be written', {
          component: this.#component,
          reason: messageOf(error),
        });
      }
      this.#failed = true;
    }
  }

  #rotate(): void {
    const { clock, folder } = this.#options;
    const { fileBytes = 1024 * 1024, totalBytes = 10 * 1024 * 1024 } = this.#options.settings?.() ?? this.#options;
    const found = statSync(this.#path, { throwIfNoEntry: false });
    if (found === undefined || found.size === 0) return;
    const hour = hourOf(found.mtimeMs);
    if (found.size < fileBytes && hour === hourOf(clock.now())) return;
    const aside = this.#putAside();
    const numbers = aside.filter((file) => file.hour === hour).map((file) => file.number);
    const number = Math.max(-1, ...numbers) + 1;
    renameSync(this.#path, join(folder, `${this.#component}_${hour}_${number}.log`));
    let total = 0;
    for (const file of this.#putAside()) {
      total += file.size;
      // Room for the file that is written now is kept free.
      if (total > totalBytes - fileBytes) rmSync(join(folder, file.name), { force: true });
    }
  }

  /** Files put aside, newest first. */
  #putAside(): { name: string; hour: string; number: number; size: number }[] {
    const { folder } = this.#options;
    const files: { name: string; hour: string; number: number; size: number }[] = [];
    for (const name of readdirSync(folder)) {
      if (!name.startsWith(`${this.#component}_`)) continue;
      const parts = /^(\d{4}_\d\d_\d\d_\d\d)_(\d{1,9})\.log$/.exec(name.slice(this.#component.length + 1));
      const [, hour, number] = parts ?? [];
      if (hour === undefined || number === undefined) continue;
      const size = statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
      files.push({ name, hour, number: Number(number), size });
    }
    return files.sort((a, b) => (a.hour === b.hour ? b.number - a.number : a.hour < b.hour ? 1 : -1));
  }
}

function hourOf(at: number): string {
  return new Date(at).toISOString().slice(0, 13).replace(/[-T]/g, '_');
}
