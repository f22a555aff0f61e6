// Used by the process tests of the uplink only.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsMaterial } from '../tls-material.ts';

export interface TestCertificates {
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  /** As a device holds it. */
  readonly device: TlsMaterial;
}

/** An authority, a server certificate for `localhost` and a device certificate, made by openssl. */
export function makeCertificates(deviceName: string): TestCertificates {
  const folder = mkdtempSync(join(tmpdir(), 'greensward-tls-'));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  const issue = (name: string, subject: string, extension: string) => {
    openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${subject}`);
    writeFileSync(join(folder, `${name}.ext`), extension);
    const authority = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
    openssl('x509', '-req', '-in', `${name}.csr`, ...authority, '-days', '2', '-extfile', `${name}.ext`, '-out', name);
    return { cert: read(name), key: read(`${name}.key`) };
  };
  try {
    openssl(
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '2',
      '-subj',
      '/CN=test-authority',
    );
    const ca = read('ca.pem');
    const server = issue('server', 'test-server', 'subjectAltName=DNS:localhost\n');
    return { ca, server, device: { ...issue('device', deviceName, 'keyUsage=digitalSignature\n'), ca } };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
