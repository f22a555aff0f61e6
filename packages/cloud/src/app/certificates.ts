import { Fault } from '@greensward/kit';
import { iotAlreadyExists, iotNotFound } from '../domain/faults.ts';
import type { CaCertificate, Certificate } from '../domain/registry/registry.ts';
import type { Tx } from '../ports/storage.ts';
import type { CertificateUseCases } from './app.ts';
import { createArns } from './arns.ts';
import type { AppDeps } from './context.ts';
import { invalidCertificate, type ParsedCertificate, parseCertificate } from './x509.ts';

/** Client certificates, issued by our own authority or registered, known by the SHA-256 of their DER form. */
export function createCertificates(deps: AppDeps): CertificateUseCases {
  const { storage, authority, clock, bus, account } = deps;
  const arns = createArns(account);

  async function insert(tx: Tx, certificate: Pick<Certificate, 'id' | 'pem' | 'caId' | 'mode'>, active: boolean) {
    const now = clock.now();
    const record: Certificate = {
      ...certificate,
      status: active ? 'ACTIVE' : 'INACTIVE',
      createdAt: now,
      updatedAt: now,
    };
    await tx.certificates.insert(record);
    return record;
  }

  /** A certificate to be registered, when it can serve and is not here yet. */
  async function newcomer(tx: Tx, certificate: ParsedCertificate): Promise<void> {
    if (clock.now() > certificate.notAfter) throw invalidCertificate('certificatePem: the certificate has expired.');
    if ((await tx.certificates.get(certificate.id)) !== undefined) {
      throw iotAlreadyExists('Certificate', certificate.id, arns.certificate(certificate.id));
    }
  }

  /** The ACTIVE registered CA that issued a certificate. Names prove nothing, so each candidate's signature is checked. */
  async function issuerOf(tx: Tx, certificate: ParsedCertificate, caPem: string | undefined): Promise<CaCertificate> {
    const named = caPem === undefined ? undefined : parseCertificate(caPem, 'caCertificatePem').id;
    const candidates = await tx.caCertificates.withSubject(certificate.issuer);
    const issuers = candidates.filter(({ pem }) => certificate.issuedBy(parseCertificate(pem, 'CA certificate')));
    const issuer = issuers.find(({ id, status }) => status === 'ACTIVE' && (named === undefined || id === named));
    if (issuer !== undefined) return issuer;
    throw invalidCertificate(
      'certificatePem: no registered and ACTIVE CA certificate has issued this certificate; RegisterCertificateWithoutCA takes it without one.',
    );
  }

  return {
    async createKeys(active) {
      const issued = await authority.issueClient();
      const { certificateId: id, certificatePem: pem } = issued;
      await storage.write((tx) => insert(tx, { id, pem }, active));
      return issued;
    },

    async createFromRequest(requestPem, active) {
      const { certificateId: id, certificatePem: pem } = await authority.issueForCsr(requestPem);
      return storage.write((tx) => insert(tx, { id, pem }, active));
    },

    async register({ pem, caPem, active }) {
      const certificate = parseCertificate(pem, 'certificatePem');
      return storage.write(async (tx) => {
        await newcomer(tx, certificate);
        const { id: caId, mode } = await issuerOf(tx, certificate, caPem);
        const sniOnly = mode === 'SNI_ONLY' ? { mode } : {};
        return insert(tx, { id: certificate.id, pem: certificate.pem, caId, ...sniOnly }, active);
      });
    },

    async registerWithoutCa({ pem, active }) {
      const certificate = parseCertificate(pem, 'certificatePem');
      return storage.write(async (tx) => {
        await newcomer(tx, certificate);
        return insert(tx, { id: certificate.id, pem: certificate.pem, mode: 'SNI_ONLY' }, active);
      });
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
        await tx.policies.detachAll(arns.certificate(id));
        await tx.certificates.delete(id);
      });
      bus.publish({ kind: 'certificate-changed', certificateId: id });
    },

    list: (page, filter) => storage.read((tx) => tx.certificates.list(page, filter)),
  };
}

async function requireCertificate(tx: Tx, id: string): Promise<Certificate> {
  const certificate = await tx.certificates.get(id);
  if (certificate === undefined) throw iotNotFound('Certificate', id);
  return certificate;
}
