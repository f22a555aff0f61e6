import { iotInvalid, iotNotFound } from '../domain/faults.ts';
import { deploymentNamespace, type Execution, type Job } from '../domain/jobs/job.ts';
import { comparePending } from '../domain/jobs/pending-order.ts';
import type { Tx } from '../ports/storage.ts';
import type { JobUseCases, PendingExecution } from './app.ts';
import type { AppDeps } from './context.ts';
import { cancelJob, endDeployment } from './end-job.ts';
import { createJobRemoval } from './job-removal.ts';
import { startNextExecution, updateExecutions } from './job-updates.ts';

/** The jobs that carry group deployments, seen from IoT, and their executions, seen from devices. */
export function createJobs(deps: AppDeps): JobUseCases {
  const { storage, clock, bus } = deps;
  return {
    ...createJobRemoval(deps),

    describe: (jobId) =>
      storage.read(async (tx) => {
        const job = await requireJob(tx, jobId);
        return { job, counts: await tx.executions.counts(jobId) };
      }),

    list: async (page, { namespace, ...filter }) => {
      if (namespace !== undefined && namespace !== deploymentNamespace) return { items: [] };
      return storage.read((tx) => tx.jobs.list(page, filter));
    },

    async cancel(jobId, { force, ...reason }) {
      const job = await storage.write(async (tx) => {
        const present = await requireJob(tx, jobId);
        if (present.status !== 'IN_PROGRESS')
          throw iotInvalid(`The job ${jobId} is ${present.status}; only a job in progress can be canceled.`);
        await cancelJob(tx, present, reason, clock.now(), force);
        await endDeployment(tx, present, 'cancel', reason.comment ?? 'The IoT job was canceled.');
        return requireJob(tx, jobId);
      });
      bus.publish({ kind: 'job-ended' });
      return job;
    },

    executionsOfJob: (jobId, page, status) =>
      storage.read(async (tx) => {
        await requireJob(tx, jobId);
        return tx.executions.ofJob(jobId, page, status === undefined ? {} : { status });
      }),

    executionsOfThing: (thing, page, status) =>
      storage.read(async (tx) => {
        if ((await tx.things.get(thing)) === undefined) throw iotNotFound('Thing', thing);
        return tx.executions.ofThing(thing, page, { carrier: 'job', ...(status === undefined ? {} : { status }) });
      }),

    execution: (jobId, thing, number) =>
      storage.read(async (tx) => {
        const job = await requireJob(tx, jobId);
        const execution = await tx.executions.get(jobId, thing, number);
        if (execution === undefined) throw iotNotFound('Job execution', `of ${jobId} on ${thing}`);
        return { job, execution };
      }),

    pending: async (thing, namespace) => {
      if (!hasJobs(namespace)) return [];
      return storage.read(async (tx) => withJobs(tx, await tx.executions.pending(thing)));
    },

    pendingMany: (things) =>
      storage.read(async (tx) => {
        const found = await tx.executions.pendingMany(things);
        const withdrawn = await tx.executions.withdrawn(things.filter((thing) => !found.has(thing)));
        const result = new Map<string, { executions: PendingExecution[]; withdrawn: boolean }>();
        for (const thing of things) result.set(thing, { executions: [], withdrawn: withdrawn.has(thing) });
        for (const pending of await withJobs(tx, [...found.values()].flat())) {
          result.get(pending.execution.thing)?.executions.push(pending);
        }
        return result;
      }),

    startNext: async (thing, input, namespace) =>
      hasJobs(namespace) ? startNextExecution(deps, thing, input) : undefined,

    update: (updates) => updateExecutions(deps, updates),
  };
}

/** Every job here has the namespace of deployments, so that a device which asks without one has none. */
function hasJobs(namespace: string | undefined): boolean {
  return namespace === '*' || namespace === deploymentNamespace;
}

async function requireJob(tx: Tx, jobId: string): Promise<Job> {
  const job = await tx.jobs.get(jobId);
  if (job?.carrier !== 'job') throw iotNotFound('Job', jobId);
  return job;
}

async function withJobs(tx: Tx, executions: readonly Execution[]): Promise<readonly PendingExecution[]> {
  const jobs = await tx.jobs.getMany([...new Set(executions.map(({ jobId }) => jobId))]);
  return [...executions].sort(comparePending).flatMap((execution) => {
    const job = jobs.get(execution.jobId);
    return job === undefined ? [] : [{ execution, job }];
  });
}
