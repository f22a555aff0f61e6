import { type Log, messageOf } from '@greensward/kit';
import { type DeploymentDocument, groupOf, parseDocument } from '@greensward/model/deployment-document';
import type { Recipe } from '@greensward/model/recipe';
import type { DetailedStatus } from '@greensward/protocol/vocabulary';
import type { ComponentFiles } from '../components/components.ts';
import type { ComponentSpec, ComponentStatus, Lifecycle } from '../lifecycle/lifecycle.ts';
import type { DeviceStore } from '../store/device-store.ts';
import type { ComponentSet, DeploymentRecord, Failure, OwedStatus, SetEntry } from '../store/records.ts';
import type { Arrival } from '../uplink/uplink.ts';
import { nextDeployment, onArrival } from './arrivals.ts';
import { brokenFailure, failureOf, staleFailure } from './failure.ts';
import { type PrepareDeps, prepare } from './prepare.ts';
import { isStale } from './roots.ts';
import { buildSpec, buildSpecs, type SpecContext } from './specs.ts';

export interface RunnerDeps extends PrepareDeps {
  readonly store: DeviceStore;
  readonly lifecycle: Lifecycle;
  readonly files: ComponentFiles;
  readonly log: Log;
  /** There is a new owed status. */
  readonly onOwed: () => void;
  /** The journal cannot be written: a runtime that cannot remember must not go on. */
  readonly onFatal: (error: unknown) => void;
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

  /** A deployment, or the end of one, from the cloud. */
  arrive(arrival: Arrival): void {
    if (this.stopping.signal.aborted) return;
    try {
      this.change(arrival);
    } catch (error) {
      this.deps.onFatal(error);
    }
    this.wake();
  }

  private change(arrival: Arrival): void {
    const { store, log } = this.deps;
    const change = onArrival(arrival, store.openDeployments(), (key) => store.deployment(key) !== undefined);
    store.transaction(() => {
      for (const record of change.cancel) {
        log.info('deployment cancelled', { deployment: record.key, stage: record.stage });
        this.cancelInStore(record);
      }
      if (change.enqueue) store.putDeployment(change.enqueue);
    });
    if (change.cancel.some((record) => record.key === this.preparing?.key))
      this.preparing?.abort.abort(new Error('cancelled'));
    if (change.cancel.length > 0) this.deps.onOwed();
    if (change.enqueue) log.info('deployment arrived', { deployment: change.enqueue.key });
  }

  private cancelInStore(record: DeploymentRecord): void {
    const { store } = this.deps;
    // The record stays, so that the same delivery does not run again. Of a job nothing is reported: CANCELED is the cloud's word.
    store.putDeployment({ ...record, stage: 'ENDED' });
    if (record.source.kind === 'job') return;
    store.owe({ source: record.source, status: 'CANCELED', configurationArn: record.source.configurationArn });
  }

  /** Starts what ran before. One component that cannot start (its recipe is gone) does not keep the others from it. */
  private async boot(): Promise<void> {
    const { store, lifecycle, log } = this.deps;
    const set = store.components();
    const context = await this.contextOf(set);
    const specs = new Map<string, ComponentSpec>();
    for (const entry of set.values()) {
      try {
        specs.set(entry.name, buildSpec(entry, set, context));
      } catch (error) {
        log.error('a component cannot start', {
          component: entry.name,
          version: entry.version,
          reason: messageOf(error),
        });
      }
    }
    lifecycle.apply(specs);
  }

  private async contextOf(set: ComponentSet): Promise<SpecContext> {
    const recipes = new Map<string, Recipe | undefined>();
    for (const { name, version } of set.values())
      recipes.set(name, (await this.deps.files.recipe(name, version))?.recipe);
    return this.deps.specContext((name) => recipes.get(name));
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
        const detailed = record.change === undefined ? 'FAILED_NO_STATE_CHANGE' : 'FAILED_UNABLE_TO_ROLLBACK';
        this.end(record, undefined, 'FAILED', detailed, record.failure ?? failureOf(error));
      }
    }
  }

  private async step(record: DeploymentRecord): Promise<void> {
    let document: DeploymentDocument;
    try {
      document = parseDocument(record.document);
    } catch (error) {
      this.end(record, undefined, 'FAILED', 'FAILED_NO_STATE_CHANGE', failureOf(error));
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
      this.end(record, document, 'REJECTED', 'REJECTED', staleFailure);
      return;
    }
    store.transaction(() => {
      store.putDeployment({ ...record, stage: 'PREPARING' });
      store.owe({ source: record.source, status: 'IN_PROGRESS', configurationArn: document.configurationArn });
    });
    this.deps.onOwed();
  }

  private async prepare(record: DeploymentRecord, document: DeploymentDocument): Promise<void> {
    const { store, lifecycle } = this.deps;
    const abort = new AbortController();
    this.preparing = { key: record.key, abort };
    try {
      const signal = AbortSignal.any([abort.signal, this.stopping.signal]);
      const { set, groups } = await prepare(document, store.components(), store.groups(), this.deps, signal);
      signal.throwIfAborted();
      const change = {
        previous: [...store.components().values()],
        brokenBefore: lifecycle.statuses().flatMap(({ name, state }) => (state === 'BROKEN' ? [name] : [])),
        groups,
      };
      store.transaction(() => {
        store.replaceComponents(set);
        store.putDeployment({ ...record, stage: 'APPLYING', change });
      });
    } catch (error) {
      // Cancelled: `arrive` has ended it already. Stopping: the journal says PREPARING, the next start begins it again.
      if (abort.signal.aborted || this.stopping.signal.aborted) return;
      this.end(record, document, 'FAILED', 'FAILED_NO_STATE_CHANGE', failureOf(error));
    } finally {
      this.preparing = undefined;
    }
  }

  private async apply(record: DeploymentRecord, document: DeploymentDocument): Promise<void> {
    const { store, lifecycle } = this.deps;
    const { change } = record;
    if (change === undefined) throw new Error('a deployment that is being applied has no change');
    const set = store.components();
    const broken = await this.bringUp(set, new Set(set.keys()));
    if (broken.length === 0) {
      await lifecycle.prune(new Set(set.keys()));
      this.stopping.signal.throwIfAborted();
      this.end(record, document, 'SUCCEEDED', 'SUCCESSFUL', undefined, change.groups);
      await this.tidy(set, change.previous);
      return;
    }
    const failure = brokenFailure(broken, (name) => set.get(name)?.arn);
    if (document.failureHandlingPolicy === 'DO_NOTHING') {
      this.end(record, document, 'FAILED', 'FAILED_ROLLBACK_NOT_REQUESTED', failure, change.groups);
      return;
    }
    this.deps.log.warn('deployment failed, rolling back', { deployment: record.key, reason: failure.cause });
    store.transaction(() => {
      store.replaceComponents(change.previous);
      store.putDeployment({ ...record, stage: 'ROLLING_BACK', failure });
    });
  }

  private async rollBack(record: DeploymentRecord, document: DeploymentDocument): Promise<void> {
    const { store, lifecycle } = this.deps;
    const set = store.components();
    const tolerated = new Set(record.change?.brokenBefore);
    const broken = await this.bringUp(set, new Set([...set.keys()].filter((name) => !tolerated.has(name))));
    await lifecycle.prune(new Set(set.keys()));
    this.stopping.signal.throwIfAborted();
    const detailed = broken.length === 0 ? 'FAILED_ROLLBACK_COMPLETE' : 'FAILED_UNABLE_TO_ROLLBACK';
    this.end(record, document, 'FAILED', detailed, record.failure);
  }

  /** Applies a set and waits for it; returns what broke. */
  private async bringUp(set: ComponentSet, names: ReadonlySet<string>): Promise<readonly ComponentStatus[]> {
    const { lifecycle } = this.deps;
    lifecycle.apply(buildSpecs(set, await this.contextOf(set)));
    const outcome = await lifecycle.settled(names, this.stopping.signal);
    this.stopping.signal.throwIfAborted();
    return outcome.ok ? [] : outcome.broken;
  }

  private end(
    record: DeploymentRecord,
    document: DeploymentDocument | undefined,
    status: OwedStatus['status'],
    detailedStatus: DetailedStatus,
    failure: Failure | undefined,
    groups?: Parameters<DeviceStore['replaceGroups']>[0],
  ): void {
    const { store, log } = this.deps;
    const configurationArn = document?.configurationArn;
    store.transaction(() => {
      if (groups !== undefined) store.replaceGroups(groups);
      const { change: _, ...rest } = record;
      store.putDeployment({ ...rest, stage: 'ENDED' });
      store.owe({
        source: record.source,
        status,
        detailedStatus,
        ...(failure === undefined ? {} : { failure }),
        ...(document === undefined ? {} : { deploymentId: document.deploymentId }),
        ...(configurationArn === undefined ? {} : { configurationArn }),
      });
    });
    log.info('deployment ended', {
      deployment: record.key,
      status,
      detailedStatus,
      ...(failure ? { reason: failure.cause } : {}),
    });
    this.deps.onOwed();
  }

  /** Deletes component versions that neither the set nor the one before it uses. A failure costs disk space, no more. */
  private async tidy(set: ComponentSet, previous: readonly SetEntry[]): Promise<void> {
    const keep = new Set([...set.values(), ...previous].map(({ name, version }) => `${name}@${version}`));
    try {
      await this.deps.files.prune(keep);
    } catch (error) {
      this.deps.log.warn('old component versions are left on disk', { reason: messageOf(error) });
    }
  }
}
