import { pathToFileURL } from 'node:url';
import { messageOf } from '@greensward/kit';
import { launch, launchFile, readLaunchRecord, withoutStart, writeLaunchRecord } from './launch-record.ts';

/** Tells a build that it was chosen, and which version it is deployed as. */
const variable = 'GREENSWARD_RUNTIME';

/** The version as which this build was deployed; undefined for the one that was installed. */
export function deployedVersion(): string | undefined {
  return process.env[variable];
}

/**
 * Gives way, within this process, to the build that a deployment brought, where there is one: whoever started us keeps its child,
 * and the channel to it. Resolves with false when this build is the one to run.
 *
 * While a build is on trial, an end of the process by an error starts the next try at once, where that can be done.
 */
export async function startDeployed(root: string): Promise<boolean> {
  if (deployedVersion() !== undefined) return false;
  const file = launchFile(root);
  const chosen = launch(file);
  if (chosen === undefined) return false;
  process.env[variable] = chosen.version;
  process.on('exit', (code) => {
    if (readLaunchRecord(file).trial?.file !== chosen.file) return;
    if (code === 0) writeLaunchRecord(file, withoutStart(readLaunchRecord(file)));
    else if (code !== 100 && code !== 101) becomeFresh();
  });
  try {
    await import(pathToFileURL(chosen.file).href);
  } catch (error) {
    console.error(`the runtime ${chosen.version} does not start: ${messageOf(error)}`);
    process.exit(1);
  }
  return true;
}

/**
 * Becomes the program that was started, as if it were started now: same process, same arguments. Returns when that cannot be:
 * on Windows, and with a channel to a parent, which would be lost.
 */
export function becomeFresh(): void {
  const { execve } = process;
  if (execve === undefined || process.platform === 'win32' || process.send !== undefined) return;
  const { [variable]: _, ...rest } = process.env;
  const env = Object.fromEntries(
    Object.entries(rest).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
  execve.call(process, process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], env);
}
