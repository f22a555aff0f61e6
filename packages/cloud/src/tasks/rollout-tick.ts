import { planRollout, type RateState, type RolloutPlan } from '@greensward/model/rollout';
import { cancelJob, endDeployment } from '../app/end-job.ts';
import { jobConfiguration } from '../domain/jobs/configuration.ts';
import { queuedExecution } from '../domain/jobs/execution-machine.ts';
import type { Job } from '../domain/jobs/job.ts';
import { queuedAtAfter } from '../domain/jobs/queued-at.ts';
import type { Tx } from '../ports/storage.ts';
import { eachJob, type JobTaskDeps } from './each-job.ts';
import { leaseHolder } from './lease.ts';

/** Executions made for one job in one transaction: as many for its first members, and for those who came later. */
const maxRows = 1000;
/** Members of the target that are looked at in one transaction. */
const maxScan = 10_000;
const minPage = 64;
/** A process that dies leaves a job to the others after so long. */
const leaseMs = 10_000;
/** Who waits for the rate keeps the job for this long after its next turn. */
const graceMs = 1000;

interface Member {
  readonly thing: string;
  /** Of its last execution of the job; 0 if it has had none. */
  readonly lastNumber: number;
}

/**
 * Carries the jobs in progress on: makes executions for the members of the target, in the order of their names and as fast as
 * the job's rate allows, and for things that join later at once; ends the job when an abort criterion is met. One transaction
 * a job, at most 2000 executions in it; devices are told after it. It reads all it needs, so that it may be killed and called
 * at any time, and by several processes at once: what it does it plans again where writers take turns. A lease a job keeps them
 * from doing so in vain.
 */
export async function rolloutTick(deps: JobTaskDeps): Promise<{ readonly nextAt?: number }> {
  const jobs = await deps.storage.read((tx) => tx.jobs.rollingOut());
  const nextAt = await eachJob(deps, jobs, 'a rollout could not be carried on', (jobId) => stepOf(deps, jobId));
  return nextAt === undefined ? {} : { nextAt };
}

/** Looks first whether there is anything to do, without the writers' lock. Returns when to look again. */
async function stepOf(deps: JobTaskDeps, jobId: string): Promise<number | undefined> {
  const { storage, clock, holder } = deps;
  const look = await storage.read(async (tx) => {
    const now = clock.now();
    const job = await runningJob(tx, jobId);
    if (job === undefined) return { due: false, nextAt: undefined };
    const until = await leaseHolder(tx, leaseName(jobId), holder, now).heldUntil();
    if (until !== undefined) return { due: false, nextAt: until };
    const plan = await planned(tx, job, await tx.executions.waiting(jobId, 1), now);
    const idle = plan.abort === undefined && plan.enqueue === 0 && plan.enqueueJoined === 0;
    return { due: !idle || job.retryAfter !== undefined, nextAt: plan.nextAt };
  });
  return look.due ? await carryOn(deps, jobId) : look.nextAt;
}

const leaseName = (jobId: string) => `rollout/${jobId}`;

async function runningJob(tx: Tx, jobId: string): Promise<Job | undefined> {
  const job = await tx.jobs.get(jobId);
  return job?.status === 'IN_PROGRESS' ? job : undefined;
}

/** What to do if `first` members were left; without it, as many as a transaction takes. */
async function planned(
  tx: Tx,
  job: Job,
  joined: readonly Member[],
  now: number,
  first = job.rolloutAfter === undefined ? 0 : maxRows,
): Promise<RolloutPlan> {
  const config = jobConfiguration(job);
  const counted = config.abortConfig !== undefined || config.jobExecutionsRolloutConfig?.exponentialRate !== undefined;
  const counts = counted ? await tx.executions.counts(job.id) : undefined;
  const rate: RateState | undefined = job.rateState === undefined ? undefined : JSON.parse(job.rateState);
  return planRollout({
    config,
    counts: {
      succeeded: counts?.SUCCEEDED ?? 0,
      failed: counts?.FAILED ?? 0,
      rejected: counts?.REJECTED ?? 0,
      timedOut: counts?.TIMED_OUT ?? 0,
    },
    waiting: first,
    joined: joined.length,
    rate,
    now,
  });
}

/** Plans again inside the transaction that does it. Returns when to look at the job again. */
async function carryOn({ storage, clock, bus, log, holder }: JobTaskDeps, jobId: string): Promise<number | undefined> {
  const { things, nextAt, ended } = await storage.write(async (tx) => {
    const job = await runningJob(tx, jobId);
    if (job === undefined) return { things: [], nextAt: undefined };
    const now = clock.now();
    const lease = leaseHolder(tx, leaseName(jobId), holder, now);
    const until = await lease.heldUntil();
    if (until !== undefined) return { things: [], nextAt: until };
    const retryAfter =
      job.retryAfter === undefined ? undefined : await tx.executions.retryAfter(jobId, job.retryAfter, maxRows);
    const joined = await tx.executions.waiting(jobId, maxRows);
    const wanted = await planned(tx, job, joined, now);
    if (wanted.abort !== undefined) {
      log.warn('a rollout was aborted', { jobId, deploymentId: job.deploymentId, reason: wanted.abort.reason });
      await abort(tx, job, wanted.abort.reason, now);
      await lease.keep(undefined);
      return { things: [], nextAt: undefined, ended: true };
    }
    const { members, after } = await firstMembers(tx, job, wanted.enqueue);
    const short = members.length < wanted.enqueue;
    const plan = short ? await planned(tx, job, joined, now, members.length) : wanted;
    await enqueue(tx, job, [...members, ...joined], now);
    const { rolloutAfter: _, retryAfter: __, ...rest } = job;
    const cursors = {
      ...(after === undefined ? {} : { rolloutAfter: after }),
      ...(retryAfter === undefined ? {} : { retryAfter }),
    };
    await tx.jobs.update({ ...rest, ...cursors, rateState: JSON.stringify(plan.rate) });
    // Without a time there is no rate to wait for: whatever is left is for the next transaction, now.
    const more = joined.length === maxRows || retryAfter !== undefined;
    const next = more ? now : after === undefined ? undefined : (plan.nextAt ?? now);
    await lease.keep(next === undefined ? undefined : Math.min(next > now ? next + graceMs : Infinity, now + leaseMs));
    return { things: [...members, ...joined].map(({ thing }) => thing), nextAt: next };
  });
  if (ended) bus.publish({ kind: 'job-ended' });
  if (things.length > 0) bus.publish({ kind: 'pending-changed', things });
  return nextAt;
}

/** The next members, by name, that have had no execution and do not wait as late joiners; and up to whom all were looked at. */
async function firstMembers(
  tx: Tx,
  job: Job,
  wanted: number,
): Promise<{ readonly members: readonly Member[]; readonly after: string | undefined }> {
  const members: Member[] = [];
  let after = job.rolloutAfter;
  for (let seen = 0; after !== undefined && members.length < wanted && seen < maxScan; ) {
    const limit = Math.max(minPage, wanted - members.length);
    const page = await tx.groups.members(job.target.name, true, { limit, after });
    const unserved = new Set(await tx.executions.unserved(job.id, page.items));
    seen += page.items.length;
    let last = after;
    after = page.next;
    for (const thing of page.items) {
      if (unserved.has(thing)) {
        if (members.length === wanted) {
          after = last;
          break;
        }
        members.push({ thing, lastNumber: 0 });
      }
      last = thing;
    }
  }
  return { members, after };
}

async function enqueue(tx: Tx, job: Job, members: readonly Member[], now: number): Promise<void> {
  if (members.length === 0) return;
  const last = await tx.executions.lastQueuedAt(members.map(({ thing }) => thing));
  await tx.executions.insertMany(
    members.map(({ thing, lastNumber }) => {
      const queuedAt = queuedAtAfter(last.get(thing) ?? 0, now, lastNumber > 0);
      return queuedExecution(job.id, thing, lastNumber + 1, queuedAt);
    }),
  );
}

/** IoT Jobs: an aborted job is CANCELED, what runs goes on; its deployment has FAILED. */
async function abort(tx: Tx, job: Job, reason: string, now: number): Promise<void> {
  const comment = `Aborted: ${reason}`;
  await cancelJob(tx, job, { reasonCode: 'ABORT_CRITERIA_MET', comment }, now);
  await endDeployment(tx, job, 'fail', comment);
}
