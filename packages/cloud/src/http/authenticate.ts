import { Fault } from '@greensward/kit';
import { createSigningKeys, verifySignature } from '@greensward/protocol/sigv4';
import type { AccessUseCases } from '../app/app.ts';
import type { Arrival, Caller, Route } from './exchange.ts';

/** Who calls, and what the signature says of the payload. */
interface Authenticated {
  readonly caller: Caller;
  readonly payloadHash: string;
}

/** Finds out who sent a request, in the way its route asks for. */
export type Authenticate = (arrival: Arrival, route: Route, body: Uint8Array, now: number) => Promise<Authenticated>;

/** Keeps derived signing keys between requests. */
export function createAuthenticator(access: AccessUseCases): Authenticate {
  const keys = createSigningKeys();
  const lookup = (accessKeyId: string) => access.secret(accessKeyId);
  return async (arrival, route, body, now) => {
    switch (route.access) {
      case 'open':
        return { caller: { kind: 'anonymous' }, payloadHash: 'UNSIGNED-PAYLOAD' };
      case 'device':
        return { caller: await deviceOf(arrival, access), payloadHash: 'UNSIGNED-PAYLOAD' };
      case 'signed': {
        const { method, path, query, headers } = arrival;
        const request = { method, path, query, headers, ...(route.body === 'whole' ? { body } : {}) };
        const verified = await verifySignature(request, lookup, now, { keys, s3: route.service === 's3' });
        return { caller: { kind: 'user', accessKeyId: verified.accessKeyId }, payloadHash: verified.payloadHash };
      }
    }
  };
}

/** A certificate of another authority counts as none; one that is not registered and ACTIVE is refused alike. */
async function deviceOf(arrival: Arrival, access: AccessUseCases): Promise<Caller> {
  if (arrival.certificate === undefined) {
    throw new Fault('AccessDeniedException', 'This request needs a client certificate of this service');
  }
  const device = await access.device(arrival.certificate);
  if (device === undefined) {
    throw new Fault('AccessDeniedException', 'The client certificate is not registered, or is not active');
  }
  return { kind: 'device', ...device };
}
