import type { Clock, Ids, Log, Timers } from '@greensward/kit';
import {
  type AuthenticateResult,
  type ConnectRequest,
  createMqttServer,
  type MqttLimits,
  type MqttServer,
  type MqttServerOptions,
  openMqttServer,
  type SessionStore,
} from '@greensward/mqtt/server';
import { DEPLOYMENT_SHADOW } from '@greensward/protocol/shadow';
import type { App, DeviceConnection, Pending } from '../app/app.ts';
import { createBatcher } from '../app/batch.ts';
import type { Bus, CloudEvent } from '../ports/bus.ts';
import { mayClaim } from './claim-policy.ts';
import { createConnectionReports } from './connection-reports.ts';
import { mayPublish, mayReceive, maySubscribe } from './device-policy.ts';
import { createJobNotifications } from './job-notifications.ts';
import { createProvisioningRequests } from './provisioning-requests.ts';
import { createRequests } from './requests.ts';

/** Who a connection is, and what it may do now. */
interface DevicePrincipal {
  readonly device: DeviceConnection;
  /** Its things that count as connected because of it. */
  readonly counted: Set<string>;
  /** When its certificate was looked up; monotonic ms. */
  readonly since: number;
}

export interface DeviceBroker {
  /** Give it connections, for example with `listenTls`. */
  readonly server: MqttServer<DevicePrincipal>;
  /** Ends all connections. */
  close(): Promise<void>;
}

export interface DeviceBrokerDeps {
  readonly app: App;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly ids: Ids;
  readonly log: Log;
  readonly limits?: Partial<MqttLimits>;
  /** Keeps sessions and retained messages over a restart; without it they are in memory only. */
  readonly sessions?: SessionStore;
}

/**
 * Telling devices and answering them share this: with room for both in one list, a large rollout is told early, and not at the
 * pace at which those who were told first come with their reports.
 */
export const pendingLimits = { maxBatch: 2000, maxWaiting: 50_000 };
const deploymentShadow = `/shadow/name/${DEPLOYMENT_SHADOW}/`;

/** Longer than a connection may take from its certificate's look-up to its CONNACK. */
const connectMs = 60_000;

function canReceive(device: DeviceConnection, topic: string): boolean {
  return mayReceive(device.things, topic) && device.may('iot:Receive', `topic/${topic}`);
}

function provisions(device: DeviceConnection, topicOrFilter: string): boolean {
  return device.claim !== undefined && mayClaim(topicOrFilter);
}

/** The MQTT side of the cloud: devices, by certificate, on their own topics. */
export async function openDeviceBroker(deps: DeviceBrokerDeps): Promise<DeviceBroker> {
  const { app, bus, clock, timers, ids, log, sessions } = deps;
  const connected = new Map<string, number>();
  /** Certificates that changed within the last minute, and when (monotonic ms). */
  const changedCertificates = new Map<string, number>();
  const pending = createBatcher(async (things: readonly string[]): Promise<readonly Pending[]> => {
    const found = await app.jobs.pendingMany([...new Set(things)]);
    return things.map((thing) => found.get(thing) ?? { executions: [], withdrawn: false });
  }, pendingLimits);
  const requests = createRequests({
    app,
    pending,
    clock,
    log,
    publish: (topic, payload) => server.publish(topic, payload, { qos: 1 }),
    onUnanswered: (thing) => notifications.unanswered(thing),
  });
  const connections = createConnectionReports({ index: app.fleetIndex, clock, timers, log });
  const provisioning = createProvisioningRequests({ app, timers, log });

  async function authenticate(request: ConnectRequest): Promise<AuthenticateResult<DevicePrincipal>> {
    const refuse = (why: string): AuthenticateResult<DevicePrincipal> => {
      log.warn('a device was refused', { clientId: request.clientId, remoteAddress: request.remoteAddress, why });
      return { allow: false, reason: 'not-authorized' };
    };
    const since = timers.monotonic();
    if (request.peerCertificate === undefined) return refuse('it presented no certificate');
    const { clientId, remoteAddress: sourceIp } = request;
    const device = await app.access.connect(request.peerCertificate, { clientId, sourceIp });
    if ('refused' in device) return refuse(device.refused);
    // Many devices may share a certificate of no thing: none may have what was meant for another.
    return { allow: true, principal: { device, counted: new Set(), since }, transient: device.things.length === 0 };
  }

  const options: MqttServerOptions<DevicePrincipal> = {
    log,
    timers,
    ids,
    ...(deps.limits === undefined ? {} : { limits: deps.limits }),
    authenticate,
    authorizePublish: ({ principal: { device } }, topic) =>
      (mayPublish(device.things, topic) || provisions(device, topic)) && device.may('iot:Publish', `topic/${topic}`),
    authorizeRetain: ({ principal: { device } }, topic) => device.may('iot:RetainPublish', `topic/${topic}`),
    authorizeSubscribe: ({ principal: { device } }, filter, shareName?: string) => {
      const resource = shareName === undefined ? filter : `$share/${shareName}/${filter}`;
      const open = maySubscribe(device.things, filter) || provisions(device, filter);
      return open && device.may('iot:Subscribe', `topicfilter/${resource}`);
    },
    // Not the topics of provisioning: all claims listen on the same ones, and an answer, which goes to who asked, may hold a key.
    authorizeReceive: ({ principal: { device } }, topic) => canReceive(device, topic),
    isRequest: (topic) => topic.startsWith('$aws/'),
    async onRequest(client, request) {
      const { device } = client.principal;
      if (device.claim !== undefined && mayClaim(request.topic)) {
        const answers = await provisioning.answer(client, device.claim, request);
        return answers.filter(({ topic }) => device.may('iot:Receive', `topic/${topic}`));
      }
      const replies = await requests.answer(request);
      // The server hands replies to whoever asked, and asks nobody.
      const [told = [], untold = []] = [true, false].map((may) =>
        replies.filter(({ topic }) => canReceive(device, topic) === may),
      );
      for (const { topic, payload } of untold) server.publish(topic, payload, { qos: 1 });
      return told;
    },
    onConnected: (client, sessionPresent) => {
      const { device, since } = client.principal;
      device.hold();
      countIn(client.principal);
      // Revoked between its look-up and now: the event found no connection to end.
      if ((changedCertificates.get(device.certificateId) ?? -1) >= since) {
        server.disconnect((other) => other === client, 'not-authorized');
      }
      if (sessionPresent) for (const thing of device.things) notifications.resumed(thing);
    },
    onDisconnected: ({ principal: { device, counted } }, reason) => {
      device.release();
      for (const thing of counted) {
        const left = (connected.get(thing) ?? 1) - 1;
        if (left > 0) connected.set(thing, left);
        else {
          connected.delete(thing);
          connections.disconnected(thing, reason);
        }
      }
    },
    onSubscribed: (client, filters) => {
      countIn(client.principal);
      for (const thing of client.principal.device.things) notifications.subscribed(thing, filters);
    },
  };
  const server: MqttServer<DevicePrincipal> = sessions
    ? await openMqttServer(options, { store: sessions, clock })
    : createMqttServer(options);
  /** Things may be attached to a certificate while it is connected; they are told of jobs from their first subscription on. */
  function countIn({ device, counted }: DevicePrincipal): void {
    for (const thing of device.things) {
      if (counted.has(thing)) continue;
      counted.add(thing);
      const before = connected.get(thing) ?? 0;
      connected.set(thing, before + 1);
      if (before === 0) connections.connected(thing);
    }
  }
  const notifications = createJobNotifications({ pending, server, clock, timers, log });

  function heard(event: CloudEvent): void {
    switch (event.kind) {
      case 'pending-changed':
        notifications.changed(event.things.filter((thing) => connected.has(thing)));
        break;
      case 'shadow-changed':
        for (const { topic, payload } of event.messages) {
          // A core device asks for its deployment shadow when it connects; kept for it, each revision made meanwhile would run.
          server.publish(topic, payload, { qos: 1, queueOffline: !topic.includes(deploymentShadow) });
        }
        break;
      case 'message': {
        const { topic, payload, ...how } = event.message;
        server.publish(topic, payload, how);
        break;
      }
      case 'certificate-changed':
        noteChange(event.certificateId);
        server.disconnect(({ principal }) => principal.device.certificateId === event.certificateId, 'not-authorized');
        break;
      case 'rights-changed': // Connections look at their rights with each action.
      case 'rollout':
      case 'job-ended':
      case 'things-changed':
        break;
    }
  }
  function noteChange(certificateId: string): void {
    const now = timers.monotonic();
    for (const [id, at] of changedCertificates) if (at < now - connectMs) changedCertificates.delete(id);
    changedCertificates.set(certificateId, now);
  }
  const unsubscribe = bus.subscribe(heard);

  return {
    server,
    async close() {
      unsubscribe();
      await server.close();
      await notifications.close();
      await Promise.all([requests.idle(), pending.idle(), connections.close()]);
    },
  };
}
