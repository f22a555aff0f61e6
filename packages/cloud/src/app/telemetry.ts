import { type Log, messageOf } from '@greensward/kit';
import { readTelemetry, type Telemetry } from '../domain/devices/telemetry.ts';
import { resourceNotFound } from '../domain/faults.ts';
import type { TelemetryUseCases } from './app.ts';
import type { AppDeps } from './context.ts';

/** What devices tell of their machines: the last message of each is kept. */
export function createTelemetry({
  storage,
  clock,
  log,
}: Pick<AppDeps, 'storage' | 'clock' | 'log'>): TelemetryUseCases {
  return {
    async ingest(messages) {
      const receivedAt = clock.now();
      const last = new Map<string, Telemetry>();
      for (const { thing, payload } of messages) {
        const message = read(thing, payload, log);
        if (message !== undefined) last.set(thing, { thing, message, receivedAt });
      }
      if (last.size > 0) await storage.write((tx) => tx.telemetry.put([...last.values()]));
    },

    get: (thing) =>
      storage.read(async (tx) => {
        const found = await tx.telemetry.get(thing);
        if (found === undefined) throw resourceNotFound('telemetry of the thing', thing);
        return found;
      }),
  };
}

function read(thing: string, payload: Uint8Array, log: Log): string | undefined {
  try {
    return JSON.stringify(readTelemetry(payload));
  } catch (error) {
    log.warn('telemetry was dropped', { thing, error: messageOf(error) });
    return undefined;
  }
}
