import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Fault, messageOf } from '@greensward/kit';
import type { DeviceConfig } from '../configuration/device-config.ts';

/** What the device proves itself with and whom it trusts; PEM texts. */
export interface TlsMaterial {
  /** The device's certificate, leaf first, then intermediates. */
  readonly cert: string;
  readonly key: string;
  /** One or more certificates of authorities. */
  readonly ca: string;
}

/** Reads the three files of the configuration. Throws a Fault `DEVICE_CONFIG_NOT_VALID` that names the key and the file. */
export async function readTlsMaterial(
  config: Pick<DeviceConfig, 'certificatePath' | 'privateKeyPath' | 'rootCaPath'>,
): Promise<TlsMaterial> {
  const [cert, key, ca] = await Promise.all([
    readPem('system.certificateFilePath', config.certificatePath, (pem) => new X509Certificate(pem)),
    readPem('system.privateKeyPath', config.privateKeyPath, (pem) => createPrivateKey(pem)),
    readPem('system.rootCaPath', config.rootCaPath, (pem) => new X509Certificate(pem)),
  ]);
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
    throw fault('system.privateKeyPath', config.privateKeyPath, 'is not the key of the certificate');
  }
  return { cert, key, ca };
}

async function readPem(name: string, path: string, check: (pem: string) => unknown): Promise<string> {
  let pem: string;
  try {
    pem = await readFile(path, 'utf8');
  } catch (cause) {
    throw fault(name, path, `cannot be read: ${messageOf(cause)}`);
  }
  try {
    check(pem);
  } catch {
    // The reason may quote the file, and a key must not reach a log.
    throw fault(name, path, 'does not hold what it should as unencrypted PEM');
  }
  return pem;
}

function fault(key: string, path: string, problem: string): Fault {
  return new Fault('DEVICE_CONFIG_NOT_VALID', `${key}: ${path} ${problem}`, { context: { key, path } });
}
