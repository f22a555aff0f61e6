import { Fault } from '@greensward/kit';
import { parseDeploymentReport } from '@greensward/protocol/deployment-shadow';
import {
  applyShadowDelete,
  applyShadowUpdate,
  DEPLOYMENT_SHADOW,
  isShadowName,
  parseShadowUpdate,
  type Shadow,
  shadowDocument,
  shadowRejection,
  shadowRequestToken,
} from '@greensward/protocol/shadow';
import { shadowTopic } from '@greensward/protocol/topics';
import type { ShadowRecord } from '../domain/shadow/shadow-record.ts';
import type { Tx } from '../ports/storage.ts';
import type { ShadowAnswer, ShadowMessage, ShadowRequest, ShadowUseCases } from './app.ts';
import { createArns } from './arns.ts';
import type { AppDeps } from './context.ts';
import { applyDeploymentReport, followUps } from './deployment-shadow.ts';
import { toRecord, toShadow } from './shadow-records.ts';

/** Device shadows, classic and named. Faults become the rejection document that shadow clients know. */
export function createShadows(deps: AppDeps): ShadowUseCases {
  const { storage, clock, bus, account } = deps;
  const arns = createArns(account);

  return {
    async handle(requests) {
      // Readers do not wait for writers, so a list that only reads does not become one.
      const readsOnly = requests.every(({ action }) => action === 'get');
      const answers = await storage[readsOnly ? 'read' : 'write'](async (tx) => {
        const now = clock.now();
        const shadows = new Map(
          [...(await tx.shadows.getMany(distinct(requests)))].map(([key, record]) => [key, toShadow(record)]),
        );
        const changed = new Map<string, ShadowRecord>();
        const results: ShadowAnswer[] = [];
        for (const request of requests) {
          const key = keyOf(request);
          const { answer, shadow } = answerOne(request, shadows.get(key), now);
          results.push(answer);
          if (shadow === undefined) continue;
          shadows.set(key, shadow);
          changed.set(key, toRecord(request.thing, request.name, shadow, now));
          if (request.name === DEPLOYMENT_SHADOW && request.action === 'update') await report(tx, request, now);
        }
        if (changed.size > 0) await tx.shadows.put([...changed.values()]);
        return results;
      });
      const messages = requests.flatMap((request, index) => toldOverBus(request, answers[index]));
      if (messages.length > 0) bus.publish({ kind: 'shadow-changed', messages });
      if (!readsOnly) bus.publish({ kind: 'things-changed' });
      return answers;
    },

    names: (thing, page) => storage.read((tx) => tx.shadows.names(thing, page)),
  };

  async function report(tx: Tx, request: ShadowRequest, now: number): Promise<void> {
    const reported = parseDeploymentReport(request.payload);
    if (reported !== undefined) await applyDeploymentReport(tx, arns, request.thing, reported, now);
  }
}

/** The answer to one request and, when it changed the shadow, the new one. */
function answerOne(
  request: ShadowRequest,
  current: Shadow | undefined,
  now: number,
): { readonly answer: ShadowAnswer; readonly shadow?: Shadow } {
  const name = request.name === '' ? undefined : request.name;
  const token = shadowRequestToken(request.payload);
  try {
    if (name !== undefined && !isShadowName(name)) throw new Fault('InvalidRequestException', 'Invalid shadow name');
    switch (request.action) {
      case 'get':
        return { answer: accepted(shadowDocument(current, now, name, token)) };
      case 'delete': {
        const change = applyShadowDelete(current, now, name, token);
        return { answer: accepted(change.accepted), shadow: change.shadow };
      }
      case 'update': {
        const change = applyShadowUpdate(current, parseShadowUpdate(request.payload), now, name);
        const messages = followUps(shadowTopic(request.thing, name, 'update'), change);
        return { answer: { ...accepted(change.accepted), messages }, shadow: change.shadow };
      }
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const rejection = shadowRejection(error, now, token);
    const code = typeof rejection['code'] === 'number' ? rejection['code'] : 500;
    return { answer: { ok: false, code, response: JSON.stringify(rejection), messages: [] } };
  }
}

function accepted(document: object): {
  readonly ok: true;
  readonly response: string;
  readonly messages: readonly ShadowMessage[];
} {
  return { ok: true, response: JSON.stringify(document), messages: [] };
}

/** A change over HTTP reaches subscribers as one over MQTT does: with its `accepted`, then what follows from it. */
function toldOverBus(request: ShadowRequest, answer: ShadowAnswer | undefined): readonly ShadowMessage[] {
  if (request.via === 'mqtt' || request.action === 'get' || answer?.ok !== true) return [];
  const topic = shadowTopic(request.thing, request.name === '' ? undefined : request.name, request.action);
  return [{ topic: `${topic}/accepted`, payload: answer.response }, ...answer.messages];
}

function keyOf({ thing, name }: { readonly thing: string; readonly name: string }): string {
  return `${thing}/${name}`;
}

function distinct(requests: readonly ShadowRequest[]): { thing: string; name: string }[] {
  return [...new Map(requests.map(({ thing, name }) => [keyOf({ thing, name }), { thing, name }])).values()];
}
