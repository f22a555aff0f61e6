import { createHmac } from 'node:crypto';
import { ALGORITHM, equalHex, type Scope, scopeText, sha256Hex } from './canonical.ts';

/**
 * The signatures in an `aws-chunked` body: that of each chunk covers the one before it, that of the first the one of the
 * request, so that no chunk can be left out, moved or changed (S3: "Signature calculations for the Authorization header:
 * transferring payload in multiple chunks"). Calls go in the order of the body; after a false one it is over.
 */
export interface ChunkSignatures {
  /** True when a trailer with its own signature must follow the last chunk; else there may be no trailer. */
  readonly trailer: boolean;
  /** Whether `signature` is that of the next chunk, whose data has this hex SHA-256; the last chunk is the empty one. */
  acceptChunk(signature: string, sha256: string): boolean;
  /** Whether `signature` is that of the trailer: `name:value\n` for each header. */
  acceptTrailer(signature: string, headers: string): boolean;
}

/** What `x-amz-content-sha256` says of a body whose chunks are signed. */
const SIGNED_FORMS: ReadonlyMap<string, boolean> = new Map([
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', false],
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', true],
]);

/** True for a payload hash that announces signed chunks. */
export function hasSignedChunks(payloadHash: string): boolean {
  return SIGNED_FORMS.has(payloadHash);
}

/** The checker of one body. `seed` is the signature of the request, `time` its yyyymmddThhmmssZ, `key` its signing key. */
export function createChunkSignatures(
  payloadHash: string,
  signed: { readonly seed: string; readonly time: string; readonly scope: Scope; readonly key: Uint8Array },
): ChunkSignatures | undefined {
  const trailer = SIGNED_FORMS.get(payloadHash);
  if (trailer === undefined) return undefined;
  const { time, scope, key } = signed;
  let previous = signed.seed;
  const accept = (what: string, hashes: readonly string[], signature: string) => {
    const text = [`${ALGORITHM}-${what}`, time, scopeText(scope), previous, ...hashes].join('\n');
    previous = createHmac('sha256', key).update(text).digest('hex');
    return equalHex(previous, signature);
  };
  return {
    trailer,
    acceptChunk: (signature, sha256) => accept('PAYLOAD', [sha256Hex(''), sha256], signature),
    acceptTrailer: (signature, headers) => accept('TRAILER', [sha256Hex(headers)], signature),
  };
}
