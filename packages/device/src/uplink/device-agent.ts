import type { Agent } from 'node:https';
import type { Timers } from '@greensward/kit';
import type { ProxySettings } from '../configuration/device-config.ts';
import type { TlsMaterial } from './tls-material.ts';
import { proxiedAgent } from './tunnel.ts';

/** HTTPS to the cloud with the device's certificate. Only rootCa is trusted here, not the public authorities. */
export function deviceAgent(
  tls: TlsMaterial,
  proxy: ProxySettings | undefined,
  maxSockets: number,
  timers: Timers,
): Agent {
  const options = {
    keepAlive: true,
    maxSockets,
    cert: tls.cert,
    key: tls.key,
    ca: tls.ca,
    minVersion: 'TLSv1.2' as const,
    // AWS tells devices from others by it on port 443, and takes it on every port.
    ALPNProtocols: ['x-amzn-http-ca', 'http/1.1'],
  };
  return proxiedAgent(options, proxy, tls.ca, timers);
}
