import type { Timers } from '@greensward/kit';

/** Timers that a test moves: time passes only by `pass`. */
export class HandTimers implements Timers {
  private now = 0;
  private tasks: { readonly at: number; readonly task: () => void }[] = [];

  after(ms: number, task: () => void): () => void {
    const entry = { at: this.now + ms, task };
    this.tasks.push(entry);
    return () => {
      this.tasks = this.tasks.filter((one) => one !== entry);
    };
  }

  monotonic(): number {
    return this.now;
  }

  /** Lets so many milliseconds pass, and everything that is due happen in its order. */
  async pass(ms: number): Promise<void> {
    await settle();
    const end = this.now + ms;
    for (;;) {
      const due = this.tasks.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.tasks = this.tasks.filter((one) => one !== due);
      this.now = Math.max(this.now, due.at);
      due.task();
      await settle();
    }
    this.now = end;
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
}
