import { once } from 'node:events';
import { createSecureContext, type SecureContext, type TLSSocket, connect as tlsConnect } from 'node:tls';
import {
  type Arrived,
  connectPacket,
  kinds,
  packetReader,
  pubackPacket,
  publishedIn,
  publishPacket,
  subscribePacket,
} from '@greensward/simulator/packets';
import type { Identity } from './protocol-cloud.ts';

/** What many connections share; made once, as it parses the PEMs. */
export interface Dialer {
  readonly port: number;
  readonly context: SecureContext;
}

export function dialer(port: number, { key, cert, ca }: Omit<Identity, 'thing'>): Dialer {
  return { port, context: createSecureContext({ key, cert, ca }) };
}

/** A TLS connection to the MQTT port, before any MQTT. */
export async function dial({ port, context }: Dialer): Promise<TLSSocket> {
  const socket = tlsConnect({ host: '127.0.0.1', port, servername: 'localhost', secureContext: context });
  socket.setNoDelay(true);
  await once(socket, 'secureConnect');
  socket.on('error', () => {}); // Seen as its close.
  return socket;
}

/** A small MQTT 3.1.1 client, of which one process can have thousands. */
export class BareClient {
  readonly socket: TLSSocket;
  readonly #waiting: ((arrived: Arrived) => boolean)[] = [];
  #packetId = 0;

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on(
      'data',
      packetReader((arrived) => this.#take(arrived)),
    );
  }

  /** Connects with a clean session; rejects when it is refused. */
  static async open(from: Dialer, clientId: string): Promise<BareClient> {
    const client = new BareClient(await dial(from));
    client.socket.write(connectPacket(4, clientId));
    const { body } = await client.#next(({ kind }) => kind === kinds.connack);
    if (body[1] !== 0) throw new Error(`${clientId} was refused: ${body[1]}`);
    return client;
  }

  async subscribe(...filters: readonly string[]): Promise<void> {
    const answered = this.#next(({ kind }) => kind === kinds.suback);
    this.socket.write(subscribePacket(4, this.#newId(), filters));
    await answered;
  }

  publish(topic: string, payload: string | Buffer, qos: 0 | 1): void {
    this.socket.write(publishPacket(4, topic, payload, qos, this.#newId()));
  }

  /** Publishes at QoS 1 and resolves with how it was answered: `accepted` or `rejected`. */
  async request(topic: string, payload: string): Promise<string> {
    let outcome = '';
    const answered = this.#next((arrived) => {
      if (arrived.kind !== kinds.publish) return false;
      const answer = publishedIn(arrived).topic;
      if (!answer.startsWith(`${topic}/`)) return false;
      outcome = answer.slice(topic.length + 1);
      return true;
    });
    this.publish(topic, payload, 1);
    await answered;
    return outcome;
  }

  /** Breaks off. */
  destroy(): void {
    this.socket.destroy();
  }

  #newId(): number {
    this.#packetId = (this.#packetId % 65_535) + 1;
    return this.#packetId;
  }

  #take(arrived: Arrived): void {
    const packetId = arrived.kind === kinds.publish ? publishedIn(arrived).packetId : undefined;
    if (packetId !== undefined) this.socket.write(pubackPacket(packetId));
    const index = this.#waiting.findIndex((wants) => wants(arrived));
    if (index >= 0) this.#waiting.splice(index, 1);
  }

  #next(wanted: (arrived: Arrived) => boolean): Promise<Arrived> {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error('the connection ended'));
      this.socket.once('close', ended);
      this.#waiting.push((arrived) => {
        if (!wanted(arrived)) return false;
        this.socket.removeListener('close', ended);
        resolve(arrived);
        return true;
      });
    });
  }
}

/** Runs `work` for 0 to `count` - 1, at most `atOnce` at a time; the results in order. */
export async function eachOf<T>(count: number, atOnce: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const index = next++;
      results[index] = await work(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
  return results;
}

/** Round trips of `client`, one after the other, until `until` has settled: the milliseconds of each. */
export async function roundTrips(client: BareClient, topic: string, until: Promise<unknown>): Promise<number[]> {
  let going = true;
  const stop = () => {
    going = false;
  };
  until.then(stop, stop);
  const samples: number[] = [];
  while (going) {
    const before = performance.now();
    await client.request(topic, '{}');
    samples.push(performance.now() - before);
  }
  return samples;
}

/** The sample below which `share` (0 to 1) of them lie. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
