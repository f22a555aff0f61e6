import { type ComponentState, diff } from '@greensward/model/diff';
import type { ComponentSpec } from './lifecycle.ts';

/** What a change asks of a component that runs, and what it was that changed, for the log. */
export interface Reaction {
  readonly kind: 'none' | 'restart' | 'reinstall';
  readonly reasons: readonly string[];
}

/** The restart matrix of the model for one component. Configuration, limits and the environment never restart. */
export function reactionTo(before: ComponentSpec, after: ComponentSpec): Reaction {
  const [step] = diff(new Map([[before.name, toState(before)]]), new Map([[after.name, toState(after)]]));
  if (step?.kind !== 'restart' && step?.kind !== 'reinstall') return { kind: 'none', reasons: [] };
  return { kind: step.kind, reasons: step.reasons };
}

function toState(spec: ComponentSpec): ComponentState {
  const { version, lifecycle, configuration, dependencies, user, limits } = spec;
  const runWith = { posixUser: user, systemResourceLimits: limits };
  return { version, componentType: '', lifecycle, configuration, runWith, dependencies };
}
