import { malformed } from './malformed.ts';
import { operatorOf } from './operators.ts';
import { canonicalKey, type PolicyContext } from './policy-context.ts';

/** One operator, key and list of values of a `Condition`, as written. */
export interface Condition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

/** Whether a condition holds; undefined when that turns on a policy variable that has no value. */
export type ConditionTest = (context: PolicyContext) => boolean | undefined;

/**
 * Makes the test of a condition (IAM: Condition operators; Multivalued context keys).
 * A key that is absent fails an operator, but passes a negated one, one with `IfExists` and one with `ForAllValues`.
 * Throws MalformedPolicyException for an operator that does not exist or a value that it cannot take.
 */
export function compileCondition(condition: Condition): ConditionTest {
  const key = canonicalKey(condition.key);
  const name = condition.operator.toLowerCase();
  if (name === 'null') return compileNull(key, condition.values);

  const forAll = name.startsWith('forallvalues:');
  const forAny = name.startsWith('foranyvalue:');
  const suffixed = forAll || forAny ? name.slice(name.indexOf(':') + 1) : name;
  const ifExists = suffixed.endsWith('ifexists');
  const operator = operatorOf(ifExists ? suffixed.slice(0, -'ifexists'.length) : suffixed);
  if (operator === undefined) throw malformed(`${JSON.stringify(condition.operator)} is not a condition operator`);

  const { negated } = operator;
  const tests = condition.values.map((value) => operator.compile(value));
  const whenAbsent = ifExists || forAll || (negated && !forAny);
  const every = forAll || (negated && !forAny);

  return (context) => {
    const value = context.get(key);
    if (value === undefined) return whenAbsent;
    let unknown = false;
    const holds = (text: string): boolean => {
      let matched = false;
      for (const test of tests) {
        const outcome = test(text, context);
        if (outcome === true) matched = true;
        else if (outcome === undefined) unknown = true;
      }
      return matched !== negated;
    };
    const held = typeof value === 'string' ? holds(value) : every ? value.every(holds) : value.some(holds);
    // A variable without value equals nothing, so only what holds by being unequal is in doubt.
    return held && negated && unknown ? undefined : held;
  };
}

/** `Null`: "true" asks for the key to be absent, "false" for it to be there. */
function compileNull(key: string, values: readonly string[]): ConditionTest {
  const wanted = values.map((value) => {
    const lower = value.toLowerCase();
    if (lower !== 'true' && lower !== 'false') throw malformed('the value of Null is true or false');
    return lower === 'true';
  });
  return (context) => wanted.includes(context.get(key) === undefined);
}
