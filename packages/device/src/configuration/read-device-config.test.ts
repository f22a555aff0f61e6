import { Fault } from '@greensward/kit';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readDeviceConfig } from './read-device-config.ts';

const complete = `---
system:
  certificateFilePath: "/greengrass/v2/device.pem.crt"
  privateKeyPath: "/greengrass/v2/device.pem.key"
  rootCaPath: "/greengrass/v2/private-root-ca.pem"
  rootpath: "/greengrass/v2"
  thingName: "core-01"
services:
  aws.greengrass.Nucleus:
    componentType: "NUCLEUS"
    version: "2.17.0"
    configuration:
      awsRegion: "us-east-1"
      iotRoleAlias: "Alias"
      iotDataEndpoint: "cloud.example"
      iotCredEndpoint: "cloud.example:9443"
      greengrassDataPlaneEndpoint: "cloud.example"
      greengrassDataPlanePort: 8444
      mqtt:
        version: "mqtt3"
        port: 1884
      runWithDefault:
        posixUser: "ggc_user:ggc_group"
`;

function faultOf(text: string, root?: string): Fault {
  try {
    readDeviceConfig(text, root === undefined ? {} : { root });
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('accepted');
}

/** The complete file with one line replaced. */
function changed(from: string, to: string): string {
  expect(complete).toContain(from);
  return complete.replace(from, to);
}

const key = (name: string) => `services.aws.greengrass.Nucleus.configuration.${name}`;

describe('config.yaml of the reference nucleus', () => {
  test('is read in every field', () => {
    expect(readDeviceConfig(complete, {})).toEqual({
      maxStoreBytes: 10_000_000_000,
      offline: false,
      trial: { mqttMs: 60_000, credentialsMs: 60_000 },
      rootPath: '/greengrass/v2',
      thingName: 'core-01',
      certificatePath: '/greengrass/v2/device.pem.crt',
      privateKeyPath: '/greengrass/v2/device.pem.key',
      rootCaPath: '/greengrass/v2/private-root-ca.pem',
      region: 'us-east-1',
      iotDataEndpoint: 'cloud.example',
      iotCredEndpoint: 'cloud.example:9443',
      mqttPort: 1884,
      dataPlaneUrl: 'https://cloud.example:8444',
      roleAlias: 'Alias',
      posixUser: 'ggc_user:ggc_group',
      posixShell: 'sh',
      mqtt: {
        version: 'mqtt3',
        keepAliveMs: 60_000,
        pingTimeoutMs: 30_000,
        operationTimeoutMs: 30_000,
        connectTimeoutMs: 15_000,
        sessionExpirySeconds: 604_800,
        receiveMaximum: 100,
        minReconnectMs: 1_000,
        maxReconnectMs: 120_000,
      },
      httpClient: { connectMs: 5_000, idleMs: 30_000 },
      logging: { level: 'INFO', format: 'TEXT', fileBytes: 1024 * 1024, totalBytes: 10 * 1024 * 1024 },
      platformOverride: {},
      s3EndpointType: 'GLOBAL',
      fleetStatusIntervalMs: 86_400_000,
      deploymentLimits: {
        networkMs: 86_400_000,
        deferralMs: 2_592_000_000,
        activationMs: 14_400_000,
        removalMs: 600_000,
        restartMs: 30_000,
      },
      rebootCommand: ['systemctl', 'reboot'],
      interpolateComponentConfiguration: false,
      deploymentConfigurationTimeSource: 'deploymentCreationTime',
      nucleusVersion: '2.17.0',
      ignored: [],
    });
  });

  test('takes componentStoreMaxSizeBytes as a number or a text, and refuses what is no size', () => {
    const of = (size: string) => complete.replace(/^(\s+)mqtt:/m, `$1componentStoreMaxSizeBytes: ${size}\n$1mqtt:`);
    expect(readDeviceConfig(of('1000'), {}).maxStoreBytes).toBe(1000);
    expect(readDeviceConfig(of('"20000000000"'), {}).maxStoreBytes).toBe(20_000_000_000);
    expect(() => readDeviceConfig(of('0'), {})).toThrow('componentStoreMaxSizeBytes');
  });

  test('takes keys in any case and numbers written as texts', () => {
    const text = complete
      .replace('thingName:', 'THINGNAME:')
      .replace('iotDataEndpoint', 'IotDataEndpoint')
      .replace('port: 1884', 'Port: "1885"');
    expect(readDeviceConfig(text, {})).toMatchObject({ thingName: 'core-01', mqttPort: 1885 });
  });

  test('keeps a thing name of digits as it is written', () => {
    expect(readDeviceConfig(changed('"core-01"', '007'), {}).thingName).toBe('007');
  });

  test('the root of the command line wins over the file and may be the only one', () => {
    expect(readDeviceConfig(complete, { root: '/other' }).rootPath).toBe('/other');
    const without = changed('  rootpath: "/greengrass/v2"\n', '');
    expect(readDeviceConfig(without, { root: '/other' }).rootPath).toBe('/other');
    expect(faultOf(without).context).toEqual({ key: 'system.rootPath' });
  });

  test.each([
    [
      '"cloud.example"\n      greengrassDataPlanePort',
      'iotdata\n      greengrassDataPlanePort',
      'https://cloud.example:8444',
    ],
    ['"cloud.example"\n      greengrassDataPlanePort', 'h:1\n      greengrassDataPlanePort', 'https://h:1'],
    ['"cloud.example"\n      greengrassDataPlanePort', 'https://h:2\n      greengrassDataPlanePort', 'https://h:2'],
    ['"cloud.example"\n      greengrassDataPlanePort', 'https://h\n      greengrassDataPlanePort', 'https://h:8444'],
    [
      '"cloud.example"\n      greengrassDataPlanePort',
      '""\n      greengrassDataPlanePort',
      'https://greengrass-ats.iot.us-east-1.amazonaws.com:8444',
    ],
  ])('data plane endpoint form %#', (from, to, url) => {
    expect(readDeviceConfig(changed(from, to), {}).dataPlaneUrl).toBe(url);
  });

  test('has defaults for what may be left out', () => {
    const text = complete
      .replace(/ {6}mqtt:[\s\S]*/, '')
      .replace('    version: "2.17.0"\n', '')
      .replace('      iotRoleAlias: "Alias"\n', '')
      .replace('      iotCredEndpoint: "cloud.example:9443"\n', '');
    const config = readDeviceConfig(text, {});
    expect(config).toMatchObject({
      mqttPort: 8883,
      roleAlias: '',
      iotCredEndpoint: '',
      posixShell: 'sh',
      nucleusVersion: '2.18.0',
    });
    expect(config.mqtt.version).toBe('mqtt5');
    expect(config).not.toHaveProperty('posixUser');
  });

  test('lists what has no effect here, once a key', () => {
    const text = `${complete}      networkProxy:\n        other: 1\n      telemetry:\n        enabled: true\n  main:\n    dependencies: []\n`;
    const withMqtt = text.replace('port: 1884', 'port: 1884\n        maxInFlightPublishes: 7');
    expect(readDeviceConfig(withMqtt, {}).ignored).toEqual([
      key('mqtt.maxInFlightPublishes'),
      key('networkProxy.other'),
      key('telemetry'),
      'services.main',
    ]);
  });

  test.each([
    ['  thingName: "core-01"\n', '', 'system.thingName'],
    ['"core-01"', '"core 01"', 'system.thingName'],
    ['"core-01"', '[1]', 'system.thingName'],
    ['"/greengrass/v2/device.pem.crt"', '', 'system.certificateFilePath'],
    ['"/greengrass/v2/device.pem.key"', 'pkcs11:object=key', 'system.privateKeyPath'],
    ['"us-east-1"', '"Virginia"', key('awsRegion')],
    ['iotDataEndpoint: "cloud.example"', 'iotDataEndpoint: "cloud.example:8883"', key('iotDataEndpoint')],
    ['iotDataEndpoint: "cloud.example"', 'iotDataEndpoint: "mqtts://cloud.example"', key('iotDataEndpoint')],
    ['iotDataEndpoint: "cloud.example"', 'iotDataEndpiont: "cloud.example"', key('iotDataEndpoint')],
    ['"cloud.example:9443"', '"cloud.example:99999"', key('iotCredEndpoint')],
    [
      'greengrassDataPlaneEndpoint: "cloud.example"',
      'greengrassDataPlaneEndpoint: "http://h"',
      key('greengrassDataPlaneEndpoint'),
    ],
    ['greengrassDataPlanePort: 8444', 'greengrassDataPlanePort: 0x10', key('greengrassDataPlanePort')],
    ['port: 1884', 'port: 70000', key('mqtt.port')],
    ['port: 1884', 'port: 1884\n        keepAliveTimeoutMs: 1000', key('mqtt.keepAliveTimeoutMs')],
    ['port: 1884', 'port: 1884\n        PORT: 1885', key('mqtt.PORT')],
    ['"ggc_user:ggc_group"', '"-u root"', key('runWithDefault.posixUser')],
    ['version: "2.17.0"', 'version: 2.17', 'services.aws.greengrass.Nucleus.version'],
    ['      mqtt:\n', '      mqtt: 5\n      other:\n', key('mqtt')],
  ])('a wrong value is refused and its key is named (%#)', (from, to, name) => {
    const fault = faultOf(changed(from, to));
    expect(fault.code).toBe('DEVICE_CONFIG_NOT_VALID');
    expect(fault.context).toEqual({ key: name });
    expect(fault.message).toContain(name);
  });

  test('what is not YAML, not a map or endless is refused', () => {
    expect(faultOf('a: [').message).toMatch(/not valid YAML/);
    expect(faultOf('just text').message).toMatch(/must be a map/);
    expect(faultOf('').context).toEqual({ key: 'system.rootPath' });
    expect(faultOf('a: &a\n  b: *a\n').message).toMatch(/too deeply/);
  });

  test('case 4: a key of a map where a text belongs, or the reverse, is refused by its whole name', () => {
    const nested = changed('thingName: "core-01"', 'thingName: {name: "core-01"}');
    expect(faultOf(nested).message).toBe('system.thingName: must be a text');
    const flat = changed('mqtt:\n        version: "mqtt3"\n        port: 1884', 'mqtt: "mqtt3"');
    expect(faultOf(flat).message).toBe(`${key('mqtt')}: must be a map`);
  });

  test('case 18: without any key of a cloud it is that of a device that works offline', () => {
    for (const text of ['{}', '', 'services:\n  aws.greengrass.Nucleus:\n    configuration:\n      awsRegion:\n']) {
      expect(readDeviceConfig(text, { root: '/r' })).toMatchObject({
        offline: true,
        thingName: '',
        region: '',
        ignored: [],
      });
    }
    expect(readDeviceConfig(complete, {}).offline).toBe(false);
    // One of them alone is a mistake, in the file and in a deployment.
    expect(faultOf('system: {thingName: core}', '/r').context).toEqual({ key: key('awsRegion') });
    expect(() => readDeviceConfig('{}', { root: '/r', nucleus: { iotDataEndpoint: 'cloud.example' } })).toThrow(
      key('awsRegion'),
    );
  });

  test('is JSON as well as YAML, whatever its name', () => {
    const json = JSON.stringify(parse(complete));
    expect(readDeviceConfig(json, {})).toEqual(readDeviceConfig(complete, {}));
  });

  test('file URIs become paths', () => {
    const text = changed('"/greengrass/v2/device.pem.crt"', '"file:///greengrass/a%20b.crt"');
    expect(readDeviceConfig(text, {}).certificatePath).toBe('/greengrass/a b.crt');
    expect(readDeviceConfig(text.replace('///', '///C:/'), {}).certificatePath).toBe('C:/greengrass/a b.crt');
    expect(faultOf(text.replace('///', '//host/')).context).toEqual({ key: 'system.certificateFilePath' });
    expect(faultOf(text.replace('%20', '%zz')).context).toEqual({ key: 'system.certificateFilePath' });
  });
});
