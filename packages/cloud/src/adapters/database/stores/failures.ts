import {
  type FailureCause,
  type FailureStatus,
  failureCause,
  isFailure,
  maxCauses,
  otherCause,
} from '../../../domain/history/failure-cause.ts';
import type { Execution } from '../../../domain/jobs/job.ts';
import type { FailureStore } from '../../../ports/history.ts';
import { chunks, lookups } from '../rows.ts';
import type { FailureRow, Queries } from '../schema.ts';
import { isThere } from './execution-rows.ts';

const keyOf = ({ status, errorCode, cause }: FailureCause) => `${status} ${errorCode} ${cause}`;
const keyOfRow = ({ status, error_code: errorCode, cause }: FailureRow) => keyOf({ status, errorCode, cause });

/** The causes of one job as they are now, and which of them have changed. */
class Causes {
  readonly #jobId: string;
  readonly #rows: Map<number, FailureRow>;
  readonly #byKey: Map<string, FailureRow>;
  readonly #changed = new Set<FailureRow>();

  constructor(jobId: string, rows: readonly FailureRow[]) {
    this.#jobId = jobId;
    this.#rows = new Map(rows.map((row) => [row.id, row]));
    this.#byKey = new Map(rows.map((row) => [keyOfRow(row), row]));
  }

  leave(id: number): void {
    const row = this.#rows.get(id);
    if (row === undefined) return;
    row.devices -= 1;
    this.#changed.add(row);
  }

  /** Returns the id that it is counted under. */
  enter(cause: FailureCause): number {
    const row = this.#byKey.get(keyOf(cause)) ?? this.#make(cause);
    row.devices += 1;
    this.#changed.add(row);
    return row.id;
  }

  #make(cause: FailureCause): FailureRow {
    const told = this.#rows.size < maxCauses ? cause : otherCause(cause.status);
    const known = this.#byKey.get(keyOf(told));
    if (known !== undefined) return known;
    const id = Math.max(0, ...this.#rows.keys()) + 1;
    const { status, errorCode, cause: text } = told;
    const row = { job_id: this.#jobId, id, status, error_code: errorCode, cause: text, devices: 0 };
    this.#rows.set(id, row);
    this.#byKey.set(keyOfRow(row), row);
    return row;
  }

  async save(db: Queries): Promise<void> {
    for (const row of this.#changed) {
      // A cause that nothing has any more makes room for another.
      if (row.devices === 0) {
        await db.deleteFrom('job_failure').where('job_id', '=', row.job_id).where('id', '=', row.id).execute();
        continue;
      }
      await db
        .insertInto('job_failure')
        .values(row)
        .onConflict((conflict) => conflict.columns(['job_id', 'id']).doUpdateSet({ devices: row.devices }))
        .execute();
    }
  }
}

/** Counts the newest executions that have failed by their cause: `before` as they were, `after` as they are. */
export async function countFailures(
  db: Queries,
  before: readonly Pick<Execution, 'jobId' | 'thing' | 'status'>[],
  after: readonly Execution[],
): Promise<void> {
  const left = before.filter(({ status }) => isFailure(status));
  const entered = after.filter(({ status }) => isFailure(status));
  for (const jobId of new Set([...left, ...entered].map((each) => each.jobId))) {
    const rows = await db.selectFrom('job_failure').selectAll().where('job_id', '=', jobId).execute();
    const causes = new Causes(jobId, rows);
    const leaving = left.filter((execution) => execution.jobId === jobId).map(({ thing }) => thing);
    for (const chunk of lookups(leaving)) {
      const gone = await db
        .deleteFrom('execution_failure')
        .where('job_id', '=', jobId)
        .where('thing', 'in', chunk)
        .returning('failure_id')
        .execute();
      for (const row of gone) causes.leave(row.failure_id);
    }
    const counted = entered.flatMap((execution) => {
      const cause = execution.jobId === jobId ? failureCause(execution) : undefined;
      return cause === undefined ? [] : [{ job_id: jobId, thing: execution.thing, failure_id: causes.enter(cause) }];
    });
    for (const chunk of chunks(counted)) await db.insertInto('execution_failure').values(chunk).execute();
    await causes.save(db);
  }
}

export function failureStore(db: Queries): FailureStore {
  return {
    async ofJob(jobId, examples) {
      const rows = await db
        .selectFrom('job_failure')
        .leftJoin('job_end', 'job_end.job_id', 'job_failure.job_id')
        .where(isThere)
        .selectAll('job_failure')
        .where('job_failure.job_id', '=', jobId)
        .orderBy('devices', 'desc')
        .orderBy('id')
        .execute();
      const found = [];
      for (const row of rows) {
        const things = await db
          .selectFrom('execution_failure')
          .select('thing')
          .where('job_id', '=', jobId)
          .where('failure_id', '=', row.id)
          .orderBy('thing')
          .limit(examples)
          .execute();
        const status: FailureStatus = row.status;
        const exampleThings = things.map(({ thing }) => thing);
        found.push({ status, errorCode: row.error_code, cause: row.cause, devices: row.devices, exampleThings });
      }
      return found;
    },
  };
}
