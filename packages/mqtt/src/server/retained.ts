import { topicMatches } from '../topic/topic.ts';
import type { Message } from './message.ts';

/** The last retained message of each topic, bounded in number and bytes. */
export class RetainedMessages {
  readonly #messages = new Map<string, Message>();
  readonly #maximum: number;
  readonly #maximumBytes: number;
  #bytes = 0;

  constructor(maximum: number, maximumBytes: number) {
    this.#maximum = maximum;
    this.#maximumBytes = maximumBytes;
  }

  /** Keeps the message in place of its topic's last [MQTT-3.3.1-5], an empty one removes it [MQTT-3.3.1-6]; false: full. */
  set(message: Message): boolean {
    this.#delete(message.topic);
    if (message.payload.length === 0) return true;
    if (this.#messages.size >= this.#maximum || this.#bytes + message.bytes > this.#maximumBytes) return false;
    message.own();
    this.#messages.set(message.topic, message);
    this.#bytes += message.bytes;
    return true;
  }

  /** The retained messages that match a filter and have not expired. */
  matching(filter: string, now: number): Message[] {
    if (!filter.includes('+') && !filter.includes('#')) {
      const message = this.#messages.get(filter);
      return message && this.#alive(message, now) ? [message] : [];
    }
    const found: Message[] = [];
    for (const message of this.#messages.values()) {
      if (topicMatches(filter, message.topic) && this.#alive(message, now)) found.push(message);
    }
    return found;
  }

  #alive(message: Message, now: number): boolean {
    if (!message.expired(now)) return true;
    this.#delete(message.topic);
    return false;
  }

  #delete(topic: string): void {
    const before = this.#messages.get(topic);
    if (!before) return;
    this.#messages.delete(topic);
    this.#bytes -= before.bytes;
  }
}
