import { type Clock, Fault, type Log, type Timers } from '@greensward/kit';
import type { Leftover, Platform, ScriptProcess } from '../platform/platform.ts';
import { runBootstrap } from './bootstrap-step.ts';
import type { ComponentLine } from './component-logs.ts';
import type { BootstrapOutcome, ComponentSpec, ComponentStatus, Lifecycle, Outcome } from './lifecycle.ts';
import { type DependencyGraph, dependenciesFirst, dependersFirst } from './order.ts';
import { reactionTo } from './restart.ts';
import type { TildeFolders } from './script-steps.ts';
import { Supervisor } from './supervisor.ts';
import { isIdle, isReady } from './transition.ts';

export interface LifecycleOptions {
  readonly platform: Platform;
  readonly timers: Timers;
  readonly clock: Clock;
  readonly log: Log;
  /** The log of one component; asked for once a component. */
  readonly componentLog: (name: string) => (line: ComponentLine) => void;
  /** Given every process that lives now, each time it changes: the next run of the device ends what this one leaves. */
  readonly onProcesses?: (leftovers: readonly Leftover[]) => void;
  /** Runs the scripts; default `sh`. */
  readonly shell?: string;
  /** What a process gets between SIGTERM and SIGKILL, in ms; default 5,000. */
  readonly graceMs?: number;
  /**
   * How long a component must be RUNNING to count as settled, in ms; default 1,000. `Run` is RUNNING as soon as it is
   * forked, so without this a script that fails at once would pass for a component that works.
   */
  readonly settleMs?: number;
  /** What `~` stands for in Skipif; without it such operands are taken literally. */
  readonly tilde?: TildeFolders;
}

/** Runs components. A HARD dependency that is not a component given to `apply` is built into the runtime: always ready. */
export function createLifecycle(options: LifecycleOptions): Lifecycle {
  return new LifecycleEngine(options);
}

/**
 * All supervisors, and what goes between them: whether dependencies are ready, and the order of starts and stops. Two
 * modes: it takes new components until `stop` is called, and none afterwards.
 */
class LifecycleEngine implements Lifecycle {
  readonly #options: LifecycleOptions;
  readonly #supervisors = new Map<string, Supervisor>();
  readonly #listeners = new Set<(status: ComponentStatus) => void>();
  /** Looked at again after everything that happens. */
  readonly #watches = new Set<() => void>();
  /** To be pruned, and not wanted again since. */
  readonly #unwanted = new Set<string>();
  readonly #bootstrapping = new Set<ScriptProcess>();
  #stopped: Promise<void> | undefined;
  /** While components are replaced, dependencies are not judged yet: some of the new ones are not there. */
  #applying = false;

  constructor(options: LifecycleOptions) {
    this.#options = options;
  }

  apply(desired: ReadonlyMap<string, ComponentSpec>): void {
    if (this.#stopped !== undefined) throw new Fault('LIFECYCLE_STOPPED', 'The device runtime is stopping');
    const requests = new Map<string, 'start' | 'restart' | 'reinstall'>();
    this.#applying = true;
    try {
      for (const [name, spec] of desired) {
        this.#unwanted.delete(name);
        const supervisor = this.#supervisors.get(name);
        this.#warnOfLimits(spec, supervisor?.spec);
        if (supervisor === undefined) {
          this.#supervisors.set(name, this.#supervise(spec));
          requests.set(name, 'start');
          continue;
        }
        const { state, closing } = supervisor.machine;
        const again = state === 'BROKEN' || closing;
        const { kind, reasons } = again
          ? { kind: 'reinstall' as const, reasons: [state] }
          : reactionTo(supervisor.spec, spec);
        supervisor.update(spec);
        if (kind === 'none') continue;
        requests.set(name, kind);
        this.#options.log.info('component changes', { component: name, kind, reasons });
      }
    } finally {
      this.#applying = false;
    }
    this.#judgeDependencies();
    for (const name of dependenciesFirst(this.#graph())) {
      const request = requests.get(name);
      if (request !== undefined) this.#supervisors.get(name)?.dispatch({ kind: 'request', request });
    }
  }

  async prune(keep: ReadonlySet<string>, limitMs?: number): Promise<void> {
    const graph = this.#graph((name) => !keep.has(name));
    for (const name of graph.keys()) this.#unwanted.add(name);
    const limit = this.#limit(limitMs, [...graph.keys()]);
    await dependersFirst(graph, async (name) => {
      const supervisor = this.#supervisors.get(name);
      if (supervisor === undefined || !this.#unwanted.delete(name)) return;
      if (limit.isOver()) supervisor.force();
      supervisor.dispatch({ kind: 'request', request: 'uninstall' });
      await this.#until(() => !supervisor.machine.closing || isIdle(supervisor.machine));
      // It may have been wanted again meanwhile, and while the runtime stops it is left to that.
      if (supervisor.machine.closing && supervisor.machine.state === 'UNINSTALLED') this.#supervisors.delete(name);
    });
    limit.end();
    this.#changed();
  }

  settled(names: ReadonlySet<string>, signal: AbortSignal): Promise<Outcome> {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    let cancelTimer = () => {};
    const finish = (settle: () => void) => {
      cancelTimer();
      this.#watches.delete(watch);
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    const onAbort = () => finish(() => reject(signal.reason));
    const watch = () => {
      cancelTimer();
      const { outcome, unknown, againMs } = this.#outcome(names);
      if (outcome) finish(() => resolve(outcome));
      else if (unknown !== undefined) {
        finish(() => reject(new Fault('COMPONENT_UNKNOWN', `The component ${unknown} is not known`)));
      } else if (againMs > 0) cancelTimer = this.#options.timers.after(againMs, watch);
    };
    this.#watches.add(watch);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    else watch();
    return promise;
  }

  statuses(): readonly ComponentStatus[] {
    return [...this.#supervisors.values()].map((supervisor) => supervisor.status);
  }

  request(name: string, request: 'restart' | 'stop'): string | undefined {
    const supervisor = this.#supervisors.get(name);
    if (supervisor === undefined) return `${name} does not run on this device`;
    const { state, desired, closing } = supervisor.machine;
    if (this.#stopped !== undefined) return 'the device runtime is stopping';
    if (closing) return `${name} is being removed`;
    if (state === 'BROKEN' && desired[0] !== 'NEW') return `${name} is BROKEN: only a deployment installs it anew`;
    if (state === 'NEW' && desired.length === 0) return `${name} has not been started yet`;
    this.#options.log.info('a person asks for it', { component: name, request });
    supervisor.dispatch({ kind: 'request', request });
    return undefined;
  }

  onChange(listener: (status: ComponentStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stop(limitMs?: number): Promise<void> {
    this.#stopped ??= this.#stopAll(limitMs);
    return this.#stopped;
  }

  async #stopAll(limitMs: number | undefined): Promise<void> {
    const limit = this.#limit(limitMs, [...this.#supervisors.keys()]);
    await dependersFirst(this.#graph(), async (name) => {
      const supervisor = this.#supervisors.get(name);
      if (limit.isOver()) supervisor?.force();
      supervisor?.dispatch({ kind: 'request', request: 'close' });
      await this.#until(() => supervisor === undefined || isIdle(supervisor.machine));
      await supervisor?.endProcesses();
    });
    limit.end();
  }

  /** After `limitMs` what of `names` is being closed is cut short; what has its turn later is to be, too. */
  #limit(limitMs: number | undefined, names: Iterable<string>): { isOver(): boolean; end(): void } {
    let over = false;
    const end =
      limitMs === undefined
        ? () => {}
        : this.#options.timers.after(limitMs, () => {
            over = true;
            for (const name of names) {
              const supervisor = this.#supervisors.get(name);
              if (supervisor === undefined || !supervisor.machine.closing || isIdle(supervisor.machine)) continue;
              this.#options.log.warn('a component does not stop in time and is killed', { component: name });
              supervisor.force();
            }
          });
    return { isOver: () => over, end };
  }

  bootstrap(spec: ComponentSpec, signal: AbortSignal): Promise<BootstrapOutcome> {
    const { platform, timers, log, componentLog, shell = 'sh', graceMs = 5_000, tilde } = this.#options;
    let own: ScriptProcess | undefined;
    return runBootstrap(
      spec,
      {
        platform,
        timers,
        log,
        shell,
        graceMs,
        tilde,
        write: componentLog(spec.name),
        onProcess: (process) => {
          if (own !== undefined) this.#bootstrapping.delete(own);
          own = process;
          if (own !== undefined) this.#bootstrapping.add(own);
          this.#recordProcesses();
        },
      },
      signal,
    );
  }

  #recordProcesses(): void {
    const bootstrapping = [...this.#bootstrapping].map(({ pid, startedAt }) => ({ pid, startedAt }));
    const all = [...this.#supervisors.values()].flatMap((supervisor) => supervisor.leftovers);
    this.#options.onProcesses?.([...all, ...bootstrapping]);
  }

  /** Limits are taken and kept, but not enforced: said once for each component, and again when they change. */
  #warnOfLimits({ name, limits }: ComponentSpec, before: ComponentSpec | undefined): void {
    const { memory = 0, cpus = 0 } = limits ?? {};
    const same = (before?.limits?.memory ?? 0) === memory && (before?.limits?.cpus ?? 0) === cpus;
    if (same || (memory === 0 && cpus === 0)) return;
    this.#options.log.warn('system resource limits are not enforced by this runtime', {
      component: name,
      memory,
      cpus,
    });
  }

  #supervise(spec: ComponentSpec): Supervisor {
    const { platform, timers, clock, log, componentLog, shell = 'sh', graceMs = 5_000, tilde } = this.#options;
    return new Supervisor(spec, true, {
      platform,
      timers,
      clock,
      log,
      shell,
      graceMs,
      tilde,
      write: componentLog(spec.name),
      onState: (status) => {
        this.#judgeDependencies();
        for (const listener of [...this.#listeners]) listener(status);
      },
      onHandled: () => this.#changed(),
      onProcesses: () => this.#recordProcesses(),
    });
  }

  /** Tells each component whether its HARD dependencies are ready, where that is news. */
  #judgeDependencies(): void {
    // While the runtime stops, what happens to a dependency restarts nobody.
    if (this.#applying || this.#stopped !== undefined) return;
    for (const supervisor of this.#supervisors.values()) {
      const ready = [...supervisor.spec.dependencies].every(([name, type]) => {
        const dependency = this.#supervisors.get(name);
        return type === 'SOFT' || dependency === undefined || isReady(dependency.machine);
      });
      if (ready !== supervisor.machine.ready) supervisor.dispatch({ kind: 'dependencies', ready });
    }
  }

  #graph(include: (name: string) => boolean = () => true): DependencyGraph {
    const included = [...this.#supervisors].filter(([name]) => include(name));
    return new Map(included.map(([name, supervisor]) => [name, [...supervisor.spec.dependencies.keys()]]));
  }

  #outcome(names: ReadonlySet<string>): { outcome?: Outcome; unknown?: string; againMs: number } {
    const { timers, settleMs = 1_000 } = this.#options;
    const broken: ComponentStatus[] = [];
    let waiting = false;
    let againMs = 0;
    for (const name of names) {
      const supervisor = this.#supervisors.get(name);
      if (supervisor === undefined) return { unknown: name, againMs: 0 };
      const { machine, status, runningSince } = supervisor;
      // One that is BROKEN and about to be reinstalled is not broken any more.
      if (machine.state === 'BROKEN' && machine.desired[0] !== 'NEW') broken.push(status);
      if (!isIdle(machine) || (machine.state !== 'RUNNING' && machine.state !== 'FINISHED')) waiting = true;
      else if (machine.state === 'RUNNING') {
        againMs = Math.max(againMs, Math.ceil(settleMs - (timers.monotonic() - runningSince)));
      }
    }
    if (broken.length > 0) return { outcome: { ok: false, broken }, againMs: 0 };
    if (waiting || againMs > 0) return { againMs };
    return { outcome: { ok: true }, againMs: 0 };
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const watch = () => {
        if (!condition()) return;
        this.#watches.delete(watch);
        resolve();
      };
      this.#watches.add(watch);
      watch();
    });
  }

  #changed(): void {
    for (const watch of [...this.#watches]) watch();
  }
}
