import { type Cancel, delay, Fault, type Log, type Timers } from '@greensward/kit';

/** What components are told before a deployment replaces components (`PreComponentUpdateEvent`). */
export interface UpdateEvent {
  readonly deploymentId: string;
  /** The runtime itself will start again. */
  readonly isGgcRestarting: boolean;
}

/** Components that asked to hear of updates before and after (`SubscribeToComponentUpdates`). */
export interface UpdateSubscribers {
  /** Their names, as they are subscribed now. */
  names(): readonly string[];
  /**
   * Sends the event to all. Until the returned function is called, `onAnswer` is told each answer (`DeferComponentUpdate`):
   * `recheckAfterMs` of 0 agrees. Later answers are too late.
   */
  ask(event: UpdateEvent, onAnswer: (component: string, recheckAfterMs: number) => void): Cancel;
  /** The update of this deployment is over, or will not be (`PostComponentUpdateEvent`). */
  tellDone(deploymentId: string): void;
}

interface ConsentDeps {
  readonly subscribers: UpdateSubscribers;
  readonly timers: Timers;
  readonly log: Log;
  /** All deferrals together, in ms. */
  readonly limitMs: number;
}

/** How often it is looked whether those that are waited for are still there. */
const lookMs = 1_000;

/**
 * Waits until no component defers the update: each has agreed, gone, or been silent for `timeoutMs`. The longest deferral is waited
 * for, and then all are asked again.
 *
 * @throws Fault `COMPONENT_UPDATE_ERROR` when the deferrals exceed the limit; the signal's reason when it aborts.
 */
export async function awaitConsent(
  event: UpdateEvent,
  timeoutMs: number,
  deps: ConsentDeps,
  signal: AbortSignal,
): Promise<void> {
  const { timers, log, limitMs } = deps;
  const since = timers.monotonic();
  for (;;) {
    signal.throwIfAborted();
    const answers = await askAll(event, timeoutMs, deps, signal);
    const [component, recheckAfterMs] = longest(answers);
    if (recheckAfterMs === 0) return;
    const leftMs = since + limitMs - timers.monotonic();
    log.info('a component defers the update', { component, deployment: event.deploymentId, recheckAfterMs });
    if (leftMs <= 0) {
      throw new Fault(
        'COMPONENT_UPDATE_ERROR',
        `${component} still defers the update after ${Math.round(limitMs / 1000)} s, the limit for deferrals`,
      );
    }
    await delay(timers, Math.min(recheckAfterMs, leftMs), signal);
  }
}

/** The answers of one round: it ends when all have answered that are there, or after `timeoutMs`. */
function askAll(
  event: UpdateEvent,
  timeoutMs: number,
  { subscribers, timers }: ConsentDeps,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const answers = new Map<string, number>();
  const { promise, resolve, reject } = Promise.withResolvers<ReadonlyMap<string, number>>();
  if (subscribers.names().length === 0) return Promise.resolve(answers);
  const until = timers.monotonic() + timeoutMs;
  let cancelTimer: Cancel = () => {};
  const look = () => {
    cancelTimer();
    const leftMs = until - timers.monotonic();
    if (leftMs <= 0 || subscribers.names().every((name) => answers.has(name))) resolve(answers);
    else cancelTimer = timers.after(Math.min(lookMs, leftMs), look);
  };
  const endAsking = subscribers.ask(event, (component, recheckAfterMs) => {
    answers.set(component, Math.max(0, recheckAfterMs));
    look();
  });
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  look();
  return promise.finally(() => {
    cancelTimer();
    signal.removeEventListener('abort', onAbort);
    endAsking();
  });
}

function longest(answers: ReadonlyMap<string, number>): readonly [component: string, recheckAfterMs: number] {
  return [...answers].sort(([, a], [, b]) => b - a)[0] ?? ['', 0];
}
