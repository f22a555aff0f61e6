import { join } from 'node:path';
import { type Clock, Fault, type Ids, type JsonObject, type Log, messageOf, type Timers } from '@greensward/kit';
import { toJson } from '@greensward/model/configuration';
import { builtinComponents, emptyBuiltins, tokenExchangeService } from './builtin/builtin-components.ts';
import { createComponentFiles } from './components/component-files.ts';
import { createLocalFolders } from './components/local-folders.ts';
import { retrying } from './components/retrying.ts';
import { createCloudTime } from './configuration/cloud-time.ts';
import type { DeviceConfig } from './configuration/device-config.ts';
import { createLiveConfiguration } from './configuration/live-configuration.ts';
import { createTokenExchange } from './credentials/token-exchange.ts';
import { withSetRecipes } from './deployment/local-components.ts';
import { createLocalDeployments } from './deployment/local-deployments.ts';
import { DeploymentRunner } from './deployment/runner.ts';
import type { RuntimeBuilds } from './deployment/runtime-builds.ts';
import type { SpecContext } from './deployment/specs.ts';
import type { Restart } from './deployment/stages.ts';
import { type LocalControl, startLocalControl } from './ipc/local-control.ts';
import { createComponentLogs } from './lifecycle/component-logs.ts';
import { createLifecycle } from './lifecycle/lifecycle-engine.ts';
import { openProcessRecord } from './lifecycle/process-record.ts';
import { ownConfiguration } from './own-configuration.ts';
import type { Platform } from './platform/platform.ts';
import type { DeviceFacts } from './status/fleet-message.ts';
import { StatusReporter } from './status/reporter.ts';
import { openDeviceStore } from './store/device-store.ts';
import type { ComponentSet } from './store/records.ts';
import { createAwsCalls, type ServiceEndpoints } from './uplink/aws-call.ts';
import { createCredentialProvider } from './uplink/credential-provider.ts';
import { ecrLogin } from './uplink/ecr-login.ts';
import { createDataPlane } from './uplink/https-data-plane.ts';
import { createUplink } from './uplink/mqtt-uplink.ts';
import { createNoCloud } from './uplink/no-cloud.ts';
import { createS3Objects } from './uplink/s3-objects.ts';
import type { TlsMaterial } from './uplink/tls-material.ts';
import { type Retry, tryEndpoints } from './uplink/try-endpoints.ts';

/** The component by which a device runtime reports itself. */
const nucleusComponent = 'aws.greengrass.Nucleus';

/** Nobody subscribes to updates yet: that needs the IPC of components. */
const noSubscribers = { names: () => [], ask: () => () => {}, tellDone: () => {} };

export interface NucleusDeps {
  readonly rootPath: string;
  /** config.yaml, under what deployments set of aws.greengrass.Nucleus. Faults name the key. */
  readonly readConfig: (overrides: JsonObject) => DeviceConfig;
  /** Undefined: the device has no cloud. */
  readonly tls: TlsMaterial | undefined;
  readonly platform: Platform;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly ids: Ids;
  readonly log: Log;
  /** The user that the runtime runs as, who may give it orders on this machine. */
  readonly uid: number;
  /** The environment that components inherit, as the runtime itself has it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where AWS services are reached that are not AWS's own (`AWS_ENDPOINT_URL_S3` and the like). */
  readonly serviceEndpoints: ServiceEndpoints;
  /** The runtime cannot go on; it is to end, and to be started again. */
  readonly onFatal: (error: unknown) => void;
  /**
   * The runtime is to be stopped and started again (a deployment changed what only a new start takes over, or a bootstrap step asks
   * for it), stopped and started as a program (another build may have its turn), or stopped and the device rebooted. The journal is as it is to go on from.
   */
  readonly onRestart: (kind: Restart) => void;
  readonly builds: RuntimeBuilds;
}

/** A device runtime at work. */
export interface Nucleus {
  /** As it is now. */
  config(): DeviceConfig;
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
  const { tls, platform, clock, timers, ids, log } = deps;
  const store = openDeviceStore(join(deps.rootPath, 'config', 'device.db'), {
    timers,
    onLateError: (error) => log.error('a configuration is not on disk yet', { reason: messageOf(error) }),
  });
  const own = ownConfiguration(nucleusComponent, deps.readConfig, store.components(), log);
  // What is made of it here is made anew by a restart when it changes; what may change meanwhile is read from `own`.
  const config = own.current();
  const cloudTime = createCloudTime(clock, timers);
  for (const group of store.groups().values()) cloudTime.observeAtLeast(group.timestamp);
  const live = createLiveConfiguration({ store, cloudTime, log });
  if (config.posixUser !== undefined) {
    // Not the end, as in the reference: a directory of users may answer later, and what has a user of its own runs.
    void platform.requireUser(config.posixUser).catch((error: unknown) => {
      log.error('components cannot run as the default user', {
        key: 'runWithDefault.posixUser',
        reason: messageOf(error),
      });
    });
  }
  const processes = openProcessRecord(join(config.rootPath, 'run', 'processes.json'), log);
  await platform.endLeftovers(processes.leftovers);

  const onDate = (epochMs: number) => cloudTime.observe(epochMs);
  const { dataPlane, uplink, askCredentials } =
    tls === undefined
      ? createNoCloud(timers, own.current)
      : {
          dataPlane: createDataPlane({ config, settings: own.current, onDate, tls, log, timers }),
          uplink: createUplink({ config, settings: own.current, tls, log, timers, ids }),
          askCredentials: createCredentialProvider({ config: own.current, tls, timers }),
        };
  const tokenExchange = createTokenExchange({
    ask: askCredentials,
    clock,
    timers,
    ids,
    log,
  });
  const builtins = builtinComponents(config.region);
  const aws = createAwsCalls({
    config,
    settings: own.current,
    credentials: tokenExchange.credentials,
    endpoints: deps.serviceEndpoints,
    rootCa: tls?.ca ?? '',
    clock,
    timers,
  });
  const disk = createComponentFiles({
    root: config.rootPath,
    dataPlane,
    objects: createS3Objects(aws),
    registryLogin: (registry, signal) => ecrLogin(aws, registry, signal),
    platform,
    attributes: () => attributes(),
    environment: deps.environment,
    maxStoreBytes: () => own.current().maxStoreBytes,
    log,
    timers,
    ids,
    retryLimitMs: config.deploymentLimits.networkMs,
  });
  const files = withSetRecipes(disk, store);
  const folders = createLocalFolders({ root: config.rootPath, platform });
  const logs = createComponentLogs({
    folder: join(config.rootPath, 'logs'),
    clock,
    timers,
    log,
    settings: () => own.current().logging,
  });
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
  const attributes = () => ({ ...platform.attributes(), ...own.current().platformOverride });

  const specContext = (recipe: SpecContext['recipe']): SpecContext => ({
    recipe,
    paths: files.paths,
    attributes: attributes(),
    environment,
    ownEnvironment: tokenExchange.environment,
    rootPath: config.rootPath,
    thingName: config.thingName,
    onUnresolved: (component, placeholder) =>
      log.warn('a recipe variable stands for nothing', { component, placeholder }),
    ...(config.posixUser === undefined ? {} : { defaultUser: config.posixUser }),
  });
  async function checkNucleus(overrides: JsonObject, signal: AbortSignal): Promise<void> {
    const before = own.current();
    const after = own.check(overrides);
    if (after.posixUser !== undefined && after.posixUser !== before.posixUser) {
      await platform.requireUser(after.posixUser).catch((cause: unknown) => {
        throw new Fault('RUN_WITH_CONFIG_NOT_VALID', `runWithDefault.posixUser: ${messageOf(cause)}`, { cause });
      });
    }
    if (tls === undefined) return;
    const retry: Retry = (what, retryLimitMs, until, work) =>
      retrying({ timers, ids, log, retryLimitMs }, what, until, work);
    await tryEndpoints(before, after, { tls, log, timers, retry }, signal);
  }
  async function beforeBringUp(set: ComponentSet): Promise<'go' | 'restart'> {
    const effects = own.take(set);
    if (effects.restart) {
      log.info('the runtime starts again with its new configuration');
      deps.onRestart('restart');
      return 'restart';
    }
    if (effects.credentials) tokenExchange.forget();
    if (effects.reconnect) uplink.reconnect();
    for (const name of emptyBuiltins)
      if (set.has(name)) log.warn('this component is accepted, and does nothing on this runtime', { component: name });
    const service = set.get(tokenExchangeService);
    await tokenExchange.configure(service && toJson(service.configuration));
    return 'go';
  }

  const runner = new DeploymentRunner({
    store,
    lifecycle,
    files,
    folders,
    dataPlane,
    region: config.region,
    get attributes() {
      return attributes();
    },
    builtins,
    nucleus: { component: nucleusComponent, version: config.nucleusVersion },
    running: (name) => store.components().get(name)?.version,
    retrying: (work, signal) =>
      retrying(
        { timers, ids, log, retryLimitMs: config.deploymentLimits.networkMs },
        'a call to the cloud',
        signal,
        work,
      ),
    specContext,
    checkNucleus,
    settings: () => ({
      interpolates: (overrides) => own.check(overrides).interpolateComponentConfiguration,
      mergeTime(created) {
        cloudTime.observeAtLeast(created);
        return own.current().deploymentConfigurationTimeSource === 'deploymentProcessingTime'
          ? cloudTime.now()
          : created;
      },
    }),
    timers,
    limits: () => own.current().deploymentLimits,
    updates: noSubscribers,
    validators: noSubscribers,
    onRestart: deps.onRestart,
    builds: deps.builds,
    beforeBringUp,
    onReplaced: (before) =>
      live.replaced(new Map([...before].map(([name, { configuration }]) => [name, configuration]))),
    onOwed: () => reporter.deliver(),
    onFatal: deps.onFatal,
    log,
  });
  const facts: DeviceFacts = {
    thing: config.thingName,
    nucleusComponent,
    nucleusVersion: config.nucleusVersion,
    platform: attributes()['os'] ?? 'unknown',
    architecture: attributes()['architecture'] ?? 'unknown',
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
    cadenceMs: () => own.current().fleetStatusIntervalMs,
    clock,
    timers,
    chance: () => new DataView(Uint8Array.from(ids.random(4)).buffer).getUint32(0) / 2 ** 32,
    log,
  });

  uplink.onConnection((connected) => {
    if (connected) tokenExchange.connected();
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
      // A device whose clock is ahead must not overrule the deployments of the cloud.
      clock: cloudTime,
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
    config: own.current,
    onConnection: (listener) => void uplink.onConnection(listener),
    async stop() {
      await control.close();
      // All at once: a status that waits for its answer ends with the uplink, a deployment that removes a component with the
      // lifecycle. Each takes nothing new from here on.
      await Promise.all([reporter.stop(), runner.stop(), uplink.stop(), lifecycle.stop()]);
      await tokenExchange.stop();
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
    GGC_VERSION: config.nucleusVersion,
    ...(config.offline ? {} : cloudEnvironment(config)),
    ...proxyEnvironment(config),
  };
}

function cloudEnvironment({ region, thingName, rootCaPath }: DeviceConfig): Readonly<Record<string, string>> {
  return {
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_IOT_THING_NAME: thingName,
    GG_ROOT_CA_PATH: rootCaPath,
  };
}

/** As the reference gives it, credentials included: components need the proxy as the runtime does. Never for this machine itself. */
function proxyEnvironment({ proxy }: DeviceConfig): Readonly<Record<string, string>> {
  if (proxy === undefined) return {};
  const { secure, host, port, credentials, noProxy } = proxy;
  const name = host.includes(':') ? `[${host}]` : host;
  const user =
    credentials === undefined
      ? ''
      : `${encodeURIComponent(credentials.username)}:${encodeURIComponent(credentials.password)}@`;
  const url = `${secure ? 'https' : 'http'}://${user}${name}:${port}`;
  const direct = [...new Set([...noProxy, 'localhost', '127.0.0.1'])].join(',');
  const variables = { HTTP_PROXY: url, HTTPS_PROXY: url, ALL_PROXY: url, NO_PROXY: direct };
  return Object.fromEntries(
    Object.entries(variables).flatMap(([key, value]) => [
      [key, value],
      [key.toLowerCase(), value],
    ]),
  );
}
