import { createHash } from 'node:crypto';
import { Fault } from '@greensward/kit';
import { type ChunkSignatures, claimSignature, createSigningKeys } from '@greensward/protocol/sigv4';
import type { AccessUseCases } from '../app/app.ts';
import type { Session } from '../ports/session-credentials.ts';
import type { Arrival, Caller, Route } from './exchange.ts';

/** Who calls, and what the signature says of the payload. */
interface Authenticated {
  readonly caller: Caller;
  readonly payloadHash: string;
  readonly chunks: ChunkSignatures | undefined;
}

/**
 * Finds out who sent a request, in the way its route asks for. What can be refused without the body is refused at once, so
 * that strangers cannot make us hold theirs; the function that it resolves to takes the body (empty when it is streamed).
 */
export type Authenticate = (
  arrival: Arrival,
  route: Route,
  now: number,
) => Promise<(body: Uint8Array) => Authenticated>;

/** Keeps derived signing keys between requests. */
export function createAuthenticator(access: AccessUseCases): Authenticate {
  const keys = createSigningKeys();
  return async (arrival, route, now) => {
    switch (route.access) {
      case 'open':
        return () => unsigned({ kind: 'anonymous' });
      case 'device': {
        const caller = await deviceOf(arrival, access);
        return () => unsigned(caller);
      }
      case 'signed': {
        const { method, path, query, headers } = arrival;
        const request = { method, path, query, headers };
        let session: Session | undefined;
        const lookup = (accessKeyId: string, sessionToken: string | undefined) => {
          if (sessionToken === undefined) return access.secret(accessKeyId);
          const found = access.session(accessKeyId, sessionToken);
          session = found?.session;
          return found?.secret;
        };
        const claim = await claimSignature(request, lookup, now, { keys, s3: route.service === 's3' });
        return (body) => {
          const { payloadHash, chunks } = claim.verify(route.body === 'whole' ? body : undefined);
          const { accessKeyId } = claim;
          const caller: Caller =
            session === undefined ? { kind: 'user', accessKeyId } : { kind: 'session', accessKeyId, session };
          return { caller, payloadHash, chunks };
        };
      }
    }
  };
}

function unsigned(caller: Caller): Authenticated {
  return { caller, payloadHash: 'UNSIGNED-PAYLOAD', chunks: undefined };
}

/** Only a certificate that is registered and ACTIVE is somebody. */
async function deviceOf(arrival: Arrival, access: AccessUseCases): Promise<Caller> {
  if (arrival.certificate === undefined) {
    throw new Fault('AccessDeniedException', 'This request needs a client certificate');
  }
  const device = await access.device(arrival.certificate);
  if (device === undefined) {
    const id = createHash('sha256').update(arrival.certificate).digest('hex');
    throw new Fault('AccessDeniedException', `The client certificate ${id} is not registered here, or is not ACTIVE`);
  }
  const { certificateId, things, request } = device;
  return { kind: 'device', certificateId, things, request };
}
