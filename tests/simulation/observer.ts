import type { Change } from '../../packages/cloud/src/adapters/testing/simulated-database.ts';
import {
  type DeploymentState,
  deploymentOf,
  type ExecutionState,
  executionOf,
  type JobState,
  jobOf,
  Mirror,
} from './mirror.ts';
import { allowedRate, mustAbort } from './reference.ts';

const minute = 60_000;
/** The timer task looks twice a minute, and what it does takes the time of a few transactions. */
const timerSlackMs = 35_000;

const mayBecome: Readonly<Record<string, readonly string[]>> = {
  QUEUED: ['IN_PROGRESS', 'SUCCEEDED', 'FAILED', 'REJECTED', 'CANCELED', 'REMOVED'],
  IN_PROGRESS: ['IN_PROGRESS', 'SUCCEEDED', 'FAILED', 'REJECTED', 'TIMED_OUT', 'CANCELED', 'REMOVED'],
};
const byDevice = ['IN_PROGRESS', 'SUCCEEDED', 'FAILED', 'REJECTED'];
const deploymentMayBecome: Readonly<Record<string, readonly string[]>> = {
  ACTIVE: ['COMPLETED', 'CANCELED', 'FAILED', 'INACTIVE'],
  COMPLETED: ['INACTIVE'],
};
const deploymentOfReason: Readonly<Record<string, string>> = {
  SUPERSEDED: 'INACTIVE',
  ABORT_CRITERIA_MET: 'FAILED',
  DEPLOYMENT_CANCELED: 'CANCELED',
};

/** What the simulation is run for: how often each thing was seen. */
export type Sight =
  | 'abort'
  | 'timeout'
  | 'kill'
  | 'kill inside a transaction'
  | 'kill after a commit'
  | 'loss'
  | 'duplicate'
  | 'reordering'
  | 'superseding'
  | 'cancel'
  | 'join'
  | 'leave'
  | 'deletion'
  | 'month offline'
  | 'again'
  | 'retry'
  | 'rate'
  | 'two replicas';

/** The rate's use by one job. */
interface Pace {
  /** Members since the job was made, without a break: the rate is for these. */
  readonly originals: Set<string>;
  notified: number;
  /** By the transaction at hand: it was planned as a whole, so what it tells does not raise its own rate. */
  telling: number;
  /** [when, how much was allowed a minute then], one for each thing that was told. */
  told: (readonly [at: number, allowed: number])[];
}

/** Checks every committed change against the rules, as it is committed. */
export class Observer {
  readonly mirror: Mirror;
  /** The earliest timer of what runs. */
  #due = Number.POSITIVE_INFINITY;
  readonly #paces = new Map<string, Pace>();
  readonly #saw: (sight: Sight) => void;
  readonly #servedSince: () => number;

  constructor(deps: {
    readonly subtree: (group: string) => readonly string[];
    readonly saw: (sight: Sight) => void;
    /** Since when some process of the cloud has been running. */
    readonly servedSince: () => number;
  }) {
    this.mirror = new Mirror(deps.subtree);
    this.#saw = deps.saw;
    this.#servedSince = deps.servedSince;
  }

  /** Throws an Error that says which rule the transaction broke. `began`: when its statements ran. */
  committed(changes: readonly Change[], began: number): void {
    const { mirror } = this;
    const touched = new Map<string, ExecutionState>();
    const ended: JobState[] = [];
    for (const change of changes) {
      const { table, before, after } = change;
      if (table === 'job' && after !== undefined && before !== undefined) {
        const job = jobOf(after);
        if (jobOf(before).status !== job.status) {
          this.#checkJobEnd(jobOf(before), job);
          ended.push(job);
        }
      }
      if (table === 'deployment' && before !== undefined && after !== undefined) {
        this.#checkDeployment(deploymentOf(before), deploymentOf(after));
      }
      if (table === 'execution') {
        const [old, next] = [before && executionOf(before), after && executionOf(after)];
        if (next !== undefined) {
          if (old === undefined) this.#checkNew(next, began);
          else this.#checkChange(old, next, began);
          touched.set(`${next.jobId}/${next.thing}`, next);
        }
      }
      mirror.apply(change);
      if (table === 'job' && before === undefined && after !== undefined) this.#startPace(jobOf(after));
      if (table === 'membership' && before !== undefined) this.#dropOriginals();
    }
    this.#due = Number.POSITIVE_INFINITY;
    for (const execution of mirror.executions.values()) {
      const { timesOutAt } = execution;
      if (timesOutAt !== undefined && mirror.isLive(execution)) this.#due = Math.min(this.#due, timesOutAt);
    }
    for (const pace of this.#paces.values()) {
      pace.notified += pace.telling;
      pace.telling = 0;
    }
    for (const { jobId, thing } of touched.values()) this.#checkPair(jobId, thing);
    for (const job of ended) this.#checkEnded(job);
    this.#checkLatest(changes);
  }

  /** Call it as time goes by: no timer is overdue while the cloud runs. */
  checkTimers(now: number): void {
    if (now <= Math.max(this.#due, this.#servedSince()) + timerSlackMs) return;
    const overdue = [...this.mirror.executions.values()].filter(
      (execution) => this.mirror.isLive(execution) && (execution.timesOutAt ?? now) < now - timerSlackMs,
    );
    demand(overdue.length === 0, `timers did not fire: ${overdue.map(show).join('; ')}`);
  }

  #checkNew(next: ExecutionState, began: number): void {
    const others = this.mirror.of(next.jobId, next.thing);
    const before = Math.max(0, ...others.map(({ number }) => number));
    demand(next.number === before + 1, `execution number ${next.number} follows ${before}: ${show(next)}`);
    demand(next.status === 'QUEUED' && next.version === 1, `an execution does not begin as QUEUED 1: ${show(next)}`);
    if (before > 0) this.#saw('again');
    const job = this.mirror.job(next.jobId);
    demand(job?.status === 'IN_PROGRESS', `a job that is ${job?.status} gave out an execution: ${show(next)}`);
    if (job?.group === undefined) return;
    const member = this.mirror.isMember(job.group, next.thing);
    demand(member, `${next.thing} got a job of ${job.group}, which it is not in: ${show(next)}`);
    const pace = this.#paces.get(next.jobId);
    if (before > 0 || pace?.originals.has(next.thing) !== true) return;
    const succeeded = this.mirror.tally(next.jobId).get('SUCCEEDED') ?? 0;
    const allowed = allowedRate(job.policy, pace.notified, succeeded);
    pace.telling += 1;
    if (allowed === undefined) return;
    pace.told.push([began, allowed]);
    this.#checkPace(next, pace, began);
  }

  #checkPace(next: ExecutionState, pace: Pace, now: number): void {
    const window = pace.told.filter(([at]) => at > now - minute);
    pace.told = window;
    if (window.length > 1) this.#saw('rate');
    const allowed = Math.max(...window.map(([, rate]) => rate));
    demand(
      window.length <= allowed,
      `${window.length} things were told within a minute, the rate allows ${allowed}: ${show(next)}`,
    );
  }

  #checkChange(old: ExecutionState, next: ExecutionState, began: number): void {
    if (old.status === next.status && old.version === next.version) return;
    const what = `${show(old)} became ${show(next)}`;
    const shown = this.mirror.shown(old);
    // The end of its job is written into it.
    const follows = shown === 'CANCELED' && next.status === 'CANCELED' && old.status !== shown;
    const legal = follows || (mayBecome[shown] ?? []).includes(next.status);
    demand(legal, `a transition that is none: ${what}, read as ${shown}`);
    // One list may hold several updates of a device; what the service does is one change.
    const grows = next.version === old.version + 1 || (byDevice.includes(next.status) && next.version > old.version);
    demand(grows, `the version does not grow by one a change: ${what}`);
    const job = this.mirror.job(next.jobId);
    if (old.status === 'IN_PROGRESS' && next.status === 'CANCELED') demand(next.forced, `unforced, ${what}`);
    if (next.status === 'IN_PROGRESS') this.#checkTimer(job, next, what);
    else demand(next.timesOutAt === undefined, `an execution that has ended keeps its timer: ${what}`);
    if (next.status !== 'TIMED_OUT') return;
    this.#saw('timeout');
    const due = old.timesOutAt;
    demand(due !== undefined, `no timer ran: ${what}`);
    demand(began >= (due ?? 0), `a timer fired ${(due ?? 0) - began} ms early: ${what}`);
    const late = began - Math.max(due ?? 0, this.#servedSince());
    demand(late <= timerSlackMs, `a timer fired ${late} ms late: ${what}`);
  }

  #checkTimer(job: JobState | undefined, next: ExecutionState, what: string): void {
    const minutes = job?.policy?.timeoutConfig?.inProgressTimeoutInMinutes;
    demand(next.startedAt !== undefined, `it runs without a start: ${what}`);
    if (minutes === undefined || next.carrier !== 'job') return;
    const latest = (next.startedAt ?? 0) + minutes * minute;
    const within = next.timesOutAt !== undefined && next.timesOutAt <= latest;
    demand(within, `the timer of ${minutes} min from the start is at ${next.timesOutAt}, not by ${latest}: ${what}`);
  }

  #checkPair(jobId: string, thing: string): void {
    const all = this.mirror.of(jobId, thing);
    const live = all.filter((execution) => this.mirror.isLive(execution));
    demand(live.length <= 1, `${live.length} live executions at once: ${live.map(show).join('; ')}`);
    const newest = all.filter((execution) => execution.newest);
    const highest = Math.max(...all.map(({ number }) => number));
    const right = all.length === 0 || (newest.length === 1 && newest[0]?.number === highest);
    demand(right, `not the last one alone is the newest: ${all.map(show).join('; ')}`);
  }

  #checkJobEnd(before: JobState, after: JobState): void {
    demand(before.status === 'IN_PROGRESS', `a job that was ${before.status} became ${after.status}: ${after.id}`);
    if (after.reasonCode === 'SUPERSEDED') this.#saw('superseding');
    if (after.reasonCode === 'DEPLOYMENT_CANCELED') this.#saw('cancel');
    if (after.reasonCode !== 'ABORT_CRITERIA_MET') return;
    this.#saw('abort');
    const tally = this.mirror.tally(after.id);
    demand(mustAbort(after.policy, tally), `a job was aborted without a reason: ${after.id} ${showTally(tally)}`);
  }

  /** With the end of the job goes that of its deployment. */
  #checkEnded(job: JobState): void {
    const wanted = deploymentOfReason[job.reasonCode ?? ''];
    const deployment = this.mirror.deployments.get(job.deploymentId);
    if (wanted === undefined || deployment === undefined) return;
    demand(
      deployment.status === wanted,
      `the deployment of a job that is ${job.status} (${job.reasonCode}) is ${deployment.status}: ${deployment.id}`,
    );
  }

  #checkDeployment(before: DeploymentState, after: DeploymentState): void {
    if (before.status === after.status) return;
    const legal = (deploymentMayBecome[before.status] ?? []).includes(after.status);
    demand(legal, `a deployment that was ${before.status} became ${after.status}: ${after.id}`);
  }

  #checkLatest(changes: readonly Change[]): void {
    if (!changes.some(({ table }) => table === 'deployment')) return;
    const seen = new Set<string>();
    for (const { latest, targetArn, status } of this.mirror.deployments.values()) {
      if (!latest) {
        demand(status !== 'ACTIVE', `an older deployment of ${targetArn} is ACTIVE`);
        continue;
      }
      demand(!seen.has(targetArn), `two deployments of ${targetArn} are the latest`);
      seen.add(targetArn);
    }
  }

  #startPace({ id, group }: JobState): void {
    if (group === undefined) return;
    this.#paces.set(id, { originals: new Set(this.mirror.membersOf(group)), notified: 0, telling: 0, told: [] });
  }

  #dropOriginals(): void {
    for (const [jobId, { originals }] of this.#paces) {
      const group = this.mirror.jobs.get(jobId)?.group;
      if (group === undefined) continue;
      for (const thing of originals) if (!this.mirror.isMember(group, thing)) originals.delete(thing);
    }
  }
}

export function demand(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}

export function show(execution: ExecutionState): string {
  const { jobId, thing, number, status, version } = execution;
  return `${thing} ${status} version ${version} number ${number} of job ${jobId}`;
}

export function showTally(tally: ReadonlyMap<string, number>): string {
  return [...tally].map(([status, count]) => `${count} ${status}`).join(', ');
}
