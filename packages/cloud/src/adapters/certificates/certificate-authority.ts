import 'reflect-metadata';
import { createHash, createPrivateKey, generateKeyPair, type KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Clock, Fault } from '@greensward/kit';
import { ensureFolder, writeFileAtomic } from '@greensward/kit/node';
import * as x509 from '@peculiar/x509';
import type { CertificateAuthority, KeyAndCertificate } from '../../ports/certificate-authority.ts';
import { readCertificateRequest } from './certificate-request.ts';

/** On the thread pool: an RSA key takes a good part of a second. */
const generate = promisify(generateKeyPair);
const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;

const day = 24 * 3600_000;
/** Clients with a clock somewhat behind accept what was just issued. */
const backdated = 3600_000;
/** Clients refuse server certificates that are valid for more than 398 days. */
const serverValidity = 397 * day;
const renewBefore = 30 * day;
/** AWS IoT: certificates that it issues expire at midnight UTC on December 31, 2049. */
const endOf2049 = Date.UTC(2049, 11, 31, 23, 59, 59);

interface Authority {
  readonly rootPem: string;
  readonly subject: x509.Name;
  readonly signingKey: webcrypto.CryptoKey;
  readonly publicKey: x509.PublicKey;
}

/**
 * The authority kept in `folder` as `ca.key` and `ca.pem`, made at the first start; `ca.pem` is what TLS servers and
 * clients take as `ca`. The server certificate (`server.key`, `server.pem`) names `names`, localhost and
 * 127.0.0.1, and is made anew when the names change or fewer than 30 days are left. Throws
 * `CERTIFICATE_AUTHORITY_DAMAGED` when one of the two files of the authority is lost or they do not belong together.
 */
export async function openCertificateAuthority(options: {
  readonly folder: string;
  readonly names: readonly string[];
  readonly clock: Clock;
}): Promise<CertificateAuthority> {
  const { folder, clock } = options;
  const names = serverNames(options.names);
  await ensureFolder(folder, 0o700);
  const authority = await openAuthority(folder, clock);
  let turn: Promise<unknown> = Promise.resolve();

  async function serverCertificate() {
    const kept = await readServer(folder);
    if (kept && (await isGood(kept, authority, names, clock.now()))) return kept;
    const made = await issueServer(authority, names, clock.now());
    await writeFileAtomic(join(folder, 'server.key'), made.privateKeyPem);
    await writeFileAtomic(join(folder, 'server.pem'), made.certificateChainPem);
    return made;
  }

  return {
    rootPem: authority.rootPem,
    issueClient: ({ notAfter = endOf2049 } = {}) => issueClient(authority, clock.now(), notAfter),
    issueForCsr: (csrPem) => issueForCsr(authority, csrPem, clock.now()),
    serverCertificate() {
      // One after the other: two that renew at once would leave the key of one and the certificate of the other.
      const next = turn.then(serverCertificate, serverCertificate);
      turn = next.catch(() => {});
      return next;
    },
  };
}

async function openAuthority(folder: string, clock: Clock): Promise<Authority> {
  const keyFile = join(folder, 'ca.key');
  const rootFile = join(folder, 'ca.pem');
  let keyPem = await readIfThere(keyFile);
  let rootPem = await readIfThere(rootFile);
  if (keyPem === undefined && rootPem !== undefined) throw damaged(`${keyFile} is missing`);
  if (keyPem === undefined || rootPem === undefined) {
    // A key without a certificate is a first start that was cut short: nothing was issued by it.
    const keys = toPem(await generate('ec', { namedCurve: 'P-256' }));
    keyPem = keys.privateKey;
    rootPem = await issueRoot(keys, clock.now());
    await writeFileAtomic(keyFile, keyPem);
    await writeFileAtomic(rootFile, rootPem, 0o644);
  }
  try {
    const root = new x509.X509Certificate(rootPem);
    if (!new X509Certificate(rootPem).checkPrivateKey(createPrivateKey(keyPem))) {
      throw new Error(`${keyFile} is not the key of ${rootFile}`);
    }
    return { rootPem, subject: root.subjectName, signingKey: await importKey(keyPem), publicKey: root.publicKey };
  } catch (error) {
    throw damaged(error instanceof Error ? error.message : String(error), error);
  }
}

function damaged(reason: string, cause?: unknown): Fault {
  return new Fault('CERTIFICATE_AUTHORITY_DAMAGED', `the certificate authority cannot be read: ${reason}`, { cause });
}

async function issueRoot(keys: { publicKey: string; privateKey: string }, now: number): Promise<string> {
  const publicKey = new x509.PublicKey(keys.publicKey);
  // Its own name for each authority: a client that trusts two of them tells them apart by subject.
  const name = `CN=Greensward Root ${createHash('sha256').update(keys.publicKey).digest('hex').slice(0, 16)}`;
  const root = await x509.X509CertificateGenerator.create({
    subject: name,
    issuer: name,
    publicKey,
    signingKey: await importKey(keys.privateKey),
    signingAlgorithm,
    notBefore: new Date(now - backdated),
    notAfter: new Date(endOf2049),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return pem(root);
}

async function issueClient(authority: Authority, now: number, notAfter: number): Promise<KeyAndCertificate> {
  const keys = toPem(await generate('rsa', { modulusLength: 2048 }));
  const subject = 'CN=Greensward Device Certificate';
  const issued = await issueDevice(authority, { subject, publicKeyPem: keys.publicKey, now, notAfter });
  return { privateKeyPem: keys.privateKey, publicKeyPem: keys.publicKey, ...issued };
}

async function issueForCsr(authority: Authority, csrPem: string, now: number) {
  const { subject, publicKeyPem } = await readCertificateRequest(csrPem);
  // A certificate that names our own authority as its subject would look like one that signs.
  if (subject.toString() === authority.subject.toString()) {
    throw new Fault(
      'CertificateValidationException',
      'The subject of the certificate request is that of the authority.',
    );
  }
  return issueDevice(authority, { subject, publicKeyPem, now, notAfter: endOf2049 });
}

async function issueDevice(
  authority: Authority,
  wanted: { subject: string | x509.Name; publicKeyPem: string; now: number; notAfter: number },
): Promise<Pick<KeyAndCertificate, 'certificatePem' | 'certificateId'>> {
  const { subject, publicKeyPem, now, notAfter } = wanted;
  const usages = x509.KeyUsageFlags.digitalSignature;
  const certificate = await issue(authority, {
    subject,
    publicKeyPem,
    notBefore: now - backdated,
    notAfter,
    extensions: [
      new x509.KeyUsagesExtension(usages, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
    ],
  });
  return {
    certificatePem: pem(certificate),
    certificateId: createHash('sha256').update(new Uint8Array(certificate.rawData)).digest('hex'),
  };
}

interface ServerCertificate {
  readonly privateKeyPem: string;
  readonly certificateChainPem: string;
}

async function issueServer(authority: Authority, names: readonly string[], now: number): Promise<ServerCertificate> {
  const keys = toPem(await generate('ec', { namedCurve: 'P-256' }));
  const leaf = await issue(authority, {
    subject: 'CN=Greensward',
    publicKeyPem: keys.publicKey,
    notBefore: now - backdated,
    notAfter: now - backdated + serverValidity,
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => ({ type: isIP(name) === 0 ? 'dns' : 'ip', value: name })),
      ),
    ],
  });
  return { privateKeyPem: keys.privateKey, certificateChainPem: `${pem(leaf)}${authority.rootPem}` };
}

async function issue(
  authority: Authority,
  wanted: {
    subject: string | x509.Name;
    publicKeyPem: string;
    notBefore: number;
    notAfter: number;
    extensions: readonly x509.Extension[];
  },
): Promise<x509.X509Certificate> {
  const publicKey = new x509.PublicKey(wanted.publicKeyPem);
  // The library takes 16 random bytes as the serial number.
  return await x509.X509CertificateGenerator.create({
    subject: wanted.subject,
    issuer: authority.subject,
    publicKey,
    signingKey: authority.signingKey,
    signingAlgorithm,
    notBefore: new Date(wanted.notBefore),
    notAfter: new Date(wanted.notAfter),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      ...wanted.extensions,
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
    ],
  });
}

async function readServer(folder: string): Promise<ServerCertificate | undefined> {
  const privateKeyPem = await readIfThere(join(folder, 'server.key'));
  const certificateChainPem = await readIfThere(join(folder, 'server.pem'));
  if (privateKeyPem === undefined || certificateChainPem === undefined) return undefined;
  return { privateKeyPem, certificateChainPem };
}

/** A certificate that is damaged, of another authority or of another key is replaced like one that is too old. */
async function isGood(kept: ServerCertificate, authority: Authority, names: readonly string[], now: number) {
  try {
    const leaf = new x509.X509Certificate(kept.certificateChainPem);
    const plain = new X509Certificate(leaf.toString('pem'));
    const found = leaf.getExtension(x509.SubjectAlternativeNameExtension)?.names.items.length;
    const covers = (name: string) => (isIP(name) === 0 ? plain.checkHost(name) : plain.checkIP(name)) !== undefined;
    const sameNames = found === names.length && names.every(covers);
    const inTime = leaf.notBefore.getTime() <= now && leaf.notAfter.getTime() - now > renewBefore;
    const ofKey = plain.checkPrivateKey(createPrivateKey(kept.privateKeyPem));
    return sameNames && inTime && ofKey && (await leaf.verify({ publicKey: authority.publicKey, signatureOnly: true }));
  } catch {
    return false;
  }
}

/** Lower case, without the brackets of an IPv6 address, each once. */
function serverNames(names: readonly string[]): readonly string[] {
  const plain = names.map((name) => name.replace(/^\[(.*)\]$/, '$1').toLowerCase());
  return [...new Set([...plain, 'localhost', '127.0.0.1'])];
}

function toPem(keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }) {
  return {
    publicKey: keys.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privateKey: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

async function importKey(privateKeyPem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(privateKeyPem).export({ type: 'pkcs8', format: 'der' });
  return await webcrypto.subtle.importKey('pkcs8', der, curve, false, ['sign']);
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
