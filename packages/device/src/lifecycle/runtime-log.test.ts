import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LogSettings } from '../configuration/device-config.ts';
import { createRuntimeLog } from './runtime-log.ts';

let folder: ReturnType<typeof temporaryFolder>;
let settings: LogSettings;
let failures: string[];
let now: () => number;
beforeEach(() => {
  folder = temporaryFolder();
  settings = { level: 'INFO', format: 'TEXT', fileBytes: 1_000_000, totalBytes: 10_000_000 };
  failures = [];
  now = () => Date.parse('2026-03-01T10:00:00.123Z');
});
afterEach(() => folder.remove());

const open = () =>
  createRuntimeLog({
    folder: folder.path,
    clock: { now: () => now() },
    timers: { after: () => () => {}, monotonic: () => 0 },
    settings: () => settings,
    onFailure: (reason) => failures.push(reason),
  });
const read = () => readFileSync(join(folder.path, 'greengrass.log'), 'utf8');

test('a line is on the disk at once, in the text form of the reference, on one line', () => {
  open()
    .child({ room: 'a' })
    .warn('it failed', { reason: new Error('first\nsecond'), pids: [1, 2], none: undefined });
  expect(read()).toBe(
    '2026-03-01T10:00:00.123Z [WARN] (main) greengrass: it failed. {room=a, reason=first second, pids=[1,2]}\n',
  );
  expect(statSync(join(folder.path, 'greengrass.log')).mode & 0o777).toBe(0o600);
});

test('level and form are those of `logging` at each line', () => {
  const log = open();
  log.debug('not wanted');
  settings = { ...settings, level: 'DEBUG', format: 'JSON' };
  log.debug('wanted', { bytes: 7 });
  settings = { ...settings, level: 'ERROR' };
  log.warn('not wanted any more');
  expect(JSON.parse(read())).toEqual({
    thread: 'main',
    level: 'DEBUG',
    eventType: 'wanted',
    message: '',
    contexts: { bytes: '7' },
    loggerName: 'greengrass',
    timestamp: Date.parse('2026-03-01T10:00:00.123Z'),
  });
});

test('files are put aside by the sizes of `logging`, and the oldest are deleted', () => {
  now = () => statSync(folder.path).mtimeMs; // The hour of the file itself, so that only sizes count.
  settings = { ...settings, fileBytes: 1_000, totalBytes: 5_000 };
  const log = open();
  for (let i = 0; i < 60; i++) log.info('x'.repeat(150), { i });
  const names = readdirSync(folder.path);
  const sizes = names.map((name) => statSync(join(folder.path, name)).size);
  expect(names.filter((name) => /^greengrass_\d{4}_\d\d_\d\d_\d\d_\d+\.log$/.test(name)).length).toBe(names.length - 1);
  expect(names.length).toBeGreaterThan(2);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(5_600);
  expect(read()).toContain('i=59');
});

test('what cannot be written is told once', () => {
  mkdirSync(join(folder.path, 'greengrass.log'));
  const log = open();
  for (let i = 0; i < 3; i++) log.info('lost');
  expect(failures.length).toBe(1);
});
