import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '@greensward/kit';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openProcessRecord } from './process-record.ts';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

test('what was saved last is what the next run finds', () => {
  const file = join(folder.path, 'processes.json');
  const record = openProcessRecord(file, silentLog);
  expect(record.leftovers).toEqual([]);
  record.save([{ pid: 1, startedAt: 'x' }]);
  record.save([{ pid: 2, startedAt: 'boot/77' }]);
  expect(openProcessRecord(file, silentLog).leftovers).toEqual([{ pid: 2, startedAt: 'boot/77' }]);
});

test.each(['', '{"pid":1}', '[{"pid":"1","startedAt":"x"},{"pid":1.5,"startedAt":"x"},{"pid":1},null]', '[['])(
  'a damaged record %j counts as empty',
  (content) => {
    const file = join(folder.path, 'processes.json');
    writeFileSync(file, content);
    expect(openProcessRecord(file, silentLog).leftovers).toEqual([]);
  },
);
