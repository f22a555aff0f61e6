import { Fault, type Ids, isRetryable, silentLog, type Timers } from '@greensward/kit';
import { type DeploymentDocument, groupOf, parseDocument } from '@greensward/model/deployment-document';
import { parseJobsNotification } from '@greensward/protocol/jobs';
import { DEPLOYMENT_NAMESPACE, jobTopic, parseReservedTopic } from '@greensward/protocol/topics';
import type { Chance } from '@greensward/testkit/chance';
import { nextDeployment, onArrival } from '../../packages/device/src/deployment/arrivals.ts';
import { groupsAfter, isStale, rootsOf } from '../../packages/device/src/deployment/roots.ts';
import {
  type DeploymentOutcome,
  type DeploymentRecord,
  deploymentKey,
  type GroupRecord,
} from '../../packages/device/src/store/records.ts';
import type { Channel } from '../../packages/device/src/uplink/channel.ts';
import { createJobChannel, type JobReport } from '../../packages/device/src/uplink/job-channel.ts';
import type { Arrival } from '../../packages/device/src/uplink/uplink.ts';
import { plan, type RunningSet } from './components.ts';
import type { DeviceSide, Link } from './link.ts';

/** How a device behaves; shares are in [0, 1]. */
export interface Behaviour {
  readonly failing: number;
  readonly refusing: number;
  /** Of deployments that it begins and says no more of. */
  readonly silent: number;
  /** Says nothing at all, ever. */
  readonly mute: boolean;
  /** Sets step timers. */
  readonly steps: boolean;
  /** The longest that preparing takes, ms. */
  readonly slowMs: number;
}

export interface DeviceWorld {
  readonly chance: Chance;
  readonly ids: Ids;
  timersFor(alive: () => boolean): Timers;
  now(): number;
  after(ms: number, run: () => void): void;
  /** A connection to some process of the cloud that runs; undefined when none does. */
  dial(device: SimulatedDevice): { readonly link: Link; readonly resumed: boolean } | undefined;
  /** Names of the groups that the thing is in, and of those above. */
  membership(thing: string): readonly string[];
  acknowledged(thing: string, jobId: string, status: string): void;
  say(line: string): void;
  fail(error: unknown): void;
}

/**
 * A device. What the cloud says goes through the real job channel, arrivals and staleness rules, and the deployment is resolved and
 * compared by the model; what a component does is left to chance. The journal, groups and owed statuses survive a power cut.
 */
export class SimulatedDevice implements DeviceSide {
  readonly thing: string;
  behaviour: Behaviour;
  arrived = 0;
  /** Jobs that it was given. */
  readonly given = new Set<string>();
  /** The list of pending jobs as it was last told on this connection. */
  listed: readonly string[] = [];
  /** What it last deployed, by group. */
  groups: Readonly<Record<string, GroupRecord>> = {};
  #set: RunningSet = new Map();
  readonly #world: DeviceWorld;
  readonly #journal = new Map<string, DeploymentRecord>();
  #owed: DeploymentOutcome[] = [];
  #sent = 0;
  /** Counts lives between power cuts: what an earlier one has set does not fire. */
  #life = 0;
  #channel: Channel<JobReport>;
  #link: Link | undefined;
  #online = false;
  #subscribed = false;
  #offlineUntil = 0;
  #delivering = false;
  /** Goes on with what it has said no more of. */
  #silent: (() => void) | undefined;
  #working: { readonly key: string } | undefined;
  gone = false;

  constructor(world: DeviceWorld, thing: string, behaviour: Behaviour) {
    this.#world = world;
    this.thing = thing;
    this.behaviour = behaviour;
    this.#channel = this.#boot();
  }

  /** Connects as soon as it may. */
  start(): void {
    this.#dialLater(this.#world.chance.next() * 2000);
  }

  connected(): boolean {
    return this.#online;
  }

  link(): Link | undefined {
    return this.#link;
  }

  /** Nothing to do and nothing to say. */
  idle(): boolean {
    return this.#owed.length === 0 && this.#open().length === 0;
  }

  /** Power off and on: what was not in its journal is gone. */
  restart(): void {
    this.#world.say(`${this.thing} restarts`);
    this.#link?.breakOff(0, this.#world.chance.integer(5000));
    this.#online = false;
    this.#link = undefined;
    this.#subscribed = false;
    this.#delivering = false;
    this.#working = undefined;
    this.#silent = undefined;
    this.#channel = this.#boot();
    this.start();
    this.#work();
  }

  stayOffline(until: number): void {
    this.#offlineUntil = until;
    this.#link?.breakOff(0, this.#world.chance.integer(60_000));
  }

  /** Ends what keeps it away or silent. Who is connected stays so: what it was not told before must reach it now. */
  heal(behaviour: Behaviour): void {
    this.behaviour = behaviour;
    this.#offlineUntil = 0;
    if (this.#link === undefined) this.restart();
    else this.#silent?.();
  }

  nextSent(): number {
    this.#sent += 1;
    return this.#sent;
  }

  receive(topic: string, payload: string): void {
    const bytes = new TextEncoder().encode(payload);
    try {
      if (parseReservedTopic(topic)?.kind === 'jobs-notify') {
        const { inProgress, queued } = parseJobsNotification(bytes);
        this.listed = [...inProgress, ...queued];
      }
      this.#channel.receive(topic, bytes);
    } catch (error) {
      this.#world.fail(error);
    }
  }

  lost(link: Link): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#online = false;
    this.#channel.disconnected('the connection is gone');
    const wait = 250 + this.#world.chance.next() * 10_000;
    this.#dialLater(Math.max(wait, this.#offlineUntil - this.#world.now()));
  }

  #boot(): Channel<JobReport> {
    const { ids } = this.#world;
    this.#life += 1;
    const life = this.#life;
    return createJobChannel({
      thingName: this.thing,
      timers: this.#world.timersFor(() => life === this.#life && !this.gone),
      ids,
      log: silentLog,
      timeoutMs: 30_000,
      send: (topic, payload) => this.#publish(topic, JSON.stringify(payload)),
      arrive: (arrival) => this.#arrive(arrival),
    });
  }

  #after(ms: number, run: () => void): void {
    const life = this.#life;
    this.#world.after(ms, () => (life === this.#life && !this.gone ? run() : undefined));
  }

  #dialLater(ms: number): void {
    this.#after(ms, () => {
      if (this.#link !== undefined) return;
      const wait = this.#offlineUntil - this.#world.now();
      if (wait > 0) return this.#dialLater(wait);
      const dialed = this.#world.dial(this);
      if (dialed === undefined) return this.#dialLater(1000 + this.#world.chance.next() * 30_000);
      const { link } = dialed;
      const resumed = dialed.resumed && this.#subscribed;
      this.#link = link;
      link.connect(resumed, this.#channel.filters, () => {
        if (this.#link !== link) return;
        this.#online = true;
        this.listed = [];
        if (!resumed) {
          for (const filter of this.#channel.filters) link.send(this.#world.now(), { kind: 'subscribe', filter });
        }
        this.#subscribed = true;
        this.#channel.refresh();
        this.#deliver();
      });
    });
  }

  #publish(topic: string, payload: string): Promise<void> {
    const link = this.#link;
    if (!this.#online || link === undefined) {
      return Promise.reject(new Fault('OFFLINE', 'the device is offline', { retryable: true }));
    }
    return new Promise((resolve) => link.send(this.#world.now(), { kind: 'publish', topic, payload, done: resolve }));
  }

  #open(): readonly DeploymentRecord[] {
    return [...this.#journal.values()].filter(({ stage }) => stage !== 'ENDED');
  }

  #arrive(arrival: Arrival): void {
    if (arrival.kind === 'job') this.given.add(arrival.jobId);
    if (this.behaviour.mute) return;
    const { enqueue, cancel, tellAgain } = onArrival(arrival, this.#open(), (key) => this.#journal.get(key));
    for (const record of cancel) {
      this.#world.say(`${this.thing} gives up ${record.key}`);
      this.#journal.delete(record.key);
      if (this.#working?.key === record.key) this.#working = undefined;
    }
    if (enqueue !== undefined) this.#journal.set(enqueue.key, enqueue);
    const again = tellAgain?.outcome;
    const owed = this.#owed.some(({ source }) => deploymentKey(source) === tellAgain?.key);
    if (again !== undefined && !owed) this.#owe(again);
    this.#work();
  }

  #owe(outcome: DeploymentOutcome): void {
    this.#owed.push(outcome);
    this.#deliver();
  }

  /** In order, each until the cloud has answered. */
  #deliver(): void {
    if (this.#delivering || !this.#online) return;
    this.#delivering = true;
    const life = this.#life;
    this.#deliverAll(life).catch((error: unknown) => this.#world.fail(error));
  }

  async #deliverAll(life: number): Promise<void> {
    const current = () => life === this.#life;
    for (let owed = this.#owed[0]; owed !== undefined && this.#online; owed = this.#owed[0]) {
      const { source, status } = owed;
      if (source.kind !== 'job') throw new Error('the simulation has no shadow deployments');
      try {
        const answer = await this.#channel.report({ source, status });
        if (!current()) return;
        if (answer === 'accepted' && status !== 'IN_PROGRESS') {
          this.#world.acknowledged(this.thing, source.jobId, status);
        }
        this.#owed = this.#owed.filter((other) => other !== owed);
      } catch (error) {
        if (!current()) return;
        if (!isRetryable(error)) throw error;
        if (!this.#online) break;
        await new Promise<void>((resolve) => this.#after(1000 + this.#world.chance.next() * 10_000, resolve));
        if (!current()) return;
      }
    }
    this.#delivering = false;
  }

  /** Goes on with the deployment that is next, unless one is at work. */
  #work(): void {
    const record = nextDeployment(this.#open());
    if (record === undefined || this.#working !== undefined) return;
    const work = { key: record.key };
    this.#working = work;
    const document = parseDocument(record.document);
    if (record.stage === 'APPLYING') this.#apply(record, document, work);
    else if (record.stage === 'PREPARING') this.#prepare(record, document, work);
    else this.#begin(record, document, work);
  }

  #begin(record: DeploymentRecord, document: DeploymentDocument, work: object): void {
    const stale = isStale(document, this.groups[groupOf(document)]);
    if (stale || this.#world.chance.next() < this.behaviour.refusing) {
      this.#end(record, 'REJECTED', stale ? 'stale' : 'refused');
      return;
    }
    const begun: DeploymentRecord = { ...record, stage: 'PREPARING' };
    this.#journal.set(record.key, begun);
    this.#owe({ source: record.source, status: 'IN_PROGRESS', configurationArn: document.configurationArn });
    this.#prepare(begun, document, work);
  }

  #prepare(record: DeploymentRecord, document: DeploymentDocument, work: object): void {
    const { chance } = this.#world;
    if (this.behaviour.steps) this.#setStepTimer(record, work);
    if (chance.next() < this.behaviour.silent) {
      this.#world.say(`${this.thing} falls silent with ${record.key}`);
      this.#silent = () => {
        this.#silent = undefined;
        if (this.#working === work) this.#prepare(record, document, work);
      };
      return;
    }
    this.#after(200 + chance.next() * this.behaviour.slowMs, () => {
      if (this.#working === work) this.#apply(record, document, work);
    });
  }

  #apply(record: DeploymentRecord, document: DeploymentDocument, work: object): void {
    const before = new Map(Object.entries(this.groups));
    const groups = groupsAfter(document, groupOf(document), before, this.#world.membership(this.thing));
    const planned = plan(rootsOf(groups), this.#set);
    if ('refused' in planned) {
      this.#end(record, 'FAILED', planned.refused);
      return;
    }
    this.#journal.set(record.key, { ...record, stage: 'APPLYING' });
    this.#after(100 + planned.steps.length * this.#world.chance.next() * 2000, () => {
      if (this.#working !== work) return;
      const broken = this.#world.chance.next() < this.behaviour.failing;
      if (!broken) {
        this.groups = groups;
        this.#set = planned.set;
      }
      this.#end(record, broken ? 'FAILED' : 'SUCCEEDED', `${planned.steps.length} steps`);
    });
  }

  #end(record: DeploymentRecord, status: 'SUCCEEDED' | 'FAILED' | 'REJECTED', why: string): void {
    const { key, source } = record;
    this.#world.say(`${this.thing} ends ${key} ${status}: ${why}`);
    const outcome: DeploymentOutcome = { source, status };
    this.#journal.set(key, { key, source, document: null, stage: 'ENDED', outcome });
    this.#working = undefined;
    this.#owe(outcome);
    this.#after(0, () => this.#work());
  }

  /** As an agent of another make may: a timer for the step at hand, set, set again or discarded. */
  #setStepTimer(record: DeploymentRecord, work: object): void {
    const { source } = record;
    if (source.kind !== 'job') return;
    const { chance, ids } = this.#world;
    this.#after(1000 + chance.next() * 20_000, () => {
      if (this.#working !== work || !this.#online) return;
      const stepTimeoutInMinutes = chance.next() < 0.3 ? -1 : 1 + chance.integer(10);
      const request = { status: 'IN_PROGRESS', stepTimeoutInMinutes, clientToken: ids.uuid() };
      const topic = jobTopic(this.thing, source.jobId, 'update', DEPLOYMENT_NAMESPACE);
      // The answer has a token that the channel does not wait for.
      this.#publish(topic, JSON.stringify(request)).catch(() => {});
      if (chance.next() < 0.5) this.#setStepTimer(record, work);
    });
  }
}
