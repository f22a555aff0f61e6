import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { findProcesses } from '@greensward/testkit/find-processes';
import { startNode, type TestProcess } from '@greensward/testkit/processes';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import { deviceBundle } from '../../../packages/cli/src/device-bundle.ts';
import { type DatabaseImage, writeDatabase } from './database.ts';
import { type Image, readImage, writeImage } from './disk.ts';
import { type FaultSettings, faultVariable, type Operation, readJournal, type Stop } from './journal.ts';
import { before, published, type Scenario } from './scenarios.ts';
import { type Job, ScriptedCloud, type Told } from './scripted-cloud.ts';
import { unfinishedOperations } from './unfinished.ts';

const sources = createRequire(import.meta.url).resolve('@greensward/device/main');
const faultLayer = pathToFileURL(join(import.meta.dirname, 'fault-layer.ts')).href;

/** What is the machine's or the operator's, and not the deployment's: no image holds it. */
const fixed = ['config.yaml', 'cert.pem', 'key.pem', 'ca.pem', 'logs', 'config/device.db'];

/** Everything that a device has on its disk. */
export interface DiskImage {
  readonly files: Image;
  readonly database: DatabaseImage;
}

/** What the cloud believes of the deployment. */
export interface CloudState {
  readonly status: Job['status'];
  readonly told: readonly Told[];
}

/** A device of the test bed: a root folder and a thing, used by one run after the other. */
export class Slot {
  readonly thing: string;
  readonly root: string;
  readonly journal: string;
  told: Told[] = [];
  /** Where in the journal the cloud came to know more. */
  readonly moments: ({ readonly at: number } & CloudState)[] = [];
  readonly #bed: TestBed;
  #lives = 0;
  #last: TestProcess | undefined;

  constructor(bed: TestBed, thing: string) {
    this.#bed = bed;
    this.thing = thing;
    this.root = join(bed.folder, thing);
    this.journal = join(bed.folder, `${thing}.journal`);
  }

  get job(): Job {
    const job = this.#bed.cloud.jobs.get(this.thing);
    if (job === undefined) throw new Error(`${this.thing} has no job`);
    return job;
  }

  /** Ends what runs, and makes the disk and the cloud what they are to be. */
  restore(scenario: Scenario, disk: DiskImage | undefined, state: CloudState): void {
    this.endProcesses();
    rmSync(this.root, { recursive: true, force: true });
    mkdirSync(this.root);
    rmSync(this.journal, { force: true });
    this.#bed.provision(this);
    if (disk !== undefined) {
      writeImage(this.root, disk.files);
      if (disk.database.main.length > 0) writeDatabase(join(this.root, 'config'), disk.database);
    }
    this.told = [...state.told];
    this.moments.length = 0;
    const { document } = scenario;
    const job = { jobId: `job-${document['deploymentId']}`, document, status: state.status };
    this.#bed.cloud.jobs.set(this.thing, job);
    this.#bed.cancelled.delete(this.thing);
    if (scenario.isCancelled) this.#bed.cancelled.add(this.thing);
  }

  /** Starts the real runtime; with a journal when it is to be watched. */
  start(watched?: { readonly stop?: Stop }): TestProcess {
    // As it is published, which starts in half the time; a journal names the lines of the sources.
    const main = watched === undefined || watched.stop !== undefined ? this.#bed.bundle : sources;
    const settings: FaultSettings = { root: this.root, journal: this.journal, ...watched };
    const env: NodeJS.ProcessEnv = { ...process.env, NODE_COMPILE_CACHE: join(this.#bed.folder, 'code') };
    const layer = watched === undefined ? [] : ['--import', faultLayer];
    if (watched !== undefined) env[faultVariable] = JSON.stringify(settings);
    this.#last = startNode([...layer, main, '--root', this.root], { env });
    return this.#last;
  }

  /** The cloud came to know more: remembered with how far the device was. */
  remember(): void {
    this.moments.push({ at: this.journalSize, status: this.job.status, told: [...this.told] });
  }

  /** After a kill: writes down what was done and is not in the journal. */
  completeJournal(base: DiskImage): void {
    for (const operation of this.unwritten(base))
      appendFileSync(this.journal, `${JSON.stringify({ point: 0, ...operation })}\n`);
  }

  /** How the disk differs from what the journal says of it. */
  unwritten(base: DiskImage): Operation[] {
    return unfinishedOperations(base.files, readJournal(this.journal), readImage(this.root, fixed));
  }

  get processes(): string[] {
    const own = findProcesses(this.root).filter(({ command }) => !command.includes('--root'));
    return own.map(({ command }) => command).sort();
  }

  /** As a power cut does. */
  endProcesses(): void {
    for (const { pid } of findProcesses(this.root)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended meanwhile.
      }
    }
  }

  /** What a device that has come to rest shows wrong; undefined: it rests, and all is as expected. */
  problem({ expected }: Scenario): string | undefined {
    const ends = this.told.filter(({ status }) => status !== 'IN_PROGRESS');
    const accepted = ends.filter((told) => told.accepted);
    const wanted = expected.status === 'CANCELED' ? 0 : 1;
    const isWrong = ends.some(
      ({ status, detailedStatus }) => status !== expected.status || detailedStatus !== expected.detailedStatus,
    );
    if (isWrong || accepted.length > wanted) throw new Error(`the cloud was told ${JSON.stringify(this.told)}`);
    if (accepted.length < wanted) return 'the cloud was not told how it ended';
    if (this.job.status !== expected.status) return `the job is ${this.job.status}`;
    const database = new DatabaseSync(join(this.root, 'config', 'device.db'), { readOnly: true });
    try {
      const rows = (sql: string) => database.prepare(sql).all();
      const open = rows("select key, stage from deployment where stage <> 'ENDED'");
      if (open.length > 0) return `the journal has ${JSON.stringify(open)}`;
      const owed = rows('select status from owed_status');
      if (owed.length > 0) return `it owes ${JSON.stringify(owed)}`;
      const set = rows('select entry from component order by name').map(({ entry }) => JSON.parse(String(entry)));
      const versions = set.map(({ name, version }) => `${name} ${version}`);
      if (versions.join() !== expected.set.join()) return `the set is ${versions.join(', ')}`;
    } finally {
      database.close();
    }
    const processes = this.processes;
    if (processes.join() !== [...expected.processes].sort().join()) return `there run ${processes.join(', ')}`;
    return undefined;
  }

  get journalSize(): number {
    return statSync(this.journal, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** Whoever waits for a rest of the device waits for another one from now on. */
  abandon(): void {
    this.#lives += 1;
  }

  async rests(scenario: Scenario, limitMs: number): Promise<void> {
    const life = this.#lives;
    let last: string | undefined = 'nothing yet';
    const look = () => {
      if (life !== this.#lives) return true;
      last = existsSync(join(this.root, 'config', 'device.db')) ? this.problem(scenario) : 'no store';
      return last === undefined;
    };
    try {
      let failure: unknown;
      await until(
        'the device rests as expected',
        () => {
          try {
            return look();
          } catch (error) {
            // The store may be in the making; what the cloud was told stays wrong.
            if (error instanceof Error && error.message.startsWith('the cloud was told')) failure = error;
            else throw error;
            return true;
          }
        },
        limitMs,
      );
      if (failure !== undefined) throw failure;
    } catch (cause) {
      const log = join(this.root, 'logs', 'greengrass.log');
      const lines = existsSync(log) ? readFileSync(log, 'utf8').slice(-3000) : '';
      const printed = this.#last?.output() ?? '';
      throw new Error(
        `${last}; told: ${JSON.stringify(this.told)}; processes: ${this.processes.join(', ')}\n${printed}\n${lines}`,
        {
          cause,
        },
      );
    }
  }
}

/** A scripted cloud, devices, and the disk of one that runs the set that every scenario begins with. */
export class TestBed {
  readonly folder: string;
  readonly cloud: ScriptedCloud;
  readonly slots: readonly Slot[];
  readonly bundle: string;
  /** A device that was provisioned and never started. */
  readonly empty: DiskImage = {
    files: new Map(),
    database: { main: Buffer.alloc(0), log: Buffer.alloc(0) },
  };
  /** Things whose job is taken back when they begin to load. */
  readonly cancelled = new Set<string>();
  readonly #remove: () => void;
  #base: DiskImage | undefined;

  private constructor(
    folder: string,
    remove: () => void,
    cloud: ScriptedCloud,
    things: readonly string[],
    bundle: string,
  ) {
    this.bundle = bundle;
    this.folder = folder;
    this.#remove = remove;
    this.cloud = cloud;
    this.slots = things.map((thing) => new Slot(this, thing));
    cloud.onTold = (thing, told) => {
      const slot = this.#slot(thing);
      slot.told.push(told);
      // After the cloud has taken it over.
      queueMicrotask(() => slot.remember());
    };
    cloud.onDownload = (thing) => {
      if (!this.cancelled.has(thing)) return 'serve';
      cloud.cancel(thing);
      this.#slot(thing).remember();
      return 'hold';
    };
  }

  static async start(count: number): Promise<TestBed> {
    const { path: folder, remove } = temporaryFolder();
    const things = Array.from({ length: count }, (_, at) => `core-${at}`);
    const bed = new TestBed(
      folder,
      remove,
      await ScriptedCloud.start(folder, things, published),
      things,
      await deviceBundle(),
    );
    try {
      const [slot] = bed.slots;
      if (slot === undefined) throw new Error('there is no device');
      slot.restore(before, undefined, { status: 'QUEUED', told: [] });
      const device = slot.start();
      await slot.rests(before, 60_000);
      await device.stop();
      bed.#base = { files: readImage(slot.root, fixed), database: readDatabase(slot.root) };
      return bed;
    } catch (error) {
      await bed.stop();
      throw error;
    }
  }

  get base(): DiskImage {
    if (this.#base === undefined) throw new Error('the test bed is not ready');
    return this.#base;
  }

  async stop(): Promise<void> {
    for (const slot of this.slots) slot.endProcesses();
    await this.cloud.stop();
    this.#remove();
  }

  /** What provisioning leaves. */
  provision({ thing, root }: Slot): void {
    const { ca, cert, key } = this.cloud.credentials.get(thing) ?? { ca: '', cert: '', key: '' };
    for (const [name, content] of Object.entries({ 'ca.pem': ca, 'cert.pem': cert, 'key.pem': key }))
      writeFileSync(join(root, name), content, { mode: 0o600 });
    const configuration = {
      awsRegion: 'us-east-1',
      iotDataEndpoint: 'localhost',
      greengrassDataPlaneEndpoint: 'localhost',
      greengrassDataPlanePort: this.cloud.dataPlanePort,
      mqtt: { port: this.cloud.mqttPort },
    };
    const system = {
      thingName: thing,
      certificateFilePath: join(root, 'cert.pem'),
      privateKeyPath: join(root, 'key.pem'),
      rootCaPath: join(root, 'ca.pem'),
    };
    const content = { system, services: { 'aws.greengrass.Nucleus': { configuration } } };
    writeFileSync(join(root, 'config.yaml'), JSON.stringify(content));
  }

  #slot(thing: string): Slot {
    const slot = this.slots.find((one) => one.thing === thing);
    if (slot === undefined) throw new Error(`there is no device ${thing}`);
    return slot;
  }
}

/** After a clean stop everything is in the main file. */
function readDatabase(root: string): DatabaseImage {
  const folder = join(root, 'config');
  const log = readdirSync(folder).includes('device.db-wal') ? readFileSync(join(folder, 'device.db-wal')) : undefined;
  return { main: readFileSync(join(folder, 'device.db')), log: log ?? Buffer.alloc(0) };
}
