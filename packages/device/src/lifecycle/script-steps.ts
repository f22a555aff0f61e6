import { constants } from 'node:os';
import { Fault, type Log, messageOf } from '@greensward/kit';
import { type LifecycleStep, type LifecycleSteps, lifecycleSteps, type SkipIf } from '@greensward/model/recipe';
import type { Platform, ProcessExit } from '../platform/platform.ts';
import type { ComponentSpec } from './lifecycle.ts';
import type { StepFailure } from './transition.ts';

export type StepName = 'bootstrap' | 'install' | 'startup' | 'run' | 'shutdown' | 'recover' | 'uninstall';

/** One step of one version of a component, with all that its run needs: it stays as it is when the component changes. */
export interface PreparedStep {
  readonly name: StepName;
  readonly spec: ComponentSpec;
  readonly step: LifecycleStep;
  readonly environment: Readonly<Record<string, string>>;
  readonly user: string | undefined;
  /** As logs name it. */
  readonly scriptName: string;
}

/** The steps of a component as its recipe has them. */
export class ComponentSteps {
  readonly #spec: ComponentSpec;
  readonly #steps: LifecycleSteps;

  constructor(spec: ComponentSpec) {
    this.#spec = spec;
    this.#steps = lifecycleSteps(spec.lifecycle);
  }

  get errorResetMs(): number {
    return this.#steps.errorResetTimeSeconds * 1000;
  }

  /** Undefined: the recipe does not have this step. `more` is environment besides the component's. */
  prepare(name: StepName, more: Readonly<Record<string, string>> = {}): PreparedStep | undefined {
    const step = this.#steps[name];
    if (step === undefined) return undefined;
    const spec = this.#spec;
    const key = Object.keys(spec.lifecycle).find((one) => one.toLowerCase() === name) ?? name;
    const inObject = typeof spec.lifecycle[key] === 'object' ? '.Script' : '';
    return {
      name,
      spec,
      step,
      environment: { ...spec.environment, ...more, ...record(this.#steps.setenv), ...record(step.setenv) },
      user: step.requiresPrivilege ? undefined : spec.user,
      scriptName: `services.${spec.name}.lifecycle.${key}${inObject}`,
    };
  }
}

function record(variables: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries(variables);
}

/**
 * Gives the component's user what it works with: the work folder, and what is in the folders of its artifacts. Those stay the
 * runtime's own, so that nobody puts other files there. A failure is not fatal: the files may be readable all the same, and a user
 * that does not exist fails the step itself.
 */
export async function giveFiles(
  spec: ComponentSpec,
  platform: Pick<Platform, 'exists' | 'setOwner'>,
  log: Log,
  isStale: () => boolean,
): Promise<void> {
  const { workPath, artifactPaths = [], user, name } = spec;
  for (const path of [workPath, ...artifactPaths]) {
    if (user === undefined || isStale() || !platform.exists(path)) continue;
    await platform.setOwner(path, user, path === workPath ? 'all' : 'contents').catch((error: unknown) => {
      const reason = messageOf(error);
      log.warn('files may not be accessible to the component', { component: name, path, reason });
    });
  }
}

/** Folders that `~` stands for in the operand of Skipif. */
export interface TildeFolders {
  readonly home: string;
  readonly root: string;
  readonly config: string;
  readonly packages: string;
}

/** True when the step is to be skipped. */
export function isSkipped(condition: SkipIf | undefined, platform: Platform, tilde: TildeFolders | undefined): boolean {
  if (condition === undefined) return false;
  const { test, operand, negated } = condition;
  const path = tilde === undefined ? operand : withoutTilde(operand, tilde);
  const holds = test === 'onpath' ? platform.findExecutable(path) !== undefined : platform.exists(path);
  return holds !== negated;
}

function withoutTilde(operand: string, tilde: TildeFolders): string {
  const [, name, rest] = /^~(root|config|packages|)(\/.*)?$/s.exec(operand) ?? [];
  if (name === undefined) return operand;
  const folder = name === 'root' || name === 'config' || name === 'packages' ? tilde[name] : tilde.home;
  return `${folder}${rest ?? ''}`;
}

const doing: Readonly<Record<StepName, string>> = {
  bootstrap: 'bootstrapping',
  install: 'installing',
  startup: 'starting',
  run: 'running',
  shutdown: 'shutting down',
  recover: 'recovering',
  uninstall: 'uninstalling',
};

/** How an exit reads as a failure; undefined for exit code 0. */
export function exitFailure(name: StepName, exit: ProcessExit): StepFailure | undefined {
  if (exit.code === 0) return undefined;
  const code = exit.code ?? signalExitCode(exit.signal);
  const by = exit.code === undefined ? ` (${exit.signal})` : '';
  return failure(name, 'ERROR', `The ${name} script exited with code ${code}${by}.`);
}

/** A shell reports a death by signal as 128 + its number; so do we. */
function signalExitCode(signal: string | undefined): number {
  const found = Object.entries(constants.signals).find(([name]) => name === signal);
  return 128 + (found?.[1] ?? 0);
}

export function timeoutFailure(name: StepName): StepFailure {
  return { code: `${name.toUpperCase()}_TIMEOUT`, reason: `The ${name} script did not finish in time.` };
}

export function invalidFailure(name: StepName, problem: string): StepFailure {
  return failure(name, 'CONFIG_NOT_VALID', `In its ${name} step ${problem}.`);
}

/** Why a script could not be started. */
export function startFailure(name: StepName, error: unknown): StepFailure {
  const invalid = error instanceof Fault && error.code === 'USER_UNKNOWN';
  return failure(name, invalid ? 'CONFIG_NOT_VALID' : 'IO_ERROR', `${messageOf(error)}.`);
}

function failure(name: StepName, kind: string, detail: string): StepFailure {
  return {
    code: `${name.toUpperCase()}_${kind}`,
    reason: `An error occurred while ${doing[name]} the component. ${detail}`,
  };
}
