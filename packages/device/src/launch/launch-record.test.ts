import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  afterTrial,
  type DeployedRuntime,
  launch,
  launchFile,
  readLaunchRecord,
  withoutStart,
  withTrial,
  writeLaunchRecord,
} from './launch-record.ts';

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
beforeEach(() => {
  folder = temporaryFolder();
  file = launchFile(folder.path);
});
afterEach(() => folder.remove());

function build(version: string): DeployedRuntime {
  const path = join(folder.path, `${version}.mjs`);
  writeFileSync(path, '');
  return { version, file: path };
}

const starts = (count: number) => Array.from({ length: count }, () => launch(file)?.version ?? 'installed');

describe('what runs', () => {
  test('is what was installed until a build is tried, and that build from when it is proven', () => {
    expect(starts(2)).toEqual(['installed', 'installed']);
    expect(existsSync(file)).toBe(false);
    writeLaunchRecord(file, withTrial({}, build('2.19.0')));
    expect(starts(1)).toEqual(['2.19.0']);
    writeLaunchRecord(file, afterTrial(readLaunchRecord(file), true));
    expect(starts(5)).toEqual(Array(5).fill('2.19.0'));
  });

  test('is the build before after three starts of a trial, which is remembered as failed', () => {
    const proven = build('2.18.5');
    writeLaunchRecord(file, withTrial({ current: proven }, build('2.19.0')));
    expect(starts(5)).toEqual(['2.19.0', '2.19.0', '2.19.0', '2.18.5', '2.18.5']);
    expect(readLaunchRecord(file)).toEqual({ current: proven, failed: '2.19.0' });
    writeLaunchRecord(file, afterTrial(readLaunchRecord(file), false));
    expect(readLaunchRecord(file)).toEqual({ current: proven });
  });

  test('a start of a trial that was ended in good order does not count', () => {
    writeLaunchRecord(file, withTrial({}, build('2.19.0')));
    for (let i = 0; i < 10; i++) {
      expect(starts(1)).toEqual(['2.19.0']);
      writeLaunchRecord(file, withoutStart(readLaunchRecord(file)));
    }
  });

  test('is the one before when the file of a build is gone', () => {
    const [proven, trial] = [build('2.18.5'), build('2.19.0')];
    writeLaunchRecord(file, withTrial({ current: proven }, trial));
    rmSync(trial.file);
    expect(starts(1)).toEqual(['2.18.5']);
    expect(readLaunchRecord(file)).toEqual({ current: proven, failed: '2.19.0' });
    rmSync(proven.file);
    expect(starts(2)).toEqual(['installed', 'installed']);
  });

  test('is what was installed when the record cannot be read', () => {
    writeLaunchRecord(file, { current: build('2.19.0') });
    for (const text of ['', '{', '7', '{"current":7}', '{"current":{"version":1,"file":"x"}}']) {
      writeFileSync(file, text);
      expect(starts(1)).toEqual(['installed']);
    }
    // A trial of which it is not known how often it was started is not started once more.
    writeFileSync(file, JSON.stringify({ trial: { ...build('2.19.0'), starts: 'x' } }));
    expect(starts(1)).toEqual(['installed']);
  });

  test('the record is private and written whole', () => {
    writeLaunchRecord(file, { failed: '1' });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ failed: '1' });
    expect(existsSync(`${file}.tmp`)).toBe(false);
  });
});
