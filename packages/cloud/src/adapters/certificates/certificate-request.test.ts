import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CertificateAuthority } from '../../ports/certificate-authority.ts';
import { certificateRequest, p256 } from '../testing/certificate-request.ts';
import { openCertificateAuthority } from './certificate-authority.ts';

const start = Date.UTC(2030, 0, 1);
const refused = { code: 'CertificateValidationException' };
let folder = '';
let authority: CertificateAuthority;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greensward-requests-'));
  authority = await openCertificateAuthority({ folder, names: [], clock: { now: () => start } });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const algorithms = [
  p256,
  { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
] as const;

describe('a certificate request', () => {
  test.each(algorithms)(
    'of $name gets a certificate for its key and subject, to the end of 2049',
    async (algorithm) => {
      const { pem, publicKeyPem } = await certificateRequest('CN=pump 1, O=Plant', algorithm);
      const { certificatePem, certificateId } = await authority.issueForCsr(pem);
      const certificate = new X509Certificate(certificatePem);
      expect(certificate.checkIssued(new X509Certificate(authority.rootPem))).toBe(true);
      expect(certificate.subject).toBe('CN=pump 1\nO=Plant');
      expect(certificate.publicKey.export({ type: 'spki', format: 'pem' })).toBe(publicKeyPem);
      expect(certificate.validToDate.toISOString()).toBe('2049-12-31T23:59:59.000Z');
      expect(certificate.ca).toBe(false);
      expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
      expect(certificateId).toBe(createHash('sha256').update(certificate.raw).digest('hex'));
    },
  );

  test('without a subject gets one', async () => {
    const { pem } = await certificateRequest('', p256);
    expect(new X509Certificate((await authority.issueForCsr(pem)).certificatePem).subject).toContain('Greensward');
  });

  test('that names the authority as its subject is refused', async () => {
    const name = new X509Certificate(authority.rootPem).subject;
    const { pem } = await certificateRequest(name, p256);
    await expect(authority.issueForCsr(pem)).rejects.toMatchObject(refused);
  });

  test('with a byte changed anywhere is refused', async () => {
    const { der } = await certificateRequest('CN=pump', p256);
    // The last bytes of the signature, the key in the middle, the subject: each is covered by the signature.
    for (const at of [der.length - 1, Math.floor(der.length / 2), 24]) {
      const changed = Buffer.from(der);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      await expect(authority.issueForCsr(toPem(changed))).rejects.toMatchObject(refused);
    }
  });

  test.each([
    ['a key of 1024 bits', { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 1024 }],
    ['SHA-1', { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-1', modulusLength: 2048 }],
  ])('with %s is refused', async (_, algorithm) => {
    const { pem } = await certificateRequest('CN=x', { ...algorithm, publicExponent: new Uint8Array([1, 0, 1]) });
    await expect(authority.issueForCsr(pem)).rejects.toMatchObject(refused);
  });

  test('for the key of somebody else is refused', async () => {
    const [mine, other] = [await certificateRequest('CN=x', p256), await certificateRequest('CN=x', p256)];
    const at = mine.der.indexOf(mine.point);
    const stolen = Buffer.from(mine.der);
    other.point.copy(stolen, at);
    await expect(authority.issueForCsr(toPem(stolen))).rejects.toMatchObject(refused);
  });

  test.each([
    '',
    'x',
    '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----',
    'A'.repeat(5000),
  ])('that is none is refused: case %#', async (pem) => {
    await expect(authority.issueForCsr(pem)).rejects.toMatchObject(refused);
  });

  test('is not a certificate', async () => {
    await expect(authority.issueForCsr(authority.rootPem)).rejects.toMatchObject(refused);
  });
});

test('a client certificate may end early', async () => {
  const { certificatePem } = await authority.issueClient({ notAfter: start + 300_000 });
  expect(new X509Certificate(certificatePem).validToDate.getTime()).toBe(start + 300_000);
});

function toPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`;
}
