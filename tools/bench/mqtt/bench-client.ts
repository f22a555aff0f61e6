import { once } from 'node:events';
import { connect, type SecureContext, type TLSSocket } from 'node:tls';
import { connectPacket, disconnectPacket, pubackPacket, subscribePacket } from './packets.ts';

/** The least of an MQTT 5 client that a load needs: it finds the ends of packets and hands on their first byte and body. */
export class BenchClient {
  readonly socket: TLSSocket;
  /** Called with each packet that arrives: the first byte of its header, and its body. */
  arrived: (header: number, body: Buffer) => void = () => {};
  #rest: Buffer = Buffer.alloc(0);

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#data(chunk));
    socket.on('error', () => {});
  }

  /** A connection whose CONNECT was accepted; fails when it is refused or broken before. */
  static async open(
    port: number,
    secureContext: SecureContext,
    clientId: string,
    expirySeconds = 0,
  ): Promise<BenchClient> {
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', secureContext });
    socket.setNoDelay(true);
    const client = new BenchClient(socket);
    await Promise.race([
      once(socket, 'secureConnect'),
      once(socket, 'close').then(() => Promise.reject(new Error('the connection was refused'))),
    ]);
    const connack = client.next(0x20);
    client.send(connectPacket(clientId, expirySeconds));
    const body = await connack;
    if (body[1] !== 0) throw new Error(`CONNACK ${body[1]}`);
    return client;
  }

  send(packet: Buffer): void {
    this.socket.write(packet);
  }

  /** The body of the next packet with this header byte. */
  next(header: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const before = this.arrived;
      const gone = () => reject(new Error('the connection ended'));
      this.socket.once('close', gone);
      this.arrived = (first, body) => {
        if (first !== header) return before(first, body);
        this.arrived = before;
        this.socket.off('close', gone);
        resolve(body);
      };
    });
  }

  async subscribe(filters: readonly string[], qos: 0 | 1): Promise<void> {
    const suback = this.next(0x90);
    this.send(subscribePacket(filters, qos));
    await suback;
  }

  /** Acknowledges a PUBLISH of QoS 1, given its body. */
  acknowledge(publish: Buffer): void {
    this.send(pubackPacket(publish));
  }

  async close(): Promise<void> {
    if (this.socket.destroyed) return;
    const closed = once(this.socket, 'close');
    this.socket.end(disconnectPacket);
    await closed;
  }

  #data(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (;;) {
      let length = 0;
      let next = at + 1;
      let complete = false;
      for (let shift = 0; next < bytes.length; shift += 7) {
        const byte = bytes[next++] ?? 0;
        length += (byte & 0x7f) * 2 ** shift;
        if (byte < 0x80) {
          complete = true;
          break;
        }
      }
      if (!complete || next + length > bytes.length) break;
      this.arrived(bytes[at] ?? 0, bytes.subarray(next, next + length));
      at = next + length;
    }
    this.#rest = bytes.subarray(at);
  }
}
