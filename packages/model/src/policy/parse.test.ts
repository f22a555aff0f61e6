import { describe, expect, test } from 'vitest';
import { parsePolicy } from './policy.ts';

const good = { Effect: 'Allow', Action: 'iot:Publish', Resource: '*' };
const document = (...Statement: unknown[]): string => JSON.stringify({ Version: '2012-10-17', Statement });
const openVariable = '$'.concat('{iot:ClientId');

describe('parsePolicy', () => {
  test('reads one statement or a list, one string or a list', () => {
    const single = JSON.stringify({ Version: '2012-10-17', Id: 'x', Statement: { ...good, Sid: 'One' } });
    expect(parsePolicy(single, 'iot').statements).toEqual([
      {
        sid: 'One',
        effect: 'Allow',
        actions: { not: false, patterns: ['iot:Publish'] },
        resources: { not: false, patterns: ['*'] },
        conditions: [],
      },
    ]);
    const list = document({ ...good, Action: ['iot:Connect', 'iot:*'], Condition: { Bool: { 'a:b': [true] } } }, good);
    expect(parsePolicy(list, 'iot').statements).toMatchObject([
      {
        actions: { patterns: ['iot:Connect', 'iot:*'] },
        conditions: [{ operator: 'Bool', key: 'a:b', values: ['true'] }],
      },
      { effect: 'Allow' },
    ]);
  });

  test.each([
    ['no JSON', '{', /^The document is not JSON/],
    ['nesting without end', '['.repeat(2000), /^The document is not JSON/],
    ['a list', '[]', /^The document is not a JSON object/],
    ['no version', JSON.stringify({ Statement: [good] }), /^Version: /],
    ['the old version', JSON.stringify({ Version: '2008-10-17', Statement: [good] }), /^Version: /],
    ['an unknown member', JSON.stringify({ Version: '2012-10-17', Statements: [good] }), /^Statements: /],
    ['no statement', JSON.stringify({ Version: '2012-10-17' }), /^Statement: /],
    ['an empty list of statements', document(), /^Statement: /],
    ['a statement that is none', document(good, 'x'), /^Statement\[1\]: /],
    ['no effect', document(good, { ...good, Effect: undefined }), /^Statement\[1\]\.Effect: /],
    ['an effect in lower case', document({ ...good, Effect: 'allow' }), /^Statement\[0\]\.Effect: /],
    ['no action', document(good, { ...good, Action: undefined }), /^Statement\[1\]\.Action: /],
    ['an empty list of actions', document({ ...good, Action: [] }), /^Statement\[0\]\.Action: /],
    [
      'an action without a service',
      document({ ...good, Action: ['iot:A', 'Publish'] }),
      /^Statement\[0\]\.Action\[1\]: /,
    ],
    ['an action that is a number', document({ ...good, Action: 1 }), /^Statement\[0\]\.Action: /],
    ['no resource', document({ ...good, Resource: undefined }), /^Statement\[0\]\.Resource: /],
    ['a resource that is no ARN', document({ ...good, Resource: 'topic/a' }), /^Statement\[0\]\.Resource: /],
    [
      'a variable that is not closed',
      document({ ...good, Resource: [`arn:${openVariable}`] }),
      /^Statement\[0\]\.Resource\[0\]: /,
    ],
    [
      'a variable without a name',
      document({ ...good, Resource: `arn:${openVariable.slice(0, 2)}}` }),
      /^Statement\[0\]\.Resource: /,
    ],
    ['a principal', document({ ...good, Principal: '*' }), /^Statement\[0\]\.Principal: /],
    ['a Sid that is a number', document({ ...good, Sid: 1 }), /^Statement\[0\]\.Sid: /],
    [
      'NotAction in an IoT policy',
      document({ ...good, Action: undefined, NotAction: '*' }),
      /^Statement\[0\]\.NotAction: /,
    ],
    [
      'NotResource in an IoT policy',
      document({ ...good, Resource: undefined, NotResource: '*' }),
      /^Statement\[0\]\.NotResource: /,
    ],
    ['a condition that is a list', document({ ...good, Condition: [] }), /^Statement\[0\]\.Condition: /],
    [
      'an unknown operator',
      document({ ...good, Condition: { Like: { a: 'b' } } }),
      /^Statement\[0\]\.Condition\.Like: /,
    ],
    [
      'an operator named constructor',
      document({ ...good, Condition: { constructor: { a: 'b' } } }),
      /^Statement\[0\]\.Condition\.constructor: /,
    ],
    [
      'an operator without keys',
      document({ ...good, Condition: { Bool: 'true' } }),
      /^Statement\[0\]\.Condition\.Bool: /,
    ],
    [
      'a condition without values',
      document({ ...good, Condition: { Bool: { a: [] } } }),
      /^Statement\[0\]\.Condition\.Bool\.a: /,
    ],
    [
      'a value that is an object',
      document({ ...good, Condition: { Bool: { a: {} } } }),
      /^Statement\[0\]\.Condition\.Bool\.a: /,
    ],
    [
      'a number that is none',
      document({ ...good, Condition: { NumericEquals: { a: 'x' } } }),
      /NumericEquals: "x" is not a number/,
    ],
    [
      'a date that is none',
      document({ ...good, Condition: { DateEquals: { a: '2024-13-01' } } }),
      /DateEquals: .* not a date/,
    ],
    ['an address that is none', document({ ...good, Condition: { IpAddress: { a: '1.2.3.256' } } }), /IpAddress: /],
    ['a prefix that is too long', document({ ...good, Condition: { IpAddress: { a: '1.2.3.4/33' } } }), /IpAddress: /],
    ['Null of something else', document({ ...good, Condition: { Null: { a: 'maybe' } } }), /Null: /],
    [
      'a member named __proto__',
      `{"Version":"2012-10-17","Statement":[],"__proto__":{"Statement":[1]}}`,
      /^__proto__: /,
    ],
  ])('%s is malformed, and the message says where', (_title, text, message) => {
    expect(() => parsePolicy(text, 'iot')).toThrow(expect.objectContaining({ code: 'MalformedPolicyException' }));
    expect(() => parsePolicy(text, 'iot')).toThrow(message);
  });

  test('Action beside NotAction is malformed in a policy of a user', () => {
    expect(() => parsePolicy(document({ ...good, NotAction: '*' }), 'iam')).toThrow(/^Statement\[0\]\.NotAction: /);
  });

  test('white space does not count towards the limit of characters', () => {
    const text = document({ ...good, Resource: `arn:aws:iot:*:*:topic/${'x'.repeat(1900)}` });
    const spaced = text.replace('{', `{${' '.repeat(5000)}`);
    expect(parsePolicy(spaced, 'iot').statements).toHaveLength(1);
    const longer = document({ ...good, Resource: `arn:aws:iot:*:*:topic/${'x'.repeat(2048)}` });
    expect(() => parsePolicy(longer, 'iot')).toThrow(/at most 2048/);
    expect(parsePolicy(longer, 'iam').statements).toHaveLength(1);
  });
});
