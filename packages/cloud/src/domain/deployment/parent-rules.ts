import type { Fault } from '@greensward/kit';
import { conflict, invalidFields } from '../faults.ts';
import type { DeploymentTarget } from './deployment.ts';

/**
 * Subdeployments: why this parent is refused, or undefined. Only a thing group can have one; a group that was used under one
 * parent keeps it, because devices keep its components as the parent's.
 */
export function parentRefusal(
  target: DeploymentTarget,
  targetArn: string,
  parentArn: string,
  knownParent: string | undefined,
): Fault | undefined {
  if (target.kind !== 'thinggroup') {
    return invalidFields([
      { name: 'parentTargetArn', message: 'only a deployment to a thing group can have a parent' },
    ]);
  }
  if (parentArn === targetArn) {
    return invalidFields([{ name: 'parentTargetArn', message: 'must differ from targetArn' }]);
  }
  if (knownParent !== undefined && knownParent !== parentArn) {
    return conflict('deployment', targetArn, `${targetArn} is already used as a subdeployment of ${knownParent}.`);
  }
  return undefined;
}
