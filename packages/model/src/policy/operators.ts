import { parseIpRange } from './ip-range.ts';
import { malformed } from './malformed.ts';
import {
  compileArnPattern,
  compileExact,
  compileIgnoreCase,
  compilePattern,
  cutArn,
  type TextTest,
} from './pattern.ts';

/** A condition operator without `IfExists` and qualifier (IAM: Condition operators). */
export interface Operator {
  /** True for those that hold when no value of the policy matches. */
  readonly negated: boolean;
  /** Makes the test for one value of the policy; throws MalformedPolicyException for a value that the operator cannot take. */
  readonly compile: (value: string) => TextTest;
}

function arn(value: string): TextTest {
  const pattern = compileArnPattern(value);
  return (text, context) => pattern.test(cutArn(text), context);
}

function ipAddress(value: string): TextTest {
  const range = parseIpRange(value);
  if (range === undefined) throw malformed(`${JSON.stringify(value)} is neither an IP address nor a CIDR range`);
  return (text) => range(text);
}

type Compare = (text: number, value: number) => boolean;

function compared(parse: (text: string) => number | undefined, what: string, compare: Compare): Operator['compile'] {
  return (value) => {
    const right = parse(value);
    if (right === undefined) throw malformed(`${JSON.stringify(value)} is not ${what}`);
    return (text) => {
      const left = parse(text);
      return left !== undefined && compare(left, right);
    };
  };
}

function parseNumber(text: string): number | undefined {
  return /^[+-]?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?$/.test(text) ? Number(text) : undefined;
}

const ISO_8601 = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/;

/** Epoch milliseconds of an ISO 8601 date (UTC when it names no zone) or of epoch seconds. */
function parseDate(text: string): number | undefined {
  if (/^\d{1,12}$/.test(text)) return Number(text) * 1000;
  const match = ISO_8601.exec(text);
  if (match === null) return undefined;
  const millis = Date.parse(match[1] !== undefined && match[4] === undefined ? `${text}Z` : text);
  return Number.isNaN(millis) ? undefined : millis;
}

const comparisons: readonly (readonly [suffix: string, compare: Compare, negated: boolean])[] = [
  ['equals', (a, b) => a === b, false],
  ['notequals', (a, b) => a === b, true],
  ['lessthan', (a, b) => a < b, false],
  ['lessthanequals', (a, b) => a <= b, false],
  ['greaterthan', (a, b) => a > b, false],
  ['greaterthanequals', (a, b) => a >= b, false],
];

/** By name in lower case: IAM takes the names in any case. */
const operators: ReadonlyMap<string, Operator> = new Map([
  ...pair('stringequals', 'stringnotequals', compileExact),
  ...pair('stringequalsignorecase', 'stringnotequalsignorecase', compileIgnoreCase),
  ...pair('stringlike', 'stringnotlike', compilePattern),
  // ArnEquals takes wildcards just as ArnLike does.
  ...pair('arnequals', 'arnnotequals', arn),
  ...pair('arnlike', 'arnnotlike', arn),
  ...pair('ipaddress', 'notipaddress', ipAddress),
  ['bool', { negated: false, compile: compileIgnoreCase }] as const,
  ['binaryequals', { negated: false, compile: compileExact }] as const,
  ...comparisons.flatMap(([suffix, compare, negated]) => [
    [`numeric${suffix}`, { negated, compile: compared(parseNumber, 'a number', compare) }] as const,
    [`date${suffix}`, { negated, compile: compared(parseDate, 'a date', compare) }] as const,
  ]),
]);

function pair(
  positive: string,
  negative: string,
  compile: Operator['compile'],
): readonly (readonly [name: string, operator: Operator])[] {
  return [
    [positive, { negated: false, compile }],
    [negative, { negated: true, compile }],
  ];
}

/** The operator of a name in lower case. */
export function operatorOf(name: string): Operator | undefined {
  return operators.get(name);
}
