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
import type { App, Claimant, Pending } from '../app/app.ts';
import { createBatcher } from '../app/batch.ts';
import type { Bus, CloudEvent } from '../ports/bus.ts';
import { mayClaim, thingInClientId } from './claim-policy.ts';
import { mayPublish, mayReceive, maySubscribe, thingOfClient } from './device-policy.ts';
import { createJobNotifications } from './job-notifications.ts';
import { createProvisioningRequests } from './provisioning-requests.ts';
import { createRequests } from './requests.ts';

/**
 * Who a connection is: the thing that its client id names, by a certificate that is attached to it; or, of no thing, a device
 * that is to provision itself.
 */
type DevicePrincipal = {
  readonly certificateId: string;
  /** When its certificate was looked up; monotonic ms. */
  readonly since: number;
} & ({ readonly thing: string } | { readonly thing?: undefined; readonly claim: Claimant });

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

const pendingLimits = { maxBatch: 500, maxWaiting: 50_000 };
const deploymentShadow = `/shadow/name/${DEPLOYMENT_SHADOW}/`;

/** Longer than a connection may take from its certificate's look-up to its CONNACK. */
const connectMs = 60_000;

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
  const provisioning = createProvisioningRequests({ app, timers, log });

  async function authenticate(request: ConnectRequest): Promise<AuthenticateResult<DevicePrincipal>> {
    const refuse = (why: string): AuthenticateResult<DevicePrincipal> => {
      log.warn('a device was refused', { clientId: request.clientId, remoteAddress: request.remoteAddress, why });
      return { allow: false, reason: 'not-authorized' };
    };
    const since = timers.monotonic();
    if (request.peerCertificate === undefined) return refuse('it presented no certificate');
    const identity = await app.access.device(request.peerCertificate);
    if (identity === undefined) return refuse('its certificate is not registered and active');
    const { certificateId, claim } = identity;
    const thing = thingOfClient(request.clientId, identity.things);
    if (thing !== undefined) return { allow: true, principal: { certificateId, thing, since } };
    if (claim === undefined) return refuse('its client id is not that of a thing of its certificate');
    if (await app.access.isThing(thingInClientId(request.clientId))) {
      return refuse('its client id is that of a thing, and its certificate a claim');
    }
    // Many devices share the certificate: none may have what was meant for another.
    return { allow: true, principal: { certificateId, claim, since }, transient: true };
  }

  const options: MqttServerOptions<DevicePrincipal> = {
    log,
    timers,
    ids,
    ...(deps.limits === undefined ? {} : { limits: deps.limits }),
    authenticate,
    authorizePublish: ({ principal: { thing } }, topic) =>
      thing === undefined ? mayClaim(topic) : mayPublish(thing, topic),
    authorizeSubscribe: ({ principal: { thing } }, filter) =>
      thing === undefined ? mayClaim(filter) : maySubscribe(thing, filter),
    // An answer goes to who asked, which is not decided here; all claims listen on the same topics, and it may hold a key.
    authorizeReceive: ({ principal: { thing } }, topic) => thing !== undefined && mayReceive(thing, topic),
    isRequest: (topic) => topic.startsWith('$aws/'),
    onRequest: (client, request) =>
      client.principal.thing === undefined
        ? provisioning.answer(client, client.principal.claim, request)
        : requests.answer(client.principal.thing, request),
    onConnected: (client, sessionPresent) => {
      const { thing, certificateId, since } = client.principal;
      if (thing !== undefined) connected.set(thing, (connected.get(thing) ?? 0) + 1);
      // Revoked between its look-up and now: the event found no connection to end.
      if ((changedCertificates.get(certificateId) ?? -1) >= since) {
        server.disconnect((other) => other === client, 'not-authorized');
      }
      if (sessionPresent && thing !== undefined) notifications.resumed(thing);
    },
    onDisconnected: ({ principal: { thing } }) => {
      if (thing === undefined) return;
      const left = (connected.get(thing) ?? 1) - 1;
      if (left > 0) connected.set(thing, left);
      else connected.delete(thing);
    },
    onSubscribed: ({ principal: { thing } }, filters) => {
      if (thing !== undefined) notifications.subscribed(thing, filters);
    },
  };
  const server: MqttServer<DevicePrincipal> = sessions
    ? await openMqttServer(options, { store: sessions, clock })
    : createMqttServer(options);
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
        server.disconnect(({ principal }) => principal.certificateId === event.certificateId, 'not-authorized');
        break;
      case 'rollout':
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
      await Promise.all([requests.idle(), pending.idle()]);
    },
  };
}
