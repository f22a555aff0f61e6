import { type Cancel, type Chance, type Clock, seededChance, type Timers } from '@greensward/kit';
import { type FleetStatusDeployment, fleetStatusPayloads } from '@greensward/protocol/fleet-status';
import {
  type DeploymentOutcome,
  deploymentStatusDetails,
  jobGetRequest,
  jobUpdateRequest,
  parseJobAnswer,
  parseJobsNotification,
} from '@greensward/protocol/jobs';
import { DEPLOYMENT_SHADOW } from '@greensward/protocol/shadow';
import {
  DEPLOYMENT_NAMESPACE,
  fleetStatusTopic,
  jobsNotifyTopic,
  jobTopic,
  NEXT_JOB,
  shadowTopic,
} from '@greensward/protocol/topics';
import { type Behaviour, drawFate, type Fate } from '../behaviour/behaviour.ts';
import { Link, type LinkTarget } from './link.ts';
import type { FleetRecord } from './record.ts';

export interface DeviceDeps {
  readonly behaviour: Behaviour;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly record: FleetRecord;
}

const namespace = DEPLOYMENT_NAMESPACE;
const reconnectMs = { first: 1000, spread: 4000 };

interface Report {
  readonly status: 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED' | 'REJECTED';
  readonly outcome: DeploymentOutcome;
}

/** A deployment that the device is at. */
interface Running {
  readonly jobId: string;
  /** Of the execution: job and number. */
  readonly key: string;
  readonly configurationArn: string;
  readonly fate: Fate;
  /** What it has to say and the cloud has not answered; said again on every connect. */
  owed: Report | undefined;
}

/**
 * One core device, as the cloud sees a Java nucleus: its subscriptions, questions and reports; what it does between them is
 * drawn from its seed. Modes: away (no link), there; and in both, with or without a deployment that it is at.
 */
export class SimulatedDevice {
  readonly thing: string;
  readonly #target: () => LinkTarget;
  readonly #deps: DeviceDeps;
  readonly #chance: Chance;
  readonly #notifyTopic: string;
  readonly #nextTopic: string;
  #link: Link | undefined;
  #running: Running | undefined;
  /** The last job that it was told of or is done with: the next telling of it is nothing new. */
  #heardOf = '';
  /** The execution that it began and will never end. */
  #abandoned = '';
  #sequence = 0;
  #pingedAt: number | undefined;
  #work: Cancel | undefined;
  #return: Cancel | undefined;
  #stopped = false;

  constructor(thing: string, seed: number, target: () => LinkTarget, deps: DeviceDeps) {
    this.thing = thing;
    this.#target = target;
    this.#deps = deps;
    this.#chance = seededChance(seed);
    this.#notifyTopic = jobsNotifyTopic(thing, 'notify', namespace);
    this.#nextTopic = jobTopic(thing, NEXT_JOB, 'get', namespace);
  }

  /** Connects, and resolves with the code of the CONNACK, or undefined when the connection broke before. It comes back by itself. */
  connect(): Promise<number | undefined> {
    return new Promise((resolve) => {
      const link = new Link(this.#target(), {
        connected: (code) => {
          if (code === 0) this.#arrive(link);
          resolve(code);
        },
        message: (topic, payload) => this.#hear(topic, payload),
        ponged: () => {
          if (this.#pingedAt !== undefined) this.#deps.record.ping(this.#deps.timers.monotonic() - this.#pingedAt);
          this.#pingedAt = undefined;
        },
        closed: () => {
          this.#leave(link);
          resolve(undefined);
        },
      });
      this.#link = link;
    });
  }

  ping(): void {
    if (this.#link?.accepted !== true || this.#pingedAt !== undefined) return;
    this.#pingedAt = this.#deps.timers.monotonic();
    this.#link.ping();
  }

  stop(): void {
    this.#stopped = true;
    this.#work?.();
    this.#return?.();
    this.#link?.destroy();
  }

  #arrive(link: Link): void {
    this.#deps.record.connected();
    const shadow = (action: 'get' | 'update') => shadowTopic(this.thing, DEPLOYMENT_SHADOW, action);
    link.subscribe([
      `${this.#nextTopic}/accepted`,
      `${this.#nextTopic}/rejected`,
      this.#notifyTopic,
      `${shadow('update')}/accepted`,
      `${shadow('update')}/rejected`,
      `${shadow('get')}/accepted`,
    ]);
    link.publish(shadow('get'), '{}');
    this.#tellStatus(this.#sequence === 0 ? 'NUCLEUS_LAUNCH' : 'RECONNECT', undefined);
    if (this.#running === undefined) this.#askNext();
    else this.#sayOwed(this.#running);
  }

  /** A late close of a link that was given up before changes nothing. */
  #leave(link: Link): void {
    if (this.#link === link) this.#goAway(reconnectMs.first + this.#chance.next() * reconnectMs.spread);
  }

  #goAway(ms: number): void {
    const link = this.#link;
    this.#link = undefined;
    this.#pingedAt = undefined;
    if (link?.accepted === true) this.#deps.record.disconnected();
    link?.destroy();
    if (!this.#stopped) this.#return = this.#deps.timers.after(ms, () => void this.connect());
  }

  #hear(topic: string, payload: Buffer): void {
    if (topic === this.#notifyTopic) this.#beTold(payload);
    else if (topic === `${this.#nextTopic}/accepted`) this.#take(payload);
    else if (this.#running !== undefined && topic.startsWith(this.#updateTopic(this.#running.jobId)))
      this.#beAnswered(this.#running, topic.endsWith('/accepted'));
    else if (topic === `${this.#nextTopic}/rejected`) this.#deps.record.rejected(`${topic}: ${payload}`);
  }

  #beTold(payload: Buffer): void {
    const { queued, inProgress } = parseJobsNotification(payload);
    const [next] = [...inProgress, ...queued];
    if (next === undefined || next === this.#heardOf) return;
    this.#heardOf = next;
    this.#deps.record.notified(this.#deps.clock.now());
    if (this.#running === undefined) this.#askNext();
  }

  #askNext(): void {
    this.#link?.publish(this.#nextTopic, JSON.stringify(jobGetRequest(this.thing, NEXT_JOB, `${this.#sequence}`)));
  }

  #take(payload: Buffer): void {
    const { execution } = parseJobAnswer(payload);
    if (execution === undefined || this.#running !== undefined) return;
    const key = `${execution.jobId}/${execution.executionNumber}`;
    if (key === this.#abandoned) return;
    const { configurationArn } = execution.jobDocument;
    const running: Running = {
      jobId: execution.jobId,
      key,
      configurationArn: typeof configurationArn === 'string' ? configurationArn : '',
      fate: drawFate(this.#deps.behaviour, this.#chance),
      owed: { status: 'IN_PROGRESS', outcome: {} },
    };
    this.#running = running;
    if (running.fate.awayMs > 0) this.#goAway(running.fate.awayMs);
    else this.#sayOwed(running);
  }

  /** As a nucleus: subscribes both answers for each report. */
  #sayOwed({ jobId, owed }: Running): void {
    if (owed === undefined || this.#link === undefined) return;
    const topic = this.#updateTopic(jobId);
    const details = deploymentStatusDetails(owed.outcome);
    this.#link.subscribe([`${topic}/accepted`, `${topic}/rejected`]);
    const token = String(this.#sequence);
    this.#link.publish(topic, JSON.stringify(jobUpdateRequest(this.thing, jobId, owed.status, details, token)));
  }

  /** A refused report is the cloud's last word: the job was canceled or timed out. */
  #beAnswered(running: Running, accepted: boolean): void {
    const topic = this.#updateTopic(running.jobId);
    this.#link?.unsubscribe([`${topic}/accepted`, `${topic}/rejected`]);
    const { owed } = running;
    const { end, latencyMs } = running.fate;
    running.owed = undefined;
    if (!accepted) this.#beDone(running, 'REFUSED');
    else if (owed?.status !== 'IN_PROGRESS') this.#beDone(running, end);
    else if (end === 'SILENT') {
      this.#abandoned = running.key;
      this.#beDone(running, end);
    } else {
      this.#work = this.#deps.timers.after(latencyMs, () => {
        running.owed = { status: end, outcome: outcomes[end] };
        this.#sayOwed(running);
      });
    }
  }

  #beDone(running: Running, end: Fate['end'] | 'REFUSED'): void {
    this.#running = undefined;
    this.#deps.record.ended(end, this.#deps.clock.now());
    if (end === 'SILENT') return;
    if (end !== 'REFUSED') this.#tellStatus('THING_GROUP_DEPLOYMENT', deploymentIn(running, end));
    this.#askNext();
  }

  #tellStatus(
    trigger: 'NUCLEUS_LAUNCH' | 'RECONNECT' | 'THING_GROUP_DEPLOYMENT',
    deployment: FleetStatusDeployment | undefined,
  ): void {
    const payloads = fleetStatusPayloads({
      ggcVersion: '2.18.0',
      platform: 'linux',
      architecture: 'amd64',
      runtime: 'aws_nucleus_classic',
      thing: this.thing,
      overallDeviceStatus: 'HEALTHY',
      sequenceNumber: this.#sequence++,
      timestamp: this.#deps.clock.now(),
      messageType: deployment === undefined ? 'COMPLETE' : 'PARTIAL',
      trigger,
      chunk: undefined,
      components: [],
      deployment,
    });
    for (const payload of payloads) this.#link?.publish(fleetStatusTopic(this.thing), payload);
  }

  #updateTopic(jobId: string): string {
    return jobTopic(this.thing, jobId, 'update', namespace);
  }
}

const failure = {
  failureCause: 'The simulated device was drawn to fail.',
  errorStack: ['DEPLOYMENT_FAILURE', 'COMPONENT_BROKEN'],
  errorTypes: ['COMPONENT_ERROR'],
};

const outcomes: Readonly<Record<'SUCCEEDED' | 'FAILED' | 'REJECTED', DeploymentOutcome>> = {
  SUCCEEDED: { detailedStatus: 'SUCCESSFUL' },
  FAILED: { detailedStatus: 'FAILED_ROLLBACK_COMPLETE', ...failure },
  REJECTED: { detailedStatus: 'REJECTED', ...failure },
};

function deploymentIn({ configurationArn }: Running, end: 'SUCCEEDED' | 'FAILED' | 'REJECTED'): FleetStatusDeployment {
  return {
    status: end,
    outcome: outcomes[end],
    configurationArn,
    deploymentId: undefined,
    unchangedRootComponents: [],
  };
}
