import { isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Fault, messageOf, type Timers } from '@greensward/kit';
import { MqttClient } from 'mqtt';
import { writeToStream } from 'mqtt-packet';
import type { ProxySettings } from '../configuration/device-config.ts';
import type { TlsMaterial } from './tls-material.ts';
import { isDirect, openTunnel } from './tunnel.ts';

// The codec under MQTT.js would keep a buffer for each of 65,536 numbers: 7 MB, for what takes no time here.
writeToStream.cacheNumbers = false;

export interface MqttConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsMaterial;
  readonly clientId: string;
  readonly version: 'mqtt5' | 'mqtt3';
  readonly keepAliveMs: number;
  readonly operationTimeoutMs: number;
  /** TCP, TLS and CONNACK together. */
  readonly connectTimeoutMs: number;
  readonly sessionExpirySeconds: number;
  readonly receiveMaximum: number;
  readonly proxy?: ProxySettings | undefined;
  /** True drops what the server kept of an earlier session. */
  readonly clean: boolean;
  readonly timers: Timers;
  readonly onMessage: (topic: string, payload: Uint8Array) => void;
}

/** One connection, from its CONNACK to its end; it never reconnects by itself. */
export interface MqttConnection {
  readonly sessionPresent: boolean;
  /** Resolves with what ended it, for a log. Never rejects. */
  readonly closed: Promise<string>;
  /** At QoS 1. Rejects with a retryable Fault without an answer in time. */
  subscribe(filter: string): Promise<'granted' | 'refused'>;
  /** At QoS 1; resolves with the PUBACK. A Fault that is not retryable: the server will never take this message. */
  publish(topic: string, payload: string): Promise<void>;
  /** Sends DISCONNECT and closes. */
  close(): Promise<void>;
}

/** Reason codes that make the nucleus drop a message: not authorized, topic name invalid, payload format invalid. */
const finalRefusals = new Set([0x87, 0x90, 0x99]);

/** Connects over TLS with the device's certificate. Rejects with a retryable Fault `MQTT_CONNECTION_FAILED`. */
export async function connectMqtt(options: MqttConnectionOptions, signal: AbortSignal): Promise<MqttConnection> {
  const { proxy, host, port } = options;
  const tunnel =
    proxy === undefined || isDirect(proxy, host)
      ? undefined
      : await openTunnel(proxy, { host, port }, options.tls.ca, options.timers).catch((error: unknown) => {
          throw offline(messageOf(error), error);
        });
  if (signal.aborted) {
    tunnel?.destroy();
    throw signal.reason;
  }
  return overSocket(options, tunnel, signal);
}

function overSocket(
  options: MqttConnectionOptions,
  tunnel: Socket | undefined,
  signal: AbortSignal,
): Promise<MqttConnection> {
  const client = new MqttClient(() => openSocket(options, tunnel), clientOptions(options));
  const pending = new Set<(fault: Fault) => void>();
  const ended = Promise.withResolvers<string>();
  let reason = 'the connection was closed';

  // Each operation ends by its callback, by the end of the connection or by its time, whichever is first. MQTT.js would keep
  // it for a later connection instead.
  function operation<T>(what: string, start: (done: (error: unknown, result: T) => void) => void): Promise<T> {
    const outcome = Promise.withResolvers<T>();
    const finish = () => {
      cancel();
      pending.delete(fail);
    };
    const fail = (fault: Fault) => {
      finish();
      outcome.reject(fault);
    };
    const cancel = options.timers.after(options.operationTimeoutMs, () => fail(offline(`${what}: no answer in time`)));
    pending.add(fail);
    start((error, result) => {
      finish();
      if (error === undefined || error === null) outcome.resolve(result);
      else outcome.reject(error instanceof Fault ? error : offline(`${what}: ${messageOf(error)}`, error));
    });
    return outcome.promise;
  }

  function close(): Promise<void> {
    // Not forced while connected: the DISCONNECT tells the server not to expect this device back at once.
    client.end(!client.connected);
    const cancel = options.timers.after(2_000, () => client.stream.destroy());
    return ended.promise.then(cancel);
  }

  client.on('message', (topic, payload) => options.onMessage(topic, payload));
  client.on('disconnect', (packet) => {
    reason = `the server disconnected with reason 0x${(packet.reasonCode ?? 0).toString(16)}`;
  });
  client.on('close', () => {
    for (const fail of [...pending]) fail(offline(reason));
    ended.resolve(reason);
    client.end(true);
  });

  return new Promise((resolve, reject) => {
    const onAbort = () => client.stream.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    client.on('error', (error) => {
      reason = messageOf(error);
      client.stream.destroy();
    });
    client.once('close', () => {
      signal.removeEventListener('abort', onAbort);
      reject(signal.aborted ? signal.reason : offline(`${options.host}:${options.port}: ${reason}`));
    });
    client.once('connect', (packet) => {
      signal.removeEventListener('abort', onAbort);
      resolve({
        sessionPresent: packet.sessionPresent,
        closed: ended.promise,
        close,
        subscribe: (filter) =>
          operation(`subscription to ${filter}`, (done: (error: unknown, result: 'granted' | 'refused') => void) => {
            client.subscribe(filter, subscribeOptions(options), (error, _granted, suback) => {
              // MQTT.js makes an error of a refusing SUBACK.
              const refused = suback?.granted.some((code) => Number(code) >= 0x80) ?? false;
              done(refused ? undefined : error, refused ? 'refused' : 'granted');
            });
          }),
        publish: (topic, payload) =>
          operation<void>(`publish to ${topic}`, (done) => {
            client.publish(topic, payload, { qos: 1 }, (error) => done(publishFault(topic, error), undefined));
          }),
      });
    });
    if (signal.aborted) onAbort();
  });
}

function openSocket(options: MqttConnectionOptions, tunnel: Socket | undefined) {
  const { host, port, tls } = options;
  const socket = connectTls({
    ...(tunnel === undefined ? { host, port } : { socket: tunnel, host }),
    // AWS tells MQTT from HTTPS by it on port 443; the reference offers it on every port.
    ALPNProtocols: ['x-amzn-mqtt-ca'],
    // Names only: an address must not be sent as SNI (RFC 6066).
    ...(isIP(host) === 0 ? { servername: host } : {}),
    cert: tls.cert,
    key: tls.key,
    ca: tls.ca,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
  });
  socket.setNoDelay(true);
  return socket;
}

function clientOptions(options: MqttConnectionOptions) {
  const common = {
    clientId: options.clientId,
    clean: options.clean,
    keepalive: Math.ceil(options.keepAliveMs / 1000),
    reconnectPeriod: 0,
    resubscribe: false,
    connectTimeout: options.connectTimeoutMs,
    timerVariant: 'native' as const,
  };
  if (options.version === 'mqtt3') return { ...common, protocolId: 'MQTT' as const, protocolVersion: 4 as const };
  const properties = {
    sessionExpiryInterval: options.sessionExpirySeconds,
    receiveMaximum: options.receiveMaximum,
    requestProblemInformation: true,
  };
  return { ...common, protocolId: 'MQTT' as const, protocolVersion: 5 as const, properties };
}

function subscribeOptions(options: MqttConnectionOptions) {
  return options.version === 'mqtt3' ? { qos: 1 as const } : { qos: 1 as const, rap: true, rh: 0 };
}

function publishFault(topic: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || !finalRefusals.has(Number(error.code))) return error;
  return new Fault('ACCESS_DENIED', `publish to ${topic}: ${error.message}`, { cause: error });
}

/** A retryable fault of the connection. */
export function offline(message: string, cause?: unknown): Fault {
  return new Fault('MQTT_CONNECTION_FAILED', message, { retryable: true, cause });
}
