/** A bug, as an exact change of the text of some files; `find` occurs once in each. */
export interface PlantedBug {
  readonly name: string;
  readonly changes: readonly { readonly file: string; readonly find: string; readonly put: string }[];
}

const tick = 'packages/cloud/src/tasks/rollout-tick.ts';
const timeout = 'packages/cloud/src/tasks/timeout-tick.ts';
const rollout = 'packages/model/src/rollout/rollout.ts';
const executions = 'packages/cloud/src/adapters/database/stores/executions.ts';

/** Bugs of the kind that is written by tired people: the simulation has to find each. */
export const plantedBugs: readonly PlantedBug[] = [
  {
    name: '> for >= at the threshold of an abort',
    changes: [
      {
        file: rollout,
        find: 'if (BigInt(failures) * 10_000n < BigInt(',
        put: 'if (BigInt(failures) * 10_000n <= BigInt(',
      },
    ],
  },
  {
    name: 'devices are told before the commit',
    changes: [
      {
        file: 'packages/cloud/src/app/job-updates.ts',
        find: 'const results = await storage.write(async (tx) => {',
        put: `bus.publish({ kind: 'pending-changed', things: updates.map(({ thing }) => thing) });
  const results = await storage.write(async (tx) => {`,
      },
      {
        file: 'packages/cloud/src/app/job-updates.ts',
        find: "if (ended.size > 0) bus.publish({ kind: 'pending-changed', things: [...ended] });",
        put: '',
      },
    ],
  },
  {
    name: 'the lease is ignored, and the plan made outside the transaction carried out without planning again',
    changes: [
      {
        file: tick,
        find: 'retryAfter !== undefined, nextAt: plan.nextAt };',
        put: 'retryAfter !== undefined, nextAt: plan.nextAt, plan };',
      },
      {
        file: tick,
        find: 'return look.due ? await carryOn(deps, jobId) : look.nextAt;',
        put: 'return look.due ? await carryOn(deps, jobId, look.plan) : look.nextAt;',
      },
      {
        file: tick,
        find: 'async function carryOn({ storage, clock, bus, log, holder }: JobTaskDeps, jobId: string)',
        put: 'async function carryOn({ storage, clock, bus, log, holder }: JobTaskDeps, jobId: string, wanted: RolloutPlan)',
      },
      { file: tick, find: 'const until = await lease.heldUntil();', put: 'const until = undefined;' },
      { file: tick, find: 'const wanted = await planned(tx, job, joined, now);\n', put: '' },
    ],
  },
  {
    name: 'timers of before a restart are lost',
    changes: [
      {
        file: timeout,
        find: 'const fired = await tx.executions.timedOut(now, maxRows);',
        put: `const fired = (await tx.executions.timedOut(now, maxRows)).filter(
      ({ startedAt = 0 }) => startedAt >= (births.get(storage) ?? 0),
    );`,
      },
      {
        file: timeout,
        find: 'const now = clock.now();',
        put: `const now = clock.now();
  if (!births.has(storage)) births.set(storage, now);`,
      },
      {
        file: timeout,
        find: 'return nextAt === undefined ? {} :',
        put: 'return nextAt === undefined || nextAt <= now ? {} :',
      },
      {
        file: timeout,
        find: 'const maxRows = 1000;',
        put: 'const maxRows = 1000;\nconst births = new WeakMap<object, number>();',
      },
    ],
  },
  {
    name: 'the minute of the rate does not slide',
    changes: [
      {
        file: rollout,
        find: '.filter(([at]) => at > now - MINUTE);',
        put: '.filter(([at]) => Math.floor(at / MINUTE) === Math.floor(now / MINUTE));',
      },
      // Else the spreading over the minute hides it.
      { file: rollout, find: 'Math.max(MINUTE, perMinute * 10_000)', put: 'Math.max(MINUTE, perMinute * 60_000)' },
    ],
  },
  {
    name: 'a repeated update is applied again',
    changes: [
      {
        file: 'packages/cloud/src/domain/jobs/device-update.ts',
        find: 'if (execution.status === status) return { ok: true, changed: false, execution };',
        put: `if (execution.status === status)
      return { ok: true, changed: true, execution: { ...execution, version: execution.version + 1, updatedAt: now } };`,
      },
    ],
  },
  {
    name: 'a cancel leaves what is queued',
    changes: [
      {
        file: 'packages/cloud/src/app/end-job.ts',
        find: 'await tx.executions.endAll(job.id, { at: now, force });',
        put: '',
      },
    ],
  },
  {
    name: 'a superseded job is offered until its end is written',
    changes: [
      { file: executions, find: '.where(isShownAs(...live))', put: ".where('execution.status', 'in', [...live])" },
    ],
  },
  {
    name: 'who joins after the last member was looked at is passed over',
    changes: [
      {
        file: tick,
        find: 'const joined = await tx.executions.waiting(jobId, maxRows);',
        put: 'const joined = job.rolloutAfter === undefined ? [] : await tx.executions.waiting(jobId, maxRows);',
      },
    ],
  },
  {
    name: 'nobody is told when the end of a job is written',
    changes: [
      {
        file: 'packages/cloud/src/tasks/sweep-tick.ts',
        find: "if (things.length > 0) bus.publish({ kind: 'pending-changed', things });",
        put: '',
      },
    ],
  },
  {
    name: 'a superseded job goes on',
    changes: [
      {
        file: 'packages/cloud/src/app/end-job.ts',
        find: "if (job?.status === 'IN_PROGRESS') await cancelJob(tx, job, { reasonCode: 'SUPERSEDED'",
        put: "if (job?.status === 'COMPLETED') await cancelJob(tx, job, { reasonCode: 'SUPERSEDED'",
      },
    ],
  },
  {
    name: 'one end of an execution is not counted',
    changes: [
      {
        file: executions,
        find: 'if (row.newest === 1 && row.status !== execution.status) {',
        put: "if (row.newest === 1 && row.status !== execution.status && execution.status !== 'TIMED_OUT') {",
      },
    ],
  },
  {
    name: 'a step timer extends the in-progress timer',
    changes: [
      {
        file: 'packages/cloud/src/domain/jobs/timers.ts',
        find: 'return step === undefined ? inProgress : Math.min(inProgress, step);',
        put: 'return step ?? inProgress;',
      },
    ],
  },
  {
    name: 'what a device that was away was not told is not told when it is back',
    changes: [
      {
        file: 'packages/cloud/src/mqtt/job-notifications.ts',
        find: "resumed: (thing) => want(thing, 'say'),",
        put: 'resumed: () => {},',
      },
    ],
  },
  {
    name: 'who leaves a group while it runs, and comes back, gets the same job again',
    changes: [
      {
        file: 'packages/cloud/src/adapters/database/stores/waiting.ts',
        find: 'if (running) continue;',
        put: 'if (running && job.id === undefined) continue;',
      },
    ],
  },
];
