import { join } from 'node:path';
import type { Clock, Ids, Log, Timers } from '@greensward/kit';
import { ensureFolder } from '@greensward/kit/node';
import type { Reply } from '@greensward/mqtt/server';
import { createArtifactUrls } from './adapters/artifact-urls.ts';
import { createBus } from './adapters/bus.ts';
import { openCertificateAuthority } from './adapters/certificates/certificate-authority.ts';
import { openContentStore } from './adapters/content/content-store.ts';
import { createOwnershipTokens } from './adapters/ownership-tokens.ts';
import { recordingStorage } from './adapters/recording-storage.ts';
import { createSessionCredentials } from './adapters/session-credentials.ts';
import { openSqlite } from './adapters/sqlite/sqlite.ts';
import type { App, Pending } from './app/app.ts';
import { createBatcher } from './app/batch.ts';
import type { Account } from './app/context.ts';
import { createApp } from './app/create-app.ts';
import { pendingLimits } from './mqtt/device-broker.ts';
import { createJobNotifications } from './mqtt/job-notifications.ts';
import { createRequests } from './mqtt/requests.ts';
import type { Storage } from './ports/storage.ts';
import { startTasks } from './tasks/tasks.ts';

/** The cloud without its listeners: real storage, use cases, request handlers, notifications and tasks. For simulations and benches. */
export interface InProcessCloud {
  readonly app: App;
  readonly storage: Storage;
  readonly account: Account;
  /** A message of a device on a reserved topic; what it is answered with, after the commit. */
  answer(request: { readonly topic: string; readonly payload: Uint8Array }): Promise<readonly Reply[]>;
  /** Lets running work end. */
  close(): Promise<void>;
}

export interface InProcessOptions {
  /** Made where missing; holds the SQLite file. */
  readonly folder: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly ids: Ids;
  readonly log: Log;
  /** What the cloud says to devices without having been asked. Every device counts as connected. */
  readonly publish: (topic: string, payload: string) => void;
  /** What stands between the cloud and its database, for example to make it slower. */
  readonly storage?: (storage: Storage) => Storage;
}

const forEver = { jobsMs: Infinity, revisions: Infinity, eventsMs: Infinity, auditMs: Infinity };
const account: Account = { accountId: '000000000000', region: 'us-east-1', partition: 'aws' };

export async function openInProcessCloud(options: InProcessOptions): Promise<InProcessCloud> {
  const { folder, clock, timers, ids, log, publish } = options;
  await ensureFolder(folder, 0o700);
  const opened = await openSqlite({ file: join(folder, 'greensward.db'), log, clock });
  const bus = createBus(log);
  const { storage } = recordingStorage(options.storage?.(opened) ?? opened, bus);
  const secret = ids.random(32);
  const deps = {
    storage,
    content: await openContentStore(join(folder, 'content')),
    authority: await openCertificateAuthority({ folder: join(folder, 'ca'), names: ['localhost'], clock }),
    urls: createArtifactUrls({ secret, names: ['localhost'], port: 8443, clock }),
    sessions: createSessionCredentials({ secret, ids }),
    tokens: createOwnershipTokens({ secret, clock }),
    bus,
    clock,
    ids,
    log,
    account,
  };
  const app = createApp(deps);
  const pending = createBatcher(async (things: readonly string[]): Promise<readonly Pending[]> => {
    const found = await app.jobs.pendingMany([...new Set(things)]);
    return things.map((thing) => found.get(thing) ?? { executions: [], withdrawn: false });
  }, pendingLimits);
  const server = { publish: (topic: string, payload: string | Uint8Array) => publish(topic, String(payload)) };
  const notifications = createJobNotifications({ pending, server, clock, timers, log });
  const onUnanswered = notifications.unanswered;
  const requests = createRequests({ app, pending, clock, log, publish, onUnanswered });
  const unsubscribe = bus.subscribe((event) => {
    if (event.kind === 'pending-changed') notifications.changed(event.things);
    else if (event.kind === 'shadow-changed') for (const { topic, payload } of event.messages) publish(topic, payload);
  });
  const tasks = startTasks({ ...deps, timers, retention: forEver });
  return {
    app,
    storage,
    account,
    answer: requests.answer,
    async close() {
      unsubscribe();
      await tasks.stop();
      await notifications.close();
      await Promise.all([requests.idle(), pending.idle()]);
      await storage.close();
    },
  };
}
