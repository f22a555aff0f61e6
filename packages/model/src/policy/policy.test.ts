import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ConnectionFacts,
  compilePolicies,
  connectionContext,
  connectionThing,
  decide,
  PolicyContext,
  type PolicyKind,
  parsePolicy,
} from './policy.ts';

const account = 'arn:aws:iot:us-east-1:123456789012';
/** A policy variable, spelled out. */
const v = (name: string): string => `\${${name}}`;
const thingName = v('iot:Connection.Thing.ThingName');
const clientId = v('iot:ClientId');

type Statement = Readonly<Record<string, unknown>>;
const allow = (Action: unknown, Resource: unknown, Condition?: unknown): Statement =>
  Condition === undefined ? { Effect: 'Allow', Action, Resource } : { Effect: 'Allow', Action, Resource, Condition };
const deny = (...args: Parameters<typeof allow>): Statement => ({ ...allow(...args), Effect: 'Deny' });

function compile(statements: readonly Statement[], kind: PolicyKind = 'iot') {
  const policy = parsePolicy(JSON.stringify({ Version: '2012-10-17', Statement: statements }), kind);
  return compilePolicies([{ name: 'p', policy }]);
}

function allowed(statements: readonly Statement[], facts: ConnectionFacts, action: string, resource: string): boolean {
  const full = resource.startsWith('arn:') || resource === '*' ? resource : `${account}:${resource}`;
  return decide(compile(statements), { action, resource: full, context: connectionContext(facts) }).allowed;
}

const thing = { name: 'lamp1', type: 'bulb', attributes: new Map([['site', 'north']]) };
const attached: ConnectionFacts = { clientId: 'lamp1', thing };
const unattached: ConnectionFacts = { clientId: 'lamp1' };
const certified = (attributes: Record<string, string[]>): ConnectionFacts => ({
  clientId: 'lamp1',
  certificate: { id: 'abc', serialNumber: '1234', attributes: Object.entries(attributes) },
});

describe('documented examples', () => {
  const denyTwo = [
    deny(['iot:Connect'], [`${account}:client/client1`, `${account}:client/client2`]),
    allow(['iot:Connect'], [`${account}:client/${thingName}`], { Bool: { 'iot:Connection.Thing.IsAttached': 'true' } }),
  ];
  const byType = [
    allow('iot:Publish', `${account}:topic/device/stats`, {
      StringEquals: {
        'iot:Connection.Thing.Attributes[site]': 'north',
        'iot:Connection.Thing.ThingTypeName': 'bulb',
      },
      Bool: { 'iot:Connection.Thing.IsAttached': 'true' },
    }),
  ];
  const byOrganization = [
    allow('iot:Publish', `${account}:topic/my/topic/${clientId}`, {
      'ForAllValues:StringEquals': { 'iot:Certificate.Subject.Organization.List': ['Example Corp', 'AnyCompany'] },
    }),
  ];
  const bySerial = [allow('iot:Connect', `${account}:client/${v('iot:Certificate.SerialNumber')}`)];
  const notNull = [
    allow('iot:Connect', `${account}:client/*`, {
      Null: { 'iot:Certificate.SerialNumber': 'false', 'iot:Certificate.Subject.CommonName': 'false' },
    }),
  ];
  const literalWildcards = [
    allow('iot:Subscribe', `${account}:topicfilter/building/*`),
    deny('iot:Subscribe', `${account}:topicfilter/building/control_room/#`),
  ];
  const shadow = [allow(['iot:GetThingShadow', 'iot:UpdateThingShadow'], [`${account}:thing/${thingName}`])];
  const jobs = [allow(['iot:DescribeJobExecution', 'iotjobsdata:Start*'], `${account}:thing/${thingName}`)];
  const attribute = [allow('iot:Publish', `${account}:topic/${v('iot:Connection.Thing.Attributes[site]')}/*`)];

  test.each<[string, readonly Statement[], ConnectionFacts, string, string, boolean]>([
    [
      'a client id that is denied by name',
      denyTwo,
      { ...attached, clientId: 'client1' },
      'iot:Connect',
      'client/client1',
      false,
    ],
    ['a client id that is the attached thing', denyTwo, attached, 'iot:Connect', 'client/lamp1', true],
    ['a client id that is another thing', denyTwo, attached, 'iot:Connect', 'client/lamp2', false],
    ['a certificate without a thing', denyTwo, unattached, 'iot:Connect', 'client/lamp1', false],
    ['a thing of the type with the attribute', byType, attached, 'iot:Publish', 'topic/device/stats', true],
    [
      'a thing of no type',
      byType,
      { ...attached, thing: { name: 'x', attributes: [] } },
      'iot:Publish',
      'topic/device/stats',
      false,
    ],
    ['a topic by an attribute of the thing', attribute, attached, 'iot:Publish', 'topic/north/a/b', true],
    ['a topic by another value of the attribute', attribute, attached, 'iot:Publish', 'topic/south/a', false],
    ['a topic by an attribute without a thing', attribute, unattached, 'iot:Publish', 'topic/north/a', false],
    [
      'organizations that are all listed',
      byOrganization,
      certified({ 'Subject.Organization': ['AnyCompany'] }),
      'iot:Publish',
      'topic/my/topic/lamp1',
      true,
    ],
    [
      'an organization that is not listed',
      byOrganization,
      certified({ 'Subject.Organization': ['AnyCompany', 'Other'] }),
      'iot:Publish',
      'topic/my/topic/lamp1',
      false,
    ],
    ['a client id that is the serial number', bySerial, certified({}), 'iot:Connect', 'client/1234', true],
    ['a client id that is not the serial number', bySerial, certified({}), 'iot:Connect', 'client/1235', false],
    [
      'a certificate with the names asked for',
      notNull,
      certified({ 'Subject.CommonName': ['x'] }),
      'iot:Connect',
      'client/a',
      true,
    ],
    ['a certificate without a common name', notNull, certified({}), 'iot:Connect', 'client/a', false],
    [
      'a filter under a denied "#", which is literal',
      literalWildcards,
      attached,
      'iot:Subscribe',
      'topicfilter/building/control_room/data1',
      true,
    ],
    [
      'the denied filter itself',
      literalWildcards,
      attached,
      'iot:Subscribe',
      'topicfilter/building/control_room/#',
      false,
    ],
    [
      'a filter with MQTT wildcards under a "*"',
      literalWildcards,
      attached,
      'iot:Subscribe',
      'topicfilter/building/+/x/#',
      true,
    ],
    ['a shadow of the thing', shadow, attached, 'iot:GetThingShadow', 'thing/lamp1', true],
    ['a named shadow, which is another resource', shadow, attached, 'iot:GetThingShadow', 'thing/lamp1/config', false],
    ['an action on the shadow that is not listed', shadow, attached, 'iot:DeleteThingShadow', 'thing/lamp1', false],
    ['jobs by their former action name', jobs, attached, 'iotjobsdata:DescribeJobExecution', 'thing/lamp1', true],
    [
      'jobs by a wildcard in the action',
      jobs,
      attached,
      'iotjobsdata:StartNextPendingJobExecution',
      'thing/lamp1',
      true,
    ],
    ['jobs of another thing', jobs, attached, 'iotjobsdata:DescribeJobExecution', 'thing/lamp2', false],
    ['an action in another case', shadow, attached, 'IOT:getthingshadow', 'thing/lamp1', true],
    ['a resource in another case', shadow, attached, 'iot:GetThingShadow', 'thing/LAMP1', false],
    [
      'a role alias',
      [allow('iot:AssumeRoleWithCertificate', `${account}:rolealias/tes`)],
      attached,
      'iot:AssumeRoleWithCertificate',
      'rolealias/tes',
      true,
    ],
    [
      'an action without a resource',
      [allow('iot:ListNamedShadowsForThing', '*')],
      attached,
      'iot:ListNamedShadowsForThing',
      '*',
      true,
    ],
    [
      'all actions of a service',
      [allow('greengrass:*', '*')],
      attached,
      'greengrass:ResolveComponentCandidates',
      '*',
      true,
    ],
    ['another service', [allow('greengrass:*', '*')], attached, 'iot:Publish', 'topic/a', false],
    [
      'a retained message without its action',
      [allow('iot:Publish', '*')],
      attached,
      'iot:RetainPublish',
      'topic/a',
      false,
    ],
  ])('%s', (_title, statements, facts, action, resource, expected) => {
    expect(allowed(statements, facts, action, resource)).toBe(expected);
  });
});

describe('decisions', () => {
  test('an explicit deny wins whatever the order, and the decision names its statement', () => {
    const denying = { ...deny('iot:Publish', `${account}:topic/a`), Sid: 'NoA' };
    const request = { action: 'iot:Publish', resource: `${account}:topic/a`, context: new PolicyContext([]) };
    for (const order of [
      [allow('*', '*'), denying],
      [denying, allow('*', '*')],
    ]) {
      expect(decide(compile(order), request)).toEqual({
        allowed: false,
        reason: 'explicit-deny',
        statement: { policy: 'p', index: order.indexOf(denying), sid: 'NoA' },
      });
    }
  });

  test('what no statement is about is denied', () => {
    const request = { action: 'iot:Publish', resource: `${account}:topic/a`, context: new PolicyContext([]) };
    expect(decide(compilePolicies([]), request)).toEqual({ allowed: false, reason: 'no-statement' });
    expect(decide(compile([allow('iot:Connect', '*')]), request)).toEqual({ allowed: false, reason: 'no-statement' });
  });

  test('the statement that allows is named by policy and index', () => {
    const policies = ['one', 'two'].map((name, index) => ({
      name,
      policy: parsePolicy(
        JSON.stringify({ Version: '2012-10-17', Statement: allow(index === 0 ? 'iot:Connect' : 'iot:Publish', '*') }),
        'iot',
      ),
    }));
    const request = { action: 'iot:Publish', resource: `${account}:topic/a`, context: new PolicyContext([]) };
    expect(decide(compilePolicies(policies), request)).toEqual({
      allowed: true,
      reason: 'allowed',
      statement: { policy: 'two', index: 0, sid: undefined },
    });
  });

  test('one set of policies decides for many contexts', () => {
    const policies = compile([allow('iot:Publish', `${account}:topic/${clientId}/*`)]);
    for (const id of ['a', 'b', 'a']) {
      const context = connectionContext({ clientId: id });
      const ask = (topic: string): boolean =>
        decide(policies, { action: 'iot:Publish', resource: `${account}:topic/${topic}`, context }).allowed;
      expect([ask('a/x'), ask('b/x')]).toEqual([id === 'a', id === 'b']);
    }
  });

  test('more actions than are remembered are still decided', () => {
    const policies = compile([allow('iot:*', '*'), deny('iot:Act300', '*')]);
    const ask = (action: string): boolean =>
      decide(policies, { action, resource: '*', context: new PolicyContext([]) }).allowed;
    for (let index = 0; index < 400; index++) expect(ask(`iot:Act${index}`)).toBe(index !== 300);
  });
});

describe('wildcards and ARNs', () => {
  test('a wildcard for a region or account does not reach into the topic', () => {
    const statements = [allow('iot:Publish', 'arn:aws:iot:*:*:topic/x')];
    expect(allowed(statements, attached, 'iot:Publish', 'topic/x')).toBe(true);
    expect(allowed(statements, attached, 'iot:Publish', 'topic/evil:topic/x')).toBe(false);
    expect(allowed(statements, attached, 'iot:Publish', 'topic/y:x:topic/x')).toBe(false);
  });

  test('a wildcard in the resource matches slashes and colons', () => {
    const statements = [allow('iot:Publish', `${account}:topic/a*z`)];
    expect(allowed(statements, attached, 'iot:Publish', 'topic/a/b:c/z')).toBe(true);
    expect(allowed(statements, attached, 'iot:Publish', 'topic/a/b:c/y')).toBe(false);
  });

  test.each(['*', 'arn:*', 'arn:aws:iot:*', 'arn:aws:iot:us-east-1:123456789012:*'])('%s covers a topic', (pattern) => {
    expect(allowed([allow('iot:Publish', pattern)], attached, 'iot:Publish', 'topic/a:b/c')).toBe(true);
  });

  test('escapes stand for the characters themselves', () => {
    const statements = [allow('iot:Publish', `${account}:topic/${v('*')}${v('?')}${v('$')}{iot:ClientId}`)];
    expect(allowed(statements, attached, 'iot:Publish', `topic/*?${v('iot:ClientId')}`)).toBe(true);
    expect(allowed(statements, attached, 'iot:Publish', `topic/xy${v('iot:ClientId')}`)).toBe(false);
    expect(allowed(statements, attached, 'iot:Publish', 'topic/*?lamp1')).toBe(false);
  });

  test('the "$" of reserved topics is itself', () => {
    const statements = [allow('iot:Publish', `${account}:topic/$aws/things/${thingName}/shadow/*`)];
    expect(allowed(statements, attached, 'iot:Publish', 'topic/$aws/things/lamp1/shadow/update')).toBe(true);
  });
});

describe('policy variables', () => {
  test('wildcards in a value are literal', () => {
    const statements = [allow('iot:Publish', `${account}:topic/dev/${clientId}/x`)];
    for (const id of ['*', '?', 'a*', v('iot:DomainName'), '__proto__']) {
      expect(allowed(statements, { clientId: id, domainName: 'd' }, 'iot:Publish', `topic/dev/${id}/x`)).toBe(true);
      expect(allowed(statements, { clientId: id, domainName: 'd' }, 'iot:Publish', 'topic/dev/ab/x')).toBe(false);
    }
  });

  test('a value with colons does not shift the components of the ARN', () => {
    const statements = [allow('iot:Connect', `arn:aws:iot:*:*:client/${clientId}`)];
    expect(allowed(statements, { clientId: 'a:b:c' }, 'iot:Connect', 'client/a:b:c')).toBe(true);
    expect(allowed([allow('*', `arn:aws:${clientId}`)], { clientId: 'iot:x' }, 'iot:Connect', 'arn:aws:iot:x')).toBe(
      true,
    );
  });

  test('a client that calls itself + is allowed no filter by its name, yet still denied it', () => {
    const filter = `${account}:topicfilter/dev/${clientId}/cmd`;
    expect(allowed([allow('iot:Subscribe', filter)], { clientId: 'a' }, 'iot:Subscribe', 'topicfilter/dev/a/cmd')).toBe(
      true,
    );
    for (const id of ['+', '#', 'x/+/y']) {
      const resource = `topicfilter/dev/${id}/cmd`;
      expect(allowed([allow('iot:Subscribe', filter)], { clientId: id }, 'iot:Subscribe', resource)).toBe(false);
      expect(
        allowed(
          [allow('iot:Subscribe', '*'), deny('iot:Subscribe', filter)],
          { clientId: id },
          'iot:Subscribe',
          resource,
        ),
      ).toBe(false);
      expect(allowed([allow('iot:Subscribe', '*')], { clientId: id }, 'iot:Subscribe', resource)).toBe(true);
    }
  });

  test('a variable without value matches nothing, but other resources of the statement still do', () => {
    const statements = [allow('iot:Publish', [`${account}:topic/${thingName}*`, `${account}:topic/free`])];
    expect(allowed(statements, unattached, 'iot:Publish', 'topic/')).toBe(false);
    expect(allowed(statements, unattached, 'iot:Publish', `topic/${thingName}`)).toBe(false);
    expect(allowed(statements, unattached, 'iot:Publish', 'topic/free')).toBe(true);
  });

  test('names of built-in members are no variables', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'iot:Connection.Thing.Attributes[__proto__]']) {
      expect(allowed([allow('iot:Publish', `${account}:topic/${v(name)}*`)], attached, 'iot:Publish', 'topic/x')).toBe(
        false,
      );
      expect(
        allowed([allow('iot:Publish', '*', { Null: { [name]: 'true' } })], attached, 'iot:Publish', 'topic/x'),
      ).toBe(true);
    }
  });

  test('a default stands in for a value that is absent', () => {
    const statements = [allow('iot:Publish', `${account}:topic/${v("iot:Connection.Thing.ThingTypeName, 'none*'")}/x`)];
    expect(allowed(statements, attached, 'iot:Publish', 'topic/bulb/x')).toBe(true);
    expect(allowed(statements, unattached, 'iot:Publish', 'topic/none*/x')).toBe(true);
    expect(allowed(statements, unattached, 'iot:Publish', 'topic/nonesuch/x')).toBe(false);
  });

  test('keys are found in any case, attribute names only in their own', () => {
    const at = (name: string): boolean =>
      allowed([allow('iot:Publish', `${account}:topic/${v(name)}`)], attached, 'iot:Publish', 'topic/north');
    expect(at('IOT:connection.THING.attributes[site]')).toBe(true);
    expect(at('iot:Connection.Thing.Attributes[Site]')).toBe(false);
  });

  test('further values of a certificate attribute go by index, five at most', () => {
    const facts = certified({ 'Subject.Country': ['US', 'DE', 'FR', 'IT', 'ES', 'PT'] });
    const at = (name: string, topic: string): boolean =>
      allowed([allow('iot:Publish', `${account}:topic/${v(name)}`)], facts, 'iot:Publish', `topic/${topic}`);
    expect(at('iot:Certificate.Subject.Country', 'US')).toBe(true);
    expect(at('iot:Certificate.Subject.Country.1', 'DE')).toBe(true);
    expect(at('iot:Certificate.Subject.Country.4', 'ES')).toBe(true);
    expect(at('iot:Certificate.Subject.Country.5', 'PT')).toBe(false);
    expect(at('iot:Certificate.Subject.Country.List', 'US')).toBe(false);
    expect(at('iot:CertificateId', 'abc')).toBe(true);
  });

  test('a certificate attribute with wildcards or of more than 1024 characters replaces no variable', () => {
    const statements = [allow('iot:Publish', `${account}:topic/${v('iot:Certificate.Subject.CommonName')}`)];
    for (const name of ['a*', 'a?', 'a+', 'a#', '$a', 'a'.repeat(1025)]) {
      expect(allowed(statements, certified({ 'Subject.CommonName': [name] }), 'iot:Publish', `topic/${name}`)).toBe(
        false,
      );
    }
    expect(allowed(statements, certified({ 'Subject.CommonName': ['a b'] }), 'iot:Publish', 'topic/a b')).toBe(true);
  });
});

describe('the thing of a connection', () => {
  const lamp = { name: 'lamp1' };
  test.each([
    ['the thing that the client id names', 'lamp1', [{ name: 'x' }, lamp], lamp],
    ['none when the client id names no attached thing', 'lamp2', [lamp], undefined],
    ['none when the client id only begins with the name', 'lamp1-2', [lamp], undefined],
    ['the thing of the further connections of a nucleus', 'lamp1#2', [lamp], lamp],
    ['none of those of another thing', 'lamp2#2', [lamp], undefined],
    ['none without any', 'lamp1', [], undefined],
  ])('is %s', (_title, id, things, expected) => {
    expect(connectionThing(id, things)).toBe(expected);
  });

  test('is the one attached exclusively, whatever the client id', () => {
    const exclusive = { name: 'lamp9', exclusive: true };
    expect(connectionThing('any', [exclusive])).toBe(exclusive);
  });

  test('requests without a connection are neither attached nor unattached', () => {
    const test = (value: string): Statement =>
      allow('a:B', '*', { Bool: { 'iot:Connection.Thing.IsAttached': value } });
    expect([test('true'), test('false')].map((s) => allowed([s], {}, 'a:B', '*'))).toEqual([false, false]);
    expect([test('true'), test('false')].map((s) => allowed([s], unattached, 'a:B', '*'))).toEqual([false, true]);
  });
});

describe('policies of users', () => {
  const ask = (
    statements: readonly Statement[],
    action: string,
    resource: string,
    context: readonly [string, string][] = [],
  ) => decide(compile(statements, 'iam'), { action, resource, context: new PolicyContext(context) }).allowed;

  test('NotAction and NotResource cover all but what they list', () => {
    const statements = [
      { Effect: 'Allow', NotAction: ['iam:*', 'iot:Delete*'], NotResource: `${account}:thing/secret*` },
    ];
    expect(ask(statements, 'iot:CreateThing', `${account}:thing/a`)).toBe(true);
    expect(ask(statements, 'iot:DeleteThing', `${account}:thing/a`)).toBe(false);
    expect(ask(statements, 'iot:CreateThing', `${account}:thing/secret1`)).toBe(false);
  });

  test('an exception by a variable without value allows nothing and denies all', () => {
    const own = `arn:aws:iam::1:user/${v('aws:username')}`;
    const allowing = [{ Effect: 'Allow', Action: '*', NotResource: own }];
    const denying = [allow('*', '*'), { Effect: 'Deny', Action: '*', NotResource: own }];
    expect(ask(allowing, 'iam:GetUser', 'arn:aws:iam::1:user/ann')).toBe(false);
    expect(ask(denying, 'iam:GetUser', 'arn:aws:iam::1:user/ann')).toBe(false);
    expect(ask(denying, 'iam:GetUser', 'arn:aws:iam::1:user/ann', [['aws:username', 'ann']])).toBe(true);
    expect(ask(allowing, 'iam:GetUser', 'arn:aws:iam::1:user/bob', [['aws:username', 'ann']])).toBe(true);
  });

  test('former action names are for IoT policies only', () => {
    const statements = [allow('iot:DescribeJobExecution', '*')];
    expect(ask(statements, 'iotjobsdata:DescribeJobExecution', '*')).toBe(false);
  });
});

test('any policy and request give a decision, and an added deny of all always denies', () => {
  const pattern = fc
    .array(fc.constantFrom('a', '/', ':', '*', '?', clientId, thingName, v('*'), v('$'), '$aws'), { maxLength: 8 })
    .map((parts) => `arn:${parts.join('')}`);
  const resource = fc.string({ unit: fc.constantFrom('a', '/', ':', '*', '?', '$', '+') }).map((text) => `arn:${text}`);
  fc.assert(
    fc.property(pattern, resource, fc.string({ maxLength: 5 }), (written, asked, id) => {
      const facts = { clientId: id };
      expect([true, false]).toContain(allowed([allow('iot:Publish', written)], facts, 'iot:Publish', asked));
      expect(allowed([allow('*', '*')], facts, 'iot:Publish', asked)).toBe(true);
      expect(allowed([allow('iot:Publish', written), deny('*', '*')], facts, 'iot:Publish', asked)).toBe(false);
    }),
  );
});
