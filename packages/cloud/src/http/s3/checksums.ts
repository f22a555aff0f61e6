import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Takes bytes, gives a digest. */
export interface Digest {
  update(bytes: Uint8Array): void;
  /** Base64, as the headers of S3 carry it. */
  base64(): string;
}

/** The checksum algorithms of S3, by the last part of `x-amz-checksum-...`. */
export function digestOf(algorithm: string): Digest | undefined {
  switch (algorithm) {
    case 'crc32':
      return crc32Digest();
    case 'crc32c':
      return crc32cDigest();
    case 'crc64nvme':
      return crc64NvmeDigest();
    case 'sha1':
    case 'sha256':
      return hashDigest(algorithm);
    default:
      return undefined;
  }
}

/** MD5 (Content-MD5) or one of the SHA family. */
export function hashDigest(algorithm: 'md5' | 'sha1' | 'sha256'): Digest {
  const hash = createHash(algorithm);
  return { update: (bytes) => void hash.update(bytes), base64: () => hash.digest('base64') };
}

function crc32Digest(): Digest {
  let value = 0;
  return {
    update: (bytes) => {
      value = crc32(bytes, value);
    },
    base64: () => words(value),
  };
}

/** CRC-32C (Castagnoli), reflected polynomial 0x82F63B78. */
function crc32cDigest(): Digest {
  const table = Uint32Array.from({ length: 256 }, (_, index) => {
    let entry = index;
    for (let bit = 0; bit < 8; bit++) entry = entry & 1 ? (entry >>> 1) ^ 0x82f63b78 : entry >>> 1;
    return entry;
  });
  let value = 0xffffffff;
  return {
    update: (bytes) => {
      for (const byte of bytes) value = (value >>> 8) ^ (table[(value ^ byte) & 0xff] ?? 0);
    },
    base64: () => words(~value),
  };
}

/** CRC-64/NVME, reflected polynomial 0x9A6C9329AC4BC9B5, in two halves: a BigInt a byte would be 50 times slower. */
function crc64NvmeDigest(): Digest {
  const highs = new Uint32Array(256);
  const lows = new Uint32Array(256);
  for (let index = 0; index < 256; index++) {
    let high = 0;
    let low = index;
    for (let bit = 0; bit < 8; bit++) {
      const odd = low & 1;
      low = (low >>> 1) | (high << 31);
      high >>>= 1;
      if (odd) {
        high ^= 0x9a6c9329;
        low ^= 0xac4bc9b5;
      }
    }
    highs[index] = high;
    lows[index] = low;
  }
  let high = 0xffffffff;
  let low = 0xffffffff;
  return {
    update: (bytes) => {
      for (const byte of bytes) {
        const index = (low ^ byte) & 0xff;
        low = ((low >>> 8) | (high << 24)) ^ (lows[index] ?? 0);
        high = (high >>> 8) ^ (highs[index] ?? 0);
      }
    },
    base64: () => words(~high, ~low),
  };
}

function words(...values: readonly number[]): string {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, index * 4);
  return bytes.toString('base64');
}
