import { createHash } from 'node:crypto';
import { Fault } from '@greensward/kit';
import type { AccessUseCases } from './app.ts';
import type { AppDeps } from './context.ts';

/** Who calls: the secret behind an access key, the things behind a client certificate. */
export function createAccess({
  storage,
  sessions,
  clock,
}: Pick<AppDeps, 'storage' | 'sessions' | 'clock'>): AccessUseCases {
  return {
    secret: (accessKeyId) => storage.read(async (tx) => (await tx.accessKeys.get(accessKeyId))?.secret),

    session(accessKeyId, sessionToken) {
      const found = sessions.open(accessKeyId, sessionToken);
      if (found === undefined || found.session.expiresAt > clock.now()) return found;
      const message = `The security token included in the request is expired, since ${new Date(found.session.expiresAt).toISOString()}.`;
      throw new Fault('ExpiredTokenException', message);
    },

    device: (certificateDer) =>
      storage.read(async (tx) => {
        const certificateId = createHash('sha256').update(certificateDer).digest('hex');
        const certificate = await tx.certificates.get(certificateId);
        if (certificate?.status !== 'ACTIVE') return undefined;
        return { certificateId, things: await tx.things.ofCertificate(certificateId) };
      }),
  };
}
