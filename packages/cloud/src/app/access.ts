import { createHash } from 'node:crypto';
import { Fault } from '@greensward/kit';
import type { Tx } from '../ports/storage.ts';
import type { AccessUseCases, Claimant } from './app.ts';
import { createArns } from './arns.ts';
import type { AppDeps } from './context.ts';

/** Who calls: the secret behind an access key, the things behind a client certificate. */
export function createAccess(deps: Pick<AppDeps, 'storage' | 'sessions' | 'clock' | 'account'>): AccessUseCases {
  const { storage, sessions, clock } = deps;
  const arns = createArns(deps.account);
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
        const things = await tx.things.ofCertificate(certificateId);
        const claim = things.length === 0 ? await claimOf(tx, certificateId) : undefined;
        if (claim?.expiresAt !== undefined && claim.expiresAt <= clock.now()) return undefined;
        return { certificateId, things, ...(claim === undefined ? {} : { claim }) };
      }),

    isThing: (name) => storage.read(async (tx) => (await tx.things.get(name)) !== undefined),
  };

  /** A certificate of no thing provisions where it was made for that, or where an operator gave it a policy. */
  async function claimOf(tx: Tx, certificateId: string): Promise<Claimant | undefined> {
    const claim = await tx.provisioning.claim(certificateId);
    if (claim !== undefined) return claim;
    return (await tx.policies.attachedTo(arns.certificate(certificateId))).length > 0 ? { certificateId } : undefined;
  }
}
