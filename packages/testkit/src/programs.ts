import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The path of a program in PATH (or in `more` folders), or undefined. */
export function findProgram(name: string, more: readonly string[] = []): string | undefined {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), ...more]) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here: the next folder.
    }
  }
  return undefined;
}

/** An AWS CLI that honours the profile's `endpoint_url` (1.29 or 2.13 at least), or undefined. */
export function findAwsCli(): string | undefined {
  const path = findProgram('aws');
  if (path === undefined) return undefined;
  const [, major = '0', minor = '0'] =
    execFileSync(path, ['--version'], { encoding: 'utf8' }).match(/aws-cli\/(\d+)\.(\d+)/) ?? [];
  const enough = Number(major) === 1 ? 29 : 13;
  return Number(minor) >= enough ? path : undefined;
}
