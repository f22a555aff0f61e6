import type { JsonObject } from '@greensward/kit';
import type { DeviceConfig } from './device-config.ts';
import { type ConfigNode, configFault, parseConfigTree } from './device-config-tree.ts';
import { nucleusParameters } from './nucleus-parameters.ts';
import { runtimeVersion } from './runtime-version.ts';

const hostPattern = /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

/**
 * Reads the reference nucleus's own config.yaml. `overrides.root` wins over `system.rootPath`.
 *
 * Throws a Fault `DEVICE_CONFIG_NOT_VALID` that names the key. The reference nucleus runs offline without a word when one of
 * thingName, the certificate keys, iotDataEndpoint or awsRegion is missing; here that is so when none of them is set, and with
 * some of them the first that is missing is named: it is a mistake. iotCredEndpoint and iotRoleAlias may be missing: only components that ask for AWS
 * credentials need them. `overrides.nucleus` is what deployments have set of the configuration of aws.greengrass.Nucleus: it lies over the file.
 * `overrides.version` is the one that a deployed build of the runtime has, whatever the file says.
 */
export function readDeviceConfig(
  text: string,
  overrides: { readonly root?: string; readonly nucleus?: JsonObject; readonly version?: string | undefined },
): DeviceConfig {
  const deployed: JsonObject | undefined = overrides.nucleus && {
    services: { 'aws.greengrass.Nucleus': { configuration: overrides.nucleus } },
  };
  const tree = parseConfigTree(text, deployed);
  const system = tree.child('system');
  const nucleus = tree.child('services').child('aws.greengrass.Nucleus');
  nucleus.text('componentType');
  const configuration = nucleus.child('configuration');
  const mqtt = configuration.child('mqtt');
  const runWith = configuration.child('runWithDefault');

  const rootFromFile = system.text('rootPath');
  const rootPath = overrides.root ?? rootFromFile;
  if (rootPath === undefined) throw configFault(system.name('rootPath'), 'must be set, here or on the command line');
  const offline = [
    ...['thingName', 'certificateFilePath', 'privateKeyPath', 'rootCaPath'].map((key) => system.text(key)),
    ...['awsRegion', 'iotDataEndpoint'].map((key) => configuration.text(key)),
  ].every((value) => value === undefined);
  const region = offline ? '' : regionOf(configuration);
  const iotDataEndpoint = offline ? '' : dataEndpointOf(configuration);
  const posixUser = posixUserOf(runWith);
  const config: DeviceConfig = {
    offline,
    rootPath,
    thingName: offline ? '' : thingNameOf(system),
    certificatePath: offline ? '' : filePathOf(system, 'certificateFilePath'),
    privateKeyPath: offline ? '' : filePathOf(system, 'privateKeyPath'),
    rootCaPath: offline ? '' : filePathOf(system, 'rootCaPath'),
    region,
    iotDataEndpoint,
    iotCredEndpoint: credentialEndpointOf(configuration),
    mqttPort: mqtt.integer('port', 8883, 1, 65_535),
    dataPlaneUrl: dataPlaneUrlOf(configuration, iotDataEndpoint, region),
    roleAlias: configuration.text('iotRoleAlias') ?? '',
    ...(posixUser === undefined ? {} : { posixUser }),
    posixShell: runWith.text('posixShell') ?? 'sh',
    mqtt: {
      // Any value but mqtt5 means MQTT 3.1.1 (AwsIotMqtt5Client).
      version: (mqtt.text('version') ?? 'mqtt5').toLowerCase() === 'mqtt5' ? 'mqtt5' : 'mqtt3',
      keepAliveMs: keepAliveOf(mqtt),
      pingTimeoutMs: mqtt.integer('pingTimeoutMs', 30_000, 0, 65_535_000),
      operationTimeoutMs: mqtt.integer('operationTimeoutMs', 30_000, 1, 3_600_000),
      // The reference's 3 s are for TCP alone.
      connectTimeoutMs: 12_000 + mqtt.integer('socketTimeoutMs', 3_000, 1, 600_000),
      sessionExpirySeconds: mqtt.integer('sessionExpirySeconds', 604_800, 0, 4_294_967_295),
      receiveMaximum: mqtt.integer('receiveMaximum', 100, 1, 65_535),
      minReconnectMs: mqtt.integer('minimumReconnectDelaySeconds', 1, 0, 86_400) * 1000,
      maxReconnectMs: mqtt.integer('maximumReconnectDelaySeconds', 120, 1, 86_400) * 1000,
    },
    ...nucleusParameters(configuration),
    nucleusVersion: overrides.version ?? nucleusVersionOf(nucleus),
    maxStoreBytes: configuration.integer('componentStoreMaxSizeBytes', 10_000_000_000, 1, Number.MAX_SAFE_INTEGER),
    ignored: [],
  };
  return { ...config, ignored: tree.unread() };
}

/** What the file says of the configuration of aws.greengrass.Nucleus, every value a text; {} when that is not readable. */
export function nucleusConfigurationOf(text: string): JsonObject {
  const nucleus = parseConfigTree(text).child('services').child('aws.greengrass.Nucleus');
  return nucleus.child('configuration').json();
}

function thingNameOf(system: ConfigNode): string {
  const name = system.required('thingName');
  if (!/^[a-zA-Z0-9:_-]{1,128}$/.test(name)) {
    throw configFault(system.name('thingName'), 'must be 1 to 128 letters, digits, colons, underscores and hyphens');
  }
  return name;
}

function filePathOf(system: ConfigNode, key: string): string {
  const value = system.required(key);
  if (value.startsWith('pkcs11:')) throw configFault(system.name(key), 'pkcs11: is not supported, only files are');
  if (!value.startsWith('file:')) return value;
  const path = pathOfUri(value);
  if (path === undefined) throw configFault(system.name(key), `is not the URI of a local file: ${value}`);
  return path;
}

function pathOfUri(uri: string): string | undefined {
  const url = URL.parse(uri);
  if (url === null || url.host !== '' || url.search !== '' || url.hash !== '') return undefined;
  try {
    // On Windows the path of a URI has a slash before the drive.
    return decodeURIComponent(url.pathname).replace(/^\/([A-Za-z]:\/)/, '$1');
  } catch {
    return undefined;
  }
}

function regionOf(configuration: ConfigNode): string {
  const region = configuration.required('awsRegion');
  if (!/^[a-z]{2,}(-[a-z0-9]+){2,}$/.test(region)) {
    throw configFault(configuration.name('awsRegion'), `is not the name of a region: ${JSON.stringify(region)}`);
  }
  return region;
}

function dataEndpointOf(configuration: ConfigNode): string {
  const endpoint = configuration.required('iotDataEndpoint');
  if (!isHost(endpoint)) {
    const problem = 'must be a host name without scheme and port (the port is mqtt.port)';
    throw configFault(configuration.name('iotDataEndpoint'), `${problem}, not ${JSON.stringify(endpoint)}`);
  }
  return endpoint;
}

function credentialEndpointOf(configuration: ConfigNode): string {
  const endpoint = configuration.text('iotCredEndpoint');
  if (endpoint === undefined) return '';
  if (hostAndPort(endpoint) === undefined) {
    const problem = `must be host or host:port, not ${JSON.stringify(endpoint)}`;
    throw configFault(configuration.name('iotCredEndpoint'), problem);
  }
  return endpoint;
}

function dataPlaneUrlOf(configuration: ConfigNode, iotDataEndpoint: string, region: string): string {
  const standardPort = configuration.integer('greengrassDataPlanePort', 8443, 1, 65_535);
  const endpoint = configuration.text('greengrassDataPlaneEndpoint');
  // ClientConfigurationUtils: derived from the region when unset; `iotdata` means the MQTT host.
  if (endpoint === undefined) return `https://greengrass-ats.iot.${region}.${dnsSuffix(region)}:${standardPort}`;
  if (endpoint.toLowerCase() === 'iotdata') return `https://${iotDataEndpoint}:${standardPort}`;
  const at = hostAndPort(endpoint.replace(/^https:\/\//i, '').replace(/\/$/, ''));
  if (at === undefined) {
    const problem = `must be iotdata, host, host:port or https://host:port, not ${JSON.stringify(endpoint)}`;
    throw configFault(configuration.name('greengrassDataPlaneEndpoint'), problem);
  }
  return `https://${at.host}:${at.port ?? standardPort}`;
}

function dnsSuffix(region: string): string {
  return region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
}

function isHost(text: string): boolean {
  return hostPattern.test(text);
}

function hostAndPort(text: string): { readonly host: string; readonly port: number | undefined } | undefined {
  const [, host, digits] = text.match(/^([^:]+)(?::(\d{1,5}))?$/) ?? [];
  if (host === undefined || !isHost(host)) return undefined;
  if (digits === undefined) return { host, port: undefined };
  const port = Number(digits);
  return port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

function posixUserOf(runWith: ConfigNode): string | undefined {
  const user = runWith.text('posixUser');
  // Names or numeric ids; a leading hyphen could become an option of a program.
  if (user !== undefined && !/^[A-Za-z0-9_.][\w.-]*\$?(:[A-Za-z0-9_.][\w.-]*\$?)?$/.test(user)) {
    throw configFault(runWith.name('posixUser'), `must be user or user:group, not ${JSON.stringify(user)}`);
  }
  return user;
}

function keepAliveOf(mqtt: ConfigNode): number {
  const keepAlive = mqtt.integer('keepAliveTimeoutMs', 60_000, 0, 65_535_000);
  const ping = mqtt.integer('pingTimeoutMs', 30_000, 0, 65_535_000);
  if (keepAlive !== 0 && keepAlive <= ping) {
    throw configFault(mqtt.name('keepAliveTimeoutMs'), `must be 0 or more than pingTimeoutMs (${ping})`);
  }
  return keepAlive;
}

function nucleusVersionOf(nucleus: ConfigNode): string {
  const version = nucleus.text('version') ?? runtimeVersion;
  if (!/^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$/.test(version)) {
    throw configFault(nucleus.name('version'), `must be a version such as 2.18.0, not ${JSON.stringify(version)}`);
  }
  return version;
}
