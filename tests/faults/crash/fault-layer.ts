// Loaded into a device process before its main (`node --import`): writes down every operation on files, the database and
// processes, and ends the process at the one it is told, as SIGKILL does. It changes nothing else.
import child from 'node:child_process';
import fs, { type PathLike } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join, relative, resolve, sep } from 'node:path';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { type FaultSettings, faultVariable, type Operation } from './journal.ts';

/** Folders below the root whose content no run depends on: what is written there is no point. */
const uncounted = ['logs'];

const settings: FaultSettings = JSON.parse(process.env[faultVariable] ?? 'null');
const { stop } = settings;
const root = fs.realpathSync(settings.root);
const raw = { ...fs, kill: process.kill.bind(process) };
const journal = raw.openSync(settings.journal, 'a');
let points = 0;

function die(): never {
  raw.kill(process.pid, 'SIGKILL');
  throw new Error('unreachable');
}

/** Begins an operation; what it returns is called with the entry when it is complete. */
function begin(): (operation: Operation) => void {
  points += 1;
  const point = points;
  if (stop?.when === 'before' && stop.point === point) die();
  return (operation) => {
    raw.writeSync(journal, `${JSON.stringify({ point, ...operation })}\n`);
    if (stop?.when === 'after' && stop.point === point) die();
  };
}

/** The path below the root; undefined for anything else, and for what is not counted. */
function below(path: unknown): string | undefined {
  let text = resolve(String(path));
  // A folder that is held open and reached by its descriptor.
  const held = /^\/proc\/self\/fd\/(\d+)(\/.*)?$/.exec(text);
  if (held) text = join(raw.readlinkSync(`/proc/self/fd/${held[1]}`), held[2] ?? '');
  const path_ = relative(root, text);
  const [first = ''] = path_.split(sep);
  return first === '..' || uncounted.includes(first) ? undefined : path_ || '.';
}

/** The lines of ours that asked for it, the innermost first. */
function site(): string {
  const lines = (new Error().stack ?? '').split('\n').filter((line) => line.includes('/packages/'));
  return lines
    .slice(0, 3)
    .map((line) => line.replace(/^.*\/packages\//, '').replace(/:\d+\)?$/, ''))
    .join(' < ');
}

const text = (data: unknown): string => bytesOf(data).toString('base64');
function bytesOf(data: unknown): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  throw new Error('the fault layer knows texts and bytes only');
}
const modeOf = (options: unknown, standard: number): number => {
  const mode = typeof options === 'object' && options !== null && 'mode' in options ? options.mode : undefined;
  return typeof mode === 'number' ? mode : standard;
};

type Work = (...args: never[]) => unknown;
/** Puts a wrapper in the place of a function of one of Node's objects. */
function wrap(target: object, name: string, make: (original: (...args: unknown[]) => unknown, self: unknown) => Work) {
  const original: unknown = Reflect.get(target, name);
  if (typeof original !== 'function') throw new Error(`Node has no ${name}`);
  Reflect.set(target, name, function (this: unknown, ...args: never[]) {
    return make((...all) => Reflect.apply(original, this, all), this)(...args);
  });
}

/** An operation on one path, synchronous or not: `entry` says what it was, from its arguments. */
function wrapPath(target: object, name: string, entry: (path: string, ...args: unknown[]) => Operation) {
  wrap(target, name, (original) => (path: PathLike, ...args: unknown[]) => {
    const at = below(path);
    if (at === undefined) return original(path, ...args);
    const done = begin();
    const result = original(path, ...args);
    if (!(result instanceof Promise)) {
      done(entry(at, ...args));
      return result;
    }
    return result.then((value: unknown) => {
      done(entry(at, ...args));
      return value;
    });
  });
}

const replace = (path: string, data: unknown, options?: unknown): Operation => {
  return { op: 'replace', path, data: text(data), mode: modeOf(options, 0o666) };
};
const rename = (path: string, to: unknown): Operation => ({ op: 'rename', path, to: below(to) ?? String(to) });
const remove = (path: string): Operation => ({ op: 'remove', path });
const folder = (path: string, options?: unknown): Operation => ({ op: 'folder', path, mode: modeOf(options, 0o777) });
const mode = (path: string, value: unknown): Operation => ({ op: 'mode', path, mode: Number(value) });

wrapPath(fs, 'writeFileSync', replace);
wrapPath(fs, 'renameSync', rename);
wrapPath(fs, 'rmSync', remove);
wrapPath(fs, 'unlinkSync', remove);
wrapPath(fs, 'mkdirSync', folder);
wrapPath(fs, 'chmodSync', mode);
wrapPath(promises, 'writeFile', replace);
wrapPath(promises, 'rename', rename);
wrapPath(promises, 'rm', remove);
wrapPath(promises, 'unlink', remove);
wrapPath(promises, 'mkdir', folder);
wrapPath(promises, 'chmod', mode);
wrap(promises, 'copyFile', (original) => async (from: PathLike, to: PathLike, flags?: number) => {
  const at = below(to);
  if (at === undefined) return original(from, to, flags);
  const done = begin();
  await original(from, to, flags);
  const { mode } = raw.statSync(to);
  done({ op: 'replace', path: at, data: raw.readFileSync(to, 'base64'), mode: mode & 0o7777 });
});
wrap(promises, 'symlink', (original) => async (target: PathLike, path: PathLike) => {
  const at = below(path);
  if (at === undefined) return original(target, path);
  const done = begin();
  await original(target, path);
  done({ op: 'link', path: at, target: String(target) });
});

// Handles: an open that can make a file is an operation, and so is each write and sync through it.
const paths = new WeakMap<object, string>();
const opens = (flags: unknown) => typeof flags === 'string' && /[wa]/.test(flags);
const opened = (path: string, flags: unknown, mode: unknown): Operation => {
  return { op: 'open', path, truncate: String(flags).startsWith('w'), mode: typeof mode === 'number' ? mode : 0o666 };
};
const anyHandle = await promises.open('/dev/null');
const handles: object = Object.getPrototypeOf(anyHandle);
await anyHandle.close();

wrap(promises, 'open', (original) => async (path: PathLike, flags?: unknown, mode?: unknown) => {
  const at = below(path);
  const done = at !== undefined && opens(flags) ? begin() : undefined;
  const handle = await original(path, flags, mode);
  if (at !== undefined && typeof handle === 'object' && handle !== null) paths.set(handle, at);
  if (at !== undefined) done?.(opened(at, flags, mode));
  return handle;
});
function wrapHandle(name: string, entry: (path: string, site: string, ...args: unknown[]) => Operation) {
  wrap(handles, name, (original, self) => async (...args: unknown[]) => {
    const at = typeof self === 'object' && self !== null ? paths.get(self) : undefined;
    if (at === undefined) return original(...args);
    const asked = site();
    const done = begin();
    const result = await original(...args);
    done(entry(at, asked, ...args));
    return result;
  });
}
wrapHandle('writeFile', (path, _site, data) => ({ op: 'write', path, data: text(data) }));
wrapHandle('appendFile', (path, _site, data) => ({ op: 'write', path, data: text(data) }));
wrapHandle('sync', (path, asked) => ({ op: 'sync', path, site: asked }));
wrapHandle('datasync', (path, asked) => ({ op: 'sync', path, site: asked }));
wrapHandle('chmod', (path, _site, value) => ({ op: 'mode', path, mode: Number(value) }));

// Write streams work with descriptors and callbacks.
const streams = new Map<number, { readonly path: string; readonly site: string }>();
const streamSites = new Map<string, string>();
type Callback = (error: Error | null, ...more: unknown[]) => void;
wrap(fs, 'createWriteStream', (original) => (path: PathLike, options: unknown) => {
  streamSites.set(String(path), site());
  return original(path, options);
});
wrap(fs, 'open', (original) => (path: PathLike, flags: unknown, mode: unknown, callback: Callback) => {
  const at = below(path);
  if (at === undefined || !opens(flags)) return original(path, flags, mode, callback);
  const done = begin();
  return original(path, flags, mode, (error: Error | null, fd: number) => {
    if (error === null) {
      streams.set(fd, { path: at, site: `${streamSites.get(String(path))} flush` });
      done(opened(at, flags, mode));
    }
    callback(error, fd);
  });
});
function wrapStream(name: string, entry: (of: { path: string; site: string }, ...args: unknown[]) => Operation) {
  wrap(fs, name, (original) => (fd: number, ...args: unknown[]) => {
    const of = streams.get(fd);
    const callback = args.at(-1);
    if (of === undefined || typeof callback !== 'function') return original(fd, ...args);
    const done = begin();
    return original(fd, ...args.slice(0, -1), (error: Error | null, ...more: unknown[]) => {
      if (error === null) done(entry(of, ...args));
      callback(error, ...more);
    });
  });
}
wrapStream('write', ({ path }, data, offset, length) => {
  const all = bytesOf(data);
  const end = typeof length === 'number' && typeof offset === 'number' ? offset + length : all.length;
  const piece = all.subarray(typeof offset === 'number' ? offset : 0, end);
  return { op: 'write', path, data: piece.toString('base64') };
});
wrapStream('writev', ({ path }, pieces) => {
  const all = Array.isArray(pieces) ? pieces.map(bytesOf) : [];
  return { op: 'write', path, data: Buffer.concat(all).toString('base64') };
});
wrapStream('fsync', ({ path, site }) => ({ op: 'sync', path, site }));
wrap(fs, 'close', (original) => (fd: number, callback: Callback) => {
  streams.delete(fd);
  return original(fd, callback);
});

// Descriptors without callbacks.
wrap(fs, 'openSync', (original) => (path: PathLike, flags?: unknown, mode?: unknown) => {
  const at = below(path);
  const done = at !== undefined && opens(flags) ? begin() : undefined;
  const fd = original(path, flags, mode);
  if (at !== undefined && typeof fd === 'number') streams.set(fd, { path: at, site: '' });
  if (at !== undefined) done?.(opened(at, flags, mode));
  return fd;
});
function wrapDescriptor(name: string, entry: (path: string, ...args: unknown[]) => Operation) {
  wrap(fs, name, (original) => (fd: number, ...args: unknown[]) => {
    const of = streams.get(fd);
    if (of === undefined) return original(fd, ...args);
    const done = begin();
    const result = original(fd, ...args);
    done(entry(of.path, ...args));
    return result;
  });
}
wrapDescriptor('writeSync', (path, data) => ({ op: 'write', path, data: text(data) }));
wrapDescriptor('fsyncSync', (path) => ({ op: 'sync', path, site: site() }));
wrap(fs, 'closeSync', (original) => (fd: number) => {
  streams.delete(fd);
  return original(fd);
});

// The database: what it writes itself is seen by what its log has grown by.
const file = join(root, 'config', 'device.db');
const log = `${file}-wal`;
const logSize = () => raw.statSync(log, { throwIfNoEntry: false })?.size ?? 0;
let logged = logSize();
let synced = true;
function commit<T>(work: () => T): T {
  const done = begin();
  const result = work();
  const size = logSize();
  const from = Math.min(logged, size);
  const data = size > from ? raw.readFileSync(log).subarray(from).toString('base64') : '';
  logged = size;
  done({ op: 'commit', from, data, synced });
  return result;
}
/** The database is made with its first pragma; when it was there that changes nothing. */
function make<T>(work: () => T): T {
  if ((raw.statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0) return work();
  const done = begin();
  const result = work();
  done({ op: 'database', data: raw.readFileSync(file, 'base64') });
  return result;
}
/** Whoever closes it moves its log into its main file. */
wrap(DatabaseSync.prototype, 'close', (original, self) => () => {
  if (!(self instanceof DatabaseSync) || self.location() !== file) return original();
  const done = begin();
  const result = original();
  logged = logSize();
  done({ op: 'database', data: raw.readFileSync(file, 'base64') });
  return result;
});
let isTransaction = false;
wrap(DatabaseSync.prototype, 'exec', (original) => (sql: string) => {
  const level = /^pragma synchronous = (\w+)$/.exec(sql)?.[1];
  if (level !== undefined) synced = level === 'full';
  if (sql.startsWith('pragma journal_mode = wal')) return make(() => original(sql));
  if (sql === 'begin immediate') isTransaction = true;
  if (sql === 'commit' || sql === 'rollback') isTransaction = false;
  return sql === 'commit' ? commit(() => original(sql)) : original(sql);
});
for (const name of ['run', 'get', 'all']) {
  wrap(StatementSync.prototype, name, (original, self) => (...args: unknown[]) => {
    const sql = self instanceof StatementSync ? self.sourceSQL : '';
    if (isTransaction || !/^\s*(insert|update|delete)\b/i.test(sql)) return original(...args);
    return commit(() => original(...args));
  });
}

// Processes.
wrap(child, 'spawn', (original) => (file: string, args: readonly string[], options: unknown) => {
  const done = begin();
  const started = original(file, args, options);
  done({ op: 'spawn', what: [file, ...args].join(' ') });
  return started;
});
wrap(process, 'kill', () => (pid: number, signal?: string | number) => {
  if (signal === 0) return raw.kill(pid, signal);
  const done = begin();
  const result = raw.kill(pid, signal);
  done({ op: 'kill', what: `${signal} ${pid < 0 ? 'group' : 'process'}` });
  return result;
});
syncBuiltinESMExports();
