import { type Backoff, backoffDelay, type Cancel, Fault, messageOf } from '@greensward/kit';
import {
  deploymentStatusDetails,
  jobGetRequest,
  jobUpdateRequest,
  parseJobAnswer,
  parseJobsNotification,
  parseRejection,
} from '@greensward/protocol/jobs';
import {
  DEPLOYMENT_NAMESPACE,
  jobsNotifyTopic,
  jobTopic,
  NEXT_JOB,
  parseReservedTopic,
} from '@greensward/protocol/topics';
import { DETAILED_STATUSES } from '@greensward/protocol/vocabulary';
import type { Channel, ChannelDeps } from './channel.ts';
import { PendingRequests } from './pending-requests.ts';
import type { StatusReport } from './uplink.ts';

export type JobReport = StatusReport & { readonly source: { readonly kind: 'job' } };

/** Rejections after which the same request may succeed; all others are final, as for the nucleus. */
const passing = new Map([
  ['InternalError', 'SERVER_ERROR'],
  ['RequestThrottled', 'THROTTLING_ERROR'],
]);
/** Where the nucleus asks again at full speed: a job was announced, but is not there yet. */
const askAgain: Backoff = { firstMs: 1_000, maxMs: 30_000 };
const maxAskAgain = 6;

/** Jobs of the namespace aws-gg-deployment: deployments to thing groups (device protocol, section 2). */
export function createJobChannel(deps: ChannelDeps): Channel<JobReport> {
  const { thingName, log, timers } = deps;
  const next = jobTopic(thingName, NEXT_JOB, 'get', DEPLOYMENT_NAMESPACE);
  // One subscription for the answers of every update, where the nucleus subscribes and unsubscribes at each.
  const updates = jobTopic(thingName, '+', 'update', DEPLOYMENT_NAMESPACE);
  const notify = jobsNotifyTopic(thingName, 'notify', DEPLOYMENT_NAMESPACE);
  const pending = new PendingRequests(timers, deps.timeoutMs);
  /** Token of the last question for the next job. Only its answer counts: all others are out of date. */
  let question: string | undefined;
  /** A notification spoke of a queued job that has not arrived. */
  let announced = false;
  let asked = 0;
  let cancelAskAgain: Cancel = () => {};

  function ask(): void {
    question = deps.ids.uuid();
    deps.send(next, jobGetRequest(thingName, NEXT_JOB, question)).catch((error: unknown) => {
      log.debug('asking for the next job failed', { reason: messageOf(error) });
    });
  }

  function askLater(): void {
    cancelAskAgain();
    asked += 1;
    if (asked > maxAskAgain) return;
    cancelAskAgain = timers.after(backoffDelay(askAgain, asked, 0.5), ask);
  }

  function answered(payload: Uint8Array): void {
    const { clientToken, execution } = parseJobAnswer(payload);
    // A resumed session may bring what an earlier question was answered; a cloud that echoes no token is believed.
    if (clientToken !== undefined && clientToken !== question) return;
    if (execution === undefined) {
      if (announced) askLater();
      // What was cancelled while the device was away is told by nothing else.
      else if (clientToken !== undefined) deps.arrive({ kind: 'no-job' });
      return;
    }
    announced = false;
    asked = 0;
    cancelAskAgain();
    const { jobId, queuedAt, status, jobDocument } = execution;
    deps.arrive({ kind: 'job', jobId, queuedAt, status, document: jobDocument });
  }

  function notified(payload: Uint8Array): void {
    const { inProgress, queued } = parseJobsNotification(payload);
    if (queued.length > 0) {
      announced = true;
      asked = 0;
      ask();
    } else if (inProgress.length === 0) {
      announced = false;
      deps.arrive({ kind: 'no-job' });
    }
  }

  function refused(payload: Uint8Array): void {
    const { code, message } = parseRejection(payload);
    log.warn('the next job was refused', { code, reason: message });
    if (passing.has(code)) askLater();
  }

  return {
    filters: [`${next}/accepted`, `${next}/rejected`, notify, `${updates}/accepted`, `${updates}/rejected`],

    refresh() {
      asked = 0;
      ask();
    },

    receive(topic, payload) {
      const parsed = parseReservedTopic(topic);
      if (parsed?.kind === 'jobs-notify') notified(payload);
      else if (parsed?.kind === 'job-get' && parsed.response === 'accepted') answered(payload);
      else if (parsed?.kind === 'job-get' && parsed.response === 'rejected') refused(payload);
      else if (parsed?.kind === 'job-update' && parsed.response === 'accepted') {
        pending.settle(parseJobAnswer(payload).clientToken, 'accepted');
      } else if (parsed?.kind === 'job-update' && parsed.response === 'rejected') {
        const rejection = parseRejection(payload);
        pending.settle(rejection.clientToken, rejection);
      } else return false;
      return true;
    },

    async report({ source, status, ...outcome }) {
      // The cloud knows of its own cancellation; the nucleus reports none either.
      if (status === 'CANCELED') return 'accepted';
      const token = deps.ids.uuid();
      const detailedStatus = DETAILED_STATUSES.find((item) => item === outcome.detailedStatus);
      const details = status === 'IN_PROGRESS' ? {} : deploymentStatusDetails({ ...outcome, detailedStatus });
      const topic = jobTopic(thingName, source.jobId, 'update', DEPLOYMENT_NAMESPACE);
      const request = jobUpdateRequest(thingName, source.jobId, status, details, token);
      const answer = await pending.ask(token, () => deps.send(topic, request));
      if (answer === 'accepted') return answer;
      const { code, message } = answer;
      const again = passing.get(code);
      if (again !== undefined) throw new Fault(again, `job update: ${code}: ${message}`, { retryable: true });
      log.warn('job update was rejected', { jobId: source.jobId, status, code, reason: message });
      return 'rejected';
    },

    disconnected(reason) {
      // Asked anew on the next connection: what a session brings of before is out of date.
      question = undefined;
      cancelAskAgain();
      pending.failAll(reason);
    },
  };
}
