/** Allows `perSecond` on average, and as many at once after a second of rest. */
export class TokenBucket {
  readonly #perSecond: number;
  #tokens: number;
  #at: number;

  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
    this.#at = now;
  }

  take(): void {
    this.#tokens--;
  }

  /** Milliseconds until one more is allowed; 0 now. */
  waitMs(now: number): number {
    if (this.#perSecond === Number.POSITIVE_INFINITY) return 0;
    this.#tokens = Math.min(this.#perSecond, this.#tokens + ((now - this.#at) * this.#perSecond) / 1000);
    this.#at = now;
    // A tolerance, because the wait itself was rounded.
    return this.#tokens > 0.999 ? 0 : Math.max(1, Math.ceil(((1 - this.#tokens) * 1000) / this.#perSecond));
  }
}
