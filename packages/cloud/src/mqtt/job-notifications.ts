import { type Clock, delay, type Log, messageChain, type Timers } from '@greensward/kit';
import type { MqttServer } from '@greensward/mqtt/server';
import { topicMatches } from '@greensward/mqtt/topic';
import { jobExecutionAnswer, jobsNotification } from '@greensward/protocol/jobs';
import { jobsNotifyTopic } from '@greensward/protocol/topics';
import type { Pending, PendingExecution } from '../app/app.ts';
import type { Batcher } from '../app/batch.ts';
import { deploymentNamespace } from '../domain/jobs/job.ts';
import { executionView, summaryView } from './job-views.ts';

/**
 * Whether a thing is told also when nothing is pending. `if-withdrawn`: only when the service has ended what the thing was
 * given last. To a device that is new here (a deployment of another cloud may be moving it to this one) "nothing" would say
 * that what it runs is cancelled.
 */
type Nothing = 'say' | 'if-withdrawn';

/** Things told in one go, and the pause after one that failed. */
const maxBatch = 1000;
const retryMs = 1000;

/**
 * Tells devices what is pending for them, always from the state: notifications are never kept for a device that is away,
 * and one that could not be made is made again until it can.
 */
export interface JobNotifications {
  /** The pending set of these things changed. */
  changed(things: readonly string[]): void;
  /** The thing subscribed to these filters: if they cover a notification, it gets the present one. */
  subscribed(thing: string, filters: readonly string[]): void;
  /** The thing is back in a session that kept its subscriptions: what was said while it was away is said again. */
  resumed(thing: string): void;
  /** The thing asked what is next and could not be answered: it is told, so that it asks again. */
  unanswered(thing: string): void;
  /** Tells nothing any more; resolves when nothing is under way. */
  close(): Promise<void>;
}

export function createJobNotifications<P>({
  pending,
  server,
  clock,
  timers,
  log,
}: {
  /** The one way to read what is pending: were there two, the older state could be sent last. */
  readonly pending: Batcher<string, Pending>;
  readonly server: Pick<MqttServer<P>, 'publish'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}): JobNotifications {
  const untold = new Map<string, Nothing>();
  const closing = new AbortController();
  let telling: Promise<void> | undefined;

  function want(thing: string, nothing: Nothing): void {
    if (closing.signal.aborted) return;
    if (untold.get(thing) !== 'say') untold.set(thing, nothing);
    telling ??= tellAll();
  }

  async function tellAll(): Promise<void> {
    while (untold.size > 0 && !closing.signal.aborted) {
      const batch = [...untold.entries()].slice(0, maxBatch);
      for (const [thing] of batch) untold.delete(thing);
      const failures = await Promise.all(batch.map(([thing, nothing]) => tell(thing, nothing)));
      const failed = failures.filter((failure) => failure !== undefined);
      if (failed.length === 0) continue;
      const [error] = failed;
      log.warn('job notifications could not be made; they will be tried again', { things: failed.length, error });
      await delay(timers, retryMs, closing.signal).catch(() => {});
    }
    telling = undefined;
  }

  /** Returns what kept it from being told. */
  async function tell(thing: string, nothing: Nothing): Promise<string | undefined> {
    try {
      const { executions, withdrawn } = await pending.submit(thing);
      if (executions.length > 0 || withdrawn || nothing === 'say') notify(thing, executions);
      return undefined;
    } catch (error) {
      if (untold.get(thing) !== 'say') untold.set(thing, nothing);
      return messageChain(error);
    }
  }

  function notify(thing: string, executions: readonly PendingExecution[]): void {
    const now = clock.now();
    const views = (status: string) =>
      executions
        .filter(({ execution }) => execution.status === status)
        .map(({ execution }) => summaryView(execution, now));
    const [next] = executions;
    send(thing, 'notify', jobsNotification(now, views('IN_PROGRESS'), views('QUEUED')));
    send(thing, 'notify-next', jobExecutionAnswer({ now }, next && executionView(next, now, true)));
  }

  function send(thing: string, form: 'notify' | 'notify-next', payload: object): void {
    const topic = jobsNotifyTopic(thing, form, deploymentNamespace);
    server.publish(topic, JSON.stringify(payload), { qos: 1, queueOffline: false });
  }

  return {
    changed(things) {
      for (const thing of things) want(thing, 'say');
    },
    subscribed(thing, filters) {
      const topics = (['notify', 'notify-next'] as const).map((form) =>
        jobsNotifyTopic(thing, form, deploymentNamespace),
      );
      if (filters.some((filter) => topics.some((topic) => topicMatches(filter, topic)))) want(thing, 'if-withdrawn');
    },
    resumed: (thing) => want(thing, 'say'),
    unanswered: (thing) => want(thing, 'if-withdrawn'),
    async close() {
      closing.abort();
      untold.clear();
      await telling;
    },
  };
}
