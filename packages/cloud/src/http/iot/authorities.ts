import { Fault } from '@greensward/kit';
import { caCertificateArn } from '@greensward/protocol/arn';
import type { iot } from '@greensward/protocol/iot';
import type { Account } from '../../app/context.ts';
import { scopeOf } from '../arns.ts';
import { pager } from '../page-token.ts';
import type { Handlers } from '../wire/rest-json.ts';
import { idOf, validityOf } from './certificates.ts';

type AuthorityHandlers = Pick<
  Handlers<typeof iot.operations>,
  | 'RegisterCACertificate'
  | 'DescribeCACertificate'
  | 'UpdateCACertificate'
  | 'DeleteCACertificate'
  | 'ListCACertificates'
  | 'GetRegistrationCode'
>;

export const authorityHandlers: AuthorityHandlers = {
  async GetRegistrationCode(_input, { app }) {
    return { registrationCode: app.authorities.registrationCode() };
  },

  async RegisterCACertificate(input, { app, account }) {
    refuseJustInTime(input.allowAutoRegistration, input.registrationConfig);
    const { caCertificate, verificationCertificate, setAsActive = false, certificateMode = 'DEFAULT' } = input;
    const ca = await app.authorities.register({
      pem: caCertificate,
      ...(verificationCertificate === undefined ? {} : { verificationPem: verificationCertificate }),
      mode: certificateMode,
      active: setAsActive,
    });
    return named(ca.id, account);
  },

  async DescribeCACertificate({ certificateId }, { app, account }) {
    const ca = await app.authorities.describe(idOf(certificateId));
    return {
      certificateDescription: {
        ...named(ca.id, account),
        status: ca.status,
        certificatePem: ca.pem,
        ownedBy: account.accountId,
        creationDate: ca.createdAt,
        autoRegistrationStatus: 'DISABLE',
        lastModifiedDate: ca.updatedAt,
        customerVersion: 1,
        validity: validityOf(ca.pem),
        certificateMode: ca.mode,
      },
    };
  },

  async UpdateCACertificate({ certificateId, newStatus, newAutoRegistrationStatus, registrationConfig }, { app }) {
    refuseJustInTime(newAutoRegistrationStatus === 'ENABLE', registrationConfig);
    const id = idOf(certificateId);
    if (newStatus === undefined) await app.authorities.describe(id);
    else await app.authorities.setStatus(id, newStatus);
    return undefined;
  },

  async DeleteCACertificate({ certificateId }, { app }) {
    await app.authorities.delete(idOf(certificateId));
    return {};
  },

  async ListCACertificates({ pageSize, marker }, { app, account }) {
    const pages = pager('ListCACertificates', {}, 'marker');
    const page = await app.authorities.list(pages.request(marker, pageSize ?? 25));
    const certificates = page.items.map((ca) => ({
      ...named(ca.id, account),
      status: ca.status,
      creationDate: ca.createdAt,
    }));
    return { certificates, nextMarker: pages.token(page.next) };
  },
};

/** A certificate that nobody registered is never let in, so nothing can register itself by connecting. */
function refuseJustInTime(automatic: boolean | undefined, configuration: unknown): void {
  if (automatic === true || configuration !== undefined) {
    throw new Fault('InvalidRequestException', 'Just-in-time registration and provisioning are not supported');
  }
}

function named(id: string, account: Account) {
  return { certificateArn: caCertificateArn(scopeOf(account), id), certificateId: id };
}
