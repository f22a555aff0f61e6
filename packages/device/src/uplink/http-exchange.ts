import { type Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type Cancel, Fault, messageOf, type Timers } from '@greensward/kit';

/** Limits of a request, milliseconds. */
export interface HttpLimits {
  /** TCP and TLS together must be done in this time. */
  readonly connectMs: number;
  /** The longest silence on a connection with a request on it. */
  readonly idleMs: number;
}

const standardLimits: HttpLimits = { connectMs: 5_000, idleMs: 30_000 };

export interface HttpCall {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly agent: Agent;
  readonly limits?: HttpLimits | undefined;
  readonly signal: AbortSignal;
}

/**
 * Sends a request and resolves with the answer's head; the body is still to be read. Every call of the device may be
 * repeated, so one that met a connection the server had just closed is sent again once, on a new one.
 *
 * Throws the signal's reason when aborted, else a retryable Fault (`NETWORK_ERROR`, `TLS_HANDSHAKE_FAILURE`).
 */
export async function exchange(call: HttpCall, timers: Timers): Promise<IncomingMessage> {
  const first = await send(call, timers);
  if ('response' in first) return first.response;
  if (first.staleConnection && !call.signal.aborted) {
    const second = await send(call, timers);
    if ('response' in second) return second.response;
    throw networkFault(second.error, call);
  }
  throw networkFault(first.error, call);
}

type Sent = { readonly response: IncomingMessage } | { readonly error: unknown; readonly staleConnection: boolean };

function send(call: HttpCall, timers: Timers): Promise<Sent> {
  return new Promise((resolve) => {
    const { url, agent, signal, method } = call;
    const { connectMs, idleMs } = call.limits ?? standardLimits;
    const length = call.body === undefined ? {} : { 'content-length': String(call.body.length) };
    const options = { agent, signal, method, timeout: idleMs, headers: { ...call.headers, ...length } };
    const secure = url.protocol === 'https:';
    const request: ClientRequest = secure ? httpsRequest(url, options) : httpRequest(url, options);
    let response: IncomingMessage | undefined;
    let cancel: Cancel = () => {};
    let used = false;
    // From here on, not before: a request may have waited for its turn while others load large files.
    request.on('socket', (socket) => {
      // `reusedSocket` does not tell: it is false for a request that waited and got the connection of the one before it.
      used = !socket.connecting;
      if (used) return;
      cancel = timers.after(connectMs, () => request.destroy(new Error(`no connection within ${connectMs} ms`)));
      socket.once(secure ? 'secureConnect' : 'connect', () => cancel());
    });
    request.on('timeout', () => {
      const error = new Error(`nothing was received for ${idleMs} ms`);
      if (response === undefined) request.destroy(error);
      else response.destroy(error);
    });
    request.on('error', (error) => {
      cancel();
      resolve({ error, staleConnection: used && isReset(error) });
    });
    request.on('response', (answer) => {
      cancel();
      response = answer;
      resolve({ response: answer });
    });
    request.end(call.body);
  });
}

function isReset(error: Error): boolean {
  return 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

/** What a failed transfer means to the device: the abort's reason, or a retryable Fault. */
export function networkFault(error: unknown, call: Pick<HttpCall, 'url' | 'signal' | 'method'>): unknown {
  if (call.signal.aborted) return call.signal.reason;
  if (error instanceof Fault) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  // A certificate that is not valid yet turns valid when the clock is set, so these are worth another try too.
  const handshake = /^(CERT_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|EPROTO)/.test(
    code,
  );
  // Never the whole URL: the query of a pre-signed one is a secret.
  const where = `${call.method} ${call.url.origin}${call.url.pathname}`;
  return new Fault(handshake ? 'TLS_HANDSHAKE_FAILURE' : 'NETWORK_ERROR', `${where}: ${messageOf(error)}`, {
    retryable: true,
    context: { host: call.url.host },
    cause: error,
  });
}

/** The whole body, refused above `limit` bytes. */
export async function readBody(response: IncomingMessage, limit: number, call: HttpCall): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response) {
      const bytes: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
      length += bytes.length;
      if (length > limit) throw new Fault('HTTP_REQUEST_ERROR', `${call.url.origin}: answer above ${limit} bytes`);
      chunks.push(bytes);
    }
  } catch (error) {
    throw networkFault(error, call);
  }
  return Buffer.concat(chunks);
}

/** The `DeploymentErrorCode` of an HTTP status that has none of its own. */
export function codeOfStatus(status: number): string {
  if (status >= 500) return 'SERVER_ERROR';
  const codes = new Map([
    [400, 'BAD_REQUEST'],
    [403, 'ACCESS_DENIED'],
    [404, 'RESOURCE_NOT_FOUND'],
    [409, 'CONFLICTED_REQUEST'],
    [429, 'THROTTLING_ERROR'],
  ]);
  return codes.get(status) ?? 'HTTP_REQUEST_ERROR';
}

/** True for what the same request may survive later (RetryUtils.retryErrorCodes). */
export function isRetryableStatus(status: number): boolean {
  return status >= 500 || status === 429;
}
