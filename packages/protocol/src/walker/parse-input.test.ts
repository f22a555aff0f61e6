import { Fault } from '@greensward/kit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { greengrassv2 } from '../greengrassv2.ts';
import { iot } from '../iot.ts';
import { iotData } from '../iot-data.ts';
import { iotJobsData } from '../iot-jobs-data.ts';
import type { Operation } from '../table.ts';
import { parseInput, type WireRequest } from './parse-input.ts';

const gg = greengrassv2.operations;
const bytes = (text: string) => new TextEncoder().encode(text);
const GROUP = 'arn:aws:iot:us-east-1:123456789012:thinggroup/g';

function request(path: string, body: unknown = undefined, query = '', headers = {}): WireRequest {
  return { path, query, headers, body: body === undefined ? new Uint8Array() : bytes(JSON.stringify(body)) };
}

const create = (body: unknown) => parseInput(gg.CreateDeployment, request('/greengrass/v2/deployments', body));

/** The names of the fields a call complains about. */
function fields(call: () => unknown): string[] {
  const fault = faultOf(call);
  const list: unknown = fault.context['fields'];
  return Array.isArray(list) ? list.map((field) => String(field.name)) : [];
}

function faultOf(call: () => unknown): Fault {
  try {
    call();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const component = (entry: object) => ({ targetArn: GROUP, components: { 'com.example.A': entry } });
const rollout = (rate: object) => ({
  targetArn: GROUP,
  iotJobConfiguration: { jobExecutionsRolloutConfig: { exponentialRate: rate } },
});
const rate = { baseRatePerMinute: 5, incrementFactor: 1.5, rateIncreaseCriteria: { numberOfNotifiedThings: 1 } };
const abort = (criteria: object) => ({
  targetArn: GROUP,
  iotJobConfiguration: {
    abortConfig: {
      criteriaList: [
        { failureType: 'ALL', action: 'CANCEL', thresholdPercentage: 10, minNumberOfExecutedThings: 1, ...criteria },
      ],
    },
  },
});

describe('reading', () => {
  test('an ARN label is read alike with literal and with escaped colons', () => {
    const arn = 'arn:aws:greengrass:us-east-1:123456789012:components:A:versions:1.0.0';
    for (const path of [arn, encodeURIComponent(arn)]) {
      expect(parseInput(gg.DescribeComponent, request(`/greengrass/v2/components/${path}/metadata`))).toEqual({ arn });
    }
  });

  test('a greedy label keeps its slashes and decodes the rest', () => {
    const arn = 'arn:aws:greengrass:us-east-1:123456789012:components:A:versions:1.0.0';
    const path = `/greengrass/v2/components/${arn}/artifacts/dir/sub%20dir/file.zip`;
    const input = parseInput(
      gg.GetComponentVersionArtifact,
      request(path, undefined, 's3EndpointType=GLOBAL', { 'x-amz-iot-endpoint-type': 'fips' }),
    );
    expect(input).toEqual({
      arn,
      artifactName: 'dir/sub dir/file.zip',
      s3EndpointType: 'GLOBAL',
      iotEndpointType: 'fips',
    });
  });

  test('an escaped slash stays inside its segment', () => {
    const input = parseInput(
      iot.operations.ListAttachedPolicies,
      request(`/attached-policies/${encodeURIComponent(GROUP)}`),
    );
    expect(input).toEqual({ target: GROUP });
  });

  test('a repeated query key is a list', () => {
    const arn = 'arn:aws:greengrass:us-east-1:123456789012:deployments:d';
    const input = parseInput(gg.UntagResource, request(`/tags/${arn}`, undefined, 'tagKeys=a&tagKeys=b%20c'));
    expect(input.tagKeys).toEqual(['a', 'b c']);
  });

  test('$next is read escaped and literal, in the label and in the template', () => {
    for (const id of ['$next', '%24next']) {
      const path = `/things/T/jobs/${id}`;
      expect(parseInput(iotJobsData.operations.DescribeJobExecution, request(path))).toEqual({
        thingName: 'T',
        jobId: '$next',
      });
      expect(parseInput(iotJobsData.operations.StartNextPendingJobExecution, request(path, {}))).toEqual({
        thingName: 'T',
      });
    }
  });

  test('a payload is the raw body', () => {
    const body = { state: {} };
    const input = parseInput(iotData.operations.UpdateThingShadow, request('/things/T/shadow', body, 'name=s'));
    expect(input).toEqual({ thingName: 'T', shadowName: 's', payload: bytes('{"state":{}}') });
  });

  test('no body and {} are the same, and a body where none belongs is ignored', () => {
    const path = '/greengrass/v2/deployments/d/cancel';
    expect(parseInput(gg.CancelDeployment, request(path))).toEqual({ deploymentId: 'd' });
    expect(parseInput(gg.CancelDeployment, request(path, {}))).toEqual({ deploymentId: 'd' });
    expect(parseInput(gg.CancelDeployment, { ...request(path), body: bytes('{{{') })).toEqual({ deploymentId: 'd' });
  });

  test('nulls are absent and unknown members are ignored', () => {
    expect(create({ targetArn: GROUP, deploymentName: null, nope: 1 })).toEqual({ targetArn: GROUP });
  });

  test('an inline recipe is decoded from base64', () => {
    const body = { inlineRecipe: 'aGkK' };
    const input = parseInput(gg.CreateComponentVersion, request('/greengrass/v2/createComponentVersion', body));
    expect(input.inlineRecipe).toEqual(bytes('hi\n'));
  });

  test('a map keeps keys such as __proto__ and constructor as keys', () => {
    const text = `{"targetArn":"${GROUP}","tags":{"__proto__":"a","constructor":"b","toString":"c"}}`;
    const path = '/greengrass/v2/deployments';
    const tags = parseInput(gg.CreateDeployment, { ...request(path), body: bytes(text) }).tags ?? {};
    expect(Object.entries(tags)).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
      ['toString', 'c'],
    ]);
    expect(tags['hasOwnProperty']).toBeUndefined();
  });
});

describe('refusing', () => {
  test.each([
    ['truncated JSON', '{"targetArn":'],
    ['a list', '[]'],
    ['null', 'null'],
    ['bytes that are not UTF-8', new Uint8Array([0x7b, 0xff, 0x7d])],
    ['JSON nested 201 deep', `${'['.repeat(201)}${']'.repeat(201)}`],
  ])('%s cannot be parsed', (_, body) => {
    const raw = typeof body === 'string' ? bytes(body) : body;
    const call = () => parseInput(gg.CreateDeployment, { ...request('/greengrass/v2/deployments'), body: raw });
    expect(faultOf(call)).toMatchObject({ code: 'ValidationException', context: { reason: 'CANNOT_PARSE' } });
  });

  test('a path or query with broken escapes cannot be parsed', () => {
    const bad = [request('/greengrass/v2/deployments/%zz'), request('/greengrass/v2/deployments/d', undefined, 'a=%f')];
    for (const item of bad) {
      expect(faultOf(() => parseInput(gg.GetDeployment, item)).context['reason']).toBe('CANNOT_PARSE');
    }
  });

  test('a path of another shape is an unknown operation', () => {
    for (const path of ['/greengrass/v2/deployments', '/greengrass/v2/deployments/d/e', '/x']) {
      expect(faultOf(() => parseInput(gg.GetDeployment, request(path))).context['reason']).toBe('UNKNOWN_OPERATION');
    }
  });

  test('every violation is named with its full path', () => {
    const call = () =>
      create({
        components: { 'com.example.A': {}, 'com.example.B': { componentVersion: 'v'.repeat(65) } },
        deploymentPolicies: { failureHandlingPolicy: 'rollback' },
      });
    expect(fields(call)).toEqual([
      'targetArn',
      'components.com.example.A.componentVersion',
      'components.com.example.B.componentVersion',
      'deploymentPolicies.failureHandlingPolicy',
    ]);
    expect(faultOf(call).message).toContain('components.com.example.A.componentVersion is required');
  });

  test('at most fifty violations are named', () => {
    const components = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`c${index}`, {}]));
    expect(fields(() => create({ targetArn: GROUP, components }))).toHaveLength(50);
  });

  test.each<[string, unknown, string]>([
    ['a policy ARN as target', { targetArn: 'arn:aws:iot:us-east-1:123456789012:policy/x' }, 'targetArn'],
    ['a number for a string', { targetArn: 7 }, 'targetArn'],
    ['a long deployment name', { targetArn: GROUP, deploymentName: 'n'.repeat(257) }, 'deploymentName'],
    ['an empty tag map', { targetArn: GROUP, tags: {} }, 'tags'],
    ['a long tag value', { targetArn: GROUP, tags: { k: 'v'.repeat(257) } }, 'tags.k'],
    ['a null tag', { targetArn: GROUP, tags: { k: null } }, 'tags.k'],
    ['an underscore in the token', { targetArn: GROUP, clientToken: 'a_b' }, 'clientToken'],
    ['an empty token', { targetArn: GROUP, clientToken: '' }, 'clientToken'],
    ['a NUL in a name', { targetArn: GROUP, deploymentName: 'a\0b' }, 'deploymentName'],
    ['half a surrogate pair in a tag', { targetArn: GROUP, tags: { k: 'a\ud83d' } }, 'tags.k'],
    ['a NUL in the key of a tag', { targetArn: GROUP, tags: { 'k\0': '' } }, 'tags.k\0'],
    ['a thing as parent', { targetArn: GROUP, parentTargetArn: GROUP.replace('group', '') }, 'parentTargetArn'],
    [
      'an empty merge',
      component({ componentVersion: '1.0.0', configurationUpdate: { merge: '' } }),
      'components.com.example.A.configurationUpdate.merge',
    ],
    [
      'a long pointer',
      component({ componentVersion: '1.0.0', configurationUpdate: { reset: ['', 'p'.repeat(257)] } }),
      'components.com.example.A.configurationUpdate.reset[1]',
    ],
    [
      'an empty user',
      component({ componentVersion: '1.0.0', runWith: { posixUser: '' } }),
      'components.com.example.A.runWith.posixUser',
    ],
    [
      'negative memory',
      component({ componentVersion: '1.0.0', runWith: { systemResourceLimits: { memory: -1 } } }),
      'components.com.example.A.runWith.systemResourceLimits.memory',
    ],
    [
      'memory of 2^63',
      component({ componentVersion: '1.0.0', runWith: { systemResourceLimits: { memory: 2 ** 63 } } }),
      'components.com.example.A.runWith.systemResourceLimits.memory',
    ],
    [
      'a fraction of a kilobyte',
      component({ componentVersion: '1.0.0', runWith: { systemResourceLimits: { memory: 0.5 } } }),
      'components.com.example.A.runWith.systemResourceLimits.memory',
    ],
    [
      'negative cpus',
      component({ componentVersion: '1.0.0', runWith: { systemResourceLimits: { cpus: -0.1 } } }),
      'components.com.example.A.runWith.systemResourceLimits.cpus',
    ],
    [
      'a base rate of 1001',
      rollout({ ...rate, baseRatePerMinute: 1001 }),
      'iotJobConfiguration.jobExecutionsRolloutConfig.exponentialRate.baseRatePerMinute',
    ],
    [
      'a factor of 1',
      rollout({ ...rate, incrementFactor: 1 }),
      'iotJobConfiguration.jobExecutionsRolloutConfig.exponentialRate.incrementFactor',
    ],
    [
      'a factor of 5.1',
      rollout({ ...rate, incrementFactor: 5.1 }),
      'iotJobConfiguration.jobExecutionsRolloutConfig.exponentialRate.incrementFactor',
    ],
    [
      'a factor of 1.55',
      rollout({ ...rate, incrementFactor: 1.55 }),
      'iotJobConfiguration.jobExecutionsRolloutConfig.exponentialRate.incrementFactor',
    ],
    [
      'no increase criterion',
      rollout({ ...rate, rateIncreaseCriteria: {} }),
      'iotJobConfiguration.jobExecutionsRolloutConfig.exponentialRate.rateIncreaseCriteria',
    ],
    [
      'absent increase criteria',
      rollout({ baseRatePerMinute: 5, incrementFactor: 2 }),
      'iotJobConfiguration.jobExecutionsRolloutConfig.exponentialRate.rateIncreaseCriteria',
    ],
    [
      'an empty criteria list',
      { targetArn: GROUP, iotJobConfiguration: { abortConfig: { criteriaList: [] } } },
      'iotJobConfiguration.abortConfig.criteriaList',
    ],
    [
      'a threshold of 100.01',
      abort({ thresholdPercentage: 100.01 }),
      'iotJobConfiguration.abortConfig.criteriaList[0].thresholdPercentage',
    ],
    [
      'a threshold of 10.999',
      abort({ thresholdPercentage: 10.999 }),
      'iotJobConfiguration.abortConfig.criteriaList[0].thresholdPercentage',
    ],
    [
      'no executed things',
      abort({ minNumberOfExecutedThings: 0 }),
      'iotJobConfiguration.abortConfig.criteriaList[0].minNumberOfExecutedThings',
    ],
    [
      'a timeout of 10081 minutes',
      { targetArn: GROUP, iotJobConfiguration: { timeoutConfig: { inProgressTimeoutInMinutes: 10081 } } },
      'iotJobConfiguration.timeoutConfig.inProgressTimeoutInMinutes',
    ],
  ])('%s is refused with the name of its field', (_, body, field) => {
    expect(fields(() => create(body))).toEqual([field]);
  });

  test('201 tags are refused and 200 are not', () => {
    const tags = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, '']));
    expect(fields(() => create({ targetArn: GROUP, tags: tags(201) }))).toEqual(['tags']);
    expect(create({ targetArn: GROUP, tags: tags(200) }).targetArn).toBe(GROUP);
  });

  test('the bounds themselves are legal', () => {
    for (const body of [
      rollout({ ...rate, incrementFactor: 1.1 }),
      rollout({ ...rate, incrementFactor: 5 }),
      abort({ thresholdPercentage: 10.99 }),
      abort({ thresholdPercentage: 100 }),
      component({ componentVersion: '1.0.0', runWith: { systemResourceLimits: { memory: 2 ** 63 - 4096, cpus: 0 } } }),
      { targetArn: GROUP, tags: { k: '' } },
    ]) {
      expect(create(body).targetArn).toBe(GROUP);
    }
  });

  test('lengths count code points, so 128 emoji are a legal tag key', () => {
    expect(create({ targetArn: GROUP, tags: { ['\u{1F600}'.repeat(128)]: '' } }).targetArn).toBe(GROUP);
    expect(fields(() => create({ targetArn: GROUP, tags: { ['\u{1F600}'.repeat(129)]: '' } }))).toHaveLength(1);
  });

  test.each(['0', '101', 'abc', '', '1.5', '1e2'])('maxResults=%s is refused', (value) => {
    const call = () =>
      parseInput(gg.ListDeployments, request('/greengrass/v2/deployments', undefined, `maxResults=${value}`));
    expect(fields(call)).toContain('maxResults');
  });

  test('iot limits: 251 things a page, a colonless base64url marker, a short certificate id', () => {
    const list = (query: string) => () => parseInput(iot.operations.ListThings, request('/things', undefined, query));
    expect(fields(list('maxResults=251'))).toEqual(['maxResults']);
    const certificates = (query: string) => () =>
      parseInput(iot.operations.ListCertificates, request('/certificates', undefined, query));
    expect(fields(certificates('marker=a_b'))).toEqual(['marker']);
    expect(fields(() => parseInput(iot.operations.DescribeCertificate, request('/certificates/abc')))).toEqual([
      'certificateId',
    ]);
  });

  test('a missing header and an empty label are missing members', () => {
    expect(fields(() => parseInput(iot.operations.AttachThingPrincipal, request('/things//principals')))).toEqual([
      'thingName',
      'principal',
    ]);
  });

  test('a device may not write a status of the service', () => {
    const call = () =>
      parseInput(iotJobsData.operations.UpdateJobExecution, request('/things/T/jobs/J', { status: 'CANCELED' }));
    expect(fields(call)).toEqual(['status']);
  });
});

test('whatever arrives is parsed or refused with a ValidationException', () => {
  const tables: object[] = [greengrassv2, iot, iotData, iotJobsData].map((service) => service.operations);
  const operations: Operation<unknown, unknown>[] = tables.flatMap((table) => Object.values(table));
  const word = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('__proto__', 'targetArn', 'components', '%', '..'),
  );
  const body = fc.oneof(
    fc.uint8Array(),
    fc.json().map(bytes),
    fc.dictionary(word, fc.jsonValue()).map((value) => bytes(JSON.stringify(value))),
  );
  fc.assert(
    fc.property(fc.constantFrom(...operations), word, word, body, (operation, label, query, sent) => {
      const path = operation.uri.replaceAll(/\{\w+\+?\}/g, () => label);
      try {
        parseInput(operation, { path, query, headers: { 'x-amzn-principal': label }, body: sent });
      } catch (error) {
        expect(error).toBeInstanceOf(Fault);
        expect(error).toHaveProperty('code', 'ValidationException');
      }
    }),
    { numRuns: 2000 },
  );
});

describe('messages say what is legal', () => {
  test.each([
    [{}, 'targetArn is required'],
    [
      { targetArn: 'x' },
      'targetArn must be the ARN of a thing or a thing group, arn:aws:iot:REGION:ACCOUNT:thing/NAME or .../thinggroup/NAME',
    ],
    [{ targetArn: GROUP, clientToken: 'a_b' }, 'clientToken must have only letters, digits and "-"'],
    [{ targetArn: GROUP, deploymentName: '' }, 'deploymentName must have a length between 1 and 256'],
    [
      component({ componentVersion: '1.0.0', runWith: { systemResourceLimits: { memory: -1 } } }),
      'components.com.example.A.runWith.systemResourceLimits.memory must be between 0 and 9223372036854771712',
    ],
    [
      abort({ minNumberOfExecutedThings: 0 }),
      'iotJobConfiguration.abortConfig.criteriaList[0].minNumberOfExecutedThings must be at least 1',
    ],
  ])('%j', (body, message) => {
    expect(faultOf(() => create(body)).message).toBe(`Validation failed: ${message}`);
  });

  test('a length that must be exact', () => {
    const call = () => parseInput(iot.operations.DescribeCertificate, request('/certificates/abc'));
    expect(faultOf(call).message).toBe('Validation failed: certificateId must have a length of 64');
  });
});
