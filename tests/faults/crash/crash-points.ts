import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Chance, seededChance } from '@greensward/testkit/chance';
import { notDurable, syncsOf } from './durability.ts';
import { describeEntry, type Entry, readJournal, type Stop } from './journal.ts';
import { large, type Scenario, scenarios } from './scenarios.ts';
import { type DiskImage, type Slot, TestBed } from './test-bed.ts';
import { type Cut, checkTornLogs, cutsOf, type Recording, stopsOf, type Weakness } from './visits.ts';

/** A device that is well is at rest within seconds, on a busy machine within this. */
const restMs = 60_000;
/** One on which something is lost is waited for no longer. */
const weakMs = 15_000;
const quietMs = 300;

export interface CrashOptions {
  readonly seed: number;
  /** Every point of every scenario but the large one, and not only of the small one. */
  readonly all: boolean;
  /** Devices at the same time. */
  readonly devices: number;
  /** Points drawn of each scenario that is not visited whole. */
  readonly drawn: number;
  /** Deployments that are killed while they prepare, go on, and then lose the power. */
  readonly relays: number;
  readonly say: (line: string) => void;
}

/** What a run of crash points visited. */
export interface CrashReport {
  readonly operations: number;
  readonly kills: number;
  readonly cuts: number;
  readonly tornLogs: number;
  readonly seconds: number;
}

/** A job of the pool: what it is called, and what it does on a device. */
interface Visit {
  readonly name: string;
  run(slot: Slot): Promise<void>;
}

/**
 * Interrupts deployments at every operation on the disk and on processes: by SIGKILL, and by a power cut that leaves what
 * a disk may leave. After each the real runtime is started again, and must come to the one right end. Throws what did not.
 */
export async function visitCrashPoints(options: CrashOptions): Promise<CrashReport> {
  const began = performance.now();
  const { all, seed, say } = options;
  const chance = seededChance(seed);
  const bed = await TestBed.start(options.devices);
  const total = { operations: 0, kills: 0, cuts: 0, tornLogs: 0 };
  try {
    const recordings = await recordAll(bed, [...scenarios, large]);
    const visits: Visit[] = [];
    const take = (recording: Recording, withKills: boolean) => {
      const { scenario, entries } = recording;
      const isWhole = scenario.name === 'small' || (all && scenario !== large);
      const cuts = cutsOf(recording, bed.folder, isWhole && !all ? [] : [seed, seed + 1]).map((cut) =>
        powerCut(recording, cut),
      );
      const stops = withKills ? stopsOf(recording, bed.folder, all) : [];
      const kills = stops.map(({ stop, entry }) => kill(recording, stop, entry));
      const chosen = isWhole ? [...cuts, ...kills] : draw([...cuts, ...kills], options.drawn, chance);
      // The logs of the others are written by the same commits.
      const torn =
        all || ['small', 'rollback', 'bootstrap'].includes(scenario.name) ? checkTornLogs(recording, bed.folder) : 0;
      visits.push(...chosen);
      total.operations += entries.length;
      total.kills += chosen.filter((visit) => kills.includes(visit)).length;
      total.cuts += chosen.filter((visit) => cuts.includes(visit)).length;
      total.tornLogs += torn;
      say(
        `${scenario.name}: ${entries.length} operations, ${chosen.length} of ${cuts.length + kills.length} points, ${torn} torn logs`,
      );
    };
    for (const recording of recordings) take(recording, true);
    for (const relay of await recordRelays(bed, recordings, options.relays, chance)) take(relay, false);
    await runAll(bed, visits, say);
    return { ...total, seconds: Math.round((performance.now() - began) / 1000) };
  } finally {
    await bed.stop();
  }
}

export interface SyncReport {
  /** What is synced, and the code that asks for it. */
  readonly sync: string;
  /** What went wrong without it; undefined: nothing, so that it is not needed or not tested. */
  readonly loss: string | undefined;
}

/** Takes away one sync after the other, and tells what each is there for, by what a real device then does wrong. */
export async function withoutEachSync(options: Pick<CrashOptions, 'devices' | 'say'>): Promise<SyncReport[]> {
  const bed = await TestBed.start(options.devices);
  try {
    const recordings = await recordAll(bed, syncing);
    const weaknesses: [string, Weakness][] = [...new Set(recordings.flatMap(syncsOf))].map((name) => [
      name,
      { syncs: new Set([name]) },
    ]);
    weaknesses.push(['the database', { databaseIsNotSynced: true }]);
    const reports: SyncReport[] = [];
    const looks = weaknesses.map(([sync, weakness]): Visit => {
      const run = async (slot: Slot) => {
        let loss: string | undefined;
        for (const recording of recordings) {
          const place = `${slot.root}.database`;
          const well = new Set(cutsOf(recording, place, []).map(({ key }) => key));
          const cuts = cutsOf(recording, place, [], weakness).filter(({ key }) => !well.has(key));
          // The last first: the sooner after it the power goes, the more is done again anyway.
          loss ??= await firstLoss(slot, recording.scenario, cuts.reverse());
        }
        reports.push({ sync, loss });
        options.say(`without the sync of ${sync}: ${loss ?? 'NOTHING IS LOST'}`);
      };
      return { name: sync, run };
    });
    await runAll(bed, looks, () => {});
    return reports;
  } finally {
    await bed.stop();
  }
}

/** What is not durable when it has to be: as it is, and without each sync. By the model of the disk alone. */
export async function durability(): Promise<{ readonly as: string; readonly missing: readonly string[] }[]> {
  const bed = await TestBed.start(syncing.length);
  try {
    const recordings = await recordAll(bed, syncing);
    const missing = (weakness: Weakness) =>
      recordings.flatMap((recording) => notDurable(recording, bed.folder, weakness));
    const without = [...new Set(recordings.flatMap(syncsOf))].map((name) => {
      return { as: `without ${name}`, missing: missing({ syncs: new Set([name]) }) };
    });
    return [
      { as: 'it is', missing: missing({}) },
      { as: 'without any sync of the database', missing: missing({ databaseIsNotSynced: true }) },
      ...without,
    ];
  } finally {
    await bed.stop();
  }
}

/** The scenarios that sync everything that is ever synced. */
const syncing = scenarios.filter(({ name }) => name === 'success' || name === 'first');

/** Deployments that were killed while they prepared, and that went on: what the first life did not sync is still unsynced. */
async function recordRelays(bed: TestBed, recordings: readonly Recording[], count: number, chance: Chance) {
  const success = recordings.find(({ scenario }) => scenario.name === 'success');
  const relays: Recording[] = [];
  if (success === undefined || count === 0) return relays;
  const { entries, base } = success;
  // Where a file has just got its name or its mode: the second life finds it there and right.
  const places = entries.filter(({ op, path = '' }: Entry & { path?: string }) => {
    return (op === 'rename' || op === 'mode') && path.startsWith('packages');
  });
  const visits = draw(places, count, chance).map(
    (entry): Visit => ({
      name: `killed after ${describeEntry(entry)}, then not`,
      async run(slot) {
        const scenario = { ...success.scenario, name: `relay after ${describeEntry(entry)}`, from: 'APPLYING' };
        slot.restore(scenario, base, { status: 'QUEUED', told: [] });
        await slot.start({ stop: { point: entry.point, when: 'after' } }).ended;
        slot.completeJournal(base);
        relays.push(await recordRest(slot, scenario, base));
      },
    }),
  );
  await runAll(bed, visits, () => {});
  return relays;
}

async function firstLoss(slot: Slot, scenario: Scenario, cuts: readonly Cut[]): Promise<string | undefined> {
  for (const cut of cuts) {
    slot.restore(scenario, cut.disk, cut.cloud);
    const device = slot.start();
    try {
      await slot.rests(scenario, weakMs);
    } catch (error) {
      return `${cut.name}: ${String(error).split('\n')[0]?.slice(0, 300)}`;
    } finally {
      await device.kill();
    }
  }
  return undefined;
}

async function recordAll(bed: TestBed, all: readonly Scenario[]): Promise<Recording[]> {
  const recordings = new Map<Scenario, Recording>();
  const visits = all.map(
    (scenario): Visit => ({
      name: `${scenario.name}, not interrupted`,
      async run(slot) {
        const base = baseOf(bed, scenario);
        slot.restore(scenario, base, { status: 'QUEUED', told: [] });
        recordings.set(scenario, await recordRest(slot, scenario, base));
      },
    }),
  );
  await runAll(bed, visits, () => {});
  return all.flatMap((scenario) => recordings.get(scenario) ?? []);
}

async function recordRest(slot: Slot, scenario: Scenario, base: DiskImage): Promise<Recording> {
  const device = slot.start({});
  await slot.rests(scenario, restMs);
  // It still deletes what is not needed any more.
  for (let size = -1; size !== slot.journalSize; ) {
    size = slot.journalSize;
    await sleep(quietMs);
  }
  await device.kill();
  // A journal that misses something would make disks that no power cut leaves.
  const [missed] = slot.unwritten(base);
  if (missed !== undefined) throw new Error(`the journal of ${scenario.name} misses ${JSON.stringify(missed)}`);
  return { scenario, base, entries: readJournal(slot.journal), moments: [...slot.moments] };
}

const baseOf = (bed: TestBed, { isFirst }: Scenario) => (isFirst ? bed.empty : bed.base);

function powerCut({ scenario }: Recording, cut: Cut): Visit {
  return {
    name: `${scenario.name}, power cut ${cut.name}`,
    async run(slot) {
      slot.restore(scenario, cut.disk, cut.cloud);
      const device = slot.start();
      await slot.rests(scenario, restMs);
      await device.kill();
    },
  };
}

function kill({ scenario, base }: Recording, stop: Stop, entry: Entry): Visit {
  return {
    name: `${scenario.name}, killed ${stop.when} ${stop.point} (${describeEntry(entry)})`,
    async run(slot) {
      slot.restore(scenario, base, { status: 'QUEUED', told: [] });
      const device = slot.start({ stop });
      // Where operations run at the same time it may come to its end with fewer of them.
      const rested = slot.rests(scenario, restMs);
      await Promise.race([device.ended, rested]);
      await device.kill();
      rested.catch(() => {});
      slot.abandon();
      const again = slot.start();
      await slot.rests(scenario, restMs);
      await again.kill();
    },
  };
}

function draw<T>(items: readonly T[], count: number, chance: Chance): T[] {
  const rest = [...items];
  return Array.from({ length: Math.min(count, rest.length) }, () => rest.splice(chance.integer(rest.length), 1)).flat();
}

/** Each device takes the next visit when it is done with one. After some failures no more are begun. */
async function runAll(bed: TestBed, visits: readonly Visit[], say: (line: string) => void): Promise<void> {
  const queue = [...visits];
  const failures: string[] = [];
  let done = 0;
  const worker = async (slot: Slot) => {
    for (let visit = queue.shift(); visit !== undefined && failures.length < 5; visit = queue.shift()) {
      try {
        await visit.run(slot);
      } catch (error) {
        failures.push(`${visit.name}: ${error instanceof Error ? error.message : String(error)}`);
        say(`FAILED ${failures.at(-1)}`);
      } finally {
        slot.endProcesses();
      }
      done += 1;
      if (done % 50 === 0) say(`${done} of ${visits.length} visits`);
    }
  };
  await Promise.all(bed.slots.map(worker));
  if (failures.length > 0) throw new Error(failures.join('\n\n'));
}
