import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MadeCertificate, makeCertificate } from '../adapters/testing/certificates.ts';
import { openTestCloud, type TestCloud } from './testing/test-cloud.ts';

let cloud: TestCloud;
let ca: MadeCertificate;
let verification: MadeCertificate;
beforeAll(async () => {
  cloud = await openTestCloud();
  ca = await makeCertificate('CN=Our CA, O=Works', { authority: true });
  verification = await makeCertificate(`CN=${cloud.app.authorities.registrationCode()}`, { issuer: ca });
});
afterAll(() => cloud.close());

const invalid = { code: 'CertificateValidationException' };
const registered = (pem: string, verificationPem: string) =>
  cloud.app.authorities.register({ pem, verificationPem, mode: 'DEFAULT', active: true });

describe('a certificate authority', () => {
  test('is registered by who holds its key, once', async () => {
    expect(cloud.app.authorities.registrationCode()).toMatch(/^[0-9a-f]{64}$/);
    const other = await makeCertificate('CN=Our CA, O=Works', { authority: true });
    const wrongName = await makeCertificate('CN=something', { issuer: ca });
    await expect(registered(ca.pem, wrongName.pem)).rejects.toMatchObject({
      code: 'RegistrationCodeValidationException',
    });
    // Of the same name, by another key.
    await expect(registered(other.pem, verification.pem)).rejects.toMatchObject(invalid);
    const leaf = await makeCertificate('CN=leaf');
    await expect(registered(leaf.pem, verification.pem)).rejects.toMatchObject(invalid);
    await expect(registered('nonsense', verification.pem)).rejects.toMatchObject(invalid);
    const past = { notBefore: 0, notAfter: cloud.clock.now() - 1 };
    const old = await makeCertificate('CN=Old', { authority: true, ...past });
    await expect(registered(old.pem, verification.pem)).rejects.toMatchObject(invalid);
    expect(await registered(ca.pem, verification.pem)).toMatchObject({ id: ca.id, status: 'ACTIVE', mode: 'DEFAULT' });
    await expect(registered(ca.pem, verification.pem)).rejects.toMatchObject({
      code: 'ResourceAlreadyExistsException',
      context: { resourceId: ca.id, resourceArn: cloud.arns.caCertificate(ca.id) },
    });
  });

  test('of mode SNI_ONLY needs no verification', async () => {
    const sni = await makeCertificate('CN=SNI CA', { authority: true });
    const register = (verificationPem?: string) =>
      cloud.app.authorities.register({
        ...{ pem: sni.pem, mode: 'SNI_ONLY', active: true },
        ...(verificationPem === undefined ? {} : { verificationPem }),
      });
    await expect(register(verification.pem)).rejects.toMatchObject({ code: 'InvalidRequestException' });
    expect(await register()).toMatchObject({ mode: 'SNI_ONLY' });
    const leaf = await makeCertificate('CN=device', { issuer: sni });
    const made = await cloud.app.certificates.register({ pem: leaf.pem, active: false });
    expect(made).toMatchObject({ id: leaf.id, caId: sni.id, mode: 'SNI_ONLY', status: 'INACTIVE' });
  });

  test('is deleted only when it is INACTIVE; the certificates that it issued stay', async () => {
    const gone = await makeCertificate('CN=Gone', { authority: true });
    await cloud.app.authorities.register({ pem: gone.pem, mode: 'SNI_ONLY', active: true });
    const leaf = await makeCertificate('CN=device', { issuer: gone });
    await cloud.app.certificates.register({ pem: leaf.pem, active: true });
    await expect(cloud.app.authorities.delete(gone.id)).rejects.toMatchObject({ code: 'CertificateStateException' });
    await cloud.app.authorities.setStatus(gone.id, 'INACTIVE');
    await cloud.app.authorities.delete(gone.id);
    await expect(cloud.app.authorities.describe(gone.id)).rejects.toMatchObject({ code: 'ResourceNotFoundException' });
    expect(await cloud.app.access.device(leaf.der)).toMatchObject({ certificateId: leaf.id });
    expect((await cloud.app.certificates.list({ limit: 9 }, { caId: gone.id })).items).toMatchObject([{ id: leaf.id }]);
  });
});

describe('a certificate of a registered authority', () => {
  test('is registered once, by that authority, and while that is ACTIVE', async () => {
    const device = await makeCertificate('CN=device-1', { issuer: ca });
    const made = await cloud.app.certificates.register({ pem: `bag attributes\n${device.pem}`, active: true });
    expect(made).toMatchObject({ id: device.id, caId: ca.id, status: 'ACTIVE' });
    expect(new X509Certificate(made.pem).raw.equals(device.der)).toBe(true);
    await expect(cloud.app.certificates.register({ pem: device.pem, active: true })).rejects.toMatchObject({
      code: 'ResourceAlreadyExistsException',
      context: { resourceId: device.id, resourceArn: cloud.arns.certificate(device.id) },
    });
    const sni = await makeCertificate('CN=device-2', { issuer: ca });
    const wrongCa = await makeCertificate('CN=Our CA, O=Works', { authority: true });
    const forged = await makeCertificate('CN=device-3', { issuer: wrongCa });
    for (const input of [
      { pem: sni.pem, caPem: wrongCa.pem },
      { pem: forged.pem },
      { pem: (await makeCertificate('CN=self')).pem },
      { pem: (await makeCertificate('CN=old', { issuer: ca, notAfter: 1000 * 86_400_000 })).pem },
    ]) {
      await expect(cloud.app.certificates.register({ ...input, active: true })).rejects.toMatchObject(invalid);
    }
    await cloud.app.authorities.setStatus(ca.id, 'INACTIVE');
    await expect(cloud.app.certificates.register({ pem: sni.pem, active: true })).rejects.toMatchObject(invalid);
    await cloud.app.authorities.setStatus(ca.id, 'ACTIVE');
    await cloud.app.certificates.register({ pem: sni.pem, caPem: ca.pem, active: true });
  });

  test('without an authority every valid certificate is registered', async () => {
    const self = await makeCertificate('CN=alone');
    const made = await cloud.app.certificates.registerWithoutCa({ pem: self.pem, active: true });
    expect(made).toMatchObject({ id: self.id, mode: 'SNI_ONLY' });
    expect(made).not.toHaveProperty('caId');
  });

  test('is nobody before its time and after it', async () => {
    const now = cloud.clock.now();
    const brief = await makeCertificate('CN=brief', { notBefore: now + 60_000, notAfter: now + 120_000 });
    await cloud.app.certificates.registerWithoutCa({ pem: brief.pem, active: true });
    expect(await cloud.app.access.device(brief.der)).toBeUndefined();
    cloud.clock.advance(61_000);
    expect(await cloud.app.access.device(brief.der)).toBeDefined();
    cloud.clock.advance(61_000);
    expect(await cloud.app.access.device(brief.der)).toBeUndefined();
  });
});
