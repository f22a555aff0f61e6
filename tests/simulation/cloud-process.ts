import type { Clock, Ids, Log, Timers } from '@greensward/kit';
import { topicMatches } from '@greensward/mqtt/topic';
import { createArtifactUrls } from '../../packages/cloud/src/adapters/artifact-urls.ts';
import { createBus } from '../../packages/cloud/src/adapters/bus.ts';
import { createOwnershipTokens } from '../../packages/cloud/src/adapters/ownership-tokens.ts';
import { createSessionCredentials } from '../../packages/cloud/src/adapters/session-credentials.ts';
import type { App, Pending } from '../../packages/cloud/src/app/app.ts';
import { createBatcher } from '../../packages/cloud/src/app/batch.ts';
import { createApp } from '../../packages/cloud/src/app/create-app.ts';
import type { Retention } from '../../packages/cloud/src/domain/history/retention.ts';
import { createJobNotifications, type JobNotifications } from '../../packages/cloud/src/mqtt/job-notifications.ts';
import { createRequests, type Requests } from '../../packages/cloud/src/mqtt/requests.ts';
import type { Bus, CloudEvent } from '../../packages/cloud/src/ports/bus.ts';
import type { CertificateAuthority } from '../../packages/cloud/src/ports/certificate-authority.ts';
import type { ContentStore } from '../../packages/cloud/src/ports/content.ts';
import type { Storage } from '../../packages/cloud/src/ports/storage.ts';
import { startTasks } from '../../packages/cloud/src/tasks/tasks.ts';

export const account = { accountId: '000000000000', region: 'us-east-1', partition: 'aws' } as const;

/** A device's connection as the cloud sees it. */
export interface ServerSide {
  readonly thing: string;
  readonly filters: Set<string>;
  deliver(topic: string, payload: string): void;
  /** The cloud ends it. */
  end(): void;
}

/** What a process of the cloud is given; all of it is dead once the process is. */
export interface CloudProcessDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly ids: Ids;
  readonly log: Log;
  readonly retention: Retention;
  /** To the other processes. */
  readonly publish: (event: CloudEvent) => void;
  /** Hears everything that it says to a device, at the moment at which it says it. */
  readonly said: (topic: string, payload: string) => void;
}

/**
 * One process of the cloud: the real use cases, tasks, job requests and job notifications, wired as `device-broker` and `start` do,
 * with a simulated connection in the place of the MQTT server.
 */
export class CloudProcess {
  readonly app: App;
  readonly #connections = new Map<string, ServerSide>();
  readonly #bus: Bus;
  readonly #said: (topic: string, payload: string) => void;
  readonly #requests: Requests;
  readonly #notifications: JobNotifications;

  constructor(deps: CloudProcessDeps) {
    const { storage, clock, timers, ids, log } = deps;
    const local = createBus(log);
    this.#bus = local;
    this.#said = deps.said;
    const bus: Bus = {
      publish(event) {
        local.publish(event);
        deps.publish(event);
      },
      subscribe: (listener) => local.subscribe(listener),
    };
    const secret = new Uint8Array(32);
    const app = createApp({
      storage,
      bus,
      clock,
      ids,
      log,
      account,
      content: noContent,
      authority: noAuthority,
      urls: createArtifactUrls({ secret, names: ['localhost'], port: 8443, clock }),
      tokens: createOwnershipTokens({ secret, clock }),
      sessions: createSessionCredentials({ secret, ids }),
    });
    this.app = app;
    const limits = { maxBatch: 500, maxWaiting: 50_000 };
    const pending = createBatcher(async (things: readonly string[]): Promise<readonly Pending[]> => {
      const found = await app.jobs.pendingMany([...new Set(things)]);
      return things.map((thing) => found.get(thing) ?? { executions: [], withdrawn: false });
    }, limits);
    const publish = (topic: string, payload: Uint8Array | string) => {
      const text = typeof payload === 'string' ? payload : new TextDecoder().decode(payload);
      deps.said(topic, text);
      for (const connection of this.#connections.values()) {
        if (![...connection.filters].some((filter) => topicMatches(filter, topic))) continue;
        connection.deliver(topic, text);
      }
    };
    this.#notifications = createJobNotifications({ pending, server: { publish }, clock, timers, log });
    this.#requests = createRequests({
      app,
      pending,
      clock,
      log,
      publish,
      onUnanswered: (thing) => this.#notifications.unanswered(thing),
    });
    local.subscribe((event) => {
      if (event.kind !== 'pending-changed') return;
      this.#notifications.changed(event.things.filter((thing) => this.#connections.has(thing)));
    });
    startTasks({ storage, bus, clock, timers, ids, log, account, retention: deps.retention });
  }

  /** What another process published. */
  hear(event: CloudEvent): void {
    this.#bus.publish(event);
  }

  connect(connection: ServerSide, resumed: boolean): void {
    // [MQTT-3.1.4-3]: a second connection of a client ends the first.
    this.#connections.get(connection.thing)?.end();
    this.#connections.set(connection.thing, connection);
    if (resumed) this.#notifications.resumed(connection.thing);
  }

  disconnect(connection: ServerSide): void {
    if (this.#connections.get(connection.thing) === connection) this.#connections.delete(connection.thing);
  }

  subscribe(connection: ServerSide, filter: string): void {
    connection.filters.add(filter);
    this.#notifications.subscribed(connection.thing, [filter]);
  }

  /** Resolves when it may be acknowledged. */
  async receive(connection: ServerSide, topic: string, payload: string): Promise<void> {
    try {
      for (const reply of await this.#requests.answer({ topic, payload: new TextEncoder().encode(payload) })) {
        const text = String(reply.payload);
        this.#said(reply.topic, text);
        connection.deliver(reply.topic, text);
      }
    } catch {
      // As the server: what could not be taken is not acknowledged, and the connection ends.
      connection.end();
    }
  }

  connections(): readonly ServerSide[] {
    return [...this.#connections.values()];
  }
}

const refused = (): never => {
  throw new Error('the simulation has neither content nor certificates');
};
const noContent: ContentStore = { receive: refused, open: refused, size: refused, delete: refused };
const noAuthority: CertificateAuthority = {
  rootPem: '',
  issueClient: refused,
  issueForCsr: refused,
  serverCertificate: refused,
};
