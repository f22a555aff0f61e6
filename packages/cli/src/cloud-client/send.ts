import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Fault, messageOf } from '@greensward/kit';
import type { IncomingResponse, OutgoingRequest } from '@greensward/protocol/walker';

/** How long the cloud may be silent. It answers an upload when the bytes are safe on its disk. Milliseconds. */
const silenceMs = 60_000;

/**
 * Sends one request and reads its whole answer.
 *
 * @throws Fault `Unreachable` (retryable) when the cloud does not answer.
 */
export async function send(
  endpoint: URL,
  outgoing: OutgoingRequest,
  caPem: string | undefined,
): Promise<IncomingResponse> {
  return readAll(endpoint, await open(endpoint, outgoing, caPem));
}

/**
 * Sends one request and hands on its answer once the head is there, with its body still to come.
 *
 * @throws Fault `Unreachable` (retryable) when the cloud does not answer.
 */
export function open(endpoint: URL, outgoing: OutgoingRequest, caPem: string | undefined): Promise<IncomingMessage> {
  const path = outgoing.query === '' ? outgoing.path : `${outgoing.path}?${outgoing.query}`;
  const options = {
    // An IPv6 address stands in brackets in a URL only.
    host: endpoint.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: endpoint.port,
    method: outgoing.method,
    path,
    headers: { ...outgoing.headers, 'content-length': String(outgoing.body.length) },
    timeout: silenceMs,
    ...(caPem === undefined ? {} : { ca: caPem }),
  };
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => reject(unreachable(endpoint, cause));
    const sent = (endpoint.protocol === 'https:' ? httpsRequest : httpRequest)(options, resolve);
    sent.on('timeout', () => sent.destroy(new Error(`nothing for ${silenceMs / 1000} seconds`)));
    sent.on('error', fail);
    sent.end(outgoing.body);
  });
}

/** The rest of an answer. Fails as `send` does. */
export async function readAll(endpoint: URL, response: IncomingMessage): Promise<IncomingResponse> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of response) chunks.push(chunk);
  } catch (cause) {
    throw unreachable(endpoint, cause instanceof Error ? cause : new Error(String(cause)));
  }
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
}

function unreachable(endpoint: URL, cause: Error): Fault {
  const refused = 'code' in cause && cause.code === 'ECONNREFUSED';
  // A name with several addresses fails with one error for each, and no text of its own.
  const why = refused ? 'nothing listens there, is the cloud running?' : messageOf(cause) || cause.name;
  return new Fault('Unreachable', `no answer from ${endpoint.origin}: ${why}`, { retryable: true, cause });
}
