import { type Json, type JsonObject, silentLog } from '@greensward/kit';
import type { Recipe } from '@greensward/model/recipe';
import { HandTimers } from '@greensward/testkit/hand-timers';
import type { BootstrapOutcome, ComponentSpec } from '../../lifecycle/lifecycle.ts';
import { type DeviceStore, openDeviceStore } from '../../store/device-store.ts';
import type { UpdateSubscribers } from '../consent.ts';
import type { DeploymentLimits } from '../limits.ts';
import { withSetRecipes } from '../local-components.ts';
import { DeploymentRunner, type RunnerDeps } from '../runner.ts';
import type { ValidationSubscribers } from '../validation.ts';
import { type Catalogue, fakeDataPlane, memoryFiles } from './fake-cloud.ts';
import { FakeLifecycle } from './fake-lifecycle.ts';
import { longLimits, noSubscribers } from './subscribers.ts';
import { TestBuilds } from './test-builds.ts';

const catalogue: Catalogue = {
  'aws.greengrass.ShadowManager': { '2.3.9': {} },
  Logged: { '1.0.0': { 'aws.greengrass.ShadowManager': '^2.0.0' } },
  App: { '1.0.0': { Lib: '^1.0.0' }, '2.0.0': { Lib: '^1.0.0' }, '3.0.0': { Lib: '^1.0.0' } },
  Lib: { '1.0.0': {}, '1.4.0': {} },
  Other: { '1.0.0': {} },
  Lone: { '1.0.0': {} },
  Plugin: { '1.0.0': {} },
  'aws.greengrass.Nucleus': { '2.19.0': {} },
};

export function document(
  group: string,
  revision: number,
  components: Readonly<Record<string, string>>,
  more: Record<string, Json> = {},
): Json {
  return {
    deploymentId: `d-${group}-${revision}`,
    configurationArn: `arn:aws:greengrass:us-east-1:000000000000:configuration:thinggroup/${group}:${revision}`,
    creationTimestamp: 1000 + revision,
    components: Object.fromEntries(Object.entries(components).map(([name, version]) => [name, { version }])),
    ...more,
  };
}

/** A device that can lose power at its nth transaction and be started again on the same disk. */
export class TestDevice {
  readonly store: DeviceStore = openDeviceStore(':memory:');
  readonly files = memoryFiles();
  lifecycle: FakeLifecycle;
  groups: readonly string[] | 'denied' = ['line'];
  readonly timers = new HandTimers();
  readonly builds = new TestBuilds();
  limits: DeploymentLimits = longLimits;
  /** Components that stay INSTALLED. */
  hangs: (spec: ComponentSpec) => boolean = () => false;
  updates: UpdateSubscribers = noSubscribers;
  validators: ValidationSubscribers = noSubscribers;
  /** Lifecycles of recipes, by `name@version`; those of others only have a Run. */
  readonly lifecycles = new Map<string, JsonObject>();
  /** Recipes in the folder of local deployments. */
  localRecipes: readonly Recipe[] = [];
  /** What bootstrap steps do. */
  bootstraps: (spec: ComponentSpec) => Promise<BootstrapOutcome> = async () => ({ kind: 'done' });
  /** `name version` of the bootstrap steps that were begun, and `restart` and `reboot`, in their order. */
  readonly events: string[] = [];
  /** Why the runtime gave up. */
  readonly fatal: unknown[] = [];
  private readonly breaks: (spec: ComponentSpec) => boolean;
  private runner: DeploymentRunner | undefined;
  /** Version of the build that runs. */
  private version = '';
  private transactionsLeft = Number.POSITIVE_INFINITY;

  constructor(breaks: (spec: ComponentSpec) => boolean = () => false) {
    this.breaks = breaks;
    this.lifecycle = new FakeLifecycle(breaks);
  }

  /** Starts the runtime as a program; after `transactions` commits the power goes. */
  start(transactions = Number.POSITIVE_INFINITY): void {
    this.version = this.builds.start();
    this.startRunner(transactions);
  }

  private startRunner(transactions: number): void {
    this.transactionsLeft = transactions;
    this.lifecycle = new FakeLifecycle(this.breaks);
    this.lifecycle.hangs = (spec) => this.hangs(spec);
    this.lifecycle.bootstraps = (spec) => {
      this.events.push(`${spec.name} ${spec.version}`);
      return this.bootstraps(spec);
    };
    const dataPlane = fakeDataPlane(catalogue, this.groups, this.lifecycles);
    const store: DeviceStore = {
      ...this.store,
      transaction: (work) => {
        if (this.transactionsLeft <= 0) throw new PowerCut();
        this.transactionsLeft -= 1;
        return this.store.transaction(work);
      },
    };
    const deps: RunnerDeps = {
      store,
      lifecycle: this.lifecycle,
      files: withSetRecipes(this.files, store),
      dataPlane: { ...dataPlane, thingGroups: async () => this.groups },
      attributes: { os: 'linux' },
      region: 'us-east-1',
      folders: { recipes: async () => this.localRecipes, importArtifacts: async () => {} },
      nucleus: { component: 'aws.greengrass.Nucleus', version: this.version },
      builds: this.builds,
      running: (name) => store.components().get(name)?.version,
      retrying: (work) => work(),
      specContext: (recipe) => ({
        recipe,
        paths: this.files.paths,
        attributes: { os: 'linux' },
        environment: {},
        rootPath: '/root',
        thingName: 'core',
        onUnresolved: () => {},
      }),
      builtins: new Map(),
      checkNucleus: async () => {},
      settings: () => ({ mergeTime: (created) => created, interpolates: () => false }),
      timers: this.timers,
      limits: () => this.limits,
      updates: this.updates,
      validators: this.validators,
      onRestart: (kind) => {
        this.events.push(kind);
        void this.off().then(() =>
          kind === 'replace' ? this.start(this.transactionsLeft) : this.startRunner(this.transactionsLeft),
        );
      },
      beforeBringUp: async () => 'go',
      onReplaced: () => {},
      onOwed: () => {},
      onFatal: (error) => {
        this.fatal.push(error);
        if (!(error instanceof PowerCut)) throw error;
      },
      log: silentLog,
    };
    this.runner = new DeploymentRunner(deps);
    this.runner.start();
  }

  job(jobId: string, queuedAt: number, content: Json): void {
    this.runner?.arrive({ kind: 'job', jobId, queuedAt, status: 'QUEUED', document: content });
  }

  local(deploymentId: string, request: Json): void {
    this.runner?.arrive({ kind: 'local', deploymentId, createdOn: 5000, request });
  }

  cancelLocal(deploymentId: string): void {
    this.runner?.arrive({ kind: 'cancel-local', deploymentId });
  }

  shadow(configurationArn: string, content: Json, cancel = false): void {
    this.runner?.arrive({ kind: 'shadow', configurationArn, document: content, cancel });
  }

  /** `name STATE` of every component, those included that cannot be started at all. */
  states(): string[] {
    return [...this.lifecycle.statuses(), ...(this.runner?.unloadable() ?? [])].map(
      ({ name, state }) => `${name} ${state}`,
    );
  }

  noJob(): void {
    this.runner?.arrive({ kind: 'no-job' });
  }

  /** Lets everything that can happen happen; true when the power went. */
  async rest(): Promise<boolean> {
    for (let turn = 0; turn < 800; turn++) await Promise.resolve();
    return this.transactionsLeft <= 0;
  }

  async off(): Promise<void> {
    await this.runner?.stop().catch(() => {});
  }

  set(): Record<string, string> {
    return Object.fromEntries([...this.store.components()].map(([name, { version }]) => [name, version]));
  }

  runs(): Record<string, string> {
    return Object.fromEntries([...this.lifecycle.running].map(([name, { version }]) => [name, version]));
  }

  statuses(): string[] {
    return this.store.owedStatuses().map(({ status, detailedStatus }) => detailedStatus ?? status);
  }
}

class PowerCut extends Error {}

export async function deployed(steps: (device: TestDevice) => void, device = new TestDevice()): Promise<TestDevice> {
  device.start();
  steps(device);
  await device.rest();
  await device.off();
  return device;
}
