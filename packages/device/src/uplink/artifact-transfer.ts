import type { IncomingMessage } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import { createSecureContext, rootCertificates } from 'node:tls';
import { Fault, type Timers } from '@greensward/kit';
import type { ProxySettings } from '../configuration/device-config.ts';
import type { DataPlane } from './data-plane.ts';
import { exchange, type HttpCall, type HttpLimits, isRetryableStatus, networkFault } from './http-exchange.ts';
import { proxiedAgent, proxiedPlainAgent } from './tunnel.ts';

const maxRedirects = 5;

/**
 * Plain downloads by pre-signed URL: no client certificate; trusted are the public authorities and `rootCa`.
 * Redirects are followed within one scheme only, so that nothing sends an https URL's bytes over http.
 */
export function createArtifactTransfer(
  rootCa: string,
  timers: Timers,
  options: { readonly proxy?: ProxySettings | undefined; readonly limits?: () => HttpLimits | undefined } = {},
): Pick<DataPlane, 'size' | 'download'> {
  const { proxy, limits } = options;
  const plain = proxiedPlainAgent({ keepAlive: true, maxSockets: 8 }, proxy, rootCa, timers);
  let secure: HttpsAgent | undefined;
  const agentFor = (url: URL) => {
    if (url.protocol === 'http:') return plain;
    // Made at the first download only: the list of public authorities costs memory and time.
    secure ??= proxiedAgent(
      {
        keepAlive: true,
        maxSockets: 8,
        secureContext: createSecureContext({ ca: [...rootCertificates, rootCa], minVersion: 'TLSv1.2' }),
      },
      proxy,
      rootCa,
      timers,
    );
    return secure;
  };

  async function get(code: string, address: string, range: string | undefined, signal: AbortSignal) {
    let url = parseUrl(address, code);
    for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
      const headers = { 'user-agent': 'greensward-device', ...(range === undefined ? {} : { range }) };
      const call: HttpCall = { url, method: 'GET', headers, agent: agentFor(url), limits: limits?.(), signal };
      const response = await exchange(call, timers);
      const location = response.headers.location;
      if (!isRedirect(response.statusCode) || location === undefined) return { response, call };
      response.resume();
      const next = parseUrl(location, code, url);
      if (next.protocol !== url.protocol) throw new Fault(code, `${url.origin} redirects to scheme ${next.protocol}`);
      url = next;
    }
    throw new Fault(code, `${url.origin} redirects more than ${maxRedirects} times`);
  }

  return {
    async size(address, signal) {
      // One byte is asked for, so that the connection can be used again; who ignores ranges answers 200 with the length.
      const { response, call } = await get('GET_GREENGRASS_ARTIFACT_SIZE_ERROR', address, 'bytes=0-0', signal);
      const size = sizeIn(response);
      if (response.statusCode === 200) response.destroy();
      else response.resume();
      if (typeof size === 'number') return size;
      if (size === 'refused') throw statusFault('GET_GREENGRASS_ARTIFACT_SIZE_ERROR', response, call);
      throw new Fault('GREENGRASS_ARTIFACT_SIZE_NOT_FOUND', `${call.url.origin} does not tell the artifact's size`);
    },

    async download(address, start, signal) {
      const code = 'DOWNLOAD_GREENGRASS_ARTIFACT_ERROR';
      const { response, call } = await get(code, address, start === 0 ? undefined : `bytes=${start}-`, signal);
      if (response.statusCode === 200) return bodyOf(response, start, call);
      if (response.statusCode === 206 && rangeStart(response) === start) return bodyOf(response, 0, call);
      response.destroy();
      if (response.statusCode === 206) throw new Fault(code, `${call.url.origin} answers another range than asked for`);
      throw statusFault(code, response, call);
    },
  };
}

function parseUrl(address: string, code: string, base?: URL): URL {
  const url = URL.parse(address, base?.href);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new Fault(code, 'the address of an artifact must be an http or https URL');
  }
  return url;
}

function isRedirect(status: number | undefined): boolean {
  return status !== undefined && [301, 302, 303, 307, 308].includes(status);
}

function sizeIn(response: IncomingMessage): number | 'unknown' | 'refused' {
  const status = response.statusCode;
  if (status === 200) return numberIn(response.headers['content-length'], /^(\d+)$/);
  // 416 to the first byte: the file is empty.
  if (status === 206 || status === 416) return numberIn(response.headers['content-range'], /\/(\d+)$/);
  return 'refused';
}

function numberIn(header: string | undefined, pattern: RegExp): number | 'unknown' {
  const digits = header?.match(pattern)?.[1];
  return digits === undefined ? 'unknown' : Number(digits);
}

/** Where the bytes of a 206 begin. */
export function rangeStart(response: IncomingMessage): number | undefined {
  const digits = response.headers['content-range']?.match(/^bytes (\d+)-/)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function statusFault(code: string, response: IncomingMessage, call: HttpCall): Fault {
  const status = response.statusCode ?? 0;
  return new Fault(code, `GET ${call.url.origin}${call.url.pathname}: HTTP ${status}`, {
    retryable: isRetryableStatus(status),
    context: { status },
  });
}

/** The bytes of an answer but the first `skip`; throws retryable faults of the network. */
export async function* bodyOf(response: IncomingMessage, skip: number, call: HttpCall): AsyncGenerator<Uint8Array> {
  let left = skip;
  try {
    for await (const chunk of response) {
      const bytes: Uint8Array = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
      if (left >= bytes.length) {
        left -= bytes.length;
        continue;
      }
      yield left === 0 ? bytes : bytes.subarray(left);
      left = 0;
    }
  } catch (error) {
    throw networkFault(error, call);
  }
}
