import { createHash } from 'node:crypto';
import type { AccessUseCases } from './app.ts';
import type { AppDeps } from './context.ts';

/** Who calls: the secret behind an access key, the things behind a client certificate. */
export function createAccess({ storage }: Pick<AppDeps, 'storage'>): AccessUseCases {
  return {
    secret: (accessKeyId) => storage.read(async (tx) => (await tx.accessKeys.get(accessKeyId))?.secret),

    device: (certificateDer) =>
      storage.read(async (tx) => {
        const certificateId = createHash('sha256').update(certificateDer).digest('hex');
        const certificate = await tx.certificates.get(certificateId);
        if (certificate?.status !== 'ACTIVE') return undefined;
        return { certificateId, things: await tx.things.ofCertificate(certificateId) };
      }),
  };
}
