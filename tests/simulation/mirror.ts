import type { Change } from '../../packages/cloud/src/adapters/testing/simulated-database.ts';
import type { RolloutPolicy } from './reference.ts';

export interface ExecutionState {
  readonly jobId: string;
  readonly thing: string;
  readonly number: number;
  readonly carrier: string;
  readonly newest: boolean;
  readonly status: string;
  readonly version: number;
  readonly queuedAt: number;
  readonly startedAt: number | undefined;
  readonly timesOutAt: number | undefined;
  readonly forced: boolean;
}

export interface JobState {
  readonly id: string;
  readonly deploymentId: string;
  readonly group: string | undefined;
  readonly status: string;
  readonly reasonCode: string | undefined;
  readonly policy: RolloutPolicy | undefined;
  /** What ran when it ended has ended with it. */
  readonly forced: boolean;
  /** The rollout has come to the last member, of those to be tried again too. */
  readonly passed: boolean;
}

export interface DeploymentState {
  readonly id: string;
  readonly targetArn: string;
  readonly group: string;
  readonly revision: number;
  readonly status: string;
  readonly latest: boolean;
  readonly jobId: string;
}

type Row = NonNullable<Change['after']>;

const text = (row: Row, name: string) => String(row[name] ?? '');
const number = (row: Row, name: string) => Number(row[name] ?? 0);
const optional = (row: Row, name: string) => (row[name] === null ? undefined : number(row, name));

export const executionOf = (row: Row): ExecutionState => ({
  jobId: text(row, 'job_id'),
  thing: text(row, 'thing'),
  number: number(row, 'number'),
  carrier: text(row, 'carrier'),
  newest: row['newest'] === 1,
  status: text(row, 'status'),
  version: number(row, 'version'),
  queuedAt: number(row, 'queued_at'),
  startedAt: optional(row, 'started_at'),
  timesOutAt: optional(row, 'times_out_at'),
  forced: row['force_canceled'] === 1,
});

export const jobOf = (row: Row): JobState => ({
  id: text(row, 'id'),
  deploymentId: text(row, 'deployment_id'),
  group: row['target_kind'] === 'thinggroup' ? text(row, 'target_name') : undefined,
  status: text(row, 'status'),
  reasonCode: row['reason_code'] === null ? undefined : text(row, 'reason_code'),
  policy: row['configuration'] === null ? undefined : JSON.parse(text(row, 'configuration')),
  forced: row['force_canceled'] === 1,
  passed: row['rollout_after'] === null && row['retry_after'] === null,
});

export const deploymentOf = (row: Row): DeploymentState => ({
  id: text(row, 'id'),
  targetArn: text(row, 'target_arn'),
  group: text(row, 'target_name'),
  revision: number(row, 'revision'),
  status: text(row, 'status'),
  latest: row['latest'] === 1,
  jobId: text(row, 'job_id'),
});

/** Committed state, as the rows told it; kept apart from the code that reads it for the product. */
export class Mirror {
  /** By job, thing and number. */
  readonly executions = new Map<string, ExecutionState>();
  readonly jobs = new Map<string, JobState>();
  readonly deployments = new Map<string, DeploymentState>();
  /** Things of each group. */
  readonly members = new Map<string, Set<string>>();
  /** Jobs whose end or deletion is not written into their executions yet; true for those that were deleted. */
  readonly ends = new Map<string, boolean>();
  readonly #ofPair = new Map<string, Set<string>>();
  readonly #subtree: (group: string) => readonly string[];

  /** `subtree`: the group and those below it; groups do not change. */
  constructor(subtree: (group: string) => readonly string[]) {
    this.#subtree = subtree;
  }

  apply({ table, before, after }: Change): void {
    switch (table) {
      case 'execution': {
        if (before !== undefined) this.#removeExecution(executionOf(before));
        if (after !== undefined) this.#addExecution(executionOf(after));
        break;
      }
      case 'job':
        if (before !== undefined) this.jobs.delete(text(before, 'id'));
        if (after !== undefined) this.jobs.set(text(after, 'id'), jobOf(after));
        break;
      case 'job_end':
        if (before !== undefined) this.ends.delete(text(before, 'job_id'));
        if (after !== undefined) this.ends.set(text(after, 'job_id'), after['deleted'] === 1);
        break;
      case 'deployment':
        if (before !== undefined) this.deployments.delete(text(before, 'id'));
        if (after !== undefined) this.deployments.set(text(after, 'id'), deploymentOf(after));
        break;
      case 'membership': {
        if (before !== undefined) this.members.get(text(before, 'group_name'))?.delete(text(before, 'thing'));
        if (after === undefined) break;
        const group = text(after, 'group_name');
        const things = this.members.get(group) ?? new Set();
        this.members.set(group, things.add(text(after, 'thing')));
      }
    }
  }

  /** Things of the group or of one below it. */
  membersOf(group: string): ReadonlySet<string> {
    return new Set(this.#subtree(group).flatMap((each) => [...(this.members.get(each) ?? [])]));
  }

  isMember(group: string, thing: string): boolean {
    return this.#subtree(group).some((each) => this.members.get(each)?.has(thing) === true);
  }

  /** The executions of a thing in a job, all numbers. */
  of(jobId: string, thing: string): readonly ExecutionState[] {
    return [...(this.#ofPair.get(`${jobId}/${thing}`) ?? [])].flatMap((key) => this.executions.get(key) ?? []);
  }

  newest(jobId: string, thing: string): ExecutionState | undefined {
    return this.of(jobId, thing).find(({ newest }) => newest);
  }

  /** The job, unless it was deleted. */
  job(id: string): JobState | undefined {
    return this.ends.get(id) === true ? undefined : this.jobs.get(id);
  }

  /** The status as it is to be read: what is QUEUED has ended with its job, and with force what runs too. */
  shown({ jobId, status }: ExecutionState): string {
    const job = this.job(jobId);
    if (job === undefined) return 'gone';
    if (job.status === 'IN_PROGRESS') return status;
    return status === 'QUEUED' || (status === 'IN_PROGRESS' && job.forced) ? 'CANCELED' : status;
  }

  isLive(execution: ExecutionState): boolean {
    const status = this.shown(execution);
    return status === 'QUEUED' || status === 'IN_PROGRESS';
  }

  /** What a device is to be told, in order: what runs, by its start, then what waits, by when it was queued. */
  pending(thing: string): readonly ExecutionState[] {
    const live = [...this.executions.values()].filter(
      (execution) => execution.thing === thing && execution.carrier === 'job' && this.isLive(execution),
    );
    const rank = ({ status, startedAt, queuedAt }: ExecutionState) =>
      status === 'IN_PROGRESS' ? [0, startedAt ?? queuedAt] : [1, queuedAt];
    return live.sort((a, b) => {
      const [kindA = 0, atA = 0] = rank(a);
      const [kindB = 0, atB = 0] = rank(b);
      return kindA - kindB || atA - atB || (a.jobId < b.jobId ? -1 : 1);
    });
  }

  /** Newest executions of a job by status, as they are to be read. */
  tally(jobId: string): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const execution of this.executions.values()) {
      if (execution.jobId !== jobId || !execution.newest) continue;
      const status = this.shown(execution);
      counts.set(status, (counts.get(status) ?? 0) + 1);
    }
    return counts;
  }

  #addExecution(execution: ExecutionState): void {
    const pair = `${execution.jobId}/${execution.thing}`;
    const key = `${pair}/${execution.number}`;
    this.executions.set(key, execution);
    const keys = this.#ofPair.get(pair) ?? new Set();
    this.#ofPair.set(pair, keys.add(key));
  }

  #removeExecution({ jobId, thing, number: of }: ExecutionState): void {
    const pair = `${jobId}/${thing}`;
    this.executions.delete(`${pair}/${of}`);
    this.#ofPair.get(pair)?.delete(`${pair}/${of}`);
  }
}
