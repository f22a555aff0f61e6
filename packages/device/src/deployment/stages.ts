import { type Log, messageOf, type Timers } from '@greensward/kit';
import type { DeploymentDocument } from '@greensward/model/deployment-document';
import type { ComponentFiles } from '../components/components.ts';
import type { Lifecycle, Outcome } from '../lifecycle/lifecycle.ts';
import type { DeviceStore } from '../store/device-store.ts';
import type {
  BootstrapTask,
  Change,
  ComponentSet,
  DeploymentRecord,
  Failure,
  SetEntry,
  Stage,
} from '../store/records.ts';
import { rollbackTasks, withTask } from './bootstrap-plan.ts';
import type { UpdateSubscribers } from './consent.ts';
import { activationTimeout, bootstrapFailure, brokenFailure, cancelledFailure, failureOf } from './failure.ts';
import type { DeploymentJournal } from './journal.ts';
import type { DeploymentLimits } from './limits.ts';
import type { RuntimeBuilds } from './runtime-builds.ts';
import { restartFailure } from './runtime-update.ts';
import type { SetLoader } from './set-loader.ts';
import { withHardDependers } from './specs.ts';

export interface StageDeps {
  readonly store: DeviceStore;
  readonly lifecycle: Lifecycle;
  readonly files: Pick<ComponentFiles, 'prune'>;
  readonly timers: Timers;
  readonly log: Log;
  readonly limits: () => DeploymentLimits;
  readonly updates: UpdateSubscribers;
  readonly builds: Omit<RuntimeBuilds, 'check'>;
  /** The runtime itself. */
  readonly nucleus: { readonly component: string; readonly version: string };
  /**
   * Called before the components of a set are started or changed: starts what is built in, and takes over the runtime's own
   * configuration. `restart`: the runtime is about to stop and start again, and goes on from the journal.
   */
  readonly beforeBringUp: (set: ComponentSet) => Promise<'go' | 'restart'>;
  /** The set was replaced; `before` is what it was. */
  readonly onReplaced: (before: ComponentSet) => void;
  /** The runtime is to be stopped and started again, or the device rebooted; the journal is as it is to go on from. */
  readonly onRestart: (kind: Restart) => void;
}

/** `replace`: the next start may be of another build. */
export type Restart = 'restart' | 'replace' | 'reboot';

interface Around {
  readonly loader: SetLoader;
  readonly journal: DeploymentJournal;
  /** Aborts when the runtime stops. */
  readonly stopping: AbortSignal;
}

/** In these stages no component runs. */
function isBootstrapping(stage: Stage): boolean {
  return stage === 'BOOTSTRAPPING' || stage === 'ROLLBACK_BOOTSTRAPPING';
}

/**
 * The stages of a deployment in which the device is changed. Each goes from a record of the journal to the next, or to the end, in
 * one transaction; what it does before that can be done again.
 */
export class ChangeStages {
  private readonly deps: StageDeps;
  private readonly around: Around;
  private applying: { readonly key: string; readonly abort: AbortController } | undefined;
  /** The lifecycle takes no components any more; the runtime has to start again before any runs. */
  private halted = false;

  constructor(deps: StageDeps, around: Around) {
    this.deps = deps;
    this.around = around;
  }

  /** True when no component is to be started before this deployment has gone on. */
  leavesComponents(record: DeploymentRecord): boolean {
    return isBootstrapping(record.stage) || !this.isOwnBuild(record);
  }

  /** The journal says now that this deployment is cancelled: what waits for its components gives that up. */
  cancel(key: string): void {
    if (this.applying?.key === key) this.applying.abort.abort(new Error('cancelled'));
  }

  /** Runs the next bootstrap step; after the last one, and where a step asks for it, the runtime starts again. */
  async bootstrap(record: DeploymentRecord, document: DeploymentDocument): Promise<void> {
    const { store, lifecycle, limits, log } = this.deps;
    const change = requireChange(record);
    const rollsBack = record.stage === 'ROLLBACK_BOOTSTRAPPING';
    this.halted = true;
    await lifecycle.stop(limits().restartMs);
    this.around.stopping.throwIfAborted();
    if (record.cancelled && !rollsBack) return this.turnBack(record, cancelledFailure);

    const task = change.bootstrap?.find(({ state }) => state !== 'DONE');
    if (task === undefined) {
      return this.startAgain(this.move(record, rollsBack ? 'ROLLING_BACK' : 'APPLYING', change));
    }
    const { component } = task;
    const started = this.move(record, record.stage, withState(change, component, 'STARTED'));
    const set = store.components();
    const { specs, failed } = await this.around.loader.read(set);
    const spec = specs.get(component);
    if (spec === undefined) throw failed.get(component) ?? new Error(`${component} is not in the set`);
    log.info('bootstrap', { deployment: record.key, component, version: spec.version });
    const outcome = await lifecycle.bootstrap(spec, this.around.stopping);
    log.info('bootstrap ended', { deployment: record.key, component, outcome: outcome.kind });
    if (outcome.kind === 'failed') {
      const failure = bootstrapFailure(component, outcome.failure, set.get(component)?.arn);
      if (rollsBack) return this.giveUp(record, document, record.failure ?? failure);
      return this.turnBack(started, failure);
    }
    const done = withState(requireChange(started), component, 'DONE');
    const isLast = done.bootstrap?.every(({ state }) => state === 'DONE') === true;
    // In the journal first: a step that asked for a restart or a reboot is not to run again after it.
    const moved = this.move(started, isLast ? (rollsBack ? 'ROLLING_BACK' : 'APPLYING') : record.stage, done);
    if (outcome.kind === 'reboot') return this.restart('reboot');
    if (outcome.kind === 'restart' || isLast) return this.startAgain(moved);
  }

  async apply(record: DeploymentRecord, document: DeploymentDocument): Promise<void> {
    const { store, lifecycle, limits, builds, log } = this.deps;
    const change = requireChange(record);
    if (record.cancelled) return this.turnBack(record, cancelledFailure);
    if (!this.isOwnBuild(record)) return this.becomeBuild(record);
    const set = store.components();
    const failure = await this.bringUp(record.key, set);
    if (store.deployment(record.key)?.cancelled) return this.turnBack(record, cancelledFailure);
    if (failure === undefined) {
      await lifecycle.prune(new Set(set.keys()), limits().removalMs);
      this.around.stopping.throwIfAborted();
      const { groups } = change;
      this.around.journal.end(record, document, { status: 'SUCCEEDED', detailedStatus: 'SUCCESSFUL', groups });
      if (change.runtime !== undefined) builds.confirm(change.runtime.to.version);
      return this.finish(document, set.values(), change.previous.map(nameAndVersion));
    }
    if (document.failureHandlingPolicy === 'DO_NOTHING' && change.rollsBack !== true) {
      // Everything is left as it is, so what was to be removed still runs.
      const all = [...store.components().values(), ...change.previous.filter(({ name }) => !set.has(name))];
      const { groups } = change;
      const detailedStatus = 'FAILED_ROLLBACK_NOT_REQUESTED';
      this.around.journal.end(record, document, { status: 'FAILED', detailedStatus, failure, groups, set: all });
      return this.finish(document, all, change.previous.map(nameAndVersion));
    }
    log.warn('deployment failed, rolling back', { deployment: record.key, reason: failure.cause });
    return this.turnBack(record, failure);
  }

  /** Brings back the set before, as far as it ran: what was BROKEN, and what needs it, is not waited for. */
  async rollBack(record: DeploymentRecord, document: DeploymentDocument): Promise<void> {
    const { store, lifecycle, limits, builds } = this.deps;
    if (!this.isOwnBuild(record)) return this.becomeBuild(record);
    const set = store.components();
    await this.ready(set);
    const { specs, failed } = await this.around.loader.load(set);
    lifecycle.apply(specs);
    const tolerated = withHardDependers(record.change?.brokenBefore ?? [], specs);
    const awaited = new Set([...specs.keys()].filter((name) => !tolerated.has(name)));
    const outcome = await this.settle(awaited, this.around.stopping);
    await lifecycle.prune(new Set(set.keys()), limits().removalMs);
    this.around.stopping.throwIfAborted();
    if (record.change?.runtime !== undefined) builds.goBack();
    const restored = outcome !== 'late' && outcome.ok && [...failed.keys()].every((name) => tolerated.has(name));
    if (restored && record.cancelled) this.around.journal.endCancelled(record);
    else {
      const detailedStatus = restored ? 'FAILED_ROLLBACK_COMPLETE' : 'FAILED_UNABLE_TO_ROLLBACK';
      const failure = record.failure === undefined ? {} : { failure: record.failure };
      this.around.journal.end(record, document, { status: 'FAILED', detailedStatus, ...failure });
    }
    return this.finish(document, set.values(), record.change?.tried ?? []);
  }

  /**
   * After an error that no stage expects: goes back if there is a way, else ends the deployment. Returns when the next stage can
   * be worked on.
   */
  async recover(record: DeploymentRecord, document: DeploymentDocument, error: unknown): Promise<void> {
    if (record.stage === 'ENDED') return;
    const failure = record.failure ?? failureOf(error);
    if (record.stage === 'APPLYING' || record.stage === 'BOOTSTRAPPING') return this.turnBack(record, failure);
    return this.giveUp(record, document, failure);
  }

  /** Returns when components may start; never when the runtime starts again, until it is stopped. */
  async ready(set: ComponentSet): Promise<void> {
    if ((await this.deps.beforeBringUp(set)) === 'restart') await this.stopped();
  }

  /** True when the build that runs is the one that is to finish this stage. */
  private isOwnBuild({ stage, change }: DeploymentRecord): boolean {
    if (change?.runtime === undefined || (stage !== 'APPLYING' && stage !== 'ROLLING_BACK')) return true;
    const { from, to } = change.runtime;
    return this.deps.nucleus.version === (stage === 'APPLYING' ? to.version : from);
  }

  /** Another build is to go on with this stage: it is started, unless it has been given up. */
  private async becomeBuild(record: DeploymentRecord): Promise<void> {
    const { builds, lifecycle, limits, log } = this.deps;
    const { runtime } = requireChange(record);
    if (runtime === undefined) throw new Error('a deployment without a build has none to become');
    if (record.stage === 'ROLLING_BACK') builds.goBack();
    else if (builds.hasFailed(runtime.to.version)) return this.turnBack(record, restartFailure(runtime));
    else builds.tryNext(runtime.to);
    log.info('another build of the runtime goes on', { deployment: record.key, stage: record.stage, ...runtime });
    this.halted = true;
    await lifecycle.stop(limits().restartMs);
    return this.restart('replace');
  }

  private async startAgain(record: DeploymentRecord): Promise<void> {
    return this.isOwnBuild(record) ? this.restart('restart') : this.becomeBuild(record);
  }

  /** Applies a set and waits until all of it runs; returns why it does not. */
  private async bringUp(key: string, set: ComponentSet): Promise<Failure | undefined> {
    const { stopping, loader } = this.around;
    const abort = new AbortController();
    this.applying = { key, abort };
    try {
      await this.ready(set);
      const { specs, failed } = await loader.load(set);
      for (const error of failed.values()) throw error;
      this.deps.lifecycle.apply(specs);
      const outcome = await this.settle(new Set(specs.keys()), AbortSignal.any([abort.signal, stopping]));
      stopping.throwIfAborted();
      if (outcome === 'late') return this.lateFailure(specs);
      return outcome.ok ? undefined : brokenFailure(outcome.broken, (name) => set.get(name)?.arn);
    } catch (error) {
      stopping.throwIfAborted();
      return abort.signal.aborted ? cancelledFailure : failureOf(error);
    } finally {
      this.applying = undefined;
    }
  }

  private lateFailure(specs: ReadonlyMap<string, unknown>): Failure {
    const waiting = this.deps.lifecycle
      .statuses()
      .filter(({ name, state }) => specs.has(name) && state !== 'RUNNING' && state !== 'FINISHED');
    return activationTimeout(waiting, this.deps.limits().activationMs);
  }

  private async settle(names: ReadonlySet<string>, signal: AbortSignal): Promise<Outcome | 'late'> {
    const limit = new AbortController();
    const cancel = this.deps.timers.after(this.deps.limits().activationMs, () => limit.abort(new Error('late')));
    try {
      return await this.deps.lifecycle.settled(names, AbortSignal.any([signal, limit.signal]));
    } catch (error) {
      signal.throwIfAborted();
      if (limit.signal.aborted) return 'late';
      throw error;
    } finally {
      cancel();
    }
  }

  /** Puts back the set that was there before, in one commit with what is to be done for it. */
  private async turnBack(record: DeploymentRecord, failure: Failure): Promise<void> {
    const { store, onReplaced } = this.deps;
    const change = requireChange(record);
    const before = new Map(change.previous.map((entry) => [entry.name, entry]));
    const bootstrap = rollbackTasks(change.bootstrap, (await this.around.loader.read(before)).specs);
    const failed = store.components();
    const tried = [...failed.values()].map(nameAndVersion);
    const stage = bootstrap.length > 0 ? 'ROLLBACK_BOOTSTRAPPING' : 'ROLLING_BACK';
    store.transaction(() => {
      store.replaceComponents(change.previous);
      this.put({ ...record, stage, failure, change: { ...change, tried, bootstrap } });
    });
    onReplaced(failed);
    // Another build needs no restart of this one before it.
    if (this.halted && stage === 'ROLLING_BACK' && this.isOwnBuild({ ...record, stage }))
      return this.restart('restart');
  }

  /** The way back failed too: components run again as far as they can. */
  private async giveUp(record: DeploymentRecord, document: DeploymentDocument, failure: Failure): Promise<void> {
    const detailedStatus = record.change === undefined ? 'FAILED_NO_STATE_CHANGE' : 'FAILED_UNABLE_TO_ROLLBACK';
    this.around.journal.end(record, document, { status: 'FAILED', detailedStatus, failure });
    await this.finish(document, this.deps.store.components().values(), record.change?.tried ?? []);
    if (this.halted) return this.restart('restart');
  }

  private move(record: DeploymentRecord, stage: Stage, change: Change): DeploymentRecord {
    const moved = { ...record, stage, change };
    this.deps.store.transaction(() => this.put(moved));
    return moved;
  }

  /** What was said of a deployment while its stage went on, that it is cancelled, stays said. */
  private put(record: DeploymentRecord): void {
    const cancelled = this.deps.store.deployment(record.key)?.cancelled;
    this.deps.store.putDeployment(cancelled ? { ...record, cancelled } : record);
  }

  private async restart(kind: Restart): Promise<void> {
    this.deps.log.info(kind === 'reboot' ? 'the device is to reboot' : 'the runtime is to start again', { kind });
    this.deps.onRestart(kind);
    await this.stopped();
  }

  private stopped(): Promise<never> {
    const { stopping } = this.around;
    return new Promise((_, reject) => {
      if (stopping.aborted) reject(stopping.reason);
      stopping.addEventListener('abort', () => reject(stopping.reason), { once: true });
    });
  }

  private async finish(document: DeploymentDocument, set: Iterable<SetEntry>, more: readonly string[]): Promise<void> {
    if (document.componentUpdatePolicy.action === 'NOTIFY_COMPONENTS') {
      this.deps.updates.tellDone(document.deploymentId);
    }
    await this.tidy(set, more);
  }

  /**
   * Deletes component versions but those of the set and of `more`. After failures too, or the disk fills up with what never ran.
   * What it cannot delete costs disk space, no more.
   */
  async tidy(set: Iterable<SetEntry>, more: readonly string[]): Promise<void> {
    try {
      await this.deps.files.prune(new Set([...[...set].map(nameAndVersion), ...more]));
    } catch (error) {
      this.deps.log.warn('old component versions are left on disk', { reason: messageOf(error) });
    }
  }
}

function requireChange(record: DeploymentRecord): Change {
  if (record.change === undefined) throw new Error('a deployment that replaces components has no change');
  return record.change;
}

function withState(change: Change, component: string, state: BootstrapTask['state']): Change {
  return { ...change, bootstrap: withTask(change.bootstrap ?? [], component, state) };
}

function nameAndVersion({ name, version }: SetEntry): string {
  return `${name}@${version}`;
}
