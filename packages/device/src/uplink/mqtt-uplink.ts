import { type Cancel, delay, type Ids, type Log, messageOf, type Timers } from '@greensward/kit';
import { fleetStatusTopic } from '@greensward/protocol/topics';
import type { DeviceConfig, ProxySettings } from '../configuration/device-config.ts';
import type { ChannelDeps } from './channel.ts';
import { createJobChannel } from './job-channel.ts';
import { connectMqtt, type MqttConnection, offline } from './mqtt-connection.ts';
import { afterConnection, freshPace, reconnectDelay } from './reconnect-pace.ts';
import { createShadowChannel } from './shadow-channel.ts';
import type { TlsMaterial } from './tls-material.ts';
import type { Arrival, Uplink } from './uplink.ts';

/** When a refused subscription is tried again: two minutes and up to ten seconds, as the nucleus does. */
const resubscribeMs = { base: 120_000, spread: 10_000 };

export interface UplinkDeps {
  readonly config: Pick<DeviceConfig, 'thingName' | 'nucleusVersion'> & { readonly proxy?: ProxySettings };
  /** Read at each connection. */
  readonly settings: () => Pick<DeviceConfig, 'iotDataEndpoint' | 'mqttPort' | 'mqtt'>;
  readonly tls: TlsMaterial;
  readonly log: Log;
  readonly timers: Timers;
  readonly ids: Ids;
}

/**
 * The uplink on MQTT.js. Modes: idle, running (`loop` is set: connecting, online while `online` is set, or waiting), stopped.
 * Each connection is a new client; subscriptions are made again unless the server kept the session.
 */
export function createUplink(deps: UplinkDeps): Uplink {
  const { config, settings, tls, log, timers, ids } = deps;
  const stopping = new AbortController();
  const connectionListeners = new Set<(connected: boolean) => void>();
  const arrivalListeners = new Set<(arrival: Arrival) => void>();
  let loop: Promise<void> | undefined;
  let online: MqttConnection | undefined;
  /** The first CONNECT of a process starts a new session, later ones resume it. */
  let clean = true;
  let subscribed = false;

  const channelDeps: ChannelDeps = {
    thingName: config.thingName,
    timers,
    ids,
    log,
    timeoutMs: settings().mqtt.operationTimeoutMs,
    send: (topic, payload) => publish(topic, JSON.stringify(payload)),
    arrive: (arrival) => tell(arrivalListeners, arrival),
  };
  const jobs = createJobChannel(channelDeps);
  const shadow = createShadowChannel({ ...channelDeps, nucleusVersion: config.nucleusVersion });
  const channels = [jobs, shadow];

  function tell<T>(listeners: ReadonlySet<(value: T) => void>, value: T): void {
    for (const listener of [...listeners]) {
      try {
        listener(value);
      } catch (error) {
        log.error('a listener of the uplink failed', { reason: messageOf(error) });
      }
    }
  }

  async function publish(topic: string, payload: string): Promise<void> {
    if (online === undefined) throw offline('the device is not connected to its cloud');
    await online.publish(topic, payload);
  }

  function receive(topic: string, payload: Uint8Array): void {
    try {
      if (!channels.some((channel) => channel.receive(topic, payload))) log.debug('unexpected message', { topic });
    } catch (error) {
      log.warn('message ignored', { topic, reason: messageOf(error) });
    }
  }

  async function run(signal: AbortSignal): Promise<void> {
    let pace = freshPace;
    while (!signal.aborted) {
      pace = afterConnection(pace, await oneConnection(signal));
      if (signal.aborted) return;
      const { minReconnectMs, maxReconnectMs } = settings().mqtt;
      const backoff = { firstMs: Math.max(250, minReconnectMs), maxMs: Math.max(minReconnectMs, maxReconnectMs) };
      const waitMs = reconnectDelay(pace, chance(ids), backoff);
      log.debug('connecting again', { waitMs });
      await delay(timers, waitMs, signal).catch(() => {});
    }
  }

  /** Lives through one connection; resolves with how long it was usable. Never rejects. */
  async function oneConnection(signal: AbortSignal): Promise<number | undefined> {
    let connection: MqttConnection;
    try {
      connection = await connectMqtt(connectOptions(), signal);
    } catch (error) {
      if (!signal.aborted) log.warn('no connection to the cloud', { reason: messageOf(error) });
      return undefined;
    }
    clean = false;
    const close = () => void connection.close();
    signal.addEventListener('abort', close, { once: true });
    if (signal.aborted) close();
    let cancelResubscribe: Cancel = () => {};
    let usableSince: number | undefined;
    try {
      // What a resumed session delivers before `online` is set cannot be answered; all of it is asked for again below.
      const refused = connection.sessionPresent && subscribed ? [] : await subscribe(connection, allFilters());
      subscribed = refused.length === 0;
      if (!subscribed) cancelResubscribe = resubscribeLater(connection, refused);
      online = connection;
      usableSince = timers.monotonic();
      log.info('connected to the cloud', { host: settings().iotDataEndpoint, resumed: connection.sessionPresent });
      for (const channel of channels) channel.refresh();
      tell(connectionListeners, true);
    } catch (error) {
      log.warn('the connection to the cloud cannot be used', { reason: messageOf(error) });
      close();
    }
    const reason = await connection.closed;
    cancelResubscribe();
    signal.removeEventListener('abort', close);
    if (usableSince === undefined) return undefined;
    online = undefined;
    for (const channel of channels) channel.disconnected(reason);
    if (!signal.aborted) log.warn('disconnected from the cloud', { reason });
    tell(connectionListeners, false);
    return timers.monotonic() - usableSince;
  }

  function connectOptions() {
    const { iotDataEndpoint, mqttPort, mqtt } = settings();
    return {
      host: iotDataEndpoint,
      port: mqttPort,
      tls,
      proxy: config.proxy,
      clientId: config.thingName,
      ...mqtt,
      clean,
      timers,
      onMessage: receive,
    };
  }

  function allFilters(): readonly string[] {
    return channels.flatMap((channel) => channel.filters);
  }

  /** One filter a packet, in order, without waiting for one another; returns those that were refused. */
  async function subscribe(connection: MqttConnection, filters: readonly string[]): Promise<string[]> {
    const answers = await Promise.all(filters.map((filter) => connection.subscribe(filter)));
    const refused = filters.filter((_filter, index) => answers[index] === 'refused');
    for (const filter of refused) log.error('the cloud refuses a subscription', { filter });
    return refused;
  }

  function resubscribeLater(connection: MqttConnection, filters: readonly string[]): Cancel {
    let cancel = timers.after(resubscribeMs.base + chance(ids) * resubscribeMs.spread, () => {
      subscribe(connection, filters).then(
        (refused) => {
          if (online !== connection) return;
          subscribed = refused.length === 0;
          if (!subscribed) cancel = resubscribeLater(connection, refused);
          for (const channel of channels) channel.refresh();
        },
        (error: unknown) => log.warn('subscribing again failed', { reason: messageOf(error) }),
      );
    });
    return () => cancel();
  }

  return {
    start() {
      loop ??= run(stopping.signal);
    },
    async stop() {
      stopping.abort();
      await loop;
    },
    // The loop connects again at once, with the settings as they are then.
    reconnect: () => void online?.close(),
    connected: () => online !== undefined,
    onConnection(listener) {
      connectionListeners.add(listener);
      return () => connectionListeners.delete(listener);
    },
    onArrival(listener) {
      arrivalListeners.add(listener);
      return () => arrivalListeners.delete(listener);
    },
    async report(report) {
      const { source, ...rest } = report;
      return source.kind === 'job' ? jobs.report({ ...rest, source }) : shadow.report({ ...rest, source });
    },
    publishFleetStatus: (payload) => publish(fleetStatusTopic(config.thingName), payload),
  };
}

/** A number in [0, 1). */
function chance(ids: Ids): number {
  return new DataView(Uint8Array.from(ids.random(4)).buffer).getUint32(0) / 2 ** 32;
}
