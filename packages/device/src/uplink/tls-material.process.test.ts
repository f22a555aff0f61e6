import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '@greensward/kit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeCertificates } from './testing/certificates.ts';
import { readTlsMaterial } from './tls-material.ts';

const { device, server } = makeCertificates('core-01');
let folder: string;
let config: { certificatePath: string; privateKeyPath: string; rootCaPath: string };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greensward-tls-'));
  const file = (name: string) => join(folder, name);
  await writeFile(file('cert'), device.cert);
  await writeFile(file('key'), device.key);
  await writeFile(file('ca'), device.ca);
  await writeFile(file('other'), server.key);
  await writeFile(file('text'), 'not PEM');
  config = { certificatePath: file('cert'), privateKeyPath: file('key'), rootCaPath: file('ca') };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('the three files are read', async () => {
  expect(await readTlsMaterial(config)).toEqual(device);
});

test.each([
  ['certificatePath', 'absent', 'system.certificateFilePath'],
  ['privateKeyPath', 'text', 'system.privateKeyPath'],
  ['privateKeyPath', 'other', 'system.privateKeyPath'],
  ['rootCaPath', 'text', 'system.rootCaPath'],
])('%s that is %s is refused, naming the key', async (key, file, name) => {
  const error: unknown = await readTlsMaterial({ ...config, [key]: join(folder, file) }).catch((reason) => reason);
  expect(error).toBeInstanceOf(Fault);
  expect(error).toMatchObject({ code: 'DEVICE_CONFIG_NOT_VALID', context: { key: name } });
});
