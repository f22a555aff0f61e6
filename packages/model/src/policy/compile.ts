import { type ConditionTest, compileCondition } from './condition.ts';
import { compileGlob, type Glob, matchGlob } from './glob.ts';
import type { Patterns, Policy, PolicyKind, Statement } from './parse.ts';
import { type ArnPattern, compileArnPattern } from './pattern.ts';
import { isConstant, parseTemplate } from './template.ts';

/** Which statement of which policy. `index` counts from 0. */
export interface StatementId {
  readonly policy: string;
  readonly index: number;
  readonly sid: string | undefined;
}

export interface CompiledStatement {
  readonly id: StatementId;
  readonly kind: PolicyKind;
  readonly effect: 'Allow' | 'Deny';
  readonly notResource: boolean;
  readonly resources: readonly ArnPattern[];
  readonly conditions: readonly ConditionTest[];
}

/** The policies of one principal, ready to decide. Immutable. */
export interface CompiledPolicies {
  /** The statements about an action, those that deny first. */
  statementsFor(action: string): readonly CompiledStatement[];
}

/** Actions are the callers' constants, so few; the bound is for a caller that passes on what it is told. */
const MAX_REMEMBERED_ACTIONS = 256;

/** Makes the matchers of policies once. `name` is what decisions call the policy. */
export function compilePolicies(
  policies: Iterable<{ readonly name: string; readonly policy: Policy }>,
): CompiledPolicies {
  const all = [...policies].flatMap(({ name, policy }) =>
    policy.statements.map((statement, index) => ({
      appliesTo: compileActions(statement.actions, policy.kind),
      statement: compileStatement(statement, policy.kind, { policy: name, index, sid: statement.sid }),
    })),
  );
  const ordered = [
    ...all.filter(({ statement }) => statement.effect === 'Deny'),
    ...all.filter(({ statement }) => statement.effect === 'Allow'),
  ];
  const remembered = new Map<string, readonly CompiledStatement[]>();
  return {
    statementsFor: (action) => {
      const known = remembered.get(action);
      if (known !== undefined) return known;
      const lower = action.toLowerCase();
      const found = ordered.filter(({ appliesTo }) => appliesTo(lower)).map(({ statement }) => statement);
      if (remembered.size < MAX_REMEMBERED_ACTIONS) remembered.set(action, found);
      return found;
    },
  };
}

function compileStatement(statement: Statement, kind: PolicyKind, id: StatementId): CompiledStatement {
  return {
    id,
    kind,
    effect: statement.effect,
    notResource: statement.resources.not,
    resources: statement.resources.patterns.map(compileArnPattern),
    conditions: statement.conditions.map(compileCondition),
  };
}

const JOBS_DATA = 'iotjobsdata:';

/** A test for actions in lower case: their names are case-insensitive. */
function compileActions({ not, patterns }: Patterns, kind: PolicyKind): (action: string) => boolean {
  const globs = patterns.map(compileAction);
  const matches = (action: string): boolean => globs.some((glob) => matchGlob(glob, action));
  return (action) => {
    // IoT policies written before the jobs data plane had a prefix of its own say `iot:DescribeJobExecution`.
    const formerly = kind === 'iot' && action.startsWith(JOBS_DATA) ? `iot:${action.slice(JOBS_DATA.length)}` : action;
    return (matches(action) || matches(formerly)) !== not;
  };
}

function compileAction(pattern: string): Glob {
  const tokens = parseTemplate(pattern.toLowerCase(), true);
  return compileGlob(isConstant(tokens) ? tokens : []);
}
