import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Refuses a transaction inside a transaction: it would wait for the one around it, for ever. Work that was only started
 * inside and runs on after the end is free again.
 */
export class NestingGuard {
  readonly #current = new AsyncLocalStorage<{ open: boolean }>();

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#current.getStore()?.open) throw new Error('a transaction was asked for inside a transaction');
    const mark = { open: true };
    try {
      return await this.#current.run(mark, work);
    } finally {
      mark.open = false;
    }
  }
}
