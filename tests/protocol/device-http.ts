import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import type { Identity } from './protocol-cloud.ts';

interface DeviceRequest {
  readonly method?: string;
  /** As it goes on the wire. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface DeviceAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  json(): Readonly<Record<string, unknown>>;
}

/** One HTTPS request to the device port, as the clients of a nucleus send it; without `key` and `cert` as its downloader does. */
export function askDevicePort(
  port: number,
  { ca, key, cert }: { readonly ca: string } & Partial<Identity>,
  { method = 'GET', path, headers = {}, body }: DeviceRequest,
): Promise<DeviceAnswer> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      servername: 'localhost',
      port,
      method,
      path,
      headers: { 'content-type': 'application/json', ...headers },
      ALPNProtocols: ['x-amzn-http-ca', 'http/1.1'],
      agent: false,
      ca,
      ...(key === undefined ? {} : { key }),
      ...(cert === undefined ? {} : { cert }),
    };
    const sent = request(options);
    sent.on('error', reject);
    sent.on('response', (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const whole = Buffer.concat(parts);
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: whole,
          json: () => JSON.parse(whole.toString('utf8')),
        });
      });
    });
    sent.end(body);
  });
}
