import { type Log, messageOf, type Timers } from '@greensward/kit';
import type { QueuedMessage, SessionStore, StoreChange, StoredMessage, StoredSession } from './session-store.ts';

const RETRY_MS = 1000;
const BATCH = 10_000;
/** Changes that wait, above which clients are not read: a store that is slow or away must not fill the memory. */
const FULL = 20_000;

/**
 * Brings changes to the store, in their order and in batches: what comes while one is written is the next. A change that
 * undoes one that still waits takes its place. A batch that fails is tried again until it succeeds, and all that waits for
 * it waits on.
 */
export class Journal {
  readonly #store: SessionStore;
  readonly #log: Log;
  readonly #timers: Timers;
  #pending = new Map<string, StoreChange>();
  #current: Promise<void> | undefined;
  #next: PromiseWithResolvers<void> | undefined;
  #lastSequence: number;
  /** How many were made so far. */
  changes = 0;
  #closing = false;
  #retryNow: (() => void) | undefined;

  /** `lastSequence` is the largest that the store has. */
  constructor(store: SessionStore, log: Log, timers: Timers, lastSequence: number) {
    this.#store = store;
    this.#log = log;
    this.#timers = timers;
    this.#lastSequence = lastSequence;
  }

  /** True when the store has all changes. */
  get idle(): boolean {
    return this.#pending.size === 0 && this.#current === undefined;
  }

  get full(): boolean {
    return this.#pending.size > FULL;
  }

  session(session: StoredSession): void {
    this.#record(`session ${session.clientId}`, { kind: 'session', session });
  }

  sessionEnded(clientId: string): void {
    this.#pending.delete(`session ${clientId}`);
    this.#pending.delete(`ended ${clientId}`);
    this.#record(`ended ${clientId}`, { kind: 'session-ended', clientId });
  }

  /** Returns the message's sequence. */
  queued(queued: Omit<QueuedMessage, 'sequence'>): number {
    const sequence = ++this.#lastSequence;
    this.#record(`queued ${sequence}`, { kind: 'queued', queued: { ...queued, sequence } });
    return sequence;
  }

  unqueued(clientId: string, sequence: number): void {
    const key = `queued ${sequence}`;
    // Never written: then there is nothing to remove.
    if (this.#pending.delete(key)) return;
    this.#record(key, { kind: 'unqueued', clientId, sequence });
  }

  retained(message: StoredMessage): void {
    this.#record(`retained ${message.topic}`, { kind: 'retained', message });
  }

  retainedRemoved(topic: string): void {
    this.#record(`retained ${topic}`, { kind: 'retained-removed', topic });
  }

  /** Resolves when the store has all changes made so far; never rejects. */
  flushed(): Promise<void> {
    if (this.#pending.size === 0) return this.#current ?? Promise.resolve();
    this.#next ??= Promise.withResolvers<void>();
    return this.#next.promise;
  }

  /** Writes what is left. A store that fails now is not waited for. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#retryNow?.();
    while (!this.idle) await this.flushed();
  }

  #record(key: string, change: StoreChange): void {
    this.changes++;
    // In the place of the one before it: a session comes before its messages.
    this.#pending.set(key, change);
    if (this.#pending.size > 1 || this.#current !== undefined) return;
    // Later, so that all changes of this turn are one batch.
    queueMicrotask(() => this.#start());
  }

  #start(): void {
    if (this.#current !== undefined) return;
    if (this.#pending.size === 0) {
      this.#next?.resolve();
      this.#next = undefined;
      return;
    }
    const changes = this.#takeBatch();
    const all = this.#pending.size === 0;
    const waiting = all ? this.#next : undefined;
    if (all) this.#next = undefined;
    const done = this.#write(changes).then(() => {
      if (this.#current === done) this.#current = undefined;
      this.#start();
      waiting?.resolve();
    });
    this.#current = done;
  }

  #takeBatch(): readonly StoreChange[] {
    if (this.#pending.size <= BATCH) {
      const changes = [...this.#pending.values()];
      this.#pending = new Map();
      return changes;
    }
    const entries = [...this.#pending];
    this.#pending = new Map(entries.slice(BATCH));
    return entries.slice(0, BATCH).map(([, change]) => change);
  }

  async #write(changes: readonly StoreChange[]): Promise<void> {
    for (;;) {
      try {
        return await this.#store.write(changes);
      } catch (error) {
        const fields = { error: messageOf(error), changes: changes.length };
        if (this.#closing) return this.#log.error('sessions are lost: the store failed at the end', fields);
        this.#log.error('the session store failed, and is tried again', fields);
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#timers.after(RETRY_MS, resolve);
      this.#retryNow = resolve;
      await promise;
    }
  }
}
