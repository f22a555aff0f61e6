import 'reflect-metadata';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { Fault } from '@greensward/kit';
import * as x509 from '@peculiar/x509';

/** Characters; one for RSA-4096 has about 1,700. */
const maxLength = 4096;
const armour =
  /^\s*-----BEGIN (NEW )?CERTIFICATE REQUEST-----[A-Za-z0-9+/=\s]+-----END (NEW )?CERTIFICATE REQUEST-----\s*$/;
const hashes: readonly unknown[] = ['SHA-256', 'SHA-384', 'SHA-512'];
const curves: readonly unknown[] = ['prime256v1', 'secp384r1', 'secp521r1'];

/** The subject and the key of a PKCS #10 request whose sender holds the key. Throws `CertificateValidationException`. */
export async function readCertificateRequest(
  pem: string,
): Promise<{ readonly subject: string | x509.Name; readonly publicKeyPem: string }> {
  if (pem.length > maxLength || !armour.test(pem)) throw refused('it is no PEM of a PKCS #10 request');
  let request: x509.Pkcs10CertificateRequest;
  let key: KeyObject;
  try {
    request = new x509.Pkcs10CertificateRequest(pem);
    key = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' });
  } catch (cause) {
    throw refused('it cannot be read', cause);
  }
  // Before the signature is verified: the cost of that is the sender's to choose otherwise.
  const problem = keyProblem(key);
  if (problem !== undefined) throw refused(problem);
  const { signatureAlgorithm } = request;
  if (!('hash' in signatureAlgorithm) || !hashes.includes(nameOf(signatureAlgorithm.hash))) {
    throw refused('it must be signed with SHA-256, SHA-384 or SHA-512');
  }
  if (!(await isSigned(request))) throw refused('its signature is not by its key');
  const subject = request.subject === '' ? 'CN=Greensward Device Certificate' : request.subjectName;
  return { subject, publicKeyPem: key.export({ type: 'spki', format: 'pem' }).toString() };
}

function keyProblem({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string | undefined {
  if (type === 'ec') return curves.includes(details?.namedCurve) ? undefined : 'its curve is not P-256, P-384 or P-521';
  if (type !== 'rsa') return 'its key is neither RSA nor EC';
  const bits = details?.modulusLength ?? 0;
  const exponent = details?.publicExponent ?? 0n;
  if (bits < 2048 || bits > 4096) return 'its RSA key has not 2048 to 4096 bits';
  return exponent < 3n || exponent > 0xffffffffn || exponent % 2n === 0n ? 'its RSA exponent is not usual' : undefined;
}

async function isSigned(request: x509.Pkcs10CertificateRequest): Promise<boolean> {
  try {
    return await request.verify();
  } catch {
    return false;
  }
}

function nameOf(hash: unknown): unknown {
  return typeof hash === 'object' && hash !== null && 'name' in hash ? hash.name : hash;
}

function refused(why: string, cause?: unknown): Fault {
  const message = `The certificate request is not valid: ${why}.`;
  return new Fault('CertificateValidationException', message, cause === undefined ? {} : { cause });
}
