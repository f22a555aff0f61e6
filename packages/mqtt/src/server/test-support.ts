import { EventEmitter, once } from 'node:events';
import { type Duplex, duplexPair } from 'node:stream';
import { type Cancel, type Clock, type Ids, type Log, silentLog, type Timers } from '@greensward/kit';
import { generate, type IConnackPacket, type IConnectPacket, type Packet, parser } from 'mqtt-packet';
import type { ClientView, MqttServerOptions } from './options.ts';
import {
  createMqttServer,
  type MqttServer,
  openMqttServer,
  type QueuedMessage,
  type SessionStore,
  type StoreChange,
  type StoredMessage,
  type StoredSession,
} from './server.ts';

/** Timers that run when the test says so. */
class FakeTimers implements Timers {
  #now = 0;
  #tasks = new Set<{ at: number; task: () => void }>();

  after(ms: number, task: () => void): Cancel {
    const entry = { at: this.#now + ms, task };
    this.#tasks.add(entry);
    return () => this.#tasks.delete(entry);
  }

  monotonic(): number {
    return this.#now;
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#tasks].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#tasks.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.task();
    }
    this.#now = end;
  }
}

let uuids = 0;
const ids: Ids = { uuid: () => `uuid-${++uuids}`, random: (bytes) => new Uint8Array(bytes) };

/** A log that keeps its warnings and errors. */
function recordingLog(): Log & { readonly lines: [string, Readonly<Record<string, unknown>> | undefined][] } {
  const lines: [string, Readonly<Record<string, unknown>> | undefined][] = [];
  const add = (message: string, fields?: Readonly<Record<string, unknown>>) => void lines.push([message, fields]);
  return { ...silentLog, warn: add, error: add, lines };
}

/** The principal of tests. */
export interface TestPrincipal {
  readonly name: string;
}

export interface TestServer {
  readonly server: MqttServer<TestPrincipal>;
  readonly timers: FakeTimers;
  readonly log: ReturnType<typeof recordingLog>;
  readonly events: string[];
  /** A raw client of the version. */
  dial(version?: 4 | 5): RawClient;
}

type Overrides = Partial<MqttServerOptions<TestPrincipal>>;

/** A server that lets all in and allows all; what a test needs otherwise it overrides. */
export function testServer(overrides: Overrides = {}): TestServer {
  const { options, ...rest } = testOptions(overrides);
  return withServer(createMqttServer(options), rest);
}

/** The same on a store. Its clock begins at `startedAt` and goes with its timers. */
export async function testServerOn(
  store: SessionStore,
  overrides: Overrides = {},
  startedAt = 1_000_000,
): Promise<TestServer> {
  const { options, ...rest } = testOptions(overrides);
  const clock: Clock = { now: () => startedAt + rest.timers.monotonic() };
  return withServer(await openMqttServer(options, { store, clock }), rest);
}

function testOptions(overrides: Overrides) {
  const timers = new FakeTimers();
  const log = recordingLog();
  const events: string[] = [];
  const options: MqttServerOptions<TestPrincipal> = {
    log,
    timers,
    ids,
    authenticate: ({ clientId }) => Promise.resolve({ allow: true, principal: { name: clientId } }),
    authorizePublish: () => true,
    authorizeSubscribe: () => true,
    isRequest: (topic) => topic.startsWith('$aws/'),
    onRequest: () => Promise.resolve([]),
    onConnected: ({ clientId }, present) => void events.push(`connected ${clientId} ${present}`),
    onSubscribed: ({ clientId }, filters) => void events.push(`subscribed ${clientId} ${filters.join()}`),
    onDisconnected: ({ clientId }: ClientView<TestPrincipal>, reason) =>
      void events.push(`disconnected ${clientId} ${reason}`),
    ...overrides,
  };
  return { options, timers, log, events };
}

function withServer(
  server: MqttServer<TestPrincipal>,
  rest: Pick<TestServer, 'timers' | 'log' | 'events'>,
): TestServer {
  return {
    server,
    ...rest,
    dial(version = 5) {
      const [near, far] = duplexPair();
      server.handle(far, { address: '192.0.2.1' });
      return new RawClient(near, version);
    },
  };
}

/** Speaks packets, one by one, with nothing done behind the test's back. */
export class RawClient {
  readonly version: 4 | 5;
  readonly stream: Duplex;
  /** Set once the server has ended the connection. */
  ended = false;
  /** All bytes that came. */
  received: Buffer = Buffer.alloc(0);
  readonly #arrived = new EventEmitter();
  readonly #packets: Packet[] = [];

  constructor(stream: Duplex, version: 4 | 5) {
    this.stream = stream;
    this.version = version;
    const decoder = parser({ protocolVersion: version });
    decoder.on('packet', (packet) => {
      this.#packets.push(packet);
      this.#arrived.emit('change');
    });
    stream.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      decoder.parse(chunk);
    });
    for (const event of ['end', 'close']) {
      stream.on(event, () => {
        this.ended = true;
        this.#arrived.emit('change');
      });
    }
    stream.on('end', () => stream.end());
    stream.on('error', () => {});
  }

  send(packet: Packet): void {
    this.stream.write(generate(packet, { protocolVersion: this.version }));
  }

  /** The next packet, which must be a `cmd`. */
  async next<C extends Packet['cmd']>(cmd: C): Promise<Extract<Packet, { cmd: C }>> {
    for (;;) {
      const packet = this.#packets.shift();
      if (packet) {
        if (isA(packet, cmd)) return packet;
        throw new Error(`expected ${cmd}, got ${JSON.stringify(packet)}`);
      }
      if (this.ended) throw new Error(`expected ${cmd}, but the connection ended`);
      await once(this.#arrived, 'change');
    }
  }

  async connect(clientId: string, more: Partial<IConnectPacket> = {}): Promise<IConnackPacket> {
    const { version } = this;
    this.send({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: version, clientId, clean: true, ...more });
    return this.next('connack');
  }

  async subscribe(topic: string, options: { qos?: 0 | 1 | 2; nl?: boolean; rap?: boolean; rh?: number } = {}) {
    this.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 1, ...options }] });
    return this.next('suback');
  }

  publish(topic: string, payload: string, more: object = {}): void {
    this.send({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false, ...more });
  }

  /** All that arrived before the answer to a ping: proof that nothing else came. */
  async drain(): Promise<Packet[]> {
    this.send({ cmd: 'pingreq' });
    for (;;) {
      const at = this.#packets.findIndex(({ cmd }) => cmd === 'pingresp');
      if (at >= 0) return this.#packets.splice(0, at + 1).slice(0, at);
      if (this.ended) throw new Error('the connection ended');
      await once(this.#arrived, 'change');
    }
  }

  /** Waits for the end; returns the reason of the DISCONNECT that came before it, if one did. */
  async end(): Promise<number | undefined> {
    while (!this.ended) await once(this.#arrived, 'change');
    const last = this.#packets.at(-1);
    return last?.cmd === 'disconnect' ? last.reasonCode : undefined;
  }

  /** Breaks the connection without a DISCONNECT, and waits until the server knows. */
  async drop(): Promise<void> {
    this.stream.end();
    await this.end();
  }
}

function isA<C extends Packet['cmd']>(packet: Packet, cmd: C): packet is Extract<Packet, { cmd: C }> {
  return packet.cmd === cmd;
}

/** A store in memory. Writes wait while `gate` is set, and fail while `failing` is. */
export class MemoryStore implements SessionStore {
  readonly sessions = new Map<string, StoredSession>();
  readonly queued = new Map<number, QueuedMessage>();
  readonly retained = new Map<string, StoredMessage>();
  gate: Promise<void> | undefined;
  failing = false;
  writes = 0;

  load() {
    return Promise.resolve({
      sessions: [...this.sessions.values()],
      queued: [...this.queued.values()],
      retained: [...this.retained.values()],
    });
  }

  async write(changes: readonly StoreChange[]): Promise<void> {
    await this.gate;
    if (this.failing) throw new Error('disk full');
    this.writes++;
    for (const change of changes) this.#apply(change);
  }

  #apply(change: StoreChange): void {
    switch (change.kind) {
      case 'session':
        this.sessions.set(change.session.clientId, structuredClone(change.session));
        break;
      case 'session-ended':
        this.sessions.delete(change.clientId);
        for (const { clientId, sequence } of [...this.queued.values()]) {
          if (clientId === change.clientId) this.queued.delete(sequence);
        }
        break;
      case 'queued':
        if (!this.sessions.has(change.queued.clientId)) throw new Error('a message without a session');
        this.queued.set(change.queued.sequence, structuredClone(change.queued));
        break;
      case 'unqueued':
        this.queued.delete(change.sequence);
        break;
      case 'retained':
        this.retained.set(change.message.topic, structuredClone(change.message));
        break;
      case 'retained-removed':
        this.retained.delete(change.topic);
        break;
    }
  }
}

/** The bytes of a packet: its first byte, its length, and the parts of its body; a string is text with its length before. */
export function bytesOf(header: number, ...parts: readonly (string | Buffer | readonly number[])[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => {
      if (typeof part !== 'string') return Buffer.from(part);
      const text = Buffer.from(part);
      return Buffer.concat([Buffer.from([text.length >> 8, text.length & 0xff]), text]);
    }),
  );
  return Buffer.concat([Buffer.from([header, body.length]), body]);
}

/** A promise that a test resolves. */
export function deferred<T>() {
  return Promise.withResolvers<T>();
}
