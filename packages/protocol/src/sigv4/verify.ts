import { Fault } from '@greensward/kit';
import { parseQuery } from '../walker/encoding.ts';
import {
  ALGORITHM,
  amzTime,
  equalHex,
  parseAmzTime,
  type Scope,
  type SignedParts,
  type SigningKeys,
  scopeText,
  sha256Hex,
  signatureOf,
  UNSIGNED_PAYLOAD,
} from './canonical.ts';
import { type ChunkSignatures, createChunkSignatures, hasSignedChunks } from './chunks.ts';

/** What an `Authorization` header, or a pre-signed query, claims. */
export interface Authorization extends Scope {
  readonly accessKeyId: string;
  /** Lower case, sorted, as signed. */
  readonly signedHeaders: readonly string[];
  /** 64 hex digits. */
  readonly signature: string;
}

export interface VerifiableRequest extends SignedParts {
  /** See {@link SignatureClaim.verify}. */
  readonly body?: Uint8Array;
}

/** A signature that is not yet compared: its form, time and access key are good. */
export interface SignatureClaim {
  readonly accessKeyId: string;
  /**
   * Compares the signature. `body` absent: empty; for S3, absent: streamed, and its hash is the caller's to compare with
   * `payloadHash`.
   */
  verify(body?: Uint8Array): Verified;
}

export interface VerifyOptions {
  readonly keys: SigningKeys;
  /** An unsigned or unreadable request is answered with S3's codes; signed ones tell by their scope. */
  readonly s3?: boolean;
}

/** Who signed, and for what. */
export interface Verified extends Scope {
  readonly accessKeyId: string;
  readonly sessionToken: string | undefined;
  readonly presigned: boolean;
  /** Hex SHA-256 the signer claims for the body, or the name of an unsigned or chunked form (S3 only). */
  readonly payloadHash: string;
  /** What checks the signed chunks of a streamed body, where the payload hash announces them. */
  readonly chunks: ChunkSignatures | undefined;
}

/** The secret of an access key (with its session token, where one was sent); undefined when there is no such key. */
export type LookupSecret = (
  accessKeyId: string,
  sessionToken: string | undefined,
) => string | undefined | Promise<string | undefined>;

const MINUTE = 60_000;
const MAX_EXPIRES_SECONDS = 604_800;
/** Bodies S3 clients send without a hash of the whole. */
const UNSIGNED_FORMS: ReadonlySet<string> = new Set([UNSIGNED_PAYLOAD, 'STREAMING-UNSIGNED-PAYLOAD-TRAILER']);

function refuse(code: string, message: string): Fault {
  return new Fault(code, message, { context: { status: 403 } });
}

/**
 * Reads `AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...`.
 *
 * @throws Fault IncompleteSignatureException
 */
export function parseAuthorization(header: string): Authorization {
  const incomplete = (what: string) => refuse('IncompleteSignatureException', `Authorization header ${what}`);
  if (!header.startsWith(`${ALGORITHM} `)) throw incomplete(`requires the algorithm ${ALGORITHM}`);
  const parts = new Map<string, string>();
  for (const part of header.slice(ALGORITHM.length + 1).split(',')) {
    const equals = part.indexOf('=');
    const name = part.slice(0, Math.max(0, equals)).trim();
    // What was routed by the one must not be verified by the other.
    if (parts.has(name)) throw incomplete(`has '${name.slice(0, 64)}' twice`);
    if (name !== '') parts.set(name, part.slice(equals + 1).trim());
  }
  return authorization(parts.get('Credential'), parts.get('SignedHeaders'), parts.get('Signature'), incomplete);
}

function authorization(
  credential: string | undefined,
  headers: string | undefined,
  signature: string | undefined,
  incomplete: (what: string) => Fault,
): Authorization {
  if (credential === undefined) throw incomplete("requires 'Credential' parameter");
  if (headers === undefined) throw incomplete("requires 'SignedHeaders' parameter");
  if (signature === undefined) throw incomplete("requires 'Signature' parameter");
  // An access key id may hold slashes; the scope is the last four parts.
  const scope = credential.match(/^(.+)\/(\d{8})\/([\w-]+)\/([\w.-]+)\/aws4_request$/);
  if (scope === null) throw incomplete('has a Credential that is not {key}/{date}/{region}/{service}/aws4_request');
  if (!/^[0-9a-f]{64}$/.test(signature)) throw incomplete('has a Signature that is not 64 hex digits');
  const signedHeaders = headers.split(';');
  if (!signedHeaders.every((name) => /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name))) {
    throw incomplete('has SignedHeaders that are not lower-case header names');
  }
  const [, accessKeyId = '', date = '', region = '', service = ''] = scope;
  return { accessKeyId, date, region, service, signedHeaders, signature };
}

function shown(text: string): string {
  return text.length <= 128 ? text : `${text.slice(0, 128)}...`;
}

/** The service a request is signed for, from its header or pre-signed query; undefined when it says none. Never throws. */
export function signedService(authorizationHeader: string | undefined, query: string): string | undefined {
  const credential =
    authorizationHeader === undefined
      ? parseQuery(query)?.get('X-Amz-Credential')?.[0]
      : authorizationHeader.match(/[\s,]Credential=([^,\s]+)/)?.[1];
  return credential?.match(/\/\d{8}\/[\w-]+\/([\w.-]+)\/aws4_request$/)?.[1];
}

interface Claim {
  readonly authorization: Authorization;
  readonly presigned: boolean;
  /** Epoch ms of the signature. */
  readonly time: number;
  /** How long a pre-signed URL says it is good for. */
  readonly expiresMs: number | undefined;
  readonly sessionToken: string | undefined;
  readonly declaredHash: string | undefined;
}

/**
 * Checks the SigV4 signature of a request, in a header or in the query. `now` is epoch milliseconds. The clock may
 * differ by 5 minutes, 15 for S3.
 *
 * @throws Fault, context {status: 403}: MissingAuthenticationTokenException, IncompleteSignatureException,
 * UnrecognizedClientException, SignatureDoesNotMatch, InvalidSignatureException (a time out of range); for S3
 * AccessDenied, InvalidAccessKeyId, SignatureDoesNotMatch, RequestTimeTooSkewed, XAmzContentSHA256Mismatch (400).
 */
export async function verifySignature(
  request: VerifiableRequest,
  lookupSecret: LookupSecret,
  now: number,
  options: VerifyOptions,
): Promise<Verified> {
  return (await claimSignature(request, lookupSecret, now, options)).verify(request.body);
}

/**
 * The part of {@link verifySignature} that needs no body: a stranger is refused before a byte of it is read. Throws what
 * `verifySignature` does; `verify` of the claim the rest.
 */
export async function claimSignature(
  request: SignedParts,
  lookupSecret: LookupSecret,
  now: number,
  options: VerifyOptions,
): Promise<SignatureClaim> {
  const claim = readClaim(request, options.s3 === true);
  const { authorization: claimed, sessionToken } = claim;
  const { accessKeyId, date, region, service, signature } = claimed;
  const s3 = service === 's3';
  checkTime(claim, now, s3);
  checkHeaders(request, claim, s3);
  const secret = await lookupSecret(accessKeyId, sessionToken);
  if (secret === undefined) {
    throw s3
      ? refuse(
          'InvalidAccessKeyId',
          `The AWS Access Key Id you provided does not exist in our records: ${shown(accessKeyId)}`,
        )
      : refuse(
          'UnrecognizedClientException',
          `The security token included in the request is invalid: there is no access key ${shown(accessKeyId)} here.`,
        );
  }
  return {
    accessKeyId,
    verify(body) {
      const payloadHash = checkPayload(body, claim, s3);
      const scope = { date, region, service };
      const key = options.keys.of(secret, scope);
      const time = amzTime(claim.time);
      const expected = signatureOf(request, claimed.signedHeaders, payloadHash, time, scope, key);
      if (expected === undefined || !equalHex(expected, signature)) {
        throw refuse(
          'SignatureDoesNotMatch',
          'The request signature we calculated does not match the signature you provided. ' +
            'Check your AWS Secret Access Key and signing method.',
        );
      }
      const chunks = createChunkSignatures(payloadHash, { seed: signature, time, scope, key });
      return { accessKeyId, ...scope, sessionToken, presigned: claim.presigned, payloadHash, chunks };
    },
  };
}

function header(request: SignedParts, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

function readClaim(request: SignedParts, s3: boolean): Claim {
  const text = header(request, 'authorization');
  if (text !== undefined) {
    return {
      authorization: parseAuthorization(text),
      presigned: false,
      time: headerTime(request),
      expiresMs: undefined,
      sessionToken: header(request, 'x-amz-security-token'),
      declaredHash: header(request, 'x-amz-content-sha256'),
    };
  }
  const query = parseQuery(request.query) ?? new Map<string, readonly string[]>();
  const parameter = (name: string) => query.get(name)?.[0];
  if (parameter('X-Amz-Algorithm') === undefined && parameter('X-Amz-Credential') === undefined) {
    throw s3
      ? refuse('AccessDenied', 'Access Denied')
      : refuse('MissingAuthenticationTokenException', 'Missing Authentication Token: the request is not signed.');
  }
  const incomplete = (what: string) =>
    refuse(s3 ? 'AuthorizationQueryParametersError' : 'IncompleteSignatureException', `The signed query ${what}`);
  if (parameter('X-Amz-Algorithm') !== ALGORITHM) throw incomplete(`requires the algorithm ${ALGORITHM}`);
  const time = parseAmzTime(parameter('X-Amz-Date') ?? '');
  if (time === undefined) throw incomplete("requires 'X-Amz-Date' as yyyymmddThhmmssZ");
  const expires = parameter('X-Amz-Expires') ?? '';
  const seconds = /^\d{1,6}$/.test(expires) ? Number(expires) : 0;
  if (seconds < 1 || seconds > MAX_EXPIRES_SECONDS) throw incomplete('requires X-Amz-Expires from 1 to 604800');
  return {
    authorization: authorization(
      parameter('X-Amz-Credential'),
      parameter('X-Amz-SignedHeaders'),
      parameter('X-Amz-Signature'),
      incomplete,
    ),
    presigned: true,
    time,
    expiresMs: seconds * 1000,
    sessionToken: parameter('X-Amz-Security-Token'),
    declaredHash: parameter('X-Amz-Content-Sha256') ?? header(request, 'x-amz-content-sha256'),
  };
}

function headerTime(request: SignedParts): number {
  const amz = header(request, 'x-amz-date');
  const ms = amz === undefined ? Date.parse(header(request, 'date') ?? '') : parseAmzTime(amz);
  if (ms === undefined || Number.isNaN(ms)) {
    throw refuse('IncompleteSignatureException', "Authorization header requires existence of 'X-Amz-Date' or 'Date'");
  }
  return ms;
}

function checkTime(claim: Claim, now: number, s3: boolean): void {
  const skew = s3 ? 15 * MINUTE : 5 * MINUTE;
  const signed = amzTime(claim.time);
  if (claim.authorization.date !== signed.slice(0, 8)) {
    const scope = scopeText(claim.authorization);
    throw refuse('SignatureDoesNotMatch', `The date of the credential scope ${scope} is not that of ${signed}`);
  }
  const end = claim.time + (claim.expiresMs ?? skew);
  if (now > end) {
    if (s3 && claim.presigned) throw refuse('AccessDenied', `Request has expired: ${amzTime(end)} is past`);
    if (s3) throw tooSkewed(signed, now);
    const text = claim.presigned ? amzTime(end) : `${signed} is now earlier than ${amzTime(now - skew)}`;
    throw refuse('InvalidSignatureException', `Signature expired: ${text} (${amzTime(now)} - ${skew / MINUTE} min.)`);
  }
  if (claim.time > now + skew) {
    if (s3 && claim.presigned) throw refuse('AccessDenied', 'Request is not valid yet');
    if (s3) throw tooSkewed(signed, now);
    const text = `${signed} is still later than ${amzTime(now + skew)} (${amzTime(now)} + ${skew / MINUTE} min.)`;
    throw refuse('InvalidSignatureException', `Signature not yet current: ${text}`);
  }
}

function tooSkewed(signed: string, now: number): Fault {
  const text = `The difference between the request time ${signed} and the current time ${amzTime(now)} is too large.`;
  return refuse('RequestTimeTooSkewed', text);
}

/** `host` ties a request to its server. S3 also wants every x-amz- header signed, so that none can be added. */
function checkHeaders(request: SignedParts, claim: Claim, s3: boolean): void {
  const signed = new Set(claim.authorization.signedHeaders);
  if (!signed.has('host')) throw refuse('SignatureDoesNotMatch', "'Host' must be a signed header");
  if (!s3) return;
  const loose = Object.keys(request.headers).filter((name) => name.startsWith('x-amz-') && !signed.has(name));
  if (loose.length > 0) {
    throw refuse(
      'AccessDenied',
      `There were headers present in the request which were not signed: ${loose.join(', ')}`,
    );
  }
}

/** The payload hash the signature covers, compared with the body where both are there. */
function checkPayload(body: Uint8Array | undefined, claim: Claim, s3: boolean): string {
  const declared = claim.declaredHash;
  if (s3) {
    if (declared === undefined && claim.presigned) return UNSIGNED_PAYLOAD;
    if (declared !== undefined && UNSIGNED_FORMS.has(declared)) return declared;
    if (declared !== undefined && hasSignedChunks(declared)) return declared;
    if (declared?.startsWith('STREAMING-') === true) {
      throw new Fault('NotImplemented', `x-amz-content-sha256 ${declared} is not supported`, {
        context: { status: 501 },
      });
    }
  }
  // Only S3 bodies are streamed; elsewhere a body that was not read would be a body that was not checked.
  if (s3 && body === undefined) return declared ?? sha256Hex('');
  const actual = sha256Hex(body ?? '');
  if (declared === undefined || declared === actual) return actual;
  const text = 'The provided x-amz-content-sha256 header does not match what was computed.';
  if (s3) throw new Fault('XAmzContentSHA256Mismatch', text, { context: { status: 400 } });
  throw refuse('SignatureDoesNotMatch', text);
}
