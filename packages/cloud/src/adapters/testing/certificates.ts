import 'reflect-metadata';
import { createHash, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A certificate of nobody's authority but the test's, with its key. */
export interface MadeCertificate {
  readonly id: string;
  readonly pem: string;
  readonly der: Buffer;
  readonly keyPem: string;
  readonly subject: string;
  readonly keys: webcrypto.CryptoKeyPair;
}

/** Signed by `issuer`, or by itself. Times are epoch ms; the default is all of this century. */
export async function makeCertificate(
  subject: string,
  options: {
    readonly issuer?: MadeCertificate;
    readonly authority?: boolean;
    readonly notBefore?: number;
    readonly notAfter?: number;
    readonly names?: readonly string[];
  } = {},
): Promise<MadeCertificate> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const { issuer, authority = false, names = [] } = options;
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: issuer?.subject ?? subject,
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: algorithm,
    notBefore: new Date(options.notBefore ?? Date.UTC(2000, 0, 1)),
    notAfter: new Date(options.notAfter ?? Date.UTC(2099, 0, 1)),
    extensions: [
      new x509.BasicConstraintsExtension(authority, undefined, true),
      ...(names.length === 0
        ? []
        : [new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value })))]),
    ],
  });
  const der = Buffer.from(certificate.rawData);
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return {
    id: createHash('sha256').update(der).digest('hex'),
    pem: `${certificate.toString('pem')}\n`,
    der,
    keyPem: `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`,
    subject: certificate.subject,
    keys,
  };
}
