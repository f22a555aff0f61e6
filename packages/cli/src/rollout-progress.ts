import { setTimeout as sleep } from 'node:timers/promises';
import type { CloudClient, DeploymentProgress } from './cloud-client/cloud-client.ts';

/** One line of progress: a device and what its execution is at. */
export type ProgressListener = (thing: string, status: string, reason: string | undefined) => void;

const pollMs = 200;

/**
 * Follows a deployment until it is settled: no thing of the target is queued or in progress, and at least `expected`
 * things have an execution or none will get one any more. Each change of an execution is told once.
 */
export async function followRollout(
  client: CloudClient,
  deploymentId: string,
  expected: number,
  listener: ProgressListener,
): Promise<DeploymentProgress> {
  const seen = new Map<string, string>();
  for (;;) {
    const progress = await client.progress(deploymentId);
    for (const { thing, status, reason } of progress.executions) {
      if (seen.get(thing) === status) continue;
      seen.set(thing, status);
      listener(thing, status, reason);
    }
    if (progress.settled && (progress.executions.length >= expected || isOver(progress))) return progress;
    await sleep(pollMs);
  }
}

/** Why a deployment gives no thing an execution any more, in words: it was canceled, superseded or aborted. */
export function endOf({ deploymentId, status, statusReason }: DeploymentProgress): string | undefined {
  if (!isOver({ status })) return undefined;
  const superseded = status === 'INACTIVE' ? 'a newer deployment of the same target took its place' : undefined;
  const why = statusReason ?? superseded;
  return `deployment ${deploymentId} is ${status}${why === undefined ? '' : `: ${why}`}`;
}

function isOver({ status }: Pick<DeploymentProgress, 'status'>): boolean {
  return status !== 'ACTIVE' && status !== 'COMPLETED';
}
