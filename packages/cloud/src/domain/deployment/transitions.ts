import type { Deployment, DeploymentStatus } from './deployment.ts';

/** What happens to a deployment after it was created. */
export type DeploymentAction = 'complete' | 'fail' | 'cancel' | 'supersede' | 'delete';

/**
 * Which action is legal in which status, and where it leads; `gone` removes the record. Code, console and documents read
 * this table; a pair that is not listed is refused.
 */
const transitions: {
  readonly [from in DeploymentStatus]: { readonly [action in DeploymentAction]?: DeploymentStatus | 'gone' };
} = {
  ACTIVE: { complete: 'COMPLETED', fail: 'FAILED', cancel: 'CANCELED', supersede: 'INACTIVE' },
  COMPLETED: { supersede: 'INACTIVE', delete: 'gone' },
  CANCELED: { delete: 'gone' },
  FAILED: { delete: 'gone' },
  INACTIVE: { delete: 'gone' },
};

/** The status after the action, `gone`, or undefined when the action is illegal in this status. */
export function statusAfter(status: DeploymentStatus, action: DeploymentAction): DeploymentStatus | 'gone' | undefined {
  return transitions[status][action];
}

/** The deployment after the action; undefined when it is illegal. `reason` is kept for CANCELED, FAILED and INACTIVE. */
export function moved(
  deployment: Deployment,
  action: Exclude<DeploymentAction, 'delete'>,
  reason: string,
): Deployment | undefined {
  const status = statusAfter(deployment.status, action);
  if (status === undefined || status === 'gone') return undefined;
  return { ...deployment, status, ...(status === 'COMPLETED' ? {} : { statusReason: reason }) };
}
