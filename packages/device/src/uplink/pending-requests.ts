import { Fault, type Timers } from '@greensward/kit';
import { offline } from './mqtt-connection.ts';

/** What the cloud said to a request; a rejection with its code and message. */
export type Answer = 'accepted' | { readonly code: string; readonly message: string };

type Outcome = Answer | { readonly fault: Error };

/** Requests over MQTT that wait for `accepted` or `rejected`, by client token. */
export class PendingRequests {
  private readonly timers: Timers;
  private readonly timeoutMs: number;
  private readonly waiting = new Map<string, (outcome: Outcome) => void>();

  constructor(timers: Timers, timeoutMs: number) {
    this.timers = timers;
    this.timeoutMs = timeoutMs;
  }

  /** Publishes and waits. Rejects with a retryable Fault when publishing fails, the connection ends or time is up. */
  async ask(token: string, publish: () => Promise<void>): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.waiting.set(token, resolve);
    const cancel = this.timers.after(this.timeoutMs, () =>
      resolve({ fault: offline('the cloud did not answer in time') }),
    );
    try {
      // The answer may overtake the PUBACK.
      publish().catch((error: Error) => {
        // A message that the server will never take is rejected, only by another voice.
        const final = error instanceof Fault && !error.retryable;
        resolve(final ? { code: error.code, message: error.message } : { fault: error });
      });
      const outcome = await promise;
      if (typeof outcome === 'object' && 'fault' in outcome) throw outcome.fault;
      return outcome;
    } finally {
      cancel();
      this.waiting.delete(token);
    }
  }

  /** Hands an answer to who waits for it; false when nobody does. */
  settle(token: string | undefined, answer: Answer): boolean {
    const resolve = token === undefined ? undefined : this.waiting.get(token);
    resolve?.(answer);
    return resolve !== undefined;
  }

  /** The connection ended: no answer will come. */
  failAll(reason: string): void {
    for (const resolve of [...this.waiting.values()]) resolve({ fault: offline(reason) });
  }
}
