import { type Cancel, type Clock, type Log, messageOf, type Timers } from '@greensward/kit';
import type { Leftover, Platform, ScriptProcess } from '../platform/platform.ts';
import type { ComponentLine } from './component-logs.ts';
import type { ComponentSpec, ComponentStatus } from './lifecycle.ts';
import {
  ComponentSteps,
  exitFailure,
  giveFiles,
  invalidFailure,
  isSkipped,
  type PreparedStep,
  startFailure,
  type TildeFolders,
  timeoutFailure,
} from './script-steps.ts';
import {
  type Activity,
  type Effect,
  type LifecycleEvent,
  type Machine,
  newMachine,
  type StepFailure,
  transition,
} from './transition.ts';

/** What a supervisor works with. */
export interface SupervisorDeps {
  readonly platform: Platform;
  readonly timers: Timers;
  readonly clock: Clock;
  readonly log: Log;
  readonly shell: string;
  /** Between SIGTERM and SIGKILL, in ms. */
  readonly graceMs: number;
  readonly tilde: TildeFolders | undefined;
  readonly write: (line: ComponentLine) => void;
  readonly onState: (status: ComponentStatus) => void;
  /** After each event, when the machine is as it will stay until the next. */
  readonly onHandled: () => void;
  readonly onProcesses: () => void;
}

/**
 * Runs one component: keeps its machine, does what the transition function says, and reports back. It decides nothing.
 * Modes are the machine's activity; each activity is one asynchronous run with a generation, and one that is no longer
 * the machine's starts nothing any more. Processes live in one set from their start until they were stopped, so that
 * whatever runs when an activity is abandoned is ended by the next one.
 */
export class Supervisor {
  #machine: Machine;
  #spec: ComponentSpec;
  #steps: ComponentSteps;
  #status: ComponentStatus;
  #runningSince = 0;
  /** The shutdown script of the version that was started last (a change meanwhile counts from the next start). */
  #shutdown: PreparedStep | undefined;
  #cancelTimer: Cancel = () => {};
  #draining = false;
  /** The time for stopping is over: no more scripts, and no grace. */
  #forced = false;
  readonly #queue: LifecycleEvent[] = [];
  readonly #processes = new Set<ScriptProcess>();
  readonly #starting = new Set<Promise<ScriptProcess>>();
  readonly #deps: SupervisorDeps;

  constructor(spec: ComponentSpec, ready: boolean, deps: SupervisorDeps) {
    this.#deps = deps;
    this.#spec = spec;
    this.#steps = new ComponentSteps(spec);
    this.#machine = newMachine(ready);
    this.#status = this.#statusOf('NEW', [], undefined);
  }

  get machine(): Machine {
    return this.#machine;
  }

  get spec(): ComponentSpec {
    return this.#spec;
  }

  get status(): ComponentStatus {
    return this.#status;
  }

  /** Monotonic ms of the last entry into RUNNING. */
  get runningSince(): number {
    return this.#runningSince;
  }

  get leftovers(): readonly Leftover[] {
    return [...this.#processes].map(({ pid, startedAt }) => ({ pid, startedAt }));
  }

  /** What the steps that begin from now on are. Requests nothing. */
  update(spec: ComponentSpec): void {
    this.#forced = false;
    this.#spec = spec;
    this.#steps = new ComponentSteps(spec);
  }

  /** Handles an event, at once unless one is being handled: then after it. */
  dispatch(event: LifecycleEvent): void {
    this.#queue.push(event);
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#handle(next);
    } finally {
      this.#draining = false;
    }
    this.#deps.onHandled();
  }

  #handle(event: LifecycleEvent): void {
    const context = { at: this.#deps.timers.monotonic(), errorResetMs: this.#steps.errorResetMs };
    const { machine, effects } = transition(this.#machine, event, context);
    this.#machine = machine;
    for (const effect of effects) {
      if (effect.kind === 'state') this.#enter(effect);
      // An activity that another one of the same event replaced already is not begun at all.
      else if (effect.generation === machine.generation) this.#begin(effect.activity, effect.generation);
    }
  }

  #enter(effect: Effect & { kind: 'state' }): void {
    const { log, timers, onState } = this.#deps;
    this.#status = this.#statusOf(effect.state, effect.statusCodes, effect.reason);
    if (effect.state === 'RUNNING') this.#runningSince = timers.monotonic();
    const reason = effect.reason === undefined ? {} : { reason: effect.reason };
    const level = effect.state === 'ERRORED' || effect.state === 'BROKEN' ? 'warn' : 'info';
    log[level]('component state', { component: this.#spec.name, state: effect.state, ...reason });
    this.#write(level === 'warn' ? 'WARN' : 'INFO', 'service-set-state', effect.reason ?? '', {
      newState: effect.state,
    });
    onState(this.#status);
  }

  #statusOf(state: Machine['state'], statusCodes: readonly string[], reason: string | undefined): ComponentStatus {
    const { name, version } = this.#spec;
    const why = reason === undefined ? {} : { reason };
    return { name, version, state, statusCodes, ...why, changedAt: this.#deps.clock.now() };
  }

  #begin(activity: Activity, generation: number): void {
    this.#cancelTimer();
    this.#activities[activity](generation).catch((error: unknown) => {
      // Expected failures are results; this is a defect or a machine at its end, and the component must not hang for it.
      this.#deps.log.error('a component step failed unexpectedly', {
        component: this.#spec.name,
        activity,
        error: messageOf(error),
      });
      const failure = startFailure(activity === 'install' ? 'install' : 'run', error);
      if (activity === 'start') this.dispatch({ kind: 'ended', generation, failure });
      else if (activity === 'install') this.dispatch({ kind: 'done', generation, failure });
      else this.dispatch({ kind: 'done', generation });
    });
  }

  readonly #activities: Readonly<Record<Activity, (generation: number) => Promise<void>>> = {
    install: (generation) => this.#install(generation),
    start: (generation) => this.#start(generation),
    shutdown: (generation) => this.#shutDown(generation),
    kill: async (generation) => {
      await this.endProcesses();
      this.dispatch({ kind: 'done', generation });
    },
    recover: async (generation) => {
      const failure = await this.#foreground(this.#steps.prepare('recover'), generation);
      this.#report('recover', failure);
      this.dispatch({ kind: 'done', generation });
    },
    uninstall: async (generation) => {
      const more = { GREENGRASS_COMPONENT_VERSION: this.#spec.version };
      const uninstall = this.#forced ? undefined : this.#steps.prepare('uninstall', more);
      const failure = await this.#foreground(uninstall, generation);
      this.#report('uninstall', failure);
      await this.endProcesses();
      this.dispatch({ kind: 'done', generation });
    },
  };

  async #install(generation: number): Promise<void> {
    await this.endProcesses();
    const { platform, log } = this.#deps;
    await giveFiles(this.#spec, platform, log, () => this.#isStale(generation));
    const failure = await this.#foreground(this.#steps.prepare('install'), generation);
    if (failure?.code === 'INSTALL_TIMEOUT') await this.endProcesses();
    this.#report('install', failure);
    this.dispatch({ kind: 'done', generation, ...(failure ? { failure } : {}) });
  }

  /** `Startup`, or `Run` when that is absent or skipped. */
  async #start(generation: number): Promise<void> {
    const { platform, tilde, timers } = this.#deps;
    this.#shutdown = this.#steps.prepare('shutdown');
    const candidates = [this.#steps.prepare('startup'), this.#steps.prepare('run')];
    const main = candidates.find((one) => one !== undefined && !isSkipped(one.step.skipif, platform, tilde));
    if (main === undefined) {
      this.#write('INFO', 'generic-service-starting', 'Nothing done', {});
      this.dispatch({ kind: 'ended', generation });
      return;
    }
    const { problem, timeoutSeconds } = main.step;
    const name = main.name === 'startup' ? 'startup' : 'run';
    if (problem !== undefined) {
      this.dispatch({ kind: 'ended', generation, failure: invalidFailure(name, problem) });
      return;
    }
    let process: ScriptProcess;
    try {
      process = await this.#launch(main);
    } catch (error) {
      this.dispatch({ kind: 'ended', generation, failure: startFailure(name, error) });
      return;
    }
    if (this.#isStale(generation)) return;
    if (timeoutSeconds !== undefined) {
      const onTimeout = () => this.dispatch({ kind: 'timeout', generation, step: name });
      this.#cancelTimer = timers.after(Math.max(0, timeoutSeconds) * 1000, onTimeout);
    }
    if (name === 'run') this.dispatch({ kind: 'running', generation });
    const exit = await process.exited;
    if (this.#isStale(generation)) return;
    this.#cancelTimer();
    const failure = exitFailure(name, exit);
    this.#write('INFO', name, `${name === 'run' ? 'Run' : 'Startup'} script exited`, {
      exitCode: String(exit.code ?? exit.signal),
    });
    if (failure) this.dispatch({ kind: 'ended', generation, failure });
    else this.dispatch({ kind: name === 'run' ? 'ended' : 'running', generation });
  }

  async #shutDown(generation: number): Promise<void> {
    const failure = this.#forced ? undefined : await this.#foreground(this.#shutdown, generation);
    this.#shutdown = undefined;
    this.#report('shutdown', failure);
    await this.endProcesses();
    // Only the time limit counts; the exit code of a shutdown script says nothing about the component.
    const timedOut = failure?.code === 'SHUTDOWN_TIMEOUT' ? { failure } : {};
    this.dispatch({ kind: 'done', generation, ...timedOut });
  }

  /** Runs a step to its end or time limit. A process over its limit is left to the caller. */
  async #foreground(prepared: PreparedStep | undefined, generation: number): Promise<StepFailure | undefined> {
    if (prepared === undefined || this.#isStale(generation)) return undefined;
    const { platform, tilde, timers } = this.#deps;
    const { name, step } = prepared;
    if (step.problem !== undefined) return invalidFailure(name, step.problem);
    if (isSkipped(step.skipif, platform, tilde)) return undefined;
    try {
      const process = await this.#launch(prepared);
      const limit = Promise.withResolvers<'timeout'>();
      const limitMs = Math.max(0, step.timeoutSeconds ?? 0) * 1000;
      const cancel = timers.after(limitMs, () => limit.resolve('timeout'));
      const exit = await Promise.race([process.exited, limit.promise]);
      cancel();
      return exit === 'timeout' ? timeoutFailure(name) : exitFailure(name, exit);
    } catch (error) {
      return startFailure(name, error);
    }
  }

  async #launch(prepared: PreparedStep): Promise<ScriptProcess> {
    const { platform, shell, onProcesses } = this.#deps;
    const { scriptName, spec, user } = prepared;
    this.#write('INFO', 'shell-runner-start', '', { scriptName });
    const starting = platform.start({
      script: prepared.step.script,
      shell,
      cwd: spec.workPath,
      env: prepared.environment,
      ...(user === undefined ? {} : { user }),
      onLine: (stream, line) => this.#write(stream === 'stdout' ? 'INFO' : 'WARN', stream, line, { scriptName }),
    });
    this.#starting.add(starting);
    try {
      const process = await starting;
      this.#processes.add(process);
      onProcesses();
      return process;
    } finally {
      this.#starting.delete(starting);
    }
  }

  /** Cuts short a stop that takes too long: what runs is killed, and no script is started for it any more. */
  force(): void {
    this.#forced = true;
    void this.endProcesses();
  }

  /** Ends every process of the component, those included that are only being started. */
  async endProcesses(): Promise<void> {
    await Promise.allSettled([...this.#starting]);
    const processes = [...this.#processes];
    await Promise.all(processes.map((process) => process.stop(this.#forced ? 0 : this.#deps.graceMs)));
    for (const process of processes) this.#processes.delete(process);
    if (processes.length > 0) this.#deps.onProcesses();
  }

  #isStale(generation: number): boolean {
    return this.#machine.generation !== generation;
  }

  #report(step: string, failure: StepFailure | undefined): void {
    if (failure) this.#write('WARN', 'shell-runner-error', failure.reason, { step });
  }

  #write(level: ComponentLine['level'], event: string, message: string, more: Readonly<Record<string, string>>): void {
    const { name } = this.#spec;
    const contexts = { ...more, serviceName: name, currentState: this.#machine.state };
    this.#deps.write({ level, event, message, contexts });
  }
}
