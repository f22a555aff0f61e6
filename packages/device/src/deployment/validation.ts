import { type Cancel, Fault, type JsonObject, type Timers } from '@greensward/kit';
import { sameJson, toJson } from '@greensward/model/configuration';
import type { ComponentSet } from '../store/records.ts';

/** Components that look at a new configuration before it counts (`SubscribeToValidateConfigurationUpdates`). */
export interface ValidationSubscribers {
  /** Their names, as they are subscribed now. */
  names(): readonly string[];
  /**
   * Sends one component what its configuration would be. Until the returned function is called, `onAnswer` is told its report
   * (`SendConfigurationValidityReport`); later ones are too late.
   */
  ask(
    component: string,
    event: { readonly configuration: JsonObject; readonly deploymentId: string },
    onAnswer: (answer: { readonly accepted: boolean; readonly message?: string }) => void,
  ): Cancel;
}

/**
 * The configurations that a deployment changes under a component which stays what it is: of another version it is not asked, for what
 * runs now knows nothing of what the new one takes.
 */
export function configurationChanges(before: ComponentSet, after: ComponentSet): ReadonlyMap<string, JsonObject> {
  const changes = new Map<string, JsonObject>();
  for (const { name, version, configuration, builtin } of after.values()) {
    const old = before.get(name);
    if (builtin || old === undefined || old.version !== version) continue;
    const is = toJson(configuration);
    if (!sameJson(is, toJson(old.configuration))) changes.set(name, is);
  }
  return changes;
}

/**
 * Asks the components concerned, all at once, as far as they are subscribed.
 *
 * @throws Fault `COMPONENT_CONFIGURATION_NOT_VALID` when one refuses, with its message, or does not answer within `timeoutMs`; the
 * signal's reason when it aborts.
 */
export async function validateConfigurations(
  changes: ReadonlyMap<string, JsonObject>,
  deploymentId: string,
  timeoutMs: number,
  subscribers: ValidationSubscribers,
  timers: Timers,
  signal: AbortSignal,
): Promise<void> {
  const asked = subscribers.names().filter((name) => changes.has(name));
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  await Promise.all(
    asked.map((component) => {
      const configuration = changes.get(component) ?? {};
      const answer = validateOne(component, { configuration, deploymentId }, timeoutMs, subscribers, timers, either);
      // After the first that refuses nobody waits for the others.
      return answer.catch((error: unknown) => failure.abort(error));
    }),
  );
  either.throwIfAborted();
}

/** How often it is looked whether the component is still there. */
const lookMs = 1_000;

function validateOne(
  component: string,
  event: { readonly configuration: JsonObject; readonly deploymentId: string },
  timeoutMs: number,
  subscribers: ValidationSubscribers,
  timers: Timers,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const refuse = (why: string) => reject(new Fault('COMPONENT_CONFIGURATION_NOT_VALID', `${component} ${why}`));
  const until = timers.monotonic() + timeoutMs;
  let cancelTimer: Cancel = () => {};
  const look = () => {
    const leftMs = until - timers.monotonic();
    // One that has gone does not use the configuration that it has.
    if (!subscribers.names().includes(component)) resolve();
    else if (leftMs <= 0) refuse(`did not say within ${timeoutMs / 1000} s whether its new configuration is valid`);
    else cancelTimer = timers.after(Math.min(lookMs, leftMs), look);
  };
  const endAsking = subscribers.ask(component, event, ({ accepted, message }) => {
    if (accepted) resolve();
    else refuse(`calls its new configuration invalid${message ? `: ${message}` : ''}`);
  });
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  look();
  return promise.finally(() => {
    cancelTimer();
    signal.removeEventListener('abort', onAbort);
    endAsking();
  });
}
