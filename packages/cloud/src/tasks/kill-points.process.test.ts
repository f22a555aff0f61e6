import { silentLog } from '@greensward/kit';
import { expect, test } from 'vitest';
import { openSqlite } from '../adapters/sqlite/sqlite.ts';
import { openTestCloud, type TestCloud } from '../app/testing/test-cloud.ts';
import type { ExecutionStatus } from '../domain/jobs/job.ts';
import type { Storage, Tx } from '../ports/storage.ts';
import { createDynamicGroupsTick } from './dynamic-groups-tick.ts';
import { pruneTick } from './prune-tick.ts';
import { createRetentionTick } from './retention-tick.ts';
import { rolloutTick } from './rollout-tick.ts';
import { sweepTick } from './sweep-tick.ts';
import { timeoutTick } from './timeout-tick.ts';

// One history with everything in it, killed at each place in turn: before each step of each transaction that writes, before its
// commit, and after it, when the caller hears nothing of it. The process that starts then, the client that asks again and the
// devices that say again what was not acknowledged bring it to the end that it has without a kill.

const account = { accountId: '000000000000', region: 'us-east-1', partition: 'aws' } as const;
const minute = 60_000;
const day = 86_400_000;
const live: readonly ExecutionStatus[] = ['QUEUED', 'IN_PROGRESS'];

class Killed extends Error {}

/** A storage that counts the places at which its process may die, and dies at one of them: from then on nothing works. */
class MortalStorage implements Storage {
  readonly #storage: Storage;
  readonly #killAt: number;
  places = 0;
  dead = false;

  constructor(storage: Storage, killAt: number) {
    this.#storage = storage;
    this.#killAt = killAt;
  }

  async write<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    this.#live();
    const result = await this.#storage.write(async (tx) => {
      const done = await work(this.#watched(tx));
      this.#place();
      return done;
    });
    this.#place();
    return result;
  }

  read<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    this.#live();
    return this.#storage.read(work);
  }

  close(): Promise<void> {
    return this.#storage.close();
  }

  #live(): void {
    if (this.dead) throw new Killed();
  }

  #place(): void {
    this.#live();
    this.places += 1;
    if (this.places !== this.#killAt) return;
    this.dead = true;
    throw new Killed();
  }

  /** The stores of a transaction, each call of which is a place. */
  #watched(tx: Tx): Tx {
    const place = () => this.#place();
    const storeOf = (store: object): object =>
      new Proxy(store, {
        get(target, name) {
          const member: unknown = Reflect.get(target, name, target);
          if (typeof member !== 'function') return member;
          return (...args: unknown[]): unknown => {
            place();
            return Reflect.apply(member, target, args);
          };
        },
      });
    return new Proxy(tx, {
      get(target, name) {
        const store: unknown = Reflect.get(target, name, target);
        return typeof store === 'object' && store !== null ? storeOf(store) : store;
      },
    });
  }
}

/** What is compared: everything but ids and times. */
type Outcome = Readonly<Record<string, unknown>>;

class History {
  readonly #cloud: TestCloud;
  readonly #storage: MortalStorage;
  #retention: ReturnType<typeof createRetentionTick>;
  #holder = 1;
  readonly ids = new Map<string, { deploymentId: string; jobId: string }>();
  kills = 0;

  constructor(cloud: TestCloud, storage: MortalStorage) {
    this.#cloud = cloud;
    this.#storage = storage;
    this.#retention = this.#newRetention();
  }

  #newRetention() {
    const retention = { jobsMs: day, revisions: 100, eventsMs: 9999 * day, auditMs: day };
    return createRetentionTick({ storage: this.#cloud.storage, clock: this.#cloud.clock, account, retention });
  }

  /** What a client or device does: again, when it had no answer. `over`: what it may be told then, as it was done before. */
  async asks<T>(work: () => Promise<T>, ...over: readonly string[]): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!this.#storage.dead) throw error;
    }
    this.#start();
    return work().catch((error: { code?: string }) => {
      if (!over.includes(error.code ?? '')) throw error;
      return undefined;
    });
  }

  /** A new process on the same database. */
  #start(): void {
    this.kills += 1;
    this.#storage.dead = false;
    this.#holder += 1;
    this.#retention = this.#newRetention();
  }

  /** A task, until it has nothing to do within the next seconds: leases of a process that died run out in them. */
  async #runs(tick: () => Promise<{ readonly nextAt?: number }>, withinMs: number): Promise<void> {
    for (let turn = 0; ; turn += 1) {
      if (turn > 200) throw new Error('a task does not come to rest');
      let nextAt: number | undefined;
      try {
        ({ nextAt } = await tick());
      } catch (error) {
        if (!this.#storage.dead) throw error;
      }
      if (this.#storage.dead) {
        this.#start();
        continue;
      }
      const now = this.#cloud.clock.now();
      if (nextAt === undefined || nextAt > now + withinMs) return;
      if (nextAt > now) this.#cloud.clock.advance(nextAt - now);
    }
  }

  /** The rollout goes on: for as long as the pace takes to reach every member. */
  async rollout(): Promise<void> {
    const { storage, clock, bus } = this.#cloud;
    const deps = () => ({ storage, clock, bus, log: silentLog, holder: `process-${this.#holder}` });
    await this.#runs(() => rolloutTick(deps()), 2 * minute);
  }

  async sweep(): Promise<void> {
    const { storage, clock, bus } = this.#cloud;
    await this.#runs(
      () => sweepTick({ storage, clock, bus, log: silentLog, holder: `process-${this.#holder}` }),
      minute,
    );
  }

  async timeouts(): Promise<void> {
    const { storage, clock, bus } = this.#cloud;
    await this.#runs(() => timeoutTick({ storage, clock, bus, holder: `process-${this.#holder}` }), 5000);
  }

  async dynamicGroups(): Promise<void> {
    const { storage, clock, bus } = this.#cloud;
    const tick = createDynamicGroupsTick({ storage, clock, bus, log: silentLog });
    await this.#runs(tick, 0);
  }

  async retention(): Promise<void> {
    await this.#runs(() => this.#retention(), 1000);
  }

  async prune(): Promise<void> {
    const { storage, clock } = this.#cloud;
    await this.#runs(() => pruneTick({ storage, clock, account }), 0);
  }

  async deploys(name: string, targetArn: string, iotJobConfiguration?: object): Promise<void> {
    const clientToken = `token-of-deployment-${name}-0000000000`;
    const request = { targetArn, clientToken, ...(iotJobConfiguration === undefined ? {} : { iotJobConfiguration }) };
    const made = await this.asks(() => this.#cloud.app.deployments.create(request));
    const { deployment } = await this.#cloud.app.deployments.get(made?.deploymentId ?? '');
    this.ids.set(name, { deploymentId: deployment.id, jobId: deployment.jobId });
  }

  idsOf(name: string) {
    const ids = this.ids.get(name);
    if (ids === undefined) throw new Error(`no deployment ${name}`);
    return ids;
  }

  /** Accepted also when it is said again. */
  async reports(name: string, thing: string, status: string): Promise<void> {
    const { jobId } = this.idsOf(name);
    const answers = await this.asks(() => this.#cloud.app.jobs.update([{ thing, jobId, status }]));
    expect(answers, `${thing} reports ${status} of ${name}`).toMatchObject([{ ok: true }]);
  }

  /** Counts are those of the executions, events tell what became of each, and nothing is owed. */
  async outcome(): Promise<Outcome> {
    const { storage } = this.#cloud;
    return storage.read(async (tx) => {
      const outcome: Record<string, unknown> = {};
      for (const [name, { deploymentId, jobId }] of this.ids) {
        const deployment = await tx.deployments.get(deploymentId);
        const job = await tx.jobs.get(jobId);
        const executions = (await tx.executions.ofJob(jobId, { limit: 50 }, {})).items;
        const counts = await tx.executions.counts(jobId);
        for (const [status, count] of Object.entries(counts)) {
          expect(count, `${name}: ${status}`).toBe(executions.filter((each) => each.status === status).length);
        }
        const failures = await tx.failures.ofJob(jobId, 5);
        const failed = counts.FAILED + counts.REJECTED + counts.TIMED_OUT;
        expect(failures.reduce((sum, { devices }) => sum + devices, 0)).toBe(failed);
        const told = new Map<string, string>();
        for (const { subject, thing, executionNumber, to } of await tx.events.list({ deploymentId }, 0, 1000)) {
          if (subject === 'execution') told.set(`${thing}/${executionNumber}`, to);
        }
        if (job !== undefined) {
          for (const { thing, number, status } of executions) expect(told.get(`${thing}/${number}`)).toBe(status);
          if (job.status !== 'IN_PROGRESS') expect(counts.QUEUED).toBe(0);
        }
        for (const { thing, number } of executions) {
          for (let earlier = 1; earlier < number; earlier += 1) {
            expect(live).not.toContain((await tx.executions.get(jobId, thing, earlier))?.status);
          }
        }
        outcome[name] = {
          deployment: deployment && [deployment.status, deployment.revision, deployment.latest],
          job: job && [job.status, job.reasonCode, job.sweeping, job.rolloutAfter, job.retryAfter],
          executions: executions.map(({ thing, number, status }) => `${thing} ${number} ${status}`),
          events: [...told].map(([execution, to]) => `${execution} ${to}`).sort(),
        };
      }
      expect(await tx.executions.toSweep(10)).toEqual([]);
      return outcome;
    });
  }
}

/** The history. Returns how it ends, and at how many places it may be killed. */
async function run(killAt: number): Promise<{ places: number; kills: number; outcome: Outcome; afterwards: Outcome }> {
  const storage = new MortalStorage(await openSqlite({ file: ':memory:', log: silentLog }), killAt);
  const cloud = await openTestCloud(storage);
  const { app, arns, clock } = cloud;
  const history = new History(cloud, storage);
  const addThing = async (name: string, group?: string, attributes = {}) => {
    await history.asks(() => app.things.create({ name, attributes }));
    if (group !== undefined) await history.asks(() => app.groups.addThing(group, name));
  };
  try {
    await history.asks(() => app.groups.create({ name: 'g' }));
    for (const thing of ['a', 'b', 'c']) await addThing(thing, 'g');
    const g = arns.group('g');

    await history.deploys('paced', g, {
      jobExecutionsRolloutConfig: { maximumPerMinute: 2 },
      timeoutConfig: { inProgressTimeoutInMinutes: 1 },
    });
    await history.rollout();
    await history.reports('paced', 'a', 'FAILED');
    await history.reports('paced', 'b', 'IN_PROGRESS');
    await history.asks(() => app.deployments.retry(history.idsOf('paced').deploymentId, undefined));
    await history.rollout();
    await addThing('d', 'g');
    await history.rollout();
    await history.asks(() => app.groups.removeThing('g', 'c'));
    clock.advance(minute);
    await history.timeouts();

    await history.deploys('replaces', g, {
      abortConfig: {
        criteriaList: [{ failureType: 'ALL', action: 'CANCEL', thresholdPercentage: 50, minNumberOfExecutedThings: 1 }],
      },
    });
    await history.sweep();
    await history.rollout();
    await history.reports('replaces', 'a', 'IN_PROGRESS');
    await history.reports('replaces', 'b', 'REJECTED');
    await history.rollout();
    await history.sweep();
    await history.reports('replaces', 'a', 'SUCCEEDED');

    await history.asks(() => app.dynamicGroups.create({ name: 'dyn', query: 'attributes.site:north', index: {} }));
    await addThing('n', undefined, { site: 'north' });
    await history.dynamicGroups();
    await history.deploys('dynamic', arns.group('dyn'));
    await history.rollout();
    await history.reports('dynamic', 'n', 'IN_PROGRESS');
    await addThing('m', undefined, { site: 'north' });
    await history.dynamicGroups();
    await history.rollout();
    await history.asks(() => app.things.update({ name: 'm', attributes: {} }));
    await history.dynamicGroups();
    await history.asks(
      () => app.jobs.cancel(history.idsOf('dynamic').jobId, { force: true }),
      'InvalidRequestException',
    );
    await history.sweep();

    await history.deploys('thing', arns.thing('a'));
    await history.deploys('thing again', arns.thing('a'));
    await history.sweep();
    await history.asks(() => app.deployments.cancel(history.idsOf('thing again').deploymentId), 'ValidationException');
    await history.sweep();

    await history.deploys('last', g);
    await history.rollout();
    await history.reports('last', 'a', 'SUCCEEDED');
    await history.asks(() => app.things.delete('d'));
    await history.asks(() => app.deployments.cancel(history.idsOf('last').deploymentId), 'ValidationException');
    await history.sweep();
    await history.asks(() => app.jobs.delete(history.idsOf('replaces').jobId, false), 'ResourceNotFoundException');
    await history.asks(
      () => app.deployments.delete(history.idsOf('dynamic').deploymentId),
      'ResourceNotFoundException',
    );
    await history.sweep();
    await history.asks(() => app.groups.delete('g'));
    const kept = await history.outcome();
    clock.advance(2 * day);
    await history.retention();
    await history.prune();
    await history.sweep();
    return { places: storage.places, kills: history.kills, outcome: kept, afterwards: await history.outcome() };
  } finally {
    await cloud.close();
  }
}

test('wherever the cloud is killed, what it does comes to the same end', { timeout: 300_000 }, async () => {
  const undisturbed = await run(0);
  // A history that does not do what it says would prove nothing.
  const superseded = ['CANCELED', 'SUPERSEDED', undefined, undefined, undefined];
  expect(undisturbed.outcome).toMatchObject({
    paced: {
      deployment: ['INACTIVE', 1, false],
      job: superseded,
      executions: ['a 2 CANCELED', 'b 1 TIMED_OUT', 'c 1 REMOVED', 'd 1 CANCELED'],
    },
    replaces: { deployment: ['FAILED', 2, false], events: ['a/1 SUCCEEDED', 'b/1 REJECTED', 'd/1 CANCELED'] },
    dynamic: { deployment: undefined, events: ['m/1 REMOVED', 'n/1 CANCELED'] },
    thing: { deployment: ['INACTIVE', 1, false], job: superseded, executions: ['a 1 CANCELED'] },
    'thing again': { deployment: ['CANCELED', 2, true], executions: ['a 1 CANCELED'] },
    last: { deployment: ['CANCELED', 3, true], executions: ['a 1 SUCCEEDED', 'b 1 CANCELED', 'd 1 REMOVED'] },
  });
  expect(undisturbed.afterwards).toMatchObject({
    paced: { deployment: undefined, job: undefined, executions: [], events: [] },
    last: undisturbed.outcome['last'],
  });
  for (let place = 1; place <= undisturbed.places; place += 1) {
    const { kills, outcome, afterwards } = await run(place);
    expect(kills, `place ${place}`).toBe(1);
    expect(outcome, `killed at place ${place} of ${undisturbed.places}`).toEqual(undisturbed.outcome);
    expect(afterwards, `after retention, killed at place ${place}`).toEqual(undisturbed.afterwards);
  }
});
