import { type Log, messageOf } from '@greensward/kit';
import { toJson } from '@greensward/model/configuration';
import { type DeploymentDocument, groupOf } from '@greensward/model/deployment-document';
import type { ComponentFiles } from '../components/components.ts';
import type { ComponentStatus } from '../lifecycle/lifecycle.ts';
import type { Change, ComponentSet, DeploymentRecord, SetEntry } from '../store/records.ts';
import type { Arrival } from '../uplink/uplink.ts';
import { hasChangedNothing, type LocalArrival, nextDeployment, onArrival } from './arrivals.ts';
import { bootstrapTasks } from './bootstrap-plan.ts';
import { awaitConsent } from './consent.ts';
import { failureOf, staleFailure } from './failure.ts';
import { DeploymentJournal } from './journal.ts';
import { type LocalFolders, withLocalComponents } from './local-components.ts';
import { documentOf } from './local-document.ts';
import { type PrepareDeps, prepare } from './prepare.ts';
import { isStale } from './roots.ts';
import type { RuntimeBuilds } from './runtime-builds.ts';
import { SetLoader } from './set-loader.ts';
import { ChangeStages, type StageDeps } from './stages.ts';
import { configurationChanges, type ValidationSubscribers, validateConfigurations } from './validation.ts';

export interface RunnerDeps extends PrepareDeps, StageDeps {
  readonly builds: RuntimeBuilds;
  readonly files: ComponentFiles;
  /** The folders that local deployments name. */
  readonly folders: LocalFolders;
  readonly log: Log;
  readonly validators: ValidationSubscribers;
  /** There is a new owed status. */
  readonly onOwed: () => void;
  /** The journal cannot be written: a runtime that cannot remember must not go on. */
  readonly onFatal: (error: unknown) => void;
}

/**
 * Takes one deployment after the other through its stages. The journal in the store is the only state: each step reads it,
 * does one stage, and moves it in one transaction, so that a runner that dies anywhere is continued by the next one.
 *
 * Modes: IDLE (nothing open), PREPARING (one deployment, a cancellation ends it: `preparing` is its abort), CHANGING (a stage of
 * {@link ChangeStages}; a cancellation is in the journal, and makes it go back), STOPPED. Late results are dropped by the signal of
 * `stop`.
 */
export class DeploymentRunner {
  private readonly deps: RunnerDeps;
  private readonly stopping = new AbortController();
  private readonly loader: SetLoader;
  private readonly journal: DeploymentJournal;
  private readonly stages: ChangeStages;
  private preparing: { readonly key: string; readonly abort: AbortController } | undefined;
  private wake: () => void = () => {};
  private loop: Promise<void> = Promise.resolve();

  constructor(deps: RunnerDeps) {
    this.deps = deps;
    this.loader = new SetLoader(deps);
    this.journal = new DeploymentJournal(deps);
    const { loader, journal, stopping } = this;
    this.stages = new ChangeStages(deps, { loader, journal, stopping: stopping.signal });
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
    return this.loader.unloadable();
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
    const again = outcome !== undefined && !this.journal.isOwed(change.tellAgain?.key) ? outcome : undefined;
    if (cancel.length === 0 && enqueue === undefined && again === undefined) return;
    store.transaction(() => {
      for (const record of cancel) {
        log.info('deployment cancelled', { deployment: record.key, stage: record.stage });
        if (hasChangedNothing(record)) this.journal.drop(record);
        else store.putDeployment({ ...record, cancelled: true });
      }
      if (enqueue) store.putDeployment(enqueue);
      if (again) store.owe(again);
    });
    for (const { key } of cancel) {
      if (key === this.preparing?.key) this.preparing.abort.abort(new Error('cancelled'));
      this.stages.cancel(key);
    }
    if (cancel.length > 0 || again) this.deps.onOwed();
    if (enqueue) log.info('deployment arrived', { deployment: enqueue.key });
  }

  /** Starts what ran before. One component that cannot start (its recipe is lost) does not keep the others from it. */
  private async boot(): Promise<void> {
    const { store, lifecycle, log } = this.deps;
    try {
      await this.stages.ready(store.components());
    } catch (error) {
      // A port that is taken must not keep the components from running that do not need it.
      this.stopping.signal.throwIfAborted();
      log.error('what is built in cannot start', { reason: messageOf(error) });
    }
    lifecycle.apply((await this.loader.load(store.components())).specs);
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    const { store, builds, nucleus } = this.deps;
    const begun = nextDeployment(store.openDeployments());
    // The end of the deployment that brought this build is in the store; that it stays may not be recorded yet.
    if (begun?.change?.runtime === undefined) builds.confirm(nucleus.version);
    if (begun === undefined || !this.stages.leavesComponents(begun)) await this.boot();
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      const record = nextDeployment(store.openDeployments());
      if (record === undefined) {
        await woken;
        continue;
      }
      try {
        await this.step(record);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
    }
  }

  private async step(record: DeploymentRecord): Promise<void> {
    let document: DeploymentDocument;
    try {
      document = documentOf(record, this.deps.store);
    } catch (error) {
      const failure = failureOf(error);
      this.journal.end(record, undefined, { status: 'FAILED', detailedStatus: 'FAILED_NO_STATE_CHANGE', failure });
      return;
    }
    try {
      await this.stage(record, document);
    } catch (error) {
      this.stopping.signal.throwIfAborted();
      // A bug or a broken disk: say so, and go back or end this deployment rather than spin on it.
      const { key, stage } = record;
      this.deps.log.error('deployment step failed', { deployment: key, stage, reason: messageOf(error) });
      await this.stages.recover(this.deps.store.deployment(key) ?? record, document, error);
    }
  }

  private async stage(record: DeploymentRecord, document: DeploymentDocument): Promise<void> {
    switch (record.stage) {
      case 'QUEUED':
        return this.begin(record, document);
      case 'PREPARING':
        return this.prepare(record, document);
      case 'BOOTSTRAPPING':
      case 'ROLLBACK_BOOTSTRAPPING':
        return this.stages.bootstrap(record, document);
      case 'APPLYING':
        return this.stages.apply(record, document);
      case 'ROLLING_BACK':
        return this.stages.rollBack(record, document);
      case 'ENDED':
        return;
    }
  }

  private begin(record: DeploymentRecord, document: DeploymentDocument): void {
    const { store } = this.deps;
    if (record.source.kind === 'job' && isStale(document, store.groups().get(groupOf(document)))) {
      this.journal.end(record, document, { status: 'REJECTED', detailedStatus: 'REJECTED', failure: staleFailure });
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
    const { store, nucleus, onReplaced } = this.deps;
    const abort = new AbortController();
    this.preparing = { key: record.key, abort };
    let tried: readonly string[] = [];
    try {
      const signal = AbortSignal.any([abort.signal, this.stopping.signal]);
      const current = store.components();
      const deps = await withLocalComponents(this.deps, record);
      const { setOver, groups, runtime } = await prepare(
        document,
        current,
        store.groups(),
        deps,
        signal,
        (versions) => {
          tried = versions;
        },
      );
      const bootstrap = await this.bootstrapTasks(current, setOver(current));
      const startsAgain = bootstrap.length > 0 || runtime !== undefined;
      await this.agree(document, startsAgain, setOver, signal);
      signal.throwIfAborted();
      // As it is now: components may have written their configuration while everything was prepared.
      const previous = store.components();
      const set = setOver(previous);
      const rollsBack = startsAgain || switchesCloud(previous, set, nucleus.component);
      const change: Change = {
        previous: [...previous.values()],
        brokenBefore: this.broken(),
        groups,
        ...(bootstrap.length === 0 ? {} : { bootstrap }),
        ...(runtime === undefined ? {} : { runtime: { from: nucleus.version, to: runtime } }),
        ...(rollsBack ? { rollsBack } : {}),
      };
      store.transaction(() => {
        store.replaceComponents(set);
        store.putDeployment({ ...record, stage: startsAgain ? 'BOOTSTRAPPING' : 'APPLYING', change });
      });
      onReplaced(previous);
    } catch (error) {
      // Cancelled: `arrive` has ended it already. Stopping: the journal says PREPARING, the next start begins it again.
      if (abort.signal.aborted || this.stopping.signal.aborted) return;
      const failure = failureOf(error);
      this.journal.end(record, document, { status: 'FAILED', detailedStatus: 'FAILED_NO_STATE_CHANGE', failure });
      await this.stages.tidy(store.components().values(), tried);
    } finally {
      this.preparing = undefined;
    }
  }

  private async bootstrapTasks(
    before: ComponentSet,
    after: readonly SetEntry[],
  ): Promise<Change['bootstrap'] & object> {
    const wanted = await this.loader.read(new Map(after.map((entry) => [entry.name, entry])));
    return bootstrapTasks((await this.loader.read(before)).specs, wanted.specs);
  }

  private broken(): readonly string[] {
    const statuses = [...this.deps.lifecycle.statuses(), ...this.loader.unloadable()];
    return statuses.filter(({ state }) => state === 'BROKEN').map(({ name }) => name);
  }

  /** Waits until the components that asked to be heard let the update happen, and call their new configurations valid. */
  private async agree(
    document: DeploymentDocument,
    isGgcRestarting: boolean,
    setOver: (current: ComponentSet) => readonly SetEntry[],
    signal: AbortSignal,
  ): Promise<void> {
    const { store, updates, validators, timers, log, limits } = this.deps;
    const { deploymentId, componentUpdatePolicy: policy, configurationValidationPolicy } = document;
    const asks = policy.action === 'NOTIFY_COMPONENTS';
    try {
      if (asks) {
        const deps = { subscribers: updates, timers, log, limitMs: limits().deferralMs };
        await awaitConsent({ deploymentId, isGgcRestarting }, policy.timeout * 1000, deps, signal);
      }
      const before = store.components();
      const after = new Map(setOver(before).map((entry) => [entry.name, entry]));
      const changes = configurationChanges(before, after);
      const timeoutMs = configurationValidationPolicy.timeout * 1000;
      await validateConfigurations(changes, deploymentId, timeoutMs, validators, timers, signal);
    } catch (error) {
      // Discarded, and those who were told of it must not wait for it.
      if (asks) updates.tellDone(deploymentId);
      throw error;
    }
  }
}

/** True when the runtime is to talk to another cloud after it, where nobody may be able to take back what fails. */
function switchesCloud(before: ComponentSet, after: readonly SetEntry[], nucleus: string): boolean {
  const endpoints = (entry: SetEntry | undefined) =>
    Object.entries(entry === undefined ? {} : toJson(entry.configuration))
      .filter(([key]) => /^(iotDataEndpoint|iotCredEndpoint)$/i.test(key))
      .map(([key, value]) => `${key.toLowerCase()} ${JSON.stringify(value)}`)
      .sort()
      .join();
  return endpoints(before.get(nucleus)) !== endpoints(after.find(({ name }) => name === nucleus));
}
