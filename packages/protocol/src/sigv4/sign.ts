import { percentEncode } from '../walker/encoding.ts';
import {
  ALGORITHM,
  amzTime,
  createSigningKeys,
  type Scope,
  SIGNATURE_PARAMETER,
  type SignedParts,
  type SigningKeys,
  scopeText,
  sha256Hex,
  signatureOf,
  UNSIGNED_PAYLOAD,
} from './canonical.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** What to sign. `headers` must have `host`, and their names be lower case. */
export interface SignableRequest extends SignedParts {
  readonly headers: Readonly<Record<string, string>>;
  /** Absent: the payload stays unsigned (S3 uploads that are streamed). */
  readonly body?: Uint8Array;
}

export interface SigningOptions {
  readonly credentials: Credentials;
  readonly region: string;
  readonly service: string;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly keys?: SigningKeys;
}

/** Headers that hops add or change. */
const UNSIGNED_HEADERS: ReadonlySet<string> = new Set(
  'authorization cache-control connection expect from keep-alive max-forwards pragma referer te trailer transfer-encoding upgrade user-agent x-amzn-trace-id'.split(
    ' ',
  ),
);

/** The headers of `request` with those of a SigV4 signature added. */
export function signRequest(request: SignableRequest, options: SigningOptions): Record<string, string> {
  const time = amzTime(options.now);
  const payloadHash = request.body === undefined ? UNSIGNED_PAYLOAD : sha256Hex(request.body);
  const headers: Record<string, string> = { ...request.headers, 'x-amz-date': time };
  if (options.service === 's3') headers['x-amz-content-sha256'] = payloadHash;
  if (options.credentials.sessionToken !== undefined) {
    headers['x-amz-security-token'] = options.credentials.sessionToken;
  }
  const signedHeaders = signable(headers);
  const scope = scopeOf(options, time);
  const signature = sign({ ...request, headers }, signedHeaders, payloadHash, time, scope, options);
  const credential = `${options.credentials.accessKeyId}/${scopeText(scope)}`;
  headers['authorization'] =
    `${ALGORITHM} Credential=${credential}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`;
  return headers;
}

/** The query of a URL that carries its own signature for `expiresIn` seconds (at most 604800). */
export function presign(
  request: Omit<SignableRequest, 'body'>,
  options: SigningOptions & { readonly expiresIn: number },
): string {
  const time = amzTime(options.now);
  const scope = scopeOf(options, time);
  const signedHeaders = signable(request.headers);
  const parameters: [string, string][] = [
    ['X-Amz-Algorithm', ALGORITHM],
    ['X-Amz-Credential', `${options.credentials.accessKeyId}/${scopeText(scope)}`],
    ['X-Amz-Date', time],
    ['X-Amz-Expires', String(options.expiresIn)],
    ['X-Amz-SignedHeaders', signedHeaders.join(';')],
  ];
  if (options.credentials.sessionToken !== undefined) {
    parameters.push(['X-Amz-Security-Token', options.credentials.sessionToken]);
  }
  const added = parameters.map(([name, value]) => `${name}=${percentEncode(value)}`);
  const query = [...(request.query === '' ? [] : [request.query]), ...added].join('&');
  const payloadHash = options.service === 's3' ? UNSIGNED_PAYLOAD : sha256Hex('');
  const signature = sign({ ...request, query }, signedHeaders, payloadHash, time, scope, options);
  return `${query}&${SIGNATURE_PARAMETER}=${signature}`;
}

function signable(headers: Readonly<Record<string, string>>): string[] {
  return Object.keys(headers)
    .filter((name) => !UNSIGNED_HEADERS.has(name))
    .sort();
}

function scopeOf(options: SigningOptions, time: string): Scope {
  return { date: time.slice(0, 8), region: options.region, service: options.service };
}

function sign(
  request: SignedParts,
  signedHeaders: readonly string[],
  payloadHash: string,
  time: string,
  scope: Scope,
  options: SigningOptions,
): string {
  const key = (options.keys ?? createSigningKeys(1)).of(options.credentials.secretAccessKey, scope);
  const signature = signatureOf(request, signedHeaders, payloadHash, time, scope, key);
  if (signature === undefined) throw new Error('the query to sign is not well-formed');
  return signature;
}
