import { silentLog } from '@greensward/kit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openSqlite } from '../adapters/sqlite/sqlite.ts';
import { openTestCloud, type TestCloud } from '../app/testing/test-cloud.ts';
import type { Execution, ExecutionStatus } from '../domain/jobs/job.ts';
import type { Storage } from '../ports/storage.ts';

// The whole engine, as a random history meets it: things that answer in any order, join, leave and are tried again, rollouts
// that are ended in any way, and a process that dies before or after any commit.

const minute = 60_000;
const things = ['t1', 't2', 't3', 't4', 't5', 't6'];
const live: readonly ExecutionStatus[] = ['QUEUED', 'IN_PROGRESS'];

/** How the next write of a task ends, if not well. */
type Fate = 'dies before the commit' | 'dies after the commit';

/** A storage whose next write fails as told: what the task would do after it is not done. */
function mortal(storage: Storage): { storage: Storage; meet(fate: Fate | undefined): void } {
  let next: Fate | undefined;
  return {
    storage: {
      ...storage,
      async write(work) {
        const fate = next;
        next = undefined;
        const result = await storage.write(async (tx) => {
          const done = await work(tx);
          if (fate === 'dies before the commit') throw new Error(fate);
          return done;
        });
        if (fate !== undefined) throw new Error(fate);
        return result;
      },
    },
    meet(fate) {
      next = fate;
    },
  };
}

const anyThing = fc.constantFrom(...things);
const anyFate = fc.constantFrom<(Fate | undefined)[]>(
  undefined,
  undefined,
  'dies before the commit',
  'dies after the commit',
);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('tick' as const), fate: anyFate }) },
  // To when the rollout wants to go on, and a little more: where a rate is exceeded if ever.
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('turn' as const), late: fc.oneof(fc.nat(2000), fc.nat(150_000)) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('report' as const),
      /** Which of those that can report. */
      index: fc.nat(5),
      status: fc.constantFrom('IN_PROGRESS', 'IN_PROGRESS', 'SUCCEEDED', 'FAILED', 'REJECTED'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.oneof(fc.nat(5000), fc.nat(70_000)) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('join' as const), thing: anyThing }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), thing: anyThing }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('retry' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('timeouts' as const), fate: anyFate }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('sweep' as const), fate: anyFate }) },
);
const ending = fc.oneof(
  fc.record({ kind: fc.constant('cancel' as const), force: fc.boolean() }),
  fc.record({ kind: fc.constant('supersede' as const) }),
);
/** Some steps, perhaps an end from outside, and some steps more. */
const anySteps = fc
  .tuple(
    fc.array(step, { minLength: 10, maxLength: 40 }),
    fc.option(ending, { nil: undefined }),
    fc.array(step, { maxLength: 8 }),
  )
  .map(([before, end, after]) => [...before, ...(end === undefined ? [] : [end]), ...after]);

const anyConfiguration = fc.record({
  perMinute: fc.integer({ min: 1, max: 4 }),
  threshold: fc.option(fc.constantFrom(20, 33.33, 33.34, 50, 100), { nil: undefined }),
  minimum: fc.integer({ min: 1, max: 4 }),
  timeout: fc.boolean(),
});
type Configuration = typeof anyConfiguration extends fc.Arbitrary<infer T> ? T : never;
type Step = typeof anySteps extends fc.Arbitrary<(infer T)[]> ? T : never;

function jobConfiguration({ perMinute, threshold, minimum, timeout }: Configuration) {
  const criterion = { failureType: 'ALL', action: 'CANCEL', minNumberOfExecutedThings: minimum } as const;
  return {
    jobExecutionsRolloutConfig: { maximumPerMinute: perMinute },
    ...(threshold === undefined
      ? {}
      : { abortConfig: { criteriaList: [{ ...criterion, thresholdPercentage: threshold }] } }),
    ...(timeout ? { timeoutConfig: { inProgressTimeoutInMinutes: 1 } } : {}),
  };
}

/** One job under test, with what has been seen of it. */
class Rollout {
  readonly cloud: TestCloud;
  readonly group: string;
  readonly jobId: string;
  readonly id: string;
  readonly configuration: Configuration;
  /** Things that have been in the group since the job was made, without a break: the rate is for these. */
  readonly paced: Set<string>;
  /** When each of those was queued first, epoch ms. */
  readonly queued = new Map<string, number>();

  constructor(
    cloud: TestCloud,
    group: string,
    made: { deploymentId: string; iotJobId?: string },
    paced: readonly string[],
    configuration: Configuration,
  ) {
    this.cloud = cloud;
    this.group = group;
    this.id = made.deploymentId;
    this.jobId = made.iotJobId ?? '';
    this.paced = new Set(paced);
    this.configuration = configuration;
  }

  async executions(): Promise<readonly Execution[]> {
    return (await this.cloud.app.jobs.executionsOfJob(this.jobId, { limit: 50 })).items;
  }

  async check(): Promise<void> {
    const { jobs } = this.cloud.app;
    const executions = await this.executions();
    const { counts, job } = await jobs.describe(this.jobId);
    for (const [status, count] of Object.entries(counts)) {
      expect(count).toBe(executions.filter((execution) => execution.status === status).length);
    }
    if (job.status !== 'IN_PROGRESS') expect(counts.QUEUED).toBe(0);
    for (const { thing, number } of executions) {
      for (let earlier = 1; earlier < number; earlier++) {
        expect(live).not.toContain((await jobs.execution(this.jobId, thing, earlier)).execution.status);
      }
      if (!this.paced.has(thing) || this.queued.has(thing)) continue;
      this.queued.set(thing, (await jobs.execution(this.jobId, thing, 1)).execution.queuedAt);
    }
    const times = [...this.queued.values()];
    for (const end of times) {
      const inMinute = times.filter((at) => at <= end && at > end - minute).length;
      expect(inMinute).toBeLessThanOrEqual(this.configuration.perMinute);
    }
    const pending = await jobs.pendingMany(executions.map(({ thing }) => thing));
    for (const { thing, status } of executions) {
      const own = pending.get(thing)?.executions.filter(({ execution }) => execution.jobId === this.jobId) ?? [];
      expect(own.map(({ execution }) => execution.status)).toEqual(live.includes(status) ? [status] : []);
    }
  }

  /** After a tick that went well, a job in progress does not meet its abort criterion. */
  async checkAbort(): Promise<void> {
    const { threshold, minimum } = this.configuration;
    const { counts, job } = await this.cloud.app.jobs.describe(this.jobId);
    if (threshold === undefined || job.status !== 'IN_PROGRESS') return;
    const failed = counts.FAILED + counts.REJECTED + counts.TIMED_OUT;
    const all = failed + counts.SUCCEEDED;
    const [whole = '', decimals = ''] = String(threshold).split('.');
    const hundredths = BigInt(whole + decimals.padEnd(2, '0'));
    const met = failed > 0 && all >= minimum && BigInt(failed) * 10_000n >= hundredths * BigInt(all);
    expect(met).toBe(false);
  }

  /** Devices that answer bring every rollout to its end. */
  async finish(): Promise<void> {
    const { app, clock } = this.cloud;
    for (let turn = 0; !(await app.deployments.progress(this.id)).settled; turn++) {
      expect(turn).toBeLessThan(100);
      await this.cloud.rollout();
      await this.check();
      for (const { thing, status } of await this.executions()) {
        if (live.includes(status)) await app.jobs.update([{ thing, jobId: this.jobId, status: 'SUCCEEDED' }]);
      }
      clock.advance(20_000);
    }
    await this.cloud.sweep();
    await this.check();
  }
}

test('in any history the rate holds, no thing has two executions at once, counts are right, and the rollout settles', async () => {
  const { storage, meet } = mortal(await openSqlite({ file: ':memory:', log: silentLog }));
  const cloud = await openTestCloud(storage);
  let run = 0;
  const seen = { aborts: 0, deaths: 0, ends: 0 };

  async function history(configuration: Configuration, first: readonly string[], steps: readonly Step[]) {
    run += 1;
    const group = `g-${run}`;
    const own = (thing: string) => `${thing}-${run}`;
    const targetArn = cloud.arns.group(group);
    await cloud.app.groups.create({ name: group });
    await cloud.addThings(undefined, ...things.map(own));
    for (const thing of first) await cloud.app.groups.addThing(group, own(thing));
    const made = await cloud.app.deployments.create({
      targetArn,
      iotJobConfiguration: jobConfiguration(configuration),
    });
    const rollout = new Rollout(cloud, group, made, first.map(own), configuration);
    let next: number | undefined;
    for (const each of steps) {
      const fate = 'fate' in each ? each.fate : undefined;
      if (fate !== undefined) seen.deaths += 1;
      meet(fate);
      if (each.kind === 'tick') next = await cloud.rollout();
      else if (each.kind === 'turn') {
        if (next !== undefined && next > cloud.clock.now()) cloud.clock.advance(next - cloud.clock.now() + each.late);
        next = await cloud.rollout();
      } else if (each.kind === 'timeouts') await cloud.timeouts().catch(() => {});
      else if (each.kind === 'sweep') await cloud.sweep();
      else if (each.kind === 'wait') cloud.clock.advance(each.ms);
      else if (each.kind === 'join') await cloud.app.groups.addThing(group, own(each.thing));
      else if (each.kind === 'leave') {
        await cloud.app.groups.removeThing(group, own(each.thing));
        if (!rollout.queued.has(own(each.thing))) rollout.paced.delete(own(each.thing));
      } else if (each.kind === 'report') {
        const able = (await rollout.executions()).filter(({ status }) => live.includes(status));
        const thing = able[each.index % able.length]?.thing ?? own('t1');
        await cloud.app.jobs.update([{ thing, jobId: rollout.jobId, status: each.status }]);
      } else if (each.kind === 'retry') await cloud.app.deployments.retry(rollout.id, undefined).catch(() => {});
      else if (each.kind === 'cancel') {
        await cloud.app.jobs.cancel(rollout.jobId, { force: each.force }).catch(() => {});
      } else await cloud.app.deployments.create({ targetArn });
      meet(undefined);
      await rollout.check();
      if ((each.kind === 'tick' && fate === undefined) || each.kind === 'turn') await rollout.checkAbort();
    }
    const { job } = await cloud.app.jobs.describe(rollout.jobId);
    if (job.status !== 'IN_PROGRESS') seen.ends += 1;
    if (job.reasonCode === 'ABORT_CRITERIA_MET') seen.aborts += 1;
    await rollout.finish();
    // What is left to do is that of the next history only.
    await cloud.app.jobs.cancel(rollout.jobId, { force: true }).catch(() => {});
    await cloud.sweep();
  }

  try {
    const property = fc.asyncProperty(anyConfiguration, fc.subarray(things, { minLength: 2 }), anySteps, history);
    await fc.assert(property, { numRuns: 60 });
    // A history generator that misses these proves nothing about them.
    expect(seen.deaths).toBeGreaterThan(50);
    expect(seen.ends).toBeGreaterThan(10);
    expect(seen.aborts).toBeGreaterThan(3);
  } finally {
    await cloud.close();
  }
});
