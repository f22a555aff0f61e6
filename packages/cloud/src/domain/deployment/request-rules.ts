import { isJsonObject } from '@greensward/kit';
import { isVersion } from '@greensward/model/version';
import type { FieldError } from '../faults.ts';
import type { Deployment } from './deployment.ts';

type Request = Deployment['request'];

/**
 * The rules of CreateDeployment that shapes and bounds cannot say. A document that breaks one of them would stop a nucleus
 * before it can report a failure, so it is never built. Returns every breach, each under its path in the request.
 */
export function requestErrors(request: Request): readonly FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, component] of Object.entries(request.components ?? {})) {
    const path = `components.${name}`;
    if (!/^[a-zA-Z0-9-_.]{1,128}$/.test(name)) {
      errors.push({ name: path, message: 'a component name has 1 to 128 of the characters a-z A-Z 0-9 - _ .' });
    }
    if (!isVersion(component.componentVersion)) {
      errors.push({
        name: `${path}.componentVersion`,
        message: 'must be an exact semantic version such as 1.2.0, not a range',
      });
    }
    const merge = component.configurationUpdate?.merge;
    const wrong = merge === undefined ? undefined : mergeError(merge);
    if (wrong !== undefined) errors.push({ name: `${path}.configurationUpdate.merge`, message: wrong });
  }
  const rate = request.iotJobConfiguration?.jobExecutionsRolloutConfig?.exponentialRate;
  const criteria = rate?.rateIncreaseCriteria;
  if (
    criteria !== undefined &&
    criteria.numberOfNotifiedThings === undefined &&
    criteria.numberOfSucceededThings === undefined
  ) {
    errors.push({
      name: 'iotJobConfiguration.jobExecutionsRolloutConfig.exponentialRate.rateIncreaseCriteria',
      message: 'must have numberOfNotifiedThings or numberOfSucceededThings',
    });
  }
  return errors;
}

/** Deeper than any configuration; the limit keeps a hostile document from exhausting the stack of whoever walks it. */
const maxDepth = 100;

function mergeError(merge: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(merge);
  } catch {
    return 'must be a JSON object; it is not JSON';
  }
  if (!isJsonObject(value)) return 'must be a JSON object';
  return isShallow(value, maxDepth) ? undefined : `must not be nested deeper than ${maxDepth} levels`;
}

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((member) => isShallow(member, levels - 1));
}
