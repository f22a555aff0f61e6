import { applications } from './components.ts';
import { checkCounts } from './final-checks.ts';
import { behaviourOf, contentOf, policyOf } from './scenario.ts';
import type { GroupName, World } from './world.ts';

const day = 86_400_000;

/** What administrators do, and what befalls devices, network and cloud: each at a moment of chance. */
type Action = (world: World) => void;

/** How often each is chosen, against the others. */
const actions: readonly (readonly [weight: number, action: Action])[] = [
  [6, deploy],
  [1, cancelDeployment],
  [0.7, cancelJob],
  [0.7, cancelExecution],
  [1, retry],
  [0.3, deleteDeployment],
  [0.3, deleteJob],
  [1.5, join],
  [1.5, leave],
  [1, move],
  [0.5, deleteThing],
  [1, addThing],
  [2, look],
  [2, dropConnection],
  [1, restartDevice],
  [1.5, goOffline],
  [0.3, beAwayForMonths],
  [1, changeBehaviour],
  [1, ({ cluster }) => cluster.kill('at any moment')],
  [2, ({ cluster, chance }) => cluster.doom({ at: 'statement', left: 1 + chance.integer(25) })],
  [1.5, ({ cluster }) => cluster.doom({ at: 'commit' })],
];
const total = actions.reduce((sum, [weight]) => sum + weight, 0);

/** Does one of them. */
export function act(world: World): void {
  let at = world.chance.next() * total;
  const chosen = actions.find(([weight]) => {
    at -= weight;
    return at < 0;
  });
  chosen?.[1](world);
}

/** A new revision for the group; a client that gets no answer asks again with the same token. */
export function deploy(world: World, group: GroupName = any(world, world.groups()), quiet = false): void {
  const { cluster, chance, ids, arns } = world;
  const clientToken = ids.uuid();
  const policy = quiet ? undefined : policyOf(chance);
  const components = quiet ? { [applications[group]]: { componentVersion: '1.0.0' } } : contentOf(chance, group);
  const request = {
    targetArn: arns.group(group),
    clientToken,
    components,
    ...(policy === undefined ? {} : { iotJobConfiguration: policy }),
  };
  const what = `deploy to ${group}: ${JSON.stringify(policy ?? {})}`;
  // The request is what a client would have parsed: its lists are not read-only.
  world.beside(cluster.call(what, (app) => app.deployments.create(structuredClone(request))));
}

/** Someone reads in the middle of it: what is read is what is committed at that moment. */
function look(world: World): void {
  const job = any(world, [...world.observer.mirror.jobs.values()]);
  if (job?.group === undefined) return;
  world.beside(
    world.cluster.call(`describe job ${job.id}`, async (app) => checkCounts(world, await app.jobs.describe(job.id))),
  );
}

function cancelDeployment(world: World): void {
  const id = any(world, [...world.observer.mirror.deployments.keys()]);
  if (id === undefined) return;
  world.beside(world.cluster.call(`cancel deployment ${id}`, (app) => app.deployments.cancel(id)));
}

/** All that failed, or one thing by its name. */
function retry(world: World): void {
  const { mirror } = world.observer;
  const active = [...mirror.deployments.values()].filter(({ status }) => status === 'ACTIVE');
  const deployment = any(world, active);
  if (deployment === undefined) return;
  const failed = [...mirror.executions.values()].filter(
    ({ jobId, newest, status }) =>
      jobId === deployment.jobId && newest && ['FAILED', 'REJECTED', 'TIMED_OUT'].includes(status),
  );
  const one = world.chance.next() < 0.5 ? any(world, failed) : undefined;
  if (failed.length > 0) world.saw('retry');
  const what = `retry ${deployment.id} ${one?.thing ?? 'everywhere'}`;
  world.beside(world.cluster.call(what, (app) => app.deployments.retry(deployment.id, one && [one.thing])));
}

function deleteDeployment(world: World): void {
  const id = any(world, [...world.observer.mirror.deployments.keys()]);
  if (id === undefined) return;
  world.saw('deletion');
  world.beside(world.cluster.call(`delete deployment ${id}`, (app) => app.deployments.delete(id)));
}

function cancelJob(world: World): void {
  const id = any(world, [...world.observer.mirror.jobs.keys()]);
  if (id === undefined) return;
  const force = world.chance.next() < 0.5;
  const what = `cancel job ${id}${force ? ' by force' : ''}`;
  world.beside(world.cluster.call(what, (app) => app.jobs.cancel(id, { force })));
}

function deleteJob(world: World): void {
  const id = any(world, [...world.observer.mirror.jobs.keys()]);
  if (id === undefined) return;
  world.saw('deletion');
  const force = world.chance.next() < 0.5;
  world.beside(world.cluster.call(`delete job ${id}`, (app) => app.jobs.delete(id, force)));
}

function cancelExecution(world: World): void {
  const execution = any(world, [...world.observer.mirror.executions.values()]);
  if (execution === undefined) return;
  const { jobId, thing } = execution;
  const force = world.chance.next() < 0.5;
  const what = `cancel the execution of ${jobId} on ${thing}${force ? ' by force' : ''}`;
  world.beside(world.cluster.call(what, (app) => app.jobs.cancelExecution(jobId, thing, { force })));
}

function join(world: World): void {
  const [thing, group] = [anyThing(world), any(world, world.groups())];
  if (thing === undefined) return;
  world.saw('join');
  world.beside(world.cluster.call(`${thing} joins ${group}`, (app) => app.groups.addThing(group, thing)));
}

function leave(world: World): void {
  const [thing, group] = [anyThing(world), any(world, world.groups())];
  if (thing === undefined) return;
  world.saw('leave');
  world.beside(world.cluster.call(`${thing} leaves ${group}`, (app) => app.groups.removeThing(group, thing)));
}

function move(world: World): void {
  const thing = anyThing(world);
  if (thing === undefined) return;
  const down = world.chance.next() < 0.5;
  const [add, remove] = down ? [['line'], ['fleet']] : [['fleet'], ['line']];
  if (!world.scenario.subgroup) return;
  world.beside(
    world.cluster.call(`${thing} moves to ${add.join()}`, (app) => app.groups.moveThing(thing, { add, remove })),
  );
}

function deleteThing(world: World): void {
  const thing = anyThing(world);
  if (thing === undefined) return;
  const device = world.devices.get(thing);
  world.devices.delete(thing);
  if (device !== undefined) device.gone = true;
  device?.link()?.breakOff(0, 0);
  world.saw('deletion');
  world.beside(world.cluster.call(`delete thing ${thing}`, (app) => app.things.delete(thing)));
}

/** Under a new name, or under that of one that was deleted. */
function addThing(world: World): void {
  const thing = `core-${world.chance.integer(world.scenario.devices + 3)}`;
  if (world.devices.has(thing)) return;
  const group = any(world, world.groups());
  world.addDevice(thing, behaviourOf(world.chance));
  world.saw('join');
  world.beside(
    world.cluster
      .call(`create thing ${thing}`, (app) => app.things.create({ name: thing }))
      .then(() => world.cluster.call(`${thing} joins ${group}`, (app) => app.groups.addThing(group, thing))),
  );
}

function dropConnection(world: World): void {
  const link = anyDevice(world)?.link();
  if (link === undefined) return;
  world.say(`the connection of ${link.thing} breaks`);
  link.breakOff(world.chance.integer(30_000), world.chance.integer(60_000));
}

function restartDevice(world: World): void {
  anyDevice(world)?.restart();
}

function goOffline(world: World): void {
  const device = anyDevice(world);
  if (device === undefined) return;
  const minutes = 1 + world.chance.integer(60);
  world.say(`${device.thing} is offline for ${minutes} minutes`);
  device.stayOffline(world.time.now() + minutes * 60_000);
}

/** Some devices; and for most of that time nothing else happens. */
function beAwayForMonths(world: World): void {
  const days = 5 + world.chance.integer(90);
  const away = [...world.devices.values()].filter(() => world.chance.next() < 0.6);
  if (away.length === 0) return;
  world.say(`${away.map(({ thing }) => thing).join(', ')} are offline for ${days} days`);
  world.saw('month offline');
  const until = world.time.now() + days * day;
  for (const device of away) device.stayOffline(until);
  world.quietUntil = until - world.chance.integer(day);
}

function changeBehaviour(world: World): void {
  const device = anyDevice(world);
  if (device === undefined) return;
  const { mute } = device.behaviour;
  device.behaviour = { ...behaviourOf(world.chance), mute };
}

function anyDevice(world: World) {
  return any(world, [...world.devices.values()]);
}

function anyThing(world: World): string | undefined {
  return any(world, [...world.devices.keys()]);
}

function any<T>(world: World, items: readonly [T, ...T[]]): T;
function any<T>(world: World, items: readonly T[]): T | undefined;
function any<T>(world: World, items: readonly T[]): T | undefined {
  return items[world.chance.integer(items.length)];
}
