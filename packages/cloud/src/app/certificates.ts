import { Fault } from '@greensward/kit';
import { iotNotFound } from '../domain/faults.ts';
import type { Certificate } from '../domain/registry/registry.ts';
import type { Tx } from '../ports/storage.ts';
import type { CertificateUseCases } from './app.ts';
import { createArns } from './arns.ts';
import type { AppDeps } from './context.ts';

/** Client certificates: issued by our own authority, known by the SHA-256 of their DER form. */
export function createCertificates(deps: AppDeps): CertificateUseCases {
  const { storage, authority, clock, bus, account } = deps;
  const arns = createArns(account);

  return {
    async createKeys(active) {
      const issued = await authority.issueClient();
      const now = clock.now();
      await storage.write((tx) =>
        tx.certificates.insert({
          id: issued.certificateId,
          pem: issued.certificatePem,
          status: active ? 'ACTIVE' : 'INACTIVE',
          createdAt: now,
          updatedAt: now,
        }),
      );
      return issued;
    },

    describe: (id) => storage.read((tx) => requireCertificate(tx, id)),

    async setStatus(id, status) {
      await storage.write(async (tx) => {
        const certificate = await requireCertificate(tx, id);
        if (certificate.status !== status)
          await tx.certificates.update({ ...certificate, status, updatedAt: clock.now() });
      });
      if (status !== 'ACTIVE') bus.publish({ kind: 'certificate-changed', certificateId: id });
    },

    async delete(id, force) {
      await storage.write(async (tx) => {
        const certificate = await requireCertificate(tx, id);
        if (certificate.status === 'ACTIVE') {
          throw new Fault(
            'CertificateStateException',
            `Certificate must be deactivated (not ACTIVE) before deletion. ID = ${id}`,
          );
        }
        if ((await tx.things.ofCertificate(id)).length > 0) {
          throw new Fault(
            'DeleteConflictException',
            `Things must be detached before deletion (arn: ${arns.certificate(id)})`,
          );
        }
        const policies = await tx.policies.attachedTo(arns.certificate(id));
        if (policies.length > 0 && !force) {
          throw new Fault(
            'DeleteConflictException',
            `Certificate policies must be detached before deletion (arn: ${arns.certificate(id)})`,
          );
        }
        for (const policy of policies) await tx.policies.detach(policy.name, arns.certificate(id));
        await tx.certificates.delete(id);
      });
      bus.publish({ kind: 'certificate-changed', certificateId: id });
    },

    list: (page) => storage.read((tx) => tx.certificates.list(page)),
  };
}

async function requireCertificate(tx: Tx, id: string): Promise<Certificate> {
  const certificate = await tx.certificates.get(id);
  if (certificate === undefined) throw iotNotFound('Certificate', id);
  return certificate;
}
