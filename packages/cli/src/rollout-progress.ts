import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '@greensward/kit';
import type { CloudClient, DeploymentProgress } from './cloud-client/cloud-client.ts';

/** One line of progress: a device and what its execution is at. */
export type ProgressListener = (thing: string, status: string, reason: string | undefined) => void;

const pollMs = 200;

/**
 * Follows a deployment until it is settled: no thing of the target is queued or in progress, and at least `expected`
 * things have an execution. Each change of an execution is told once.
 *
 * @throws Fault `RolloutEnded` when the deployment is cancelled, superseded or aborted meanwhile.
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
    if (progress.settled && progress.executions.length >= expected) return progress;
    if (!['ACTIVE', 'COMPLETED'].includes(progress.status) && progress.settled) {
      throw new Fault(
        'RolloutEnded',
        `the deployment is ${progress.status}${progress.statusReason ? `: ${progress.statusReason}` : ''}`,
      );
    }
    await sleep(pollMs);
  }
}
