import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  certificateArn,
  componentArn,
  componentVersionArn,
  configurationArn,
  coreDeviceArn,
  deploymentArn,
  jobArn,
  parseGreengrassArn,
  parseIotArn,
  partitionOf,
  policyArn,
  thingArn,
  thingGroupArn,
} from './arn.ts';

const scope = { partition: 'aws', region: 'us-east-1', account: '123456789012' };

test('every Greengrass ARN comes back from its parts', () => {
  const arn = 'arn:aws:greengrass:us-east-1:123456789012';
  const rows: [string, string, object][] = [
    [componentArn(scope, 'A'), `${arn}:components:A`, { kind: 'component', name: 'A' }],
    [
      componentVersionArn(scope, 'A', '1.0.0+b'),
      `${arn}:components:A:versions:1.0.0+b`,
      { kind: 'component-version', name: 'A', version: '1.0.0+b' },
    ],
    [deploymentArn(scope, 'd'), `${arn}:deployments:d`, { kind: 'deployment', deploymentId: 'd' }],
    [coreDeviceArn(scope, 'c'), `${arn}:coreDevices:c`, { kind: 'core-device', thingName: 'c' }],
    [
      configurationArn(scope, 'thinggroup', 'g', '7'),
      `${arn}:configuration:thinggroup/g:7`,
      { kind: 'configuration', target: 'thinggroup', name: 'g', revision: '7' },
    ],
    [
      configurationArn(scope, 'thing', 't', '1'),
      `${arn}:configuration:thing/t:1`,
      { kind: 'configuration', target: 'thing', name: 't', revision: '1' },
    ],
  ];
  for (const [built, text, parts] of rows) {
    expect(built).toBe(text);
    expect(parseGreengrassArn(built)).toEqual({ ...scope, ...parts });
  }
});

test('every IoT ARN comes back from its parts', () => {
  const rows: [string, string][] = [
    [thingArn(scope, 'n'), 'thing'],
    [thingGroupArn(scope, 'n'), 'thinggroup'],
    [jobArn(scope, 'n'), 'job'],
    [certificateArn(scope, 'n'), 'cert'],
    [policyArn(scope, 'n'), 'policy'],
  ];
  for (const [built, kind] of rows) {
    expect(built).toBe(`arn:aws:iot:us-east-1:123456789012:${kind}/n`);
    expect(parseIotArn(built)).toEqual({ ...scope, kind, name: 'n' });
  }
});

test('a public component belongs to the account aws', () => {
  expect(parseGreengrassArn('arn:aws:greengrass:r:aws:components:A:versions:1.0.0')?.account).toBe('aws');
});

test('the region tells the partition', () => {
  expect(['eu-west-1', 'cn-north-1', 'us-gov-west-1'].map(partitionOf)).toEqual(['aws', 'aws-cn', 'aws-us-gov']);
});

test('what is no ARN is undefined', () => {
  for (const text of [
    '',
    'arn',
    'arn:aws:greengrass:r:1:components:',
    'arn:aws:greengrass:r:1:components:A:versions:',
    'arn:aws:greengrass:r:x:components:A',
    'arn:aws:greengrass:r:1:configuration:job/x:1',
  ]) {
    expect(parseGreengrassArn(text)).toBeUndefined();
  }
  for (const text of ['arn:aws:iot:r:1:thing/', 'arn:aws:iot:r:1:other/x', 'arn:aws:iot:r:aws:thing/x']) {
    expect(parseIotArn(text)).toBeUndefined();
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(parseGreengrassArn(text)).toBeUndefined();
      expect(parseIotArn(text)).toBeUndefined();
    }),
  );
});
