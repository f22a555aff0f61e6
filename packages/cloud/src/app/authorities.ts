import { createHash } from 'node:crypto';
import { Fault } from '@greensward/kit';
import { iotAlreadyExists, iotInvalid, iotNotFound } from '../domain/faults.ts';
import type { CaCertificate } from '../domain/registry/registry.ts';
import type { Tx } from '../ports/storage.ts';
import type { AuthorityUseCases } from './app.ts';
import { createArns } from './arns.ts';
import type { AppDeps } from './context.ts';
import { invalidCertificate, type ParsedCertificate, parseCertificate } from './x509.ts';

/** Registered certificate authorities. They only say which certificates may be registered: connections never chain to them. */
export function createAuthorities(deps: AppDeps): AuthorityUseCases {
  const { storage, authority, clock, account } = deps;
  const arns = createArns(account);
  // It need not be secret: it binds a verification certificate to this service, which our own root names.
  const code = createHash('sha256')
    .update(`registration code of ${account.accountId}\n${authority.rootPem}`)
    .digest('hex');

  /** IoT: the holder of the CA's key shows it by signing a certificate with the registration code as its common name. */
  function verify(ca: ParsedCertificate, verificationPem: string | undefined): void {
    if (verificationPem === undefined)
      throw iotInvalid('verificationCertificate: is required for a CA of mode DEFAULT.');
    const verification = parseCertificate(verificationPem, 'verificationCertificate');
    if (verification.commonName !== code) {
      throw new Fault(
        'RegistrationCodeValidationException',
        'The common name of the verification certificate is not the registration code of this service.',
      );
    }
    if (!verification.issuedBy(ca)) {
      throw invalidCertificate('verificationCertificate: is not signed by the CA certificate.');
    }
  }

  return {
    registrationCode: () => code,

    async register({ pem, verificationPem, mode, active }) {
      const ca = parseCertificate(pem, 'caCertificate');
      const now = clock.now();
      if (!ca.isAuthority) throw invalidCertificate('caCertificate: is not the certificate of an authority.');
      if (now > ca.notAfter) throw invalidCertificate('caCertificate: has expired.');
      if (mode === 'DEFAULT') verify(ca, verificationPem);
      else if (verificationPem !== undefined) {
        throw iotInvalid('verificationCertificate: is not taken for a CA of mode SNI_ONLY.');
      }
      const record: CaCertificate = {
        id: ca.id,
        pem: ca.pem,
        subject: ca.subject,
        status: active ? 'ACTIVE' : 'INACTIVE',
        mode,
        createdAt: now,
        updatedAt: now,
      };
      await storage.write(async (tx) => {
        if ((await tx.caCertificates.get(ca.id)) !== undefined) {
          throw iotAlreadyExists('CA certificate', ca.id, arns.caCertificate(ca.id));
        }
        await tx.caCertificates.insert(record);
      });
      return record;
    },

    describe: (id) => storage.read((tx) => requireCa(tx, id)),

    setStatus: (id, status) =>
      storage.write(async (tx) => {
        const ca = await requireCa(tx, id);
        if (ca.status !== status) await tx.caCertificates.update({ ...ca, status, updatedAt: clock.now() });
      }),

    delete: (id) =>
      storage.write(async (tx) => {
        const ca = await requireCa(tx, id);
        if (ca.status === 'ACTIVE') {
          const message = `CA certificate must be deactivated (not ACTIVE) before deletion. ID = ${id}`;
          throw new Fault('CertificateStateException', message);
        }
        await tx.caCertificates.delete(id);
      }),

    list: (page) => storage.read((tx) => tx.caCertificates.list(page)),
  };
}

async function requireCa(tx: Tx, id: string): Promise<CaCertificate> {
  const ca = await tx.caCertificates.get(id);
  if (ca === undefined) throw iotNotFound('CA certificate', id);
  return ca;
}
