import { createHash, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openCertificateAuthority } from './certificate-authority.ts';

const day = 24 * 3600_000;
const start = Date.UTC(2030, 0, 1);
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greensward-authority-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const openAt = (now: number, names: readonly string[] = ['fleet.example', '::1']) =>
  openCertificateAuthority({ folder, names, clock: { now: () => now } });

const parse = (pem: string) => new X509Certificate(pem);

describe('the certificate authority', () => {
  test('is made at the first start, kept for the next ones, and its key is for its owner only', async () => {
    const authority = await openAt(start);
    const root = parse(authority.rootPem);
    expect(root.ca).toBe(true);
    expect(root.verify(root.publicKey)).toBe(true);
    expect((await openAt(start + day)).rootPem).toBe(authority.rootPem);
    if (process.platform !== 'win32') expect((await stat(join(folder, 'ca.key'))).mode & 0o777).toBe(0o600);
  });

  test('has a subject of its own', async () => {
    const subject = parse((await openAt(start)).rootPem).subject;
    await rm(folder, { recursive: true });
    expect(parse((await openAt(start)).rootPem).subject).not.toBe(subject);
  });

  test('issues client certificates: RSA-2048, to the end of 2049, with ids that are their hashes', async () => {
    const authority = await openAt(start);
    const client = await authority.issueClient();
    const certificate = parse(client.certificatePem);
    const root = parse(authority.rootPem);
    expect(certificate.checkIssued(root) && certificate.verify(root.publicKey)).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(certificate.validToDate.toISOString()).toBe('2049-12-31T23:59:59.000Z');
    expect(certificate.validFromDate.getTime()).toBeLessThan(start);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(client.certificateId).toBe(createHash('sha256').update(certificate.raw).digest('hex'));
    const key = createPrivateKey(client.privateKeyPem);
    expect(key.asymmetricKeyType).toBe('rsa');
    expect(key.asymmetricKeyDetails?.modulusLength).toBe(2048);
    expect(certificate.checkPrivateKey(key)).toBe(true);
    expect(createPublicKey(client.publicKeyPem).equals(certificate.publicKey)).toBe(true);
    const other = parse((await authority.issueClient()).certificatePem);
    expect(other.serialNumber).not.toBe(certificate.serialNumber);
  });

  test('issues a server certificate with every name, and the root after it', async () => {
    const authority = await openAt(start);
    const { certificateChainPem, privateKeyPem } = await authority.serverCertificate();
    const leaf = parse(certificateChainPem);
    expect(certificateChainPem.endsWith(authority.rootPem)).toBe(true);
    expect(leaf.verify(parse(authority.rootPem).publicKey)).toBe(true);
    expect(leaf.checkPrivateKey(createPrivateKey(privateKeyPem))).toBe(true);
    for (const name of ['fleet.example', 'localhost']) expect(leaf.checkHost(name)).toBe(name);
    for (const address of ['::1', '127.0.0.1']) expect(leaf.checkIP(address)).toBe(address);
    expect(leaf.checkHost('evil.example')).toBeUndefined();
    expect(leaf.validToDate.getTime() - leaf.validFromDate.getTime()).toBeLessThanOrEqual(397 * day);
  });

  test('keeps the server certificate until the names change or 30 days are left', async () => {
    const first = await (await openAt(start)).serverCertificate();
    expect(await (await openAt(start + 300 * day)).serverCertificate()).toEqual(first);
    const renamed = await (await openAt(start, ['new.example'])).serverCertificate();
    expect(renamed).not.toEqual(first);
    expect(parse(renamed.certificateChainPem).checkHost('fleet.example')).toBeUndefined();
    const renewed = await (await openAt(start + 370 * day, ['new.example'])).serverCertificate();
    expect(renewed).not.toEqual(renamed);
  });

  test('replaces a server certificate that is not whole, and answers calls at once alike', async () => {
    await (await openAt(start)).serverCertificate();
    await writeFile(join(folder, 'server.pem'), 'torn');
    const authority = await openAt(start);
    const [one, two] = await Promise.all([authority.serverCertificate(), authority.serverCertificate()]);
    expect(one).toEqual(two);
    expect(parse(one.certificateChainPem).checkPrivateKey(createPrivateKey(one.privateKeyPem))).toBe(true);
  });

  test('refuses to start with half of itself', async () => {
    await openAt(start);
    await rm(join(folder, 'ca.key'));
    await expect(openAt(start)).rejects.toMatchObject({ code: 'CERTIFICATE_AUTHORITY_DAMAGED' });
    await writeFile(join(folder, 'ca.key'), 'torn');
    await expect(openAt(start)).rejects.toMatchObject({ code: 'CERTIFICATE_AUTHORITY_DAMAGED' });
  });
});
