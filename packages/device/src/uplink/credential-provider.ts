import type { Timers } from '@greensward/kit';
import { dataPlane } from '@greensward/protocol/data-plane';
import { buildRequest, type IncomingResponse, parseError, parseOutput } from '@greensward/protocol/walker';
import type { DeviceConfig } from '../configuration/device-config.ts';
import { deviceAgent } from './device-agent.ts';
import { exchange, type HttpCall, readBody } from './http-exchange.ts';
import type { TlsMaterial } from './tls-material.ts';

const maxAnswerBytes = 64 * 1024;

/** Temporary credentials of a role, as the cloud answered (device protocol, 7.1). */
export type CredentialProviderAnswer =
  | {
      readonly status: 200;
      readonly credentials: {
        readonly accessKeyId: string;
        readonly secretAccessKey: string;
        readonly sessionToken: string;
        readonly expiration: string;
      };
      /** The cloud's time at the answer, epoch ms. */
      readonly date: number | undefined;
    }
  | { readonly status: number; readonly message: string };

/**
 * Asks the credential provider with the device's certificate. Rejects with a retryable Fault when there is no answer.
 */
export function createCredentialProvider(deps: {
  readonly config: () => Pick<DeviceConfig, 'iotCredEndpoint' | 'roleAlias' | 'thingName' | 'proxy' | 'httpClient'>;
  readonly tls: TlsMaterial;
  readonly timers: Timers;
}): (signal: AbortSignal) => Promise<CredentialProviderAnswer> {
  const { tls, timers } = deps;
  const agent = deviceAgent(tls, deps.config().proxy, 1, timers);
  const operation = dataPlane.operations.AssumeRoleWithCertificate;

  return async (signal) => {
    const { iotCredEndpoint, roleAlias, thingName, httpClient: limits } = deps.config();
    if (iotCredEndpoint === '' || roleAlias === '')
      return { status: 404, message: 'the device has no iotRoleAlias, or no iotCredEndpoint' };
    const request = buildRequest(operation, { roleAlias, thingName });
    const url = new URL(`https://${iotCredEndpoint}`);
    url.pathname = request.path;
    const headers = { ...request.headers, accept: 'application/json', 'user-agent': 'greensward-device' };
    const call: HttpCall = { url, method: request.method, headers, agent, limits, signal };
    const answer = await exchange(call, timers);
    const status = answer.statusCode ?? 0;
    const body = await readBody(answer, maxAnswerBytes, call);
    const response: IncomingResponse = { status, headers: answer.headers, body };
    if (status !== 200) return { status, message: parseError(response).message };
    const { credentials } = parseOutput(operation, response);
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = credentials;
    const texts = [accessKeyId, secretAccessKey, sessionToken, expiration];
    if (!texts.every((text) => typeof text === 'string' && text !== ''))
      return { status: 500, message: 'the answer of the credential provider lacks a member' };
    const date = Date.parse(answer.headers.date ?? '');
    const given = { accessKeyId, secretAccessKey, sessionToken, expiration };
    return { status: 200, credentials: given, date: Number.isNaN(date) ? undefined : date };
  };
}
