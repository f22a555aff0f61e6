import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { silentLog } from '@greensward/kit';
import { systemClock, systemIds } from '@greensward/kit/node';
import { expect, test } from 'vitest';
import { openCertificateAuthority } from '../adapters/certificates/certificate-authority.ts';
import { createListener } from './listener.ts';

/** The names in the certificate that a server shows, and whether it can be trusted. */
function shown(port: number, ca: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost' }, () => {
      resolve(socket.getPeerX509Certificate()?.subjectAltName);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

test('a listener takes a renewed certificate without a pause', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'greensward-listener-'));
  const identity = async (name: string) => {
    const authority = await openCertificateAuthority({ folder, names: [name], clock: systemClock });
    const { certificateChainPem: cert, privateKeyPem: key } = await authority.serverCertificate();
    return { ca: authority.rootPem, tls: { key, cert, clientAuthority: authority.rootPem } };
  };
  const { ca, tls } = await identity('old.example');
  const serve = () => Promise.reject(new Error('no request is made'));
  const listener = createListener(serve, { clock: systemClock, ids: systemIds, log: silentLog }, tls);
  const port = await listener.listen('127.0.0.1', 0);
  expect(await shown(port, ca)).toContain('DNS:old.example');
  listener.setCertificate((await identity('new.example')).tls);
  expect(await shown(port, ca)).toContain('DNS:new.example');
  await listener.close();
  await rm(folder, { recursive: true, force: true });
});
