import { X509Certificate } from 'node:crypto';
import { Fault } from '@greensward/kit';
import { certificateArn } from '@greensward/protocol/arn';
import type { iot } from '@greensward/protocol/iot';
import { scopeOf } from '../arns.ts';
import { pager } from '../page-token.ts';
import type { Handlers } from '../wire/rest-json.ts';

type CertificateHandlers = Pick<
  Handlers<typeof iot.operations>,
  'CreateKeysAndCertificate' | 'DescribeCertificate' | 'UpdateCertificate' | 'DeleteCertificate' | 'ListCertificates'
>;

export const certificateHandlers: CertificateHandlers = {
  async CreateKeysAndCertificate({ setAsActive = false }, { app, account }) {
    const issued = await app.certificates.createKeys(setAsActive);
    return {
      certificateArn: certificateArn(scopeOf(account), issued.certificateId),
      certificateId: issued.certificateId,
      certificatePem: issued.certificatePem,
      keyPair: { PublicKey: issued.publicKeyPem, PrivateKey: issued.privateKeyPem },
    };
  },

  async DescribeCertificate({ certificateId }, { app, account }) {
    const certificate = await app.certificates.describe(idOf(certificateId));
    const { validFrom, validTo } = new X509Certificate(certificate.pem);
    return {
      certificateDescription: {
        certificateArn: certificateArn(scopeOf(account), certificate.id),
        certificateId: certificate.id,
        status: certificate.status,
        certificatePem: certificate.pem,
        ownedBy: account.accountId,
        creationDate: certificate.createdAt,
        lastModifiedDate: certificate.updatedAt,
        customerVersion: 1,
        validity: { notBefore: Date.parse(validFrom), notAfter: Date.parse(validTo) },
        certificateMode: 'DEFAULT',
      },
    };
  },

  async UpdateCertificate({ certificateId, newStatus }, { app }) {
    if (newStatus !== 'ACTIVE' && newStatus !== 'INACTIVE' && newStatus !== 'REVOKED') {
      throw new Fault('InvalidRequestException', `newStatus: ${newStatus} is not one of ACTIVE, INACTIVE, REVOKED`);
    }
    await app.certificates.setStatus(idOf(certificateId), newStatus);
    return undefined;
  },

  async DeleteCertificate({ certificateId, forceDelete = false }, { app }) {
    await app.certificates.delete(idOf(certificateId), forceDelete);
    return undefined;
  },

  async ListCertificates({ pageSize, marker }, { app, account }) {
    const pages = pager('ListCertificates', {}, 'marker');
    const page = await app.certificates.list(pages.request(marker, pageSize ?? 25));
    const certificates = page.items.map((certificate) => ({
      certificateArn: certificateArn(scopeOf(account), certificate.id),
      certificateId: certificate.id,
      status: certificate.status,
      certificateMode: 'DEFAULT' as const,
      creationDate: certificate.createdAt,
    }));
    return { certificates, nextMarker: pages.token(page.next) };
  },
};

/** IoT: ids match `(0x)?[a-fA-F0-9]+`. */
function idOf(text: string): string {
  return text.replace(/^0x/, '').toLowerCase();
}
