import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault, type Ids, silentLog } from '@greensward/kit';
import { createArtifactUrls } from '../../adapters/artifact-urls.ts';
import { createBus } from '../../adapters/bus.ts';
import { openContentStore } from '../../adapters/content/content-store.ts';
import { createOwnershipTokens } from '../../adapters/ownership-tokens.ts';
import { recordingStorage } from '../../adapters/recording-storage.ts';
import { createSessionCredentials } from '../../adapters/session-credentials.ts';
import { openSqlite } from '../../adapters/sqlite/sqlite.ts';
import type { Bus, CloudEvent } from '../../ports/bus.ts';
import type { CertificateAuthority } from '../../ports/certificate-authority.ts';
import type { Storage } from '../../ports/storage.ts';
import { createDynamicGroupsTick } from '../../tasks/dynamic-groups-tick.ts';
import { rolloutTick } from '../../tasks/rollout-tick.ts';
import { sweepTick } from '../../tasks/sweep-tick.ts';
import { timeoutTick } from '../../tasks/timeout-tick.ts';
import type { App } from '../app.ts';
import { type Arns, createArns } from '../arns.ts';
import { createApp } from '../create-app.ts';

/** The use cases over a real database in a temporary folder, with a clock and ids that a test controls. */
export interface TestCloud {
  readonly app: App;
  readonly storage: Storage;
  readonly bus: Bus;
  readonly arns: Arns;
  readonly clock: { now(): number; advance(ms: number): void };
  /** Everything told over the bus so far. */
  readonly events: CloudEvent[];
  /** Runs the rollout until it has nothing to do now. Returns when it wants to run again. */
  rollout(): Promise<number | undefined>;
  timeouts(): Promise<void>;
  /** Sweeps until nothing is left. */
  sweep(): Promise<void>;
  /** One batch of each job. */
  sweepOnce(): Promise<void>;
  /** Finds the members of dynamic groups until all are found. */
  dynamicGroups(): Promise<void>;
  /** Things, in the group if one is named. */
  addThings(group: string | undefined, ...names: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

const account = { accountId: '000000000000', region: 'us-east-1', partition: 'aws' } as const;

/** `given`: a database that is open; it is closed with the cloud. */
export async function openTestCloud(given?: Storage): Promise<TestCloud> {
  const folder = await mkdtemp(join(tmpdir(), 'greensward-app-'));
  const content = await openContentStore(join(folder, 'content'));
  let time = 1_700_000_000_000;
  const clock = {
    now: () => time,
    advance(ms: number) {
      time += ms;
    },
  };
  const ids = countingIds();
  const bus = createBus(silentLog);
  const opened = given ?? (await openSqlite({ file: join(folder, 'cloud.db'), log: silentLog, clock }));
  const { storage } = recordingStorage(opened, bus);
  const events: CloudEvent[] = [];
  bus.subscribe((event) => events.push(event));
  const urls = createArtifactUrls({ secret: new Uint8Array(32), names: ['localhost'], port: 8443, clock });
  const tokens = createOwnershipTokens({ secret: new Uint8Array(32), clock });
  const authority = fakeAuthority();
  const sessions = createSessionCredentials({ secret: new Uint8Array(32), ids });
  const deps = {
    storage,
    content,
    authority,
    urls,
    sessions,
    tokens,
    bus,
    clock,
    ids,
    log: silentLog,
    account,
    holder: randomUUID(),
  };
  const app = createApp(deps);

  return {
    app,
    storage,
    bus,
    arns: createArns(account),
    clock,
    events,
    async rollout() {
      for (;;) {
        const { nextAt } = await rolloutTick(deps);
        if (nextAt === undefined || nextAt > time) return nextAt;
      }
    },
    async timeouts() {
      await timeoutTick(deps);
    },
    async sweep() {
      for (let turn = 0; (await sweepTick(deps)).nextAt !== undefined; turn += 1) {
        if (turn === 1000) throw new Error('the sweep does not come to its end');
      }
    },
    async sweepOnce() {
      await sweepTick(deps);
    },
    async dynamicGroups() {
      const tick = createDynamicGroupsTick(deps);
      while ((await tick()).nextAt !== undefined);
    },
    async addThings(group, ...names) {
      for (const name of names) {
        await app.things.create({ name });
        if (group !== undefined) await app.groups.addThing(group, name);
      }
    },
    async close() {
      await storage.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function countingIds(): Ids {
  let count = 0;
  return {
    uuid: () => `00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`,
    random: (bytes) => new Uint8Array(bytes),
  };
}

/** Certificates are only texts here: making keys is slow, and what is tested is what is done with them. */
function fakeAuthority(): CertificateAuthority {
  let count = 0;
  const issue = () => {
    const der = Buffer.from(`certificate ${++count}`);
    const certificatePem = `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
    return { certificateId: createHash('sha256').update(der).digest('hex'), certificatePem };
  };
  return {
    rootPem: 'root',
    issueClient: async () => ({ ...issue(), privateKeyPem: 'private', publicKeyPem: 'public' }),
    async issueForCsr(csr) {
      if (csr !== 'csr') throw new Fault('CertificateValidationException', 'The certificate request is not valid.');
      return issue();
    },
    async serverCertificate() {
      return { privateKeyPem: 'private', certificateChainPem: 'chain' };
    },
  };
}
