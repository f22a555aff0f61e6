import { createHash } from 'node:crypto';

const kept = 400;

/** What happened, line by line: a hash over all of it, and the last lines for a reader. */
export class Trace {
  readonly #hash = createHash('sha256');
  readonly #now: () => number;
  readonly #start: number;
  #lines: string[] = [];
  #count = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#start = now();
  }

  say(line: string): void {
    const text = `${stamp(this.#now() - this.#start)}  ${line}`;
    this.#hash.update(text).update('\n');
    this.#count += 1;
    this.#lines.push(text);
    if (this.#lines.length > 2 * kept) this.#lines = this.#lines.slice(-kept);
  }

  /** Of every line so far; call it once, at the end. */
  finish(): { readonly hash: string; readonly lines: number; readonly tail: readonly string[] } {
    return { hash: this.#hash.digest('hex').slice(0, 16), lines: this.#count, tail: this.#lines.slice(-kept) };
  }
}

/** Days, hours, minutes, seconds and milliseconds since the start. */
function stamp(ms: number): string {
  const days = Math.floor(ms / 86_400_000);
  const clock = new Date(ms).toISOString().slice(11, 23);
  return days === 0 ? clock : `${days}d ${clock}`;
}
