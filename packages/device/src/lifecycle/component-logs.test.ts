import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '@greensward/kit';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LogSettings } from '../configuration/device-config.ts';
import { createComponentLogs } from './component-logs.ts';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const line = {
  level: 'INFO' as const,
  event: 'stdout',
  message: 'hello',
  contexts: { serviceName: 'a', currentState: 'RUNNING' },
};
const timers = { after: () => () => {}, monotonic: () => 0 };

const standard: LogSettings = { level: 'INFO', format: 'TEXT', fileBytes: 1_048_576, totalBytes: 10_485_760 };

function open(now = () => Date.parse('2026-03-01T10:00:00.123Z'), more: Partial<LogSettings> = {}) {
  const settings = () => ({ ...standard, ...more });
  return createComponentLogs({ folder: folder.path, clock: { now }, timers, log: silentLog, settings });
}

test('a line is written in the text form of the reference runtime', () => {
  const logs = open();
  logs.log('com.acme.Beacon')(line);
  logs.log('com.acme.Beacon')({ ...line, level: 'WARN', event: 'x', message: '' });
  logs.close();
  expect(readFileSync(join(folder.path, 'com.acme.Beacon.log'), 'utf8')).toBe(
    '2026-03-01T10:00:00.123Z [INFO] (Copier) com.acme.Beacon: stdout. hello. {serviceName=a, currentState=RUNNING}\n' +
      '2026-03-01T10:00:00.123Z [WARN] (Copier) com.acme.Beacon: x. {serviceName=a, currentState=RUNNING}\n',
  );
});

test('files are put aside by size, and the oldest are deleted at the limit', () => {
  const sizes = { fileBytes: 1_000, totalBytes: 4_000 };
  // The hour of the file's own time, so that only the size counts here.
  const logs = open(() => statSync(folder.path).mtimeMs, sizes);
  const write = logs.log('a');
  for (let i = 0; i < 100; i += 1) {
    write({ ...line, message: String(i).padStart(200, '0') });
    logs.close();
  }
  const names = readdirSync(folder.path);
  expect(names).toContain('a.log');
  const total = names.reduce((sum, name) => sum + statSync(join(folder.path, name)).size, 0);
  expect(total).toBeLessThan(4_600);
  expect(names.length).toBeGreaterThan(2);
  const newest = readFileSync(join(folder.path, 'a.log'), 'utf8');
  expect(newest).toContain(`${'0'.repeat(198)}99`);
});

test('a file of another hour is put aside under that hour', () => {
  const earlier = open(() => 0);
  earlier.log('a')(line);
  earlier.close();
  const later = open(() => Date.parse('2099-01-01T00:00:00Z'));
  later.log('a')(line);
  later.close();
  expect(readdirSync(folder.path)).toHaveLength(2);
  expect(readdirSync(folder.path).some((name) => /^a_\d{4}_\d\d_\d\d_\d\d_0\.log$/.test(name))).toBe(true);
});

test.each(['../a', 'a/b', '', 'a\0', 'x'.repeat(129)])('%j is no name for a log', (name) => {
  expect(() => open().log(name)).toThrow('not a component name');
});

test('a folder that is gone is told once and ends nothing', () => {
  const told: string[] = [];
  const log = { ...silentLog, error: (message: string) => told.push(message) };
  const gone = join(folder.path, 'gone');
  const logs = createComponentLogs({ folder: gone, clock: { now: () => 0 }, timers, log, settings: () => standard });
  const write = logs.log('a');
  for (let i = 0; i < 3; i += 1) {
    write(line);
    logs.close();
  }
  expect(told).toHaveLength(1);
});
