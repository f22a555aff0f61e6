import type { Ids } from '@greensward/kit';
import { parseJobAnswer, parseJobsNotification } from '@greensward/protocol/jobs';
import { NEXT_JOB, parseReservedTopic } from '@greensward/protocol/topics';
import { type Chance, seededChance } from '@greensward/testkit/chance';
import type { SimulatedDatabase } from '../../packages/cloud/src/adapters/testing/simulated-database.ts';
import { type Arns, createArns } from '../../packages/cloud/src/app/arns.ts';
import { account } from './cloud-process.ts';
import { Cluster } from './cluster.ts';
import { type Behaviour, SimulatedDevice } from './device.ts';
import { Link, type LinkWorld } from './link.ts';
import { demand, Observer, type Sight } from './observer.ts';
import { type Scenario, type Size, scenarioOf } from './scenario.ts';
import { Trace } from './trace.ts';
import { VirtualTime } from './virtual-time.ts';

const start = 1_700_000_000_000;

/** The top group, and the one below it that a scenario may have. */
export type GroupName = 'fleet' | 'line';

/** One run: a cloud, its devices, the network between them, and whoever watches. Everything in it is decided by the seed. */
export class World {
  readonly chance: Chance;
  readonly time = new VirtualTime(start);
  readonly trace = new Trace(() => this.time.now());
  readonly scenario: Scenario;
  readonly arns: Arns = createArns(account);
  readonly cluster: Cluster;
  readonly observer: Observer;
  readonly devices = new Map<string, SimulatedDevice>();
  readonly sights = new Map<Sight, number>();
  readonly ids: Ids;
  /** False once the faults have stopped. */
  troubled = true;
  /** Until when nothing is to happen, if time may be skipped. */
  quietUntil = 0;
  #failure: unknown;

  constructor(seed: number, size: Size, database: SimulatedDatabase) {
    this.chance = seededChance(seed);
    const { time, chance } = this;
    this.scenario = scenarioOf(chance, size);
    this.ids = seededIds(chance);
    const saw = (sight: Sight) => this.saw(sight);
    database.wipe();
    database.now = () => time.now();
    database.onCommit = (changes, began) => this.#watch(() => this.observer.committed(changes, began));
    this.cluster = new Cluster({
      time,
      chance,
      ids: this.ids,
      database,
      replicas: this.scenario.replicas,
      retention: this.scenario.retention,
      diskMs: () => {
        const { diskMs } = this.scenario;
        return chance.next() < 0.5 ? chance.integer((this.troubled ? diskMs : Math.min(diskMs, 20)) + 1) : 0;
      },
      said: (topic, payload) => this.#watch(() => this.#checkSaid(topic, payload)),
      say: (line) => this.say(line),
      saw,
      fail: (error) => this.fail(error),
      onDeath: () => this.#onDeath(),
    });
    this.observer = new Observer({
      subtree: (group) => (group === 'fleet' ? ['fleet', 'line'] : [group]),
      saw,
      servedSince: () => this.cluster.since,
    });
    if (this.scenario.replicas === 2) saw('two replicas');
  }

  say(line: string): void {
    this.trace.say(line);
  }

  saw(sight: Sight): void {
    this.sights.set(sight, (this.sights.get(sight) ?? 0) + 1);
  }

  fail(error: unknown): void {
    this.#failure ??= error;
  }

  /** Work that runs beside; its error is the run's. */
  beside(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.fail(error));
  }

  groups(): readonly [GroupName, ...GroupName[]] {
    return this.scenario.subgroup ? ['fleet', 'line'] : ['fleet'];
  }

  /** Runs until the condition holds, at most until `deadline`; false when that was reached. Throws what failed. */
  async runUntil(condition: () => boolean, deadline: number): Promise<boolean> {
    await this.time.settle();
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (condition()) return true;
      this.observer.checkTimers(this.time.now());
      if (this.time.now() > deadline) return false;
      this.#skip();
      demand(await this.time.step(), 'nothing will happen any more');
    }
  }

  addDevice(thing: string, behaviour: Behaviour): SimulatedDevice {
    const device = new SimulatedDevice(
      {
        chance: this.chance,
        ids: this.ids,
        timersFor: (alive) => this.time.timersFor(alive),
        now: () => this.time.now(),
        after: (ms, run) => {
          this.time.after(ms, run);
        },
        dial: (each) => this.#dial(each),
        membership: (name) => this.#membership(name),
        acknowledged: (name, jobId, status) => this.#watch(() => this.#checkAcknowledged(name, jobId, status)),
        say: (line) => this.say(line),
        fail: (error) => this.fail(error),
      },
      thing,
      behaviour,
    );
    this.devices.set(thing, device);
    device.start();
    return device;
  }

  /** A check of a rule: what it throws is the run's failure. */
  #watch(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Jumps over a time in which only tasks would look and find nothing. */
  #skip(): void {
    if (this.quietUntil <= this.time.now()) return;
    const timers = [...this.observer.mirror.executions.values()].flatMap(({ timesOutAt }) => timesOutAt ?? []);
    const next = Math.min(this.quietUntil, this.time.nextBusyAt() ?? this.quietUntil, ...timers);
    if (next - this.time.now() < 120_000) return;
    this.say(`${Math.round((next - this.time.now()) / 60_000)} quiet minutes`);
    this.time.skipTo(next - 1);
  }

  #dial(device: SimulatedDevice) {
    const found = this.cluster.pick();
    if (found === undefined) return undefined;
    const resumed = this.chance.next() < 0.3;
    return { link: new Link(this.#network(), device, found.process, found.alive), resumed };
  }

  #network(): LinkWorld {
    const { chance, scenario } = this;
    return {
      after: (ms, run) => {
        this.time.after(ms, run);
      },
      latency: () => 1 + chance.integer(this.troubled ? scenario.latencyMs : 20),
      duplicates: () => this.troubled && chance.next() < scenario.duplicates,
      straggles: () => (this.troubled && chance.next() < 0.6 ? chance.integer(40_000) : undefined),
      saw: (sight) => this.saw(sight),
    };
  }

  #onDeath(): void {
    for (const device of this.devices.values()) device.link()?.breakOff(this.chance.integer(5000), 0);
    if (this.troubled) {
      const down = this.chance.pick([200, 10_000, 240_000]);
      this.time.after(this.chance.next() * down, () => this.cluster.start());
    }
  }

  #membership(thing: string): readonly string[] {
    return this.groups().filter((group) => this.observer.mirror.isMember(group, thing));
  }

  /** What is said is what is committed at that moment. */
  #checkSaid(topic: string, payload: string): void {
    const parsed = parseReservedTopic(topic);
    if (parsed === undefined) return;
    const bytes = new TextEncoder().encode(payload);
    const pending = this.observer.mirror.pending(parsed.thing);
    const ids = pending.map(({ jobId }) => jobId);
    if (parsed.kind === 'jobs-notify') {
      const { inProgress, queued } = parseJobsNotification(bytes);
      const said = [...inProgress, ...queued];
      this.say(`-> ${parsed.thing} pending ${said.map(short).join(' ') || 'nothing'}`);
      demand(
        same(said, ids),
        `${parsed.thing} is told of ${said.join(' ') || 'nothing'}; pending: ${ids.join(' ') || 'nothing'}`,
      );
      return;
    }
    const answersNext = parsed.kind === 'job-get' && parsed.response === 'accepted' && parsed.jobId === NEXT_JOB;
    if (parsed.kind !== 'jobs-notify-next' && !answersNext) {
      this.say(`-> ${parsed.thing} ${parsed.kind} ${'response' in parsed ? parsed.response : ''}`);
      return;
    }
    const said = parseJobAnswer(bytes).execution?.jobId;
    this.say(`-> ${parsed.thing} next ${said === undefined ? 'nothing' : short(said)}`);
    demand(said === ids[0], `${parsed.thing} is told that ${said ?? 'nothing'} is next; it is ${ids[0] ?? 'nothing'}`);
  }

  /** What a device was told is recorded is recorded. */
  #checkAcknowledged(thing: string, jobId: string, status: string): void {
    const { mirror } = this.observer;
    const executions = mirror.of(jobId, thing);
    // Of a job that has ended it may have been forgotten already.
    if (executions.length === 0 && mirror.job(jobId)?.status !== 'IN_PROGRESS') return;
    const kept = executions.some((execution) => execution.status === status);
    demand(kept, `${status} of ${thing} in job ${jobId} was accepted, and is not there`);
  }
}

/** The beginning of an id, for a reader. */
const short = (id: string) => id.slice(0, 4);

export function same(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}

function seededIds(chance: Chance): Ids {
  const hex = (digits: number) => Array.from({ length: digits }, () => chance.integer(16).toString(16)).join('');
  return {
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
    random: (bytes) => Uint8Array.from({ length: bytes }, () => chance.integer(256)),
  };
}
