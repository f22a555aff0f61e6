import { type Log, messageOf } from '@greensward/kit';
import { type DeploymentDocument, groupOf } from '@greensward/model/deployment-document';
import type { Recipe } from '@greensward/model/recipe';
import type { ComponentFiles } from '../components/components.ts';
import type { ComponentStatus, Lifecycle } from '../lifecycle/lifecycle.ts';
import type { DeviceStore } from '../store/device-store.ts';
import {
  type ComponentSet,
  type DeploymentOutcome,
  type DeploymentRecord,
  deploymentKey,
  type Failure,
  type GroupRecord,
  type SetEntry,
} from '../store/records.ts';
import type { Arrival } from '../uplink/uplink.ts';
import { type LocalArrival, nextDeployment, onArrival } from './arrivals.ts';
import { brokenFailure, failureOf, staleFailure } from './failure.ts';
import { type LocalFolders, withLocalComponents } from './local-components.ts';
import { documentOf } from './local-document.ts';
import { type PrepareDeps, prepare } from './prepare.ts';
import { isStale } from './roots.ts';
import { type BuiltSpecs, buildSpecs, withHardDependers } from './specs.ts';

export interface RunnerDeps extends PrepareDeps {
  readonly store: DeviceStore;
  readonly lifecycle: Lifecycle;
  readonly files: ComponentFiles;
  /** The folders that local deployments name. */
  readonly folders: LocalFolders;
  readonly log: Log;
  /**
   * Called before the components of a set are started or changed: starts what is built in, and takes over the runtime's own
   * configuration. `restart`: the runtime is about to stop and start again, and goes on from the journal.
   */
  readonly beforeBringUp: (set: ComponentSet) => Promise<'go' | 'restart'>;
  /** The set was replaced; `before` is what it was. */
  readonly onReplaced: (before: ComponentSet) => void;
  /** There is a new owed status. */
  readonly onOwed: () => void;
  /** The journal cannot be written: a runtime that cannot remember must not go on. */
  readonly onFatal: (error: unknown) => void;
}

/** What the end of a deployment writes, besides its record. */
interface End extends Pick<DeploymentOutcome, 'status' | 'detailedStatus' | 'failure'> {
  readonly groups?: Readonly<Record<string, GroupRecord>>;
  readonly set?: Iterable<SetEntry>;
}

/**
 * Takes one deployment after the other through its stages. The journal in the store is the only state: each step reads it,
 * does one stage, and moves it in one transaction, so that a runner that dies anywhere is continued by the next one.
 *
 * Modes: IDLE (nothing open), PREPARING (one deployment, may be cancelled: `preparing` is its abort), SETTLING (applying or
 * rolling back; not cancellable, ends on a verified state), STOPPED. Late results are dropped by the signal of `stop`.
 */
export class DeploymentRunner {
  private readonly deps: RunnerDeps;
  private readonly stopping = new AbortController();
  private preparing: { readonly key: string; readonly abort: AbortController } | undefined;
  private wake: () => void = () => {};
  private loop: Promise<void> = Promise.resolve();
  /** Components of the set that cannot even be given to the lifecycle, because their recipe is lost. */
  private unable: readonly ComponentStatus[] = [];

  constructor(deps: RunnerDeps) {
    this.deps = deps;
  }

  /** Starts what ran before, continues what the journal says, then waits for arrivals. */
  start(): void {
    this.loop = this.run().catch((error: unknown) => {
      if (!this.stopping.signal.aborted) this.deps.onFatal(error);
    });
  }

  /** Stops after the present await; the journal keeps the rest. */
  async stop(): Promise<void> {
    this.stopping.abort(new Error('the runtime stops'));
    this.wake();
    await this.loop;
  }

  /** Components of the set that cannot run, and that the lifecycle therefore does not know: BROKEN. */
  unloadable(): readonly ComponentStatus[] {
    return this.unable;
  }

  /** A deployment, or the end of one, from the cloud or from the device itself. Durable when it returns. */
  arrive(arrival: Arrival | LocalArrival): void {
    if (this.stopping.signal.aborted) return;
    try {
      this.change(arrival);
    } catch (error) {
      this.deps.onFatal(error);
    }
    this.wake();
  }

  private change(arrival: Arrival | LocalArrival): void {
    const { store, log } = this.deps;
    const change = onArrival(arrival, store.openDeployments(), (key) => store.deployment(key));
    const { cancel, enqueue } = change;
    const outcome = change.tellAgain?.outcome;
    const again = outcome !== undefined && !this.isOwed(change.tellAgain?.key) ? outcome : undefined;
    if (cancel.length === 0 && enqueue === undefined && again === undefined) return;
    store.transaction(() => {
      for (const record of cancel) {
        log.info('deployment cancelled', { deployment: record.key, stage: record.stage });
        this.cancelInStore(record);
      }
      if (enqueue) store.putDeployment(enqueue);
      if (again) store.owe(again);
    });
    if (cancel.some((record) => record.key === this.preparing?.key))
      this.preparing?.abort.abort(new Error('cancelled'));
    if (cancel.length > 0 || again) this.deps.onOwed();
    if (enqueue) log.info('deployment arrived', { deployment: enqueue.key });
  }

  private isOwed(key: string | undefined): boolean {
    return this.deps.store.owedStatuses().some(({ source }) => deploymentKey(source) === key);
  }

  private cancelInStore(record: DeploymentRecord): void {
    const { source } = record;
    // Of a job nothing is reported: CANCELED is the cloud's word. Should the cloud hand it out after all, it is run.
    if (source.kind === 'job') this.deps.store.deleteDeployment(record.key);
    else if (source.kind === 'local')
      this.close(record, { source, status: 'CANCELED', deploymentId: source.deploymentId });
    else this.close(record, { source, status: 'CANCELED', configurationArn: source.configurationArn });
  }

  /** The record stays without its document, so that a repeat of it is known. */
  private close({ key, source }: DeploymentRecord, outcome: DeploymentOutcome): void {
    this.deps.store.putDeployment({ key, source, document: null, stage: 'ENDED', outcome });
    this.deps.store.owe(outcome);
  }

  /** Starts what ran before. One component that cannot start (its recipe is lost) does not keep the others from it. */
  private async boot(): Promise<void> {
    const { store, lifecycle } = this.deps;
    try {
      await this.ready(store.components());
    } catch (error) {
      // A port that is taken must not keep the components from running that do not need it.
      this.stopping.signal.throwIfAborted();
      this.deps.log.error('what is built in cannot start', { reason: messageOf(error) });
    }
    lifecycle.apply((await this.load(store.components())).specs);
  }

  /** Returns when components may start; never when the runtime starts again, until it is stopped. */
  private async ready(set: ComponentSet): Promise<void> {
    const { signal } = this.stopping;
    if ((await this.deps.beforeBringUp(set)) === 'go') return;
    await new Promise<void>((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  }

  private async load(set: ComponentSet): Promise<BuiltSpecs> {
    const recipes = new Map<string, () => Recipe | undefined>();
    for (const { name, version } of set.values()) {
      try {
        const found = await this.deps.files.recipe(name, version);
        recipes.set(name, () => found?.recipe);
      } catch (error) {
        recipes.set(name, () => {
          throw error;
        });
      }
    }
    const built = buildSpecs(
      set,
      this.deps.specContext((name) => recipes.get(name)?.()),
    );
    this.unable = [...built.failed].map(([name, error]) => {
      const version = set.get(name)?.version ?? '';
      const reason = messageOf(error);
      this.deps.log.error('a component cannot start', { component: name, version, reason });
      return { name, version, state: 'BROKEN', statusCodes: ['INSTALL_IO_ERROR'], reason, changedAt: 0 };
    });
    return built;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    await this.boot();
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      const record = nextDeployment(this.deps.store.openDeployments());
      if (record === undefined) {
        await woken;
        continue;
      }
      try {
        await this.step(record);
      } catch (error) {
        if (signal.aborted) return;
        // A bug or a broken disk: say so and end this deployment rather than spin on it.
        this.deps.log.error('deployment step failed', {
          deployment: record.key,
          stage: record.stage,
          reason: messageOf(error),
        });
        const detailedStatus = record.change === undefined ? 'FAILED_NO_STATE_CHANGE' : 'FAILED_UNABLE_TO_ROLLBACK';
        this.end(record, undefined, { status: 'FAILED', detailedStatus, failure: record.failure ?? failureOf(error) });
      }
    }
  }

  private async step(record: DeploymentRecord): Promise<void> {
    let document: DeploymentDocument;
    try {
      document = documentOf(record, this.deps.store);
    } catch (error) {
      const failure = failureOf(error);
      this.end(record, undefined, { status: 'FAILED', detailedStatus: 'FAILED_NO_STATE_CHANGE', failure });
      return;
    }
    switch (record.stage) {
      case 'QUEUED':
        return this.begin(record, document);
      case 'PREPARING':
        return this.prepare(record, document);
      case 'APPLYING':
        return this.apply(record, document);
      case 'ROLLING_BACK':
        return this.rollBack(record, document);
      case 'ENDED':
        return;
    }
  }

  private begin(record: DeploymentRecord, document: DeploymentDocument): void {
    const { store } = this.deps;
    if (record.source.kind === 'job' && isStale(document, store.groups().get(groupOf(document)))) {
      this.end(record, document, { status: 'REJECTED', detailedStatus: 'REJECTED', failure: staleFailure });
      return;
    }
    store.transaction(() => {
      store.putDeployment({ ...record, stage: 'PREPARING' });
      // Of a local deployment the cloud is told the end only.
      if (record.source.kind !== 'local')
        store.owe({ source: record.source, status: 'IN_PROGRESS', configurationArn: document.configurationArn });
    });
    this.deps.onOwed();
  }

  private async prepare(record: DeploymentRecord, document: DeploymentDocument): Promise<void> {
    const { store, lifecycle } = this.deps;
    const abort = new AbortController();
    this.preparing = { key: record.key, abort };
    let tried: readonly string[] = [];
    try {
      const signal = AbortSignal.any([abort.signal, this.stopping.signal]);
      const current = store.components();
      const deps = await withLocalComponents(this.deps, record);
      const { setOver, groups } = await prepare(document, current, store.groups(), deps, signal, (versions) => {
        tried = versions;
      });
      signal.throwIfAborted();
      const broken = [...lifecycle.statuses(), ...this.unable].filter(({ state }) => state === 'BROKEN');
      // As it is now: components may have written their configuration while everything was prepared.
      const previous = store.components();
      const change = { previous: [...previous.values()], brokenBefore: broken.map(({ name }) => name), groups };
      store.transaction(() => {
        store.replaceComponents(setOver(previous));
        store.putDeployment({ ...record, stage: 'APPLYING', change });
      });
      this.deps.onReplaced(previous);
    } catch (error) {
      // Cancelled: `arrive` has ended it already. Stopping: the journal says PREPARING, the next start begins it again.
      if (abort.signal.aborted || this.stopping.signal.aborted) return;
      const failure = failureOf(error);
      this.end(record, document, { status: 'FAILED', detailedStatus: 'FAILED_NO_STATE_CHANGE', failure });
      await this.tidy(store.components().values(), tried);
    } finally {
      this.preparing = undefined;
    }
  }

  private async apply(record: DeploymentRecord, document: DeploymentDocument): Promise<void> {
    const { store, lifecycle } = this.deps;
    const { change } = record;
    if (change === undefined) throw new Error('a deployment that is being applied has no change');
    const set = store.components();
    const failure = await this.bringUp(set);
    if (failure === undefined) {
      await lifecycle.prune(new Set(set.keys()));
      this.stopping.signal.throwIfAborted();
      this.end(record, document, { status: 'SUCCEEDED', detailedStatus: 'SUCCESSFUL', groups: change.groups });
      await this.tidy(set.values(), change.previous.map(nameAndVersion));
      return;
    }
    if (document.failureHandlingPolicy === 'DO_NOTHING') {
      // Everything is left as it is, so what was to be removed still runs.
      const all = [...store.components().values(), ...change.previous.filter(({ name }) => !set.has(name))];
      const { groups } = change;
      const detailedStatus = 'FAILED_ROLLBACK_NOT_REQUESTED';
      this.end(record, document, { status: 'FAILED', detailedStatus, failure, groups, set: all });
      await this.tidy(all, change.previous.map(nameAndVersion));
      return;
    }
    this.deps.log.warn('deployment failed, rolling back', { deployment: record.key, reason: failure.cause });
    const tried = [...set.values()].map(nameAndVersion);
    const failed = store.components();
    store.transaction(() => {
      store.replaceComponents(change.previous);
      store.putDeployment({ ...record, stage: 'ROLLING_BACK', failure, change: { ...change, tried } });
    });
    this.deps.onReplaced(failed);
  }

  /** Applies a set and waits until all of it runs; returns why it does not. */
  private async bringUp(set: ComponentSet): Promise<Failure | undefined> {
    const { signal } = this.stopping;
    try {
      await this.ready(set);
      const { specs, failed } = await this.load(set);
      for (const error of failed.values()) throw error;
      this.deps.lifecycle.apply(specs);
      const outcome = await this.deps.lifecycle.settled(new Set(specs.keys()), signal);
      signal.throwIfAborted();
      return outcome.ok ? undefined : brokenFailure(outcome.broken, (name) => set.get(name)?.arn);
    } catch (error) {
      signal.throwIfAborted();
      return failureOf(error);
    }
  }

  /** Brings back the set before, as far as it ran: what was BROKEN, and what needs it, is not waited for. */
  private async rollBack(record: DeploymentRecord, document: DeploymentDocument): Promise<void> {
    const { store, lifecycle } = this.deps;
    const set = store.components();
    await this.ready(set);
    const { specs, failed } = await this.load(set);
    lifecycle.apply(specs);
    const before = record.change?.brokenBefore ?? [];
    const tolerated = withHardDependers(before, specs);
    const awaited = new Set([...specs.keys()].filter((name) => !tolerated.has(name)));
    const outcome = await lifecycle.settled(awaited, this.stopping.signal);
    await lifecycle.prune(new Set(set.keys()));
    this.stopping.signal.throwIfAborted();
    const restored = outcome.ok && [...failed.keys()].every((name) => tolerated.has(name));
    const detailedStatus = restored ? 'FAILED_ROLLBACK_COMPLETE' : 'FAILED_UNABLE_TO_ROLLBACK';
    this.end(record, document, {
      status: 'FAILED',
      detailedStatus,
      ...(record.failure === undefined ? {} : { failure: record.failure }),
    });
    await this.tidy(set.values(), record.change?.tried ?? []);
  }

  private end(record: DeploymentRecord, document: DeploymentDocument | undefined, end: End): void {
    const { store, log } = this.deps;
    const { groups, set, ...told } = end;
    const { configurationArn, deploymentId } = document ?? {};
    const ignoredConfiguration =
      end.status === 'SUCCEEDED' || set !== undefined ? overruledBy(deploymentId, store.components()) : undefined;
    if (ignoredConfiguration !== undefined)
      log.warn('merged values lost to newer ones on the device', {
        deployment: record.key,
        configuration: ignoredConfiguration,
      });
    store.transaction(() => {
      if (groups !== undefined) store.replaceGroups(groups);
      if (set !== undefined) store.replaceComponents(set);
      this.close(record, {
        source: record.source,
        ...told,
        ...(ignoredConfiguration === undefined ? {} : { ignoredConfiguration }),
        ...(deploymentId === undefined ? {} : { deploymentId }),
        ...(configurationArn === undefined ? {} : { configurationArn }),
      });
    });
    const { status, detailedStatus, failure } = end;
    const reason = failure ? { reason: failure.cause } : {};
    log.info('deployment ended', { deployment: record.key, status, detailedStatus, ...reason });
    this.deps.onOwed();
  }

  /**
   * Deletes component versions but those of the set and of `more`. After failures too, or the disk fills up with what never ran.
   * What it cannot delete costs disk space, no more.
   */
  private async tidy(set: Iterable<SetEntry>, more: readonly string[]): Promise<void> {
    try {
      await this.deps.files.prune(new Set([...[...set].map(nameAndVersion), ...more]));
    } catch (error) {
      this.deps.log.warn('old component versions are left on disk', { reason: messageOf(error) });
    }
  }
}

/** `com.example.App: /a, /b` for each component where the deployment lost; undefined when it lost nowhere. */
function overruledBy(deploymentId: string | undefined, set: ComponentSet): string | undefined {
  const texts = [...set.values()].flatMap(({ name, overruled = [] }) => {
    const pointers = overruled.filter((key) => key.deploymentId === deploymentId).map(({ pointer }) => pointer);
    return pointers.length === 0 ? [] : [`${name}: ${pointers.join(', ')}`];
  });
  return texts.length === 0 ? undefined : texts.join('; ');
}

function nameAndVersion({ name, version }: SetEntry): string {
  return `${name}@${version}`;
}
