import { Fault } from '@greensward/kit';
import { iotNotFound } from '../domain/faults.ts';
import { canceledExecution } from '../domain/jobs/cancel-execution.ts';
import type { Execution, Job } from '../domain/jobs/job.ts';
import type { Tx } from '../ports/storage.ts';
import type { JobUseCases } from './app.ts';
import { createArns } from './arns.ts';
import type { AppDeps } from './context.ts';
import { endDeployment } from './end-job.ts';

/** What the owner of the account does to single executions, and how jobs and executions are deleted. */
export function createJobRemoval(
  deps: Pick<AppDeps, 'storage' | 'clock' | 'bus' | 'account'>,
): Pick<JobUseCases, 'cancelExecution' | 'delete' | 'deleteExecution'> {
  const { storage, clock, bus, account } = deps;
  const arns = createArns(account);

  return {
    async cancelExecution(jobId, thing, how) {
      await storage.write(async (tx) => {
        const execution = await requireExecution(tx, jobId, thing);
        await tx.executions.updateMany([canceledExecution(execution, how, clock.now())]);
      });
      bus.publish({ kind: 'pending-changed', things: [thing] });
    },

    async delete(jobId, force) {
      await storage.write(async (tx) => {
        const job = await requireJob(tx, jobId);
        const running = (await tx.executions.counts(jobId)).IN_PROGRESS;
        if (!force && (job.status === 'IN_PROGRESS' || running > 0)) {
          const what = job.status === 'IN_PROGRESS' ? 'in progress' : 'still running on devices';
          throw new Fault('InvalidStateTransitionException', `The job ${jobId} is ${what}: only force deletes it.`);
        }
        await endDeployment(tx, job, 'cancel', 'The IoT job was deleted.');
        await tx.jobs.delete(jobId, clock.now());
        await tx.tags.clear(arns.job(jobId));
      });
      bus.publish({ kind: 'job-ended' });
    },

    async deleteExecution(jobId, thing, number, force) {
      const wasPending = await storage.write(async (tx) => {
        const { status } = await requireExecution(tx, jobId, thing, number);
        if (status === 'IN_PROGRESS' && !force) {
          throw new Fault(
            'InvalidStateTransitionException',
            'The job execution is IN_PROGRESS: only force deletes it.',
          );
        }
        await tx.executions.delete(jobId, thing, number);
        return status === 'QUEUED' || status === 'IN_PROGRESS';
      });
      if (wasPending) bus.publish({ kind: 'pending-changed', things: [thing] });
    },
  };
}

async function requireJob(tx: Tx, jobId: string): Promise<Job> {
  const job = await tx.jobs.get(jobId);
  if (job?.carrier !== 'job') throw iotNotFound('Job', jobId);
  return job;
}

async function requireExecution(tx: Tx, jobId: string, thing: string, number?: number): Promise<Execution> {
  await requireJob(tx, jobId);
  const execution = await tx.executions.get(jobId, thing, number);
  if (execution === undefined) throw iotNotFound('Job execution', `of ${jobId} on ${thing}`);
  return execution;
}
