import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { CreateThingGroupCommand, IoTClient } from '@aws-sdk/client-iot';
import { startCloud, swardBin, type TestCloud } from '@greensward/testkit/cloud';
import { freePort } from '@greensward/testkit/free-port';
import { sdkConfiguration } from '@greensward/testkit/sdk-configuration';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const folder = temporaryFolder();
const data = join(folder.path, 'data');
let cloud: TestCloud;

beforeAll(async () => {
  cloud = await startCloud(data);
});

afterAll(async () => {
  await cloud.process.stop();
  folder.remove();
});

interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface How {
  readonly node?: string;
  readonly bin?: string;
}

function run(args: readonly string[], how: How = {}): Promise<Outcome> {
  return start(args, how).ended;
}

function start(args: readonly string[], { node = process.execPath, bin = swardBin }: How = {}) {
  const child = spawn(node, [bin, ...args], { cwd: folder.path, stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (part) => (text.stdout += part));
  child.stderr.on('data', (part) => (text.stderr += part));
  const ended = new Promise<Outcome>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, ...text }));
  });
  return { child, text, ended };
}

const sward = (...args: readonly string[]) => run([...args, '--data', data]);

function write(name: string, content: unknown): string {
  const file = join(folder.path, name);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

const arn = (target: string) => `arn:aws:iot:us-east-1:000000000000:${target}`;
const account = (file: string) => readFileSync(join(folder.path, file), 'utf8');

describe('wrong usage is exit 2, and says what was wrong', () => {
  test.each([
    [[], 'Usage: sward'],
    [['nonsense'], "unknown command 'nonsense'"],
    [['--nonsense'], "unknown option '--nonsense'"],
    [['deploy'], "missing required argument 'file'"],
    [['deploy', 'a', 'b'], 'too many arguments'],
    [['deploy', 'none.json'], 'there is no file none.json'],
    [['component'], 'Usage: sward component'],
    [['component', 'publish', 'none.yaml'], 'there is no file none.yaml'],
    [['recipe', 'check', 'none.yaml'], 'there is no file none.yaml'],
    [['provision', '--thing', 'a'], "required option '--out <folder>' not specified"],
    [['device'], "required option '--root <folder>' not specified"],
    [['cloud'], "required option '--data <folder>' not specified"],
    [['cloud', '--data', 'x', '--api-port', 'y'], '--api-port: "y" is not a port from 0 to 65535'],
    [['up', '--data', 'x', '--devices', 'y'], 'a number from 0 to 999 is expected'],
    [['up', '--data', 'x', '--mqtt-port', '70000'], '--mqtt-port: "70000" is not a port from 0 to 65535'],
    [['up', '--data', 'x', '--database', 'mysql://u:secret@h/d'], '--database: a postgres:// URL is expected'],
  ])('sward %j', async (args, message) => {
    const isRead = ['deploy', 'component'].includes(args[0] ?? '') && args.length > 1 && args[1] !== 'a';
    const { code, stdout, stderr } = await run(isRead ? [...args, '--data', data] : args);
    expect(stderr).toContain(message);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).not.toContain('secret');
  });
});

test.each([
  [['--version'], /^\d+\.\d+\.\d+\n$/],
  [['--help'], /provision/],
  [['deploy', '--help'], /"executions"/],
  [['cloud', '--help'], /GREENSWARD_DATABASE_URL/],
  [['up', '--help'], /GREENSWARD_DATABASE_URL/],
  [['provision', '--help'], /certificateArn/],
  [['component', 'publish', '--help'], /componentVersion/],
  [['recipe', 'check', '--help'], /findings/],
  [['device', '--help'], /config\.yaml/],
])('sward %j prints it and is exit 0', async (args, text) => {
  expect(await run(args)).toMatchObject({ code: 0, stdout: expect.stringMatching(text), stderr: '' });
});

describe('recipe check', () => {
  const start = 'RecipeFormatVersion: "2020-01-25"\nComponentName: com.acme.A\nComponentVersion: 1.0.0\n';

  test('tells what is wrong with file and line, and is exit 1', async () => {
    write('bad.yaml', `${start}Manifests:\n- Platfrom: { os: linux }\n  Artifacts: [{ Uri: ftp://a/b }]\n`);
    const { code, stdout, stderr } = await run(['recipe', 'check', 'bad.yaml']);
    expect(stdout.split('\n')).toEqual([
      expect.stringContaining('bad.yaml:5: warning: Manifests[0].Platfrom: is not a key of the format'),
      expect.stringContaining('bad.yaml:6: error: Manifests[0].Artifacts[0].Uri: artifacts of scheme ftp:'),
      'bad.yaml: not a valid recipe (1 error, 1 warning)',
      '',
    ]);
    expect([code, stderr]).toEqual([1, '']);
    const json = JSON.parse((await run(['recipe', 'check', 'bad.yaml', '--json'])).stdout);
    expect(json).toMatchObject({
      file: 'bad.yaml',
      valid: false,
      findings: [{ line: 5 }, { severity: 'error', line: 6 }],
    });
  });

  test('is exit 0 for a recipe without errors', async () => {
    write('good.yaml', `${start}Manifests: [{ Lifecycle: { Run: echo } }]\n`);
    const { code, stdout } = await run(['recipe', 'check', 'good.yaml']);
    expect([code, stdout]).toEqual([0, 'good.yaml: com.acme.A 1.0.0 is a valid recipe\n']);
  });

  test('tells that the cloud would refuse it for its size', async () => {
    write('large.yaml', `${start}Manifests: [{}]\n# ${'x'.repeat(16_400)}\n`);
    const { code, stdout } = await run(['recipe', 'check', 'large.yaml']);
    expect([code, stdout]).toEqual([1, expect.stringContaining('accepts at most 16384')]);
  });
});

describe('provision', () => {
  test('makes a device that only its owner can be', async () => {
    const out = join(folder.path, 'devices', 'one');
    const { code, stdout } = await sward('provision', '--thing', 'one', '--group', 'g', 'h', '--out', out, '--json');
    expect(code).toBe(0);
    const made = JSON.parse(stdout);
    expect(made).toMatchObject({ thingName: 'one', root: out, config: join(out, 'config.yaml') });
    expect(readdirSync(out).sort()).toEqual(['config.yaml', 'device.pem.crt', 'device.pem.key', 'root-ca.pem']);
    expect(statSync(join(out, 'device.pem.key')).mode & 0o777).toBe(0o600);
    const config = parse(account('devices/one/config.yaml'));
    expect(config.services['aws.greengrass.Nucleus'].configuration).toMatchObject({
      greengrassDataPlanePort: cloud.devicePort,
      mqtt: { port: cloud.mqttPort },
    });
  });

  test('a second time gives the thing one more certificate, in another folder only', async () => {
    const again = await sward('provision', '--thing', 'one', '--out', 'devices/one');
    expect(again).toMatchObject({ code: 1, stdout: '' });
    expect(again.stderr).toMatch(/^sward: .*config\.yaml is there already: name an empty folder with --out\n$/);
    expect(await sward('provision', '--thing', 'one', '--out', 'devices/two')).toMatchObject({ code: 0 });
    const key = (name: string) =>
      createHash('sha256')
        .update(account(`devices/${name}/device.pem.key`))
        .digest('hex');
    expect(key('one')).not.toBe(key('two'));
  });

  test('what the cloud refuses is told in its words, and leaves nothing', async () => {
    const { code, stderr } = await sward('provision', '--thing', 'a b', '--out', 'devices/refused');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^sward: .*thingName must have only letters, digits, ":", "_" and "-"\n$/);
    const group = await sward('provision', '--thing', 'fine', '--group', 'a/b', '--out', 'devices/refused');
    expect(group.stderr).toMatch(/^sward: .*thingGroupName must have only letters.*\n$/);
    expect(existsSync(join(folder.path, 'devices', 'refused'))).toBe(false);
  });
});

describe('deploy', () => {
  test('publishes with an artifact and deploys; what is not answered yet is not waited for', async () => {
    const recipe = {
      RecipeFormatVersion: '2020-01-25',
      ComponentName: 'com.example.App',
      ComponentVersion: '1.0.0',
      Manifests: [{ Artifacts: [{ Uri: 's3://made-by-cli/1.0.0/app.sh' }] }],
    };
    const published = await sward('component', 'publish', write('r.json', recipe), write('app.sh', 'true'), '--json');
    expect(JSON.parse(published.stdout)).toMatchObject({ componentName: 'com.example.App', componentVersion: '1.0.0' });
    const twice = await sward('component', 'publish', 'r.json', 'app.sh');
    expect(twice).toMatchObject({ code: 1, stdout: '' });
    expect(twice.stderr).toMatch(/^sward: .*already exists.*\n$/);
    const request = { targetArn: arn('thing/one'), components: { 'com.example.App': { componentVersion: '1.0.0' } } };
    const { stdout } = await sward('deploy', write('d.json', request), '--json');
    expect(JSON.parse(stdout)).toEqual({ deploymentId: expect.any(String) });
  });

  test('with --wait follows a deployment to a thing until another takes its place', async () => {
    const request = write('thing.json', { targetArn: arn('thing/one') });
    const waiting = start(['deploy', request, '--wait', '--data', data]);
    await until('the first line of progress', () => waiting.text.stdout.includes('one  QUEUED'));
    await sward('deploy', request);
    const { code, stderr } = await waiting.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^sward: deployment \S+ is (INACTIVE|CANCELED).*\n$/);
  });

  test('with --wait to a group without things is done at once, and says so', async () => {
    await new IoTClient(sdkConfiguration(data)).send(new CreateThingGroupCommand({ thingGroupName: 'empty' }));
    const request = write('group.json', { targetArn: arn('thinggroup/empty') });
    expect(await sward('deploy', request, '--wait')).toMatchObject({
      code: 0,
      stdout: 'the target has no things: those that join it will get the deployment\n',
    });
    const { code, stdout } = await sward('deploy', request, '--wait', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ deploymentId: expect.any(String), status: 'ACTIVE', executions: [] });
  });

  test('retry gives it again to those that failed, or says why it cannot', async () => {
    const group = write('again.json', { targetArn: arn('thinggroup/empty') });
    const { stdout } = await sward('deploy', group);
    const id = stdout.trim();
    expect(await sward('retry', id)).toMatchObject({ code: 0, stdout: '0 devices get it again\n' });
    expect(await sward('retry', id, '--json')).toMatchObject({
      code: 0,
      stdout: `${JSON.stringify({ deploymentId: id, things: 0 })}\n`,
    });
    expect(await sward('retry', id, '--thing', 'nobody')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('nobody has no execution of the deployment'),
    });
    expect(await sward('retry', 'no-such')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('does not exist'),
    });
  });

  test('what the cloud refuses is one line and exit 1', async () => {
    const refused = await sward('deploy', write('bad.json', { targetArn: arn('thing/nobody') }));
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^sward: The thing .*nobody does not exist\.\n$/);
    expect(await sward('deploy', write('no-target.json', {}))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('a JSON object with a targetArn'),
    });
    expect(await sward('deploy', write('broken.json', '{'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('broken.json is not JSON'),
    });
  });
});

test('a cloud that is down is told in one line, and provision leaves no folder', async () => {
  const down = join(folder.path, 'down');
  mkdirSync(join(down, 'aws'), { recursive: true });
  const port = await freePort();
  writeFileSync(
    join(down, 'aws', 'config'),
    `[profile greensward]\nregion = us-east-1\nendpoint_url = http://localhost:${port}\n`,
  );
  copyFileSync(join(data, 'aws', 'credentials'), join(down, 'aws', 'credentials'));
  const { code, stderr } = await run(['provision', '--thing', 'x', '--out', 'devices/x', '--data', down]);
  expect(code).toBe(1);
  expect(stderr).toBe(`sward: no answer from http://localhost:${port}: nothing listens there, is the cloud running?\n`);
  expect(existsSync(join(folder.path, 'devices', 'x'))).toBe(false);
  const nowhere = await run(['provision', '--thing', 'x', '--out', 'devices/x', '--data', 'nowhere']);
  expect(nowhere).toMatchObject({ code: 1, stderr: expect.stringMatching(/^sward: there is no nowhere.* --data\n$/) });
});

test.runIf(process.platform === 'linux')('the password of a database is in no command line', async () => {
  // It takes the connection and says nothing, so that the cloud waits.
  const database = createServer().listen(0, '127.0.0.1');
  await until('the listener', () => database.listening);
  const address = database.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const url = `postgres://user:pass%20word@127.0.0.1:${port}/d`;
  const { child, ended } = start(['cloud', '--data', join(folder.path, 'pg'), '--database', url]);
  const file = (name: string) => readFileSync(`/proc/${child.pid}/${name}`, 'utf8');
  await until('the cloud', () => file('cmdline').includes('main.ts'));
  expect(file('cmdline')).not.toContain('word');
  expect(file('environ')).toContain(`GREENSWARD_DATABASE_URL=${url}`);
  child.kill('SIGKILL');
  await ended;
  database.close();
});

/** A Node that is too old, where there is one in PATH. */
function findOldNode(): string | undefined {
  for (const place of (process.env['PATH'] ?? '').split(delimiter)) {
    const node = join(place, 'node');
    if (existsSync(node) && Number(execFileSync(node, ['--version'], { encoding: 'utf8' }).match(/\d+/)) < 24)
      return node;
  }
  return undefined;
}

const oldNode = findOldNode();

describe.skipIf(oldNode === undefined)('under an older Node', () => {
  const how = { node: oldNode ?? '' };

  test('the one that was installed with it does the work, and its exit code is ours', async () => {
    expect(await run(['--version'], how)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d/), stderr: '' });
    expect(await run(['nonsense'], how)).toMatchObject({ code: 2 });
  });

  test('a signal to it alone reaches the cloud, which ends in order', async () => {
    const own = join(folder.path, 'old');
    const ports = [await freePort(), await freePort(), await freePort()].map(String);
    const [api = '', device = '', mqtt = ''] = ports;
    const where = ['--data', own, '--api-port', api, '--device-port', device, '--mqtt-port', mqtt];
    const { child, text, ended } = start(['cloud', ...where], how);
    await until('the cloud', () => text.stdout.includes('ready'));
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0, signal: null });
    const answer = await fetch(`http://127.0.0.1:${api}/greensward/v1/health`).catch(() => undefined);
    expect(answer).toBeUndefined();
  });

  test('ended by a signal it ends by the same', async () => {
    const request = write('wait.json', { targetArn: arn('thing/one') });
    const { child, text, ended } = start(['deploy', request, '--wait', '--data', data], how);
    await until('the first line of progress', () => text.stdout.includes('one  QUEUED'));
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: null, signal: 'SIGINT' });
  });

  test('without its packages there is one line that says what to do, under any Node', async () => {
    const loose = join(folder.path, 'loose');
    mkdirSync(loose);
    copyFileSync(swardBin, join(loose, 'sward.js'));
    write('loose/package.json', { type: 'module' });
    for (const node of [how.node, process.execPath]) {
      const { code, stderr } = await run([], { node, bin: join(loose, 'sward.js') });
      expect(code).toBe(1);
      expect(stderr).toMatch(/^sward: .*npm ci.*\n$/);
    }
  });
});
