import { type Log, messageOf, type Timers } from '@greensward/kit';
import type { Platform, ScriptProcess } from '../platform/platform.ts';
import type { ComponentLine } from './component-logs.ts';
import type { BootstrapOutcome, ComponentSpec } from './lifecycle.ts';
import {
  ComponentSteps,
  exitFailure,
  giveFiles,
  invalidFailure,
  isSkipped,
  startFailure,
  type TildeFolders,
  timeoutFailure,
} from './script-steps.ts';
import type { StepFailure } from './transition.ts';

/** What a bootstrap step works with. */
export interface BootstrapDeps {
  readonly platform: Platform;
  readonly timers: Timers;
  readonly log: Log;
  readonly shell: string;
  /** Between SIGTERM and SIGKILL, in ms. */
  readonly graceMs: number;
  readonly tilde: TildeFolders | undefined;
  readonly write: (line: ComponentLine) => void;
  /** The process that runs now; undefined once it has ended. */
  readonly onProcess: (process: ScriptProcess | undefined) => void;
}

/**
 * Runs the Bootstrap step of a component that is not running, to its end or time limit (recipes: Bootstrap). Exit code 0, and a
 * step that is absent or skipped: done; 100: done, and the runtime is to start again; 101: done, and the device is to reboot.
 *
 * @throws the signal's reason when it aborts; nothing of the step runs any more then.
 */
export async function runBootstrap(
  spec: ComponentSpec,
  deps: BootstrapDeps,
  signal: AbortSignal,
): Promise<BootstrapOutcome> {
  const prepared = new ComponentSteps(spec).prepare('bootstrap');
  if (prepared === undefined) return { kind: 'done' };
  const { platform, timers, tilde, shell, graceMs } = deps;
  const { step, scriptName, environment, user } = prepared;
  const contexts = { scriptName, serviceName: spec.name, currentState: 'NEW' };
  const failed = (failure: StepFailure): BootstrapOutcome => {
    deps.write({ level: 'WARN', event: 'shell-runner-error', message: failure.reason, contexts });
    return { kind: 'failed', failure };
  };
  if (step.problem !== undefined) return failed(invalidFailure('bootstrap', step.problem));
  if (isSkipped(step.skipif, platform, tilde)) return { kind: 'done' };
  await giveFiles(spec, platform, deps.log, () => signal.aborted);
  signal.throwIfAborted();
  deps.write({ level: 'INFO', event: 'shell-runner-start', message: '', contexts });
  let process: ScriptProcess;
  try {
    process = await platform.start({
      script: step.script,
      shell,
      cwd: spec.workPath,
      env: environment,
      ...(user === undefined ? {} : { user }),
      onLine: (stream, message) =>
        deps.write({ level: stream === 'stdout' ? 'INFO' : 'WARN', event: stream, message, contexts }),
    });
  } catch (error) {
    return failed(startFailure('bootstrap', error));
  }
  deps.onProcess(process);
  const early = Promise.withResolvers<'timeout' | 'aborted'>();
  const onAbort = () => early.resolve('aborted');
  const cancel = timers.after(Math.max(0, step.timeoutSeconds ?? 0) * 1000, () => early.resolve('timeout'));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    const exit = await Promise.race([process.exited, early.promise]);
    if (exit === 'timeout') return failed(timeoutFailure('bootstrap'));
    if (exit === 'aborted') throw signal.reason;
    deps.write({
      level: 'INFO',
      event: 'bootstrap',
      message: 'Bootstrap script exited',
      contexts: { ...contexts, exitCode: String(exit.code ?? exit.signal) },
    });
    if (exit.code === 100) return { kind: 'restart' };
    if (exit.code === 101) return { kind: 'reboot' };
    const failure = exitFailure('bootstrap', exit);
    return failure === undefined ? { kind: 'done' } : failed(failure);
  } finally {
    cancel();
    signal.removeEventListener('abort', onAbort);
    // Whatever it left behind belongs to a component that does not run.
    await process.stop(graceMs).catch((error: unknown) => {
      deps.log.error('a bootstrap step cannot be ended', { component: spec.name, reason: messageOf(error) });
    });
    deps.onProcess(undefined);
  }
}
