import type { Message } from './message.ts';

/** One QoS 1 delivery to one session. */
export interface Outgoing {
  readonly message: Message;
  readonly retain: boolean;
  readonly identifiers: readonly number[] | undefined;
  /** The shared subscription it came by: others of the group may take it over. */
  readonly shared: string | undefined;
  /** 0 until it is first sent; later the identifier it is sent again with. */
  packetId: number;
  /** Its sequence in the store; 0 when it is not there. */
  stored: number;
}

/** First in, first out; removal from the front without moving the rest. */
export class OutgoingQueue {
  #items: Outgoing[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: Outgoing): void {
    this.#items.push(item);
  }

  peek(): Outgoing | undefined {
    return this.#items[this.#head];
  }

  shift(): void {
    this.#head++;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Puts items before all others, in their order. */
  unshift(items: readonly Outgoing[]): void {
    this.#items = [...items, ...this.#items.slice(this.#head)];
    this.#head = 0;
  }

  /** Takes out those that `wanted` says yes to, and returns them. */
  take(wanted: (item: Outgoing) => boolean): Outgoing[] {
    const taken: Outgoing[] = [];
    const left: Outgoing[] = [];
    for (const item of this.#items.slice(this.#head)) (wanted(item) ? taken : left).push(item);
    this.#items = left;
    this.#head = 0;
    return taken;
  }

  [Symbol.iterator](): Iterator<Outgoing> {
    return this.#items.slice(this.#head)[Symbol.iterator]();
  }
}
