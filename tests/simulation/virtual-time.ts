import type { Cancel, Timers } from '@greensward/kit';

interface Event {
  at: number;
  /** Of two at one moment the one that was asked for first comes first. */
  readonly order: number;
  readonly run: () => void;
  /** How long it was asked to wait, ms. */
  readonly waitMs: number;
  cancelled: boolean;
}

/** Waits of this length and more are a task's idle looks, which find nothing: they may be moved when time is skipped. */
const idleMs = 30_000;

/**
 * Time that only moves from event to event. `step` runs the next event and lets what it has begun come to rest: promises,
 * and the turns of the event loop that a batcher waits for. Nothing here asks the machine for its time.
 */
export class VirtualTime {
  #events: Event[] = [];
  #order = 0;
  #now: number;

  constructor(start: number) {
    this.#now = start;
  }

  /** Epoch ms. */
  now(): number {
    return this.#now;
  }

  after(waitMs: number, run: () => void): Cancel {
    const wait = Math.max(0, Math.round(waitMs));
    const event: Event = { at: this.#now + wait, order: this.#order++, run, waitMs: wait, cancelled: false };
    this.#push(event);
    return () => {
      event.cancelled = true;
    };
  }

  sleep(waitMs: number): Promise<void> {
    return new Promise((resolve) => this.after(waitMs, resolve));
  }

  /** The ports of one process or device: what it has set does not fire once it is dead. */
  timersFor(alive: () => boolean): Timers {
    return {
      after: (ms, task) => this.after(ms, () => (alive() ? task() : undefined)),
      monotonic: () => this.#now,
    };
  }

  /** Lets what was begun outside of an event come to rest; call it before the next step. */
  settle(): Promise<void> {
    return rest();
  }

  /** False when nothing will happen any more. */
  async step(): Promise<boolean> {
    const event = this.#pop();
    if (event === undefined) return false;
    this.#now = Math.max(this.#now, event.at);
    event.run();
    await rest();
    return true;
  }

  /** When the next event is, without idle looks. */
  nextBusyAt(): number | undefined {
    let at: number | undefined;
    for (const event of this.#events) {
      if (!event.cancelled && event.waitMs < idleMs) at = Math.min(at ?? event.at, event.at);
    }
    return at;
  }

  /** Moves time on as if every idle look until then had found nothing; they come right afterwards. */
  skipTo(at: number): void {
    if (at <= this.#now) return;
    const events = this.#events.filter((event) => !event.cancelled);
    this.#now = at;
    this.#events = [];
    for (const event of events) {
      event.at = Math.max(event.at, at);
      this.#push(event);
    }
  }

  #push(event: Event): void {
    const heap = this.#events;
    heap.push(event);
    for (let index = heap.length - 1; index > 0; ) {
      const parent = (index - 1) >> 1;
      if (!this.#swapIf(parent, index)) break;
      index = parent;
    }
  }

  #pop(): Event | undefined {
    for (;;) {
      const heap = this.#events;
      const first = heap[0];
      const last = heap.pop();
      if (first === undefined || last === undefined) return undefined;
      if (heap.length > 0) {
        heap[0] = last;
        for (let index = 0; ; ) {
          const left = 2 * index + 1;
          const child = this.#isBefore(left + 1, left) ? left + 1 : left;
          if (!this.#swapIf(index, child)) break;
          index = child;
        }
      }
      if (!first.cancelled) return first;
    }
  }

  #isBefore(one: number, other: number): boolean {
    const [a, b] = [this.#events[one], this.#events[other]];
    return a !== undefined && b !== undefined && (a.at < b.at || (a.at === b.at && a.order < b.order));
  }

  /** Swaps when the child comes before its parent. */
  #swapIf(parent: number, child: number): boolean {
    const [a, b] = [this.#events[parent], this.#events[child]];
    if (a === undefined || b === undefined || !this.#isBefore(child, parent)) return false;
    this.#events[parent] = b;
    this.#events[child] = a;
    return true;
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A batcher waits for one turn of the event loop; what it hands over is answered in the next. */
async function rest(): Promise<void> {
  await turn();
  await turn();
}
