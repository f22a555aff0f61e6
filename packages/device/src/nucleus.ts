import { join } from 'node:path';
import { type Clock, type Ids, type Log, messageOf, type Timers } from '@greensward/kit';
import { createComponentFiles } from './components/component-files.ts';
import { createLocalFolders } from './components/local-folders.ts';
import { retrying } from './components/retrying.ts';
import type { DeviceConfig } from './configuration/device-config.ts';
import { withSetRecipes } from './deployment/local-components.ts';
import { createLocalDeployments } from './deployment/local-deployments.ts';
import { DeploymentRunner } from './deployment/runner.ts';
import type { SpecContext } from './deployment/specs.ts';
import { type LocalControl, startLocalControl } from './ipc/local-control.ts';
import { createComponentLogs } from './lifecycle/component-logs.ts';
import { createLifecycle } from './lifecycle/lifecycle-engine.ts';
import { openProcessRecord } from './lifecycle/process-record.ts';
import type { Platform } from './platform/platform.ts';
import type { DeviceFacts } from './status/fleet-message.ts';
import { StatusReporter } from './status/reporter.ts';
import { openDeviceStore } from './store/device-store.ts';
import { createDataPlane } from './uplink/https-data-plane.ts';
import { createUplink } from './uplink/mqtt-uplink.ts';
import type { TlsMaterial } from './uplink/tls-material.ts';

/** The component by which a device runtime reports itself. */
const nucleusComponent = 'aws.greengrass.Nucleus';

/** A stage that waits for the network tries this long without progress before its deployment fails. */
const networkLimitMs = 24 * 3_600_000;

export interface NucleusDeps {
  readonly config: DeviceConfig;
  readonly tls: TlsMaterial;
  readonly platform: Platform;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly ids: Ids;
  readonly log: Log;
  /** The user that the runtime runs as, who may give it orders on this machine. */
  readonly uid: number;
  /** The environment that components inherit, as the runtime itself has it. */
  readonly environment: Readonly<Record<string, string>>;
  /** The runtime cannot go on; it is to end, and to be started again. */
  readonly onFatal: (error: unknown) => void;
}

/** A device runtime at work. */
export interface Nucleus {
  onConnection(listener: (connected: boolean) => void): void;
  /** Stops every component, delivers nothing more, and closes the store. */
  stop(): Promise<void>;
}

/**
 * Connects the rooms of the device runtime and starts it: first it ends what a runtime before it left running, then the
 * components of its last verified set run, then it goes on with the deployment it was at and connects to the cloud. It
 * works offline from what it has.
 *
 * @throws Fault `STORE_IN_USE`, `STORE_NEWER` or `STORE_CORRUPT`.
 */
export async function startNucleus(deps: NucleusDeps): Promise<Nucleus> {
  const { config, tls, platform, clock, timers, ids, log } = deps;
  const store = openDeviceStore(join(config.rootPath, 'config', 'device.db'));
  const processes = openProcessRecord(join(config.rootPath, 'run', 'processes.json'), log);
  await platform.endLeftovers(processes.leftovers);

  const dataPlane = createDataPlane({ config, tls, log, timers });
  const uplink = createUplink({ config, tls, log, timers, ids });
  const disk = createComponentFiles({
    root: config.rootPath,
    dataPlane,
    platform,
    log,
    timers,
    ids,
    retryLimitMs: networkLimitMs,
  });
  const files = withSetRecipes(disk, store);
  const folders = createLocalFolders({ root: config.rootPath, platform });
  const logs = createComponentLogs({ folder: join(config.rootPath, 'logs'), clock, timers, log });
  const lifecycle = createLifecycle({
    platform,
    timers,
    clock,
    log,
    componentLog: (name) => logs.log(name),
    onProcesses: (leftovers) => processes.save(leftovers),
    shell: config.posixShell,
  });
  const environment = componentEnvironment(config, deps.environment);
  const attributes = platform.attributes();

  const specContext = (recipe: SpecContext['recipe']): SpecContext => ({
    recipe,
    paths: files.paths,
    attributes,
    environment,
    rootPath: config.rootPath,
    thingName: config.thingName,
    onUnresolved: (component, placeholder) =>
      log.warn('a recipe variable stands for nothing', { component, placeholder }),
    ...(config.posixUser === undefined ? {} : { defaultUser: config.posixUser }),
  });
  const runner = new DeploymentRunner({
    store,
    lifecycle,
    files,
    folders,
    dataPlane,
    region: config.region,
    attributes,
    nucleus: { component: nucleusComponent, version: config.nucleusVersion },
    running: (name) => store.components().get(name)?.version,
    retrying: (work, signal) =>
      retrying({ timers, ids, log, retryLimitMs: networkLimitMs }, 'a call to the cloud', signal, work),
    specContext,
    onIgnored: (component, pointers) => log.warn('merged values lost to newer local ones', { component, pointers }),
    onOwed: () => reporter.deliver(),
    onFatal: deps.onFatal,
    log,
  });
  const facts: DeviceFacts = {
    thing: config.thingName,
    nucleusComponent,
    nucleusVersion: config.nucleusVersion,
    platform: attributes['os'] ?? 'unknown',
    architecture: attributes['architecture'] ?? 'unknown',
  };
  const reporter = new StatusReporter({
    facts,
    store,
    uplink,
    lifecycle: {
      statuses: () => [...lifecycle.statuses(), ...runner.unloadable()],
      onChange: (listener) => lifecycle.onChange(listener),
    },
    deploying: () => store.isChanging(),
    clock,
    timers,
    chance: () => new DataView(Uint8Array.from(ids.random(4)).buffer).getUint32(0) / 2 ** 32,
    log,
  });

  uplink.onArrival((arrival) => runner.arrive(arrival));
  runner.start();
  reporter.start();
  uplink.start();

  const statuses = () => [...lifecycle.statuses(), ...runner.unloadable()];
  const control = await startLocalControl({
    rootPath: config.rootPath,
    uid: deps.uid,
    store,
    deployments: createLocalDeployments({
      store,
      arrive: (arrival) => runner.arrive(arrival),
      checkFolders: (recipes, artifacts) => folders.check(recipes, artifacts),
      clock,
      ids,
    }),
    statuses,
    request: (component, request) => lifecycle.request(component, request),
    nucleus: { component: nucleusComponent, version: config.nucleusVersion },
    timers,
    ids,
    log,
  }).catch((error: unknown): LocalControl => {
    // Components are worth more than orders given beside them.
    log.error('the command line cannot reach this runtime', { reason: messageOf(error) });
    return { close: async () => {} };
  });

  return {
    onConnection: (listener) => void uplink.onConnection(listener),
    async stop() {
      await control.close();
      // All at once: a status that waits for its answer ends with the uplink, a deployment that removes a component with the
      // lifecycle. Each takes nothing new from here on.
      await Promise.all([reporter.stop(), runner.stop(), uplink.stop(), lifecycle.stop()]);
      logs.close();
      store.close();
    },
  };
}

/** What every component process gets besides its recipe's Setenv (device runtime: environment of a component process). */
function componentEnvironment(
  config: DeviceConfig,
  inherited: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const folders = new Set([...(inherited['PATH'] ?? '').split(':'), '/usr/bin', '/bin', '/usr/sbin', '/sbin']);
  folders.delete('');
  return {
    ...inherited,
    PATH: [...folders].join(':'),
    AWS_REGION: config.region,
    AWS_DEFAULT_REGION: config.region,
    AWS_IOT_THING_NAME: config.thingName,
    GGC_VERSION: config.nucleusVersion,
    GG_ROOT_CA_PATH: config.rootCaPath,
  };
}
