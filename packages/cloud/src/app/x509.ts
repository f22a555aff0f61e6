import { createHash, X509Certificate } from 'node:crypto';
import { Fault } from '@greensward/kit';
import type { CertificateFacts } from '@greensward/model/policy';

/** What the registry and policies see of a certificate. */
export interface ParsedCertificate {
  /** SHA-256 of the DER form, lower-case hex. */
  readonly id: string;
  /** The certificate alone, as PEM; whatever stood around it is gone. */
  readonly pem: string;
  readonly subject: string;
  readonly issuer: string;
  readonly commonName: string | undefined;
  readonly isAuthority: boolean;
  /** Epoch ms. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** True when `authority` has signed this and may sign. */
  issuedBy(authority: ParsedCertificate): boolean;
  readonly facts: CertificateFacts;
}

const parsed = new WeakMap<ParsedCertificate, X509Certificate>();

/** Reads the first certificate of a PEM text. Throws CertificateValidationException, naming `what`. */
export function parseCertificate(pem: string, what: string): ParsedCertificate {
  const block = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/)?.[0];
  if (block === undefined) throw invalidCertificate(`${what}: is not a certificate in PEM form.`);
  try {
    return read(new X509Certificate(block));
  } catch (cause) {
    throw new Fault('CertificateValidationException', `${what}: the certificate cannot be read.`, { cause });
  }
}

export function invalidCertificate(message: string): Fault {
  return new Fault('CertificateValidationException', message);
}

function read(certificate: X509Certificate): ParsedCertificate {
  const id = createHash('sha256').update(certificate.raw).digest('hex');
  const result: ParsedCertificate = {
    id,
    pem: certificate.toString(),
    subject: certificate.subject ?? '',
    issuer: certificate.issuer ?? '',
    commonName: namesIn(certificate.subject).find(([name]) => name === 'CN')?.[1],
    isAuthority: certificate.ca,
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    issuedBy(authority) {
      const issuer = parsed.get(authority);
      return issuer?.ca === true && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
    },
    facts: factsOf(certificate, id),
  };
  parsed.set(result, certificate);
  return result;
}

/** X.509 short names, as node:crypto gives them, and what IoT calls them in policy variables. */
const nameOf = new Map([
  ['C', 'Country'],
  ['O', 'Organization'],
  ['OU', 'OrganizationalUnit'],
  ['dnQualifier', 'DistinguishedNameQualifier'],
  ['ST', 'State'],
  ['CN', 'CommonName'],
  ['serialNumber', 'SerialNumber'],
  ['title', 'Title'],
  ['SN', 'Surname'],
  ['GN', 'GivenName'],
  ['initials', 'Initials'],
  ['pseudonym', 'Pseudonym'],
  ['generationQualifier', 'GenerationQualifier'],
]);

const alternativeNameOf = new Map([
  ['email', 'RFC822Name'],
  ['DNS', 'DNSName'],
  ['DirName', 'DirectoryName'],
  ['URI', 'UniformResourceIdentifier'],
  ['IP Address', 'IPAddress'],
]);

/** IoT: X.509 certificate policy variables. */
function factsOf(certificate: X509Certificate, id: string): CertificateFacts {
  const attributes = new Map<string, string[]>();
  const add = (name: string, value: string): void => {
    attributes.set(name, [...(attributes.get(name) ?? []), value]);
  };
  for (const [part, text] of [
    ['Subject', certificate.subject],
    ['Issuer', certificate.issuer],
  ] as const) {
    for (const [name, value] of namesIn(text)) {
      const known = nameOf.get(name);
      if (known !== undefined) add(`${part}.${known}`, value);
    }
  }
  const alternatives = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g;
  for (const [, kind = '', value = ''] of certificate.subjectAltName?.matchAll(alternatives) ?? []) {
    const known = alternativeNameOf.get(kind);
    // What node:crypto quotes holds characters that could be taken for another name: such a value is no one's.
    if (known !== undefined && !value.startsWith('"')) add(`Subject.AlternativeName.${known}`, value);
  }
  return { id, serialNumber: BigInt(`0x${certificate.serialNumber}`).toString(), attributes };
}

/** `NAME=value` lines, one a relative name. A value with escapes or of several parts is left out: it has no one reading. */
function namesIn(text: string | undefined): readonly (readonly [name: string, value: string])[] {
  return (text ?? '').split('\n').flatMap((line) => {
    const at = line.indexOf('=');
    const value = line.slice(at + 1);
    return at < 0 || /[\\\n]/.test(value) || / \+ \w+=/.test(value) ? [] : [[line.slice(0, at), value] as const];
  });
}
