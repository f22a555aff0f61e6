import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Ids, isJsonObject } from '@greensward/kit';
import type { Session, SessionCredentialsPort } from '../ports/session-credentials.ts';

/** What AWS begins the access key ids of temporary credentials with. */
const prefix = 'ASIA';

/** Longer is no token of ours. */
const maxToken = 2048;

/**
 * Credentials derived from their token by HMAC-SHA256: the token is the session as JSON, base64url, with its MAC; id and
 * secret are further MACs of the same text under labels of their own. `secret` has 32 random bytes and stays the same over
 * restarts.
 */
export function createSessionCredentials({
  secret,
  ids,
}: {
  readonly secret: Uint8Array;
  readonly ids: Pick<Ids, 'random'>;
}): SessionCredentialsPort {
  const mac = (label: string, text: string) =>
    createHmac('sha256', secret).update(`session-${label}\n${text}`).digest();
  const keyId = (text: string) => `${prefix}${base32(mac('id', text)).slice(0, 16)}`;
  const secretKey = (text: string) => mac('secret', text).subarray(0, 30).toString('base64');

  return {
    issue(session) {
      const { roleArn, certificateId, thing, expiresAt } = session;
      const nonce = Buffer.from(ids.random(9)).toString('base64url');
      const text = Buffer.from(JSON.stringify({ roleArn, certificateId, thing, expiresAt, nonce })).toString(
        'base64url',
      );
      return {
        accessKeyId: keyId(text),
        secretAccessKey: secretKey(text),
        sessionToken: `${text}.${mac('token', text).toString('base64url')}`,
      };
    },

    open(accessKeyId, sessionToken) {
      if (sessionToken.length > maxToken) return undefined;
      const [, text, given] = /^([\w-]+)\.([\w-]{43})$/.exec(sessionToken) ?? [];
      if (text === undefined || given === undefined) return undefined;
      if (!timingSafeEqual(mac('token', text), Buffer.from(given, 'base64url'))) return undefined;
      const session = sessionIn(text);
      return session !== undefined && accessKeyId === keyId(text) ? { session, secret: secretKey(text) } : undefined;
    },
  };
}

/** The MAC holds, so it is what `issue` wrote, by this version or another. */
function sessionIn(text: string): Session | undefined {
  const parsed: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  if (!isJsonObject(parsed)) return undefined;
  const { roleArn, certificateId, thing, expiresAt } = parsed;
  if (typeof roleArn !== 'string' || typeof certificateId !== 'string' || typeof expiresAt !== 'number')
    return undefined;
  return { roleArn, certificateId, expiresAt, ...(typeof thing === 'string' ? { thing } : {}) };
}

function base32(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[byte % 32]).join('');
}
