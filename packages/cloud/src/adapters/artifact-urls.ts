import { createHmac, timingSafeEqual } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { Clock } from '@greensward/kit';
import type { ArtifactUrls } from '../ports/artifact-urls.ts';

/** Long, because a device with much to download or a weak link gets to a URL late. */
const validSeconds = 12 * 3600;

/**
 * URLs of the form `https://host:port/artifacts/<sha256>/<fileName>?expires=<epoch s>&signature=<hex>`, signed with
 * HMAC-SHA256; `verify` takes the path as it was sent, still encoded. `names` are the names that the service is known by, the first for callers that used another. `secret` has
 * 32 random bytes and stays the same over restarts.
 */
export function createArtifactUrls(options: {
  readonly secret: string | Uint8Array;
  readonly names: readonly string[];
  readonly port: number;
  readonly clock: Clock;
}): ArtifactUrls {
  const { secret, names, port, clock } = options;
  const signature = (sha256: string, fileName: string, expires: string) =>
    createHmac('sha256', secret).update(`${sha256}\n${expires}\n${fileName}`).digest();

  return {
    sign({ sha256, fileName }, host) {
      const name = names.find((each) => each.toLowerCase() === host.toLowerCase()) ?? names[0] ?? 'localhost';
      const expires = String(Math.floor(clock.now() / 1000) + validSeconds);
      const query = new URLSearchParams({ expires, signature: signature(sha256, fileName, expires).toString('hex') });
      const authority = `${isIPv6(name) ? `[${name}]` : name}:${port}`;
      return `https://${authority}/artifacts/${sha256}/${encodeURIComponent(fileName)}?${query}`;
    },

    verify(path, query) {
      const match = /^\/artifacts\/([0-9a-f]{64})\/([^/]+)$/.exec(path);
      const [, sha256, encodedName] = match ?? [];
      const expires = query.get('expires') ?? '';
      const given = query.get('signature') ?? '';
      if (!sha256 || !encodedName || !/^\d{1,12}$/.test(expires) || !/^[0-9a-f]{64}$/.test(given)) return undefined;
      const fileName = decode(encodedName);
      if (fileName === undefined) return undefined;
      if (!timingSafeEqual(signature(sha256, fileName, expires), Buffer.from(given, 'hex'))) return undefined;
      return Number(expires) * 1000 > clock.now() ? { sha256, fileName } : undefined;
    },
  };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
