import type { Clock, Log } from '@greensward/kit';
import type { Reply } from '@greensward/mqtt/server';
import { jobRejection } from '@greensward/protocol/jobs';
import { parseReservedTopic } from '@greensward/protocol/topics';
import type { App, Pending, ShadowRequest } from '../app/app.ts';
import { type Batcher, createBatcher } from '../app/batch.ts';
import { answerJobRequest } from './job-requests.ts';

const limits = { maxBatch: 500, maxWaiting: 50_000 };

interface Request {
  readonly topic: string;
  readonly payload: Uint8Array;
}

/** What devices ask on reserved topics. What arrives together is worked on together, one commit a list. */
export interface Requests {
  /** Resolves after the commit, with what to send. Rejects when a message that has no answer could not be taken. */
  answer(request: Request): Promise<readonly Reply[]>;
  idle(): Promise<void>;
}

export function createRequests({
  app,
  pending,
  clock,
  log,
  publish,
  onUnanswered,
}: {
  readonly app: App;
  /** What is pending for a thing in the namespace of deployments. */
  readonly pending: Batcher<string, Pending>;
  readonly clock: Clock;
  readonly log: Log;
  readonly publish: (topic: string, payload: string) => void;
  /** A thing asked what is next, and could not be answered. */
  readonly onUnanswered: (thing: string) => void;
}): Requests {
  const updates = createBatcher(app.jobs.update, limits);
  const shadows = createBatcher(app.shadows.handle, limits);
  const statuses = createBatcher(async (messages: readonly { thing: string; payload: Uint8Array }[]) => {
    await app.devices.ingestFleetStatus(messages);
    return messages.map(() => true);
  }, limits);
  const telemetry = createBatcher(async (messages: readonly { thing: string; payload: Uint8Array }[]) => {
    await app.telemetry.ingest(messages);
    return messages.map(() => true);
  }, limits);
  const jobs = { app, updates, pending, clock, log, onUnanswered };

  async function answerShadow(topic: string, request: ShadowRequest): Promise<readonly Reply[]> {
    const answer = await shadows.submit(request);
    for (const message of answer.messages) publish(message.topic, message.payload);
    return [{ topic: `${topic}/${answer.ok ? 'accepted' : 'rejected'}`, payload: answer.response }];
  }

  /** A topic below the device's own that is no request: told so where the jobs service would. */
  function unknown(topic: string): readonly Reply[] {
    log.warn('a message to an unknown reserved topic was dropped', { topic });
    if (!topic.includes('/jobs/')) return [];
    const rejection = jobRejection({ now: clock.now() }, 'InvalidTopic', `There is no such topic: ${topic}`);
    return [{ topic: `${topic}/rejected`, payload: JSON.stringify(rejection) }];
  }

  return {
    async answer({ topic, payload }) {
      const target = parseReservedTopic(topic);
      if (target === undefined) return unknown(topic);
      switch (target.kind) {
        case 'job-get':
        case 'job-update':
        case 'jobs-get':
        case 'jobs-start-next':
          return answerJobRequest(jobs, target.thing, { topic, payload }, target);
        case 'shadow-get':
        case 'shadow-update':
        case 'shadow-delete': {
          const action = target.kind === 'shadow-get' ? 'get' : target.kind === 'shadow-update' ? 'update' : 'delete';
          const request = { thing: target.thing, name: target.shadowName ?? '', action, payload, via: 'mqtt' } as const;
          return answerShadow(topic, request);
        }
        case 'fleet-status':
          await statuses.submit({ thing: target.thing, payload });
          return [];
        case 'telemetry':
          await telemetry.submit({ thing: target.thing, payload });
          return [];
        case 'jobs-notify':
        case 'jobs-notify-next':
          return unknown(topic);
      }
    },
    async idle() {
      await Promise.all([updates.idle(), shadows.idle(), statuses.idle(), telemetry.idle()]);
    },
  };
}
