import { Fault, type Log, messageOf, type Timers } from '@greensward/kit';
import type { DeviceConfig } from '../configuration/device-config.ts';
import { createCredentialProvider } from './credential-provider.ts';
import { createDataPlane } from './https-data-plane.ts';
import { connectMqtt } from './mqtt-connection.ts';
import type { TlsMaterial } from './tls-material.ts';

/** Calls again what fails for a passing reason, until `limitMs` have passed. */
export type Retry = (what: string, limitMs: number, signal: AbortSignal, work: () => Promise<void>) => Promise<void>;

export interface TryDeps {
  readonly tls: TlsMaterial;
  readonly log: Log;
  readonly timers: Timers;
  readonly retry: Retry;
}

/**
 * Uses what the device would reach its cloud by after a change of its configuration, as far as that differs: a device that took over
 * a wrong address could not be told the right one (device runtime, 4.7). The device stays connected as it is meanwhile.
 *
 * @throws Fault that names the address; the signal's reason when it aborts.
 */
export async function tryEndpoints(
  before: DeviceConfig,
  after: DeviceConfig,
  deps: TryDeps,
  signal: AbortSignal,
): Promise<void> {
  const changed = (...of: readonly unknown[]) => JSON.stringify(of[0]) !== JSON.stringify(of[1]);
  const proxyChanged = changed(before.proxy, after.proxy);
  const { iotDataEndpoint: host, mqttPort: port, trial } = after;
  if (proxyChanged || before.mqtt.version !== after.mqtt.version || changed(mqttOf(before), mqttOf(after))) {
    await attempt(`MQTT to ${host}:${port}`, trial.mqttMs, 'MQTT_CONNECTION_FAILED', () =>
      tryMqtt(after, deps, signal),
    );
  }
  if (proxyChanged || before.dataPlaneUrl !== after.dataPlaneUrl) {
    const dataPlane = createDataPlane({ config: after, settings: () => after, ...deps });
    await attempt(`the data plane ${after.dataPlaneUrl}`, trial.credentialsMs, 'NETWORK_ERROR', async () => {
      await dataPlane.thingGroups(signal);
    });
  }
  const { iotCredEndpoint: provider, roleAlias } = after;
  if (provider !== before.iotCredEndpoint && provider !== '' && roleAlias !== '') {
    const ask = createCredentialProvider({ ...deps, config: () => after });
    await attempt(`the credential provider ${provider}`, trial.credentialsMs, 'NETWORK_ERROR', async () => {
      const answer = await ask(signal);
      if (answer.status !== 200) throw refusal(answer.status, 'message' in answer ? answer.message : '');
    });
  }

  async function attempt(what: string, limitMs: number, code: string, work: () => Promise<void>): Promise<void> {
    try {
      await deps.retry(`trying ${what}`, limitMs, signal, work);
      deps.log.info('the new configuration reaches the cloud', { by: what });
    } catch (error) {
      signal.throwIfAborted();
      const found = error instanceof Fault ? error.code : code;
      throw new Fault(found, `the new configuration does not reach the cloud: ${what}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}

function mqttOf({ iotDataEndpoint, mqttPort }: DeviceConfig) {
  return [iotDataEndpoint, mqttPort];
}

/** By a client id of its own: that of the device would take the connection over that is there. */
async function tryMqtt(config: DeviceConfig, { tls, timers }: TryDeps, signal: AbortSignal): Promise<void> {
  const connection = await connectMqtt(
    {
      host: config.iotDataEndpoint,
      port: config.mqttPort,
      tls,
      proxy: config.proxy,
      ...config.mqtt,
      clientId: `${config.thingName}#endpoint-switch`,
      clean: true,
      sessionExpirySeconds: 0,
      timers,
      onMessage: () => {},
    },
    signal,
  );
  await connection.close();
}

function refusal(status: number, message: string): Fault {
  const code = status >= 500 ? 'CREDENTIAL_ENDPOINT_SERVER_ERROR' : 'CREDENTIAL_ENDPOINT_AUTH_FAILURE';
  return new Fault(code, `it answers ${status}${message === '' ? '' : `: ${message}`}`, { retryable: status >= 500 });
}
