// The device runtime as a program: `main.ts --root DIR [--config FILE]`; `main.ts explain --root DIR [COMPONENT [POINTER]]`. Exit codes: 0 stopped, 1 failed, 2 wrong usage, 100 to be started again, 101 stopped for a reboot.
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Fault, type JsonObject, type Log, messageOf } from '@greensward/kit';
import { syncFolder, systemClock, systemIds, systemTimers } from '@greensward/kit/node';
import type { DeviceConfig } from './configuration/device-config.ts';
import { readDeviceConfig } from './configuration/read-device-config.ts';
import { runtimeVersion } from './configuration/runtime-version.ts';
import type { Restart } from './deployment/stages.ts';
import { launchFile } from './launch/launch-record.ts';
import { createLaunchedRuntimes } from './launch/launched-runtimes.ts';
import { becomeFresh, deployedVersion, startDeployed } from './launch/start-deployed.ts';
import { createRuntimeLog } from './lifecycle/runtime-log.ts';
import { type Nucleus, startNucleus } from './nucleus.ts';
import { createLinuxPlatform } from './platform/linux/linux-platform.ts';
import { createServiceNotifier } from './service-notifier.ts';
import { storeVersion } from './store/device-store.ts';
import type { ServiceEndpoints } from './uplink/aws-call.ts';
import { readTlsMaterial, type TlsMaterial } from './uplink/tls-material.ts';

/** After the command to reboot the operating system ends us within this time, or there was no reboot. */
const rebootWaitMs = 60_000;

function readArguments(args: readonly string[]): { root: string; config: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { root: { type: 'string' }, config: { type: 'string' } },
    });
    if (values.root === undefined) throw new Error('--root DIR is required');
    const root = resolve(values.root);
    return { root, config: values.config === undefined ? join(root, 'config.yaml') : resolve(values.config) };
  } catch (error) {
    throw new Fault('Usage', messageOf(error));
  }
}

function makeFolders(root: string): void {
  // Component users pass through these folders, whatever umask the runtime was started with; what is private says so itself.
  process.umask(0o022);
  for (const [folder, mode] of [
    ['', 0o755],
    ['config', 0o700],
    ['run', 0o700],
    ['logs', 0o700],
    ['packages', 0o755],
    ['work', 0o755],
  ] as const) {
    mkdirSync(join(root, folder), { recursive: true, mode });
    // One that was there may be open to others, and with it the store, the record of processes and the logs.
    if (mode === 0o700) chmodSync(join(root, folder), mode);
  }
}

function readConfigFile(configFile: string): string {
  try {
    return readFileSync(configFile, 'utf8');
  } catch (cause) {
    throw new Fault(
      'NoConfig',
      `${configFile} cannot be read: make it with sward provision, or write {} to it for a device without a cloud`,
      { cause },
    );
  }
}

/** Undefined for a device without a cloud, which proves itself to nobody. */
async function tlsOf(config: DeviceConfig): Promise<TlsMaterial | undefined> {
  return config.offline ? undefined : readTlsMaterial(config);
}

/** `main.ts check`: says what this build is, once it has seen that it could start here. Nothing is written. */
async function check(): Promise<void> {
  const { root, config: configFile } = readArguments(process.argv.slice(3));
  await tlsOf(readDeviceConfig(readConfigFile(configFile), { root }));
  process.stdout.write(`${JSON.stringify({ version: runtimeVersion, store: storeVersion })}\n`);
}

async function main(): Promise<void> {
  const { root, config: configFile } = readArguments(process.argv.slice(2));
  const text = readConfigFile(configFile);
  const version = deployedVersion();
  if (version === undefined && (await startDeployed(root))) return;
  const readConfig = (nucleus: JsonObject) => readDeviceConfig(text, { root, nucleus, version });
  const config = readConfig({});
  makeFolders(root);
  // Or a power cut could take the store with its folder.
  await syncFolder(root);
  let current: Nucleus | undefined;
  const log = createRuntimeLog({
    folder: join(root, 'logs'),
    clock: systemClock,
    timers: systemTimers,
    settings: () => (current?.config() ?? config).logging,
    // A disk that takes no more must not end the components.
    onFailure: (reason) => console.error(`the log cannot be written: ${reason}`),
  });
  const tls = await tlsOf(config);
  if (config.offline)
    log.warn('config.yaml names no cloud: the device takes local deployments only', { file: configFile });
  else if ((statSync(config.privateKeyPath).mode & 0o077) !== 0)
    log.warn('the private key can be read by others than its owner', { file: config.privateKeyPath });

  const service = createServiceNotifier({ environment: process.env, timers: systemTimers, log });
  let starting: Promise<Nucleus> | undefined;
  let stopping = false;
  const stop = (code: number) => {
    if (stopping) return;
    stopping = true;
    log.info('stopping');
    service.stopping();
    // What is still starting is stopped once it has started: its components are processes of their own.
    Promise.resolve(starting)
      .then((nucleus) => nucleus?.stop())
      .then(
        () => process.exit(code),
        (error: unknown) => {
          log.error('stopping failed', { reason: messageOf(error) });
          process.exit(1);
        },
      );
  };
  process.on('SIGTERM', () => stop(0));
  process.on('SIGINT', () => stop(0));
  process.on('disconnect', () => stop(0)); // The parent is gone.
  if (process.send !== undefined && !process.connected) return stop(0); // It was gone before we listened.
  const builds = createLaunchedRuntimes({
    file: launchFile(root),
    timers: systemTimers,
    args: ['--root', root, '--config', configFile],
    storeVersion,
  });
  const start = async (): Promise<Nucleus> => {
    const nucleus = await startNucleus({
      rootPath: root,
      readConfig,
      tls,
      platform: createLinuxPlatform({ timers: systemTimers, log, device: root, path: process.env['PATH'] ?? '' }),
      clock: systemClock,
      timers: systemTimers,
      ids: systemIds,
      log,
      uid: process.getuid?.() ?? 0,
      environment: inheritedEnvironment(),
      serviceEndpoints: serviceEndpoints(),
      onFatal: (error) => {
        log.error('the runtime cannot go on', { reason: messageOf(error) });
        console.error(`the runtime cannot go on: ${messageOf(error)}`);
        stop(1);
      },
      onRestart: restart,
      builds,
    });
    current = nucleus;
    nucleus.onConnection((connected) => {
      if (connected && process.connected) process.send?.({ kind: 'ready', thing: config.thingName });
    });
    return nucleus;
  };
  /** In this process: whoever started it keeps its child, and nothing is lost when nobody would start it again. */
  const restart = (kind: Restart) => {
    if (stopping) return;
    if (kind === 'reboot') return reboot();
    if (kind === 'replace') return replace();
    starting = Promise.resolve(starting).then(async (nucleus) => {
      await nucleus?.stop();
      return start();
    });
    starting.catch((error: unknown) => {
      log.error('the runtime cannot start again', { reason: messageOf(error) });
      console.error(messageOf(error));
      process.exit(1);
    });
  };
  /** Starts as a program again, which may be another build: as this process, or by whoever started us. */
  const replace = () => {
    stopping = true;
    let asked = false;
    const onAsked = () => {
      asked = true;
    };
    process.on('SIGTERM', onAsked);
    process.on('SIGINT', onAsked);
    const stopped = Promise.resolve(starting).then((nucleus) => nucleus?.stop());
    void stopped
      .catch((error: unknown) => log.error('stopping failed', { reason: messageOf(error) }))
      .finally(() => {
        // Who asked us to end meanwhile means what would start, too.
        if (asked) process.exit(0);
        becomeFresh();
        process.exit(100);
      });
  };
  /** Ends with 101 once the operating system ends us; should it not, so that whoever starts us again goes on. */
  const reboot = () => {
    const command = (current?.config() ?? config).rebootCommand;
    stopping = true;
    service.stopping();
    const end = () => process.exit(101);
    process.on('SIGTERM', end);
    process.on('SIGINT', end);
    Promise.resolve(starting)
      .then((nucleus) => nucleus?.stop())
      .then(() => runReboot(command, log))
      .then(() => {
        systemTimers.after(rebootWaitMs, () => {
          log.error('the device has not rebooted', { command });
          end();
        });
      })
      .catch((error: unknown) => {
        log.error('the device cannot be rebooted', { command, reason: messageOf(error) });
        console.error(`the device cannot be rebooted: ${messageOf(error)}`);
        end();
      });
  };
  starting = start();
  await starting;
  service.ready(config.offline ? 'a device without a cloud' : `core device ${config.thingName}`);
  // For a person who started it: a parent is told by its channel, and nothing more comes on this way.
  if (process.send === undefined) {
    const what = config.offline ? 'the device, without a cloud,' : `core device ${config.thingName}`;
    console.log(`${what} runs; its log is ${join(root, 'logs', 'greengrass.log')}`);
  }
  // There is no connection to wait for.
  if (config.offline && process.connected) process.send?.({ kind: 'ready', thing: '' });
  log.info('device runtime started', { thing: config.thingName, version: config.nucleusVersion, pid: process.pid });
}

/** Resolves when the command has ended well; it may end us before. */
function runReboot([program = '', ...args]: readonly string[], log: Log): Promise<void> {
  log.warn('rebooting the device', { program, args });
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'ignore' });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ended with ${code ?? signal}`));
    });
  });
}

function inheritedEnvironment(): Record<string, string> {
  const inherited: Record<string, string> = {};
  for (const name of ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'USER', 'LOGNAME', 'SHELL']) {
    const value = process.env[name];
    if (value !== undefined) inherited[name] = value;
  }
  return inherited;
}

/** The variables by which every AWS SDK is told of services elsewhere. */
function serviceEndpoints(): ServiceEndpoints {
  const all = process.env['AWS_ENDPOINT_URL'];
  const s3 = process.env['AWS_ENDPOINT_URL_S3'] ?? all;
  const ecr = process.env['AWS_ENDPOINT_URL_ECR'] ?? all;
  return { ...(s3 ? { s3 } : {}), ...(ecr ? { ecr } : {}) };
}

// Nothing else may keep the process alive, and nothing must let it die while it waits for the network.
if (process.argv[2] !== 'explain' && process.argv[2] !== 'check') setInterval(() => {}, 0x7fffffff);

try {
  if (process.argv[2] === 'explain') {
    const { explain } = await import('./explain-main.ts');
    explain(process.argv.slice(3), (text) => process.stdout.write(text));
    process.exitCode = 0;
  } else if (process.argv[2] === 'check') await check();
  else await main();
} catch (error) {
  console.error(messageOf(error));
  // At once: the channel to a parent and what has been opened would keep the process.
  process.exit(error instanceof Fault && error.code === 'Usage' ? 2 : 1);
}
