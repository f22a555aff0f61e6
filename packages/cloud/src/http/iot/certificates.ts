import { X509Certificate } from 'node:crypto';
import { Fault } from '@greensward/kit';
import { certificateArn } from '@greensward/protocol/arn';
import type { iot } from '@greensward/protocol/iot';
import type { Account } from '../../app/context.ts';
import type { Certificate } from '../../domain/registry/registry.ts';
import { scopeOf } from '../arns.ts';
import { pager } from '../page-token.ts';
import type { Handlers } from '../wire/rest-json.ts';

type CertificateHandlers = Pick<
  Handlers<typeof iot.operations>,
  | 'CreateKeysAndCertificate'
  | 'CreateCertificateFromCsr'
  | 'RegisterCertificate'
  | 'RegisterCertificateWithoutCA'
  | 'DescribeCertificate'
  | 'UpdateCertificate'
  | 'DeleteCertificate'
  | 'ListCertificates'
  | 'ListCertificatesByCA'
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

  async CreateCertificateFromCsr({ certificateSigningRequest, setAsActive = false }, { app, account }) {
    const certificate = await app.certificates.createFromRequest(certificateSigningRequest, setAsActive);
    return { ...named(certificate, account), certificatePem: certificate.pem };
  },

  async RegisterCertificate({ certificatePem, caCertificatePem, setAsActive, status }, { app, account }) {
    const certificate = await app.certificates.register({
      pem: certificatePem,
      ...(caCertificatePem === undefined ? {} : { caPem: caCertificatePem }),
      active: isActive(status, setAsActive),
    });
    return named(certificate, account);
  },

  async RegisterCertificateWithoutCA({ certificatePem, status }, { app, account }) {
    const active = isActive(status, undefined);
    return named(await app.certificates.registerWithoutCa({ pem: certificatePem, active }), account);
  },

  async DescribeCertificate({ certificateId }, { app, account }) {
    const certificate = await app.certificates.describe(idOf(certificateId));
    return {
      certificateDescription: {
        ...named(certificate, account),
        caCertificateId: certificate.caId,
        status: certificate.status,
        certificatePem: certificate.pem,
        ownedBy: account.accountId,
        creationDate: certificate.createdAt,
        lastModifiedDate: certificate.updatedAt,
        customerVersion: 1,
        validity: validityOf(certificate.pem),
        certificateMode: certificate.mode ?? 'DEFAULT',
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
    return { certificates: page.items.map((each) => listed(each, account)), nextMarker: pages.token(page.next) };
  },

  async ListCertificatesByCA({ caCertificateId, pageSize, marker }, { app, account }) {
    const caId = idOf(caCertificateId);
    const pages = pager('ListCertificatesByCA', { caId }, 'marker');
    const page = await app.certificates.list(pages.request(marker, pageSize ?? 25), { caId });
    return { certificates: page.items.map((each) => listed(each, account)), nextMarker: pages.token(page.next) };
  },
};

/** IoT: ids match `(0x)?[a-fA-F0-9]+`. */
export function idOf(text: string): string {
  return text.replace(/^0x/, '').toLowerCase();
}

/** Epoch ms. */
export function validityOf(pem: string) {
  const { validFrom, validTo } = new X509Certificate(pem);
  return { notBefore: Date.parse(validFrom), notAfter: Date.parse(validTo) };
}

function named({ id }: Pick<Certificate, 'id'>, account: Account) {
  return { certificateArn: certificateArn(scopeOf(account), id), certificateId: id };
}

function listed(certificate: Certificate, account: Account) {
  return {
    ...named(certificate, account),
    status: certificate.status,
    certificateMode: certificate.mode ?? ('DEFAULT' as const),
    creationDate: certificate.createdAt,
  };
}

/** `status` took the place of `setAsActive`. */
function isActive(status: string | undefined, setAsActive: boolean | undefined): boolean {
  if (status === undefined) return setAsActive ?? false;
  if (status !== 'ACTIVE' && status !== 'INACTIVE') {
    throw new Fault('InvalidRequestException', `status: ${status} is not one of ACTIVE, INACTIVE`);
  }
  return status === 'ACTIVE';
}
