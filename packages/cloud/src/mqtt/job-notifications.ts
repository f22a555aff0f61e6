import type { Clock, Log } from '@greensward/kit';
import type { MqttServer } from '@greensward/mqtt/server';
import { topicMatches } from '@greensward/mqtt/topic';
import { jobExecutionAnswer, jobsNotification } from '@greensward/protocol/jobs';
import { jobsNotifyTopic } from '@greensward/protocol/topics';
import type { App, PendingExecution } from '../app/app.ts';
import { createBatcher } from '../app/batch.ts';
import { deploymentNamespace } from '../domain/jobs/job.ts';
import { executionView, summaryView } from './job-views.ts';

interface Wanted {
  readonly thing: string;
  /** Say so too when nothing is pending (any more). */
  readonly evenIfNone: boolean;
}

/** Tells devices what is pending for them, always from the state: notifications are never kept for a device that is away. */
export interface JobNotifications {
  /** The pending set of these things changed. */
  changed(things: readonly string[]): void;
  /** The thing subscribed to these filters: if they cover a notification, it gets the present one. */
  subscribed(thing: string, filters: readonly string[]): void;
  /** Resolves when everything asked for so far is sent. */
  idle(): Promise<void>;
}

export function createJobNotifications<P>({
  app,
  server,
  clock,
  log,
}: {
  readonly app: App;
  readonly server: Pick<MqttServer<P>, 'publish'>;
  readonly clock: Clock;
  readonly log: Log;
}): JobNotifications {
  // One list at a time: were two reads under way, the older state could be sent last.
  const batcher = createBatcher(
    async (wanted: readonly Wanted[]) => {
      const things = new Map<string, boolean>();
      for (const { thing, evenIfNone } of wanted) things.set(thing, evenIfNone || things.get(thing) === true);
      const pending = await app.jobs.pendingMany([...things.keys()], deploymentNamespace);
      for (const [thing, evenIfNone] of things) {
        const list = pending.get(thing) ?? [];
        if (list.length > 0 || evenIfNone) notify(thing, list);
      }
      return wanted.map(() => true);
    },
    { maxBatch: 500, maxWaiting: 200_000 },
  );

  function notify(thing: string, pending: readonly PendingExecution[]): void {
    const now = clock.now();
    const views = (status: string) =>
      pending
        .filter(({ execution }) => execution.status === status)
        .map(({ execution }) => summaryView(execution, now));
    const [next] = pending;
    send(thing, 'notify', jobsNotification(now, views('IN_PROGRESS'), views('QUEUED')));
    send(thing, 'notify-next', jobExecutionAnswer({ now }, next && executionView(next, now, true)));
  }

  function send(thing: string, form: 'notify' | 'notify-next', payload: object): void {
    const topic = jobsNotifyTopic(thing, form, deploymentNamespace);
    server.publish(topic, JSON.stringify(payload), { qos: 1, queueOffline: false });
  }

  function want(wanted: Wanted): void {
    batcher.submit(wanted).catch((error: unknown) => {
      // The device asks itself at its next connection.
      log.warn('a job notification was not sent', { thing: wanted.thing, error });
    });
  }

  return {
    changed(things) {
      for (const thing of things) want({ thing, evenIfNone: true });
    },
    subscribed(thing, filters) {
      const topics = (['notify', 'notify-next'] as const).map((form) =>
        jobsNotifyTopic(thing, form, deploymentNamespace),
      );
      if (filters.some((filter) => topics.some((topic) => topicMatches(filter, topic))))
        want({ thing, evenIfNone: false });
    },
    idle: () => batcher.idle(),
  };
}
