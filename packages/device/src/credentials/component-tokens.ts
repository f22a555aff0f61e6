import { createHash, timingSafeEqual } from 'node:crypto';
import type { Ids } from '@greensward/kit';

/** The reference's alphabet: 32 signs, none of which looks like another. */
const alphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZ01234567';
const length = 16;

/** The secret of each component, by which it proves who it is: `SVCUID` and `AWS_CONTAINER_AUTHORIZATION_TOKEN`. Lives as long as the runtime. */
export interface ComponentTokens {
  /** Made at the first call for a component. */
  tokenOf(component: string): string;
  /** Whose token this is; takes equally long for every wrong one. */
  componentOf(token: string): string | undefined;
}

export function createComponentTokens(ids: Ids): ComponentTokens {
  const tokens = new Map<string, { readonly token: string; readonly digest: Uint8Array }>();
  return {
    tokenOf(component) {
      const known = tokens.get(component);
      if (known !== undefined) return known.token;
      const token = [...ids.random(length)].map((byte) => alphabet[byte % alphabet.length]).join('');
      tokens.set(component, { token, digest: digestOf(token) });
      return token;
    },
    componentOf(token) {
      const digest = digestOf(token);
      let found: string | undefined;
      // All are compared, found or not. Digests, for they have one length.
      for (const [component, known] of tokens) if (timingSafeEqual(known.digest, digest)) found = component;
      return found;
    },
  };
}

function digestOf(token: string): Uint8Array {
  return createHash('sha256').update(token).digest();
}
