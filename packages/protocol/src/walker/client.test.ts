import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dataPlane } from '../data-plane.ts';
import { greengrassv2 } from '../greengrassv2.ts';
import { iot } from '../iot.ts';
import { iotData } from '../iot-data.ts';
import { buildRequest, parseError, parseOutput } from './client.ts';
import { parseInput } from './parse-input.ts';
import { serializeOutput } from './serialize.ts';

const gg = greengrassv2.operations;
const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const text = (body: Uint8Array) => new TextDecoder().decode(body);

describe('answers', () => {
  test('an operation without output answers nothing at 204', () => {
    const answer = serializeOutput(gg.DeleteDeployment, undefined);
    expect(answer).toEqual({ status: 204, headers: {}, body: new Uint8Array() });
    expect(parseOutput(gg.DeleteDeployment, answer)).toBeUndefined();
  });

  test('an empty output is {}', () => {
    expect(text(serializeOutput(gg.TagResource, {}).body)).toBe('{}');
  });

  test('a payload is the body itself', () => {
    const answer = serializeOutput(iotData.operations.GetThingShadow, { payload: bytes({ state: {} }) });
    expect(text(answer.body)).toBe('{"state":{}}');
    expect(parseOutput(iotData.operations.GetThingShadow, answer)).toEqual({ payload: bytes({ state: {} }) });
  });

  test('an integer beyond 2^53 is written digit by digit', () => {
    const memory = 2 ** 63 - 4096;
    const components = { A: { componentVersion: '1.0.0', runWith: { systemResourceLimits: { memory } } } };
    const answer = serializeOutput(gg.GetDeployment, { components });
    expect(text(answer.body)).toContain('"memory":9223372036854771712}');
    expect(parseOutput(gg.GetDeployment, answer)).toEqual({ components });
  });

  test('map keys of any name come back', () => {
    const tags: Record<string, string> = Object.create(null);
    for (const key of ['__proto__']) tags[key] = 'a';
    tags['toJSON'] = 'b';
    const answer = serializeOutput(gg.ListTagsForResource, { tags });
    expect(text(answer.body)).toBe('{"tags":{"__proto__":"a","toJSON":"b"}}');
    expect(Object.entries(parseOutput(gg.ListTagsForResource, answer).tags ?? {})).toEqual(Object.entries(tags));
  });

  test('a recipe survives base64 at any size', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100_000, size: 'max' }), (recipe) => {
        const answer = serializeOutput(gg.GetComponent, { recipe, recipeOutputFormat: 'JSON' });
        expect(parseOutput(gg.GetComponent, answer).recipe).toEqual(recipe);
      }),
      { numRuns: 10 },
    );
  });

  test('members of a wrong type, nulls and unknown members are dropped on reading', () => {
    const body = bytes({ deploymentId: 7, deploymentName: null, creationTimestamp: '2021-05-24T19:26:55Z', x: 1 });
    expect(parseOutput(gg.GetDeployment, { status: 200, headers: {}, body })).toEqual({
      creationTimestamp: Date.parse('2021-05-24T19:26:55Z'),
    });
  });

  test('an answer that is not JSON is a fault', () => {
    const body = new TextEncoder().encode('<html>');
    const call = () => parseOutput(gg.GetDeployment, { status: 200, headers: {}, body });
    expect(call).toThrow(expect.objectContaining({ code: 'InvalidResponse' }));
  });
});

describe('requests', () => {
  test('what the client builds the server reads, whatever the names', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(name, fc.uniqueArray(name, { minLength: 1, maxLength: 5 }), (thing, keys) => {
        const resourceArn = `arn:aws:greengrass:r:1:coreDevices:${thing.replaceAll(/[\n\r\u2028\u2029]/g, '')}`;
        const request = buildRequest(gg.UntagResource, { resourceArn, tagKeys: keys });
        expect(parseInput(gg.UntagResource, request)).toEqual({ resourceArn, tagKeys: keys });
      }),
    );
  });

  test('the data plane call has its path', () => {
    const operation = dataPlane.operations.ListThingGroupsForCoreDevice;
    const request = buildRequest(operation, { coreDeviceThingName: 'core 1', nextToken: 'n' });
    expect(request).toMatchObject({
      method: 'GET',
      path: '/greengrass/v2/coreDevices/core%201/thingGroups',
      query: 'nextToken=n',
      body: new Uint8Array(),
    });
  });

  test('a missing label is refused before anything is sent', () => {
    expect(() => buildRequest(gg.GetDeployment, { deploymentId: '' })).toThrow('deploymentId is required');
  });
});

describe('errors', () => {
  test('the code comes from the header, without suffix', () => {
    const headers = { 'x-amzn-errortype': 'ResourceNotFoundException:http://x' };
    const body = bytes({ message: 'gone', resourceId: 'd', __type: 'other' });
    const fault = parseError({ status: 404, headers, body });
    expect(fault).toMatchObject({ code: 'ResourceNotFoundException', message: 'gone', retryable: false });
    expect(fault.context).toEqual({ status: 404, resourceId: 'd' });
  });

  test('the code comes from the body where there is no header', () => {
    const fault = parseError({
      status: 400,
      headers: {},
      body: bytes({ __type: 'ns#ThrottlingException', Message: 'x' }),
    });
    expect(fault).toMatchObject({ code: 'ThrottlingException', message: 'x', retryable: true });
  });

  test('anything at all becomes a fault', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.jsonValue().map(bytes)), fc.string(), (body, type) => {
        const fault = parseError({ status: 502, headers: { 'x-amzn-errortype': type }, body });
        expect(fault.code).not.toBe('');
        expect(fault.retryable).toBe(true);
      }),
    );
  });
});

test('a number may be part of a path', () => {
  const operation = iot.operations.DeleteJobExecution;
  expect(buildRequest(operation, { jobId: 'j', thingName: 't', executionNumber: 2 }).path).toBe(
    '/things/t/jobs/j/executionNumber/2',
  );
});
