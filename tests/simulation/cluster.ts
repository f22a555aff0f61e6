import { Fault, type Ids, type Log, messageChain, silentLog } from '@greensward/kit';
import type { Chance } from '@greensward/testkit/chance';
import type { Owner, SimulatedDatabase } from '../../packages/cloud/src/adapters/testing/simulated-database.ts';
import type { App } from '../../packages/cloud/src/app/app.ts';
import type { Retention } from '../../packages/cloud/src/domain/history/retention.ts';
import type { CloudEvent } from '../../packages/cloud/src/ports/bus.ts';
import { CloudProcess } from './cloud-process.ts';
import type { Sight } from './observer.ts';
import type { VirtualTime } from './virtual-time.ts';

/** When the cloud dies: at a statement of a writing transaction, or between a commit and what follows it. */
type Doom = { readonly at: 'statement'; left: number } | { readonly at: 'commit' };

export interface ClusterDeps {
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly ids: Ids;
  readonly database: SimulatedDatabase;
  readonly replicas: number;
  readonly retention: Retention;
  readonly diskMs: () => number;
  readonly said: (topic: string, payload: string) => void;
  readonly say: (line: string) => void;
  readonly saw: (sight: Sight) => void;
  readonly fail: (error: unknown) => void;
  readonly onDeath: () => void;
}

interface Replica {
  readonly process: CloudProcess;
  readonly died: Promise<'died'>;
  alive: boolean;
  kill(): void;
}

/**
 * The processes of the cloud on one database. They die together, as on one machine: between two that do not, what one has not
 * said over the bus when it dies is not said again before devices connect anew.
 */
export class Cluster {
  readonly #deps: ClusterDeps;
  #replicas: Replica[] = [];
  #doom: Doom | undefined;
  /** Since when it has been running; the future while it does not. */
  since = Number.POSITIVE_INFINITY;

  constructor(deps: ClusterDeps) {
    this.#deps = deps;
  }

  start(): void {
    if (this.#replicas.length > 0) return;
    const { time, say, replicas } = this.#deps;
    this.since = time.now();
    say(`the cloud starts (${replicas})`);
    this.#replicas = Array.from({ length: replicas }, () => this.#replica());
  }

  running(): boolean {
    return this.#replicas.length > 0;
  }

  /** Dies at a point of what it writes next. */
  doom(doom: Doom): void {
    this.#doom = doom;
  }

  calm(): void {
    this.#doom = undefined;
  }

  kill(where: string): void {
    if (this.#replicas.length === 0) return;
    this.#deps.say(`the cloud is killed ${where}`);
    this.#deps.saw('kill');
    this.#die();
    this.#deps.onDeath();
  }

  /** The run is over. */
  stop(): void {
    this.#die();
  }

  #die(): void {
    const dying = this.#replicas;
    this.#replicas = [];
    this.#doom = undefined;
    this.since = Number.POSITIVE_INFINITY;
    for (const replica of dying) replica.kill();
  }

  /** A process to connect to, and whether it runs still. */
  pick(): { readonly process: CloudProcess; readonly alive: () => boolean } | undefined {
    const replica = this.#replicas[this.#deps.chance.integer(this.#replicas.length)];
    return replica && { process: replica.process, alive: () => replica.alive };
  }

  /**
   * What a client of the API does: it calls again when the cloud dies before it has answered. Undefined when it was refused.
   */
  async call<T>(what: string, work: (app: App) => Promise<T>): Promise<T | undefined> {
    const { time, chance, say } = this.#deps;
    for (;;) {
      const replica = this.#replicas[chance.integer(this.#replicas.length)];
      if (replica === undefined) {
        await time.sleep(1000 + chance.integer(5000));
        continue;
      }
      say(what);
      try {
        const answer = await Promise.race([work(replica.process.app).then((value) => ({ value })), replica.died]);
        if (answer !== 'died') return answer.value;
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        say(`${what}: ${error.code}`);
        return undefined;
      }
    }
  }

  #replica(): Replica {
    const { time, chance, ids, database, said } = this.#deps;
    const { promise, resolve } = Promise.withResolvers<'died'>();
    const own = { alive: true };
    const alive = () => own.alive;
    const process = new CloudProcess({
      storage: database.storageFor(this.#owner(alive)),
      clock: { now: () => time.now() },
      timers: time.timersFor(alive),
      ids,
      log: this.#log(alive),
      retention: this.#deps.retention,
      publish: (event) => this.#forward(process, event),
      said: (topic, payload) => (own.alive ? said(topic, payload) : undefined),
    });
    return {
      process,
      died: promise,
      get alive() {
        return own.alive;
      },
      kill() {
        own.alive = false;
        // Not now: a transaction may be on its way.
        time.after(chance.integer(10), () => resolve('died'));
      },
    };
  }

  #owner(alive: () => boolean): Owner {
    const { time, saw, diskMs } = this.#deps;
    return {
      alive,
      onStatement: () => {
        const doom = this.#doom;
        if (doom?.at !== 'statement' || !alive()) return;
        doom.left -= 1;
        if (doom.left > 0) return;
        saw('kill inside a transaction');
        this.kill('inside a transaction');
      },
      onCommitted: () => {
        if (this.#doom?.at !== 'commit' || !alive()) return;
        saw('kill after a commit');
        this.kill('after a commit');
      },
      async delay() {
        const ms = diskMs();
        if (ms > 0) await time.sleep(ms);
      },
    };
  }

  /** To the other processes of the cloud, a moment later. */
  #forward(from: CloudProcess, event: CloudEvent): void {
    const { time, chance } = this.#deps;
    for (const replica of this.#replicas) {
      if (replica.process === from) continue;
      time.after(chance.integer(50), () => (replica.alive ? replica.process.hear(event) : undefined));
    }
  }

  /** An error that the product logs is one that no user should see. */
  #log(alive: () => boolean): Log {
    const log: Log = {
      ...silentLog,
      error: (message, fields) => {
        if (!alive()) return;
        const { error } = fields ?? {};
        this.#deps.fail(
          new Error(`the cloud logged: ${message}: ${error instanceof Error ? messageChain(error) : error}`),
        );
      },
      child: () => log,
    };
    return log;
  }
}
