import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type JsonObject, silentLog } from '@greensward/kit';
import { systemIds, systemTimers } from '@greensward/kit/node';
import { emptyConfiguration } from '@greensward/model/configuration';
import { parseRecipe } from '@greensward/model/recipe';
import { findProcesses } from '@greensward/testkit/find-processes';
import { startNode, type TestProcess } from '@greensward/testkit/processes';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createComponentFiles } from './components/component-files.ts';
import { onlyFiles } from './components/testing/only-files.ts';
import { FakePlatform } from './platform/fake/fake-platform.ts';
import { openDeviceStore } from './store/device-store.ts';
import { makeCertificates } from './uplink/testing/certificates.ts';

const main = join(import.meta.dirname, 'main.ts');
const certificates = makeCertificates('core-1');
const other = makeCertificates('core-2');

let folder: ReturnType<typeof temporaryFolder>;
let root: string;
const started: TestProcess[] = [];

beforeEach(() => {
  folder = temporaryFolder();
  root = join(folder.path, 'root');
  mkdirSync(root);
});
afterEach(async () => {
  for (const one of started.splice(0)) await one.stop();
  folder.remove();
});

function run(...args: readonly string[]) {
  const one = startNode([main, ...args]);
  started.push(one);
  return one;
}

/** A root as provisioning leaves it. Nothing listens where the cloud should be. */
function provision(nucleus: JsonObject = {}, system: JsonObject = {}): void {
  const files = { 'cert.pem': certificates.device.cert, 'key.pem': certificates.device.key, 'ca.pem': certificates.ca };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text, { mode: 0o600 });
  const config = {
    system: {
      thingName: 'core-1',
      certificateFilePath: join(root, 'cert.pem'),
      privateKeyPath: join(root, 'key.pem'),
      rootCaPath: join(root, 'ca.pem'),
      ...system,
    },
    services: {
      'aws.greengrass.Nucleus': {
        configuration: {
          awsRegion: 'us-east-1',
          iotDataEndpoint: 'localhost',
          greengrassDataPlaneEndpoint: 'localhost',
          greengrassDataPlanePort: 1,
          mqtt: { port: 1 },
          ...nucleus,
        },
      },
    },
  };
  writeFileSync(join(root, 'config.yaml'), JSON.stringify(config));
}

/** A device on which a deployment left a component that runs. */
async function withComponent(script: string): Promise<void> {
  const name = 'Steady';
  const recipe = parseRecipe(
    JSON.stringify({
      RecipeFormatVersion: '2020-01-25',
      ComponentName: name,
      ComponentVersion: '1.0.0',
      Manifests: [{ Lifecycle: { Run: script } }],
    }),
  );
  const files = createComponentFiles({
    ...onlyFiles,
    root,
    dataPlane: {
      artifactUrl: async () => '',
      size: async () => 0,
      download: async () => (async function* () {})(),
    },
    platform: new FakePlatform(),
    log: silentLog,
    timers: systemTimers,
    ids: systemIds,
  });
  await files.putRecipe(recipe, 'arn');
  mkdirSync(join(root, 'work', name), { recursive: true });
  mkdirSync(join(root, 'config'), { recursive: true });
  const store = openDeviceStore(join(root, 'config', 'device.db'));
  const configuration = emptyConfiguration();
  store.replaceComponents([{ name, version: '1.0.0', arn: 'arn', configuration, isRoot: true, sources: [] }]);
  store.close();
}

const components = () => findProcesses(root).filter(({ command }) => command.startsWith('sleep'));
const log = () => {
  const file = join(root, 'logs', 'greengrass.log');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
};
const lines = (one: TestProcess) =>
  one
    .output()
    .split('\n')
    .filter((line) => line !== '');

describe('what cannot start ends at once with one line', () => {
  test.each([
    ['no --root', [] as string[], '--root DIR is required'],
    ['an option there is none of', ['--root', '/tmp', '--rot', 'x'], "Unknown option '--rot'"],
    ['an argument too many', ['--root', '/tmp', 'x'], 'Unexpected argument'],
  ])('case 132: and exit code 2: %s', async (_what, args, text) => {
    const one = run(...args);
    expect(await one.ended).toBe(2);
    expect(lines(one)[0]).toContain(text);
    expect(lines(one).length).toBe(1);
  });

  const cases: readonly (readonly [what: string, text: RegExp, break_: () => void])[] = [
    [
      'without a configuration',
      /config\.yaml cannot be read: make it with sward provision, or write \{\} to it for a device without a cloud$/,
      () => {},
    ],
    [
      'a configuration that is not YAML',
      /^config\.yaml is not valid YAML/,
      () => writeFileSync(join(root, 'config.yaml'), 'a: ['),
    ],
    ['a key that is missing', /^system\.thingName: must be set$/, () => provision({}, { thingName: '' })],
    [
      'a value that is not usable',
      /^services\.aws\.greengrass\.Nucleus\.configuration\.mqtt\.port: must be a whole number/,
      () => provision({ mqtt: { port: 'x' } }),
    ],
    [
      'a certificate that is not there',
      /^system\.certificateFilePath: .*cannot be read: ENOENT/,
      () => provision({}, { certificateFilePath: join(root, 'none.pem') }),
    ],
    [
      'the key of another certificate',
      /^system\.privateKeyPath: .*is not the key of the certificate$/,
      () => {
        provision();
        writeFileSync(join(root, 'key.pem'), other.device.key);
      },
    ],
    [
      'a store that is damaged',
      /device\.db cannot be read .*: restore it, or provision the device anew$/,
      () => {
        provision();
        mkdirSync(join(root, 'config'));
        writeFileSync(join(root, 'config', 'device.db'), 'no database at all, but long enough for one'.repeat(100));
      },
    ],
  ];
  test.each(cases)('case 16: and exit code 1: %s', async (_what, text, prepare) => {
    prepare();
    const one = run('--root', root);
    expect(await one.ended).toBe(1);
    expect(lines(one).length).toBe(1);
    expect(lines(one)[0]).toMatch(text);
    expect(one.output()).not.toContain('PRIVATE KEY');
  });

  test('and exit code 1: a root that another runtime has, whose components run on', async () => {
    provision();
    await withComponent('exec sleep 3600');
    run('--root', root);
    await until('the component runs', () => components().length === 1);
    const [before] = components();
    const second = run('--root', root);
    expect(await second.ended).toBe(1);
    expect(lines(second)).toEqual([expect.stringMatching(/in use: another device runtime has this root folder$/)]);
    expect(components()).toEqual([before]);
  });
});

describe('a device whose cloud cannot be reached', () => {
  test('case 46: runs what it ran before, and SIGTERM ends it with exit code 0 and no process left', async () => {
    provision();
    await withComponent('sleep 3600 & exec sleep 3601');
    const one = run('--root', root);
    await until('the component runs', () => components().length === 2);
    one.child.kill('SIGTERM');
    expect(await one.ended).toBe(0);
    expect(components()).toEqual([]);
    expect(one.output()).toBe('');
  });

  test('ends while it is still starting', async () => {
    provision();
    await withComponent('exec sleep 3600');
    const one = run('--root', root);
    await until('it begins', () => existsSync(join(root, 'config', 'device.db-wal')));
    one.child.kill('SIGTERM');
    expect(await one.ended).toBe(0);
    expect(components()).toEqual([]);
  });

  test('says once to the person who started it that it runs, and where its log is', async () => {
    provision();
    await withComponent('exec sleep 3600');
    const child = spawn(process.execPath, [main, '--root', root], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk;
    });
    const ended = once(child, 'exit');
    await until('the component runs', () => said !== '' && components().length === 1);
    child.kill('SIGTERM');
    await ended;
    expect(said).toBe(`core device core-1 runs; its log is ${join(root, 'logs', 'greengrass.log')}\n`);
  });

  test('ends with its parent', async () => {
    provision();
    await withComponent('exec sleep 3600');
    // Not by the helper: it waits for the end of a channel that is given up here.
    const child = spawn(process.execPath, [main, '--root', root], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    await until('the component runs', () => components().length === 1);
    child.disconnect();
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    expect(components()).toEqual([]);
  });

  test('goes on when its log cannot be written, and says so once', async () => {
    provision();
    await withComponent('exec sleep 3600');
    mkdirSync(join(root, 'logs', 'greengrass.log'), { recursive: true });
    const one = run('--root', root);
    await until('the component runs', () => components().length === 1);
    one.child.kill('SIGTERM');
    expect(await one.ended).toBe(0);
    expect(lines(one)).toEqual([expect.stringContaining('the log cannot be written')]);
  });

  test('after a kill the next start ends what was left before it starts anything', async () => {
    provision();
    await withComponent('exec sleep 3600');
    const first = run('--root', root);
    await until('the component runs', () => components().length === 1);
    await first.kill();
    const [orphan] = components();
    run('--root', root);
    await until('another one runs', () => components().length === 1 && components()[0]?.pid !== orphan?.pid);
  });
});

test('a cloud that takes connections and drops them is not met in a tight loop', async () => {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  provision({ mqtt: { port } });
  run('--root', root);
  await until('it has tried three times', () => connections >= 3);
  const before = connections;
  await new Promise<void>((resolve) => void systemTimers.after(1500, resolve));
  server.close();
  expect(connections - before).toBeLessThan(3);
});

test('what is private is so, also in folders that were open; what component users pass through is open', async () => {
  provision();
  await withComponent('exec sleep 3600');
  chmodSync(join(root, 'config'), 0o777);
  chmodSync(join(root, 'key.pem'), 0o644);
  run('--root', root);
  await until('the component runs', () => components().length === 1);
  const mode = (name: string) => (statSync(join(root, name)).mode & 0o777).toString(8);
  expect(['config', 'run', 'logs', 'packages', 'work', 'packages/recipes'].map(mode)).toEqual([
    '700',
    '700',
    '700',
    '755',
    '755',
    '700',
  ]);
  expect(['logs/greengrass.log', 'run/processes.json'].map(mode)).toEqual(['600', '600']);
  expect(log()).toContain('the private key can be read by others');
});

test('a component has nothing of the environment of the runtime but what is meant for it', async () => {
  provision();
  await withComponent('env > environment; exec sleep 3600');
  const one = startNode([main, '--root', root], { env: { ...process.env, SECRET_OF_THE_HOST: '1', NODE_OPTIONS: '' } });
  started.push(one);
  const file = join(root, 'work', 'Steady', 'environment');
  await until('the component wrote its environment', () => components().length === 1 && existsSync(file));
  const names = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.split('=')[0] ?? '')
    .filter((name) => name !== '');
  const meant =
    /^(AWS_CONTAINER_AUTHORIZATION_TOKEN|SVCUID|PATH|HOME|LANG|LC_ALL|TZ|TMPDIR|USER|LOGNAME|SHELL|AWS_REGION|AWS_DEFAULT_REGION|AWS_IOT_THING_NAME|GGC_VERSION|GG_ROOT_CA_PATH|GREENSWARD_RUN|PWD|OLDPWD|SHLVL|_)$/;
  expect(names.filter((name) => !meant.test(name))).toEqual([]);
});
