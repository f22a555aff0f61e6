import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { percentDecode, percentEncode } from '../walker/encoding.ts';
import type { WireHeaders } from '../walker/parse-input.ts';

/** What a signature covers of a request. */
export interface SignedParts {
  readonly method: string;
  /** As sent: percent-encoded, without the query. */
  readonly path: string;
  /** As sent: percent-encoded, without the `?`. */
  readonly query: string;
  /** By lower-case name. */
  readonly headers: WireHeaders;
}

/** The scope of a signature: `{date}/{region}/{service}/aws4_request`. */
export interface Scope {
  /** yyyymmdd. */
  readonly date: string;
  readonly region: string;
  readonly service: string;
}

export const ALGORITHM = 'AWS4-HMAC-SHA256';
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';
export const SIGNATURE_PARAMETER = 'X-Amz-Signature';

export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** In a time that tells nothing of where they differ. */
export function equalHex(a: string, b: string): boolean {
  const encoder = new TextEncoder();
  return a.length === b.length && timingSafeEqual(encoder.encode(a), encoder.encode(b));
}

export function scopeText(scope: Scope): string {
  return `${scope.date}/${scope.region}/${scope.service}/aws4_request`;
}

/** Keys derived from secrets, kept for reuse. */
export interface SigningKeys {
  of(secret: string, scope: Scope): Uint8Array;
}

/** A cache of at most `limit` derived keys; the least recently used goes first. */
export function createSigningKeys(limit = 500): SigningKeys {
  const keys = new Map<string, Uint8Array>();
  return {
    of(secret, scope) {
      const id = `${secret}\n${scopeText(scope)}`;
      const key = keys.get(id) ?? deriveKey(secret, scope);
      keys.delete(id);
      keys.set(id, key);
      if (keys.size > limit) {
        const [oldest] = keys.keys();
        if (oldest !== undefined) keys.delete(oldest);
      }
      return key;
    },
  };
}

function deriveKey(secret: string, scope: Scope): Uint8Array {
  let key: string | Uint8Array = `AWS4${secret}`;
  for (const part of [scope.date, scope.region, scope.service, 'aws4_request']) {
    key = createHmac('sha256', key).update(part).digest();
  }
  return key instanceof Uint8Array ? key : new Uint8Array();
}

/** The hex signature of a request. `time` is yyyymmddThhmmssZ. Undefined when path or query are not well-formed. */
export function signatureOf(
  request: SignedParts,
  signedHeaders: readonly string[],
  payloadHash: string,
  time: string,
  scope: Scope,
  key: Uint8Array,
): string | undefined {
  const query = canonicalQuery(request.query);
  if (query === undefined) return undefined;
  const canonical = [
    request.method.toUpperCase(),
    canonicalPath(request.path, scope.service),
    query,
    ...signedHeaders.map((name) => `${name}:${canonicalHeader(request.headers[name])}`),
    '',
    signedHeaders.join(';'),
    payloadHash,
  ].join('\n');
  const text = [ALGORITHM, time, scopeText(scope), sha256Hex(canonical)].join('\n');
  return createHmac('sha256', key).update(text).digest('hex');
}

/** S3 signs the path as sent. All others drop empty and dot segments and encode what is left once more. */
function canonicalPath(path: string, service: string): string {
  if (service === 's3') return path;
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(percentEncode(segment));
  }
  return `/${segments.join('/')}${segments.length > 0 && path.endsWith('/') ? '/' : ''}`;
}

/** Names and values decoded and encoded again, so that any spelling signs alike; sorted by name, then by value. */
function canonicalQuery(query: string): string | undefined {
  const pairs: [string, string][] = [];
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = percentDecode((equals < 0 ? part : part.slice(0, equals)).replaceAll('+', ' '));
    const value = percentDecode(equals < 0 ? '' : part.slice(equals + 1).replaceAll('+', ' '));
    if (name === undefined || value === undefined) return undefined;
    if (name !== SIGNATURE_PARAMETER) pairs.push([percentEncode(name), percentEncode(value)]);
  }
  pairs.sort(([a, x], [b, y]) => (a === b ? order(x, y) : order(a, b)));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function canonicalHeader(value: string | readonly string[] | undefined): string {
  const values = typeof value === 'string' ? [value] : (value ?? []);
  return values.map((text) => text.trim().replace(/\s+/g, ' ')).join(',');
}

/** Epoch milliseconds as yyyymmddThhmmssZ. */
export function amzTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

/** The reverse; undefined when `text` is not such a time. */
export function parseAmzTime(text: string): number | undefined {
  const parts = text.match(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/);
  if (parts === null) return undefined;
  const [, year, month, day, hour, minute, second] = parts;
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(ms) ? undefined : ms;
}
