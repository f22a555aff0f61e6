import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { makeFleetCertificate, makeFleetKey } from './certificates.ts';

test('a certificate of the fleet is one that others read: its name, its key, its own signature, its id', () => {
  const key = makeFleetKey();
  for (const name of ['virtual-1', 'x'.repeat(128)]) {
    const { cert, certificateId } = makeFleetCertificate(key, name);
    const read = new X509Certificate(cert);
    expect(read.subject).toBe(`CN=${name}`);
    expect(read.verify(read.publicKey)).toBe(true);
    expect(new Date(read.validTo).getUTCFullYear()).toBe(2099);
    expect(read.fingerprint256.replaceAll(':', '').toLowerCase()).toBe(certificateId);
  }
  expect(makeFleetCertificate(key, 'a').certificateId).not.toBe(makeFleetCertificate(key, 'a').certificateId);
});
