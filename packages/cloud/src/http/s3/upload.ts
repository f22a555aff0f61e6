import { createHash } from 'node:crypto';
import { Fault } from '@greensward/kit';
import type { ChunkSignatures } from '@greensward/protocol/sigv4';
import { type Arrival, headerOf } from '../exchange.ts';
import { type Digest, digestOf, hashDigest } from './checksums.ts';
import { decodeChunks, type Trailers } from './chunked.ts';

/** What is compared when the last byte has come. `declared` may itself be in a trailer. */
interface Check {
  readonly digest: Digest;
  readonly fault: string;
  readonly name: string;
  declared(): string | undefined;
}

/**
 * The bytes of a PutObject, free of their framing. The stream fails, and so stores nothing, when it is shorter than it
 * said or when a digest does not match: x-amz-content-sha256, Content-MD5, x-amz-checksum-* in a header or a trailer. The
 * same holds for the signature of a chunk.
 */
export function uploadOf(
  arrival: Arrival,
  payloadHash: string,
  signatures: ChunkSignatures | undefined,
): AsyncIterable<Uint8Array> {
  const { headers } = arrival;
  const trailers: Trailers = new Map();
  const chunked = payloadHash.startsWith('STREAMING-');
  const expected = lengthOf(headerOf(headers, chunked ? 'x-amz-decoded-content-length' : 'content-length'));
  const source = chunked ? decodeChunks(arrival.body, expected, trailers, signatures) : arrival.body;
  return checked(source, expected, payloadHash, checksOf(arrival, trailers));
}

function lengthOf(text: string | undefined): number {
  if (text === undefined || !/^\d{1,15}$/.test(text)) {
    throw new Fault('MissingContentLength', 'You must provide the Content-Length HTTP header.');
  }
  return Number(text);
}

function checksOf({ headers }: Arrival, trailers: Trailers): Check[] {
  const checks: Check[] = [];
  const md5 = headerOf(headers, 'content-md5');
  if (md5 !== undefined) {
    if (!/^[A-Za-z0-9+/]{22}==$/.test(md5))
      throw new Fault('InvalidDigest', 'The Content-MD5 you specified is not valid.');
    checks.push({ digest: hashDigest('md5'), fault: 'BadDigest', name: 'Content-MD5', declared: () => md5 });
  }
  const inTrailer = (headerOf(headers, 'x-amz-trailer') ?? '').split(',').map((name) => name.trim().toLowerCase());
  for (const name of new Set([...Object.keys(headers), ...inTrailer])) {
    const algorithm = name.match(/^x-amz-checksum-(crc32|crc32c|crc64nvme|sha1|sha256)$/)?.[1];
    const digest = algorithm === undefined ? undefined : digestOf(algorithm);
    if (digest === undefined) continue;
    checks.push({ digest, fault: 'BadDigest', name, declared: () => headerOf(headers, name) ?? trailers.get(name) });
  }
  return checks;
}

async function* checked(
  source: AsyncIterable<Uint8Array>,
  expected: number,
  payloadHash: string,
  checks: readonly Check[],
): AsyncGenerator<Uint8Array> {
  const sha256 = /^[0-9a-f]{64}$/.test(payloadHash) ? createHash('sha256') : undefined;
  let size = 0;
  for await (const bytes of source) {
    size += bytes.byteLength;
    sha256?.update(bytes);
    for (const { digest } of checks) digest.update(bytes);
    yield bytes;
  }
  if (size !== expected) throw new Fault('IncompleteBody', `The request body has ${size} bytes and not ${expected}`);
  if (sha256 !== undefined && sha256.digest('hex') !== payloadHash) {
    const message = 'The provided x-amz-content-sha256 header does not match what was computed.';
    throw new Fault('XAmzContentSHA256Mismatch', message);
  }
  for (const { digest, declared, fault, name } of checks) {
    if (digest.base64() !== declared())
      throw new Fault(fault, `The ${name} you specified did not match what we received.`);
  }
}
