import type { CloudProcess, ServerSide } from './cloud-process.ts';

/** What a link needs of its world. */
export interface LinkWorld {
  after(ms: number, run: () => void): void;
  /** How long a message takes now, ms. */
  latency(): number;
  /** True when this message comes twice. */
  duplicates(): boolean;
  /** How much later a message is still handed over whose connection is gone, ms; undefined: it is lost. */
  straggles(): number | undefined;
  saw(sight: 'loss' | 'duplicate' | 'reordering'): void;
}

export interface DeviceSide {
  readonly thing: string;
  /** Numbers what it sends, over all its connections. */
  nextSent(): number;
  /** The highest number that arrived. */
  arrived: number;
  receive(topic: string, payload: string): void;
  lost(link: Link): void;
}

type Frame =
  | { readonly kind: 'subscribe'; readonly filter: string }
  | { readonly kind: 'publish'; readonly topic: string; readonly payload: string; readonly done: () => void };

/**
 * One connection between a device and a process of the cloud: what arrives keeps its order, as over TCP, but may come twice
 * (QoS 1), and is lost with the connection. What the device sent may outlive the connection and arrive after what it sent on
 * the next one. Either side learns of the end in its own time.
 */
export class Link implements ServerSide {
  readonly thing: string;
  readonly filters = new Set<string>();
  readonly process: CloudProcess;
  readonly #world: LinkWorld;
  readonly #device: DeviceSide;
  #state: 'connecting' | 'open' | 'broken' = 'connecting';
  #upAt = 0;
  #sentDown = 0;
  #handed = 0;
  /** What has come before what was sent earlier. */
  readonly #due = new Map<number, () => void>();
  readonly #alive: () => boolean;

  constructor(world: LinkWorld, device: DeviceSide, process: CloudProcess, alive: () => boolean) {
    this.#world = world;
    this.#device = device;
    this.thing = device.thing;
    this.process = process;
    this.#alive = alive;
  }

  usable(): boolean {
    return this.#state !== 'broken';
  }

  connect(resumed: boolean, filters: Iterable<string>, connected: () => void): void {
    this.#world.after(this.#world.latency(), () => {
      if (!this.#alive() || this.#state === 'broken') return this.breakOff(0, 0);
      this.#state = 'open';
      if (resumed) for (const filter of filters) this.filters.add(filter);
      this.#down(() => {
        if (this.usable()) connected();
      });
      this.process.connect(this, resumed);
    });
  }

  send(now: number, frame: Frame): void {
    const number = this.#device.nextSent();
    this.#upAt = Math.max(this.#upAt, now + this.#world.latency());
    const times = this.#world.duplicates() ? 2 : 1;
    if (times === 2) this.#world.saw('duplicate');
    this.#world.after(this.#upAt - now, () => this.#arrive(number, frame, times));
  }

  deliver(topic: string, payload: string): void {
    if (!this.#alive() || !this.usable()) {
      this.#world.saw('loss');
      return;
    }
    const times = this.#world.duplicates() ? 2 : 1;
    if (times === 2) this.#world.saw('duplicate');
    this.#down(() => {
      if (!this.usable()) this.#world.saw('loss');
      else for (let time = 0; time < times; time += 1) this.#device.receive(topic, payload);
    });
  }

  /** To the device, in order: what is quicker waits for what was sent before it. */
  #down(arrive: () => void): void {
    this.#sentDown += 1;
    const order = this.#sentDown;
    this.#world.after(this.#world.latency(), () => {
      this.#due.set(order, arrive);
      for (let next = this.#due.get(this.#handed + 1); next !== undefined; next = this.#due.get(this.#handed + 1)) {
        this.#handed += 1;
        this.#due.delete(this.#handed);
        next();
      }
    });
  }

  /** The cloud ends it. */
  end(): void {
    this.breakOff(this.#world.latency(), 0);
  }

  /** Nothing passes any more; device and cloud notice after these times. */
  breakOff(deviceNotices: number, cloudNotices: number): void {
    if (this.#state === 'broken') return;
    this.#state = 'broken';
    this.#world.after(deviceNotices, () => this.#device.lost(this));
    this.#world.after(cloudNotices, () => {
      if (this.#alive()) this.process.disconnect(this);
    });
  }

  #arrive(number: number, frame: Frame, times: number, late = false): void {
    const gone = !this.#alive();
    if (gone || (!this.usable() && !late)) {
      const more = frame.kind === 'publish' && !gone ? this.#world.straggles() : undefined;
      if (more === undefined) this.#world.saw('loss');
      else this.#world.after(more, () => this.#arrive(number, frame, times, true));
      return;
    }
    if (number < this.#device.arrived) this.#world.saw('reordering');
    this.#device.arrived = Math.max(this.#device.arrived, number);
    if (frame.kind === 'subscribe') {
      this.process.subscribe(this, frame.filter);
      return;
    }
    for (let time = 0; time < times; time += 1) {
      void this.process.receive(this, frame.topic, frame.payload).then(() => {
        this.#down(() => (this.usable() ? frame.done() : undefined));
      });
    }
  }
}
