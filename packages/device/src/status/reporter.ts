import {
  type Backoff,
  backoffDelay,
  type Cancel,
  type Clock,
  Fault,
  type Log,
  messageOf,
  type Timers,
} from '@greensward/kit';
import { type FleetStatusDeployment, fleetStatusPayloads } from '@greensward/protocol/fleet-status';
import type { FleetStatusTrigger } from '@greensward/protocol/vocabulary';
import type { ComponentStatus, Lifecycle } from '../lifecycle/lifecycle.ts';
import type { DeviceStore } from '../store/device-store.ts';
import type { OwedStatus } from '../store/records.ts';
import type { Uplink } from '../uplink/uplink.ts';
import { componentRows, type DeviceFacts, deploymentPart, fleetMessage } from './fleet-message.ts';

export interface ReporterDeps {
  readonly facts: DeviceFacts;
  readonly store: DeviceStore;
  readonly uplink: Pick<Uplink, 'connected' | 'onConnection' | 'report' | 'publishFleetStatus'>;
  readonly lifecycle: Pick<Lifecycle, 'statuses' | 'onChange'>;
  /** True while a deployment changes components: their states are told with its end. */
  readonly deploying: () => boolean;
  /** Milliseconds between complete messages; read when the next is scheduled. */
  readonly cadenceMs: () => number;
  readonly clock: Clock;
  readonly timers: Timers;
  /** In [0, 1). */
  readonly chance: () => number;
  readonly log: Log;
}

const retry: Backoff = { firstMs: 1000, maxMs: 60_000 };
/** Reference: messages about component states are at least 3 s apart. */
const statusPauseMs = 3000;
/** Reference: a reconnect this soon after a message, with nothing changed since, is silent. */
const reconnectPauseMs = 60_000;

const triggers = { job: 'THING_GROUP_DEPLOYMENT', shadow: 'THING_DEPLOYMENT', local: 'LOCAL_DEPLOYMENT' } as const;

/**
 * Tells the cloud: the owed deployment statuses in order, each until it is acknowledged, and the fleet status. Nothing is sent
 * before NUCLEUS_LAUNCH.
 *
 * Modes: idle; delivering (`delivering`: whatever asks for a delivery makes it look again); waiting after a failure
 * (`cancelRetry` is set: what is asked for meanwhile waits too, but a new connection ends the pause); stopped.
 */
export class StatusReporter {
  private readonly deps: ReporterDeps;
  private readonly undo: Cancel[] = [];
  /** What the cloud was last told, for the rows of what is gone. */
  private reported: ReadonlyMap<string, string> = new Map();
  private launched = false;
  private pending: FleetStatusTrigger | undefined;
  /** A component changed since the last message. */
  private changed = false;
  private publishedAt = Number.NEGATIVE_INFINITY;
  private running: Promise<void> = Promise.resolve();
  private delivering = false;
  private again = false;
  private failures = 0;
  private cancelRetry: Cancel | undefined;
  private cancelPause: Cancel | undefined;
  private cancelCadence: Cancel = () => {};
  private stopped = false;

  constructor(deps: ReporterDeps) {
    this.deps = deps;
  }

  start(): void {
    const { uplink, lifecycle } = this.deps;
    this.undo.push(
      uplink.onConnection((connected) => {
        this.endPause();
        if (!connected) return;
        this.failures = 0;
        const recent = this.deps.timers.monotonic() - this.publishedAt < reconnectPauseMs;
        if (this.launched && (this.changed || !recent)) this.want('RECONNECT');
        this.deliver();
      }),
      lifecycle.onChange((status) => this.onComponent(status)),
    );
    this.scheduleCadence();
    if (uplink.connected()) this.deliver();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    for (const undo of this.undo) undo();
    this.endPause();
    this.cancelPause?.();
    this.cancelCadence();
    await this.running;
  }

  /** Something is owed, or a message is due: delivers it, or looks again after the delivery or the pause there is. */
  deliver(): void {
    if (this.stopped || this.cancelRetry !== undefined) return;
    this.again = true;
    if (!this.delivering) this.running = this.run();
  }

  private endPause(): void {
    this.cancelRetry?.();
    this.cancelRetry = undefined;
  }

  private async run(): Promise<void> {
    this.delivering = true;
    try {
      while (this.again && !this.stopped) {
        this.again = false;
        if (!this.deps.uplink.connected()) return; // The next connection starts it.
        await this.deliverAll();
        this.failures = 0;
      }
    } catch (error) {
      this.failures += 1;
      this.deps.log.warn('status is not delivered yet', { reason: messageOf(error) });
      if (this.stopped || !this.deps.uplink.connected()) return;
      this.cancelRetry = this.deps.timers.after(backoffDelay(retry, this.failures, this.deps.chance()), () => {
        this.cancelRetry = undefined;
        this.deliver();
      });
    } finally {
      // In the same turn as the last look at `again`: what is asked for from now on starts a delivery of its own.
      this.delivering = false;
    }
  }

  private async deliverAll(): Promise<void> {
    const { store } = this.deps;
    if (!this.launched) {
      await this.publish('NUCLEUS_LAUNCH');
      this.launched = true;
    }
    for (let owed = store.owedStatuses()[0]; owed !== undefined && !this.stopped; owed = store.owedStatuses()[0]) {
      await this.deliverOwed(owed);
    }
    const trigger = this.pending;
    if (trigger === undefined || this.stopped) return;
    this.pending = undefined;
    await this.publish(trigger).catch((error: unknown) => {
      this.want(trigger);
      throw error;
    });
  }

  private async deliverOwed(owed: OwedStatus): Promise<void> {
    const { store, uplink, log } = this.deps;
    const { source } = owed;
    // Of a local deployment only the fleet status tells.
    if (!owed.reported && source.kind !== 'local') {
      const answer = await uplink.report({
        source,
        status: owed.status,
        ...(owed.detailedStatus === undefined ? {} : { detailedStatus: owed.detailedStatus }),
        ...(owed.ignoredConfiguration === undefined ? {} : { ignoredConfiguration: owed.ignoredConfiguration }),
        ...(owed.failure === undefined
          ? {}
          : {
              failureCause: owed.failure.cause,
              errorStack: owed.failure.errorStack,
              errorTypes: owed.failure.errorTypes,
            }),
      });
      if (answer === 'rejected')
        log.warn('the cloud rejected a deployment status', { status: owed.status, source: owed.source });
      store.updateOwed({ ...owed, reported: true });
    }
    if (owed.status !== 'IN_PROGRESS') {
      await this.publish(triggers[source.kind], deploymentPart(owed));
    }
    store.settle(owed.id);
  }

  private async publish(trigger: FleetStatusTrigger, deployment?: FleetStatusDeployment): Promise<void> {
    const { facts, store, lifecycle, uplink, clock } = this.deps;
    const components = componentRows(facts, store.components(), lifecycle.statuses(), this.reported);
    const message = fleetMessage(facts, {
      trigger,
      sequenceNumber: store.next('fleet-status'),
      now: clock.now(),
      components,
      ...(deployment === undefined ? {} : { deployment }),
    });
    this.changed = false;
    try {
      for (const payload of fleetStatusPayloads(message))
        await uplink.publishFleetStatus(new TextDecoder().decode(payload));
    } catch (error) {
      // A cloud that will never take this message must still hear how deployments end.
      if (!(error instanceof Fault) || error.retryable) throw error;
      this.deps.log.warn('the cloud refuses the fleet status', { trigger, reason: error.message });
    }
    this.publishedAt = this.deps.timers.monotonic();
    const present = components.filter((row) => row.status !== 'UNINSTALLED');
    this.reported = new Map(present.map((row) => [row.componentName, row.version ?? '']));
  }

  /** A message becomes due; the complete one of the day gives way to no other. */
  private want(trigger: FleetStatusTrigger): void {
    if (this.pending !== 'CADENCE') this.pending = trigger;
  }

  private onComponent(status: ComponentStatus): void {
    this.changed = true;
    // Reference: ERRORED is told always; BROKEN, and coming to rest, outside a deployment.
    const tells =
      status.state === 'ERRORED' ||
      (!this.deps.deploying() && ['BROKEN', 'RUNNING', 'FINISHED'].includes(status.state));
    if (!tells || this.cancelPause !== undefined) return;
    this.cancelPause = this.deps.timers.after(statusPauseMs, () => {
      this.cancelPause = undefined;
      this.want('COMPONENT_STATUS_CHANGE');
      this.deliver();
    });
  }

  private scheduleCadence(): void {
    this.cancelCadence = this.deps.timers.after(this.deps.cadenceMs(), () => {
      this.want('CADENCE');
      this.deliver();
      this.scheduleCadence();
    });
  }
}
