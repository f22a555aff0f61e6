// The MQTT server: 3.1.1 and 5, QoS 0 and 1. It knows nothing of what its topics mean.
import type { Duplex } from 'node:stream';
import { Broker } from './broker.ts';
import { Connection, type Peer } from './connection.ts';
import { type ClientView, DEFAULT_LIMITS, type MqttServerOptions, type PublishOptions } from './options.ts';
import { REASON } from './reasons.ts';

export type {
  AuthenticateResult,
  ClientView,
  ConnectRequest,
  MqttLimits,
  MqttRequest,
  MqttServerOptions,
  Reply,
} from './options.ts';
export { listenTls, type TlsListener } from './tls.ts';

export interface MqttServer<P> {
  /** Serves one byte stream as a client connection. Keeps it until it closes. */
  handle(stream: Duplex, peer: Peer): void;
  /** Sends to every subscriber. Throws a `Fault` InvalidMessage for a topic that is not a topic name. */
  publish(topic: string, payload: Uint8Array | string, options: PublishOptions): void;
  /** Ends the connections that match; MQTT 5 clients are told why. Returns how many. Their sessions live on. */
  disconnect(match: (client: ClientView<P>) => boolean, reason: 'not-authorized' | 'administrative-action'): number;
  /** Connected clients. */
  clients(): Iterable<ClientView<P>>;
  /** Ends all connections (0x8B to MQTT 5 clients), without wills; resolves when they are gone. New ones are dropped. */
  close(): Promise<void>;
}

/** Makes a server without a listener: `listenTls` brings it connections, or any other source of streams. */
export function createMqttServer<P>(options: MqttServerOptions<P>): MqttServer<P> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const broker = new Broker(options, limits);
  const connections = new Set<Connection<P>>();
  let closing: { readonly done: Promise<void>; readonly resolve: () => void } | undefined;

  function* open(): Generator<readonly [Connection<P>, ClientView<P>]> {
    for (const connection of [...connections]) {
      if (connection.opened && !connection.closed) yield [connection, connection.opened.view];
    }
  }

  return {
    handle(stream, peer) {
      if (closing || connections.size >= limits.connections) {
        // Its errors are nobody's any more, but unheard they would end the process.
        stream.on('error', () => {});
        stream.destroy();
        if (!closing) options.log.warn('connection refused: too many connections', { remoteAddress: peer.address });
        return;
      }
      connections.add(
        new Connection(broker, stream, peer, (connection) => {
          connections.delete(connection);
          if (connections.size === 0) closing?.resolve();
        }),
      );
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
    close() {
      if (!closing) {
        const { promise, resolve } = Promise.withResolvers<void>();
        closing = { done: promise, resolve };
        for (const connection of [...connections]) {
          // The clients did not fail: a will would report what did not happen.
          connection.will = undefined;
          connection.close('server-shutting-down', REASON.serverShuttingDown);
        }
        broker.stop();
        if (connections.size === 0) resolve();
      }
      return closing.done;
    },
  };
}
