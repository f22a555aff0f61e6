import { seededChance } from '@greensward/kit';
import {
  type JobConfiguration,
  planRollout,
  type RateState,
  ratePerMinute,
  timesOutAt,
} from '@greensward/model/rollout';
import { type Behaviour, drawFate, type Fate } from '../behaviour/behaviour.ts';
import { EventQueue } from './event-queue.ts';

export interface ForecastInput {
  readonly config: JobConfiguration;
  /** All are members of the group when the deployment is created. */
  readonly devices: number;
  readonly behaviour: Behaviour;
  readonly seed: number;
}

/** Where a device stands. CANCELED: it had the deployment queued, and was away, when the rollout was aborted. */
export type DeviceState =
  | 'WAITING'
  | 'QUEUED'
  | 'IN_PROGRESS'
  | 'SUCCEEDED'
  | 'FAILED'
  | 'REJECTED'
  | 'TIMED_OUT'
  | 'CANCELED';

/** The way of one device through the rollout; times in ms since its creation. */
export interface DeviceCourse {
  notifiedAt: number | undefined;
  startedAt: number | undefined;
  endedAt: number | undefined;
  state: DeviceState;
}

export interface RatePhase {
  readonly at: number;
  /** Devices a minute; undefined: all at once. */
  readonly perMinute: number | undefined;
}

export interface Forecast {
  readonly courses: readonly DeviceCourse[];
  readonly phases: readonly RatePhase[];
  readonly abort: ForecastAbort | undefined;
}

export interface ForecastAbort {
  readonly at: number;
  readonly reason: string;
  /** Devices that had begun by then: what the abort came too late for. */
  readonly reached: number;
}

const starts = 0;
const ends = 1;
const timesOut = 2;

/**
 * Runs a rollout on a virtual fleet, with the planner that the cloud runs. What is not in it: how fast the cloud itself works,
 * and the network. The planner is asked when its rate allows more, and after each moment at which devices ended.
 */
export function forecast({ config, devices, behaviour, seed }: ForecastInput): Forecast {
  const chance = seededChance(seed);
  const fates: readonly Fate[] = Array.from({ length: devices }, () => drawFate(behaviour, chance));
  const courses = fates.map(newCourse);
  const events = new EventQueue();
  const counts = { succeeded: 0, failed: 0, rejected: 0, timedOut: 0 };
  const phases: RatePhase[] = [];
  let rate: RateState | undefined;
  let told = 0;
  let started = 0;
  let planAt: number | undefined = 0;
  let abort: ForecastAbort | undefined;
  const hasSteps = config.jobExecutionsRolloutConfig?.exponentialRate !== undefined;

  function happen(event: number, now: number): boolean {
    const index = Math.floor(event / 4);
    const [course, fate] = [courses[index], fates[index]];
    if (course === undefined || fate === undefined) return false;
    if (event % 4 === starts) {
      if (course.state !== 'QUEUED') return false;
      course.state = 'IN_PROGRESS';
      course.startedAt = now;
      started++;
      const answersAt = fate.end === 'SILENT' ? Number.POSITIVE_INFINITY : now + fate.latencyMs;
      const limit = timesOutAt(now, config) ?? Number.POSITIVE_INFINITY;
      if (limit < answersAt) events.add(limit, index * 4 + timesOut);
      else if (answersAt < Number.POSITIVE_INFINITY) events.add(answersAt, index * 4 + ends);
      return false;
    }
    course.endedAt = now;
    course.state = event % 4 === timesOut || fate.end === 'SILENT' ? 'TIMED_OUT' : fate.end;
    if (course.state === 'SUCCEEDED') counts.succeeded++;
    else if (course.state === 'FAILED') counts.failed++;
    else if (course.state === 'REJECTED') counts.rejected++;
    else counts.timedOut++;
    return true;
  }

  function plan(now: number): void {
    const perMinute = ratePerMinute(config.jobExecutionsRolloutConfig, rate?.notified ?? 0, counts.succeeded);
    const changed = phases.length === 0 || phases.at(-1)?.perMinute !== perMinute;
    if (changed && (told < devices || phases.length === 0)) phases.push({ at: now, perMinute });
    const planned = planRollout({ config, counts, waiting: devices - told, joined: 0, rate, now });
    rate = planned.rate;
    planAt = planned.nextAt;
    if (planned.abort !== undefined) {
      abort = { at: now, reason: planned.abort.reason, reached: started };
      for (const course of courses) if (course.state === 'QUEUED') course.state = 'CANCELED';
      planAt = undefined;
      return;
    }
    for (let more = planned.enqueue; more > 0; more--) {
      const course = courses[told];
      if (course === undefined) break;
      course.notifiedAt = now;
      course.state = 'QUEUED';
      events.add(now + (fates[told]?.awayMs ?? 0), told * 4 + starts);
      told++;
    }
  }

  for (;;) {
    const now: number = Math.min(events.nextTime ?? Number.POSITIVE_INFINITY, planAt ?? Number.POSITIVE_INFINITY);
    if (now === Number.POSITIVE_INFINITY) return { courses, phases, abort };
    let someEnded = false;
    while (events.nextTime === now) {
      const event = events.take();
      if (event !== undefined && happen(event, now)) someEnded = true;
    }
    const matters = someEnded && (config.abortConfig !== undefined || (told < devices && hasSteps));
    if (abort === undefined && (now === planAt || matters)) plan(now);
  }
}

function newCourse(): DeviceCourse {
  return { notifiedAt: undefined, startedAt: undefined, endedAt: undefined, state: 'WAITING' };
}
