import { describe, expect, test } from 'vitest';
import { compilePolicies, connectionContext, decide, parsePolicy } from './policy.ts';

// What the Greengrass guide says a core device needs at least (Device authentication and authorization), for the thing `core1`.

const account = 'arn:aws:iot:us-east-1:123456789012';
const own = `${account}:topic/$aws/things/core1*`;
const ownFilter = `${account}:topicfilter/$aws/things/core1*`;

const minimal = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: ['iot:Connect'], Resource: `${account}:client/core1*` },
    {
      Effect: 'Allow',
      Action: ['iot:Receive', 'iot:Publish'],
      Resource: [
        `${own}/greengrass/health/json`,
        `${own}/greengrassv2/health/json`,
        `${own}/jobs/*`,
        `${own}/shadow/*`,
      ],
    },
    { Effect: 'Allow', Action: ['iot:Subscribe'], Resource: [`${ownFilter}/jobs/*`, `${ownFilter}/shadow/*`] },
    {
      Effect: 'Allow',
      Action: ['iot:GetThingShadow', 'iot:UpdateThingShadow', 'iot:DeleteThingShadow'],
      Resource: [`${account}:thing/core1*`],
    },
    { Effect: 'Allow', Action: 'iot:AssumeRoleWithCertificate', Resource: `${account}:rolealias/tes` },
    {
      Effect: 'Allow',
      Action: [
        'greengrass:GetComponentVersionArtifact',
        'greengrass:ResolveComponentCandidates',
        'greengrass:GetDeploymentConfiguration',
        'greengrass:ListThingGroupsForCoreDevice',
      ],
      Resource: '*',
    },
  ],
};

const policies = compilePolicies([{ name: 'core', policy: parsePolicy(JSON.stringify(minimal), 'iot') }]);

function may(action: string, resource: string): boolean {
  const context = connectionContext({ clientId: 'core1', thing: { name: 'core1', attributes: [] } });
  return decide(policies, { action, resource: `${account}:${resource}`, context }).allowed;
}

/** All that a nucleus does as `thing`: of its own kind and of lite (subscriptions to `<request>/+`). */
function needs(thing: string): readonly (readonly [action: string, resource: string])[] {
  const jobs = `$aws/things/${thing}/jobs`;
  const execution = `${jobs}/job-1/namespace-aws-gg-deployment`;
  const next = `${jobs}/$next/namespace-aws-gg-deployment`;
  const shadow = `$aws/things/${thing}/shadow/name/AWSManagedGreengrassV2Deployment`;
  const classic = `$aws/things/${thing}/shadow`;
  const publish = [
    `${execution}/update`,
    `${next}/get`,
    `${shadow}/get`,
    `${shadow}/update`,
    `${shadow}/delete`,
    `${classic}/get`,
    `${classic}/update`,
    `${classic}/delete`,
    `$aws/things/${thing}/greengrassv2/health/json`,
    `$aws/things/${thing}/greengrass/health/json`,
  ];
  const receive = [
    `${jobs}/notify-namespace-aws-gg-deployment`,
    `${jobs}/notify-next-namespace-aws-gg-deployment`,
    `${execution}/update/accepted`,
    `${execution}/update/rejected`,
    `${next}/get/accepted`,
    `${next}/get/rejected`,
    `${shadow}/update/delta`,
    `${shadow}/update/documents`,
    `${shadow}/update/accepted`,
    `${shadow}/get/rejected`,
    `${classic}/update/delta`,
  ];
  const filters = [
    ...receive,
    `${jobs}/+/namespace-aws-gg-deployment/update/accepted`,
    `${next}/get/+`,
    `${execution}/update/+`,
    `${shadow}/get/+`,
    `${classic}/name/+/update/delta`,
  ];
  return [
    ['iot:Connect', `client/${thing}`],
    ['iot:Connect', `client/${thing}#2`],
    ['iot:Connect', `client/${thing}#endpoint-switch`],
    ...publish.map((topic) => ['iot:Publish', `topic/${topic}`] as const),
    ...receive.map((topic) => ['iot:Receive', `topic/${topic}`] as const),
    ...filters.map((filter) => ['iot:Subscribe', `topicfilter/${filter}`] as const),
    ['iot:GetThingShadow', `thing/${thing}`],
    ['iot:UpdateThingShadow', `thing/${thing}/AWSManagedGreengrassV2Deployment`],
    ['iot:DeleteThingShadow', `thing/${thing}`],
  ];
}

describe('the minimal policy of a core device', () => {
  test.each(needs('core1'))('allows %s on %s', (action, resource) => {
    expect(may(action, resource)).toBe(true);
  });

  // The guide's `*` after the name is for companion things; it cannot tell them from a thing that happens to be named so.
  test.each(needs('core1-gci'))('allows the companion thing %s on %s', (action, resource) => {
    expect(may(action, resource)).toBe(true);
  });

  test.each(['core2', 'acore1', 'Core1', 'core', '+', '#', 'core?', '*', 'x/core1', '__proto__'])(
    'allows nothing of the thing %s',
    (other) => {
      expect(needs(other).filter(([action, resource]) => may(action, resource))).toEqual([]);
    },
  );

  test.each([
    'greengrass:GetComponentVersionArtifact',
    'greengrass:ResolveComponentCandidates',
    'greengrass:GetDeploymentConfiguration',
    'greengrass:ListThingGroupsForCoreDevice',
  ])('allows %s', (action) => {
    expect(may(action, '*')).toBe(true);
  });

  test('allows the role alias that it names', () => {
    expect(may('iot:AssumeRoleWithCertificate', 'rolealias/tes')).toBe(true);
    expect(may('iot:AssumeRoleWithCertificate', 'rolealias/other')).toBe(false);
  });

  test.each([
    ['iot:Publish', 'topic/hello'],
    ['iot:Publish', 'topic/$aws/things/core1/events'],
    ['iot:Publish', 'topic/$aws/events/presence/connected/core1'],
    ['iot:Publish', 'topic/$aws/things/core2/shadow/update:topic/$aws/things/core1/shadow/update'],
    ['iot:RetainPublish', 'topic/$aws/things/core1/shadow/update'],
    ['iot:Receive', 'topic/hello'],
    ['iot:Subscribe', 'topicfilter/#'],
    ['iot:Subscribe', 'topicfilter/$aws/#'],
    ['iot:Subscribe', 'topicfilter/$aws/things/+/jobs/notify'],
    ['iot:Subscribe', 'topicfilter/$aws/things/core1/#'],
    ['iot:Subscribe', 'topicfilter/$share/group/$aws/things/core1/jobs/notify'],
    ['iot:Subscribe', 'topic/$aws/things/core1/jobs/notify'],
    ['iot:ListNamedShadowsForThing', 'thing/core1'],
    ['iotjobsdata:UpdateJobExecution', 'thing/core1'],
    ['greengrass:Discover', 'thing/core1'],
    ['greengrass:UpdateConnectivityInfo', 'thing/core1'],
    ['greengrass:CreateDeployment', '*'],
    ['iot:CreateThing', 'thing/core1'],
  ])('does not allow %s on %s', (action, resource) => {
    expect(may(action, resource)).toBe(false);
  });

  test('allows nothing in another region or account', () => {
    const context = connectionContext({ clientId: 'core1' });
    for (const other of ['arn:aws:iot:us-east-2:123456789012', 'arn:aws:iot:us-east-1:999999999999']) {
      const resource = `${other}:topic/$aws/things/core1/shadow/update`;
      expect(decide(policies, { action: 'iot:Publish', resource, context }).allowed).toBe(false);
    }
  });
});
