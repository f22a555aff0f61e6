import { describe, expect, test } from 'vitest';
import { compilePolicies, decide, PolicyContext, type PolicyKind, parsePolicy } from './policy.ts';

type Values = Readonly<Record<string, string | readonly string[]>>;

function decided(
  condition: unknown,
  values: Values,
  { kind = 'iot', effect = 'Allow' }: { kind?: PolicyKind; effect?: string } = {},
): string {
  const statement = { Effect: effect, Action: '*', Resource: '*', Condition: condition };
  const policy = parsePolicy(JSON.stringify({ Version: '2012-10-17', Statement: [statement] }), kind);
  const context = new PolicyContext(Object.entries(values));
  return decide(compilePolicies([{ name: 'p', policy }]), { action: 'a:B', resource: '*', context }).reason;
}

const holds = (condition: unknown, values: Values): boolean => decided(condition, values) === 'allowed';
const v = (name: string): string => `\${${name}}`;

describe('operators', () => {
  const topicArn = 'arn:aws:iot:eu-west-1:1:topic/a:b';
  test.each<[string, string | number | boolean | readonly string[], string, boolean]>([
    ['StringEquals', 'a', 'a', true],
    ['StringEquals', 'a', 'A', false],
    ['StringEquals', '*', 'a', false],
    ['StringEquals', ['x', 'a'], 'a', true],
    ['StringNotEquals', 'a', 'b', true],
    ['StringNotEquals', ['a', 'b'], 'b', false],
    ['StringEqualsIgnoreCase', 'aB', 'Ab', true],
    ['StringNotEqualsIgnoreCase', 'aB', 'Ab', false],
    ['StringLike', 'a*c?', 'abbc1', true],
    ['StringLike', 'a*c?', 'Abbc1', false],
    ['StringNotLike', 'a*', 'abc', false],
    ['StringNotLike', 'a*', 'bc', true],
    ['stringlike', 'a*', 'abc', true],
    ['ArnEquals', 'arn:aws:iot:*:1:topic/*', topicArn, true],
    ['ArnLike', 'arn:aws:iot:*:topic/*', topicArn, false],
    ['ArnLike', 'arn:aws:iot:eu-*:?:topic/a:?', topicArn, true],
    ['ArnNotEquals', 'arn:aws:iot:*:1:topic/*', topicArn, false],
    ['ArnNotLike', 'arn:aws:iot:*:2:topic/*', topicArn, true],
    ['Bool', 'true', 'true', true],
    ['Bool', true, 'true', true],
    ['Bool', ['true'], 'false', false],
    ['Bool', 'TRUE', 'true', true],
    ['BinaryEquals', 'QmluYXJ5', 'QmluYXJ5', true],
    ['NumericEquals', 10, '10.0', true],
    ['NumericNotEquals', '10', '11', true],
    ['NumericLessThan', '10', '9.5', true],
    ['NumericLessThan', '10', '10', false],
    ['NumericLessThanEquals', '10', '10', true],
    ['NumericGreaterThan', '-1', '-2', false],
    ['NumericGreaterThanEquals', '1e1', '10', true],
    ['NumericEquals', '1', 'one', false],
    ['NumericEquals', '0', '', false],
    ['DateEquals', '2024-01-01T00:00:00Z', '1704067200', true],
    ['DateNotEquals', '2024-01-01', '2024-01-01T00:00:00Z', false],
    ['DateLessThan', '2024-01-01T00:00:00Z', '2023-12-31T23:59:59.9Z', true],
    ['DateLessThanEquals', '2024-01-01T01:00:00+01:00', '2024-01-01T00:00:00', true],
    ['DateGreaterThan', '2024-01-01', '2024-01-02', true],
    ['DateGreaterThanEquals', '2024-01-01', 'tomorrow', false],
    ['IpAddress', '203.0.113.0/24', '203.0.113.9', true],
    ['IpAddress', '203.0.113.0/24', '203.0.114.9', false],
    ['IpAddress', '203.0.113.9', '::ffff:203.0.113.9', true],
    ['IpAddress', '0.0.0.0/0', '203.0.113.9', true],
    ['IpAddress', '0.0.0.0/0', '2001:db8::1', false],
    ['IpAddress', '2001:db8::/32', '2001:db8:1::2', true],
    ['IpAddress', '2001:db8::/32', '2001:db9::2', false],
    ['IpAddress', '::1', '0:0:0:0:0:0:0:1', true],
    ['IpAddress', '10.0.0.0/8', 'nonsense', false],
    ['NotIpAddress', ['10.0.0.0/8', '192.168.0.0/16'], '192.168.1.1', false],
    ['NotIpAddress', '10.0.0.0/8', '11.0.0.1', true],
  ])('%s %j with %j is %j', (operator, written, value, expected) => {
    expect(holds({ [operator]: { key: written } }, { key: value })).toBe(expected);
  });

  test.each([
    [{ StringEquals: { key: 'a' } }, false],
    [{ StringNotEquals: { key: 'a' } }, true],
    [{ StringEqualsIfExists: { key: 'a' } }, true],
    [{ BoolIfExists: { key: 'true' } }, true],
    [{ IpAddressIfExists: { key: '10.0.0.0/8' } }, true],
    [{ NotIpAddress: { key: '10.0.0.0/8' } }, true],
    [{ Null: { key: 'true' } }, true],
    [{ Null: { key: 'false' } }, false],
    [{ 'ForAllValues:StringEquals': { key: 'a' } }, true],
    [{ 'ForAnyValue:StringEquals': { key: 'a' } }, false],
    [{ 'ForAnyValue:StringNotEquals': { key: 'a' } }, false],
    [{ 'ForAnyValue:StringEqualsIfExists': { key: 'a' } }, true],
    [{ NumericLessThan: { key: '1' } }, false],
  ])('%j with the key absent is %j', (condition, expected) => {
    expect(holds(condition, {})).toBe(expected);
    expect(holds(condition, { key: [] })).toBe(expected);
  });

  test('IfExists checks a key that is there', () => {
    expect(holds({ StringEqualsIfExists: { key: 'a' } }, { key: 'b' })).toBe(false);
  });

  test.each([
    ['ForAllValues:StringEquals', ['a', 'b'], true],
    ['ForAllValues:StringEquals', ['a', 'c'], false],
    ['ForAnyValue:StringEquals', ['a', 'c'], true],
    ['ForAnyValue:StringEquals', ['c', 'd'], false],
    ['ForAllValues:StringNotEquals', ['c', 'd'], true],
    ['ForAllValues:StringNotEquals', ['a', 'd'], false],
    ['ForAnyValue:StringNotEquals', ['a', 'd'], true],
    ['ForAnyValue:StringNotEquals', ['a', 'b'], false],
    ['StringEquals', ['a', 'c'], true],
    ['StringNotEquals', ['a', 'c'], false],
    ['ForAnyValue:StringLike', ['x', 'aa'], false],
  ])('%s "a", "b" with the list %j is %j', (operator, list, expected) => {
    expect(holds({ [operator]: { key: ['a', 'b'] } }, { key: list })).toBe(expected);
  });

  test('all operators and all keys must hold', () => {
    const condition = { StringEquals: { a: '1', b: '2' }, Bool: { c: 'true' } };
    expect(holds(condition, { a: '1', b: '2', c: 'true' })).toBe(true);
    expect(holds(condition, { a: '1', b: '3', c: 'true' })).toBe(false);
    expect(holds(condition, { a: '1', b: '2', c: 'false' })).toBe(false);
  });
});

describe('variables in conditions', () => {
  test('stand for their value, whose wildcards and case are kept or folded as the operator says', () => {
    expect(holds({ StringEquals: { a: v('b') } }, { a: 'x*', b: 'x*' })).toBe(true);
    expect(holds({ StringLike: { a: v('b') } }, { a: 'xy', b: 'x*' })).toBe(false);
    expect(holds({ StringLike: { a: `${v('b')}*` } }, { a: 'x*y', b: 'x*' })).toBe(true);
    expect(holds({ StringEqualsIgnoreCase: { a: `P-${v('b')}` } }, { a: 'p-XY', b: 'xY' })).toBe(true);
    expect(holds({ ArnLike: { a: `arn:aws:iot:*:*:${v('b')}` } }, { a: 'arn:aws:iot:r:1:t/x:y', b: 't/x:y' })).toBe(
      true,
    );
  });

  test('without value equal nothing', () => {
    expect(holds({ StringEquals: { a: v('b') } }, { a: '' })).toBe(false);
    expect(holds({ StringEquals: { a: [v('b'), 'x'] } }, { a: 'x' })).toBe(true);
    expect(holds({ StringLike: { a: '*', c: v('b') } }, { a: 'x', c: v('b') })).toBe(false);
  });

  test('without value in a negated operator deny, but allow only in policies of users', () => {
    const condition = { StringNotEquals: { a: v('b') } };
    expect(decided(condition, { a: 'x' })).toBe('no-statement');
    expect(decided(condition, { a: 'x' }, { effect: 'Deny' })).toBe('explicit-deny');
    expect(decided(condition, { a: 'x' }, { kind: 'iam' })).toBe('allowed');
    expect(decided(condition, { a: 'x', b: 'y' })).toBe('allowed');
  });
});
