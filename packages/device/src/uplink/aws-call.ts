import type { IncomingMessage } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import { createSecureContext, rootCertificates } from 'node:tls';
import type { Clock, Timers } from '@greensward/kit';
import { type Credentials, signRequest } from '@greensward/protocol/sigv4';
import type { DeviceConfig } from '../configuration/device-config.ts';
import { exchange, type HttpCall } from './http-exchange.ts';
import { proxiedAgent, proxiedPlainAgent } from './tunnel.ts';

/** Base URLs of AWS services that are not where AWS has them. */
export interface ServiceEndpoints {
  readonly s3?: string;
  readonly ecr?: string;
}

/** One signed call. `url` holds everything but the signature. */
export interface AwsRequest {
  readonly service: 's3' | 'ecr';
  readonly region: string;
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Calls of AWS services with the credentials of the device's role. */
export interface AwsCalls {
  readonly region: string;
  readonly endpoints: ServiceEndpoints;
  /** Resolves with the answer's head, whatever its status; throws retryable faults of the network. */
  send(
    request: AwsRequest,
    signal: AbortSignal,
  ): Promise<{ readonly response: IncomingMessage; readonly call: HttpCall }>;
}

export function createAwsCalls(deps: {
  readonly config: Pick<DeviceConfig, 'region' | 'proxy'>;
  readonly settings: () => Pick<DeviceConfig, 'httpClient'>;
  readonly endpoints: ServiceEndpoints;
  readonly credentials: (signal: AbortSignal) => Promise<Credentials>;
  /** Trusted besides the public authorities. */
  readonly rootCa: string;
  readonly clock: Clock;
  readonly timers: Timers;
}): AwsCalls {
  const { config, timers, rootCa } = deps;
  const plain = proxiedPlainAgent({ keepAlive: true, maxSockets: 8 }, config.proxy, rootCa, timers);
  let secure: HttpsAgent | undefined;
  const agentFor = (url: URL) => {
    if (url.protocol === 'http:') return plain;
    // Made at the first call only: the list of public authorities costs memory and time.
    const secureContext = () => createSecureContext({ ca: [...rootCertificates, rootCa], minVersion: 'TLSv1.2' });
    secure ??= proxiedAgent(
      { keepAlive: true, maxSockets: 8, secureContext: secureContext() },
      config.proxy,
      rootCa,
      timers,
    );
    return secure;
  };
  return {
    region: config.region,
    endpoints: deps.endpoints,
    async send({ service, region, method, url, headers, body }, signal) {
      const credentials = await deps.credentials(signal);
      const signed = signRequest(
        {
          method,
          path: url.pathname,
          query: url.search.slice(1),
          headers: { ...headers, host: url.host, 'user-agent': 'greensward-device' },
          body,
        },
        { credentials, region, service, now: deps.clock.now() },
      );
      const call: HttpCall = {
        url,
        method,
        headers: signed,
        agent: agentFor(url),
        limits: deps.settings().httpClient,
        signal,
        ...(body.length > 0 ? { body } : {}),
      };
      return { response: await exchange(call, timers), call };
    },
  };
}
