import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Fault, type Log, messageOf, type Timers } from '@greensward/kit';
import type { CredentialAnswer } from './credential-source.ts';

const path = '/2016-11-01/credentialprovider/';
/** Reference: a component waits this long for the cloud. */
const answerMs = 30_000;

export interface EndpointDeps {
  readonly componentOf: (token: string) => string | undefined;
  readonly credentials: () => Promise<CredentialAnswer>;
  readonly timers: Timers;
  readonly log: Log;
}

export interface CredentialEndpoint {
  readonly port: number;
  /** For `AWS_CONTAINER_CREDENTIALS_FULL_URI`. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * The container credential provider that AWS SDKs ask, on the loopback interface. GET of one path, with a component's token.
 *
 * @param port 0: a free one.
 * @throws Fault `START_FAILED` when the port is taken.
 */
export async function startCredentialEndpoint(port: number, deps: EndpointDeps): Promise<CredentialEndpoint> {
  const server = createServer((request, response) => {
    answer(request, response, deps).catch((error: unknown) => {
      deps.log.error('a request for credentials failed', { reason: messageOf(error) });
      if (!response.headersSent) reply(response, 500, 'Internal error');
    });
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 10_000;
  server.maxConnections = 128;
  const at = await listen(server, port);
  server.unref();
  return {
    port: at,
    url: `http://127.0.0.1:${at}${path}`,
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const problem = `the token exchange service cannot listen on port ${port}: ${messageOf(cause)}`;
      reject(new Fault('START_FAILED', problem, { cause }));
    });
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, deps: EndpointDeps): Promise<void> {
  // A page in a browser can reach this port by a name that it makes point here; SDKs name the address itself.
  const host = request.headers.host?.replace(/:\d+$/, '');
  if (request.method !== 'GET') return reply(response, 405, 'Only GET requests are supported');
  if (request.url !== path || (host !== '127.0.0.1' && host !== 'localhost'))
    return reply(response, 400, 'Bad request path');
  const token = request.headers.authorization;
  if (token === undefined || deps.componentOf(token) === undefined)
    return reply(response, 403, 'TES server denied the request: the authorization token is missing or unknown');
  const given = await inTime(deps.credentials(), deps.timers);
  if (given === undefined) return reply(response, 504, 'No credentials within 30 seconds');
  if (!('credentials' in given))
    return reply(response, given.status >= 400 && given.status < 600 ? given.status : 500, given.message);
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = given.credentials;
  const body = {
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    Token: sessionToken,
    Expiration: expiration,
  };
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

function inTime<T>(work: Promise<T>, timers: Timers): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const cancel = timers.after(answerMs, () => resolve(undefined));
    work.then(resolve, reject).finally(cancel);
  });
}

function reply(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(text);
}
