import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '@greensward/kit';
import type { OwnershipTokens } from '../ports/ownership-tokens.ts';

/** AWS IoT: an ownership token expires after one hour. */
const validMs = 3_600_000;
const idBytes = 32;
const timeBytes = 6;
const bytes = idBytes + timeBytes + 32;

/**
 * Tokens that nothing has to be remembered for: base64url of the certificate id, the expiry (epoch ms) and an HMAC-SHA256 over
 * both and the claim. `secret` has 32 random bytes and stays the same over restarts.
 */
export function createOwnershipTokens(options: {
  readonly secret: Uint8Array;
  readonly clock: Clock;
}): OwnershipTokens {
  const { secret, clock } = options;
  const seal = (signed: Uint8Array, claimId: string) =>
    createHmac('sha256', secret).update('certificate-ownership\n').update(signed).update(claimId).digest();

  return {
    issue(certificateId, claimId) {
      const signed = Buffer.alloc(idBytes + timeBytes);
      signed.write(certificateId, 'hex');
      signed.writeUIntBE(clock.now() + validMs, idBytes, timeBytes);
      return Buffer.concat([signed, seal(signed, claimId)]).toString('base64url');
    },

    certificateOf(token, claimId) {
      if (!/^[A-Za-z0-9_-]{1,128}$/.test(token)) return undefined;
      const given = Buffer.from(token, 'base64url');
      if (given.length !== bytes) return undefined;
      const signed = given.subarray(0, idBytes + timeBytes);
      if (!timingSafeEqual(seal(signed, claimId), given.subarray(idBytes + timeBytes))) return undefined;
      const expiresAt = signed.readUIntBE(idBytes, timeBytes);
      return expiresAt > clock.now() ? signed.toString('hex', 0, idBytes) : undefined;
    },
  };
}
