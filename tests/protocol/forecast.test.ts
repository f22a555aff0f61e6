import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type InProcessCloud, openInProcessCloud } from '@greensward/cloud/in-process';
import { type Cancel, type Ids, seededChance, silentLog, type Timers } from '@greensward/kit';
import { thingGroupArn } from '@greensward/protocol/arn';
import type { DeploymentIoTJobConfiguration } from '@greensward/protocol/greengrassv2';
import { jobTopic } from '@greensward/protocol/topics';
import { type Behaviour, drawFate, type Fate, flawless } from '@greensward/simulator/behaviour';
import { type DeviceCourse, forecast } from '@greensward/simulator/forecast';
import { expect, test } from 'vitest';

// A forecast is worth what it has in common with the rollout it foretells: here the real cloud carries the same policy out, for
// devices with the same fates, in virtual time.

const minute = 60_000;
const begin = 1_700_000_000_000;
const namespace = 'aws-gg-deployment';

/** Time that passes only when nothing is left to do now. */
class VirtualTime implements Timers {
  #now = begin;
  #tasks: { readonly at: number; readonly task: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now - begin;
  }

  after(ms: number, task: () => void): Cancel {
    const entry = { at: this.#now + Math.max(0, ms), task };
    this.#tasks.push(entry);
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== entry);
    };
  }

  /** Goes to the next task and starts it, with all that are due at the same time. */
  step(): void {
    this.#now = Math.max(this.#now, Math.min(...this.#tasks.map(({ at }) => at)));
    const due = this.#tasks.filter(({ at }) => at <= this.#now);
    this.#tasks = this.#tasks.filter(({ at }) => at > this.#now);
    for (const { task } of due) task();
  }
}

interface Course extends DeviceCourse {
  readonly fate: Fate;
}

/** The cloud and its devices. */
class Rollout {
  readonly time = new VirtualTime();
  readonly courses = new Map<string, Course>();
  #cloud: InProcessCloud | undefined;
  /** Transactions under way, and devices that are waiting for an answer. */
  #busy = 0;

  async run(folder: string, config: DeploymentIoTJobConfiguration, fates: readonly Fate[]): Promise<readonly Course[]> {
    const ids: Ids = {
      uuid: () => crypto.randomUUID(),
      random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    };
    const cloud = await openInProcessCloud({
      folder,
      clock: this.time,
      timers: this.time,
      ids,
      log: silentLog,
      publish: (topic, payload) => this.#hears(topic, payload),
      storage: (storage) => ({
        ...storage,
        write: (work) => this.#during(storage.write(work)),
        read: (work) => this.#during(storage.read(work)),
      }),
    });
    this.#cloud = cloud;
    try {
      await cloud.app.groups.create({ name: 'fleet' });
      for (const [index, fate] of fates.entries()) {
        const thing = `core-${String(index).padStart(4, '0')}`;
        const course = { notifiedAt: undefined, startedAt: undefined, endedAt: undefined, state: 'WAITING' as const };
        this.courses.set(thing, { ...course, fate });
        await cloud.app.things.create({ name: thing });
        await cloud.app.groups.addThing('fleet', thing);
      }
      await this.#idle();
      const created = this.time.now();
      const { deploymentId, iotJobId = '' } = await cloud.app.deployments.create({
        targetArn: thingGroupArn({ partition: 'aws', region: 'us-east-1', account: '000000000000' }, 'fleet'),
        iotJobConfiguration: config,
      });
      // Silent devices that nothing times out keep it from settling: what is compared is over by then.
      const until = created + 6 * 60 * minute;
      for (;;) {
        await this.#idle();
        const { settled } = await cloud.app.deployments.progress(deploymentId);
        if (settled || this.time.now() > until) break;
        this.time.step();
      }
      for (const { thing, number } of (await cloud.app.jobs.executionsOfJob(iotJobId, { limit: 1000 })).items) {
        const { execution } = await cloud.app.jobs.execution(iotJobId, thing, number);
        const course = this.courses.get(thing);
        if (course === undefined || execution.status === 'REMOVED') throw new Error(`${thing} was not expected`);
        course.state = execution.status;
        course.notifiedAt = execution.queuedAt - created;
        course.startedAt = execution.startedAt && execution.startedAt - created;
        course.endedAt = ['QUEUED', 'IN_PROGRESS', 'CANCELED'].includes(execution.status)
          ? undefined
          : execution.updatedAt - created;
      }
      return [...this.courses.values()];
    } finally {
      await cloud.close();
    }
  }

  /** A device is told what is next for it: it begins when it is there, and answers as it is fated to. */
  #hears(topic: string, payload: string): void {
    const thing = topic.match(/^\$aws\/things\/([^/]+)\/jobs\/notify-next-namespace-/)?.[1];
    const course = thing === undefined ? undefined : this.courses.get(thing);
    const { execution }: { execution?: { jobId: string; status: string } } = JSON.parse(payload);
    if (thing === undefined || course === undefined || execution?.status !== 'QUEUED') return;
    if (course.state !== 'WAITING') return;
    course.state = 'QUEUED';
    const { fate } = course;
    this.time.after(fate.awayMs, () => {
      void this.#says(thing, execution.jobId, 'IN_PROGRESS');
      if (fate.end === 'SILENT') return;
      const { end, latencyMs } = fate;
      this.time.after(latencyMs, () => void this.#says(thing, execution.jobId, end));
    });
  }

  async #says(thing: string, jobId: string, status: string): Promise<void> {
    // What ended meanwhile, by its time or by the end of the job, is refused.
    const topic = jobTopic(thing, jobId, 'update', namespace);
    const answer = this.#cloud?.answer({ topic, payload: Buffer.from(JSON.stringify({ status }), 'utf8') });
    if (answer !== undefined) await this.#during(answer);
  }

  async #during<T>(work: Promise<T>): Promise<T> {
    this.#busy += 1;
    try {
      return await work;
    } finally {
      this.#busy -= 1;
    }
  }

  /** Until nothing has been under way for some turns of the event loop: what follows from an answer begins within one. */
  async #idle(): Promise<void> {
    for (let quiet = 0; quiet < 4; quiet += 1) {
      await nextTurn();
      if (this.#busy > 0) quiet = -1;
    }
  }
}

const mixed: Behaviour = {
  ...flawless,
  failureRate: 0.1,
  rejectionRate: 0.05,
  silentRate: 0.05,
  latencyMs: { min: 5000, max: 90_000 },
  offlineRate: 0.2,
  offlineMs: { min: 10_000, max: 10 * minute },
};
const criterion = { failureType: 'ALL', action: 'CANCEL' } as const;

/**
 * The cloud waits 25 ms between two signals, and keeps the state of the rate only when it made executions, where the forecast
 * keeps it after every end: when a rate grows, that moves what follows by less than a second.
 */
const gapMs = 1000;

test.each<{ name: string; config: DeploymentIoTJobConfiguration; behaviour: Behaviour; aborts?: true }>([
  { name: 'no limit', config: { timeoutConfig: { inProgressTimeoutInMinutes: 2 } }, behaviour: mixed },
  {
    name: 'a constant rate',
    config: {
      jobExecutionsRolloutConfig: { maximumPerMinute: 17 },
      timeoutConfig: { inProgressTimeoutInMinutes: 1 },
    },
    behaviour: mixed,
  },
  {
    name: 'a rate that grows with notified things',
    config: {
      jobExecutionsRolloutConfig: {
        maximumPerMinute: 60,
        exponentialRate: {
          baseRatePerMinute: 6,
          incrementFactor: 1.5,
          rateIncreaseCriteria: { numberOfNotifiedThings: 15 },
        },
      },
      timeoutConfig: { inProgressTimeoutInMinutes: 3 },
    },
    behaviour: mixed,
  },
  {
    name: 'a rate that grows with succeeded things',
    config: {
      jobExecutionsRolloutConfig: {
        exponentialRate: {
          baseRatePerMinute: 10,
          incrementFactor: 2,
          rateIncreaseCriteria: { numberOfSucceededThings: 20 },
        },
      },
      timeoutConfig: { inProgressTimeoutInMinutes: 3 },
    },
    behaviour: mixed,
  },
  {
    name: 'an abort',
    config: {
      jobExecutionsRolloutConfig: { maximumPerMinute: 20 },
      abortConfig: { criteriaList: [{ ...criterion, thresholdPercentage: 18, minNumberOfExecutedThings: 20 }] },
      timeoutConfig: { inProgressTimeoutInMinutes: 1 },
    },
    behaviour: mixed,
    aborts: true,
  },
])('the cloud does what is forecast: $name', async ({ config, behaviour, aborts }) => {
  const seed = 11;
  const devices = 100;
  const chance = seededChance(seed);
  const fates = Array.from({ length: devices }, () => drawFate(behaviour, chance));
  const folder = await mkdtemp(join(tmpdir(), 'greensward-forecast-'));
  try {
    const real = await new Rollout().run(folder, config, fates);
    const { courses, abort } = forecast({ config, devices, behaviour, seed });
    expect(abort !== undefined).toBe(aborts === true);
    expect(real.map(({ state }) => state)).toEqual(courses.map(({ state }) => state));
    const moments = ['notifiedAt', 'startedAt', 'endedAt'] as const;
    for (const [index, course] of courses.entries()) {
      for (const moment of moments) {
        const [foretold, happened] = [course[moment], real[index]?.[moment]];
        expect(happened === undefined, `device ${index}: ${moment}`).toBe(foretold === undefined);
        const gap = Math.abs((foretold ?? 0) - (happened ?? 0));
        expect(gap, `device ${index}: ${moment} ${foretold} ms, really ${happened} ms`).toBeLessThan(gapMs);
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
