import { type SecureContext, type TLSSocket, connect as tlsConnect } from 'node:tls';
import {
  type Arrived,
  connectPacket,
  kinds,
  packetReader,
  payloadOf,
  pingPacket,
  pubackPacket,
  publishedIn,
  publishPacket,
  subscribePacket,
  unsubscribePacket,
} from './packets.ts';

const version = 5;

export interface LinkTarget {
  readonly host: string;
  readonly port: number;
  /** Name in the server's certificate. */
  readonly servername: string;
  readonly context: SecureContext;
  readonly clientId: string;
  readonly keepAliveSeconds: number;
}

export interface LinkEvents {
  /** The CONNACK: 0 for accepted. */
  connected(code: number): void;
  message(topic: string, payload: Buffer): void;
  ponged(): void;
  closed(): void;
}

/** One MQTT 5 connection over TLS, as slim as a process with thousands needs it: no queue, no packet waits for its acknowledgement. */
export class Link {
  readonly #socket: TLSSocket;
  readonly #events: LinkEvents;
  #packetId = 0;
  #accepted = false;

  constructor({ host, port, servername, context, clientId, keepAliveSeconds }: LinkTarget, events: LinkEvents) {
    this.#events = events;
    const socket = tlsConnect({ host, port, servername, secureContext: context });
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.once('secureConnect', () => socket.write(connectPacket(version, clientId, keepAliveSeconds)));
    const read = packetReader((arrived) => this.#take(arrived));
    socket.on('data', read);
    socket.on('error', () => {}); // Seen as its close.
    socket.once('close', () => events.closed());
  }

  /** The server has taken the CONNECT. */
  get accepted(): boolean {
    return this.#accepted;
  }

  /** One SUBSCRIBE a filter, as a nucleus does, in one write. */
  subscribe(filters: readonly string[]): void {
    this.#socket.write(Buffer.concat(filters.map((filter) => subscribePacket(version, this.#newId(), [filter]))));
  }

  unsubscribe(filters: readonly string[]): void {
    this.#socket.write(Buffer.concat(filters.map((filter) => unsubscribePacket(version, this.#newId(), filter))));
  }

  publish(topic: string, payload: string | Uint8Array): void {
    this.#socket.write(publishPacket(version, topic, payload, 1, this.#newId()));
  }

  ping(): void {
    this.#socket.write(pingPacket);
  }

  /** Breaks off. */
  destroy(): void {
    this.#socket.destroy();
  }

  #newId(): number {
    this.#packetId = (this.#packetId % 65_535) + 1;
    return this.#packetId;
  }

  #take(arrived: Arrived): void {
    if (arrived.kind === kinds.connack) {
      const code = arrived.body[1] ?? 0xff;
      this.#accepted = code === 0;
      this.#events.connected(code);
    } else if (arrived.kind === kinds.pingresp) this.#events.ponged();
    else if (arrived.kind === kinds.publish) {
      const { topic, packetId } = publishedIn(arrived);
      if (packetId !== undefined) this.#socket.write(pubackPacket(packetId));
      this.#events.message(topic, payloadOf(version, arrived));
    }
  }
}
