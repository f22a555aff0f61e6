import { Agent } from 'node:https';
import { type Clock, Fault, isJsonObject, type Json, type Timers } from '@greensward/kit';
import type { Credentials } from '@greensward/protocol/sigv4';
import type { DeviceConfig } from '../configuration/device-config.ts';
import { exchange, type HttpCall, isRetryableStatus, readBody } from './http-exchange.ts';
import type { TlsMaterial } from './tls-material.ts';

/** New credentials are asked for this long before the old ones end. */
const refreshMs = 300_000;
const maxAnswerBytes = 64 * 1024;

/** The credentials of the device's role alias, from the cloud's credential provider; kept until shortly before their end. */
export function createRoleCredentials(deps: {
  readonly config: Pick<DeviceConfig, 'iotCredEndpoint' | 'roleAlias' | 'thingName'>;
  readonly tls: TlsMaterial;
  readonly clock: Clock;
  readonly timers: Timers;
}): (signal: AbortSignal) => Promise<Credentials> {
  const { config, tls, clock, timers } = deps;
  let agent: Agent | undefined;
  let held: { readonly credentials: Credentials; readonly until: number } | undefined;
  return async (signal) => {
    if (held !== undefined && timers.monotonic() < held.until) return held.credentials;
    if (config.iotCredEndpoint === '' || config.roleAlias === '') {
      throw new Fault('CREDENTIAL_ENDPOINT_AUTH_FAILURE', 'iotCredEndpoint and iotRoleAlias are not both configured');
    }
    agent ??= new Agent({ keepAlive: true, cert: tls.cert, key: tls.key, ca: tls.ca, minVersion: 'TLSv1.2' });
    const call: HttpCall = {
      url: new URL(
        `https://${config.iotCredEndpoint}/role-aliases/${encodeURIComponent(config.roleAlias)}/credentials`,
      ),
      method: 'GET',
      headers: { 'x-amzn-iot-thingname': config.thingName, 'user-agent': 'greensward-device' },
      agent,
      signal,
    };
    const response = await exchange(call, timers);
    const status = response.statusCode ?? 0;
    const body = new TextDecoder().decode(await readBody(response, maxAnswerBytes, call));
    if (status !== 200) {
      const code = status >= 500 ? 'CREDENTIAL_ENDPOINT_SERVER_ERROR' : 'CREDENTIAL_ENDPOINT_AUTH_FAILURE';
      throw new Fault(code, `the credential provider answers HTTP ${status} for ${config.roleAlias}`, {
        retryable: isRetryableStatus(status),
        context: { status },
      });
    }
    const { credentials, expiration } = credentialsIn(body);
    held = { credentials, until: timers.monotonic() + (expiration - clock.now()) - refreshMs };
    return credentials;
  };
}

/** No part of the answer may be in a message. */
function credentialsIn(body: string): { credentials: Credentials; expiration: number } {
  let answer: Json = null;
  try {
    answer = JSON.parse(body);
  } catch {
    // Told below.
  }
  const given = isJsonObject(answer) ? answer['credentials'] : undefined;
  const text = (name: string) => {
    const value = isJsonObject(given) ? given[name] : undefined;
    return typeof value === 'string' ? value : '';
  };
  const credentials = {
    accessKeyId: text('accessKeyId'),
    secretAccessKey: text('secretAccessKey'),
    sessionToken: text('sessionToken'),
  };
  const expiration = Date.parse(text('expiration'));
  if (Object.values(credentials).includes('') || Number.isNaN(expiration)) {
    throw new Fault('CREDENTIAL_ENDPOINT_SERVER_ERROR', "the credential provider's answer holds no credentials");
  }
  return { credentials, expiration };
}
