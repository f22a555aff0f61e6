// Deployments with real components: scripts, files and users of this machine. Only the cloud is a few lines.
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault, type Json, type JsonObject, silentLog } from '@greensward/kit';
import { systemClock, systemIds, systemTimers } from '@greensward/kit/node';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createComponentFiles } from '../components/component-files.ts';
import { onlyFiles } from '../components/testing/only-files.ts';
import { createLifecycle } from '../lifecycle/lifecycle-engine.ts';
import { createLinuxPlatform } from '../platform/linux/linux-platform.ts';
import { type DeviceStore, openDeviceStore } from '../store/device-store.ts';
import type { OwedStatus } from '../store/records.ts';
import { DeploymentRunner } from './runner.ts';
import { longLimits, noSubscribers } from './testing/subscribers.ts';
import { TestBuilds } from './testing/test-builds.ts';

const isRoot = process.getuid?.() === 0;

let folder: ReturnType<typeof temporaryFolder>;
let device: Device;
beforeEach(() => {
  folder = temporaryFolder();
  chmodSync(folder.path, 0o755); // As the runtime makes its root: component users pass through it.
  device = new Device(folder.path);
});
afterEach(async () => {
  await device.stop();
  folder.remove();
});

/** A device with everything real below the cloud. */
class Device {
  readonly root: string;
  readonly warnings: string[] = [];
  /** What the cloud has: recipes by name, artifacts by name. */
  readonly recipes = new Map<string, JsonObject>();
  readonly artifacts = new Map<string, string>();
  downloads = 0;
  private store: DeviceStore;
  private stopParts: () => Promise<void>;
  private runner: DeploymentRunner;
  private revision = 0;

  constructor(root: string) {
    this.root = root;
    mkdirSync(join(root, 'config'));
    ({ store: this.store, runner: this.runner, stop: this.stopParts } = this.start());
  }

  async restart(): Promise<void> {
    await this.stop();
    ({ store: this.store, runner: this.runner, stop: this.stopParts } = this.start());
  }

  stop(): Promise<void> {
    return this.stopParts();
  }

  private start() {
    const { root } = this;
    const store = openDeviceStore(join(root, 'config', 'device.db'));
    const log = {
      ...silentLog,
      warn: (message: string, fields = {}) => void this.warnings.push(`${message} ${JSON.stringify(fields)}`),
    };
    const path = process.env['PATH'] ?? '';
    const platform = createLinuxPlatform({ timers: systemTimers, log, device: root, path });
    const dataPlane = {
      thingGroups: async () => ['line'],
      resolve: async ({ name }: { readonly name: string }) => {
        const recipe = this.recipes.get(name);
        if (recipe === undefined) throw new Fault('NO_AVAILABLE_COMPONENT_VERSION', `no ${name}`);
        return {
          name,
          version: '1.0.0',
          arn: `arn:aws:greengrass:r:0:components:${name}:versions:1.0.0`,
          recipe: JSON.stringify(recipe),
        };
      },
      artifactUrl: async (_arn: string, name: string) => name,
      size: async (url: string) => this.artifacts.get(url)?.length ?? 0,
      download: async (url: string, start: number) => {
        this.downloads += 1;
        const bytes = Buffer.from(this.artifacts.get(url) ?? '').subarray(start);
        return (async function* () {
          yield bytes;
        })();
      },
    };
    const files = createComponentFiles({
      ...onlyFiles,
      root,
      dataPlane,
      platform,
      log,
      timers: systemTimers,
      ids: systemIds,
    });
    const lifecycle = createLifecycle({
      platform,
      timers: systemTimers,
      clock: systemClock,
      log,
      componentLog: () => () => {},
      graceMs: 300,
      settleMs: 200,
    });
    const runner = new DeploymentRunner({
      store,
      lifecycle,
      files,
      dataPlane,
      attributes: platform.attributes(),
      region: 'us-east-1',
      folders: { recipes: async () => [], importArtifacts: async () => {} },
      nucleus: { component: 'aws.greengrass.Nucleus', version: '2.18.0' },
      running: (name) => store.components().get(name)?.version,
      retrying: (work) => work(),
      specContext: (recipe) => ({
        recipe,
        paths: files.paths,
        attributes: platform.attributes(),
        environment: { PATH: path },
        rootPath: root,
        thingName: 'core',
        onUnresolved: () => {},
      }),
      builtins: new Map(),
      checkNucleus: async () => {},
      settings: () => ({ mergeTime: (created) => created, interpolates: () => false }),
      timers: systemTimers,
      limits: () => longLimits,
      builds: new TestBuilds(),
      updates: noSubscribers,
      validators: noSubscribers,
      onRestart: () => {},
      beforeBringUp: async () => 'go',
      onReplaced: () => {},
      onOwed: () => {},
      onFatal: (error) => {
        throw error;
      },
      log,
    });
    runner.start();
    const stop = async () => {
      await Promise.all([runner.stop(), lifecycle.stop()]);
      store.close();
    };
    return { store, runner, stop };
  }

  recipe(name: string, lifecycle: JsonObject, more: JsonObject = {}): void {
    const { Artifacts = [], ...rest } = more;
    this.recipes.set(name, {
      RecipeFormatVersion: '2020-01-25',
      ComponentName: name,
      ComponentVersion: '1.0.0',
      Manifests: [{ Lifecycle: lifecycle, Artifacts }],
      ...rest,
    });
  }

  /** Puts a file into the cloud and gives its entry in a recipe. */
  artifact(name: string, content: string): JsonObject {
    this.artifacts.set(name, content);
    const Digest = createHash('sha256').update(content).digest('base64');
    return { Uri: `greengrass:${name}`, Digest, Algorithm: 'SHA-256' };
  }

  /** Deploys these components, and waits for how it ended. */
  async deploy(components: Readonly<Record<string, JsonObject>>): Promise<OwedStatus> {
    this.revision += 1;
    const jobId = `job-${this.revision}`;
    const document: Json = {
      deploymentId: jobId,
      configurationArn: `arn:aws:greengrass:r:0:configuration:thinggroup/line:${this.revision}`,
      creationTimestamp: 1000 + this.revision,
      components: Object.fromEntries(
        Object.entries(components).map(([name, more]) => [name, { version: '1.0.0', ...more }]),
      ),
    };
    this.runner.arrive({ kind: 'job', jobId, queuedAt: this.revision, status: 'QUEUED', document });
    return until(`${jobId} ends`, () =>
      this.store
        .owedStatuses()
        .find(({ source, status }) => source.kind === 'job' && source.jobId === jobId && status !== 'IN_PROGRESS'),
    );
  }

  /** Waits for so many lines of a file of a component's work folder, and gives all: a shell may begin after its component counts as up. */
  wrote(component: string, count: number, file = 'starts'): Promise<string[]> {
    return until(`${component} has written ${count} lines to ${file}`, () => {
      const lines = this.lines(component, file);
      return lines.length >= count && lines;
    });
  }

  /** The lines of a file of a component's work folder; one line is written a start. */
  lines(component: string, file = 'starts'): string[] {
    const path = join(this.root, 'work', component, file);
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
  }
}

const serve = 'echo $$ >> starts; exec sleep 3600';
const merge = (values: JsonObject): JsonObject => ({ configurationUpdate: { merge: values } });

describe('a deployment that changes nothing a component runs with', () => {
  beforeEach(() => {
    const ComponentConfiguration = { DefaultConfiguration: { unused: 1, used: 1 } };
    device.recipe('Plain', { Run: serve });
    device.recipe('Reads', { Run: `${serve} # {configuration:/used}` }, { ComponentConfiguration });
  });

  test('cases 32, 34: restarts nothing: the same document, a configuration nobody runs with, limits', async () => {
    await device.deploy({ Plain: {}, Reads: {} });
    await device.wrote('Plain', 1);
    await device.wrote('Reads', 1);
    const ended = [
      await device.deploy({ Plain: {}, Reads: {} }),
      await device.deploy({ Plain: merge({ any: 'thing' }), Reads: merge({ unused: 2 }) }),
      await device.deploy({ Plain: { runWith: { systemResourceLimits: { memory: 1024, cpus: 1 } } }, Reads: {} }),
    ];
    expect(ended.map(({ detailedStatus }) => detailedStatus)).toEqual(['SUCCESSFUL', 'SUCCESSFUL', 'SUCCESSFUL']);
    expect(device.lines('Plain').length).toBe(1);
    expect(device.lines('Reads').length).toBe(1);
  });

  test('case 32: restarts only what uses the value that changed', async () => {
    await device.deploy({ Plain: {}, Reads: {} });
    await device.wrote('Plain', 1);
    await device.wrote('Reads', 1);
    await device.deploy({ Plain: {}, Reads: merge({ used: 2 }) });
    expect((await device.wrote('Reads', 2)).length).toBe(2);
    expect(device.lines('Plain').length).toBe(1);
  });

  test('case 93: a value of a dependency that changes in the same deployment is what its depender starts with', async () => {
    const ComponentConfiguration = { DefaultConfiguration: { port: 1 } };
    device.recipe('Broker', { Run: serve }, { ComponentConfiguration });
    const ComponentDependencies = { Broker: { VersionRequirement: '*' } };
    const Run = 'echo {Broker:configuration:/port} >> ports; exec sleep 3600';
    device.recipe('Client', { Run }, { ComponentDependencies });
    await device.deploy({ Client: {}, Broker: {} });
    await device.wrote('Broker', 1);
    await device.wrote('Client', 1, 'ports');
    await device.deploy({ Client: {}, Broker: merge({ port: 2 }) });
    expect(await device.wrote('Client', 2, 'ports')).toEqual(['1', '2']);
    expect(device.lines('Broker').length).toBe(1);
  });

  test('says once of each component that its limits are not enforced', async () => {
    const limited = { runWith: { systemResourceLimits: { memory: 1024, cpus: 0.5 } } };
    for (let i = 0; i < 3; i++) await device.deploy({ Plain: limited, Reads: limited });
    const said = device.warnings.filter((line) => line.includes('limits are not enforced'));
    expect(said.length).toBe(2);
    expect(said.join()).toMatch(/"component":"Plain".*"component":"Reads"/);
  });
});

describe('artifacts', () => {
  const read = 'cat {artifacts:path}/words.txt >> words; exec sleep 3600';

  test('that were damaged on the disk are loaded again by the next deployment, and only by that', async () => {
    device.recipe('Speaks', { Run: read }, { Artifacts: [device.artifact('words.txt', 'right\n')] });
    await device.deploy({ Speaks: {} });
    expect(device.downloads).toBe(1);
    await device.deploy({ Speaks: {} });
    expect(device.downloads).toBe(1);
    const file = join(device.root, 'packages', 'artifacts', 'Speaks', '1.0.0', 'words.txt');
    chmodSync(file, 0o644);
    writeFileSync(file, 'wrong\n');
    // A start reads no artifact: a device with gigabytes of them must be up at once.
    await device.restart();
    await until('it runs again', () => device.lines('Speaks', 'words').length === 2);
    expect(device.lines('Speaks', 'words')).toEqual(['right', 'wrong']);
    expect(device.downloads).toBe(1);
    await device.deploy({ Speaks: {} });
    expect(device.downloads).toBe(2);
    expect(readFileSync(file, 'utf8')).toBe('right\n');
  });
});

describe('the user of a component', () => {
  const whoami = 'id -un > who; cat {artifacts:path}/words.txt >> who; exec sleep 3600';

  test.runIf(isRoot)(
    'runs it, reads its artifacts and owns its work folder, but not the folder of its artifacts',
    async () => {
      device.recipe('Own', { Run: whoami }, { Artifacts: [device.artifact('words.txt', 'words\n')] });
      expect(await device.deploy({ Own: { runWith: { posixUser: 'nobody' } } })).toMatchObject({ status: 'SUCCEEDED' });
      expect(await device.wrote('Own', 2, 'who')).toEqual(['nobody', 'words']);
      const nobody = Number(/^nobody:[^:]*:(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'))?.[1]);
      const of = (...path: string[]) => {
        const { uid, mode } = statSync(join(device.root, ...path));
        return [uid, (mode & 0o777).toString(8)];
      };
      expect(of('work', 'Own')).toEqual([nobody, '700']);
      expect(of('packages', 'artifacts', 'Own', '1.0.0', 'words.txt')).toEqual([nobody, '440']);
      expect(of('packages', 'artifacts', 'Own', '1.0.0')).toEqual([0, '755']);
      expect(of('packages', 'recipes')).toEqual([0, '700']);
    },
  );

  test.runIf(isRoot)(
    'case 55: changes with the deployment that says so, which restarts the component and hands over its files',
    async () => {
      device.recipe('Own', { Run: 'id -un >> who; exec sleep 3600' });
      await device.deploy({ Own: {} });
      await device.wrote('Own', 1, 'who');
      expect(await device.deploy({ Own: { runWith: { posixUser: 'nobody' } } })).toMatchObject({ status: 'SUCCEEDED' });
      expect(await device.wrote('Own', 2, 'who')).toEqual(['root', 'nobody']);
    },
  );

  test('who does not exist fails the deployment by name, and what ran before runs again', async () => {
    device.recipe('Own', { Run: serve });
    await device.deploy({ Own: {} });
    await device.wrote('Own', 1);
    const ended = await device.deploy({ Own: { runWith: { posixUser: 'no-such-user' } } });
    expect(ended).toMatchObject({ status: 'FAILED', detailedStatus: 'FAILED_ROLLBACK_COMPLETE' });
    expect(ended.failure?.cause).toContain('"no-such-user" does not exist on this device');
    await until('it runs again', () => device.lines('Own').length === 2);
  });
});
