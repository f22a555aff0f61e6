import type { Clock } from '@greensward/kit';
import { createArns } from '../app/arns.ts';
import type { Account } from '../app/context.ts';
import { turn } from '../app/turn.ts';
import { type Keepsake, mayForget, type Retention } from '../domain/history/retention.ts';
import type { ExecutionCursor } from '../ports/history.ts';
import type { Storage } from '../ports/storage.ts';

interface Deps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly account: Account;
  readonly retention: Retention;
}

const hourMs = 3_600_000;
/** Rows of one transaction. */
const maxRows = 500;
/** Transactions of one tick: what runs as long as that may be stopped for. */
const maxSteps = 20;
/** Between two ticks of one pass: everyone else's turn. */
const pauseMs = 100;

/**
 * Forgets deployments that were replaced, with their jobs, executions and events, and old events and audit records: every
 * hour one pass over all, in transactions of at most 500 rows, 20 of them a tick. A pass keeps its place between ticks; one
 * that is cut off, by an error or a restart, costs only that what it has seen is looked at again.
 */
export function createRetentionTick(deps: Deps): () => Promise<{ readonly nextAt: number }> {
  let pass: AsyncGenerator<void> | undefined;
  return async () => {
    pass ??= retentionPass(deps);
    const running = pass;
    // A pass that failed begins anew.
    pass = undefined;
    for (let step = 0; step < maxSteps; step += 1) {
      if ((await running.next()).done === true) return { nextAt: deps.clock.now() + hourMs };
      await turn();
    }
    pass = running;
    return { nextAt: deps.clock.now() + pauseMs };
  };
}

/** Each step is one transaction. */
async function* retentionPass(deps: Deps): AsyncGenerator<void> {
  const { storage, clock, retention } = deps;
  const now = clock.now();
  for (let rows = maxRows; rows === maxRows; yield) {
    rows = await storage.write((tx) => tx.retention.forgetEventsBefore(now - retention.eventsMs, maxRows));
  }
  for (let rows = maxRows; rows === maxRows; yield) {
    rows = await storage.write((tx) => tx.retention.forgetAuditBefore(now - retention.auditMs, maxRows));
  }
  for (let after = ''; ; yield) {
    const from = after;
    const page = await storage.read((tx) => tx.retention.deployments(from, maxRows));
    for (const keepsake of page) {
      if (mayForget(keepsake, retention, now)) yield* forget(deps, keepsake);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < maxRows) return;
    after = last.deploymentId;
  }
}

async function* forget(
  { storage, clock, account, retention }: Deps,
  { deploymentId, jobId }: Keepsake,
): AsyncGenerator<void> {
  let cursor: ExecutionCursor | undefined;
  do {
    const from = cursor;
    cursor = await storage.write((tx) => tx.retention.forgetExecutions(jobId, from, maxRows));
    yield;
  } while (cursor !== undefined);
  for (let rows = maxRows; rows === maxRows; yield) {
    rows = await storage.write((tx) => tx.retention.forgetEvents(deploymentId, maxRows));
  }
  const arns = createArns(account);
  await storage.write(async (tx) => {
    // It may stand for its target since: those after it were deleted.
    const present = await tx.retention.deployment(deploymentId);
    if (present === undefined || !mayForget(present, retention, clock.now())) return;
    if (!(await tx.retention.forgetDeployment(deploymentId, jobId))) return;
    await tx.tags.clear(arns.deployment(deploymentId));
    await tx.tags.clear(arns.job(jobId));
  });
  yield;
}
