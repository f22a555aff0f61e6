import { silentLog } from '@greensward/kit';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openPostgres } from '../adapters/postgres/postgres.ts';
import { findPostgres, type PostgresCluster, startPostgres } from '../adapters/testing/postgres-cluster.ts';
import { openTestCloud, type TestCloud } from '../app/testing/test-cloud.ts';
import type { Storage } from '../ports/storage.ts';

const postgres = findPostgres();

/** Counts what is written. */
function counted(storage: Storage): { storage: Storage; writes(): number } {
  let writes = 0;
  return {
    storage: {
      ...storage,
      write(work) {
        writes += 1;
        return storage.write(work);
      },
    },
    writes: () => writes,
  };
}

describe.skipIf(postgres === undefined)('two processes on one PostgreSQL', () => {
  let cluster: PostgresCluster;
  let [first, second]: TestCloud[] = [];
  let writesOfSecond = () => 0;
  beforeAll(async () => {
    cluster = await startPostgres(postgres ?? '');
  });
  afterAll(() => cluster.stop());
  beforeEach(async () => {
    const url = await cluster.createDatabase();
    const open = async () => counted(await openPostgres({ url, log: silentLog }));
    const [one, two] = [await open(), await open()];
    writesOfSecond = two.writes;
    [first, second] = [await openTestCloud(one.storage), await openTestCloud(two.storage)];
    return async () => {
      await first?.close();
      await second?.close();
    };
  });

  function both(): readonly [TestCloud, TestCloud] {
    if (first === undefined || second === undefined) throw new Error('not open');
    return [first, second];
  }

  async function paced(perMinute: number): Promise<{ jobId: string; deploymentId: string }> {
    const [one] = both();
    await one.app.groups.create({ name: 'line' });
    await one.addThings('line', 'a', 'b', 'c', 'd');
    const { deploymentId, iotJobId = '' } = await one.app.deployments.create({
      targetArn: one.arns.group('line'),
      iotJobConfiguration: { jobExecutionsRolloutConfig: { maximumPerMinute: perMinute } },
    });
    return { jobId: iotJobId, deploymentId };
  }
  const queued = async (jobId: string) => (await both()[0].app.jobs.describe(jobId)).counts.QUEUED;

  test('who carries a rollout on is left to it: the other plans nothing, and asks again when that may be over', async () => {
    const [one, two] = both();
    const { jobId } = await paced(30);
    const next = (await one.rollout()) ?? 0;
    expect(next).toBe(one.clock.now() + 2000);
    const before = writesOfSecond();
    two.clock.advance(2500);
    expect(await two.rollout()).toBe(next + 1000);
    expect([writesOfSecond() - before, await queued(jobId)]).toEqual([0, 1]);
    one.clock.advance(2000);
    await one.rollout();
    expect(await queued(jobId)).toBe(2);
  });

  test('the rollout of one that died goes on with the other, as soon as the lease has ended', async () => {
    const [one, two] = both();
    const { jobId } = await paced(1);
    await one.rollout();
    let turns = 0;
    for (let next = await two.rollout(); next !== undefined; next = await two.rollout()) {
      expect(turns++).toBeLessThan(20);
      two.clock.advance(Math.max(1, next - two.clock.now()));
    }
    expect(await queued(jobId)).toBe(4);
    // Three more, one a minute: the death of the first cost nothing.
    expect(two.clock.now() - one.clock.now()).toBe(180_000);
  });

  test('the lease is given up with the work, so that either goes on with what comes next', async () => {
    const [one, two] = both();
    const { jobId } = await paced(1000);
    await one.rollout();
    one.clock.advance(60_000);
    two.clock.advance(60_000);
    await one.rollout();
    expect(await queued(jobId)).toBe(4);
    await two.addThings('line', 'e');
    await two.rollout();
    expect(await queued(jobId)).toBe(5);
  });

  test('both sweep and time out at once, each execution once, each told by the one that wrote it', async () => {
    const [one, two] = both();
    await one.app.groups.create({ name: 'line' });
    const names = Array.from({ length: 2500 }, (_, index) => `core-${index}`);
    await one.storage.write(async (tx) => {
      for (const name of names) {
        await tx.things.insert({ name, id: name, attributes: {}, version: 1, createdAt: 1 });
        await tx.groups.add('line', name, 1);
      }
    });
    const { iotJobId = '', deploymentId } = await one.app.deployments.create({
      targetArn: one.arns.group('line'),
      iotJobConfiguration: { timeoutConfig: { inProgressTimeoutInMinutes: 1 } },
    });
    await Promise.all([one.rollout(), two.rollout()]);
    const running = names.slice(0, 1200);
    await one.app.jobs.update(running.map((thing) => ({ thing, jobId: iotJobId, status: 'IN_PROGRESS' })));
    for (const cloud of both()) cloud.clock.advance(60_000);
    for (const cloud of both()) cloud.events.length = 0;
    await one.app.deployments.cancel(deploymentId);
    const work = async (cloud: TestCloud) => {
      for (let turn = 0; turn < 4; turn++) {
        await cloud.sweepOnce();
        await cloud.timeouts();
        cloud.clock.advance(2001);
      }
    };
    await Promise.all(both().map(work));
    const { counts, job } = await two.app.jobs.describe(iotJobId);
    expect(counts).toMatchObject({ TIMED_OUT: 1200, CANCELED: 1300, QUEUED: 0, IN_PROGRESS: 0 });
    expect(job.sweeping).toBeUndefined();
    const told = both().flatMap(({ events }) =>
      events.flatMap((event) => (event.kind === 'pending-changed' ? event.things : [])),
    );
    expect(told.sort()).toEqual([...names].sort());
  });
});
