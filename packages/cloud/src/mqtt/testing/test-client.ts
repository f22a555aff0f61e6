import { type Duplex, duplexPair } from 'node:stream';
import type { MqttServer } from '@greensward/mqtt/server';

interface Received {
  readonly topic: string;
  readonly payload: string;
}

/**
 * A bare MQTT 3.1.1 client over a stream in memory, only as much of it as the tests of the broker need. With `clean` false its
 * session is kept, and what it subscribes to comes at QoS 1.
 */
export interface TestClient {
  /** The return code of the CONNACK; undefined when the connection ended before. */
  readonly connack: Promise<number | undefined>;
  /** What the CONNACK says of a session kept from before. */
  readonly sessionPresent: Promise<boolean>;
  readonly received: Received[];
  subscribe(filter: string): Promise<number>;
  publish(topic: string, payload: object | string, qos?: 0 | 1, retain?: boolean): void;
  /** With QoS 1; resolves when it is acknowledged. */
  deliver(topic: string, payload: object | string): Promise<void>;
  /** Resolves with the next message on this topic that was not taken before. */
  next(topic: string): Promise<Received>;
  readonly closed: Promise<void>;
  end(): void;
}

export function connectTestClient<P>(
  server: MqttServer<P>,
  clientId: string,
  certificate: Uint8Array | undefined,
  options: { readonly clean?: boolean } = {},
): TestClient {
  const [near, far] = duplexPair();
  server.handle(far, { address: 'test', ...(certificate === undefined ? {} : { certificate }) });
  const received: Received[] = [];
  const waiting: (() => boolean)[] = [];
  const taken = new Set<Received>();
  const answers: ((value: number) => void)[] = [];
  const acknowledgements = new Map<number, () => void>();
  const connack = Promise.withResolvers<number | undefined>();
  const sessionPresent = Promise.withResolvers<boolean>();
  const closed = Promise.withResolvers<void>();
  let packetId = 0;

  readPackets(near, (type, header, body) => {
    if (type === 2) {
      sessionPresent.resolve(body[0] === 1);
      connack.resolve(body[1]);
    } else if (type === 9) answers.shift()?.(body[2] ?? 0x80);
    else if (type === 4) acknowledgements.get(body[1] ?? 0)?.();
    else if (type === 3) {
      const length = body.readUInt16BE(0);
      const end = 2 + length;
      const acknowledged = (header & 0x06) !== 0;
      if (acknowledged) near.write(packet(0x40, [body.subarray(end, end + 2)]));
      const payload = body.toString('utf8', end + (acknowledged ? 2 : 0));
      received.push({ topic: body.toString('utf8', 2, end), payload });
    }
    for (let index = waiting.length - 1; index >= 0; index--) if (waiting[index]?.()) waiting.splice(index, 1);
  });
  for (const event of ['end', 'close']) {
    near.on(event, () => {
      connack.resolve(undefined);
      closed.resolve();
      near.end(); // The pair is open in one direction until both have ended.
    });
  }
  near.on('error', () => {});
  near.write(packet(0x10, [text('MQTT'), Buffer.from([4, (options.clean ?? true) ? 2 : 0, 0, 60]), text(clientId)]));

  function publish(topic: string, payload: object | string, qos: 0 | 1 = 0, retain = false): void {
    const id = qos === 0 ? [] : [Buffer.from([0, ++packetId])];
    const bytes = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
    near.write(packet((qos === 0 ? 0x30 : 0x32) | (retain ? 1 : 0), [text(topic), ...id, bytes]));
  }

  return {
    connack: connack.promise,
    sessionPresent: sessionPresent.promise,
    closed: closed.promise,
    received,
    subscribe(filter) {
      const { promise, resolve } = Promise.withResolvers<number>();
      answers.push(resolve);
      near.write(
        packet(0x82, [Buffer.from([0, ++packetId]), text(filter), Buffer.from([options.clean === false ? 1 : 0])]),
      );
      return promise;
    },
    publish,
    deliver(topic, payload) {
      const { promise, resolve } = Promise.withResolvers<void>();
      publish(topic, payload, 1);
      acknowledgements.set(packetId, resolve);
      return promise;
    },
    next(topic) {
      const { promise, resolve } = Promise.withResolvers<Received>();
      const take = () => {
        const message = received.find((each) => each.topic === topic && !taken.has(each));
        if (message === undefined) return false;
        taken.add(message);
        resolve(message);
        return true;
      };
      if (!take()) waiting.push(take);
      return promise;
    },
    end: () => near.end(packet(0xe0, [])),
  };
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function packet(header: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length: number[] = [];
  let rest = body.length;
  do {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    length.push(rest > 0 ? digit | 0x80 : digit);
  } while (rest > 0);
  return Buffer.concat([Buffer.from([header, ...length]), body]);
}

function readPackets(stream: Duplex, onPacket: (type: number, header: number, body: Buffer) => void): void {
  let pending = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    for (;;) {
      let length = 0;
      let at = 1;
      let factor = 1;
      for (; at < pending.length; at++, factor *= 128) {
        length += ((pending[at] ?? 0) & 0x7f) * factor;
        if (((pending[at] ?? 0) & 0x80) === 0) break;
      }
      if (at >= pending.length || pending.length < at + 1 + length) return;
      const header = pending[0] ?? 0;
      const body = pending.subarray(at + 1, at + 1 + length);
      pending = pending.subarray(at + 1 + length);
      onPacket(header >> 4, header, body);
    }
  });
}
