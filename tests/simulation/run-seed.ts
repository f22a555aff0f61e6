import { messageChain } from '@greensward/kit';
import type { SimulatedDatabase } from '../../packages/cloud/src/adapters/testing/simulated-database.ts';
import { act, deploy } from './actions.ts';
import { checkLastRevision, checkRest, isQuiet } from './final-checks.ts';
import type { Sight } from './observer.ts';
import { behaviourOf, type Size, willing } from './scenario.ts';
import { World } from './world.ts';

/** What became of one seed. */
export interface SeedReport {
  readonly seed: number;
  /** Of every line of the trace: the same seed gives the same. */
  readonly hash: string;
  readonly lines: number;
  readonly sights: Readonly<Partial<Record<Sight, number>>>;
  /** What broke which rule, and the last lines of the trace; absent when all rules held. */
  readonly failure?: { readonly message: string; readonly tail: readonly string[] };
}

const hour = 3_600_000;

/** Below it every run is small: most faults need few devices, and many runs. Above it every eighth is large. */
export const firstMixedSeed = 1_000_000;
const small: Size = { devices: 5, actions: 10 };
const large: Size = { devices: 60, actions: 60 };

/** Runs one seed to its end, or to the first rule that is broken. */
export async function runSeed(seed: number, database: SimulatedDatabase): Promise<SeedReport> {
  const world = new World(seed, seed >= firstMixedSeed && seed % 8 === 0 ? large : small, database);
  let failure: unknown;
  try {
    await begin(world);
    await live(world);
    await comeToRest(world);
    await lastRevision(world);
  } catch (error) {
    failure = error;
  }
  world.cluster.stop();
  // What is under way when everything is dead is rolled back.
  for (await world.time.settle(); database.busy(); ) await world.time.step();
  const { hash, lines, tail } = world.trace.finish();
  const report = { seed, hash, lines, sights: Object.fromEntries(world.sights) };
  return failure === undefined ? report : { ...report, failure: { message: messageChain(failure), tail } };
}

async function begin(world: World): Promise<void> {
  const { cluster, chance, scenario } = world;
  cluster.start();
  const names = Array.from({ length: scenario.devices }, (_, index) => `core-${index}`);
  let ready = false;
  const setUp = async () => {
    await cluster.call('create fleet', (app) => app.groups.create({ name: 'fleet' }));
    if (scenario.subgroup) {
      await cluster.call('create line', (app) => app.groups.create({ name: 'line', parent: 'fleet' }));
    }
    for (const name of names) {
      await cluster.call(`create ${name}`, (app) => app.things.create({ name }));
      const group = scenario.subgroup && chance.next() < 0.5 ? 'line' : 'fleet';
      if (chance.next() < 0.9) await cluster.call(`${name} joins ${group}`, (app) => app.groups.addThing(group, name));
    }
    ready = true;
  };
  world.beside(setUp());
  await world.runUntil(() => ready, world.time.now() + hour);
  for (const name of names) world.addDevice(name, behaviourOf(chance));
}

/** What happens, happens at any moment. */
async function live(world: World): Promise<void> {
  const { chance, scenario, time } = world;
  deploy(world);
  for (let action = 0; action < scenario.actions; action += 1) {
    const at = time.now() - Math.log(1 - chance.next()) * scenario.paceMs;
    await pass(world, Math.max(at, world.quietUntil));
    act(world);
  }
  await pass(world, Math.max(world.quietUntil, time.now() + chance.next() * 2 * scenario.paceMs));
}

/** Faults stop, everyone comes back and answers: now every rule must come true. */
async function comeToRest(world: World): Promise<void> {
  const { cluster, time } = world;
  world.say('the trouble is over');
  world.troubled = false;
  cluster.calm();
  if (!cluster.running()) cluster.start();
  for (const device of world.devices.values()) device.heal({ ...willing, mute: device.behaviour.mute });
  await untilQuiet(world);
  // A task's idle looks, once each.
  await pass(world, time.now() + 65_000);
  await untilQuiet(world);
  await checked(world);
}

/** In some runs. */
async function lastRevision(world: World): Promise<void> {
  if (world.chance.next() > 0.2) return;
  for (const group of world.groups()) deploy(world, group, true);
  await pass(world, world.time.now() + 5000);
  await untilQuiet(world);
  checkLastRevision(world);
  await checked(world);
}

async function pass(world: World, until: number): Promise<void> {
  world.time.after(until - world.time.now(), () => {});
  await world.runUntil(() => world.time.now() >= until, Number.POSITIVE_INFINITY);
}

async function untilQuiet(world: World): Promise<void> {
  const deadline = world.time.now() + 3 * hour;
  if (!(await world.runUntil(() => isQuiet(world), deadline)))
    throw new Error(`it does not come to rest: ${restless(world)}`);
}

function restless(world: World): string {
  const { mirror } = world.observer;
  const devices = [...world.devices.values()]
    .filter((device) => !device.connected() || (!device.behaviour.mute && !device.idle()))
    .map(({ thing }) => `${thing} is busy`);
  const jobs = [...mirror.jobs.values()]
    .filter(({ status, passed }) => status === 'IN_PROGRESS' && !passed)
    .map(({ id }) => `job ${id} has members to come to`);
  const live = [...mirror.executions.values()]
    .filter((execution) => mirror.isLive(execution))
    .map(({ thing, jobId, status }) => `${thing} is ${status} with job ${jobId}`);
  const ends = [...mirror.ends.keys()].map((id) => `the end of job ${id} is not written`);
  return [...devices, ...jobs, ...live, ...ends].join('; ');
}

async function checked(world: World): Promise<void> {
  // What was said last arrives.
  await pass(world, world.time.now() + 1000);
  const app = world.cluster.pick()?.process.app;
  if (app === undefined) throw new Error('the cloud does not run');
  let done = false;
  world.beside(
    checkRest(world, app).then(() => {
      done = true;
    }),
  );
  await world.runUntil(() => done, world.time.now() + hour);
}
