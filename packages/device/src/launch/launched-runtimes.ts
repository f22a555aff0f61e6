import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Fault, isJsonObject, type Json, type Timers } from '@greensward/kit';
import type { RuntimeBuilds } from '../deployment/runtime-builds.ts';
import { afterTrial, readLaunchRecord, withTrial, writeLaunchRecord } from './launch-record.ts';

/** A build that says nothing for so long when it is asked what it is does not start. */
const checkLimitMs = 60_000;

interface Options {
  /** The record of what runs. */
  readonly file: string;
  readonly timers: Timers;
  /** Arguments after which a build tells what it is: those of this runtime. */
  readonly args: readonly string[];
  /** Version of the store that this runtime writes. */
  readonly storeVersion: number;
}

/** The builds of the runtime as files that Node runs. */
export function createLaunchedRuntimes(options: Options): RuntimeBuilds {
  const { file } = options;
  return {
    async check({ version, file: build }, signal) {
      if (!existsSync(build)) throw unusable(`${build} is not there`);
      const said = await ask(build, options, signal);
      if (said['version'] !== version) {
        throw unusable(`it says that it is version ${JSON.stringify(said['version'])}, and is deployed as ${version}`);
      }
      // Going back must stay possible, and a runtime does not read the store of a newer one.
      if (said['store'] !== options.storeVersion) {
        throw unusable(
          `its store is of version ${JSON.stringify(said['store'])}, that of this device ${options.storeVersion}`,
        );
      }
    },
    hasFailed: (version) => readLaunchRecord(file).failed === version,
    tryNext: (runtime) => writeLaunchRecord(file, withTrial(readLaunchRecord(file), runtime)),
    goBack: () => writeLaunchRecord(file, afterTrial(readLaunchRecord(file), false)),
    confirm(version) {
      const record = readLaunchRecord(file);
      if (record.trial === undefined && record.failed === undefined) return;
      writeLaunchRecord(file, afterTrial(record, record.trial?.version === version));
    },
  };
}

function unusable(why: string, cause?: unknown): Fault {
  return new Fault('COMPONENT_LOAD_FAILURE', `The build of the runtime cannot be used: ${why}`, { cause });
}

/** Starts the build beside this one, with the same configuration, and has it say what it is. It opens no store. */
async function ask(
  build: string,
  { args, timers }: Options,
  signal: AbortSignal,
): Promise<Readonly<Record<string, Json | undefined>>> {
  const { GREENSWARD_RUNTIME: _, ...env } = process.env;
  const child = spawn(process.execPath, [...process.execArgv, build, 'check', ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGKILL',
  });
  const cancel = timers.after(checkLimitMs, () => child.kill('SIGKILL'));
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-10_000);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-2_000);
  });
  try {
    const how = await new Promise<number | string>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, end) => resolve(code ?? end ?? 'no exit code'));
    });
    if (how !== 0) throw unusable(`when it was asked what it is, it ended with ${how}: ${errors.trim()}`);
    const said: Json = JSON.parse(output);
    if (!isJsonObject(said)) throw new Error('it does not say what it is');
    return said;
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof Fault ? error : unusable('it does not say what it is', error);
  } finally {
    cancel();
  }
}
