import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { deviceConfigYaml } from './config-yaml.ts';

const files = { root: '/a b', certificate: '/a b/c.crt', privateKey: '/a b/c.key', rootCa: '/a b/ca.pem' };

describe('the configuration of a device', () => {
  test('reads back as the reference nucleus has it', () => {
    const endpoints = { host: 'cloud.example', mqttPort: 8883, devicePort: 8443, region: 'us-east-1' };
    expect(parse(deviceConfigYaml('core', files, endpoints, '2.12.0'))).toEqual({
      system: {
        certificateFilePath: '/a b/c.crt',
        privateKeyPath: '/a b/c.key',
        rootCaPath: '/a b/ca.pem',
        rootpath: '/a b',
        thingName: 'core',
      },
      services: {
        'aws.greengrass.Nucleus': {
          componentType: 'NUCLEUS',
          version: '2.12.0',
          configuration: {
            awsRegion: 'us-east-1',
            iotRoleAlias: 'GreengrassV2TokenExchangeRoleAlias',
            iotDataEndpoint: 'cloud.example',
            iotCredEndpoint: 'cloud.example:8443',
            greengrassDataPlaneEndpoint: 'cloud.example',
            greengrassDataPlanePort: 8443,
            mqtt: { port: 8883 },
          },
        },
      },
    });
  });

  test.each(['123', 'true', 'null', '1e3', '-', '0x1F', 'a:b'])('a thing called %s stays text', (thing) => {
    const endpoints = { host: '::1', mqttPort: 1, devicePort: 2, region: 'r' };
    const config = parse(deviceConfigYaml(thing, files, endpoints, '2.12.0'));
    expect(config.system.thingName).toBe(thing);
    expect(config.services['aws.greengrass.Nucleus'].configuration.iotCredEndpoint).toBe('[::1]:2');
  });
});
