import { describe, expect, test } from 'vitest';
import { cliOperations } from './cli-operations.ts';
import { readError, readRequest, readResponse, writeError, writeRequest, writeResponse } from './ipc-operation.ts';

const { CreateLocalDeployment, GetComponentDetails, ListComponents } = cliOperations;
const utf8 = (value: unknown) => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe('a request', () => {
  test('is what it was when it was written', () => {
    const request = {
      groupName: 'line',
      rootComponentVersionsToAdd: { A: '1.0.0' },
      rootComponentsToRemove: ['B'],
      componentToConfiguration: { A: { MERGE: { deep: [1, null] }, RESET: ['/x'] } },
      componentToRunWithInfo: { A: { posixUser: 'u:g', systemResourceLimits: { memory: 1024, cpus: 0.5 } } },
      failureHandlingPolicy: 'ROLLBACK' as const,
    };
    expect(
      JSON.parse(JSON.stringify(readRequest(CreateLocalDeployment, writeRequest(CreateLocalDeployment, request)))),
    ).toEqual(request);
  });

  test('may be empty where nothing is required, and may hold null and unknown members', () => {
    expect(readRequest(CreateLocalDeployment, new Uint8Array())).toEqual({});
    expect(readRequest(CreateLocalDeployment, utf8({ groupName: null, more: 1 }))).toEqual({});
  });

  test('that is wrong is refused with the members that are', () => {
    const wrong = { groupName: 1, failureHandlingPolicy: 'MAYBE', componentToRunWithInfo: { A: { posixUser: [] } } };
    expect(() => readRequest(CreateLocalDeployment, utf8(wrong))).toThrow(
      /groupName must be a string; componentToRunWithInfo.A.posixUser must be a string; failureHandlingPolicy must be one of ROLLBACK, DO_NOTHING/,
    );
    expect(() => readRequest(GetComponentDetails, utf8({}))).toThrow('componentName is required');
  });

  test.each(['null', '[]', '{', '"x"'])('that is %s is a ServiceError that names the operation', (payload) => {
    expect(() => readRequest(GetComponentDetails, utf8(payload))).toThrow(
      expect.objectContaining({ code: 'ServiceError', message: expect.stringContaining('GetComponentDetails') }),
    );
  });

  test('with keys of the prototype makes entries of them and nothing else', () => {
    const sent = '{"rootComponentVersionsToAdd":{"__proto__":"1.0.0","constructor":"2.0.0"}}';
    const { rootComponentVersionsToAdd = {} } = readRequest(CreateLocalDeployment, utf8(sent));
    expect(Object.entries(rootComponentVersionsToAdd)).toEqual([
      ['__proto__', '1.0.0'],
      ['constructor', '2.0.0'],
    ]);
  });
});

describe('an answer', () => {
  test('leaves out what is absent, and keeps null inside of a configuration', () => {
    const components = [
      { componentName: 'A', version: '1.0.0', state: 'RUNNING' as const, configuration: { a: null } },
      { componentName: 'B', version: '1.0.0', state: 'NEW' as const, configuration: undefined },
    ];
    const written = writeResponse(ListComponents, { components });
    expect(text(written)).toBe(
      '{"components":[{"componentName":"A","version":"1.0.0","state":"RUNNING","configuration":{"a":null}},{"componentName":"B","version":"1.0.0","state":"NEW"}]}',
    );
    expect(readResponse(ListComponents, written).components?.[0]?.configuration).toEqual({ a: null });
  });

  test('without members is an empty object', () => {
    expect(text(writeResponse(ListComponents, {}))).toBe('{}');
  });
});

test('an error has the keys that each client reads, and is read back', () => {
  const payload = writeError('ResourceNotFoundError', 'no such thing', { resourceName: 'x' });
  expect(JSON.parse(text(payload))).toEqual({
    message: 'no such thing',
    _message: 'no such thing',
    _errorCode: 'ResourceNotFoundError',
    _service: 'aws.greengrass#GreengrassCoreIPC',
    resourceName: 'x',
  });
  expect(readError('aws.greengrass#ResourceNotFoundError', payload)).toMatchObject({
    code: 'ResourceNotFoundError',
    message: 'no such thing',
  });
  expect(readError(undefined, utf8('InternalServerError'))).toMatchObject({ code: 'ServiceError' });
});
