import type { CloudClient, DeploymentProgress } from './cloud-client/cloud-client.ts';

/** One line of progress: a device and what its execution is at. */
export type ProgressListener = (thing: string, status: string, reason: string | undefined) => void;

/**
 * Follows a deployment until it is settled: no thing of the target is queued or in progress, and at least `expected`
 * things have an execution or none will get one any more. What an execution is at is told whenever it is another; of
 * changes that come together only the last.
 */
export async function followRollout(
  client: CloudClient,
  deploymentId: string,
  expected: number,
  listener: ProgressListener,
): Promise<DeploymentProgress> {
  const news = new Map<string, { readonly to: string; readonly reason?: string }>();
  for await (const message of client.follow(deploymentId)) {
    if (message.kind === 'transition') {
      const { subject, thing } = message;
      if (subject === 'execution' && thing !== undefined) news.set(thing, message);
      if (subject === 'deployment' && message.to === 'DELETED') break;
      continue;
    }
    for (const [thing, { to, reason }] of news) listener(thing, to, reason);
    news.clear();
    const reached = Object.values(message.counts).reduce((sum, count) => sum + count, 0);
    if (message.settled && (reached >= expected || isOver(message))) break;
  }
  return client.progress(deploymentId);
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
