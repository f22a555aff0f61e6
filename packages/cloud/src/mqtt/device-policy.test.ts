import { describe, expect, test } from 'vitest';
import { mayPublish, mayReceive, maySubscribe, thingOfClient } from './device-policy.ts';

describe('the identity rule', () => {
  test.each([
    ['core-01', 'core-01'],
    ['core-01#2', 'core-01'],
    ['core-01#endpoint-switch', 'core-01'],
    ['core-01-gci', undefined],
    ['core-01-2', undefined],
    ['core-012', undefined],
    ['core-0', undefined],
    ['other', undefined],
    ['', undefined],
    ['constructor', undefined],
  ])('client id %s acts for %s', (clientId, thing) => {
    expect(thingOfClient(clientId, ['core-01'])).toBe(thing);
  });

  test('of several things of one certificate the one of that name is meant', () => {
    expect(thingOfClient('core-01', ['core', 'core-01'])).toBe('core-01');
    expect(thingOfClient('core-02', ['core', 'core-01'])).toBeUndefined();
  });

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
    expect(mayPublish('core-01', topic)).toBe(allowed);
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
    expect(maySubscribe('core-01', filter)).toBe(allowed);
  });

  test('nothing reserved of another thing is delivered', () => {
    expect(mayReceive('core-01', '$aws/things/core-02/jobs/notify')).toBe(false);
    expect(mayReceive('core-01', '$aws/things/core-01/jobs/notify')).toBe(true);
    expect(mayReceive('core-01', 'a/b')).toBe(true);
  });
});
