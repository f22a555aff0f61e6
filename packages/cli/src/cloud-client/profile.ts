import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, messageOf } from '@greensward/kit';

/** How to reach and sign for a cloud. */
export interface Profile {
  readonly endpoint: URL;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** PEM of the authority that signed the endpoint's certificate, for an https endpoint. */
  readonly caPem?: string;
}

/**
 * The profile that a cloud wrote into its data folder at first start (`DIR/aws/config` and `DIR/aws/credentials`).
 *
 * @throws Fault `NoProfile` when the folder holds none that can be read.
 */
export async function readProfile(dataFolder: string): Promise<Profile> {
  const [config, credentials] = await Promise.all([
    readIni(join(dataFolder, 'aws', 'config'), 'profile greensward'),
    readIni(join(dataFolder, 'aws', 'credentials'), 'greensward'),
  ]);
  const caBundle = config.get('ca_bundle');
  const endpoint = required(config, 'endpoint_url', dataFolder);
  if (!URL.canParse(endpoint)) {
    throw new Fault('NoProfile', `endpoint_url in ${join(dataFolder, 'aws', 'config')} is no URL: ${endpoint}`);
  }
  return {
    endpoint: new URL(endpoint),
    region: required(config, 'region', dataFolder),
    accessKeyId: required(credentials, 'aws_access_key_id', dataFolder),
    secretAccessKey: required(credentials, 'aws_secret_access_key', dataFolder),
    ...(caBundle === undefined ? {} : { caPem: await readFile(caBundle, 'utf8') }),
  };
}

async function readIni(path: string, wanted: string): Promise<ReadonlyMap<string, string>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const text = missing
      ? `there is no ${path}: start a cloud with this data folder first, or name another with --data`
      : `${path} cannot be read: ${messageOf(cause)}`;
    throw new Fault('NoProfile', text, { cause });
  }
  const values = new Map<string, string>();
  let section = '';
  for (const line of text.split('\n')) {
    const heading = line.match(/^\[(.+)\]\s*$/);
    if (heading) section = heading[1] ?? '';
    const pair = line.match(/^(\w+)\s*=\s*(.*?)\s*$/);
    if (pair && section === wanted) values.set(pair[1] ?? '', pair[2] ?? '');
  }
  return values;
}

function required(values: ReadonlyMap<string, string>, key: string, folder: string): string {
  const value = values.get(key);
  if (value === undefined) throw new Fault('NoProfile', `the profile in ${join(folder, 'aws')} has no ${key}`);
  return value;
}
