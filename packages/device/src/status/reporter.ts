import { type Backoff, backoffDelay, type Cancel, type Clock, type Log, messageOf, type Timers } from '@greensward/kit';
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
  readonly clock: Clock;
  readonly timers: Timers;
  /** In [0, 1). */
  readonly chance: () => number;
  readonly log: Log;
}

const retry: Backoff = { firstMs: 1000, maxMs: 60_000 };
/** Reference: messages about component states are at least 3 s apart. */
const statusPauseMs = 3000;
/** Reference: a complete message every day. */
const cadenceMs = 86_400_000;

/**
 * Tells the cloud: the owed deployment statuses in order, each until it is acknowledged, and the fleet status. One delivery
 * runs at a time; whatever asks for one while it runs makes it look again. Nothing is sent before NUCLEUS_LAUNCH.
 */
export class StatusReporter {
  private readonly deps: ReporterDeps;
  private readonly undo: Cancel[] = [];
  /** What the cloud was last told, for the rows of what is gone. */
  private reported: ReadonlyMap<string, string> = new Map();
  private launched = false;
  private pending: FleetStatusTrigger | undefined;
  private running: Promise<void> | undefined;
  private again = false;
  private failures = 0;
  private cancelRetry: Cancel = () => {};
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
        if (!connected) return;
        if (this.launched) this.pending ??= 'RECONNECT';
        this.failures = 0;
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
    this.cancelRetry();
    this.cancelPause?.();
    this.cancelCadence();
    await this.running;
  }

  /** Something is owed, or a message is due: delivers it, or looks again after the delivery that runs. */
  deliver(): void {
    if (this.stopped) return;
    this.again = true;
    this.running ??= this.run().finally(() => {
      this.running = undefined;
    });
  }

  private async run(): Promise<void> {
    while (this.again && !this.stopped) {
      this.again = false;
      if (!this.deps.uplink.connected()) return; // The next connection starts it.
      try {
        await this.deliverAll();
        this.failures = 0;
      } catch (error) {
        this.failures += 1;
        this.deps.log.warn('status is not delivered yet', { reason: messageOf(error) });
        this.cancelRetry();
        this.cancelRetry = this.deps.timers.after(backoffDelay(retry, this.failures, this.deps.chance()), () =>
          this.deliver(),
        );
        return;
      }
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
      this.pending ??= trigger;
      throw error;
    });
  }

  private async deliverOwed(owed: OwedStatus): Promise<void> {
    const { store, uplink, log } = this.deps;
    if (!owed.reported) {
      const answer = await uplink.report({
        source: owed.source,
        status: owed.status,
        ...(owed.detailedStatus === undefined ? {} : { detailedStatus: owed.detailedStatus }),
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
      const trigger = owed.source.kind === 'job' ? 'THING_GROUP_DEPLOYMENT' : 'THING_DEPLOYMENT';
      await this.publish(trigger, deploymentPart(owed));
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
    for (const payload of fleetStatusPayloads(message))
      await uplink.publishFleetStatus(new TextDecoder().decode(payload));
    const present = components.filter((row) => row.status !== 'UNINSTALLED');
    this.reported = new Map(present.map((row) => [row.componentName, row.version ?? '']));
  }

  private onComponent(status: ComponentStatus): void {
    // Reference: ERRORED is told always; BROKEN, and coming to rest, outside a deployment.
    const tells =
      status.state === 'ERRORED' ||
      (!this.deps.deploying() && ['BROKEN', 'RUNNING', 'FINISHED'].includes(status.state));
    if (!tells || this.cancelPause !== undefined) return;
    this.cancelPause = this.deps.timers.after(statusPauseMs, () => {
      this.cancelPause = undefined;
      this.pending = 'COMPONENT_STATUS_CHANGE';
      this.deliver();
    });
  }

  private scheduleCadence(): void {
    this.cancelCadence = this.deps.timers.after(cadenceMs, () => {
      this.pending = 'CADENCE';
      this.deliver();
      this.scheduleCadence();
    });
  }
}
