import { type Clock, type Log, messageChain } from '@greensward/kit';
import { planRollout, type RateState, type RolloutPlan } from '@greensward/model/rollout';
import { cancelJob, endDeployment } from '../app/end-job.ts';
import { jobConfiguration } from '../domain/jobs/configuration.ts';
import { queuedExecution } from '../domain/jobs/execution-machine.ts';
import type { Job } from '../domain/jobs/job.ts';
import type { Bus } from '../ports/bus.ts';
import type { Storage, Tx } from '../ports/storage.ts';

export interface RolloutDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly bus: Bus;
  readonly log: Log;
}

/** Executions made for one job in one transaction. */
const maxRows = 1000;
/** After a failure of one job. */
const retryMs = 10_000;
/** How many waiting members are looked through for those who joined late, while a rate holds the others back. */
const maxScan = 100_000;

interface Step {
  readonly plan: RolloutPlan;
  readonly nextAt: number | undefined;
}

/**
 * Carries the jobs in progress on: makes executions for members of the target that have none, as fast as the job's rate
 * allows, and ends the job when an abort criterion is met. One transaction a job, at most 1000 executions in it; devices
 * are told after it. It reads all it needs, so that it may be killed and called at any time.
 */
export async function rolloutTick(deps: RolloutDeps): Promise<{ readonly nextAt?: number }> {
  const jobs = await deps.storage.read((tx) => tx.jobs.inProgress());
  let nextAt: number | undefined;
  for (const job of jobs) {
    // A thing deployment has its one execution from the start.
    if (job.carrier !== 'job') continue;
    const at = await stepOf(deps, job);
    if (at !== undefined) nextAt = Math.min(nextAt ?? at, at);
  }
  return nextAt === undefined ? {} : { nextAt };
}

/** One job's turn. One that cannot be carried on is tried again later, and holds up no other. */
async function stepOf(deps: RolloutDeps, job: Job): Promise<number | undefined> {
  const { storage, clock, log } = deps;
  try {
    const { plan, nextAt } = await storage.read((tx) => planStep(tx, job, clock.now()));
    const idle = plan.abort === undefined && plan.enqueue === 0 && plan.enqueueJoined === 0;
    return idle ? nextAt : await carryOn(deps, job.id);
  } catch (error) {
    log.error('a rollout could not be carried on', { jobId: job.id, error: messageChain(error) });
    return clock.now() + retryMs;
  }
}

async function planStep(tx: Tx, job: Job, now: number): Promise<Step> {
  const config = jobConfiguration(job);
  const { present, joined } = await tx.executions.missingCounts(job, job.createdAt);
  const counted = config.abortConfig !== undefined || config.jobExecutionsRolloutConfig?.exponentialRate !== undefined;
  const counts = counted ? await tx.executions.counts(job.id) : undefined;
  const rate: RateState | undefined = job.rateState === undefined ? undefined : JSON.parse(job.rateState);
  const plan = planRollout({
    config,
    counts: {
      succeeded: counts?.SUCCEEDED ?? 0,
      failed: counts?.FAILED ?? 0,
      rejected: counts?.REJECTED ?? 0,
      timedOut: counts?.TIMED_OUT ?? 0,
    },
    waiting: Math.min(present, maxRows),
    joined: Math.min(joined, maxRows),
    rate,
    now,
  });
  const held = plan.enqueue === maxRows && present > maxRows;
  return { plan, nextAt: held || joined > maxRows ? now : plan.nextAt };
}

/** Plans again inside the transaction that does it. Returns when to look at the job again. */
async function carryOn({ storage, clock, bus, log }: RolloutDeps, jobId: string): Promise<number | undefined> {
  const { things, nextAt } = await storage.write(async (tx) => {
    const job = await tx.jobs.get(jobId);
    if (job?.status !== 'IN_PROGRESS') return { things: [], nextAt: undefined };
    const now = clock.now();
    const { plan, nextAt } = await planStep(tx, job, now);
    if (plan.abort !== undefined) {
      log.warn('a rollout was aborted', { jobId, deploymentId: job.deploymentId, reason: plan.abort.reason });
      return { things: await abort(tx, job, plan.abort.reason, now), nextAt: undefined };
    }
    const enqueued = await enqueue(tx, job, plan, now);
    await tx.jobs.update({ ...job, rateState: JSON.stringify(plan.rate) });
    return { things: enqueued, nextAt };
  });
  if (things.length > 0) bus.publish({ kind: 'pending-changed', things });
  return nextAt;
}

async function enqueue(tx: Tx, job: Job, plan: RolloutPlan, now: number): Promise<readonly string[]> {
  const wanted = plan.enqueue + plan.enqueueJoined;
  if (wanted === 0) return [];
  // Members come in one list by name; those who joined late, and do not wait for the rate, can be anywhere in it.
  const members = await tx.executions.missing(job, plan.enqueueJoined === 0 ? wanted : maxScan);
  const original = members.filter(({ joinedAt }) => joinedAt <= job.createdAt).slice(0, plan.enqueue);
  const late = members.filter(({ joinedAt }) => joinedAt > job.createdAt).slice(0, plan.enqueueJoined);
  const chosen = [...original, ...late];
  // Devices ignore an execution that was queued before one they have seen: the time never goes back for a thing.
  const last = await tx.executions.lastQueuedAt(chosen.map(({ thing }) => thing));
  await tx.executions.insertMany(
    chosen.map(({ thing, lastNumber }) =>
      queuedExecution(job.id, thing, lastNumber + 1, Math.max(now, last.get(thing) ?? 0)),
    ),
  );
  return chosen.map(({ thing }) => thing);
}

/** IoT Jobs: an aborted job is CANCELED, what runs goes on; its deployment has FAILED. */
async function abort(tx: Tx, job: Job, reason: string, now: number): Promise<readonly string[]> {
  const comment = `Aborted: ${reason}`;
  const things = await cancelJob(tx, job, { reasonCode: 'ABORT_CRITERIA_MET', comment }, now);
  await endDeployment(tx, job, 'fail', comment);
  return things;
}
