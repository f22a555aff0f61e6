import { endedByService } from '../domain/jobs/execution-machine.ts';
import type { Execution } from '../domain/jobs/job.ts';
import type { Tx } from '../ports/storage.ts';

const pageSize = 500;

/**
 * IoT Jobs: a thing that leaves the target of a continuous job loses the execution that it has not begun; one that runs is
 * left to finish, and one of a target that it is still in by another group stays. Call before the membership goes. Returns
 * the things whose pending set changed.
 */
export async function removeMemberExecutions(
  tx: Tx,
  group: string,
  things: readonly string[],
  now: number,
): Promise<readonly string[]> {
  const jobs = await tx.jobs.inProgressForGroups(await tx.groups.ancestry(group));
  const keys = jobs.flatMap((job) => things.map((thing) => ({ jobId: job.id, thing })));
  if (keys.length === 0) return [];
  const targets = new Map(jobs.map((job) => [job.id, job.target.name]));
  const leaving: Execution[] = [];
  for (const execution of (await tx.executions.getMany(keys)).values()) {
    if (execution.status !== 'QUEUED') continue;
    const target = targets.get(execution.jobId);
    if (target === undefined || !(await isMemberElsewhere(tx, execution.thing, group, target))) leaving.push(execution);
  }
  return end(tx, leaving, now, false);
}

async function isMemberElsewhere(tx: Tx, thing: string, group: string, target: string): Promise<boolean> {
  for (const other of await tx.groups.ofThing(thing)) {
    if (other !== group && (await tx.groups.ancestry(other)).includes(target)) return true;
  }
  return false;
}

/** IoT Jobs: the executions of a deleted thing end as REMOVED, running or not. True when its pending set changed. */
export async function removeThingExecutions(tx: Tx, thing: string, now: number): Promise<boolean> {
  const executions: Execution[] = [];
  for (const status of ['QUEUED', 'IN_PROGRESS'] as const) {
    let after: string | undefined;
    do {
      const page = await tx.executions.ofThing(
        thing,
        { limit: pageSize, ...(after === undefined ? {} : { after }) },
        { status },
      );
      executions.push(...page.items);
      after = page.next;
    } while (after !== undefined);
  }
  return (await end(tx, executions, now, true)).length > 0;
}

async function end(tx: Tx, executions: readonly Execution[], now: number, force: boolean): Promise<readonly string[]> {
  const ended = executions.flatMap((execution) => endedByService(execution, 'REMOVED', now, force) ?? []);
  if (ended.length > 0) await tx.executions.updateMany(ended);
  return [...new Set(ended.map(({ thing }) => thing))];
}
