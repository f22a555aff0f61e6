import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Fault, messageOf } from '@greensward/kit';
import type { IncomingResponse, OutgoingRequest } from '@greensward/protocol/walker';

/**
 * Sends one request and reads its whole answer.
 *
 * @throws Fault `Unreachable` (retryable) when the cloud does not answer.
 */
export function send(endpoint: URL, outgoing: OutgoingRequest, caPem: string | undefined): Promise<IncomingResponse> {
  const path = outgoing.query === '' ? outgoing.path : `${outgoing.path}?${outgoing.query}`;
  const options = {
    host: endpoint.hostname,
    port: endpoint.port,
    method: outgoing.method,
    path,
    headers: { ...outgoing.headers, 'content-length': String(outgoing.body.length) },
    ...(caPem === undefined ? {} : { ca: caPem }),
  };
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => {
      reject(
        new Fault('Unreachable', `no answer from ${endpoint.origin}: ${messageOf(cause)}`, { retryable: true, cause }),
      );
    };
    const sent = (endpoint.protocol === 'https:' ? httpsRequest : httpRequest)(options, (response) => {
      const chunks: Uint8Array[] = [];
      response.on('data', (chunk: Uint8Array) => chunks.push(chunk));
      response.on('error', fail);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      });
    });
    sent.on('error', fail);
    sent.end(outgoing.body);
  });
}
