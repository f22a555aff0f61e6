import type { Json } from '@greensward/kit';
import type { ConfigurationTree } from '@greensward/model/configuration';
import type { DetailedStatus } from '@greensward/protocol/vocabulary';

/** How a component is to run, as the deployment that made it a root said. */
export interface RunWith {
  readonly posixUser?: string;
  readonly windowsUser?: string;
  readonly systemResourceLimits?: { readonly memory?: number; readonly cpus?: number };
}

/** A merged value that a deployment did not write, because what is there was written later on the device. */
export interface OverruledKey {
  /** JSON pointer below the component's configuration. */
  readonly pointer: string;
  readonly deploymentId: string;
  /** The deployment's time, epoch ms. */
  readonly timestamp: number;
}

/** One component of the set that the device runs. */
export interface SetEntry {
  readonly name: string;
  readonly version: string;
  /** ARN of the component version; the account `aws` marks a component of the vendor. */
  readonly arn: string;
  readonly configuration: ConfigurationTree;
  readonly runWith?: RunWith;
  /** True when a deployment names it, not only another component. */
  readonly isRoot: boolean;
  /** Configuration ARNs of the deployments that brought it; of a local deployment its id. */
  readonly sources: readonly string[];
  /**
   * The recipe, JSON text, of a component that a local deployment brought (`arn` is empty then). It belongs to the set and not to the
   * files: the same version may come again with another recipe, and is rolled back with the set.
   */
  readonly recipe?: string;
  /** True for what the runtime has built in: it has no lifecycle. Of the runtime itself, `configuration` holds what deployments set. */
  readonly builtin?: true;
  /** What the last deployment that updated this component could not set. */
  readonly overruled?: readonly OverruledKey[];
}

/** Everything the device runs, by component name. */
export type ComponentSet = ReadonlyMap<string, SetEntry>;

/** What a group (`thinggroup/x`, `thing/x`) last deployed here. */
export interface GroupRecord {
  /** Root component -> version. */
  readonly roots: Readonly<Record<string, string>>;
  readonly configurationArn: string;
  /** `creationTimestamp` of its document, epoch ms. */
  readonly timestamp: number;
}

export type DeploymentSource =
  | { readonly kind: 'job'; readonly jobId: string; readonly queuedAt: number }
  | { readonly kind: 'shadow'; readonly configurationArn: string }
  /** Made on the device; `createdOn` is epoch ms by its clock. */
  | { readonly kind: 'local'; readonly deploymentId: string; readonly createdOn: number };

/**
 * How far a deployment is. QUEUED and PREPARING have changed nothing; all others but ENDED have replaced the component set and are
 * finished after a restart. In the two BOOTSTRAPPING stages no component runs: bootstrap steps do, and then the runtime starts
 * again. ENDED is history, kept so that a redelivery is recognised.
 */
export type Stage =
  | 'QUEUED'
  | 'PREPARING'
  | 'BOOTSTRAPPING'
  | 'APPLYING'
  | 'ROLLBACK_BOOTSTRAPPING'
  | 'ROLLING_BACK'
  | 'ENDED';

/** One bootstrap step of a deployment. STARTED: it may have run, in part or whole, and is run again; so steps must bear that. */
export interface BootstrapTask {
  readonly component: string;
  readonly state: 'PENDING' | 'STARTED' | 'DONE';
}

/** Why a deployment failed, in the reference's vocabulary. */
export interface Failure {
  readonly cause: string;
  readonly errorStack: readonly string[];
  readonly errorTypes: readonly string[];
}

/** The runtime replaces itself by another build. */
export interface RuntimeChange {
  /** The version that runs before it. */
  readonly from: string;
  readonly to: { readonly version: string; readonly file: string };
}

/** What applying a deployment changed, and what undoes it. */
export interface Change {
  readonly previous: readonly SetEntry[];
  /** Components that were BROKEN before: a rollback does not wait for them. */
  readonly brokenBefore: readonly string[];
  /** The groups as they will be when it is committed. */
  readonly groups: Readonly<Record<string, GroupRecord>>;
  /** Bootstrap steps of the set that is there now, in the order they run. */
  readonly bootstrap?: readonly BootstrapTask[];
  readonly runtime?: RuntimeChange;
  /** A failure is rolled back, whatever the policy says: the runtime starts again for it, or has another cloud after it. */
  readonly rollsBack?: true;
  /** While it rolls back: what was tried (`name@version`), kept on disk for another try. */
  readonly tried?: readonly string[];
}

export interface DeploymentRecord {
  /** Unique per delivery: the same job queued again (a retry) is another deployment. */
  readonly key: string;
  readonly source: DeploymentSource;
  /** The document as it came; null once ENDED. */
  readonly document: Json;
  readonly stage: Stage;
  readonly change?: Change;
  readonly failure?: Failure;
  /** Cancelled after it had replaced components: it goes back to what was there before. */
  readonly cancelled?: true;
  /** How it ended, for a cloud that asks again for what it was told already. */
  readonly outcome?: DeploymentOutcome;
}

/** The status of a deployment, and what goes with it. */
export interface DeploymentOutcome {
  readonly source: DeploymentSource;
  readonly status: 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED' | 'REJECTED' | 'CANCELED';
  readonly detailedStatus?: DetailedStatus;
  readonly failure?: Failure;
  /** Merged keys that lost to newer writes on the device, by component, for a person. */
  readonly ignoredConfiguration?: string;
  /** For the fleet status message that goes with a terminal status. */
  readonly deploymentId?: string;
  readonly configurationArn?: string;
}

/** A status that the cloud has not acknowledged yet. */
export interface OwedStatus extends DeploymentOutcome {
  readonly id: number;
  /** Parts that are delivered already, so that a repeat sends only the rest. */
  readonly reported: boolean;
}

/** Key of a deployment's record. */
export function deploymentKey(source: DeploymentSource): string {
  switch (source.kind) {
    case 'job':
      return `job/${source.jobId}/${source.queuedAt}`;
    case 'shadow':
      return `shadow/${source.configurationArn}`;
    case 'local':
      return `local/${source.deploymentId}`;
  }
}
