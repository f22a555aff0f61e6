import { Fault, type JsonObject, messageOf } from '@greensward/kit';
import { deploymentReport, parseDeploymentShadow } from '@greensward/protocol/deployment-shadow';
import { parseRejection } from '@greensward/protocol/jobs';
import { DEPLOYMENT_SHADOW, shadowRequestToken } from '@greensward/protocol/shadow';
import { parseReservedTopic, shadowTopic } from '@greensward/protocol/topics';
import { DETAILED_STATUSES } from '@greensward/protocol/vocabulary';
import type { Channel, ChannelDeps } from './channel.ts';
import { PendingRequests } from './pending-requests.ts';
import { noShadowSeen, takeShadow } from './shadow-intake.ts';
import type { StatusReport } from './uplink.ts';

export type ShadowReport = StatusReport & { readonly source: { readonly kind: 'shadow' } };

/** A cloud that changes what is reported would otherwise be answered for ever. */
const maxRepublished = 5;
/** Characters of a cause: a shadow of AWS holds 8 KB, most of which the document takes, and a rejected report is lost. */
const maxCause = 1024;

/** The named shadow AWSManagedGreengrassV2Deployment: deployments to one thing (device protocol, section 4). */
export function createShadowChannel(deps: ChannelDeps & { readonly nucleusVersion: string }): Channel<ShadowReport> {
  const { thingName, log } = deps;
  const update = shadowTopic(thingName, DEPLOYMENT_SHADOW, 'update');
  const get = shadowTopic(thingName, DEPLOYMENT_SHADOW, 'get');
  const pending = new PendingRequests(deps.timers, deps.timeoutMs);
  let memory = noShadowSeen;
  let last: { readonly configurationArn: string; readonly status: string; readonly payload: JsonObject } | undefined;
  let republished = 0;

  function ask(): void {
    deps.send(get, { thingName, shadowName: DEPLOYMENT_SHADOW }).catch((error: unknown) => {
      log.debug('asking for the deployment shadow failed', { reason: messageOf(error) });
    });
  }

  function republish(): void {
    if (last === undefined || republished >= maxRepublished) return;
    republished += 1;
    publish(last.payload).catch((error: unknown) => {
      log.debug('the last deployment status could not be reported again', { reason: messageOf(error) });
    });
  }

  function publish(payload: JsonObject) {
    const token = deps.ids.uuid();
    return pending.ask(token, () => deps.send(update, { ...payload, clientToken: token }));
  }

  function taken(payload: Uint8Array, own: boolean): void {
    // The echo of an own report may be older than the last one; only what others wrote is compared with it.
    const decision = takeShadow(memory, parseDeploymentShadow(payload), own ? undefined : last);
    memory = decision.memory;
    if (decision.problem !== undefined) log.warn('deployment shadow ignored', { reason: decision.problem });
    if (decision.republish) republish();
    if (decision.arrival !== undefined) deps.arrive(decision.arrival);
  }

  return {
    filters: [`${update}/accepted`, `${update}/rejected`, `${get}/accepted`],
    refresh: ask,

    receive(topic, payload) {
      const parsed = parseReservedTopic(topic);
      if (parsed === undefined || !('shadowName' in parsed) || parsed.shadowName !== DEPLOYMENT_SHADOW) return false;
      if (parsed.kind === 'shadow-update' && parsed.response === 'accepted') {
        taken(payload, pending.settle(shadowRequestToken(payload), 'accepted'));
      } else if (parsed.kind === 'shadow-update' && parsed.response === 'rejected') {
        const rejection = parseRejection(payload);
        pending.settle(rejection.clientToken, rejection);
        ask();
      } else if (parsed.kind === 'shadow-get' && parsed.response === 'accepted') taken(payload, false);
      return true;
    },

    async report({ source, status, ...outcome }) {
      const { configurationArn } = source;
      const detailedStatus = DETAILED_STATUSES.find((item) => item === outcome.detailedStatus);
      const final = status !== 'IN_PROGRESS' && status !== 'CANCELED';
      const payload = deploymentReport(thingName, DEPLOYMENT_SHADOW, {
        configurationArn,
        status,
        outcome: {
          ...outcome,
          failureCause: outcome.failureCause?.slice(0, maxCause),
          detailedStatus: final ? detailedStatus : undefined,
        },
        nucleusVersion: deps.nucleusVersion,
      });
      last = { configurationArn, status, payload };
      republished = 0;
      const answer = await publish(payload);
      if (answer === 'accepted') return answer;
      const { code, message } = answer;
      // A conflict is settled by the next try: reports carry no version, but a cloud may still lock.
      if (code === '409' || code === '429' || /^5\d\d$/.test(code)) {
        throw new Fault('SERVER_ERROR', `deployment shadow update: ${code}: ${message}`, { retryable: true });
      }
      log.warn('deployment shadow update was rejected', { configurationArn, status, code, reason: message });
      return 'rejected';
    },

    disconnected(reason) {
      pending.failAll(reason);
    },
  };
}
