import { appendFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogTail } from './follow-log.ts';

let folder: ReturnType<typeof temporaryFolder>;
let path: string;
let tail: LogTail;

beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder.path, 'a.log');
  tail = new LogTail(path);
});
afterEach(() => {
  tail.close();
  folder.remove();
});

test('a log is read whole, then as it grows, also when it is not there yet', () => {
  expect(tail.read()).toBe('');
  writeFileSync(path, 'one\n');
  expect(tail.read()).toBe('one\n');
  expect(tail.read()).toBe('');
  appendFileSync(path, 'two\n');
  expect(tail.read()).toBe('two\n');
});

test('a log that is put aside is read to its end before the next one', () => {
  writeFileSync(path, 'one\n');
  tail.read();
  appendFileSync(path, 'last of the old\n');
  renameSync(path, `${path}.1`);
  writeFileSync(path, 'first of the new\n');
  expect(tail.read()).toBe('last of the old\nfirst of the new\n');
});

test('a log that is emptied in place is read from its beginning', () => {
  writeFileSync(path, 'a long line of the old\n');
  tail.read();
  truncateSync(path);
  appendFileSync(path, 'new\n');
  expect(tail.read()).toBe('new\n');
});

test('a character that comes in two parts is one', () => {
  const [first = 0, second = 0] = Buffer.from('ü');
  writeFileSync(path, Uint8Array.of(first));
  expect(tail.read()).toBe('');
  appendFileSync(path, Uint8Array.of(second));
  expect(tail.read()).toBe('ü');
});
