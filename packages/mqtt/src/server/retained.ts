import { topicMatches } from '../topic/topic.ts';
import type { Message } from './message.ts';

interface Kept {
  readonly message: Message;
  /** Larger than that of all that were kept before. */
  readonly sequence: number;
}

/** The retained messages of one new subscription, one at a time. It holds no memory, however many there are. */
export interface RetainedCursor {
  /** Undefined at the end. */
  next(now: number): Message | undefined;
}

/** What is told of changes, to store them. */
interface RetainedObserver {
  kept(message: Message): void;
  removed(topic: string): void;
}

/** The last retained message of each topic, bounded in number and bytes. They outlive all sessions [v3 3.1.2-7]. */
export class RetainedMessages {
  /** In the order in which they were kept. */
  readonly #kept = new Map<string, Kept>();
  readonly #maximum: number;
  readonly #maximumBytes: number;
  readonly #observer: RetainedObserver;
  #bytes = 0;
  #sequence = 0;

  constructor(maximum: number, maximumBytes: number, observer: RetainedObserver) {
    this.#maximum = maximum;
    this.#maximumBytes = maximumBytes;
    this.#observer = observer;
  }

  /**
   * Keeps the message and its QoS in place of its topic's last [v3 3.3.1-5 3.3.1-7] [v5 3.3.1-5]. An empty one removes that
   * [v3 3.3.1-10] [v5 3.3.1-6], and is not kept itself [v3 3.3.1-11] [v5 3.3.1-7]. False when there is no room: then all
   * stays as it was.
   */
  set(message: Message, now: number): boolean {
    const before = this.#kept.get(message.topic)?.message;
    if (message.payload.length === 0) {
      if (before) this.#remove(before);
      return true;
    }
    if (!this.#fits(message, before)) {
      for (const { message: old } of this.#kept.values()) if (old.expired(now)) this.#remove(old);
      if (!this.#fits(message, this.#kept.get(message.topic)?.message)) return false;
    }
    this.restore(message);
    this.#observer.kept(message);
    return true;
  }

  /** Keeps a message that is in the store already. */
  restore(message: Message): void {
    this.#delete(message.topic);
    message.own();
    this.#kept.set(message.topic, { message, sequence: ++this.#sequence });
    this.#bytes += message.bytes;
  }

  forget(topic: string): void {
    const kept = this.#kept.get(topic);
    if (kept) this.#remove(kept.message);
  }

  /** The messages there are now that match a filter. */
  matching(filter: string): RetainedCursor {
    const wild = filter.search(/[+#]/);
    if (wild < 0) return this.#one(filter);
    const prefix = filter.slice(0, wild);
    const end = this.#sequence;
    const all = this.#kept.values();
    return {
      next: (now) => {
        for (let entry = all.next(); !entry.done; entry = all.next()) {
          const { message, sequence } = entry.value;
          // Kept since: the subscription got it when it came.
          if (sequence > end) return undefined;
          // Most are told apart by the first levels, which is many times cheaper than a match. `a/#` matches `a`, too.
          const near = message.topic.startsWith(prefix) || prefix === `${message.topic}/`;
          if (near && topicMatches(filter, message.topic) && this.#alive(message, now)) return message;
        }
        return undefined;
      },
    };
  }

  #one(topic: string): RetainedCursor {
    let kept = this.#kept.get(topic);
    return {
      next: (now) => {
        const message = kept?.message;
        kept = undefined;
        return message && this.#alive(message, now) ? message : undefined;
      },
    };
  }

  #fits(message: Message, before: Message | undefined): boolean {
    const bytes = this.#bytes - (before?.bytes ?? 0) + message.bytes;
    return bytes <= this.#maximumBytes && (before !== undefined || this.#kept.size < this.#maximum);
  }

  #alive(message: Message, now: number): boolean {
    if (!message.expired(now)) return true;
    if (this.#kept.get(message.topic)?.message === message) this.#remove(message);
    return false;
  }

  #remove(message: Message): void {
    this.#delete(message.topic);
    this.#observer.removed(message.topic);
  }

  #delete(topic: string): void {
    const before = this.#kept.get(topic);
    if (!before) return;
    this.#kept.delete(topic);
    this.#bytes -= before.message.bytes;
  }
}
