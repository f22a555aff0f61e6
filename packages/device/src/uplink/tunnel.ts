import { Agent as HttpAgent, type AgentOptions as HttpAgentOptions, request as httpRequest } from 'node:http';
import { type AgentOptions, Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, rootCertificates } from 'node:tls';
import { Fault, messageOf, type Timers } from '@greensward/kit';
import type { ProxySettings } from '../configuration/device-config.ts';

const tunnelMs = 10_000;

/** True when `host` is reached without the proxy. */
export function isDirect(proxy: Pick<ProxySettings, 'noProxy'>, host: string): boolean {
  const name = host.toLowerCase();
  return proxy.noProxy.some((entry) => {
    const rule = entry.toLowerCase().replace(/^\*(?=\.)/, '');
    return rule === '*' || rule === name || (rule.startsWith('.') && (name.endsWith(rule) || name === rule.slice(1)));
  });
}

/**
 * A connection to `host:port` by way of the proxy (CONNECT, RFC 9110 section 9.3.6). An https proxy is trusted by the public authorities
 * and `ca`.
 *
 * @throws Fault `NETWORK_ERROR`, retryable: also when the proxy refuses, for it may be told otherwise. It never holds the credentials.
 */
export function openTunnel(
  proxy: ProxySettings,
  to: { readonly host: string; readonly port: number },
  ca: string,
  timers: Timers,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const name = to.host.includes(':') ? `[${to.host}]` : to.host;
    const target = `${name}:${to.port}`;
    const through = `${target} through the proxy ${proxy.host}:${proxy.port}`;
    const { credentials } = proxy;
    const authorization =
      credentials === undefined
        ? {}
        : {
            'proxy-authorization': `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`,
          };
    const options = {
      host: proxy.host,
      port: proxy.port,
      method: 'CONNECT',
      path: target,
      agent: false as const,
      headers: { host: target, ...authorization },
    };
    const request = proxy.secure
      ? httpsRequest({ ...options, ca: [...rootCertificates, ca], minVersion: 'TLSv1.2' })
      : httpRequest(options);
    const fail = (problem: string, cause?: unknown) => {
      cancel();
      request.destroy();
      reject(new Fault('NETWORK_ERROR', `${through}: ${problem}`, { retryable: true, cause }));
    };
    const cancel = timers.after(tunnelMs, () => fail(`no tunnel within ${tunnelMs} ms`));
    request.on('connect', (response, socket, head) => {
      cancel();
      if (response.statusCode !== 200) {
        socket.destroy();
        return fail(`the proxy answered ${response.statusCode}`);
      }
      // Nobody speaks first on a TLS connection but us; what comes all the same must not be lost.
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    request.on('response', (response) => {
      response.resume();
      fail(`the proxy answered ${response.statusCode}`);
    });
    request.on('error', (error) => fail(messageOf(error), error));
    request.end();
  });
}

/** An agent for https whose connections go through the proxy, but for the hosts that it names as direct. */
export function proxiedAgent(
  options: AgentOptions,
  proxy: ProxySettings | undefined,
  ca: string,
  timers: Timers,
): HttpsAgent {
  if (proxy === undefined) return new HttpsAgent(options);
  return new TunnelAgent(options, proxy, ca, timers);
}

/** The same for plain http: a tunnel too, so that the proxy sees no pre-signed URL. */
export function proxiedPlainAgent(
  options: HttpAgentOptions,
  proxy: ProxySettings | undefined,
  ca: string,
  timers: Timers,
): HttpAgent {
  if (proxy === undefined) return new HttpAgent(options);
  const agent = new HttpAgent(options);
  const direct = agent.createConnection.bind(agent);
  agent.createConnection = (to, callback) => {
    const host = to.host ?? 'localhost';
    if (callback === undefined || isDirect(proxy, host)) return direct(to, callback);
    openTunnel(proxy, { host, port: Number(to.port ?? 80) }, ca, timers).then(
      (socket) => callback(null, socket),
      (error: Error) => (callback as (error: Error) => void)(error),
    );
    return undefined;
  };
  return agent;
}

class TunnelAgent extends HttpsAgent {
  private readonly proxy: ProxySettings;
  private readonly ca: string;
  private readonly timers: Timers;

  constructor(options: AgentOptions, proxy: ProxySettings, ca: string, timers: Timers) {
    super(options);
    this.proxy = proxy;
    this.ca = ca;
    this.timers = timers;
  }

  override createConnection(
    options: AgentOptions & { host?: string | undefined; port?: number | string | null | undefined },
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    const host = options.host ?? 'localhost';
    if (callback === undefined || isDirect(this.proxy, host)) return super.createConnection(options, callback);
    openTunnel(this.proxy, { host, port: Number(options.port ?? 443) }, this.ca, this.timers).then(
      (socket) => callback(null, connectTls({ ...options, host, port: Number(options.port ?? 443), socket })),
      // An agent reads the stream only without an error.
      (error: Error) => (callback as (error: Error) => void)(error),
    );
    return undefined;
  }
}
