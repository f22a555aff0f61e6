import { Readable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { Fault, type Log, messageOf } from '@greensward/kit';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Answer, Arrival } from './exchange.ts';
import { type Edge, serve } from './pipeline.ts';

/** Keys and certificates of a TLS listener, PEM. `clientAuthority` asks for a client certificate, without requiring one. */
export interface TlsOptions {
  readonly key: string;
  readonly cert: string;
  readonly clientAuthority?: string;
}

/** A server that is ready to listen. */
export interface HttpListener {
  /** The port it listens on. Fails with `PORT_IN_USE` or `LISTEN_FAILED`. */
  listen(host: string, port: number): Promise<number>;
  /** Ends idle connections at once, busy ones when they are done. */
  close(): Promise<void>;
}

/** How long one request may take to arrive: an upload of some GB over a slow line. Milliseconds. */
const requestTimeout = 30 * 60_000;

/**
 * Fastify with everything of its own switched off but listening: no parser, no schema, no error body. Every method and
 * path goes to the pipeline, which routes by the service of the signature first.
 */
export function createListener(edge: Edge, tls: TlsOptions | undefined, log: Log): HttpListener {
  const handle: Handle = async (request, reply) => send(await serve(edge, arrivalOf(request)), request, reply);
  const server = instance(tls, handle);
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  server.setNotFoundHandler(handle);
  server.setErrorHandler((error, _request, reply) => {
    log.error('the answer could not be sent', { why: messageOf(error) });
    return reply
      .code(500)
      .headers({
        'content-type': 'application/json',
        'x-amzn-errortype': 'InternalFailureException',
        'x-amzn-requestid': edge.ids.uuid(),
      })
      .send(Buffer.from('{"message":"An internal error occurred"}', 'utf8'));
  });
  return {
    async listen(host, port) {
      try {
        await server.listen({ host, port, backlog: 1024 });
      } catch (cause) {
        throw listenFault(cause, host, port);
      }
      const address = server.server.address();
      return typeof address === 'object' && address !== null ? address.port : port;
    },
    close: async () => {
      await server.close();
    },
  };
}

type Handle = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

function instance(tls: TlsOptions | undefined, handle: Handle): FastifyInstance {
  const common = {
    logger: false,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    requestTimeout,
    bodyLimit: Number.MAX_SAFE_INTEGER,
    routerOptions: { maxParamLength: 2048 },
    http: { maxHeaderSize: 64 * 1024 },
    clientErrorHandler: (_error: Error, socket: { writable: boolean; end(text: string): void; destroy(): void }) => {
      if (!socket.writable) return socket.destroy();
      const body = '{"message":"The request is not valid HTTP/1.1"}';
      const head = `HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n`;
      socket.end(`${head}x-amzn-errortype: InvalidRequestException\r\nconnection: close\r\n\r\n${body}`);
    },
    // A path that Fastify cannot decode is refused by the pipeline, in the shape of its service.
    frameworkErrors: (_error: Error, request: FastifyRequest, reply: FastifyReply) => {
      void handle(request, reply);
    },
  } as const;
  if (tls === undefined) return fastify(common);
  const { http, ...rest } = common;
  const https = {
    ...http,
    key: tls.key,
    cert: tls.cert,
    minVersion: 'TLSv1.2' as const,
    // The AWS SDK for Java on a device offers both names; either way it speaks HTTP/1.1.
    ALPNProtocols: ['x-amzn-http-ca', 'http/1.1'],
    ...(tls.clientAuthority === undefined
      ? {}
      : { ca: tls.clientAuthority, requestCert: true, rejectUnauthorized: false }),
  };
  return fastify({ ...rest, https });
}

function arrivalOf(request: FastifyRequest): Arrival {
  const { raw } = request;
  const url = raw.url ?? '/';
  const question = url.indexOf('?');
  return {
    method: raw.method ?? 'GET',
    path: question < 0 ? url : url.slice(0, question),
    query: question < 0 ? '' : url.slice(question + 1),
    headers: raw.headers,
    // Whoever stops reading early still has to answer: the stream, and so the connection, stays.
    body: raw.iterator({ destroyOnReturn: false }),
    certificate: certificateOf(raw.socket),
  };
}

/** Only what chains to our authority. A resumed session may be authorized without a certificate: then there is none. */
function certificateOf(socket: unknown): Uint8Array | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  return socket.getPeerX509Certificate()?.raw;
}

function send(answer: Answer, request: FastifyRequest, reply: FastifyReply) {
  reply.code(answer.status).headers(answer.headers);
  // The rest of a body that was not wanted is skipped when it is small; else the connection ends with the answer.
  if (!request.raw.readableEnded && mayBeLarge(request)) reply.header('connection', 'close');
  if (request.raw.method === 'HEAD' || answer.body === undefined) return reply.send();
  if (answer.body instanceof Uint8Array)
    return reply.send(Buffer.from(answer.body.buffer, answer.body.byteOffset, answer.body.byteLength));
  return reply.send(Readable.from(answer.body));
}

function mayBeLarge({ raw: { headers } }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? '0') > 1024 * 1024;
}

function listenFault(cause: unknown, host: string, port: number): Fault {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'EADDRINUSE') return new Fault('PORT_IN_USE', `Port ${port} of ${host} is in use`, { cause });
  return new Fault('LISTEN_FAILED', `Cannot listen on port ${port} of ${host}: ${messageOf(cause)}`, { cause });
}
