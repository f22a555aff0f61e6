// A real device runtime without a cloud, and the real command line beside it.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '@greensward/kit';
import { seededChance } from '@greensward/testkit/chance';
import { startDevice, swardBin } from '@greensward/testkit/cloud';
import { findProcesses } from '@greensward/testkit/find-processes';
import type { TestProcess } from '@greensward/testkit/processes';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeCertificates } from '../uplink/testing/certificates.ts';

const certificates = makeCertificates('core-1');

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let folder: ReturnType<typeof temporaryFolder>;
let root: string;
let device: TestProcess;
let recipes: string;
let artifacts: string;

function provision(): void {
  mkdirSync(root, { recursive: true });
  const files = { 'cert.pem': certificates.device.cert, 'key.pem': certificates.device.key, 'ca.pem': certificates.ca };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text, { mode: 0o600 });
  const config = {
    system: {
      thingName: 'core-1',
      certificateFilePath: join(root, 'cert.pem'),
      privateKeyPath: join(root, 'key.pem'),
      rootCaPath: join(root, 'ca.pem'),
    },
    services: {
      'aws.greengrass.Nucleus': {
        configuration: {
          awsRegion: 'us-east-1',
          iotDataEndpoint: 'localhost',
          greengrassDataPlaneEndpoint: 'localhost',
          greengrassDataPlanePort: 1,
          mqtt: { port: 1 },
        },
      },
    },
  };
  writeFileSync(join(root, 'config.yaml'), JSON.stringify(config));
}

function sward(...args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [swardBin, 'device', ...args, '--root', root], (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

/** The output of a command that must succeed. */
async function ok(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await sward(...args);
  if (code !== 0) throw new Error(`${args.join(' ')}: exit ${code}\n${stdout}${stderr}`);
  return stdout.trim();
}

async function components(): Promise<Record<string, string>> {
  const rows: readonly { componentName: string; version: string; state: string }[] = JSON.parse(
    await ok('components', '--json'),
  );
  return Object.fromEntries(
    rows
      .filter(({ componentName }) => componentName !== 'aws.greengrass.Nucleus')
      .map(({ componentName, version, state }) => [componentName, `${version} ${state}`]),
  );
}

function recipe(name: string, version: string, run: string, more: JsonObject = {}): void {
  writeFileSync(
    join(recipes, `${name}-${version}.json`),
    JSON.stringify({
      RecipeFormatVersion: '2020-01-25',
      ComponentName: name,
      ComponentVersion: version,
      ComponentConfiguration: { DefaultConfiguration: { word: 'default' } },
      Manifests: [{ Platform: { os: 'linux' }, Lifecycle: { Run: run } }],
      ...more,
    }),
  );
}

function artifact(name: string, version: string, file: string, text: string): void {
  const path = join(artifacts, name, version, file);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
}

const folders = () => ['--recipe-dir', recipes, '--artifact-dir', artifacts];
const log = (name: string) => readFileSync(join(root, 'logs', `${name}.log`), 'utf8');
const reachable = () => until('the runtime takes orders', () => existsSync(join(root, 'cli_ipc_info')) && components());
const sleeping = () => findProcesses(root).filter(({ command }) => command.startsWith('sleep'));

function begin(): void {
  folder = temporaryFolder();
  root = join(folder.path, 'root');
  recipes = join(folder.path, 'recipes');
  artifacts = join(folder.path, 'artifacts');
  mkdirSync(recipes);
  mkdirSync(artifacts);
}

describe('a device that never reaches its cloud', () => {
  beforeAll(async () => {
    begin();
    provision();
    device = startDevice(root);
    await reachable();
  });
  beforeEach(() => {
    for (const path of [recipes, artifacts]) {
      rmSync(path, { recursive: true, force: true });
      mkdirSync(path);
    }
  });
  afterAll(async () => {
    await device.stop();
    expect(existsSync(join(root, 'ipc.socket'))).toBe(false);
    folder.remove();
  });

  test('lets in only its own user, by a token and a socket that nobody else can open', () => {
    const mode = (name: string) => (statSync(join(root, name)).mode & 0o777).toString(8);
    const file = `cli_ipc_info/user-${process.getuid?.() ?? 0}`;
    expect([mode('ipc.socket'), mode('cli_ipc_info'), mode(file)]).toEqual(['600', '755', '600']);
    const info: unknown = JSON.parse(readFileSync(join(root, file), 'utf8'));
    expect(info).toEqual({
      cli_auth_token: expect.stringMatching(/^[A-HJ-NP-Z0-7]{16}$/),
      domain_socket_path: join(root, 'ipc.socket'),
    });
  });

  test('runs what a person deploys: recipes and artifacts of folders, files that no recipe names included', async () => {
    // As the tutorial of AWS has it: no Artifacts in the recipe.
    recipe('com.example.Hello', '1.0.0', 'sh {artifacts:path}/lib/hello.sh "{configuration:/word}"; exec sleep 3600');
    artifact('com.example.Hello', '1.0.0', 'lib/hello.sh', 'echo "hello $1"');
    const out = await ok('deploy', ...folders(), '--merge', 'com.example.Hello=1.0.0', '--wait');
    expect(out).toMatch(/^[0-9a-f-]{36}: SUCCEEDED\nCreated on: \d\d-\d\d-\d{4} \d\d:\d\d:\d\d UTC$/);
    expect(await components()).toEqual({ 'com.example.Hello': '1.0.0 RUNNING' });
    await until('it has said it', () => log('com.example.Hello').includes('hello default'));
    expect((await ok('logs', 'com.example.Hello')).includes('hello default')).toBe(true);
    expect(await ok('status')).toContain('SUCCEEDED');
  });

  test('case 76: given an offline device, a local deployment leaves what was there', async () => {
    recipe('com.example.Second', '1.0.0', 'exec sleep 3600');
    await ok('deploy', ...folders(), '--merge', 'com.example.Second=1.0.0', '--wait');
    expect(await components()).toEqual({
      'com.example.Hello': '1.0.0 RUNNING',
      'com.example.Second': '1.0.0 RUNNING',
    });
  });

  test('changes the configuration of what runs, and of what is only a dependency', async () => {
    recipe('com.example.Base', '1.0.0', 'exec sleep 3600');
    recipe('com.example.Top', '1.0.0', 'echo "base says {com.example.Base:configuration:/word}"; exec sleep 3600', {
      ComponentDependencies: { 'com.example.Base': { VersionRequirement: '^1.0.0' } },
    });
    await ok('deploy', ...folders(), '--merge', 'com.example.Top=1.0.0', '--wait');
    await until('it has said it', () => log('com.example.Top').includes('base says default'));
    const update = JSON.stringify({ 'com.example.Base': { MERGE: { word: 'new', more: { a: [1] } }, RESET: [] } });
    await ok('deploy', '--update-config', update, '--wait');
    await until('it has said it', () => log('com.example.Top').includes('base says new'));
    const rows: readonly { componentName: string; configuration: unknown }[] = JSON.parse(
      await ok('components', '--json'),
    );
    expect(rows.find(({ componentName }) => componentName === 'com.example.Base')?.configuration).toEqual({
      word: 'new',
      more: { a: [1] },
    });
    const nothing = await sward('deploy', '--update-config', '{"com.example.Typo": {"MERGE": {}}}', '--wait');
    expect(nothing).toMatchObject({ code: 1, stdout: expect.stringContaining('com.example.Typo, which this device') });
  });

  test.each([
    ['greengrass:com.example.Far/1.0.0/file.bin', 'com.example.Far/1.0.0/file.bin in the artifact folder'],
    ['https://localhost:1/file.bin', 'ECONNREFUSED'],
  ])('does not wait long for an artifact that is somewhere else: %s', async (uri, reason) => {
    const far = { Uri: uri, Digest: `${'A'.repeat(43)}=`, Algorithm: 'SHA-256' };
    recipe('com.example.Far', '1.0.0', '', {
      Manifests: [{ Lifecycle: { Run: 'exec sleep 3600' }, Artifacts: [far] }],
    });
    const { code, stdout } = await sward('deploy', ...folders(), '--merge', 'com.example.Far=1.0.0', '--wait');
    expect(code).toBe(1);
    expect(stdout).toContain('FAILED_NO_STATE_CHANGE');
    expect(stdout).toContain(reason);
    expect(await components()).not.toHaveProperty('com.example.Far');
  });

  test('restarts and stops components, and removes them', async () => {
    const before = sleeping().length;
    await ok('stop', 'com.example.Second');
    await until('it is stopped', async () => (await components())['com.example.Second'] === '1.0.0 FINISHED');
    expect(sleeping().length).toBe(before - 1);
    // It stays so, also when something else is deployed.
    await ok('deploy', '--update-config', '{"com.example.Hello": {"MERGE": {"other": 1}}}', '--wait');
    expect((await components())['com.example.Second']).toBe('1.0.0 FINISHED');
    await ok('restart', 'com.example.Second');
    await until('it runs', async () => (await components())['com.example.Second'] === '1.0.0 RUNNING');
    expect(await sward('restart', 'com.example.None')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Component with name com.example.None not found in Greengrass'),
    });
    expect((await sward('stop', 'aws.greengrass.Nucleus')).stderr).toContain('is the runtime itself');
    await ok('deploy', '--remove', 'com.example.Second,com.example.Top', '--wait');
    expect(await components()).toEqual({ 'com.example.Hello': '1.0.0 RUNNING' });
  });

  test('runs the same version anew with another recipe, and the one before when that breaks and is rolled back', async () => {
    recipe('com.example.Hello', '1.0.0', 'echo second; exec sleep 3600');
    await ok('deploy', '--recipe-dir', recipes, '--wait');
    await until('the new script runs', () => log('com.example.Hello').includes('second'));
    recipe('com.example.Hello', '1.0.0', 'exit 3');
    const rollback = ['--failure-handling-policy', 'ROLLBACK', '--wait', '--json'];
    const { code, stdout } = await sward('deploy', '--recipe-dir', recipes, ...rollback);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      status: 'FAILED',
      deploymentStatusDetails: { detailedDeploymentStatus: 'FAILED_ROLLBACK_COMPLETE' },
    });
    expect(await components()).toEqual({ 'com.example.Hello': '1.0.0 RUNNING' });
    await device.stop();
    device = startDevice(root);
    await until(
      'it runs the recipe of before',
      async () => (await reachable())['com.example.Hello'] === '1.0.0 RUNNING',
    );
    expect(log('com.example.Hello').split('second').length).toBe(4); // First, rolled back, started anew.
  });

  test('case 113: a component that breaks is left so by default, with the stack of the reference', async () => {
    recipe('com.example.Breaks', '1.0.0', 'exit 1');
    const { stdout } = await sward(
      'deploy',
      '--recipe-dir',
      recipes,
      '--merge',
      'com.example.Breaks=1.0.0',
      '--wait',
      '--json',
    );
    expect(JSON.parse(stdout).deploymentStatusDetails).toMatchObject({
      detailedDeploymentStatus: 'FAILED_ROLLBACK_NOT_REQUESTED',
      deploymentErrorStack: ['DEPLOYMENT_FAILURE', 'COMPONENT_UPDATE_ERROR', 'COMPONENT_BROKEN'],
      deploymentErrorTypes: ['COMPONENT_ERROR'],
    });
    expect((await components())['com.example.Breaks']).toBe('1.0.0 BROKEN');
    expect((await sward('restart', 'com.example.Breaks')).stderr).toContain('is BROKEN: only a deployment installs it');
    await ok('deploy', '--remove', 'com.example.Breaks', '--wait');
  });

  test('case 112: a recipe that is none fails its deployment, which changes nothing', async () => {
    writeFileSync(join(recipes, 'bad.yaml'), 'ComponentName: [');
    writeFileSync(join(recipes, 'README.md'), 'skipped');
    const { code, stdout } = await sward('deploy', '--recipe-dir', recipes, '--wait', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout).deploymentStatusDetails).toMatchObject({
      detailedDeploymentStatus: 'FAILED_NO_STATE_CHANGE',
      deploymentErrorStack: [
        'DEPLOYMENT_FAILURE',
        'COMPONENT_PACKAGE_LOADING_ERROR',
        'IO_ERROR',
        'IO_MAPPING_ERROR',
        'RECIPE_PARSE_ERROR',
      ],
      deploymentErrorTypes: ['COMPONENT_RECIPE_ERROR'],
      deploymentFailureCause: expect.stringContaining('bad.yaml'),
    });
  });

  test('takes nothing from outside of the artifact folder', async () => {
    writeFileSync(join(folder.path, 'secret'), 'of somebody else');
    recipe('com.example.Escape', '1.0.0', 'exec sleep 3600');
    mkdirSync(join(artifacts, 'com.example.Escape', '1.0.0'), { recursive: true });
    symlinkSync(join(folder.path, 'secret'), join(artifacts, 'com.example.Escape', '1.0.0', 'innocent'));
    const { code, stdout } = await sward(
      'deploy',
      ...folders(),
      '--merge',
      'com.example.Escape=1.0.0',
      '--wait',
      '--json',
    );
    expect(code).toBe(1);
    expect(JSON.parse(stdout).deploymentStatusDetails).toMatchObject({
      detailedDeploymentStatus: 'FAILED_NO_STATE_CHANGE',
      deploymentErrorStack: expect.arrayContaining(['ARTIFACT_URI_NOT_VALID']),
      deploymentFailureCause: expect.stringContaining('leads out of the artifact folder'),
    });
    expect(existsSync(join(root, 'packages', 'artifacts', 'com.example.Escape', '1.0.0', 'innocent'))).toBe(false);
  });

  const withArtifact = (uri: string) => ({
    Manifests: [{ Artifacts: [{ Uri: uri }], Lifecycle: { Run: 'cat {artifacts:path}/*; exec sleep 3600' } }],
  });

  test('takes artifacts of file: URIs from the artifact folder', async () => {
    mkdirSync(join(artifacts, 'shared'), { recursive: true });
    writeFileSync(join(artifacts, 'shared', 'words.txt'), 'words by file URI\n');
    recipe('com.example.File', '1.0.0', '', withArtifact('file:shared/words.txt'));
    await ok('deploy', ...folders(), '--merge', 'com.example.File=1.0.0', '--wait');
    await until('it has said it', () => log('com.example.File').includes('words by file URI'));
    await ok('deploy', '--remove', 'com.example.File', '--wait');
  });

  test.each(['file:../secret', 'file:///etc/passwd', 'file:shared/../../secret', 'file:link'])(
    'refuses the URI %s, which leads out of it, and changes nothing',
    async (uri) => {
      writeFileSync(join(folder.path, 'secret'), 'of somebody else');
      symlinkSync('/etc/passwd', join(artifacts, 'link'));
      recipe('com.example.File', '1.0.0', '', withArtifact(uri));
      const all = ['deploy', ...folders(), '--merge', 'com.example.File=1.0.0', '--wait', '--json'];
      const { code, stdout } = await sward(...all);
      expect(code).toBe(1);
      expect(JSON.parse(stdout).deploymentStatusDetails).toMatchObject({
        detailedDeploymentStatus: 'FAILED_NO_STATE_CHANGE',
        deploymentErrorStack: expect.arrayContaining(['ARTIFACT_URI_NOT_VALID']),
      });
      expect(await components()).toEqual({ 'com.example.Hello': '1.0.0 RUNNING' });
    },
  );

  test('fails at once, offline, what only the cloud has', async () => {
    const { code, stdout } = await sward('deploy', '--merge', 'com.example.Cloudy=1.0.0', '--wait');
    expect(code).toBe(1);
    expect(stdout).toContain('No version of com.example.Cloudy is available (LOCAL_DEPLOYMENT requires ==1.0.0)');
    expect(await components()).toEqual({ 'com.example.Hello': '1.0.0 RUNNING' });
  });

  test.each([
    ['a version that is none', ['deploy', '--merge', 'A=latest'], 1, 'rootComponentVersionsToAdd.A: "latest" is not'],
    ['an option of the wrong form', ['deploy', '--merge', 'A'], 2, '--merge: "A" is not of the form'],
    ['a name that is none', ['deploy', '--merge', '../x=1.0.0'], 1, '"../x" is not a component name'],
    ['a group with a colon', ['deploy', '--group', 'a:b'], 1, 'Thing group name cannot contain colon characters'],
    ['a recipe folder that is not there', ['deploy', '--recipe-dir', '/nowhere'], 1, 'recipeDirectoryPath: ENOENT'],
    ['an artifact folder around the store', ['deploy', '--artifact-dir', '/'], 1, 'is parent of kernel artifacts'],
    ['an update that is no JSON', ['deploy', '--update-config', '{'], 2, '--update-config: not JSON'],
    [
      'an update in lower case',
      ['deploy', '--update-config', '{"A":{"merge":{}}}'],
      1,
      'componentToConfiguration.A.merge',
    ],
    ['an id that is none', ['status', 'x'], 1, 'Invalid deploymentId format received. DeploymentId is a UUID'],
    [
      'an id that is nobody’s',
      ['status', '00000000-0000-4000-8000-000000000000'],
      1,
      'Cannot find the deployment id provided 00000000',
    ],
    ['an option there is none of', ['components', '--all'], 2, "unknown option '--all'"],
    ['a log that is not there', ['logs', 'com.example.None'], 1, 'there is no log'],
    ['a log somewhere else', ['logs', '../config/x'], 2, 'is not the name of a component'],
  ])('refuses %s, and says what is wrong', async (_what, args, code, text) => {
    const outcome = await sward(...args);
    expect(outcome).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(text) });
  });
});

describe('a device of its own for each test', () => {
  beforeEach(begin);
  afterEach(async () => {
    await device?.stop();
    folder.remove();
  });

  test('takes orders below a path that is too long for a socket', async () => {
    root = join(folder.path, 'long'.repeat(20), 'root'.repeat(20));
    provision();
    device = startDevice(root);
    await reachable();
    expect(await ok('components')).toMatch(/^aws\.greengrass\.Nucleus {2}\S+ {2}RUNNING$/);
    expect(statSync(join(root, 'ipc.socket')).isSocket()).toBe(true);
  });

  test('says so when it is not running', async () => {
    provision();
    expect(await sward('components')).toEqual({
      code: 1,
      stdout: '',
      stderr: `sward: no device runtime runs in ${root}\n`,
    });
    device = startDevice(root);
    await reachable();
    await device.kill();
    const dead = await sward('components');
    expect(dead).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot be reached') });
    device = startDevice(root);
    await until('it is back', async () => (await sward('components')).code === 0);
  });

  test('case 18: given no cloud in the configuration, runs local deployments, and again after a restart', async () => {
    mkdirSync(root);
    writeFileSync(join(root, 'config.yaml'), '{}\n');
    recipe('com.example.Alone', '1.0.0', 'env > variables; exec sleep 3600');
    device = startDevice(root);
    await reachable();
    await ok('deploy', ...folders(), '--merge', 'com.example.Alone=1.0.0', '--wait');
    expect(await components()).toEqual({ 'com.example.Alone': '1.0.0 RUNNING' });
    const variables = readFileSync(join(root, 'work', 'com.example.Alone', 'variables'), 'utf8');
    expect(variables).toMatch(/^GGC_VERSION=2\./m);
    expect(variables).not.toMatch(/^(AWS_REGION|AWS_DEFAULT_REGION|AWS_IOT_THING_NAME|GG_ROOT_CA_PATH)=/m);
    const unknown = await sward('deploy', '--merge', 'com.example.None=1.0.0', '--wait');
    expect(unknown).toMatchObject({ code: 1, stdout: expect.stringContaining('this device has no cloud') });
    await device.stop();
    device = startDevice(root);
    await until('it runs again', async () => (await sward('components')).code === 0 && sleeping().length === 1);
    expect(log('greengrass')).toContain('names no cloud');
  });

  test('runs on when something else stands where the socket belongs', async () => {
    provision();
    writeFileSync(join(root, 'ipc.socket'), 'a file of somebody');
    device = startDevice(root);
    await until(
      'it says so',
      () => existsSync(join(root, 'logs', 'greengrass.log')) && log('greengrass').includes('is not a socket'),
    );
    expect(readFileSync(join(root, 'ipc.socket'), 'utf8')).toBe('a file of somebody');
  });

  test('ends every local deployment it took, whenever it is killed', async () => {
    provision();
    const chance = seededChance(7);
    for (const version of ['1.0.0', '2.0.0', '3.0.0'])
      recipe('com.example.Steady', version, `echo ${version}; exec sleep 3600`);
    device = startDevice(root);
    await reachable();
    const taken: string[] = [];
    let last = '';
    for (let round = 0; round < 8; round++) {
      const version = chance.pick(['1.0.0', '2.0.0', '3.0.0']);
      const { code, stdout } = await sward(
        'deploy',
        '--recipe-dir',
        recipes,
        '--merge',
        `com.example.Steady=${version}`,
      );
      if (code === 0) {
        taken.push(stdout.trim());
        last = version;
      }
      // A moment by chance, and not a wait for anything: the kill is to come anywhere.
      await sleep(chance.integer(1200));
      await device.kill();
      device = startDevice(root);
      await reachable();
    }
    const rows = await until('all have ended', async () => {
      const all: readonly { deploymentId: string; status: string }[] = JSON.parse(await ok('status', '--json'));
      return all.every(({ status }) => status !== 'QUEUED' && status !== 'IN_PROGRESS') && all;
    });
    expect(rows.map(({ deploymentId }) => deploymentId)).toEqual(taken);
    expect(rows.map(({ status }) => status)).toEqual(taken.map(() => 'SUCCEEDED'));
    expect(await components()).toEqual({ 'com.example.Steady': `${last} RUNNING` });
    await until('it runs once', () => sleeping().length === 1);
  }, 600_000);
});
