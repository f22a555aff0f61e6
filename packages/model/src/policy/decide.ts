import type { CompiledPolicies, CompiledStatement, StatementId } from './compile.ts';
import { type ArnText, cutArn } from './pattern.ts';
import type { PolicyContext } from './policy-context.ts';

/** What someone wants to do. */
export interface PolicyRequest {
  /** `iot:Publish`; case does not matter. */
  readonly action: string;
  /** The full ARN of what it is done to (`arn:aws:iot:us-east-1:123456789012:topic/a/b`), or `*` for actions without one. */
  readonly resource: string;
  readonly context: PolicyContext;
}

export interface Decision {
  readonly allowed: boolean;
  readonly reason: 'explicit-deny' | 'allowed' | 'no-statement';
  /** The statement that decided; absent when none did. */
  readonly statement?: StatementId;
}

const NO_STATEMENT: Decision = { allowed: false, reason: 'no-statement' };

/** Decides by policies: one that denies wins over all that allow, and what no statement allows is denied. Pure. */
export function decide(policies: CompiledPolicies, request: PolicyRequest): Decision {
  const arn = cutArn(request.resource);
  for (const statement of policies.statementsFor(request.action)) {
    if (!coversResource(statement, request, arn) || !meetsConditions(statement, request.context)) continue;
    return statement.effect === 'Deny'
      ? { allowed: false, reason: 'explicit-deny', statement: statement.id }
      : { allowed: true, reason: 'allowed', statement: statement.id };
  }
  return NO_STATEMENT;
}

function coversResource(statement: CompiledStatement, request: PolicyRequest, arn: ArnText): boolean {
  const { context } = request;
  const guarded = statement.kind === 'iot' && statement.effect === 'Allow' && isSubscribe(request.action);
  let unknown = false;
  for (const pattern of statement.resources) {
    if (guarded && pattern.variables.some((key) => isTopicWildcard(context.get(key)))) continue;
    const matched = pattern.test(arn, context);
    if (matched === true) return !statement.notResource;
    if (matched === undefined) unknown = true;
  }
  // What an exception with a variable without value excepts is not known: nothing is allowed by it, all is denied.
  return statement.notResource && !(unknown && statement.effect === 'Allow');
}

function meetsConditions(statement: CompiledStatement, context: PolicyContext): boolean {
  for (const holds of statement.conditions) {
    // IAM: what is unequal to a variable without value holds. An IoT policy allows nothing by a variable without value.
    const whenUnknown = statement.kind === 'iam' || statement.effect === 'Deny';
    if (!(holds(context) ?? whenUnknown)) return false;
  }
  return true;
}

function isSubscribe(action: string): boolean {
  return action === 'iot:Subscribe' || action.toLowerCase() === 'iot:subscribe';
}

/**
 * True for values that would be a wildcard in a topic filter. A device that calls itself `+` would otherwise be allowed the
 * filter `dev/+/cmd` by `topicfilter/dev/${iot:ClientId}/cmd`: the gap that IoT documents under "Basic policy variables".
 */
function isTopicWildcard(value: string | readonly string[] | undefined): boolean {
  return typeof value === 'string' && (value.includes('+') || value.includes('#'));
}
