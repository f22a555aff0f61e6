import { chmod, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, type Log, messageOf } from '@greensward/kit';
import { ensureFolder, systemClock, systemIds, systemTimers, writeFileAtomic } from '@greensward/kit/node';
import { listenTls } from '@greensward/mqtt/server';
import manifest from '../package.json' with { type: 'json' };
import { createArtifactUrls } from './adapters/artifact-urls.ts';
import { createBus } from './adapters/bus.ts';
import { openCertificateAuthority } from './adapters/certificates/certificate-authority.ts';
import { openContentStore } from './adapters/content/content-store.ts';
import { lockFolder } from './adapters/lock-folder.ts';
import { createOwnershipTokens } from './adapters/ownership-tokens.ts';
import { openPostgres } from './adapters/postgres/postgres.ts';
import { recordingStorage } from './adapters/recording-storage.ts';
import { createSessionCredentials } from './adapters/session-credentials.ts';
import { openSqlite } from './adapters/sqlite/sqlite.ts';
import type { App } from './app/app.ts';
import type { Account } from './app/context.ts';
import { createApp } from './app/create-app.ts';
import { tokenExchangeRoleAlias } from './domain/access/role-alias.ts';
import type { TlsCertificate } from './http/listener.ts';
import { createApiServer, createDeviceServer } from './http/servers.ts';
import { openDeviceBroker } from './mqtt/device-broker.ts';
import { createSessionStorage } from './mqtt/session-storage.ts';
import type { ArtifactUrls } from './ports/artifact-urls.ts';
import type { CertificateAuthority } from './ports/certificate-authority.ts';
import type { AccessKey, Storage } from './ports/storage.ts';
import { isLoopback, type Settings } from './settings.ts';
import { createScheduler, type Task } from './tasks/scheduler.ts';
import { startTasks } from './tasks/tasks.ts';

/** A running cloud. */
export interface Cloud {
  readonly ports: Ports;
  /** What clients of the AWS APIs connect to. */
  readonly endpoint: string;
  readonly account: Account;
  /** Stops listening, lets running work end, and gives the data folder back. */
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly log: Log;
  /** What stands between the cloud and its database, for example to make it slower in a bench. */
  readonly storage?: (opened: Storage) => Storage;
}

interface Ports {
  readonly apiPort: number;
  readonly devicePort: number;
  readonly mqttPort: number;
}

/** What has to be undone, last thing first. */
type Closers = (() => unknown)[];

/**
 * Opens the data folder and the ports, and starts the background tasks; the profile for AWS clients is in `aws/` when
 * this resolves. Fails with a Fault of one clear line, having undone what was done: `DATA_FOLDER_UNUSABLE`, `DATA_FOLDER_IN_USE`,
 * `DATA_FOLDER_NEWER`, `DATABASE_CORRUPT`, `DATABASE_UNREACHABLE`, `PORT_IN_USE`, `LISTEN_FAILED`.
 */
export async function startCloud(settings: Settings, options: StartOptions): Promise<Cloud> {
  const closers: Closers = [];
  const stop = async () => {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
  };
  try {
    return { ...(await construct(settings, options, closers)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function construct(
  settings: Settings,
  { log, storage: between = (opened) => opened }: StartOptions,
  closers: Closers,
): Promise<Omit<Cloud, 'stop'>> {
  const { dataFolder, host, names } = settings;
  const [clock, ids, timers] = [systemClock, systemIds, systemTimers];
  const account: Account = { accountId: settings.accountId, region: settings.region, partition: 'aws' };
  await ensureFolder(dataFolder, 0o700).catch((cause: unknown) => {
    throw new Fault('DATA_FOLDER_UNUSABLE', `--data: ${dataFolder} cannot be made: ${messageOf(cause)}`, { cause });
  });
  closers.push(lockFolder(dataFolder));
  const bus = createBus(log);
  const { storage, audit } = recordingStorage(between(await openStorage(settings, log)), bus);
  closers.push(() => storage.close());
  const content = await openContentStore(join(dataFolder, 'content'));
  const authority = await openCertificateAuthority({ folder: join(dataFolder, 'ca'), names, clock });
  const secret = await secretFile(dataFolder, 'artifact-urls.key');
  const sessionSecret = await secretFile(dataFolder, 'sessions.key');
  const tokens = createOwnershipTokens({ secret: await secretFile(dataFolder, 'ownership-tokens.key'), clock });

  // URLs and answers name ports that are known only once the listeners have them.
  const ports = { apiPort: 0, devicePort: 0, mqttPort: 0 };
  const urlsNow = () => createArtifactUrls({ secret, names, port: ports.devicePort, clock });
  const urls: ArtifactUrls = {
    sign: (artifact, name) => urlsNow().sign(artifact, name),
    verify: (path, query) => urlsNow().verify(path, query),
  };
  const endpoints = {
    names,
    rootPem: authority.rootPem,
    get devicePort() {
      return ports.devicePort;
    },
    get mqttPort() {
      return ports.mqttPort;
    },
  };
  const sessions = createSessionCredentials({ secret: sessionSecret, ids });
  const deps = { storage, content, authority, urls, sessions, tokens, bus, clock, ids, log, account };
  const app = createApp(deps);
  await ensureRoleAlias(app, account);
  await app.fleetIndex.disconnectAll();

  const server = await authority.serverCertificate();
  const tls = { key: server.privateKeyPem, cert: server.certificateChainPem };
  const broker = await openDeviceBroker({ app, bus, clock, log, timers, ids, sessions: createSessionStorage(storage) });
  closers.push(() => broker.close());
  const admit = async (certificate: Uint8Array) => (await app.access.device(certificate)) !== undefined;
  const mqttOptions = { ...tls, admit, host, port: settings.mqttPort, log };
  const mqtt = await asked('--mqtt-port', settings.mqttPort, host, listenTls(broker.server, mqttOptions));
  closers.push(() => mqtt.close());
  ports.mqttPort = mqtt.port;

  const http = { app, account, endpoints, audit, clock, ids, timers, log };
  const devices = createDeviceServer(http, tls);
  closers.push(() => devices.close());
  ports.devicePort = await asked('--device-port', settings.devicePort, host, devices.listen(host, settings.devicePort));

  const secure = !isLoopback(host) && !settings.insecure;
  const api = createApiServer({ ...http, version: manifest.version }, secure ? tls : undefined);
  closers.push(() => api.close());
  ports.apiPort = await asked('--api-port', settings.apiPort, host, api.listen(host, settings.apiPort));

  const tasks = startTasks({ ...deps, timers, retention: settings.retention });
  closers.push(() => tasks.stop());
  const renewal = createScheduler(
    keepCertificate(authority, tls, (renewed) => {
      mqtt.setCertificates(renewed);
      for (const listener of [devices, api]) listener.setCertificate(renewed);
      log.info('the server certificate was renewed');
    }),
    { timers, clock, log, chance: () => 0 },
  );
  closers.push(() => renewal.stop());

  const endpoint = endpointOf(settings, ports.apiPort, secure);
  const key = await accessKey(storage);
  await writeProfile(settings, endpoint, secure, key);
  return { ports, endpoint, account };
}

/** A cloud that runs for a year renews its server certificate before that expires, and its listeners take the new one. */
function keepCertificate(
  authority: CertificateAuthority,
  used: TlsCertificate,
  onRenewed: (renewed: TlsCertificate) => void,
): Task {
  let current = used.cert;
  return {
    name: 'server-certificate',
    maxIdleMs: 24 * 3_600_000,
    async tick() {
      const { certificateChainPem: cert, privateKeyPem: key } = await authority.serverCertificate();
      if (cert !== current) onRenewed({ key, cert });
      current = cert;
      return {};
    },
  };
}

async function openStorage({ databaseUrl, dataFolder }: Settings, log: Log): Promise<Storage> {
  if (databaseUrl !== undefined) return openPostgres({ url: databaseUrl, log });
  const file = join(dataFolder, 'greensward.db');
  // It holds the secrets of access keys, and the data folder may be one that others can look into. SQLite gives its
  // other files the mode of this one.
  await (await open(file, 'a', 0o600)).close();
  await chmod(file, 0o600);
  return openSqlite({ file, log });
}

/** Names the option in the failure to listen, and what to do. */
async function asked<T>(option: string, port: number, host: string, listening: Promise<T>): Promise<T> {
  try {
    return await listening;
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    const { cause: system } = cause;
    switch (system instanceof Error && 'code' in system ? system.code : undefined) {
      case 'EADDRINUSE':
        throw new Fault('PORT_IN_USE', `port ${port} is in use: choose another with ${option}`, { cause });
      case 'EACCES':
        throw new Fault('LISTEN_FAILED', `${option}: this user may not listen on port ${port}`, { cause });
      case 'EADDRNOTAVAIL':
      case 'ENOTFOUND':
      case 'EAI_AGAIN':
        throw new Fault('LISTEN_FAILED', `--host: ${host} is not an address of this machine`, { cause });
      default:
        throw new Fault('LISTEN_FAILED', `${option}: ${cause.message}`, { cause });
    }
  }
}

/** What URLs and temporary credentials are signed with: made once, so that they outlive a restart. */
async function secretFile(dataFolder: string, name: string): Promise<Uint8Array> {
  const folder = join(dataFolder, 'secrets');
  const file = join(folder, name);
  await ensureFolder(folder, 0o700);
  try {
    return await readFile(file);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    const secret = systemIds.random(32);
    await writeFileAtomic(file, secret, 0o600);
    return secret;
  }
}

/** A cloud without any role alias gets the one that the configurations of devices name. */
async function ensureRoleAlias({ roleAliases }: App, { partition, accountId }: Account): Promise<void> {
  if ((await roleAliases.list({ limit: 1 }, true)).items.length > 0) return;
  const roleArn = `arn:${partition}:iam::${accountId}:role/GreengrassV2TokenExchangeRole`;
  await roleAliases.create({ name: tokenExchangeRoleAlias, roleArn });
}

/** The key of the profile, made at the first start. */
async function accessKey(storage: Storage): Promise<AccessKey> {
  return storage.write(async (tx) => {
    const [known] = await tx.accessKeys.list();
    if (known !== undefined) return known;
    const id = `AKIA${[...systemIds.random(16)].map((byte) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[byte % 32]).join('')}`;
    const secret = Buffer.from(systemIds.random(30)).toString('base64');
    const made = { id, secret, createdAt: systemClock.now() };
    await tx.accessKeys.insert(made);
    return made;
  });
}

function endpointOf({ host, names }: Settings, port: number, secure: boolean): string {
  const name = isLoopback(host) ? host : names[0];
  return `${secure ? 'https' : 'http'}://${name.includes(':') ? `[${name}]` : name}:${port}`;
}

/** `aws/config` and `aws/credentials` with the profile `greensward`: written anew at each start, as ports may change. */
async function writeProfile(settings: Settings, endpoint: string, secure: boolean, key: AccessKey): Promise<void> {
  const folder = join(settings.dataFolder, 'aws');
  await ensureFolder(folder, 0o700);
  const config = [
    '[profile greensward]',
    `region = ${settings.region}`,
    `endpoint_url = ${endpoint}`,
    ...(secure ? [`ca_bundle = ${join(settings.dataFolder, 'ca', 'ca.pem')}`] : []),
    'output = json',
    's3 =',
    '  addressing_style = path',
    // Multipart uploads are not served: one PUT carries up to 5 GB.
    '  multipart_threshold = 5GB',
  ];
  const credentials = ['[greensward]', `aws_access_key_id = ${key.id}`, `aws_secret_access_key = ${key.secret}`];
  await writeFileAtomic(join(folder, 'config'), `${config.join('\n')}\n`, 0o600);
  await writeFileAtomic(join(folder, 'credentials'), `${credentials.join('\n')}\n`, 0o600);
}
