import { Fault, isRetryable } from '@greensward/kit';
import { turn } from './turn.ts';

/** Collects single items into lists. Answers are never undefined. */
export interface Batcher<I, O> {
  /** The answer to this item. Rejects with ThrottlingException when too many wait, or with what the list's work threw. */
  submit(item: I): Promise<O>;
  /** Resolves when everything submitted so far is answered. */
  idle(): Promise<void>;
}

interface Waiting<I, O> {
  readonly item: I;
  resolve(answer: O): void;
  reject(error: unknown): void;
}

/**
 * Gathers what arrives in one turn of the event loop, and while the last list is being worked on, and hands it over as the
 * next one: a lone item waits for nothing else, a flood pays one commit a list. `run` answers each item at its place; one
 * list runs at a time, in the order of arrival. When a list fails, its items are tried one by one, so that an item that
 * cannot be done harms no other.
 */
export function createBatcher<I, O>(
  run: (items: readonly I[]) => Promise<readonly O[]>,
  limits: { readonly maxBatch: number; readonly maxWaiting: number },
): Batcher<I, O> {
  let waiting: Waiting<I, O>[] = [];
  let running: Promise<void> | undefined;

  const answer = async (batch: readonly Waiting<I, O>[]): Promise<void> => {
    try {
      const answers = await run(batch.map(({ item }) => item));
      batch.forEach((entry, index) => {
        const given = answers[index];
        // Never missing for a `run` that keeps its contract; an item must not wait for ever if it does not.
        if (given === undefined) entry.reject(new Error('The list was answered in part.'));
        else entry.resolve(given);
      });
    } catch (error) {
      if (batch.length === 1 || isRetryable(error)) for (const entry of batch) entry.reject(error);
      else for (const entry of batch) await answer([entry]);
    }
  };

  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      // Every connection that had something to read has been read then: else each list would hold one item.
      await turn();
      const batch = waiting.slice(0, limits.maxBatch);
      waiting = waiting.slice(limits.maxBatch);
      await answer(batch);
    }
    running = undefined;
  };

  return {
    submit: (item) =>
      new Promise((resolve, reject) => {
        if (waiting.length >= limits.maxWaiting) {
          return reject(new Fault('ThrottlingException', 'Too many requests are waiting.', { retryable: true }));
        }
        waiting.push({ item, resolve, reject });
        running ??= drain();
      }),
    idle: async () => running,
  };
}
