import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type IncomingHttpHeaders, request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '@greensward/kit';
import { signRequest } from '@greensward/protocol/sigv4';
import { type Options, parseSettings } from '../../settings.ts';
import { type Cloud, startCloud } from '../../start.ts';

/** One line of the log. */
interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** A cloud in this process, on free ports and a folder of its own. */
export interface RunningCloud extends Cloud {
  readonly folder: string;
  readonly log: readonly LogLine[];
  readonly key: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly rootPem: string;
  /** Also removes the folder. */
  destroy(): Promise<void>;
}

export async function runCloud(options: Options = {}): Promise<RunningCloud> {
  const folder = await mkdtemp(join(tmpdir(), 'greensward-http-'));
  const lines: LogLine[] = [];
  const ports = { 'api-port': '0', 'device-port': '0', 'mqtt-port': '0' };
  const cloud = await startCloud(parseSettings({ data: folder, ...ports, ...options }), { log: listLog(lines) });
  const credentials = await readFile(join(folder, 'aws', 'credentials'), 'utf8');
  const value = (name: string) => credentials.match(new RegExp(`^${name} = (.*)$`, 'm'))?.[1] ?? '';
  return {
    ...cloud,
    folder,
    log: lines,
    key: { accessKeyId: value('aws_access_key_id'), secretAccessKey: value('aws_secret_access_key') },
    rootPem: await readFile(join(folder, 'ca', 'ca.pem'), 'utf8'),
    async destroy() {
      await cloud.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The configuration of an AWS SDK client for this cloud, without retries of its own. */
export function sdkConfiguration(cloud: RunningCloud) {
  return { endpoint: cloud.endpoint, region: 'us-east-1', credentials: cloud.key, maxAttempts: 1 };
}

/** An answer, read to its end. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body as JSON. */
  json(): Record<string, unknown>;
}

export interface RawRequest {
  readonly method?: string;
  /** Path and query, as they go on the wire. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly tls?: {
    readonly ca: string;
    readonly key?: string;
    readonly cert?: string;
    readonly ALPNProtocols?: string[];
  };
}

/** Sends exactly this, without a client's help. */
export function send(port: number, { method = 'GET', path, headers = {}, body, tls }: RawRequest): Promise<RawAnswer> {
  // Node sends the body of a DELETE without any framing unless it is told its length.
  const framed = body === undefined || 'transfer-encoding' in headers;
  const length = framed ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const options = { host: '127.0.0.1', port, method, path, headers: { ...headers, ...length }, agent: false };
  return new Promise((resolve, reject) => {
    const request =
      tls === undefined ? plainRequest(options) : tlsRequest({ ...options, ...tls, servername: 'localhost' });
    request.on('error', reject);
    request.on('response', (response) => {
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
    request.end(body);
  });
}

/** The same with a signature; `at` shifts the clock of the signer, `secret` replaces its secret. */
export function sendSigned(
  cloud: RunningCloud,
  service: string,
  request: RawRequest,
  skew: { readonly ms?: number; readonly secret?: string; readonly accessKeyId?: string } = {},
): Promise<RawAnswer> {
  const [path = '/', query = ''] = request.path.split('?');
  const body =
    typeof request.body === 'string' ? Buffer.from(request.body, 'utf8') : (request.body ?? new Uint8Array());
  const headers = signRequest(
    {
      method: request.method ?? 'GET',
      path,
      query,
      body,
      headers: { ...request.headers, host: new URL(cloud.endpoint).host },
    },
    {
      credentials: {
        accessKeyId: skew.accessKeyId ?? cloud.key.accessKeyId,
        secretAccessKey: skew.secret ?? cloud.key.secretAccessKey,
      },
      region: 'us-east-1',
      service,
      now: Date.now() + (skew.ms ?? 0),
    },
  );
  return send(cloud.ports.apiPort, { ...request, headers });
}

/** Bytes of no meaning. */
export function someBytes(count: number): Buffer {
  return randomBytes(count);
}

function listLog(lines: LogLine[], bound: Readonly<Record<string, unknown>> = {}): Log {
  const at = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
    lines.push({ ...bound, ...fields, level, message });
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => listLog(lines, { ...bound, ...fields }),
  };
}
