/** What is going to happen, by time; what has the same time comes in the order it was added. A binary heap of numbers. */
export class EventQueue {
  readonly #times: number[] = [];
  readonly #orders: number[] = [];
  readonly #payloads: number[] = [];
  #added = 0;

  /** When the next one is due; undefined when there is none. */
  get nextTime(): number | undefined {
    return this.#times[0];
  }

  /** `payload` is whatever number the caller tells events apart by. */
  add(time: number, payload: number): void {
    let at = this.#times.length;
    const order = this.#added++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isAfter(parent, time, order)) break;
      this.#copy(parent, at);
      at = parent;
    }
    this.#set(at, time, order, payload);
  }

  /** Takes the next one out. Undefined when there is none. */
  take(): number | undefined {
    const payload = this.#payloads[0];
    const time = this.#times.pop();
    const order = this.#orders.pop();
    const last = this.#payloads.pop();
    if (time === undefined || order === undefined || last === undefined) return undefined;
    if (this.#times.length > 0) this.#sink(time, order, last);
    return payload;
  }

  /** Puts one in at the top, and lets it sink to its place. */
  #sink(time: number, order: number, payload: number): void {
    const { length } = this.#times;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= length) break;
      const right = left + 1;
      const child =
        right < length && this.#isAfter(left, this.#times[right] ?? 0, this.#orders[right] ?? 0) ? right : left;
      if (this.#isAfter(child, time, order)) break;
      this.#copy(child, at);
      at = child;
    }
    this.#set(at, time, order, payload);
  }

  #isAfter(index: number, time: number, order: number): boolean {
    const at = this.#times[index] ?? 0;
    return at > time || (at === time && (this.#orders[index] ?? 0) > order);
  }

  #copy(from: number, to: number): void {
    this.#set(to, this.#times[from] ?? 0, this.#orders[from] ?? 0, this.#payloads[from] ?? 0);
  }

  #set(at: number, time: number, order: number, payload: number): void {
    this.#times[at] = time;
    this.#orders[at] = order;
    this.#payloads[at] = payload;
  }
}
