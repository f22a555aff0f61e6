import type { Clock, Ids, Log, Timers } from '@greensward/kit';
import type { Account } from '../app/context.ts';
import type { Retention } from '../domain/history/retention.ts';
import type { Bus } from '../ports/bus.ts';
import type { Storage } from '../ports/storage.ts';
import { createDynamicGroupsTick } from './dynamic-groups-tick.ts';
import { pruneTick } from './prune-tick.ts';
import { createRetentionTick } from './retention-tick.ts';
import { rolloutTick } from './rollout-tick.ts';
import { createScheduler, type Task } from './scheduler.ts';
import { sweepTick } from './sweep-tick.ts';
import { timeoutTick } from './timeout-tick.ts';

/** What the background tasks need. */
export interface TaskDeps {
  readonly storage: Storage;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly ids: Ids;
  readonly log: Log;
  readonly account: Account;
  readonly retention: Retention;
}

/**
 * Starts the background tasks: rollouts, the sweep after jobs and dynamic groups (these also on a signal of the bus), timeouts,
 * and the pruning of what is of no use any more.
 */
export function startTasks(given: TaskDeps): { stop(): Promise<void> } {
  const deps = { ...given, holder: given.ids.uuid() };
  const start = (task: Task) => createScheduler(task, { ...deps, chance: () => (deps.ids.random(1)[0] ?? 0) / 256 });
  const rollout = start({ name: 'rollout', tick: () => rolloutTick(deps), maxIdleMs: 60_000 });
  const sweep = start({ name: 'sweep', tick: () => sweepTick(deps), maxIdleMs: 60_000 });
  // New timers give no signal (they may be set through another process): as the shortest is a minute, one is seen before it
  // fires, and the task is then there when it does.
  const timeouts = start({ name: 'timeouts', tick: () => timeoutTick(deps), maxIdleMs: 30_000 });
  const prune = start({ name: 'prune', tick: () => pruneTick(deps), maxIdleMs: 3_600_000 });
  const dynamicGroups = start({ name: 'dynamic-groups', tick: createDynamicGroupsTick(deps), maxIdleMs: 60_000 });
  const retention = start({ name: 'retention', tick: createRetentionTick(deps), maxIdleMs: 3_600_000 });
  const unsubscribe = deps.bus.subscribe((event) => {
    if (event.kind === 'rollout') rollout.signal();
    if (event.kind === 'job-ended') sweep.signal();
    if (event.kind === 'things-changed') dynamicGroups.signal();
  });
  return {
    async stop() {
      unsubscribe();
      await Promise.all([rollout, sweep, timeouts, prune, dynamicGroups, retention].map((task) => task.stop()));
    },
  };
}
