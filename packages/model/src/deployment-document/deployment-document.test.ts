import type { CreateDeploymentRequest, DeploymentPolicies as SdkPolicies } from '@aws-sdk/client-greengrassv2';
import { isJsonObject } from '@greensward/kit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildDocument, completePolicies, type DocumentInput, groupOf, parseDocument } from './deployment-document.ts';

const group = 'arn:aws:iot:eu-west-1:123456789012:thinggroup/Line7';
const configurationArn = 'arn:aws:greengrass:eu-west-1:123456789012:configuration:thinggroup/Line7:2';
const base = { deploymentId: '6a1f', configurationArn, creationTimestamp: 1_700_000_000_000 };

// cloud-api.md 3.7
const request: CreateDeploymentRequest = {
  targetArn: group,
  deploymentName: 'line7-main',
  components: {
    'com.acme.Scale': {
      componentVersion: '1.4.0',
      configurationUpdate: { reset: ['/calibration'], merge: '{"unit":"kg","limits":{"max":60}}' },
      runWith: { posixUser: 'scale:dialout', systemResourceLimits: { memory: 65536, cpus: 0.5 } },
    },
    'aws.greengrass.Cli': { componentVersion: '2.12.0' },
  },
  deploymentPolicies: { failureHandlingPolicy: 'ROLLBACK' },
};

const document = {
  schemaDate: '2021-05-17',
  deploymentId: '6a1f',
  deploymentName: 'line7-main',
  configurationArn,
  creationTimestamp: 1_700_000_000_000,
  components: {
    'com.acme.Scale': {
      version: '1.4.0',
      configurationUpdate: { reset: ['/calibration'], merge: { unit: 'kg', limits: { max: 60 } } },
      runWith: { posixUser: 'scale:dialout', systemResourceLimits: { memory: 65536, cpus: 0.5 } },
    },
    'aws.greengrass.Cli': { version: '2.12.0' },
  },
  failureHandlingPolicy: 'ROLLBACK',
  requiredCapabilities: ['LINUX_RESOURCE_LIMITS'],
  componentUpdatePolicy: { timeout: 60, action: 'NOTIFY_COMPONENTS' },
  configurationValidationPolicy: { timeout: 30 },
};

const build = (over: Partial<DocumentInput> = {}) => buildDocument({ ...base, ...over });
const buildOne = (specification: NonNullable<DocumentInput['components']>[string]) =>
  build({ components: { c: specification } }).components['c'];

describe('buildDocument', () => {
  test('makes the documented document of a request of the SDK', () => {
    expect(build(request)).toEqual(document);
    expect(JSON.stringify(build(request))).not.toContain('null');
  });

  test('no components is an empty map, with explicit policies', () => {
    expect(build()).toMatchObject({
      components: {},
      failureHandlingPolicy: 'ROLLBACK',
      componentUpdatePolicy: { timeout: 60, action: 'NOTIFY_COMPONENTS' },
      configurationValidationPolicy: { timeout: 30 },
      requiredCapabilities: [],
    });
  });

  test('a missing limit is completed with 0, none at all is left out', () => {
    const limits = (systemResourceLimits: { memory?: number; cpus?: number }) =>
      buildOne({ componentVersion: '1.0.0', runWith: { systemResourceLimits } })?.runWith;
    expect(limits({ memory: 5 })).toEqual({ systemResourceLimits: { memory: 5, cpus: 0 } });
    expect(limits({ cpus: 1.5 })).toEqual({ systemResourceLimits: { memory: 0, cpus: 1.5 } });
    expect(limits({})).toBeUndefined();
    expect(buildOne({ componentVersion: '1.0.0', runWith: {}, configurationUpdate: {} })).toEqual({ version: '1.0.0' });
  });

  test('a sub-deployment names its parent, on whose behalf it is booked, and requires the capability', () => {
    const sub = build({ parentTargetArn: group });
    expect(sub).toMatchObject({ parentTargetArn: group, onBehalfOf: group, requiredCapabilities: ['SUB_DEPLOYMENTS'] });
    expect(groupOf(build({ parentTargetArn: group, onBehalfOf: `${group}-root` }))).toBe('thinggroup/Line7-root');
  });

  test.each<[string, Partial<DocumentInput>, string]>([
    ['a version range', { components: { c: { componentVersion: '^1.0.0' } } }, 'components.c.componentVersion'],
    ['a short version', { components: { c: { componentVersion: '1.0' } } }, 'components.c.componentVersion'],
    ['no version', { components: { c: {} } }, 'components.c.componentVersion'],
    ['a bad name', { components: { 'a b': { componentVersion: '1.0.0' } } }, 'components.a b'],
    [
      'merge that is not JSON',
      { components: { c: { componentVersion: '1.0.0', configurationUpdate: { merge: '{' } } } },
      'components.c.configurationUpdate.merge',
    ],
    [
      'merge that is no object',
      { components: { c: { componentVersion: '1.0.0', configurationUpdate: { merge: '[]' } } } },
      'components.c.configurationUpdate.merge',
    ],
    [
      'merge nested too deep',
      {
        components: {
          c: { componentVersion: '1.0.0', configurationUpdate: { merge: `${'{"a":'.repeat(200)}1${'}'.repeat(200)}` } },
        },
      },
      'components.c.configurationUpdate.merge',
    ],
    [
      'a bad pointer',
      { components: { c: { componentVersion: '1.0.0', configurationUpdate: { reset: ['a'] } } } },
      'components.c.configurationUpdate.reset',
    ],
    [
      'fractional memory',
      { components: { c: { componentVersion: '1.0.0', runWith: { systemResourceLimits: { memory: 0.5 } } } } },
      'components.c.runWith.systemResourceLimits.memory',
    ],
    [
      'negative cpus',
      { components: { c: { componentVersion: '1.0.0', runWith: { systemResourceLimits: { cpus: -1 } } } } },
      'components.c.runWith.systemResourceLimits.cpus',
    ],
    [
      'a policy in another case',
      { deploymentPolicies: { failureHandlingPolicy: 'rollback' } },
      'deploymentPolicies.failureHandlingPolicy',
    ],
    [
      'an unknown action',
      { deploymentPolicies: { componentUpdatePolicy: { action: 'ASK' } } },
      'deploymentPolicies.componentUpdatePolicy.action',
    ],
    [
      'a timeout no device can hold',
      { deploymentPolicies: { configurationValidationPolicy: { timeoutInSeconds: 2 ** 31 } } },
      'deploymentPolicies.configurationValidationPolicy.timeoutInSeconds',
    ],
    ['a group name with a colon', { configurationArn: configurationArn.replace('Line7', 'a:b') }, 'targetArn'],
    ['a malformed parent', { parentTargetArn: 'arn:aws:iot:r:1:thing/x' }, 'parentTargetArn'],
    ['no time', { creationTimestamp: Number.NaN }, 'creationTimestamp'],
  ])('%s is refused, naming the field', (_title, over, field) => {
    expect(() => build(over)).toThrow(expect.objectContaining({ code: 'ValidationException', context: { field } }));
    expect(() => build(over)).toThrow(field);
  });

  test('a component called __proto__ is a component', () => {
    const components: DocumentInput['components'] = JSON.parse('{"__proto__":{"componentVersion":"1.0.0"}}');
    expect(JSON.stringify(build({ components }).components)).toBe('{"__proto__":{"version":"1.0.0"}}');
  });
});

test('the policies of GetDeployment are complete, and are policies of the SDK', () => {
  const complete: SdkPolicies = completePolicies({ componentUpdatePolicy: { timeoutInSeconds: 5 } });
  expect(complete).toEqual({
    failureHandlingPolicy: 'ROLLBACK',
    componentUpdatePolicy: { timeoutInSeconds: 5, action: 'NOTIFY_COMPONENTS' },
    configurationValidationPolicy: { timeoutInSeconds: 30 },
  });
  expect(completePolicies(undefined).componentUpdatePolicy.timeoutInSeconds).toBe(60);
});

describe('parseDocument', () => {
  test('case 69: fills in the defaults, tolerates null for them, ignores unknown fields', () => {
    const { schemaDate, deploymentId, creationTimestamp } = document;
    const parsed = parseDocument({
      deploymentId,
      configurationArn,
      creationTimestamp,
      components: null,
      failureHandlingPolicy: null,
      requiredCapabilities: null,
      componentUpdatePolicy: { timeout: null },
      configurationValidationPolicy: null,
      unknown: { x: 1 },
    });
    expect(parsed).toEqual({
      schemaDate,
      deploymentId,
      configurationArn,
      creationTimestamp,
      components: {},
      failureHandlingPolicy: 'ROLLBACK',
      requiredCapabilities: [],
      componentUpdatePolicy: { timeout: 60, action: 'NOTIFY_COMPONENTS' },
      configurationValidationPolicy: { timeout: 60 },
    });
  });

  test('numbers that AWS writes as doubles are whole numbers', () => {
    const json = JSON.stringify(document).replace('1700000000000', '1.7E12').replace('"timeout":60', '"timeout":60.0');
    expect(parseDocument(JSON.parse(json))).toEqual(document);
  });

  test.each<[string, Record<string, unknown>]>([
    ['deploymentId', { deploymentId: null }],
    ['configurationArn', { configurationArn: undefined }],
    ['configurationArn', { configurationArn: group }],
    ['creationTimestamp', { creationTimestamp: '1' }],
    ['creationTimestamp', { creationTimestamp: 1.5 }],
    ['schemaDate', { schemaDate: '2020-01-25' }],
    ['failureHandlingPolicy', { failureHandlingPolicy: 'rollback' }],
    ['componentUpdatePolicy.action', { componentUpdatePolicy: { action: 'x' } }],
    ['componentUpdatePolicy.timeout', { componentUpdatePolicy: { timeout: 'x' } }],
    ['configurationValidationPolicy', { configurationValidationPolicy: 5 }],
    ['requiredCapabilities', { requiredCapabilities: [1] }],
    ['parentTargetArn', { parentTargetArn: 'x' }],
    ['onBehalfOf', { onBehalfOf: configurationArn }],
    ['components', { components: [] }],
    ['components.c', { components: { c: null } }],
    ['components.c.version', { components: { c: {} } }],
    ['components.c.version', { components: { c: { version: '1.0' } } }],
    [
      'components.c.configurationUpdate.merge',
      { components: { c: { version: '1.0.0', configurationUpdate: { merge: '{}' } } } },
    ],
    [
      'components.c.configurationUpdate.reset',
      { components: { c: { version: '1.0.0', configurationUpdate: { reset: '' } } } },
    ],
    ['components.c.runWith.posixUser', { components: { c: { version: '1.0.0', runWith: { posixUser: 1 } } } }],
    [
      'components.c.runWith.systemResourceLimits.memory',
      { components: { c: { version: '1.0.0', runWith: { systemResourceLimits: { memory: -1 } } } } },
    ],
    ['components.../x', { components: { '../x': { version: '1.0.0' } } }],
  ])('names %s when it is wrong', (field, over) => {
    expect(() => parseDocument({ ...document, ...over })).toThrow(
      expect.objectContaining({ code: 'DEPLOYMENT_DOCUMENT_PARSE_ERROR', context: { field } }),
    );
  });

  test('what is no object is refused', () => {
    for (const value of [null, undefined, 'x', [], 5]) expect(() => parseDocument(value)).toThrow('document');
  });

  test('the group is the target, a thing name may contain colons, onBehalfOf wins', () => {
    const arn = (resource: string) =>
      parseDocument({ ...document, configurationArn: `arn:aws:greengrass:r:1:configuration:${resource}` });
    expect(groupOf(arn('thinggroup/Line7:2'))).toBe('thinggroup/Line7');
    expect(groupOf(arn('thing/a:b:12'))).toBe('thing/a:b');
    expect(groupOf(parseDocument({ ...document, onBehalfOf: `${group}b` }))).toBe('thinggroup/Line7b');
  });

  test('reads whatever buildDocument makes, as it was made', () => {
    const component = fc.record(
      {
        componentVersion: fc.constantFrom('1.0.0', '2.1.3-rc.1'),
        configurationUpdate: fc.record(
          {
            merge: fc.json().filter((text) => isJsonObject(JSON.parse(text))),
            reset: fc.array(fc.constantFrom('', '/a', '/a~1b/c')),
          },
          { requiredKeys: [] },
        ),
        runWith: fc.record(
          {
            posixUser: fc.constantFrom('u', 'u:g', ''),
            windowsUser: fc.constantFrom('u'),
            systemResourceLimits: fc.record(
              { memory: fc.nat(), cpus: fc.float({ min: 0, max: 64, noNaN: true }) },
              { requiredKeys: [] },
            ),
          },
          { requiredKeys: [] },
        ),
      },
      { requiredKeys: ['componentVersion'] },
    );
    const input = fc.record(
      {
        components: fc.dictionary(fc.stringMatching(/^[a-zA-Z0-9_.-]{1,12}$/), component, { maxKeys: 3 }),
        deploymentName: fc.string(),
        parentTargetArn: fc.constant(group),
        deploymentPolicies: fc.record(
          {
            failureHandlingPolicy: fc.constantFrom('ROLLBACK', 'DO_NOTHING'),
            componentUpdatePolicy: fc.record({ timeoutInSeconds: fc.nat() }, { requiredKeys: [] }),
          },
          { requiredKeys: [] },
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(input, (over) => {
        const built = build(over);
        expect(parseDocument(JSON.parse(JSON.stringify(built)))).toEqual(JSON.parse(JSON.stringify(built)));
      }),
    );
  });
});
