// The MQTT server: 3.1.1 and 5, QoS 0 and 1. It knows nothing of what its topics mean.
import type { Duplex } from 'node:stream';
import { Broker } from './broker.ts';
import { Connection, type Peer } from './connection.ts';
import {
  type ClientView,
  DEFAULT_LIMITS,
  type MqttServerOptions,
  type Persistence,
  type PublishOptions,
} from './options.ts';
import { REASON } from './reasons.ts';
import { restore } from './restore.ts';

export type {
  AuthenticateResult,
  ClientView,
  ConnectRequest,
  DisconnectReason,
  MqttLimits,
  MqttRequest,
  MqttServerOptions,
  Persistence,
  Reply,
} from './options.ts';
export type { QueuedMessage, SessionStore, StoreChange, StoredMessage, StoredSession } from './session-store.ts';
export { listenTls, type TlsListener } from './tls.ts';

export interface MqttServer<P> {
  /**
   * Serves one byte stream, ordered and without loss, as a client connection [v3 7.1.1-1] [v5 4.2.0-1]. Nothing but the
   * standard is asked of the client [v3 7.0.0-2]. Keeps it until it closes.
   */
  handle(stream: Duplex, peer: Peer): void;
  /** Sends to every subscriber. Throws a `Fault` InvalidMessage for a topic that is not a topic name. */
  publish(topic: string, payload: Uint8Array | string, options: PublishOptions): void;
  /** Ends the connections that match; MQTT 5 clients are told why. Returns how many. Their sessions live on. */
  disconnect(match: (client: ClientView<P>) => boolean, reason: 'not-authorized' | 'administrative-action'): number;
  /** Connected clients. */
  clients(): Iterable<ClientView<P>>;
  /** Resolves when the store has all that was published until now; at once without a store. */
  flushed(): Promise<void>;
  /**
   * Ends all connections (0x8B to MQTT 5 clients), and publishes wills that have no delay, as at any end; resolves when the
   * connections are gone and the store has what is to be kept. New ones are dropped.
   */
  close(): Promise<void>;
}

/** Connections over the limit that are read until their CONNECT, to tell them why they are not served. */
const TURNED_AWAY = 100;

/**
 * Makes a server without a listener: `listenTls` brings it connections, or any other source of streams. It keeps sessions in
 * memory only.
 */
export function createMqttServer<P>(options: MqttServerOptions<P>): MqttServer<P> {
  return serverOf(new Broker(options, { ...DEFAULT_LIMITS, ...options.limits }));
}

/** Makes a server whose sessions and retained messages are those of the store, and stay there. */
export async function openMqttServer<P>(
  options: MqttServerOptions<P>,
  persistence: Persistence,
): Promise<MqttServer<P>> {
  const state = await persistence.store.load();
  const lastSequence = state.queued.reduce((last, { sequence }) => Math.max(last, sequence), 0);
  const broker = new Broker(options, { ...DEFAULT_LIMITS, ...options.limits }, persistence, lastSequence);
  restore(broker, state, persistence.clock);
  return serverOf(broker);
}

function serverOf<P>(broker: Broker<P>): MqttServer<P> {
  const { limits } = broker;
  const connections = new Set<Connection<P>>();
  const gone = (connection: Connection<P>): void => {
    connections.delete(connection);
    broker.connections.delete(connection);
    if (connections.size === 0) closing?.resolve();
  };
  let closing: { readonly done: Promise<void>; readonly resolve: () => void } | undefined;

  function* open(): Generator<readonly [Connection<P>, ClientView<P>]> {
    for (const connection of [...connections]) {
      if (connection.opened && !connection.closed) yield [connection, connection.opened.view];
    }
  }

  return {
    handle(stream, peer) {
      const over = connections.size >= limits.connections;
      if (closing || connections.size >= limits.connections + TURNED_AWAY) {
        // Its errors are nobody's any more, but unheard they would end the process.
        stream.on('error', () => {});
        stream.destroy();
        if (!closing)
          broker.strangers.warn('connection refused: too many connections', { remoteAddress: peer.address });
        return;
      }
      const connection = new Connection(broker, stream, peer, gone, over ? REASON.quotaExceeded : undefined);
      connections.add(connection);
      broker.connections.add(connection);
    },
    publish: (topic, payload, how) => broker.publish(topic, payload, how),
    disconnect(match, reason) {
      const code = reason === 'not-authorized' ? REASON.notAuthorized : REASON.administrativeAction;
      let count = 0;
      for (const [connection, view] of open()) {
        if (!match(view)) continue;
        connection.close(reason, code);
        count++;
      }
      return count;
    },
    *clients() {
      for (const [, view] of open()) yield view;
    },
    flushed: () => broker.journal?.flushed() ?? Promise.resolve(),
    close() {
      if (!closing) {
        const { promise, resolve } = Promise.withResolvers<void>();
        closing = { done: promise.then(() => broker.journal?.close()), resolve };
        for (const connection of [...connections]) {
          connection.close('server-shutting-down', REASON.serverShuttingDown);
        }
        broker.stop();
        if (connections.size === 0) resolve();
      }
      return closing.done;
    },
  };
}
