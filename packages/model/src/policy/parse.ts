import { Fault, isJsonObject, type JsonObject, messageOf } from '@greensward/kit';
import { getOwn } from '../json-tools.ts';
import { type Condition, compileCondition } from './condition.ts';
import { malformed } from './malformed.ts';
import { compileArnPattern } from './pattern.ts';

/** `iot`: attached to certificates and thing groups, decides for devices. `iam`: of users and roles. */
export type PolicyKind = 'iot' | 'iam';

/** A policy document that keeps the grammar. */
export interface Policy {
  readonly kind: PolicyKind;
  readonly statements: readonly Statement[];
}

export interface Statement {
  readonly sid: string | undefined;
  readonly effect: 'Allow' | 'Deny';
  readonly actions: Patterns;
  readonly resources: Patterns;
  readonly conditions: readonly Condition[];
}

/** The patterns of `Action` or `Resource`; with `not`, of `NotAction` or `NotResource`. */
export interface Patterns {
  readonly not: boolean;
  readonly patterns: readonly string[];
}

/** Characters without white space. IoT: 2048; IAM: 6144, that of a managed policy. */
const MAX_CHARACTERS: Readonly<Record<PolicyKind, number>> = { iot: 2048, iam: 6144 };

const DOCUMENT_MEMBERS = new Set(['Version', 'Id', 'Statement']);
const STATEMENT_MEMBERS: Readonly<Record<PolicyKind, ReadonlySet<string>>> = {
  iot: new Set(['Sid', 'Effect', 'Action', 'Resource', 'Condition']),
  iam: new Set(['Sid', 'Effect', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition']),
};

/**
 * Reads a policy document. Throws MalformedPolicyException, whose message begins with the path of what is wrong
 * (`Statement[1].Action`), for what is not JSON, breaks the grammar or is too long. `NotAction` and `NotResource` are for
 * `iam` only; a principal belongs to neither kind.
 */
export function parsePolicy(text: string, kind: PolicyKind): Policy {
  const length = text.replace(/\s+/g, '').length;
  if (length > MAX_CHARACTERS[kind]) {
    throw malformed(
      `The document has ${length} characters without white space; at most ${MAX_CHARACTERS[kind]} may be.`,
    );
  }
  const document = parseJson(text);
  if (!isJsonObject(document)) throw malformed('The document is not a JSON object.');
  refuseUnknown(document, DOCUMENT_MEMBERS, '');
  if (getOwn(document, 'Version') !== '2012-10-17') throw malformed('Version: must be "2012-10-17".');
  optionalString(document, 'Id', 'Id');
  const statement = getOwn(document, 'Statement');
  if (!Array.isArray(statement)) return { kind, statements: [parseStatement(statement, kind, 'Statement')] };
  if (statement.length === 0) throw malformed('Statement: must not be empty.');
  return { kind, statements: statement.map((value, index) => parseStatement(value, kind, `Statement[${index}]`)) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Fault('MalformedPolicyException', `The document is not JSON: ${messageOf(cause)}`, { cause });
  }
}

function parseStatement(value: unknown, kind: PolicyKind, path: string): Statement {
  if (!isJsonObject(value)) throw malformed(`${path}: must be an object.`);
  refuseUnknown(value, STATEMENT_MEMBERS[kind], `${path}.`);
  const effect = getOwn(value, 'Effect');
  if (effect !== 'Allow' && effect !== 'Deny') throw malformed(`${path}.Effect: must be "Allow" or "Deny".`);
  return {
    sid: optionalString(value, 'Sid', `${path}.Sid`),
    effect,
    actions: parsePatterns(value, 'Action', path, checkAction),
    resources: parsePatterns(value, 'Resource', path, checkResource),
    conditions: parseConditions(getOwn(value, 'Condition'), `${path}.Condition`),
  };
}

function parsePatterns(
  statement: JsonObject,
  member: 'Action' | 'Resource',
  path: string,
  check: (pattern: string) => void,
): Patterns {
  const positive = getOwn(statement, member);
  const negative = getOwn(statement, `Not${member}`);
  if (positive !== undefined && negative !== undefined) {
    throw malformed(`${path}.Not${member}: excludes ${member}, which is there too.`);
  }
  const not = negative !== undefined;
  const name = not ? `${path}.Not${member}` : `${path}.${member}`;
  const patterns = strings(not ? negative : positive, name, (value) => (typeof value === 'string' ? value : undefined));
  for (const [pattern, at] of patterns) checked(at, () => check(pattern));
  return { not, patterns: patterns.map(([pattern]) => pattern) };
}

/** `*`, or a service and an action, in which wildcards may stand. */
function checkAction(pattern: string): void {
  if (pattern !== '*' && !/^[A-Za-z0-9-]+:[A-Za-z0-9*?]+$/.test(pattern)) {
    throw malformed(`${JSON.stringify(pattern)} is neither "*" nor of the form "service:Action"`);
  }
}

function checkResource(pattern: string): void {
  if (!pattern.startsWith('*') && !pattern.startsWith('arn:')) {
    throw malformed(`${JSON.stringify(pattern)} is neither "*" nor an ARN`);
  }
  compileArnPattern(pattern);
}

function parseConditions(block: unknown, path: string): readonly Condition[] {
  if (block === undefined) return [];
  if (!isJsonObject(block)) throw malformed(`${path}: must be an object.`);
  return Object.entries(block).flatMap(([operator, keys]) => {
    const at = `${path}.${operator}`;
    if (!isJsonObject(keys)) throw malformed(`${at}: must be an object of condition keys.`);
    return Object.entries(keys).map(([key, value]) => {
      if (key === '') throw malformed(`${at}: a condition key is empty.`);
      const values = strings(value, `${at}.${key}`, scalar).map(([text]) => text);
      const condition = { operator, key, values };
      checked(at, () => compileCondition(condition));
      return condition;
    });
  });
}

/** JSON numbers and booleans are taken as their texts, as IAM does. */
function scalar(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? `${value}` : undefined;
}

/** One value or a non-empty list of them, each with its path. */
function strings(
  value: unknown,
  path: string,
  read: (value: unknown) => string | undefined,
): readonly (readonly [text: string, path: string])[] {
  if (value === undefined) throw malformed(`${path}: is missing.`);
  if (Array.isArray(value) && value.length === 0) throw malformed(`${path}: must not be empty.`);
  const list: readonly (readonly [unknown, string])[] = Array.isArray(value)
    ? value.map((item: unknown, index) => [item, `${path}[${index}]`] as const)
    : [[value, path]];
  return list.map(([item, at]) => {
    const text = read(item);
    if (text === undefined) throw malformed(`${at}: must be a string.`);
    return [text, at];
  });
}

function optionalString(object: JsonObject, key: string, path: string): string | undefined {
  const value = getOwn(object, key);
  if (value !== undefined && typeof value !== 'string') throw malformed(`${path}: must be a string.`);
  return value;
}

function refuseUnknown(object: JsonObject, known: ReadonlySet<string>, prefix: string): void {
  for (const key of Object.keys(object)) {
    if (!known.has(key)) throw malformed(`${prefix}${key}: is not supported here.`);
  }
}

/** Runs a check of what stands at `path`, which its fault then names. */
function checked(path: string, check: () => void): void {
  try {
    check();
  } catch (cause) {
    throw new Fault('MalformedPolicyException', `${path}: ${messageOf(cause)}.`, { cause });
  }
}
