import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { TLSSocket, Server as TlsServer } from 'node:tls';
import { type Clock, Fault, type Ids, type Log, messageOf } from '@greensward/kit';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Answer, Arrival } from './exchange.ts';

/** What a TLS server is known by, PEM. */
export interface TlsCertificate {
  readonly key: string;
  readonly cert: string;
}

/**
 * A TLS listener. `clientCertificates` asks for one, without requiring it. The handshake proves that the client holds its key; who
 * that is the registry says, by the certificate itself, and not by who issued it.
 */
export interface TlsOptions extends TlsCertificate {
  readonly clientCertificates?: boolean;
}

/** What a listener answers with by itself. */
interface Machine {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

/** A server that is ready to listen. */
export interface HttpListener {
  /** The port it listens on. Fails with `PORT_IN_USE` or `LISTEN_FAILED`. */
  listen(host: string, port: number): Promise<number>;
  /** Shows another certificate to those who connect from now on; without TLS it does nothing. */
  setCertificate(certificate: TlsCertificate): void;
  /** Ends idle connections at once, busy ones when they are done. */
  close(): Promise<void>;
}

/** How long one request may take to arrive: an upload of some GB over a slow line. Milliseconds. */
const requestTimeout = 30 * 60_000;

/** Bytes of the request line and the headers. A pre-signed URL with a session token has some thousand. */
const maxHeaderSize = 64 * 1024;

/** How long a connection may be silent while a request or its answer is under way. Milliseconds. */
const connectionTimeout = 120_000;

/**
 * Fastify with everything of its own switched off but listening: no parser, no schema, no error body. Every method and
 * path goes to `serve`, the pipeline, which routes by the service of the signature first.
 */
export function createListener(
  serve: (arrival: Arrival) => Promise<Answer>,
  machine: Machine,
  tls: TlsOptions | undefined,
): HttpListener {
  const handle: Handle = async (request, reply) => send(await serve(arrivalOf(request, reply)), request, reply);
  const server = instance(tls, handle, refuseGarbage(machine));
  // A client that asks before it sends a large body is told to go on when the body is first read: a refusal costs it nothing.
  server.server.on('checkContinue', (request, response) => server.server.emit('request', request, response));
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  server.setNotFoundHandler(handle);
  server.setErrorHandler((error, _request, reply) => {
    machine.log.error('the answer could not be sent', { why: messageOf(error) });
    return reply
      .code(500)
      .headers({
        'content-type': 'application/json',
        'x-amzn-errortype': 'InternalFailureException',
        'x-amzn-requestid': machine.ids.uuid(),
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
    setCertificate(certificate) {
      if (tls !== undefined && server.server instanceof TlsServer)
        server.server.setSecureContext(contextOf({ ...tls, ...certificate }));
    },
    close: async () => {
      await server.close();
    },
  };
}

type Handle = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

type ClientErrorHandler = (error: Error & { readonly code?: string }, socket: Socket) => void;

function instance(
  tls: TlsOptions | undefined,
  handle: Handle,
  clientErrorHandler: ClientErrorHandler,
): FastifyInstance {
  const common = {
    logger: false,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    requestTimeout,
    connectionTimeout,
    bodyLimit: Number.MAX_SAFE_INTEGER,
    routerOptions: { maxParamLength: 2048 },
    http: { maxHeaderSize },
    clientErrorHandler,
    // A path that Fastify cannot decode is refused by the pipeline, in the shape of its service.
    frameworkErrors: (_error: Error, request: FastifyRequest, reply: FastifyReply) => {
      void handle(request, reply);
    },
  } as const;
  if (tls === undefined) return fastify(common);
  const { http, ...rest } = common;
  const https = {
    ...http,
    ...contextOf(tls),
    // The AWS SDK for Java on a device offers both names; either way it speaks HTTP/1.1.
    ALPNProtocols: ['x-amzn-http-ca', 'http/1.1'],
    ...(tls.clientCertificates === true ? { requestCert: true, rejectUnauthorized: false } : {}),
  };
  return fastify({ ...rest, https });
}

function contextOf({ key, cert }: TlsOptions) {
  // No authority is trusted, and so none is named to clients: they would pick their certificate by its issuer.
  return { key, cert, minVersion: 'TLSv1.2' as const, ca: [] };
}

/** Why Node gave up on a connection before there was a request, and what that is in HTTP. */
const garbage = new Map<string | undefined, readonly [status: string, code: string, message: string]>([
  [
    'ERR_HTTP_REQUEST_TIMEOUT',
    ['408 Request Timeout', 'RequestTimeoutException', 'The request did not arrive in time'],
  ],
  [
    'HPE_HEADER_OVERFLOW',
    [
      '431 Request Header Fields Too Large',
      'RequestHeaderSectionTooLargeException',
      `The request line and headers are larger than ${maxHeaderSize} bytes`,
    ],
  ],
]);

const notHttp = ['400 Bad Request', 'InvalidRequestException', 'The request is not valid HTTP/1.1'] as const;

/** Answers what is no HTTP request in the shape of the others. */
function refuseGarbage({ clock, ids, log }: Machine): ClientErrorHandler {
  return ({ code }, socket) => {
    if (!socket.writable || code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const [status, type, message] = garbage.get(code) ?? notHttp;
    const id = ids.uuid();
    log.info('refused', { id, status: Number(status.slice(0, 3)), code: type, why: message, cause: code });
    const body = JSON.stringify({ message });
    const head = [
      `HTTP/1.1 ${status}`,
      `date: ${new Date(clock.now()).toUTCString()}`,
      'content-type: application/json',
      `content-length: ${body.length}`,
      `x-amzn-errortype: ${type}`,
      `x-amzn-requestid: ${id}`,
      'connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  };
}

function arrivalOf(request: FastifyRequest, reply: FastifyReply): Arrival {
  const { raw } = request;
  const url = raw.url ?? '/';
  const question = url.indexOf('?');
  return {
    method: raw.method ?? 'GET',
    path: question < 0 ? url : url.slice(0, question),
    query: question < 0 ? '' : url.slice(question + 1),
    headers: raw.headers,
    body: bodyOf(raw, reply.raw),
    certificate: certificateOf(raw.socket),
    address: raw.socket.remoteAddress ?? '',
  };
}

async function* bodyOf(request: IncomingMessage, response: ServerResponse): AsyncGenerator<Uint8Array> {
  if (request.headers.expect !== undefined) response.writeContinue();
  // Whoever stops reading early still has to answer: the stream, and so the connection, stays.
  yield* request.iterator({ destroyOnReturn: false });
}

/** Only what chains to our authority. A resumed session may be authorized without a certificate: then there is none. */
function certificateOf(socket: unknown): Uint8Array | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  // Not getPeerX509Certificate: of a chain of two or more, Node 24 never frees the certificates it made for it.
  const certificate: { raw?: Uint8Array } | null = socket.getPeerCertificate();
  return certificate?.raw;
}

function send(answer: Answer, request: FastifyRequest, reply: FastifyReply) {
  reply.code(answer.status).headers(answer.headers);
  // The rest of a body that was not wanted is skipped when it is small; else the connection ends with the answer.
  if (!request.raw.readableEnded && (answer.status === 408 || mayBeLarge(request))) reply.header('connection', 'close');
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
