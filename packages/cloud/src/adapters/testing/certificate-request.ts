import 'reflect-metadata';
import { createPrivateKey, createPublicKey, KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

export const p256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A PKCS #10 request as a device makes it, with its key. */
export async function certificateRequest(
  subject: string,
  algorithm: webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams,
) {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: subject.replaceAll('\n', ', '),
    keys,
    signingAlgorithm: algorithm,
  });
  const spki = KeyObject.from(keys.publicKey).export({ type: 'spki', format: 'der' });
  const key = createPrivateKey({
    key: Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)),
    format: 'der',
    type: 'pkcs8',
  });
  return {
    pem: `${request.toString('pem')}\n`,
    der: Buffer.from(request.rawData),
    /** The end of the public key, where the point of an EC key is. */
    point: spki.subarray(-65),
    publicKeyPem: createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString(),
    privateKeyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
