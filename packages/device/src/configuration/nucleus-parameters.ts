import { readDeploymentLimits, readRebootCommand } from './deployment-limits.ts';
import type { LogSettings, NucleusParameters, ProxySettings } from './device-config.ts';
import { type ConfigNode, configFault } from './device-config-tree.ts';

const dayMs = 86_400_000;

/** Parameters that the reference has and this runtime accepts without effect, and why; as docs/reference/nucleus-parameters.md lists them. */
const withoutEffect = new Map([
  ['deploymentPollingFrequencySeconds', 'a deployment is taken as soon as it arrives'],
  ['envStage', 'it changes only the names of hosts of AWS'],
  ['fipsMode', 'the TLS library decides'],
  ['jvmOptions', 'there is no Java here'],
  ['mqtt.maxInFlightPublishes', 'components send nothing over the connection yet'],
  ['mqtt.maxMessageSizeInBytes', 'components send nothing over the connection yet'],
  ['mqtt.maxPublishRetry', 'what is sent is made anew from the store'],
  ['mqtt.threadPoolSize', 'there is one thread'],
  ['mqtt.spooler', 'what is sent is made anew from the store'],
  ['logging.outputType', 'logs are files'],
  ['logging.outputDirectory', 'logs are below the root'],
  ['runWithDefault.systemResourceLimits', 'limits are not enforced yet'],
  ['runWithDefault.windowsUser', 'only Linux'],
  ['telemetry', 'the runtime sends none yet'],
]);

/** Reads all of the configuration of aws.greengrass.Nucleus that has no place of its own. Faults name the key. */
export function nucleusParameters(configuration: ConfigNode): NucleusParameters {
  const http = configuration.child('httpClient');
  const logging = readLogging(configuration);
  const proxy = proxyOf(configuration.child('networkProxy'));
  return {
    ...(proxy === undefined ? {} : { proxy }),
    httpClient: {
      connectMs: http.integer('connectionTimeoutMs', 5_000, 1, 600_000),
      idleMs: http.integer('socketTimeoutMs', 30_000, 1, 3_600_000),
    },
    trial: {
      mqttMs: configuration.child('mqtt').integer('standaloneMqttTimeoutMs', 60_000, 1, 3_600_000),
      credentialsMs: configuration.integer('credentialEndpointTimeoutMs', 60_000, 1, 3_600_000),
    },
    logging: logging.settings,
    ...(logging.problem === undefined ? {} : { loggingProblem: logging.problem }),
    platformOverride: overrideOf(configuration),
    s3EndpointType: oneOf(configuration, 's3EndpointType', ['GLOBAL', 'REGIONAL'], 'GLOBAL'),
    fleetStatusIntervalMs: intervalOf(configuration.child('fleetStatus')),
    deploymentLimits: readDeploymentLimits(configuration),
    rebootCommand: readRebootCommand(configuration),
    interpolateComponentConfiguration: booleanOf(configuration, 'interpolateComponentConfiguration', false),
    deploymentConfigurationTimeSource: oneOf(
      configuration,
      'deploymentConfigurationTimeSource',
      ['deploymentCreationTime', 'deploymentProcessingTime'],
      'deploymentCreationTime',
    ),
  };
}

/** Why a key has no effect, for the warning about it. */
export function reasonOf(key: string): string | undefined {
  return withoutEffect.get(key.replace(/^services\.aws\.greengrass\.Nucleus\.configuration\./i, ''));
}

function oneOf<T extends string>(node: ConfigNode, key: string, values: readonly T[], standard: T): T {
  const text = node.text(key);
  if (text === undefined) return standard;
  const found = values.find((value) => value.toLowerCase() === text.toLowerCase());
  if (found === undefined) throw configFault(node.name(key), `must be one of ${values.join(', ')}`);
  return found;
}

function booleanOf(node: ConfigNode, key: string, standard: boolean): boolean {
  const text = node.text(key)?.toLowerCase();
  if (text === undefined) return standard;
  if (text !== 'true' && text !== 'false') throw configFault(node.name(key), 'must be true or false');
  return text === 'true';
}

/** Less than a day is raised to it, as in the reference: a cloud that pays by message set it so. */
function intervalOf(fleetStatus: ConfigNode): number {
  const seconds = fleetStatus.integer('periodicStatusPublishIntervalSeconds', 86_400, 0, 2_000_000);
  return Math.max(dayMs, seconds * 1000);
}

function overrideOf(configuration: ConfigNode): Readonly<Record<string, string>> {
  return Object.fromEntries(configuration.child('platformOverride').texts());
}

const standardLogging: LogSettings = {
  level: 'INFO',
  format: 'TEXT',
  fileBytes: 1024 * 1024,
  totalBytes: 10 * 1024 * 1024,
};

/** A mistake anywhere makes the whole object void, as in the reference; the defaults hold then, and the mistake is told. */
function readLogging(configuration: ConfigNode): { readonly settings: LogSettings; readonly problem?: string } {
  const logging = configuration.child('logging');
  try {
    const settings: LogSettings = {
      level: oneOf(logging, 'level', ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR'], standardLogging.level),
      format: oneOf(logging, 'format', ['TEXT', 'JSON'], standardLogging.format),
      fileBytes: logging.integer('fileSizeKB', 1024, 1, 10_000_000) * 1024,
      totalBytes: logging.integer('totalLogsSizeKB', 10_240, 1, 100_000_000) * 1024,
    };
    // Known, and without effect here: named with the other keys of that kind.
    const unknown = logging.unread().filter((name) => !/\.(outputType|outputDirectory)$/i.test(name));
    if (unknown[0] !== undefined) throw configFault(unknown[0], 'is not known');
    return { settings };
  } catch (error) {
    return { settings: standardLogging, problem: error instanceof Error ? error.message : String(error) };
  }
}

function proxyOf(networkProxy: ConfigNode): ProxySettings | undefined {
  const node = networkProxy.child('proxy');
  const text = node.text('url');
  const username = node.text('username');
  const password = node.text('password');
  const noProxy = (networkProxy.text('noProxyAddresses') ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  if (text === undefined) return undefined;
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  // Never the text itself: it may hold a password.
  if (url === null || url.hostname === '') throw configFault(node.name('url'), 'must be scheme://host:port');
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw configFault(node.name('url'), `must be an http or https proxy, not ${url.protocol.slice(0, -1)}`);
  const secure = url.protocol === 'https:';
  const user = username ?? decodeURIComponent(url.username);
  const secret = password ?? decodeURIComponent(url.password);
  return {
    secure,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    ...(user === '' ? {} : { credentials: { username: user, password: secret } }),
    noProxy,
  };
}
