import type { UpdateEvent, UpdateSubscribers } from '../consent.ts';
import type { DeploymentLimits } from '../limits.ts';
import type { ValidationSubscribers } from '../validation.ts';

/** Nobody has subscribed. */
export const noSubscribers: UpdateSubscribers & ValidationSubscribers = {
  names: () => [],
  ask: () => () => {},
  tellDone: () => {},
};

/** Limits that no test reaches. */
export const longLimits: DeploymentLimits = {
  deferralMs: 1e9,
  activationMs: 1e9,
  removalMs: 1e9,
  restartMs: 1e9,
};

type Answer = (component: string, recheckAfterMs: number) => void;

/** Components that are asked before updates; a test answers for them. */
export class AskedComponents implements UpdateSubscribers {
  subscribed: readonly string[];
  /** What they were told so far. */
  readonly asked: UpdateEvent[] = [];
  readonly done: string[] = [];
  private listener: Answer | undefined;
  /** Called at each question. */
  onAsk: (answer: Answer) => void = () => {};

  constructor(...subscribed: readonly string[]) {
    this.subscribed = subscribed;
  }

  names(): readonly string[] {
    return this.subscribed;
  }

  ask(event: UpdateEvent, onAnswer: Answer): () => void {
    this.asked.push(event);
    this.listener = onAnswer;
    this.onAsk(onAnswer);
    return () => {
      this.listener = undefined;
    };
  }

  tellDone(deploymentId: string): void {
    this.done.push(deploymentId);
  }

  /** False: nobody listens for an answer now. */
  answer(component: string, recheckAfterMs: number): boolean {
    this.listener?.(component, recheckAfterMs);
    return this.listener !== undefined;
  }
}
