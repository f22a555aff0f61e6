import type { DeviceConfig } from './device-config.ts';

/** What takes over a change of the runtime's own configuration: in rising order, each including the ones before it. */
export interface Effects {
  /** The runtime stops and starts again: what was made with the old values is made anew. */
  readonly restart: boolean;
  /** The connection to the cloud is made anew. */
  readonly reconnect: boolean;
  /** Credentials that were fetched are those of another role or provider. */
  readonly credentials: boolean;
}

/** Read anew wherever they are used. */
const live = [
  'logging',
  'loggingProblem',
  'httpClient',
  'trial',
  'platformOverride',
  's3EndpointType',
  'fleetStatusIntervalMs',
  'maxStoreBytes',
  'interpolateComponentConfiguration',
  'deploymentConfigurationTimeSource',
  'deploymentLimits',
  'rebootCommand',
  'ignored',
] as const satisfies readonly (keyof DeviceConfig)[];

const ofConnection = ['iotDataEndpoint', 'mqttPort', 'mqtt'] as const satisfies readonly (keyof DeviceConfig)[];
const ofCredentials = ['roleAlias', 'iotCredEndpoint'] as const satisfies readonly (keyof DeviceConfig)[];

/** Device runtime reference, 6.5; the few parameters that need a restart here and none there are in docs/reference/nucleus-parameters.md. */
export function effectsOf(before: DeviceConfig, after: DeviceConfig): Effects {
  const changed = (Object.keys({ ...before, ...after }) as (keyof DeviceConfig)[]).filter(
    (key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]),
  );
  const soft: ReadonlySet<keyof DeviceConfig> = new Set([...live, ...ofConnection, ...ofCredentials]);
  return {
    restart: changed.some((key) => !soft.has(key)) || before.mqtt.version !== after.mqtt.version,
    reconnect: ofConnection.some((key) => changed.includes(key)),
    credentials: ofCredentials.some((key) => changed.includes(key)),
  };
}
