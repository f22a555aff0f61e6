import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ConformanceCloud, startConformanceCloud } from './conformance-cloud.ts';

// Every limit of CreateDeployment, a value on each side of it. Sent as signed bytes: SDKs would stop some of them.

let under: ConformanceCloud;
let targetArn = '';

beforeAll(async () => {
  under = await startConformanceCloud();
  targetArn = await under.group('limits');
});

afterAll(() => under.stop());

const post = (body: unknown) =>
  under.raw({
    method: 'POST',
    path: '/greengrass/v2/deployments',
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

async function count(): Promise<number> {
  const answer = await under.raw({
    method: 'GET',
    path: '/greengrass/v2/deployments',
    query: 'historyFilter=ALL&maxResults=1',
  });
  const { deployments } = answer.json;
  const newest: unknown = Array.isArray(deployments) ? deployments[0] : undefined;
  return typeof newest === 'object' && newest !== null && 'revisionId' in newest ? Number(newest.revisionId) : 0;
}

const component = (specification: unknown) => ({ components: { A: specification } });
const update = (configurationUpdate: unknown) => component({ componentVersion: '1.0.0', configurationUpdate });
const runWith = (value: unknown) => component({ componentVersion: '1.0.0', runWith: value });
const rollout = (jobExecutionsRolloutConfig: unknown) => ({ iotJobConfiguration: { jobExecutionsRolloutConfig } });
const exponential = (more: Readonly<Record<string, unknown>>) =>
  rollout({
    exponentialRate: {
      baseRatePerMinute: 10,
      incrementFactor: 2,
      rateIncreaseCriteria: { numberOfNotifiedThings: 10 },
      ...more,
    },
  });
const abort = (more: Readonly<Record<string, unknown>>) => ({
  iotJobConfiguration: {
    abortConfig: {
      criteriaList: [
        { failureType: 'FAILED', action: 'CANCEL', thresholdPercentage: 50, minNumberOfExecutedThings: 1, ...more },
      ],
    },
  },
});
const timeout = (inProgressTimeoutInMinutes: unknown) => ({
  iotJobConfiguration: { timeoutConfig: { inProgressTimeoutInMinutes } },
});
const policies = (deploymentPolicies: unknown) => ({ deploymentPolicies });
const tagsOf = (size: number) => ({ tags: Object.fromEntries(Array.from({ length: size }, (_, n) => [`k${n}`, 'v'])) });

const path = (suffix: string) => `components.A.${suffix}`;
const rate = 'iotJobConfiguration.jobExecutionsRolloutConfig.exponentialRate';
const criterion = 'iotJobConfiguration.abortConfig.criteriaList';

const refused: readonly (readonly [what: string, field: string, request: Readonly<Record<string, unknown>>])[] = [
  ['no target', 'targetArn', { targetArn: undefined }],
  ['a null target', 'targetArn', { targetArn: null }],
  ['the target of a policy', 'targetArn', { targetArn: 'arn:aws:iot:us-east-1:000000000000:policy/x' }],
  ['a target of another account', 'targetArn', { targetArn: 'arn:aws:iot:us-east-1:123456789012:thinggroup/limits' }],
  ['a target that is a number', 'targetArn', { targetArn: 7 }],
  ['a parent that is a thing', 'parentTargetArn', { parentTargetArn: 'arn:aws:iot:us-east-1:000000000000:thing/x' }],
  ['a name of 257 characters', 'deploymentName', { deploymentName: 'x'.repeat(257) }],
  ['an empty name', 'deploymentName', { deploymentName: '' }],
  ['components that are a list', 'components', { components: [] }],
  ['a component without version', path('componentVersion'), component({})],
  ['a version range', path('componentVersion'), component({ componentVersion: '>=1.0.0' })],
  ['a version of 65 characters', path('componentVersion'), component({ componentVersion: `1.0.0-${'a'.repeat(59)}` })],
  ['a component name with a slash', 'components', { components: { 'a/b': { componentVersion: '1.0.0' } } }],
  ['an empty merge', path('configurationUpdate.merge'), update({ merge: '' })],
  ['a merge that is a list', path('configurationUpdate.merge'), update({ merge: '[1]' })],
  ['a merge that is not JSON', path('configurationUpdate.merge'), update({ merge: '{bad' })],
  ['a merge that is an object, not text', path('configurationUpdate.merge'), update({ merge: { a: 1 } })],
  ['a reset of 257 characters', path('configurationUpdate.reset'), update({ reset: [`/${'a'.repeat(256)}`] })],
  ['an empty POSIX user', path('runWith.posixUser'), runWith({ posixUser: '' })],
  ['an empty Windows user', path('runWith.windowsUser'), runWith({ windowsUser: '' })],
  ['negative memory', path('runWith.systemResourceLimits.memory'), runWith({ systemResourceLimits: { memory: -1 } })],
  ['negative cpus', path('runWith.systemResourceLimits.cpus'), runWith({ systemResourceLimits: { cpus: -0.1 } })],
  ['0 per minute', 'maximumPerMinute', rollout({ maximumPerMinute: 0 })],
  ['1001 per minute', 'maximumPerMinute', rollout({ maximumPerMinute: 1001 })],
  ['a base rate of 0', `${rate}.baseRatePerMinute`, exponential({ baseRatePerMinute: 0 })],
  ['a base rate of 1001', `${rate}.baseRatePerMinute`, exponential({ baseRatePerMinute: 1001 })],
  ['a factor of 5.1', `${rate}.incrementFactor`, exponential({ incrementFactor: 5.1 })],
  ['a factor of 0.9', `${rate}.incrementFactor`, exponential({ incrementFactor: 0.9 })],
  ['a factor of 1', `${rate}.incrementFactor`, exponential({ incrementFactor: 1 })],
  ['a factor of 1.55', `${rate}.incrementFactor`, exponential({ incrementFactor: 1.55 })],
  ['no rate increase criteria', `${rate}.rateIncreaseCriteria`, exponential({ rateIncreaseCriteria: undefined })],
  ['empty rate increase criteria', `${rate}.rateIncreaseCriteria`, exponential({ rateIncreaseCriteria: {} })],
  [
    'a criterion of 0 things',
    `${rate}.rateIncreaseCriteria`,
    exponential({ rateIncreaseCriteria: { numberOfNotifiedThings: 0 } }),
  ],
  ['no abort criteria', criterion, { iotJobConfiguration: { abortConfig: { criteriaList: [] } } }],
  ['a threshold of 100.01', 'thresholdPercentage', abort({ thresholdPercentage: 100.01 })],
  ['a threshold of 10.999', 'thresholdPercentage', abort({ thresholdPercentage: 10.999 })],
  ['0 executed things', 'minNumberOfExecutedThings', abort({ minNumberOfExecutedThings: 0 })],
  ['an unknown failure type', 'failureType', abort({ failureType: 'BROKEN' })],
  ['an unknown abort action', 'action', abort({ action: 'STOP' })],
  ['a timeout of 0 minutes', 'inProgressTimeoutInMinutes', timeout(0)],
  ['a timeout of 10081 minutes', 'inProgressTimeoutInMinutes', timeout(10_081)],
  ['a failure policy in lower case', 'failureHandlingPolicy', policies({ failureHandlingPolicy: 'rollback' })],
  ['an unknown update action', 'componentUpdatePolicy.action', policies({ componentUpdatePolicy: { action: 'ASK' } })],
  [
    'a negative update timeout',
    'componentUpdatePolicy.timeoutInSeconds',
    policies({ componentUpdatePolicy: { timeoutInSeconds: -1 } }),
  ],
  [
    'a fractional validation timeout',
    'configurationValidationPolicy.timeoutInSeconds',
    policies({ configurationValidationPolicy: { timeoutInSeconds: 1.5 } }),
  ],
  ['no tags in tags', 'tags', { tags: {} }],
  ['201 tags', 'tags', tagsOf(201)],
  ['a tag value of 257 characters', 'tags', { tags: { k: 'v'.repeat(257) } }],
  ['a tag key of 129 characters', 'tags', { tags: { ['k'.repeat(129)]: 'v' } }],
  ['a reserved tag', 'tags', { tags: { 'aws:k': 'v' } }],
  ['a token with an underscore', 'clientToken', { clientToken: 'a_b' }],
  ['a token of 65 characters', 'clientToken', { clientToken: 'a'.repeat(65) }],
  ['an empty token', 'clientToken', { clientToken: '' }],
];

test.each(refused)('%s is refused, the field is named, and nothing is created', async (_what, field, request) => {
  const before = await count();
  const answer = await post({ targetArn, ...request });
  expect(answer).toMatchObject({
    status: 400,
    errorType: 'ValidationException',
    json: { reason: 'FIELD_VALIDATION_FAILED', fields: [{ name: expect.stringContaining(field) }] },
  });
  expect(answer.json['message']).toContain(field);
  expect(await count()).toBe(before);
});

const accepted: readonly (readonly [what: string, request: Readonly<Record<string, unknown>>])[] = [
  ['a target alone', {}],
  ['no components', { components: {} }],
  ['null members, as if absent', { components: null, deploymentName: null, tags: null }],
  ['members nobody knows', { whatever: { is: 'here' } }],
  ['a component that does not exist', component({ componentVersion: '1.0.0' })],
  ['a name of 256 characters', { deploymentName: 'x'.repeat(256) }],
  ['an empty merge object', update({ merge: '{}' })],
  ['a reset of everything', update({ reset: [''] })],
  ['a reset of a list element', update({ reset: ['/a/0'] })],
  ['a reset of 256 characters', update({ reset: [`/${'a'.repeat(255)}`] })],
  ['no cpus', runWith({ systemResourceLimits: { cpus: 0 } })],
  ['1 per minute', rollout({ maximumPerMinute: 1 })],
  ['1000 per minute', rollout({ maximumPerMinute: 1000 })],
  ['a factor of 1.1', exponential({ incrementFactor: 1.1 })],
  ['a factor of 5', exponential({ incrementFactor: 5 })],
  ['a threshold of 10.99', abort({ thresholdPercentage: 10.99 })],
  ['a threshold of 100', abort({ thresholdPercentage: 100 })],
  ['a timeout of 1 minute', timeout(1)],
  ['a timeout of 10080 minutes', timeout(10_080)],
  ['an empty tag value', { tags: { k: '' } }],
  ['200 tags', tagsOf(200)],
  ['a token of 64 characters', { clientToken: 'a'.repeat(64) }],
];

test.each(accepted)('%s is accepted', async (_what, request) => {
  const answer = await post({ targetArn, ...request });
  expect(answer.json).toMatchObject({ deploymentId: expect.any(String), iotJobId: expect.any(String) });
  expect(answer.status).toBe(201);
});

test('several wrong fields are all named', async () => {
  const answer = await post({ targetArn, ...timeout(0), deploymentName: '' });
  const names = JSON.stringify(answer.json['fields']);
  expect(names).toContain('deploymentName');
  expect(names).toContain('inProgressTimeoutInMinutes');
});

test('a thing that never ran a device runtime is a target', async () => {
  const answer = await post({ targetArn: await under.thing('never-ran') });
  expect(answer.status).toBe(201);
});

test.each(['thinggroup/nobody', 'thing/nobody'])(
  'the target %s, which does not exist, is refused by its ARN',
  async (name) => {
    const resourceId = `arn:aws:iot:us-east-1:000000000000:${name}`;
    const answer = await post({ targetArn: resourceId });
    expect(answer).toMatchObject({
      status: 404,
      errorType: 'ResourceNotFoundException',
      json: { resourceId, resourceType: name.split('/')[0] },
    });
  },
);

test('a parent that does not exist is refused', async () => {
  const answer = await post({ targetArn, parentTargetArn: 'arn:aws:iot:us-east-1:000000000000:thinggroup/nobody' });
  expect(answer).toMatchObject({ status: 404, errorType: 'ResourceNotFoundException' });
});
