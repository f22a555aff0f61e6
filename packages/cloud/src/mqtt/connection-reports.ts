import { type Cancel, type Clock, type Log, messageChain, type Timers } from '@greensward/kit';
import type { DisconnectReason } from '@greensward/mqtt/server';
import type { FleetIndexUseCases } from '../app/app.ts';
import type { ThingConnection } from '../domain/fleet-index/thing-connection.ts';

/** Tells the fleet index which things are connected, many in one transaction, the last word of each. */
export interface ConnectionReports {
  connected(thing: string): void;
  disconnected(thing: string, reason: DisconnectReason): void;
  /** Resolves when all that was told so far is stored, or cannot be. */
  close(): Promise<void>;
}

const maxBatch = 500;
/**
 * How long a report waits for others: a lone transaction for each connect would cost a storm of them a sync of the disk each.
 * Nothing is lost by a death meanwhile: a cloud that starts counts every thing as disconnected.
 */
const gatherMs = 250;
const retryMs = 1000;

/** IoT: names of the reasons in lifecycle events and in the fleet index. */
const reasons: { readonly [reason in DisconnectReason]: string } = {
  client: 'CLIENT_INITIATED_DISCONNECT',
  closed: 'CONNECTION_LOST',
  'keep-alive': 'MQTT_KEEP_ALIVE_TIMEOUT',
  'taken-over': 'DUPLICATE_CLIENTID',
  'protocol-error': 'CLIENT_ERROR',
  'slow-reader': 'SERVER_INITIATED_DISCONNECT',
  'request-failed': 'SERVER_ERROR',
  'not-authorized': 'FORBIDDEN_ACCESS',
  'administrative-action': 'SERVER_INITIATED_DISCONNECT',
  'server-shutting-down': 'SERVER_INITIATED_DISCONNECT',
};

export function createConnectionReports({
  index,
  clock,
  timers,
  log,
}: {
  readonly index: Pick<FleetIndexUseCases, 'setConnections'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}): ConnectionReports {
  /** At most one a thing: what is newer takes the place of what is not stored yet. */
  const owed = new Map<string, ThingConnection>();
  let running: Promise<void> | undefined;
  let waiting: Cancel | undefined;
  let closed = false;

  async function drain(): Promise<void> {
    while (owed.size > 0) {
      const batch = [...owed.values()].slice(0, maxBatch);
      for (const { thing } of batch) owed.delete(thing);
      try {
        await index.setConnections(batch);
      } catch (error) {
        for (const each of batch) if (!owed.has(each.thing)) owed.set(each.thing, each);
        log.error('it could not be stored who is connected', { things: owed.size, error: messageChain(error) });
        if (!closed) waiting = timers.after(retryMs, start);
        break;
      }
    }
    running = undefined;
  }

  function start(): void {
    waiting?.();
    waiting = undefined;
    if (owed.size > 0) running ??= drain();
  }

  function report(connection: ThingConnection): void {
    owed.set(connection.thing, connection);
    // While it drains, it takes this one too.
    if (running === undefined) waiting ??= timers.after(gatherMs, start);
  }

  return {
    connected: (thing) => report({ thing, connected: true, changedAt: clock.now() }),
    disconnected: (thing, reason) =>
      report({ thing, connected: false, changedAt: clock.now(), disconnectReason: reasons[reason] }),
    async close() {
      closed = true;
      await running;
      start();
      await running;
    },
  };
}
