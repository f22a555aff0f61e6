import { createPublicKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateCertificateFromCsrCommand,
  CreatePolicyCommand,
  DeleteCACertificateCommand,
  DescribeCACertificateCommand,
  DescribeCertificateCommand,
  GetRegistrationCodeCommand,
  ListCACertificatesCommand,
  ListCertificatesByCACommand,
  ListPrincipalThingsCommand,
  RegisterCACertificateCommand,
  RegisterCertificateCommand,
  RegisterCertificateWithoutCACommand,
  UpdateCACertificateCommand,
} from '@aws-sdk/client-iot';
import type { MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { certificateRequest, p256 } from '../../packages/cloud/src/adapters/testing/certificate-request.ts';
import { type MadeCertificate, makeCertificate } from '../../packages/cloud/src/adapters/testing/certificates.ts';
import { type ConformanceCloud, refusalOf, startConformanceCloud } from './conformance-cloud.ts';
import { connectDevice } from './device-connection.ts';

let under: ConformanceCloud;
let ca: MadeCertificate;
const clients: MqttClient[] = [];

beforeAll(async () => {
  under = await startConformanceCloud();
  const Statement = { Effect: 'Allow', Action: 'iot:*', Resource: '*' };
  const policyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  await under.iot.send(new CreatePolicyCommand({ policyName: 'all', policyDocument }));
  ca = await makeCertificate('CN=Works CA', { authority: true });
});
afterEach(() => {
  for (const client of clients.splice(0)) client.end(true);
});
afterAll(() => under.stop());

async function connects(certificate: { pem: string; keyPem: string }, clientId: string): Promise<boolean> {
  try {
    const client = await connectDevice(under, { cert: certificate.pem, key: certificate.keyPem }, clientId);
    clients.push(client);
    return true;
  } catch {
    return false;
  }
}
async function attach(certificateArn: string | undefined, thingName: string) {
  await under.thing(thingName);
  await under.iot.send(new AttachThingPrincipalCommand({ thingName, principal: certificateArn }));
  await under.iot.send(new AttachPolicyCommand({ policyName: 'all', target: certificateArn }));
}

/** The bytes that the server sends after the handshake until it ends the connection, when the client only sends a CONNECT. */
function answerToConnect(certificate: MadeCertificate, clientId: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = tlsConnect({
      ...{ host: 'localhost', port: under.cloud.mqttPort, cert: certificate.pem, key: certificate.keyPem },
      ca: readFileSync(join(under.cloud.folder, 'ca', 'ca.pem')),
    });
    const parts: Buffer[] = [];
    const name = Buffer.from(clientId);
    const packet = [0x10, 12 + name.length, 0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 60, 0, name.length, ...name];
    socket.on('secureConnect', () => socket.write(Buffer.from(packet)));
    socket.on('data', (part) => parts.push(part));
    socket.on('close', () => resolve(Buffer.concat(parts)));
    socket.on('error', (error) => {
      if ('code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE')) resolve(Buffer.concat(parts));
      else reject(error);
    });
  });
}

describe('a certificate from a signing request', () => {
  test('is for the key and the subject of the request, and connects with them', async () => {
    const request = await certificateRequest('CN=pump 7', p256);
    const made = await under.iot.send(
      new CreateCertificateFromCsrCommand({ certificateSigningRequest: request.pem, setAsActive: true }),
    );
    const certificate = new X509Certificate(made.certificatePem ?? '');
    expect(certificate.subject).toBe('CN=pump 7');
    expect(certificate.publicKey.equals(createPublicKey(request.publicKeyPem))).toBe(true);
    expect(made.certificateId).toBe(certificate.fingerprint256.replaceAll(':', '').toLowerCase());
    await attach(made.certificateArn, 'from-csr');
    expect(await connects({ pem: made.certificatePem ?? '', keyPem: request.privateKeyPem }, 'from-csr')).toBe(true);
    const { things } = await under.iot.send(new ListPrincipalThingsCommand({ principal: made.certificateArn }));
    expect(things).toEqual(['from-csr']);
  });

  test('that is no request is refused', async () => {
    const call = under.iot.send(new CreateCertificateFromCsrCommand({ certificateSigningRequest: 'nonsense' }));
    expect(await refusalOf(call)).toMatchObject({ status: 400 });
  });
});

describe('a certificate authority', () => {
  test('is registered with a proof of its key, described, listed, deactivated and deleted', async () => {
    const { registrationCode = '' } = await under.iot.send(new GetRegistrationCodeCommand({}));
    expect(registrationCode).toMatch(/^[0-9a-f]{64}$/);
    const proof = await makeCertificate(`CN=${registrationCode}`, { issuer: ca });
    const register = (verificationCertificate: string) =>
      under.iot.send(
        new RegisterCACertificateCommand({ caCertificate: ca.pem, verificationCertificate, setAsActive: true }),
      );
    const bad = await makeCertificate('CN=guess', { issuer: ca });
    expect(await refusalOf(register(bad.pem))).toMatchObject({
      name: 'RegistrationCodeValidationException',
      status: 400,
    });
    const made = await register(proof.pem);
    expect(made).toMatchObject({
      certificateId: ca.id,
      certificateArn: `arn:aws:iot:us-east-1:000000000000:cacert/${ca.id}`,
    });
    expect(await refusalOf(register(proof.pem))).toMatchObject({
      name: 'ResourceAlreadyExistsException',
      status: 409,
      error: { resourceId: ca.id },
    });
    const described = await under.iot.send(new DescribeCACertificateCommand({ certificateId: ca.id }));
    expect(described.certificateDescription).toMatchObject({
      status: 'ACTIVE',
      autoRegistrationStatus: 'DISABLE',
      certificateMode: 'DEFAULT',
    });
    const list = await under.iot.send(new ListCACertificatesCommand({}));
    expect(list.certificates).toMatchObject([{ certificateId: ca.id, status: 'ACTIVE' }]);

    const device = await makeCertificate('CN=by works', { issuer: ca });
    const registered = await under.iot.send(
      new RegisterCertificateCommand({ certificatePem: device.pem, status: 'ACTIVE' }),
    );
    expect(registered.certificateId).toBe(device.id);
    const { certificateDescription } = await under.iot.send(
      new DescribeCertificateCommand({ certificateId: device.id }),
    );
    expect(certificateDescription).toMatchObject({ caCertificateId: ca.id, certificateMode: 'DEFAULT' });
    await attach(registered.certificateArn, 'by-works');
    expect(await connects(device, 'by-works')).toBe(true);

    const remove = () => under.iot.send(new DeleteCACertificateCommand({ certificateId: ca.id }));
    expect(await refusalOf(remove())).toMatchObject({ name: 'CertificateStateException', status: 406 });
    await under.iot.send(new UpdateCACertificateCommand({ certificateId: ca.id, newStatus: 'INACTIVE' }));
    const next = await makeCertificate('CN=too late', { issuer: ca });
    const late = under.iot.send(new RegisterCertificateCommand({ certificatePem: next.pem }));
    expect(await refusalOf(late)).toMatchObject({ name: 'CertificateValidationException', status: 400 });
    await remove();
    const describe = under.iot.send(new DescribeCACertificateCommand({ certificateId: ca.id }));
    expect(await refusalOf(describe)).toMatchObject({ name: 'ResourceNotFoundException', status: 404 });
    // What it issued was registered by itself, and stays.
    const byCa = await under.iot.send(new ListCertificatesByCACommand({ caCertificateId: ca.id }));
    expect(byCa.certificates).toMatchObject([{ certificateId: device.id }]);
    expect(await connects(device, 'by-works')).toBe(true);
  });

  test('cannot register its certificates by their connecting', async () => {
    const other = await makeCertificate('CN=Automatic', { authority: true });
    const call = under.iot.send(
      new RegisterCACertificateCommand({
        ...{ caCertificate: other.pem, certificateMode: 'SNI_ONLY', allowAutoRegistration: true },
      }),
    );
    expect(await refusalOf(call)).toMatchObject({ name: 'InvalidRequestException', status: 400 });
  });
});

describe('a certificate of anybody', () => {
  test('connects when it is registered without a CA, and only then', async () => {
    const self = await makeCertificate('CN=alone');
    expect(await connects(self, 'alone')).toBe(false);
    const made = await under.iot.send(
      new RegisterCertificateWithoutCACommand({ certificatePem: self.pem, status: 'ACTIVE' }),
    );
    await attach(made.certificateArn, 'alone');
    expect(await connects(self, 'alone')).toBe(true);
  });

  test('that nobody registered is refused before its CONNECT is answered, whoever issued it', async () => {
    const sni = await makeCertificate('CN=Registered', { authority: true });
    await under.iot.send(
      new RegisterCACertificateCommand({ caCertificate: sni.pem, certificateMode: 'SNI_ONLY', setAsActive: true }),
    );
    await under.thing('target');
    for (const certificate of [
      await makeCertificate('CN=target'),
      await makeCertificate('CN=target', { issuer: sni }),
      await makeCertificate('CN=target', { issuer: await makeCertificate('CN=Unknown', { authority: true }) }),
    ]) {
      expect(await answerToConnect(certificate, 'target')).toEqual(Buffer.alloc(0));
    }
  });
});
