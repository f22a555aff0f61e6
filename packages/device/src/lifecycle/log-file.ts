import { appendFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Cancel, type Clock, messageOf, type Timers } from '@greensward/kit';
import type { LogSettings } from '../configuration/device-config.ts';

/** One line of a log. */
export interface LogLine {
  readonly level: LogSettings['level'];
  readonly event: string;
  readonly message: string;
  readonly contexts: Readonly<Record<string, string>>;
}

export interface LogFileOptions {
  /** Where the files are; exists. */
  readonly folder: string;
  readonly clock: Clock;
  readonly timers: Timers;
  /** `logging` of the runtime, read at each line. */
  readonly settings: () => LogSettings;
  /** Of a new file. */
  readonly mode: number;
  /** Told once, until writing works again: a full disk must not end the components whose output cannot be kept. */
  readonly onFailure: (reason: string) => void;
}

/** Lines are collected this long, so that a chatty component costs one write and not one a line. */
const flushMs = 50;
/** More than this is written at once. */
const flushBytes = 64 * 1024;
const levels: readonly LogSettings['level'][] = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR'];

/** The log `<name>.log`, put aside by size and hour as `<name>_yyyy_MM_dd_HH_<n>.log`; the oldest of these are deleted at the limit. */
export class LogFile {
  readonly #name: string;
  readonly #thread: string;
  readonly #options: LogFileOptions;
  readonly #path: string;
  #pending: string[] = [];
  #pendingBytes = 0;
  #cancel: Cancel | undefined;
  #failed = false;

  /** `thread`: what the lines say that wrote them. */
  constructor(name: string, thread: string, options: LogFileOptions) {
    this.#name = name;
    this.#thread = thread;
    this.#options = options;
    this.#path = join(options.folder, `${name}.log`);
  }

  /** Drops a line below the level that is wanted. */
  write(line: LogLine): void {
    const { level, format } = this.#options.settings();
    if (levels.indexOf(line.level) < levels.indexOf(level)) return;
    const text = (format === 'JSON' ? jsonLine : textLine)(this.#name, this.#thread, this.#options.clock.now(), line);
    this.#pending.push(text);
    this.#pendingBytes += text.length;
    if (this.#pendingBytes >= flushBytes) this.flush();
    else this.#cancel ??= this.#options.timers.after(flushMs, () => this.flush());
  }

  /** Writes what is pending; the file is open only meanwhile. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#pending.length === 0) return;
    const text = this.#pending.join('');
    this.#pending = [];
    this.#pendingBytes = 0;
    try {
      this.#rotate();
      appendFileSync(this.#path, text, { mode: this.#options.mode });
      this.#failed = false;
    } catch (error) {
      if (!this.#failed) this.#options.onFailure(messageOf(error));
      this.#failed = true;
    }
  }

  #rotate(): void {
    const { clock, folder } = this.#options;
    const { fileBytes, totalBytes } = this.#options.settings();
    const found = statSync(this.#path, { throwIfNoEntry: false });
    if (!found?.isFile() || found.size === 0) return;
    const hour = hourOf(found.mtimeMs);
    if (found.size < fileBytes && hour === hourOf(clock.now())) return;
    const aside = this.#putAside();
    const numbers = aside.filter((file) => file.hour === hour).map((file) => file.number);
    const number = Math.max(-1, ...numbers) + 1;
    renameSync(this.#path, join(folder, `${this.#name}_${hour}_${number}.log`));
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
      if (!name.startsWith(`${this.#name}_`)) continue;
      const parts = /^(\d{4}_\d\d_\d\d_\d\d)_(\d{1,9})\.log$/.exec(name.slice(this.#name.length + 1));
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

/** The JSON form of the reference runtime. */
function jsonLine(name: string, thread: string, at: number, { level, event, message, contexts }: LogLine): string {
  const line = { thread, level, eventType: event, message, contexts, loggerName: name, timestamp: at };
  return `${JSON.stringify(line)}\n`;
}

/** The text form of the reference runtime: time, level, thread, logger, event, message, contexts. */
function textLine(name: string, thread: string, at: number, { level, event, message, contexts }: LogLine): string {
  const pairs = Object.entries(contexts).map(([key, value]) => `${key}=${value}`);
  const said = [event, message].filter((part) => part !== '').join('. ');
  return `${new Date(at).toISOString()} [${level}] (${thread}) ${name}: ${said}. {${pairs.join(', ')}}\n`;
}
