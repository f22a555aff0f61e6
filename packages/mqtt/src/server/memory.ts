/** Bytes of many holders against one bound. Over it, `exceeded` is asked, soon and once, to make some holders let go. */
export class Memory {
  /** Bytes that `exceeded` should come down to: below the bound, so that the next byte does not ask again. */
  readonly target: number;
  readonly #limit: number;
  readonly #exceeded: () => void;
  #used = 0;
  #asked = false;

  constructor(limit: number, exceeded: () => void) {
    this.#limit = limit;
    this.target = limit * 0.9;
    this.#exceeded = exceeded;
  }

  get used(): number {
    return this.#used;
  }

  /** `bytes` may be negative. */
  add(bytes: number): void {
    this.#used += bytes;
    if (this.#used <= this.#limit || this.#asked) return;
    this.#asked = true;
    // Later: the holder that went over is in the middle of its work.
    queueMicrotask(() => {
      this.#asked = false;
      if (this.#used > this.#limit) this.#exceeded();
    });
  }
}

/** What holds memory, and can be made to let go. */
interface Holder {
  readonly heldBytes: number;
}

/** The largest holders first, until the others fit: those that took most pay, and those with little are left alone. */
export function letGo<H extends Holder>(memory: Memory, holders: Iterable<H>, release: (holder: H) => void): void {
  const bySize = [...holders].sort((a, b) => b.heldBytes - a.heldBytes);
  for (const holder of bySize) {
    if (memory.used <= memory.target || holder.heldBytes === 0) return;
    release(holder);
  }
}
