import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isJsonObject, type Json } from '@greensward/kit';

/** A build of the runtime that a deployment brought. */
export interface DeployedRuntime {
  /** Version of aws.greengrass.Nucleus. */
  readonly version: string;
  /** Its one file. */
  readonly file: string;
}

/** Which build of the runtime is to run. Without `current` and `trial` it is the one that was installed. */
export interface LaunchRecord {
  /** Proven: a deployment with it has succeeded. */
  readonly current?: DeployedRuntime;
  /** To be proven; `starts` that were begun so far and not ended in good order. */
  readonly trial?: DeployedRuntime & { readonly starts: number };
  /** Version of the last trial that was given up. */
  readonly failed?: string;
}

/** A trial that was begun so often without success is given up, as the loader of the reference does. */
const maxStarts = 3;

/** What runs next, and the record once it is about to. Pure. */
export function nextLaunch(record: LaunchRecord): {
  readonly runs: DeployedRuntime | undefined;
  readonly record: LaunchRecord;
} {
  const { trial, current } = record;
  if (trial === undefined) return { runs: current, record };
  const { version, file, starts } = trial;
  if (starts >= maxStarts) return { runs: current, record: { ...kept(current), failed: version } };
  return { runs: { version, file }, record: { ...record, trial: { version, file, starts: starts + 1 } } };
}

/** The record that makes `runtime` the next to be tried; undefined: the one that was installed is gone back to. */
export function withTrial(record: LaunchRecord, runtime: DeployedRuntime): LaunchRecord {
  return { ...kept(record.current), trial: { ...runtime, starts: 0 } };
}

/** The trial is over; `proven` tells how. */
export function afterTrial({ current, trial }: LaunchRecord, proven: boolean): LaunchRecord {
  if (trial === undefined) return kept(current);
  const { version, file } = trial;
  return proven ? { current: { version, file } } : kept(current);
}

/** A start of the trial that was ended in good order says nothing against it. */
export function withoutStart(record: LaunchRecord): LaunchRecord {
  const { trial } = record;
  return trial === undefined ? record : { ...record, trial: { ...trial, starts: Math.max(0, trial.starts - 1) } };
}

function kept(current: DeployedRuntime | undefined): LaunchRecord {
  return current === undefined ? {} : { current };
}

/** Where the record is, below the root folder. */
export function launchFile(root: string): string {
  return join(root, 'config', 'runtime.json');
}

/** A record that is missing or cannot be read says nothing: the installed runtime runs. */
export function readLaunchRecord(file: string): LaunchRecord {
  let json: Json;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return {};
  }
  if (!isJsonObject(json)) return {};
  const current = runtimeOf(json['current']);
  const trial = runtimeOf(json['trial']);
  const starts = isJsonObject(json['trial']) ? json['trial']['starts'] : 0;
  const failed = json['failed'];
  return {
    ...kept(current),
    ...(trial === undefined ? {} : { trial: { ...trial, starts: typeof starts === 'number' ? starts : maxStarts } }),
    ...(typeof failed === 'string' ? { failed } : {}),
  };
}

function runtimeOf(json: Json | undefined): DeployedRuntime | undefined {
  if (!isJsonObject(json)) return undefined;
  const { version, file } = json;
  return typeof version === 'string' && typeof file === 'string' ? { version, file } : undefined;
}

/** Durable when it returns; synchronous, for it is also written while the process ends. */
export function writeLaunchRecord(file: string, record: LaunchRecord): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.tmp`;
  const descriptor = openSync(temporary, 'w', 0o600);
  try {
    writeSync(descriptor, JSON.stringify(record));
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, file);
  const folder = openSync(dirname(file), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Decides and records what runs now. A build whose file is gone is passed over, and a trial of it is given up. */
export function launch(file: string): DeployedRuntime | undefined {
  const before = readLaunchRecord(file);
  const next = nextLaunch(before);
  if (next.runs !== undefined && !existsSync(next.runs.file)) {
    const { current } = before;
    const isTrial = before.trial?.file === next.runs.file;
    const usable = isTrial && current !== undefined && existsSync(current.file) ? current : undefined;
    writeLaunchRecord(file, { ...kept(usable), ...(isTrial ? { failed: next.runs.version } : {}) });
    return usable;
  }
  if (next.record !== before) writeLaunchRecord(file, next.record);
  return next.runs;
}
