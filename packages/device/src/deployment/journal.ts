import type { Log } from '@greensward/kit';
import type { DeploymentDocument } from '@greensward/model/deployment-document';
import type { DeviceStore } from '../store/device-store.ts';
import {
  type ComponentSet,
  type DeploymentOutcome,
  type DeploymentRecord,
  deploymentKey,
  type GroupRecord,
  type SetEntry,
} from '../store/records.ts';

/** What the end of a deployment writes, besides its record. */
export interface End extends Pick<DeploymentOutcome, 'status' | 'detailedStatus' | 'failure'> {
  readonly groups?: Readonly<Record<string, GroupRecord>>;
  readonly set?: Iterable<SetEntry>;
}

const maxOwedLocal = 50;

interface JournalDeps {
  readonly store: DeviceStore;
  readonly log: Log;
  /** There is a new owed status. */
  readonly onOwed: () => void;
}

/** How deployments end in the store: each end is one commit, with the status that is owed for it. */
export class DeploymentJournal {
  private readonly deps: JournalDeps;

  constructor(deps: JournalDeps) {
    this.deps = deps;
  }

  /** Cancelled before it changed anything. To be called within a transaction. */
  drop(record: DeploymentRecord): void {
    const { source } = record;
    // Of a job nothing is reported: CANCELED is the cloud's word. Should the cloud hand it out after all, it is run.
    if (source.kind === 'job') this.deps.store.deleteDeployment(record.key);
    else if (source.kind === 'local')
      this.close(record, { source, status: 'CANCELED', deploymentId: source.deploymentId });
    else this.close(record, { source, status: 'CANCELED', configurationArn: source.configurationArn });
  }

  /** Cancelled while it changed components, and back on what was there before. */
  endCancelled(record: DeploymentRecord): void {
    const { store, log, onOwed } = this.deps;
    store.transaction(() => this.drop(record));
    log.info('deployment ended', { deployment: record.key, status: 'CANCELED' });
    onOwed();
  }

  end(record: DeploymentRecord, document: DeploymentDocument | undefined, end: End): void {
    const { store, log, onOwed } = this.deps;
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
    onOwed();
  }

  isOwed(key: string | undefined): boolean {
    return this.deps.store.owedStatuses().some(({ source }) => deploymentKey(source) === key);
  }

  /** The record stays without its document, so that a repeat of it is known. */
  private close({ key, source }: DeploymentRecord, outcome: DeploymentOutcome): void {
    this.deps.store.putDeployment({ key, source, document: null, stage: 'ENDED', outcome });
    this.deps.store.owe(outcome);
    if (source.kind === 'local') this.forgetOldest();
  }

  /** A device that never reaches its cloud owes it the ends of no more local deployments than it remembers itself. */
  private forgetOldest(): void {
    const { store } = this.deps;
    const local = store.owedStatuses().filter((owed) => owed.source.kind === 'local');
    for (const { id } of local.slice(0, -maxOwedLocal)) store.settle(id);
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
