import type { ComponentState } from './lifecycle.ts';

/** States that can be asked for. */
type DesiredState = 'NEW' | 'INSTALLED' | 'RUNNING' | 'FINISHED' | 'UNINSTALLED';

/** What runs for a component right now. `start` goes on as long as its main process does. */
export type Activity = 'install' | 'start' | 'shutdown' | 'kill' | 'recover' | 'uninstall';

/** States whose errors are counted. */
type CountedState = 'NEW' | 'STARTING' | 'RUNNING';

interface ErrorCount {
  readonly count: number;
  /** Monotonic ms of the last error. */
  readonly at: number;
}

/** One component, as far as the transition function knows it. */
export interface Machine {
  readonly state: ComponentState;
  /** States to reach, in order; each is dropped when it is reached. */
  readonly desired: readonly DesiredState[];
  readonly activity: Activity | 'none';
  /** Number of the last activity. What an earlier one still reports is ignored. */
  readonly generation: number;
  /** All HARD dependencies are ready. */
  readonly ready: boolean;
  /** To be stopped for good: nothing is begun any more but what ends it. */
  readonly closing: boolean;
  /** Where the error happened that is being dealt with. */
  readonly erroredIn: CountedState | 'STOPPING' | undefined;
  readonly errors: Readonly<Partial<Record<CountedState, ErrorCount>>>;
  readonly statusCodes: readonly string[];
  readonly reason: string | undefined;
}

/** Why a step did not do what it should. */
export interface StepFailure {
  /** A `ComponentStatusCode`. */
  readonly code: string;
  readonly reason: string;
}

export type Request = 'start' | 'stop' | 'restart' | 'reinstall' | 'close' | 'uninstall';

export type LifecycleEvent =
  | { readonly kind: 'request'; readonly request: Request }
  /** The HARD dependencies became ready, or are no longer. */
  | { readonly kind: 'dependencies'; readonly ready: boolean }
  /** `install`, `shutdown`, `kill`, `recover` or `uninstall` is over. */
  | { readonly kind: 'done'; readonly generation: number; readonly failure?: StepFailure }
  /** `Run` is forked, or `Startup` exited 0. */
  | { readonly kind: 'running'; readonly generation: number }
  /** Nothing (more) to run: `Run` exited 0, or there is no main step; or the main step failed. */
  | { readonly kind: 'ended'; readonly generation: number; readonly failure?: StepFailure }
  /** The time limit of the main step is over. That of `Startup` counts only while STARTING. */
  | { readonly kind: 'timeout'; readonly generation: number; readonly step: 'startup' | 'run' };

export type Effect =
  /** The component is in this state now. */
  | {
      readonly kind: 'state';
      readonly state: ComponentState;
      readonly statusCodes: readonly string[];
      readonly reason: string | undefined;
    }
  /** Do this, and answer with events of this generation; whatever went on before is abandoned. */
  | { readonly kind: 'begin'; readonly activity: Activity; readonly generation: number };

export interface TransitionContext {
  /** Monotonic ms. */
  readonly at: number;
  /** An error this long after the one before it is a first one again, in ms. */
  readonly errorResetMs: number;
}

/** The third error in a row in one state breaks the component. */
const maxErrors = 3;

export function newMachine(ready: boolean): Machine {
  return {
    state: 'NEW',
    desired: [],
    activity: 'none',
    generation: 0,
    ready,
    closing: false,
    erroredIn: undefined,
    errors: {},
    statusCodes: [],
    reason: undefined,
  };
}

/** True when dependers of HARD type may start: RUNNING, FINISHED, or on the way to a stop that no error caused. */
export function isReady(machine: Machine): boolean {
  if (machine.state === 'STOPPING') return machine.erroredIn === undefined;
  return machine.state === 'RUNNING' || machine.state === 'FINISHED';
}

/** True when nothing is left to do for the component: its desired states are reached, or its close is done. */
export function isIdle(machine: Machine): boolean {
  if (machine.closing) return machine.activity === 'none';
  return machine.desired.length === 0 && (machine.activity === 'none' || machine.state === 'RUNNING');
}

/** The rules of a component's life: what an event changes, and what is to be done. Pure. */
export function transition(
  machine: Machine,
  event: LifecycleEvent,
  context: TransitionContext,
): { readonly machine: Machine; readonly effects: readonly Effect[] } {
  const draft = new Draft(machine);
  handle(draft, event, context);
  advance(draft);
  return { machine: draft.machine, effects: draft.effects };
}

class Draft {
  machine: Machine;
  readonly effects: Effect[] = [];

  constructor(machine: Machine) {
    this.machine = machine;
  }

  set(change: Partial<Machine>): void {
    this.machine = { ...this.machine, ...change };
  }

  enter(state: ComponentState, failure?: StepFailure): void {
    const { statusCodes, reason } = failure
      ? { statusCodes: [failure.code], reason: failure.reason }
      : { statusCodes: [], reason: undefined };
    this.set({ state, statusCodes, reason });
    this.effects.push({ kind: 'state', state, statusCodes, reason });
    this.dropReached();
  }

  begin(activity: Activity): void {
    const generation = this.machine.generation + 1;
    this.set({ activity, generation });
    this.effects.push({ kind: 'begin', activity, generation });
  }

  dropReached(): void {
    const { desired, state, activity } = this.machine;
    // NEW is reached by leaving the old installation, not by an installation that is under way already.
    if (desired[0] === state && !(state === 'NEW' && activity !== 'none')) this.set({ desired: desired.slice(1) });
  }
}

function handle(draft: Draft, event: LifecycleEvent, context: TransitionContext): void {
  const { machine } = draft;
  switch (event.kind) {
    case 'request':
      request(draft, event.request);
      return;
    case 'dependencies': {
      const lost = machine.ready && !event.ready;
      draft.set({ ready: event.ready });
      // Only one that uses its dependency restarts; INSTALLED waits anyway, FINISHED and BROKEN do not react.
      if (lost && (machine.state === 'STARTING' || machine.state === 'RUNNING')) request(draft, 'restart');
      return;
    }
    case 'done':
      if (event.generation === machine.generation) done(draft, event.failure, context);
      return;
    case 'running':
      if (event.generation !== machine.generation || machine.state !== 'STARTING') return;
      clearErrors(draft, 'STARTING');
      draft.enter('RUNNING');
      return;
    case 'ended':
      if (event.generation === machine.generation) ended(draft, event.failure, context);
      return;
    case 'timeout': {
      if (event.generation !== machine.generation) return;
      if (event.step === 'startup' && machine.state !== 'STARTING') return;
      const failure =
        event.step === 'startup'
          ? { code: 'STARTUP_TIMEOUT', reason: 'The startup script did not finish in time.' }
          : { code: 'RUN_TIMEOUT', reason: 'The run script did not finish in time.' };
      ended(draft, failure, context);
      return;
    }
  }
}

function request(draft: Draft, wanted: Request): void {
  const { state, desired, closing } = draft.machine;
  const last = desired.at(-1);
  switch (wanted) {
    case 'start':
      if (last !== 'RUNNING') {
        draft.set({ desired: [...(last === 'FINISHED' ? desired.slice(0, -1) : []), 'RUNNING'] });
      }
      draft.set({ closing: false });
      break;
    case 'stop':
      if (last !== 'UNINSTALLED') draft.set({ desired: desired[0] === 'NEW' ? ['NEW', 'FINISHED'] : ['FINISHED'] });
      break;
    case 'restart':
      if (closing || (state === 'NEW' && desired.length === 0)) return;
      draft.set({ desired: [desired[0] === 'NEW' ? 'NEW' : 'INSTALLED', 'RUNNING'] });
      break;
    case 'reinstall':
      draft.set({ desired: ['NEW', 'RUNNING'], closing: false });
      break;
    case 'close':
      if (last !== 'UNINSTALLED') draft.set({ desired: ['FINISHED'] });
      draft.set({ closing: true });
      break;
    case 'uninstall':
      draft.set({ desired: state === 'BROKEN' ? ['UNINSTALLED'] : ['FINISHED', 'UNINSTALLED'], closing: true });
      break;
  }
  draft.dropReached();
}

function done(draft: Draft, failure: StepFailure | undefined, context: TransitionContext): void {
  const { activity, state } = draft.machine;
  if (activity === 'none' || activity === 'start') return;
  draft.set({ activity: 'none' });
  switch (activity) {
    case 'install':
      if (failure) {
        fail(draft, 'NEW', failure, context);
        return;
      }
      clearErrors(draft, 'NEW');
      // An installation that is out of date already is not the end of NEW: it begins again.
      if (draft.machine.desired[0] !== 'NEW') draft.enter('INSTALLED');
      return;
    case 'shutdown':
      // What breaks stays BROKEN whatever its shutdown did.
      if (state === 'STOPPING') stopped(draft, failure);
      return;
    case 'recover':
      recovered(draft);
      return;
    case 'kill':
      // Only a close kills, and only where no shutdown script is due: in NEW, or in ERRORED from NEW or STOPPING.
      if (state !== 'ERRORED') return;
      draft.set({ erroredIn: undefined });
      draft.enter('FINISHED');
      return;
    case 'uninstall':
      draft.enter('UNINSTALLED');
      return;
  }
}

function stopped(draft: Draft, failure: StepFailure | undefined): void {
  if (failure) {
    draft.set({ erroredIn: 'STOPPING' });
    draft.enter('ERRORED', failure);
    if (!draft.machine.closing) {
      draft.begin('recover');
      return;
    }
  }
  leaveStopping(draft);
}

/** `Recover` is over, whatever came of it. */
function recovered(draft: Draft): void {
  const { erroredIn, desired } = draft.machine;
  if (erroredIn === 'STOPPING') {
    leaveStopping(draft);
    return;
  }
  if (desired.length === 0) draft.set({ desired: ['RUNNING'] });
  if (erroredIn === 'NEW') {
    draft.set({ erroredIn: undefined });
    draft.enter('NEW');
    return;
  }
  draft.enter('STOPPING');
  draft.begin('shutdown');
}

function leaveStopping(draft: Draft): void {
  draft.set({ erroredIn: undefined });
  const next = draft.machine.desired[0];
  draft.enter(next === 'NEW' ? 'NEW' : next === 'INSTALLED' || next === 'RUNNING' ? 'INSTALLED' : 'FINISHED');
}

/** The main step is over. */
function ended(draft: Draft, failure: StepFailure | undefined, context: TransitionContext): void {
  const { activity, state } = draft.machine;
  if (activity !== 'start' || (state !== 'STARTING' && state !== 'RUNNING')) return;
  if (failure) {
    fail(draft, state, failure, context);
    return;
  }
  clearErrors(draft, state);
  request(draft, 'stop');
}

function fail(draft: Draft, where: CountedState, failure: StepFailure, context: TransitionContext): void {
  const before = draft.machine.errors[where];
  const count = before && context.at - before.at < context.errorResetMs ? before.count + 1 : 1;
  draft.set({ erroredIn: where, errors: { ...draft.machine.errors, [where]: { count, at: context.at } } });
  if (count < maxErrors) {
    draft.enter('ERRORED', failure);
    draft.begin('recover');
    return;
  }
  draft.enter('BROKEN', failure);
  // The processes of a failed Install are gone; those of a main step are shut down as in STOPPING.
  if (where !== 'NEW') draft.begin('shutdown');
}

function clearErrors(draft: Draft, state: CountedState): void {
  const { [state]: _, ...others } = draft.machine.errors;
  draft.set({ errors: others });
}

/** Goes on from state to state until something has to be done or waited for. */
function advance(draft: Draft): void {
  while (step(draft)) {
    // Each step enters a state of its own; a cycle would need an activity on the way.
  }
}

function step(draft: Draft): boolean {
  const { state, desired, activity, closing, ready, erroredIn } = draft.machine;
  const next = desired[0];
  const enter = (to: ComponentState) => {
    draft.enter(to);
    return true;
  };
  const begin = (what: Activity) => {
    draft.begin(what);
    return false;
  };
  switch (state) {
    case 'NEW':
      if (closing && activity === 'install') return begin('kill');
      if (activity !== 'none') return false;
      if (closing) return desired.includes('UNINSTALLED') ? begin('uninstall') : finishClose(draft);
      if (next === 'NEW') draft.dropReached();
      return draft.machine.desired.length === 0 ? false : begin('install');
    case 'INSTALLED':
      if (closing || next === 'FINISHED' || next === 'UNINSTALLED') return enter('FINISHED');
      if (next === 'NEW') return enter('NEW');
      if (next !== 'RUNNING' || !ready) return false;
      draft.enter('STARTING');
      return begin('start');
    case 'STARTING':
    case 'RUNNING':
      if (next === undefined || next === 'RUNNING') return false;
      draft.enter('STOPPING');
      return begin('shutdown');
    case 'STOPPING':
      return false;
    case 'ERRORED':
      if (!closing || activity !== 'recover') return false;
      if (erroredIn !== 'STARTING' && erroredIn !== 'RUNNING') return begin('kill');
      draft.enter('STOPPING');
      return begin('shutdown');
    case 'BROKEN':
      if (activity !== 'none') return false;
      if (next === 'NEW') {
        draft.set({ errors: {}, erroredIn: undefined });
        return enter('NEW');
      }
      if (desired.includes('UNINSTALLED')) return begin('uninstall');
      // Everything but a reinstallation is refused, so that nothing waits for it for ever.
      draft.set({ desired: [] });
      return false;
    case 'FINISHED':
      if (activity !== 'none') return false;
      if (next === 'UNINSTALLED') return begin('uninstall');
      if (next === 'NEW') return enter('NEW');
      return next === 'INSTALLED' || next === 'RUNNING' ? enter('INSTALLED') : false;
    case 'UNINSTALLED':
      return !closing && next !== undefined ? enter('NEW') : false;
  }
}

function finishClose(draft: Draft): boolean {
  draft.set({ desired: [] });
  return false;
}
