import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '@greensward/kit';
import { describe, expect, test } from 'vitest';
import { effectsOf } from './configuration-effects.ts';
import type { DeviceConfig } from './device-config.ts';
import { reasonOf } from './nucleus-parameters.ts';
import { readDeviceConfig } from './read-device-config.ts';

const base = {
  awsRegion: 'us-east-1',
  iotRoleAlias: 'Alias',
  iotDataEndpoint: 'cloud.example',
  iotCredEndpoint: 'cloud.example:9443',
  greengrassDataPlaneEndpoint: 'cloud.example',
};
const prefix = 'services.aws.greengrass.Nucleus.configuration.';

function config(file: JsonObject = {}, deployed?: JsonObject): DeviceConfig {
  const system = { thingName: 'core', certificateFilePath: '/c', privateKeyPath: '/k', rootCaPath: '/r' };
  const text = JSON.stringify({
    system,
    services: { 'aws.greengrass.Nucleus': { configuration: { ...base, ...file } } },
  });
  return readDeviceConfig(text, { root: '/root', ...(deployed === undefined ? {} : { nucleus: deployed }) });
}

describe('parameters of the nucleus', () => {
  test.each<[JsonObject, Partial<DeviceConfig>]>([
    [
      { httpClient: { connectionTimeoutMs: 100, socketTimeoutMs: '200' } },
      { httpClient: { connectMs: 100, idleMs: 200 } },
    ],
    [{ s3EndpointType: 'regional' }, { s3EndpointType: 'REGIONAL' }],
    [{ interpolateComponentConfiguration: 'true' }, { interpolateComponentConfiguration: true }],
    [
      { deploymentConfigurationTimeSource: 'deploymentProcessingTime' },
      { deploymentConfigurationTimeSource: 'deploymentProcessingTime' },
    ],
    [{ rebootCommand: ' /sbin/reboot  -f ' }, { rebootCommand: ['/sbin/reboot', '-f'] }],
    [
      {
        deploymentLimits: {
          networkSeconds: 1,
          deferralSeconds: 2,
          activationSeconds: '3',
          removalSeconds: 4,
          restartSeconds: 5,
        },
      },
      { deploymentLimits: { networkMs: 1000, deferralMs: 2000, activationMs: 3000, removalMs: 4000, restartMs: 5000 } },
    ],
    [{ platformOverride: { architecture: 'x', board: 7 } }, { platformOverride: { architecture: 'x', board: '7' } }],
    [{ fleetStatus: { periodicStatusPublishIntervalSeconds: 172_800 } }, { fleetStatusIntervalMs: 172_800_000 }],
    [
      { logging: { level: 'debug', format: 'JSON', fileSizeKB: 10, totalLogsSizeKB: 100 } },
      { logging: { level: 'DEBUG', format: 'JSON', fileBytes: 10_240, totalBytes: 102_400 } },
    ],
    [
      {
        networkProxy: {
          proxy: { url: 'http://proxy.example:3128', username: 'u', password: 'p' },
          noProxyAddresses: 'a, .b',
        },
      },
      {
        proxy: {
          secure: false,
          host: 'proxy.example',
          port: 3128,
          credentials: { username: 'u', password: 'p' },
          noProxy: ['a', '.b'],
        },
      },
    ],
    [
      { networkProxy: { proxy: { url: 'https://u:p%40@proxy.example' } } },
      {
        proxy: {
          secure: true,
          host: 'proxy.example',
          port: 443,
          credentials: { username: 'u', password: 'p@' },
          noProxy: [],
        },
      },
    ],
  ])('%j', (file, expected) => {
    expect(config(file)).toMatchObject(expected);
    expect(config({}, file)).toMatchObject(expected);
    expect(config(file).ignored).toEqual([]);
  });

  test('case 126: a fleet status interval below a day is raised to it', () => {
    expect(config({ fleetStatus: { periodicStatusPublishIntervalSeconds: 60 } }).fleetStatusIntervalMs).toBe(
      86_400_000,
    );
  });

  test.each<JsonObject>([{ level: 'DEBUG', colour: 'red' }, { level: 'LOUD' }, { level: 'DEBUG', fileSizeKB: -1 }])(
    'case 130: a logging configuration with a mistake is void as a whole, and told: %j',
    (logging) => {
      const { logging: settings, loggingProblem } = config({ logging });
      expect(settings).toEqual(config().logging);
      expect(loggingProblem).toContain(`${prefix}logging.`);
    },
  );

  test('case 130: one that is null is the default', () => {
    expect(config({ logging: { level: 'DEBUG' } }, { logging: null }).logging.level).toBe('INFO');
  });

  test('case 131: a region or an endpoint that cannot be one is refused by its key', () => {
    expect(() => config({}, { awsRegion: 'Virginia' })).toThrow(`${prefix}awsRegion`);
    expect(() => config({}, { iotDataEndpoint: 'https://x' })).toThrow(`${prefix}iotDataEndpoint`);
  });

  test('a proxy of a kind that is not supported is refused, and no message holds its password', () => {
    for (const url of ['socks5://u:hush@p:1080', 'http://u:hush@', 'ftp://u:hush@p']) {
      const read = () => config({ networkProxy: { proxy: { url } } });
      expect(read).toThrow(`${prefix}networkProxy.proxy.url`);
      expect(read).not.toThrow(/hush/);
    }
  });

  test('what has no effect is named, with the reason', () => {
    const { ignored } = config({ jvmOptions: '-Xmx1g', envStage: 'gamma', deploymentPollingFrequencySeconds: 1 });
    expect(ignored).toEqual(['jvmOptions', 'envStage', 'deploymentPollingFrequencySeconds'].map((key) => prefix + key));
    for (const key of ignored) expect(reasonOf(key)).toMatch(/./);
  });

  test('every one of the reference is in the table of the documentation', () => {
    const text = readFileSync(join(import.meta.dirname, '../../../../docs/reference/nucleus-parameters.md'), 'utf8');
    const keys = [
      ...['awsRegion', 'iotRoleAlias', 'iotDataEndpoint', 'iotCredEndpoint', 'greengrassDataPlaneEndpoint'],
      ...['greengrassDataPlanePort', 'deploymentPollingFrequencySeconds', 'deploymentConfigurationTimeSource'],
      ...['interpolateComponentConfiguration', 'platformOverride', 'runWithDefault.posixUser', '.posixShell'],
      ...['runWithDefault.windowsUser', 'runWithDefault.systemResourceLimits', 'networkProxy.noProxyAddresses'],
      ...['networkProxy.proxy.url', '.username', '.password', 'mqtt.port', 'mqtt.keepAliveTimeoutMs', '.pingTimeoutMs'],
      ...['mqtt.operationTimeoutMs', 'mqtt.socketTimeoutMs', 'mqtt.maxInFlightPublishes', '.maxMessageSizeInBytes'],
      ...['.maxPublishRetry', 'mqtt.standaloneMqttTimeoutMs', 'mqtt.version', '.spooler', 'fipsMode', 's3EndpointType'],
      ...['envStage', 'fleetStatus.periodicStatusPublishIntervalSeconds', 'telemetry', 'logging.level'],
      ...['credentialEndpointTimeoutMs', 'httpClient.connectionTimeoutMs', 'jvmOptions'],
      ...['rebootCommand', 'deploymentLimits.networkSeconds', 'deploymentLimits.deferralSeconds'],
      ...['deploymentLimits.activationSeconds', 'deploymentLimits.removalSeconds', 'deploymentLimits.restartSeconds'],
    ];
    expect(keys.filter((key) => !text.includes(`\`${key}\``))).toEqual([]);
  });
});

describe('what deployments set lies over the file', () => {
  test('key by key, whatever case it is spelled in; null takes away', () => {
    const file = { mqtt: { port: 1884, keepAliveTimeoutMs: 90_000 } };
    const { mqttPort, mqtt } = config(file, { MQTT: { PORT: 443 } });
    expect([mqttPort, mqtt.keepAliveMs]).toEqual([443, 90_000]);
    expect(config(file, { mqtt: { port: null } }).mqttPort).toBe(8883);
    expect(config(file, { mqtt: null }).mqtt.keepAliveMs).toBe(60_000);
  });

  test('and is refused by its key when it is wrong', () => {
    expect(() => config({}, { mqtt: { port: [1] } })).toThrow(`${prefix}mqtt.port: must be a text`);
    expect(() => config({}, { mqtt: 'x' })).toThrow(`${prefix}mqtt: must be a map`);
  });
});

describe('a change of a parameter', () => {
  const none = { restart: false, reconnect: false, credentials: false };
  test.each<[JsonObject, object]>([
    [{}, none],
    [{ logging: { level: 'DEBUG' } }, none],
    [{ httpClient: { socketTimeoutMs: 1 } }, none],
    [{ platformOverride: { a: 'b' } }, none],
    [{ s3EndpointType: 'REGIONAL' }, none],
    [{ componentStoreMaxSizeBytes: 5 }, none],
    [{ fleetStatus: { periodicStatusPublishIntervalSeconds: 100_000 } }, none],
    [{ interpolateComponentConfiguration: true }, none],
    [{ deploymentConfigurationTimeSource: 'deploymentProcessingTime' }, none],
    [{ jvmOptions: '-X' }, none],
    [{ deploymentLimits: { activationSeconds: 60 } }, none],
    [{ rebootCommand: 'reboot' }, none],
    [{ iotRoleAlias: 'Other' }, { ...none, credentials: true }],
    [{ iotCredEndpoint: 'other.example' }, { ...none, credentials: true }],
    [{ mqtt: { keepAliveTimeoutMs: 120_000 } }, { ...none, reconnect: true }],
    [{ mqtt: { port: 443 } }, { ...none, reconnect: true }],
    [{ iotDataEndpoint: 'other.example' }, { ...none, reconnect: true }],
  ])('%j has the effects %j', (deployed, effects) => {
    expect(effectsOf(config(), config({}, deployed))).toEqual(effects);
  });

  test.each<JsonObject>([
    { networkProxy: { proxy: { url: 'http://p:1' } } },
    { runWithDefault: { posixUser: 'other' } },
    { runWithDefault: { posixShell: 'bash' } },
    { mqtt: { version: 'mqtt3' } },
    { awsRegion: 'eu-west-1' },
    { greengrassDataPlanePort: 1 },
  ])('case 115: %j makes the runtime start again', (deployed) => {
    expect(effectsOf(config(), config({}, deployed)).restart).toBe(true);
  });
});
