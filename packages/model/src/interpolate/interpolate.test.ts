import type { JsonObject } from '@greensward/kit';
import { describe, expect, test } from 'vitest';
import { type InterpolationContext, interpolateConfiguration, interpolateLifecycle } from './interpolate.ts';

const variables = (name: string, configuration: JsonObject) => ({
  configuration,
  artifactsPath: `/gg/artifacts/${name}`,
  decompressedPath: `/gg/unarchived/${name}`,
  workPath: `/gg/work/${name}`,
});

const context: InterpolationContext = {
  own: variables('own', {
    s: 'text',
    n: 5,
    f: 1.5,
    t: true,
    z: null,
    o: { b: 1, a: [{ d: 1, c: 2 }] },
    l: ['x', { y: 1 }],
    'a/b': { '~': 'escaped' },
    viaDependency: '{dep:work:path}',
    viaOwn: '{work:path}',
    dollar: '$& $1 $$',
  }),
  dependencies: new Map([['dep', variables('dep', { host: 'h' })]]),
  kernelRootPath: '/gg',
  thingName: 'core-1',
};

const run = (text: string) => {
  const { value, unresolved } = interpolateLifecycle({ Run: text }, context);
  return { text: value['Run'], unresolved };
};

describe('variables in a lifecycle', () => {
  test.each([
    ['{configuration:/s}', 'text'],
    ['{configuration:/n} {configuration:/f} {configuration:/t} {configuration:/z}', '5 1.5 true null'],
    ['{configuration:/o}', '{"a":[{"c":2,"d":1}],"b":1}'],
    ['{configuration:/l}', '["x",{"y":1}]'],
    ['{configuration:/l/0} {configuration:/l/1/y}', 'x 1'],
    ['{configuration:/a~1b/~0}', 'escaped'],
    ['{configuration:/dollar}', '$& $1 $$'],
    [
      '{artifacts:path}/x {artifacts:decompressedPath}/y {work:path}',
      '/gg/artifacts/own/x /gg/unarchived/own/y /gg/work/own',
    ],
    ['{kernel:rootPath} {iot:thingName}', '/gg core-1'],
    ['{dep:configuration:/host} {dep:artifacts:path}', 'h /gg/artifacts/dep'],
    ['{dep:artifacts:decompressedPath} {dep:work:path}', '/gg/unarchived/dep /gg/work/dep'],
    ['{dep:kernel:rootPath} {dep:iot:thingName}', '/gg core-1'],
    ['{work:path}{work:path}', '/gg/work/own/gg/work/own'],
    ['{artifacts:{x:{artifacts:path}}}', '{artifacts:{x:/gg/artifacts/own}}'],
    // pass 2 sees what pass 1 inserted; pass 1 does not
    ['{configuration:/viaDependency}', '/gg/work/dep'],
    ['{configuration:/viaOwn}', '{work:path}'],
    ['{configuration:/viaOwn} {work:path}', '{work:path} /gg/work/own'],
    [`echo \${VAR} {a,b} { work:path } {}`, `echo \${VAR} {a,b} { work:path } {}`],
  ])('%s becomes %s', (text, expected) => {
    expect(run(text)).toEqual({ text: expected, unresolved: [] });
  });

  test('the whole configuration is JSON with sorted keys', () => {
    const { text } = run('{configuration:}');
    expect(JSON.parse(String(text))).toEqual({ ...context.own.configuration, viaDependency: '/gg/work/dep' });
    expect(String(text)).toMatch(/^\{"a\/b":/);
  });

  test.each([
    '{configuration:/missing}',
    '{configuration:/S}',
    '{configuration:/l/2}',
    '{other:work:path}',
    '{dep:configuration:/missing}',
    '{foo:bar}',
    '{artifacts:Path}',
    '{dep:foo:bar}',
  ])('%s stands for nothing: it stays, and is reported once', (text) => {
    expect(run(`${text} ${text}`)).toEqual({ text: `${text} ${text}`, unresolved: [text] });
  });

  test('a pointer without a leading / is refused, of the component and of a dependency', () => {
    expect(() => run('{configuration:key}')).toThrow(expect.objectContaining({ code: 'CONFIG_INTERPOLATE_ERROR' }));
    expect(() => run('{dep:configuration:key}')).toThrow('{dep:configuration:key}');
  });

  test('strings are replaced at every depth and in lists; keys and other values stay', () => {
    const lifecycle: JsonObject = {
      '{work:path}': { List: ['{work:path}', ['{iot:thingName}', 5]], Timeout: '{configuration:/n}' },
      n: 1,
      z: null,
    };
    expect(interpolateLifecycle(lifecycle, context).value).toEqual({
      '{work:path}': { List: ['/gg/work/own', ['core-1', 5]], Timeout: '5' },
      n: 1,
      z: null,
    });
    expect(JSON.stringify(interpolateLifecycle(JSON.parse('{"__proto__":"{work:path}"}'), context).value)).toBe(
      '{"__proto__":"/gg/work/own"}',
    );
  });

  test('text made to hurt the scanner is scanned in linear time', () => {
    const text = '{a'.repeat(100_000);
    expect(run(text).text).toBe(text);
    const colons = 'a:'.repeat(100_000);
    expect(run(`{${colons}`).text).toBe(`{${colons}`);
  });
});

test('in a configuration the system variables are replaced, configuration variables never', () => {
  const configuration = {
    a: '{artifacts:path} {dep:work:path} {iot:thingName}',
    b: ['{configuration:/s}', '{dep:configuration:host}'],
  };
  const { value, unresolved } = interpolateConfiguration(configuration, context);
  expect(value).toEqual({
    a: '/gg/artifacts/own /gg/work/dep core-1',
    b: ['{configuration:/s}', '{dep:configuration:host}'],
  });
  expect(unresolved).toEqual(['{configuration:/s}', '{dep:configuration:host}']);
});
