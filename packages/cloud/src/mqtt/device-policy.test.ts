import { describe, expect, test } from 'vitest';
import { mayPublish, mayReceive, maySubscribe } from './device-policy.ts';

describe('the identity rule', () => {
  test.each([
    ['$aws/things/core-01/jobs/$next/namespace-aws-gg-deployment/get', true],
    ['$aws/things/core-01/shadow/name/x/update', true],
    ['$aws/things/core-01-gci/shadow/name/x/update', true],
    ['$aws/things/core-01/greengrassv2/health/json', true],
    ['$aws/things/core-01-gci/greengrassv2/health/json', false],
    ['$aws/things/core-01-gci/jobs/get', false],
    ['line/7/temperature', true],
    ['$aws/things/core-02/shadow/update', false],
    ['$aws/things/core-01x/shadow/update', false],
    ['$aws/things/core-01/shadow/update/accepted', false],
    ['$aws/things/core-01/jobs/notify', false],
    ['$aws/things/core-01/jobs/notify-next-namespace-aws-gg-deployment', false],
    ['$aws/certificates/create/json', false],
    ['$SYS/uptime', false],
  ])('core-01 publishing to %s: %s', (topic, allowed) => {
    expect(mayPublish(['core-01'], topic)).toBe(allowed);
  });

  test.each([
    ['$aws/things/core-01/#', true],
    ['$aws/things/core-01/jobs/+/namespace-aws-gg-deployment/update/+', true],
    ['#', true],
    ['+/a', true],
    ['$aws/things/+/jobs/#', false],
    ['$aws/#', false],
    ['$aws/things/core-02/jobs/notify', false],
    ['$aws/things/core-01', false],
    ['$share/g/a', false],
  ])('core-01 subscribing to %s: %s', (filter, allowed) => {
    expect(maySubscribe(['core-01'], filter)).toBe(allowed);
  });

  test('nothing reserved of another thing is delivered', () => {
    expect(mayReceive(['core-01'], '$aws/things/core-02/jobs/notify')).toBe(false);
    expect(mayReceive(['core-01'], '$aws/things/core-01/jobs/notify')).toBe(true);
    expect(mayReceive(['core-01'], 'a/b')).toBe(true);
  });

  test('of several things of one certificate each is its own', () => {
    const things = ['core', 'core-gci', 'lamp'];
    expect(mayPublish(things, '$aws/things/lamp/shadow/update')).toBe(true);
    expect(mayPublish(things, '$aws/things/core-gci/jobs/get')).toBe(true);
    expect(mayReceive(things, '$aws/things/lamp2/jobs/notify')).toBe(false);
  });

  test('to a certificate of no thing everything reserved is closed', () => {
    expect(mayPublish([], '$aws/things//shadow/update')).toBe(false);
    expect(maySubscribe([], '$aws/things/core-01/#')).toBe(false);
    expect(mayReceive([], '$aws/things/core-01/jobs/notify')).toBe(false);
    expect(mayPublish([], 'a/b')).toBe(true);
  });
});
