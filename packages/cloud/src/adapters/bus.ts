import { type Log, messageOf } from '@greensward/kit';
import type { Bus, CloudEvent } from '../ports/bus.ts';

/** Events within one process, delivered before `publish` returns, in the order of subscription. */
export function createBus(log: Log): Bus {
  const listeners = new Set<(event: CloudEvent) => void>();
  return {
    publish(event) {
      for (const listener of [...listeners]) {
        try {
          listener(event);
        } catch (error) {
          log.error('a listener of the bus failed', { event: event.kind, error: messageOf(error) });
        }
      }
    },
    subscribe(listener) {
      // Wrapped, so that one function subscribed twice is two subscriptions.
      const own = (event: CloudEvent) => listener(event);
      listeners.add(own);
      return () => {
        listeners.delete(own);
      };
    },
  };
}
