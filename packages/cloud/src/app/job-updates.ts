import { Fault } from '@greensward/kit';
import { jobConfiguration } from '../domain/jobs/configuration.ts';
import { applyDeviceUpdate } from '../domain/jobs/device-update.ts';
import { isTerminal } from '../domain/jobs/execution-machine.ts';
import type { Execution, Job } from '../domain/jobs/job.ts';
import { comparePending } from '../domain/jobs/pending-order.ts';
import type { Tx } from '../ports/storage.ts';
import type { ExecutionUpdate, ExecutionUpdateResult, PendingExecution } from './app.ts';
import type { AppDeps } from './context.ts';

type Deps = Pick<AppDeps, 'storage' | 'clock' | 'bus'>;

/**
 * UpdateJobExecution for a list: one transaction, each update answered. Several updates of one execution apply in order.
 * When executions ended, their things are told what is pending now, and the rollout looks at abort criteria and rates.
 */
export async function updateExecutions(
  { storage, clock, bus }: Deps,
  updates: readonly ExecutionUpdate[],
): Promise<readonly ExecutionUpdateResult[]> {
  const ended = new Set<string>();
  let paced = false;
  const results = await storage.write(async (tx) => {
    ended.clear();
    paced = false;
    const now = clock.now();
    const jobs = await tx.jobs.getMany([...new Set(updates.map(({ jobId }) => jobId))]);
    const present = new Map(await tx.executions.getMany(distinctKeys(updates)));
    const changed = new Map<string, Execution>();
    const answers: ExecutionUpdateResult[] = [];
    for (const update of updates) {
      const key = keyOf(update);
      const newest = present.get(key);
      const execution = await numbered(tx, update, newest);
      const job = jobs.get(update.jobId);
      const answer = applyOne(job, execution, update, now);
      answers.push(answer);
      if (!answer.ok || answer.execution === execution) continue;
      // An older one than the newest has ended for good, so what changes is the newest.
      present.set(key, answer.execution);
      changed.set(key, answer.execution);
      if (!isTerminal(answer.execution.status)) continue;
      ended.add(update.thing);
      // Only a configuration makes more of results than a count.
      paced ||= job?.configuration !== undefined && job.status === 'IN_PROGRESS';
    }
    if (changed.size > 0) await tx.executions.updateMany([...changed.values()]);
    return answers;
  });
  if (ended.size > 0) bus.publish({ kind: 'pending-changed', things: [...ended] });
  if (paced) bus.publish({ kind: 'rollout' });
  return results;
}

/** StartNextPendingJobExecution: what is IN_PROGRESS is returned untouched, else the next QUEUED one is started. */
export async function startNextExecution(
  { storage, clock }: Deps,
  thing: string,
  input: { statusDetails?: Readonly<Record<string, string>>; stepTimeoutInMinutes?: number },
): Promise<PendingExecution | undefined> {
  return storage.write(async (tx) => {
    const [next] = [...(await tx.executions.pending(thing))].sort(comparePending);
    if (next === undefined) return undefined;
    const job = await tx.jobs.get(next.jobId);
    if (job === undefined) return undefined;
    if (next.status === 'IN_PROGRESS') return { execution: next, job };
    const result = applyDeviceUpdate(next, { status: 'IN_PROGRESS', ...input }, jobConfiguration(job), clock.now());
    if (!result.ok) throw new Fault('InvalidRequestException', result.message);
    await tx.executions.updateMany([result.execution]);
    return { execution: result.execution, job };
  });
}

function applyOne(
  job: Job | undefined,
  execution: Execution | undefined,
  update: ExecutionUpdate,
  now: number,
): ExecutionUpdateResult {
  if (job?.carrier !== 'job' || execution === undefined) {
    return {
      ok: false,
      code: 'ResourceNotFound',
      message: `The thing ${update.thing} has no execution of the job ${update.jobId}.`,
    };
  }
  const result = applyDeviceUpdate(execution, update, jobConfiguration(job), now);
  return result.ok ? { ok: true, execution: result.execution, job } : { ...result, execution };
}

/** The execution that an update means: the newest, unless it names another. */
async function numbered(
  tx: Tx,
  update: ExecutionUpdate,
  newest: Execution | undefined,
): Promise<Execution | undefined> {
  if (update.executionNumber === undefined || update.executionNumber === newest?.number) return newest;
  return tx.executions.get(update.jobId, update.thing, update.executionNumber);
}

function keyOf({ jobId, thing }: { readonly jobId: string; readonly thing: string }): string {
  return `${jobId}/${thing}`;
}

function distinctKeys(updates: readonly ExecutionUpdate[]): { jobId: string; thing: string }[] {
  return [...new Map(updates.map(({ jobId, thing }) => [keyOf({ jobId, thing }), { jobId, thing }])).values()];
}
