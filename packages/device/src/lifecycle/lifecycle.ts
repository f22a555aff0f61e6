import type { JsonObject } from '@greensward/kit';

/** Component states of the reference runtime, as fleet status reports them. */
export type ComponentState =
  | 'NEW'
  | 'INSTALLED'
  | 'STARTING'
  | 'RUNNING'
  | 'STOPPING'
  | 'ERRORED'
  | 'BROKEN'
  | 'FINISHED'
  | 'UNINSTALLED';

/** One component as it is to run: everything is resolved and interpolated. */
export interface ComponentSpec {
  readonly name: string;
  readonly version: string;
  /** The effective lifecycle map, variables replaced. */
  readonly lifecycle: JsonObject;
  /** The component's configuration; it never restarts a component by itself. */
  readonly configuration: JsonObject;
  readonly dependencies: ReadonlyMap<string, 'HARD' | 'SOFT'>;
  /** Environment of every step, before the recipe's Setenv. */
  readonly environment: Readonly<Record<string, string>>;
  /** Working folder of all steps; exists. */
  readonly workPath: string;
  /** `user[:group]` for steps without RequiresPrivilege. */
  readonly user?: string;
  /** Folders whose contents are given to `user` before the first step: the component's artifacts. The work folder is, whole. */
  readonly artifactPaths?: readonly string[];
  readonly limits?: { readonly memory?: number; readonly cpus?: number };
}

export interface ComponentStatus {
  readonly name: string;
  readonly version: string;
  readonly state: ComponentState;
  /** `ComponentStatusCode`s, for ERRORED and BROKEN. */
  readonly statusCodes: readonly string[];
  readonly reason?: string;
  /** Epoch ms of the last state change. */
  readonly changedAt: number;
}

/** How waiting for components ended. */
export type Outcome = { readonly ok: true } | { readonly ok: false; readonly broken: readonly ComponentStatus[] };

/** How a bootstrap step ended: done, done and wanting a restart of the runtime or a reboot of the device, or not done. */
export type BootstrapOutcome =
  | { readonly kind: 'done' | 'restart' | 'reboot' }
  | { readonly kind: 'failed'; readonly failure: { readonly code: string; readonly reason: string } };

/**
 * Runs components: one supervisor each, all following one pure transition function. It knows nothing of deployments: it is
 * given the set that is to run, again and again, and makes the difference happen.
 */
export interface Lifecycle {
  /**
   * Brings components to what `desired` says: starts new ones, reinstalls, restarts or leaves alone as the restart matrix
   * says; BROKEN ones are reinstalled. Components that run but are not in `desired` are left running. Returns at once.
   */
  apply(desired: ReadonlyMap<string, ComponentSpec>): void;
  /**
   * Stops and forgets every component that is not in `keep`. What has not ended after `limitMs` is killed without its Shutdown
   * and Uninstall steps.
   */
  prune(keep: ReadonlySet<string>, limitMs?: number): Promise<void>;
  /** Waits until each named component is RUNNING or FINISHED for good, or one turned BROKEN after the last `apply`. */
  settled(names: ReadonlySet<string>, signal: AbortSignal): Promise<Outcome>;
  statuses(): readonly ComponentStatus[];
  /**
   * What a person asks of one component. Returns at once: undefined when it will happen, otherwise why not. A stopped component
   * stays so until a deployment changes it, it is restarted, or the runtime starts anew.
   */
  request(name: string, request: 'restart' | 'stop'): string | undefined;
  /** Returns the function that ends the subscription. */
  onChange(listener: (status: ComponentStatus) => void): () => void;
  /**
   * Stops everything for good, dependers before what they depend on. What has not ended after `limitMs` (of the first call) is
   * killed without its Shutdown step.
   */
  stop(limitMs?: number): Promise<void>;
  /**
   * Runs the Bootstrap step of a component that is not running; works after `stop` too.
   *
   * @throws the signal's reason when it aborts, with nothing of the step running any more.
   */
  bootstrap(spec: ComponentSpec, signal: AbortSignal): Promise<BootstrapOutcome>;
}
