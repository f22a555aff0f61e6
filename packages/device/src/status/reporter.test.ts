import { join } from 'node:path';
import { Fault, type JsonObject, silentLog } from '@greensward/kit';
import { HandTimers } from '@greensward/testkit/hand-timers';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { describe, expect, test } from 'vitest';
import type { ComponentStatus } from '../lifecycle/lifecycle.ts';
import { type DeviceStore, openDeviceStore } from '../store/device-store.ts';
import type { DeploymentOutcome, SetEntry } from '../store/records.ts';
import type { StatusReport } from '../uplink/uplink.ts';
import { StatusReporter } from './reporter.ts';

const offline = () => new Fault('MQTT_CONNECTION_FAILED', 'offline', { retryable: true });

/** A device that tells its cloud: a store, components, and a cloud that answers as it is told. */
class Bench {
  readonly timers = new HandTimers();
  /** What reached the cloud: `job j1 SUCCEEDED`, or trigger and type of a fleet status. */
  readonly told: string[] = [];
  readonly fleet: JsonObject[] = [];
  states: ComponentStatus[] = [];
  deploying = false;
  online = false;
  answer: (report: StatusReport) => 'accepted' | 'rejected' | Fault = () => 'accepted';
  refuseFleet: Fault | undefined;
  readonly store: DeviceStore;
  private readonly reporter: StatusReporter;
  private onConnection: (connected: boolean) => void = () => {};
  private onChange: (status: ComponentStatus) => void = () => {};

  constructor(store: DeviceStore = openDeviceStore(':memory:')) {
    this.store = store;
    this.reporter = new StatusReporter({
      facts: {
        thing: 'core',
        nucleusComponent: 'aws.greengrass.Nucleus',
        nucleusVersion: '2.18.0',
        platform: 'linux',
        architecture: 'amd64',
      },
      store,
      uplink: {
        connected: () => this.online,
        onConnection: (listener) => {
          this.onConnection = listener;
          return () => {};
        },
        report: async (report) => {
          if (!this.online) throw offline();
          const { source, status } = report;
          this.told.push(`${source.kind === 'job' ? `job ${source.jobId}` : 'shadow'} ${status}`);
          const answer = this.answer(report);
          if (typeof answer !== 'string') throw answer;
          return answer;
        },
        publishFleetStatus: async (payload) => {
          if (!this.online) throw offline();
          const message: JsonObject = JSON.parse(payload);
          this.told.push(`${message['trigger']} ${message['messageType']}`);
          if (this.refuseFleet) throw this.refuseFleet;
          this.fleet.push(message);
        },
      },
      lifecycle: {
        statuses: () => this.states,
        onChange: (listener) => {
          this.onChange = listener;
          return () => {};
        },
      },
      deploying: () => this.deploying,
      cadenceMs: () => 86_400_000,
      clock: { now: () => 1_000_000 + this.timers.monotonic() },
      timers: this.timers,
      chance: () => 0.5,
      log: silentLog,
    });
    this.reporter.start();
  }

  async connect(): Promise<void> {
    this.online = true;
    this.onConnection(true);
    await this.timers.pass(0);
  }

  async drop(): Promise<void> {
    this.online = false;
    this.onConnection(false);
    await this.timers.pass(0);
  }

  async owe(...outcomes: readonly DeploymentOutcome[]): Promise<void> {
    for (const outcome of outcomes) this.store.owe(outcome);
    this.reporter.deliver();
    await this.timers.pass(0);
  }

  deliver(): void {
    this.reporter.deliver();
  }

  async changes(name: string, state: ComponentStatus['state'], reason?: string): Promise<void> {
    const status = { name, version: '1.0.0', state, statusCodes: ['RUN_ERROR'], changedAt: 0 };
    const full = reason === undefined ? status : { ...status, reason };
    this.states = [...this.states.filter((one) => one.name !== name), full];
    this.onChange(full);
    await this.timers.pass(0);
  }

  /** What was told since the last time this was asked. */
  news(): string[] {
    return this.told.splice(0);
  }

  stop(): Promise<void> {
    return this.reporter.stop();
  }
}

async function connected(store?: DeviceStore): Promise<Bench> {
  const bench = new Bench(store);
  await bench.connect();
  bench.news();
  return bench;
}

const job = (jobId: string, status: DeploymentOutcome['status']): DeploymentOutcome => ({
  source: { kind: 'job', jobId, queuedAt: 1 },
  status,
  deploymentId: `d-${jobId}`,
});

function entry(name: string): SetEntry {
  const configuration = { name: '', timestamp: 0, children: {} };
  return { name, version: '1.0.0', arn: '', configuration, isRoot: true, sources: ['arn'] };
}

describe('deployment statuses', () => {
  test('case 129: are told in order after NUCLEUS_LAUNCH, each end followed by its fleet status, and then forgotten', async () => {
    const bench = new Bench();
    await bench.owe(job('a', 'IN_PROGRESS'), job('a', 'SUCCEEDED'), job('b', 'IN_PROGRESS'));
    expect(bench.news()).toEqual([]);
    await bench.connect();
    expect(bench.news()).toEqual([
      'NUCLEUS_LAUNCH COMPLETE',
      'job a IN_PROGRESS',
      'job a SUCCEEDED',
      'THING_GROUP_DEPLOYMENT PARTIAL',
      'job b IN_PROGRESS',
    ]);
    expect(bench.store.owedStatuses()).toEqual([]);
    expect(bench.fleet[1]).toMatchObject({ deploymentInformation: { status: 'SUCCEEDED', deploymentId: 'd-a' } });
  });

  test('case 123: that find no answer are told again with growing pauses, whatever else happens meanwhile, and nothing overtakes them', async () => {
    const bench = await connected();
    bench.answer = () => offline();
    await bench.owe(job('a', 'SUCCEEDED'));
    expect(bench.news()).toEqual(['job a SUCCEEDED']);
    await bench.owe(job('b', 'SUCCEEDED'));
    for (let i = 0; i < 50; i++) bench.deliver();
    await bench.timers.pass(0);
    expect(bench.news()).toEqual([]);
    await bench.timers.pass(10 * 60_000);
    const tries = bench.news();
    expect(new Set(tries)).toEqual(new Set(['job a SUCCEEDED']));
    expect(tries.length).toBeLessThan(25);
    bench.answer = () => 'accepted';
    await bench.timers.pass(60_000);
    expect(bench.news()).toEqual([
      'job a SUCCEEDED',
      'THING_GROUP_DEPLOYMENT PARTIAL',
      'job b SUCCEEDED',
      'THING_GROUP_DEPLOYMENT PARTIAL',
    ]);
  });

  test('are told at once when the connection comes back, without waiting for the pause to end', async () => {
    const bench = await connected();
    bench.answer = () => offline();
    await bench.owe(job('a', 'SUCCEEDED'));
    await bench.timers.pass(300_000);
    await bench.drop();
    bench.answer = () => 'accepted';
    bench.news();
    await bench.connect();
    expect(bench.news()).toContain('job a SUCCEEDED');
    expect(bench.store.owedStatuses()).toEqual([]);
  });

  test('that the cloud rejects for good hold back nothing', async () => {
    const bench = await connected();
    bench.answer = ({ source }) => (source.kind === 'job' && source.jobId === 'a' ? 'rejected' : 'accepted');
    await bench.owe(job('a', 'SUCCEEDED'), job('b', 'SUCCEEDED'));
    expect(bench.news()).toContain('job b SUCCEEDED');
    expect(bench.store.owedStatuses()).toEqual([]);
  });

  test('are told by a device whose fleet status the cloud refuses', async () => {
    const bench = new Bench();
    bench.refuseFleet = new Fault('ACCESS_DENIED', 'not authorized');
    await bench.owe(job('a', 'IN_PROGRESS'), job('a', 'SUCCEEDED'));
    await bench.connect();
    expect(bench.news()).toContain('job a SUCCEEDED');
    expect(bench.store.owedStatuses()).toEqual([]);
  });

  test('that come up at the very moment a delivery ends are not left lying', async () => {
    for (let turns = 0; turns < 40; turns++) {
      const bench = await connected();
      bench.store.owe(job('a', 'IN_PROGRESS'));
      bench.deliver();
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      bench.store.owe(job('b', 'IN_PROGRESS'));
      bench.deliver();
      await bench.timers.pass(0);
      expect(bench.news(), `after ${turns} turns`).toEqual(['job a IN_PROGRESS', 'job b IN_PROGRESS']);
    }
  });

  test('survive a crash at any moment: told at least once, and the end only by fleet status when the job knows it', async () => {
    const folder = temporaryFolder();
    const file = join(folder.path, 'device.db');
    const first = await connected(openDeviceStore(file));
    first.answer = () => offline();
    await first.owe(job('a', 'SUCCEEDED'));
    await first.stop();
    first.store.close();
    const second = await connected(openDeviceStore(file));
    expect(second.told).toEqual([]);
    expect(second.store.owedStatuses()).toEqual([]);
    second.store.owe(job('b', 'FAILED'));
    const [owed] = second.store.owedStatuses();
    if (owed) second.store.updateOwed({ ...owed, reported: true });
    second.store.close();
    const third = new Bench(openDeviceStore(file));
    await third.connect();
    expect(third.news()).toEqual(['NUCLEUS_LAUNCH COMPLETE', 'THING_GROUP_DEPLOYMENT PARTIAL']);
    third.store.close();
    folder.remove();
  });
});

describe('fleet status', () => {
  test('numbers grow over restarts', async () => {
    const store = openDeviceStore(':memory:');
    const numbers: unknown[] = [];
    for (let run = 0; run < 3; run++) {
      const bench = new Bench(store);
      await bench.connect();
      numbers.push(bench.fleet[0]?.['sequenceNumber']);
      await bench.stop();
    }
    expect(numbers).toEqual([0, 1, 2]);
  });

  test('case 127: of a component that fails comes three seconds later, once for all that happened meanwhile', async () => {
    const bench = await connected();
    bench.store.replaceComponents([entry('App')]);
    await bench.changes('App', 'ERRORED', 'code 1');
    await bench.timers.pass(1000);
    await bench.changes('App', 'BROKEN', 'code 1');
    expect(bench.news()).toEqual([]);
    await bench.timers.pass(2000);
    expect(bench.news()).toEqual(['COMPONENT_STATUS_CHANGE PARTIAL']);
    expect(bench.fleet.at(-1)).toMatchObject({ overallDeviceStatus: 'UNHEALTHY' });
    await bench.changes('App', 'RUNNING');
    await bench.timers.pass(3000);
    expect(bench.fleet.at(-1)).toMatchObject({ overallDeviceStatus: 'HEALTHY' });
  });

  test('is silent about states of a deployment that is under way, but for errors', async () => {
    const bench = await connected();
    bench.deploying = true;
    await bench.changes('App', 'RUNNING');
    await bench.timers.pass(10_000);
    expect(bench.news()).toEqual([]);
    await bench.changes('App', 'ERRORED');
    await bench.timers.pass(10_000);
    expect(bench.news()).toEqual(['COMPONENT_STATUS_CHANGE PARTIAL']);
  });

  test('of a component that is gone says UNINSTALLED once', async () => {
    const bench = new Bench();
    bench.store.replaceComponents([entry('App')]);
    await bench.connect();
    bench.store.replaceComponents([]);
    await bench.owe(job('a', 'SUCCEEDED'), job('b', 'SUCCEEDED'));
    const states = bench.fleet.map((message) => JSON.stringify(message['components']).includes('"UNINSTALLED"'));
    expect(states).toEqual([false, true, false]);
  });

  test('after a reconnect is sent once a minute at most while nothing changes', async () => {
    const bench = await connected();
    for (let i = 0; i < 5; i++) {
      await bench.drop();
      await bench.timers.pass(5000);
      await bench.connect();
    }
    expect(bench.news()).toEqual([]);
    await bench.drop();
    await bench.changes('App', 'ERRORED');
    await bench.connect();
    expect(bench.news()).toEqual(['RECONNECT PARTIAL']);
    await bench.drop();
    await bench.timers.pass(60_000);
    await bench.connect();
    expect(bench.news().length).toBe(1);
  });

  test('case 124: nothing is sent without a connection; with the next one comes the end of a deployment, and changes once', async () => {
    const bench = await connected();
    await bench.drop();
    await bench.changes('App', 'ERRORED');
    await bench.changes('App', 'RUNNING');
    await bench.owe(job('j1', 'SUCCEEDED'));
    await bench.timers.pass(600_000);
    expect(bench.news()).toEqual([]);
    await bench.connect();
    expect(bench.news()).toEqual(['job j1 SUCCEEDED', 'THING_GROUP_DEPLOYMENT PARTIAL', 'RECONNECT PARTIAL']);
    await bench.drop();
    await bench.timers.pass(1000);
    await bench.connect();
    expect(bench.news()).toEqual([]);
  });

  test('that is due every day is sent at the next connection, whatever else became due', async () => {
    const bench = await connected();
    await bench.drop();
    await bench.timers.pass(86_400_000);
    await bench.changes('App', 'ERRORED');
    await bench.timers.pass(10_000);
    await bench.connect();
    expect(bench.news()).toEqual(['CADENCE COMPLETE']);
    await bench.timers.pass(86_400_000);
    expect(bench.news()).toContain('CADENCE COMPLETE');
  });

  test('ends with stop', async () => {
    const bench = await connected();
    await bench.stop();
    await bench.changes('App', 'ERRORED');
    bench.deliver();
    await bench.timers.pass(86_400_000 * 2);
    expect(bench.news()).toEqual([]);
  });
});
