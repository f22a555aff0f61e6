import { isJsonObject } from '@greensward/kit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planProvisioning } from './plan.ts';
import { parseTemplate } from './template.ts';

const id = 'a'.repeat(64);
const certificate = {
  Type: 'AWS::IoT::Certificate',
  Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' },
};
const thing = (properties: object = {}, more: object = {}) => ({
  Type: 'AWS::IoT::Thing',
  Properties: { ThingName: { Ref: 'ThingName' }, ...properties },
  ...more,
});
const base = { Parameters: { ThingName: { Type: 'String' } }, Resources: { thing: thing(), certificate } };

const parse = (template: unknown, use: 'fleet' | 'register' = 'fleet') =>
  parseTemplate(typeof template === 'string' ? template : JSON.stringify(template), use);
const plan = (template: unknown, parameters: Record<string, string> = { ThingName: 'core' }) =>
  planProvisioning(parse(template), new Map(Object.entries(parameters)), id);
/** What an expression makes, as the value of the device configuration's only member. */
const made = (value: unknown, mappings: object = {}, parameters: Record<string, string> = {}) =>
  plan(
    {
      ...base,
      Parameters: { ...base.Parameters, A: { Type: 'String', Default: 'a' }, B: { Type: 'String', Default: 'x,y,z' } },
      Mappings: mappings,
      DeviceConfiguration: { value },
    },
    { ThingName: 'core', ...parameters },
  ).deviceConfiguration['value'];
const wrong = (path: string) => expect.objectContaining({ code: 'InvalidRequestException', context: { path } });

describe('a provisioning template', () => {
  test('makes a thing, a certificate, policies and a device configuration of parameters', () => {
    const made = plan(
      {
        Parameters: {
          ThingName: { Type: 'String' },
          Line: { Type: 'String', Default: 'line1' },
          'AWS::IoT::Certificate::Id': { Type: 'String' },
        },
        Resources: {
          device: thing(
            { AttributePayload: { line: { Ref: 'Line' } }, ThingGroups: [{ Ref: 'Line' }, 'plant', 'plant'] },
            { OverrideSettings: { AttributePayload: 'MERGE', ThingGroups: 'REPLACE' } },
          ),
          certificate,
          named: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: 'GreengrassV2IoTThingPolicy' } },
          written: {
            Type: 'AWS::IoT::Policy',
            Properties: { PolicyDocument: { Version: '2012-10-17', Statement: [{ Resource: { Ref: 'Line' } }] } },
          },
        },
        DeviceConfiguration: { line: { Ref: 'Line' }, retries: 3 },
      },
      { ThingName: 'core', Line: 'line2', 'AWS::IoT::Certificate::Id': 'forged', unknown: 'ignored' },
    );
    expect(made).toEqual({
      thing: {
        resource: 'device',
        name: 'core',
        attributes: { line: 'line2' },
        groups: ['line2', 'plant'],
        overrides: { attributes: 'MERGE', type: 'DO_NOTHING', groups: 'REPLACE' },
      },
      certificate: { resource: 'certificate', source: { kind: 'id', id }, status: 'ACTIVE', override: 'REPLACE' },
      policies: [
        { resource: 'named', name: 'GreengrassV2IoTThingPolicy' },
        { resource: 'written', document: '{"Version":"2012-10-17","Statement":[{"Resource":"line2"}]}' },
      ],
      deviceConfiguration: { line: 'line2', retries: 3 },
    });
  });

  test.each([
    ['Ref', { Ref: 'A' }, 'a'],
    ['Fn::Join', { 'Fn::Join': ['-', ['x', { Ref: 'A' }, 'z']] }, 'x-a-z'],
    ['Fn::Join of nothing', { 'Fn::Join': ['-', []] }, ''],
    ['Fn::Split', { 'Fn::Split': [',', { Ref: 'B' }] }, ['x', 'y', 'z']],
    ['Fn::Select', { 'Fn::Select': ['1', { 'Fn::Split': [',', { Ref: 'B' }] }] }, 'y'],
    ['Fn::Select by a number', { 'Fn::Select': [0, ['p', 'q']] }, 'p'],
    ['Fn::FindInMap', { 'Fn::FindInMap': ['M', { Ref: 'A' }, 'k'] }, 'v'],
    ['Fn::FindInMap of a list', { 'Fn::FindInMap': ['M', 'a', 'l'] }, ['1', '2']],
    ['Fn::Sub', { 'Fn::Sub': `\${A}/\${!iot:ClientId}/\${A}` }, `a/\${iot:ClientId}/a`],
    ['Fn::Sub with variables', { 'Fn::Sub': [`\${X}\${A}`, { X: { Ref: 'A' }, A: 'own' }] }, 'aown'],
  ])('has the function %s', (_, expression, value) => {
    expect(made(expression, { M: { a: { k: 'v', l: ['1', '2'] } } })).toEqual(value);
  });

  test.each([
    ['{', 'template'],
    ['[]', 'template'],
    [`{"Resources":${'['.repeat(40)}${']'.repeat(40)}}`, 'template'],
    [{ ...base, Description: 'x'.repeat(10_300) }, 'template'],
    [{ ...base, Outputs: {} }, 'template.Outputs'],
    [{ Parameters: base.Parameters }, 'Resources'],
    [{ ...base, Parameters: { A: { Type: 'Number' } } }, 'Parameters.A.Type'],
    [{ ...base, Parameters: { A: { Type: 'String', Default: 1 } } }, 'Parameters.A.Default'],
    [{ ...base, Mappings: { M: { a: { k: 1 } } } }, 'Mappings.M.a.k'],
    [{ ...base, Resources: { thing: thing() } }, 'Resources'],
    [{ ...base, Resources: { certificate } }, 'Resources'],
    [{ ...base, Resources: { a: thing(), b: thing(), certificate } }, 'Resources'],
    [{ ...base, Resources: { thing: { Type: 'AWS::S3::Bucket' }, certificate } }, 'Resources.thing.Type'],
    [
      { ...base, Resources: { thing: thing({ BillingGroup: 'b' }), certificate } },
      'Resources.thing.Properties.BillingGroup',
    ],
    [
      { ...base, Resources: { thing: thing({ ThingTypeName: { Ref: 'Nobody' } }), certificate } },
      'Resources.thing.Properties.ThingTypeName.Ref',
    ],
    [
      { ...base, Resources: { thing: thing({}, { OverrideSettings: { ThingTypeName: 'MERGE' } }), certificate } },
      'Resources.thing.OverrideSettings.ThingTypeName',
    ],
    [
      { ...base, Resources: { thing: thing(), certificate, p: { Type: 'AWS::IoT::Policy', Properties: {} } } },
      'Resources.p.Properties',
    ],
    [{ ...base, DeviceConfiguration: { a: { 'Fn::GetAtt': ['thing', 'Arn'] } } }, 'DeviceConfiguration.a.Fn::GetAtt'],
    [{ ...base, DeviceConfiguration: { a: { Ref: 'ThingName', b: 1 } } }, 'DeviceConfiguration.a'],
    [{ ...base, DeviceConfiguration: { a: { 'Fn::Join': ['-'] } } }, 'DeviceConfiguration.a.Fn::Join'],
    [{ ...base, DeviceConfiguration: { a: { 'Fn::Sub': `\${Nobody}` } } }, 'DeviceConfiguration.a.Fn::Sub'],
    [{ ...base, DeviceConfiguration: { a: { Ref: 'constructor' } } }, 'DeviceConfiguration.a.Ref'],
    [{ ...base, DeviceConfiguration: [] }, 'DeviceConfiguration'],
  ])('with a mistake is refused, which is named by its place: case %#', (template, path) => {
    expect(() => parse(template)).toThrow(wrong(path));
  });

  test('is refused for a device that leaves out a parameter, which is named', () => {
    expect(() => plan(base, {})).toThrow(wrong('Parameters.ThingName'));
  });

  test.each([['a b'], [''], ['x'.repeat(129)], ['core/#'], ['+']])('makes no thing called %j', (ThingName) => {
    expect(() => plan(base, { ThingName })).toThrow(wrong('Resources.thing.Properties.ThingName.Ref'));
  });

  test.each([
    ['an item that is not there', { 'Fn::Select': ['3', { 'Fn::Split': [',', { Ref: 'B' }] }] }],
    ['an index that is none', { 'Fn::Select': [{ Ref: 'A' }, ['p']] }],
    ['a list that is a text', { 'Fn::Join': ['-', { Ref: 'A' }] }],
    ['a key that is not mapped', { 'Fn::FindInMap': ['M', 'constructor', 'name'] }],
    ['a map that is not there', { 'Fn::FindInMap': ['__proto__', 'a', 'b'] }],
  ])('does not evaluate %s', (_, expression) => {
    expect(() => made(expression, { M: { a: { k: 'v' } } })).toThrow(
      expect.objectContaining({ code: 'InvalidRequestException' }),
    );
  });

  test('keeps names like those of prototypes as the names they are', () => {
    const body = JSON.stringify(base).slice(0, -1);
    const configuration = '"DeviceConfiguration":{"__proto__":{"a":"1"},"constructor":{"Ref":"ThingName"}}';
    const { deviceConfiguration } = plan(`${body},${configuration}}`);
    expect(JSON.stringify(deviceConfiguration)).toBe('{"__proto__":{"a":"1"},"constructor":"core"}');
  });

  test('that multiplies a text at every level is stopped before it grows', () => {
    let bomb: unknown = { Ref: 'A' };
    for (let level = 0; level < 6; level++) bomb = { 'Fn::Sub': [`\${X}`.repeat(20), { X: bomb }] };
    expect(() => made(bomb, {}, { A: 'x'.repeat(100) })).toThrow(/more than 16384 characters/);
  });

  test('is read or refused, and never fails otherwise', () => {
    const name = fc.constantFrom(
      'Ref',
      'Fn::Join',
      'Fn::Sub',
      'Fn::Split',
      'Fn::Select',
      'Fn::FindInMap',
      '__proto__',
      'a',
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom('ThingName', `\${ThingName}`, '0', 0, null, true, 'M'),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(name, tie('value'), { maxKeys: 2 }),
      ),
    }));
    fc.assert(
      fc.property(value, (DeviceConfiguration) => {
        try {
          const { deviceConfiguration } = plan({ ...base, Mappings: { M: { a: { a: 'v' } } }, DeviceConfiguration });
          expect(isJsonObject(deviceConfiguration)).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: 'InvalidRequestException', context: { path: expect.any(String) } });
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a join of a split is the text again', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 50 }), fc.string({ minLength: 1, maxLength: 2 }), (A, delimiter) => {
        expect(made({ 'Fn::Join': [delimiter, { 'Fn::Split': [delimiter, { Ref: 'A' }] }] }, {}, { A })).toBe(A);
      }),
    );
  });
});
