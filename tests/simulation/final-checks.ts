import { DEPLOYMENT_NAMESPACE } from '@greensward/protocol/topics';
import type { App } from '../../packages/cloud/src/app/app.ts';
import { demand, show, showTally } from './observer.ts';
import { mustAbort } from './reference.ts';
import { same, type World } from './world.ts';

/** Nobody has anything to do any more. */
export function isQuiet(world: World): boolean {
  const { mirror } = world.observer;
  const answering = (thing: string) => world.devices.get(thing)?.behaviour.mute === false;
  for (const device of world.devices.values()) {
    if (!device.connected() || (!device.behaviour.mute && !device.idle())) return false;
  }
  if (mirror.ends.size > 0) return false;
  for (const job of mirror.jobs.values()) if (job.status === 'IN_PROGRESS' && !job.passed) return false;
  for (const execution of mirror.executions.values()) {
    if (execution.carrier === 'job' && mirror.isLive(execution) && answering(execution.thing)) return false;
  }
  return true;
}

/** What must hold once everyone who answers has answered; reads as users do. */
export async function checkRest(world: World, app: App): Promise<void> {
  const { mirror } = world.observer;
  for (const job of mirror.jobs.values()) {
    const tally = mirror.tally(job.id);
    checkCounts(world, await app.jobs.describe(job.id));
    await checkExecutions(world, app, job.id);
    if (job.status === 'IN_PROGRESS') {
      demand(!mustAbort(job.policy, tally), `job ${job.id} was not aborted: ${showTally(tally)}`);
    }
  }
  for (const deployment of mirror.deployments.values()) {
    if (deployment.status === 'ACTIVE' && deployment.latest) await checkDelivered(world, app, deployment.id);
  }
  for (const device of world.devices.values()) {
    const pending = mirror.pending(device.thing).map(({ jobId }) => jobId);
    const read = (await app.jobs.pending(device.thing, DEPLOYMENT_NAMESPACE)).map(({ job }) => job.id);
    demand(same(read, pending), `pending for ${device.thing} is ${pending.join(' ')}, read as ${read.join(' ')}`);
    const { listed, given, thing } = device;
    demand(same(listed, pending), `${thing} was last told of ${listed.join(' ')}; pending: ${pending.join(' ')}`);
    const [next] = pending;
    demand(next === undefined || given.has(next), `${thing} has not seen job ${next}, which is its next`);
  }
}

/** The counts of a job are those of its executions; call it at once when they have been read. */
export function checkCounts(world: World, { job, counts }: Awaited<ReturnType<App['jobs']['describe']>>): void {
  const tally = world.observer.mirror.tally(job.id);
  for (const [status, count] of Object.entries(counts)) {
    const wanted = tally.get(status) ?? 0;
    demand(count === wanted, `job ${job.id} counts ${count} ${status}; there are ${showTally(tally)}`);
  }
}

/** What the lists of a job show. */
async function checkExecutions(world: World, app: App, jobId: string): Promise<void> {
  const { mirror } = world.observer;
  let after: string | undefined;
  let shown = 0;
  do {
    const page = await app.jobs.executionsOfJob(jobId, { limit: 3, ...(after === undefined ? {} : { after }) });
    for (const { thing, number, status } of page.items) {
      shown += 1;
      const kept = mirror.newest(jobId, thing);
      demand(kept !== undefined, `${thing} has no execution of job ${jobId}, and is shown with one`);
      const wanted = mirror.shown(kept);
      demand(number === kept.number && status === wanted, `shown as ${status} ${number}: ${show(kept)}`);
    }
    after = page.next;
  } while (after !== undefined);
  const all = [...mirror.tally(jobId).values()].reduce((sum, count) => sum + count, 0);
  demand(shown === all, `job ${jobId} shows ${shown} executions of ${all}`);
}

/** Every member of the group of an active deployment has had its turn, and who succeeded runs this revision. */
async function checkDelivered(world: World, app: App, id: string): Promise<void> {
  const { mirror } = world.observer;
  const deployment = mirror.deployments.get(id);
  const job = mirror.jobs.get(deployment?.jobId ?? '');
  if (deployment === undefined || job?.status !== 'IN_PROGRESS') return;
  for (const thing of mirror.membersOf(deployment.group)) {
    const execution = mirror.newest(job.id, thing);
    demand(execution !== undefined, `${thing} of ${deployment.group} never got revision ${deployment.revision}`);
    demand(execution.status !== 'REMOVED', `a member was forgotten: ${show(execution)}`);
    const device = world.devices.get(thing);
    if (device === undefined || execution.status !== 'SUCCEEDED') continue;
    const arn = device.groups[`thinggroup/${deployment.group}`]?.configurationArn;
    const held = arn?.split(':').at(-1);
    demand(
      held === String(deployment.revision),
      `${thing} succeeded with revision ${deployment.revision} of ${deployment.group}, and runs ${held ?? 'none'}`,
    );
  }
  const { settled } = await app.deployments.progress(id);
  const tally = mirror.tally(job.id);
  const open = (tally.get('QUEUED') ?? 0) + (tally.get('IN_PROGRESS') ?? 0);
  demand(settled === (open === 0), `the rollout of ${id} is ${settled ? '' : 'not '}settled: ${showTally(tally)}`);
}

/** After a last revision without trouble: everyone who answers runs it. */
export function checkLastRevision(world: World): void {
  const { mirror } = world.observer;
  for (const deployment of mirror.deployments.values()) {
    if (!deployment.latest) continue;
    for (const thing of mirror.membersOf(deployment.group)) {
      if (world.devices.get(thing)?.behaviour.mute !== false) continue;
      const execution = mirror.newest(deployment.jobId, thing);
      const what = execution === undefined ? 'nothing' : show(execution);
      demand(
        execution?.status === 'SUCCEEDED',
        `${thing} does not run the last revision of ${deployment.group}: ${what}`,
      );
    }
  }
}
