import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { startSward } from '@greensward/testkit/cloud';
import { findProcesses } from '@greensward/testkit/find-processes';
import { freePort } from '@greensward/testkit/free-port';
import type { TestProcess } from '@greensward/testkit/processes';
import { findAwsCli } from '@greensward/testkit/programs';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { repository, tutorialBlocks } from './tutorial-blocks.ts';

// The tutorial of README.md, block by block, by bash and the stock AWS CLI. A block that is added there needs a step here.

interface Step {
  /** What is in the block, so that the two are not confused. */
  readonly has: string;
  /** What must be true of its output; a step that is `watched` is repeated until it is. */
  readonly shows: (output: string) => void;
  readonly watched?: boolean;
  /** Runs on while the others go on, as in another terminal. */
  readonly inBackground?: boolean;
}

/** The JSON documents in a text, one after another. */
function documents(text: string): readonly Readonly<Record<string, unknown>>[] {
  return [...text.matchAll(/^\{$.*?^\}$/gms)].map(([document]) => JSON.parse(document));
}

const succeeded = { deploymentName: 'pumps', coreDeviceExecutionStatus: 'SUCCEEDED' };

const steps: readonly Step[] = [
  {
    has: 'list-core-devices',
    watched: true,
    shows: (text) =>
      expect(documents(text)).toMatchObject([{ coreDevices: [{ coreDeviceThingName: 'core-1', status: 'HEALTHY' }] }]),
  },
  { has: 'aws s3 mb', shows: (text) => expect(text).toContain('upload: ./pump.sh to s3://pumps/1.0.0/pump.sh') },
  {
    has: 'create-component-version',
    shows: (text) =>
      expect(documents(text)).toMatchObject([
        { componentName: 'com.example.Pump', componentVersion: '1.0.0', status: { message: 'NONE' } },
        { componentVersions: [{ componentName: 'com.example.Pump', componentVersion: '1.0.0' }] },
      ]),
  },
  {
    has: 'sward provision',
    shows: (text) => {
      expect(documents(text)).toMatchObject([{ thingGroupName: 'pumps' }]);
      expect(text).toContain('npx sward device --root devices/pump-1');
    },
  },
  { has: 'sward device', inBackground: true, shows: () => {} },
  {
    has: '"componentVersion": "1.0.0"}}',
    shows: (text) => expect(documents(text)).toMatchObject([{ iotJobArn: expect.any(String) }]),
  },
  {
    has: 'list-effective-deployments',
    watched: true,
    shows: (text) => expect(documents(text)).toMatchObject([{ effectiveDeployments: [succeeded] }]),
  },
  {
    has: 'get-core-device',
    watched: true,
    shows: (text) => {
      const [device, installed] = documents(text);
      expect(device).toMatchObject({ coreDeviceThingName: 'pump-1', status: 'HEALTHY', platform: 'linux' });
      expect(installed?.['installedComponents']).toContainEqual(
        expect.objectContaining({ componentName: 'com.example.Pump', lifecycleState: 'RUNNING', isRoot: true }),
      );
      expect(text).toContain('pump on pump-1 at 900 rpm');
    },
  },
  { has: 'rpm\\": 1200', shows: (text) => expect(documents(text)).toHaveLength(1) },
  { has: 'tail', watched: true, shows: (text) => expect(text).toContain('pump on pump-1 at 1200 rpm') },
  {
    has: 'cancel-deployment',
    shows: (text) =>
      expect(documents(text)).toMatchObject([{ message: expect.any(String) }, { deploymentStatus: 'CANCELED' }]),
  },
];

test('every block of the tutorial has its step, in order', () => {
  const blocks = tutorialBlocks();
  expect(blocks).toHaveLength(steps.length);
  for (const [index, { has }] of steps.entries()) expect(blocks[index]).toContain(has);
});

describe.skipIf(findAwsCli() === undefined)('the tutorial of the README (needs the AWS CLI)', () => {
  const temporary = temporaryFolder();
  const folder = join(temporary.path, 'checkout');
  const background: ChildProcess[] = [];
  let up: TestProcess;
  let exported = '';

  beforeAll(async () => {
    // A checkout in small: what npx needs to find sward, and data/ where `npm start` puts it.
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), '{"private": true}');
    symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
    const ports = ['--api-port', '--device-port', '--mqtt-port'];
    const args = await Promise.all(ports.map(async (name) => [name, String(await freePort())]));
    up = startSward('up', '--data', join(folder, 'data'), ...args.flat());
    await until('sward up is done', () => up.output().includes('Ctrl-C stops it'));
  });

  afterAll(async () => {
    for (const child of background) if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    await Promise.all(background.map((child) => child.exitCode ?? once(child, 'exit')));
    await up.stop();
    await until('no process is left', () => findProcesses(folder).length === 0);
    temporary.remove();
  });

  /** The environment of the person at the terminal: no AWS setting of this machine, and our Node first, as npm has it. */
  function environment(): NodeJS.ProcessEnv {
    const own = Object.entries(process.env).filter(([name]) => !/^(AWS_|REQUESTS_CA_BUNDLE$|npm_|NODE_)/i.test(name));
    const path = `${dirname(process.execPath)}:${process.env['PATH']}`;
    return { ...Object.fromEntries(own), PATH: path, AWS_EC2_METADATA_DISABLED: 'true', AWS_PAGER: '' };
  }

  function bash(block: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const script = `set -e\n${exported}\n${block}`;
      execFile('bash', ['-c', script], { cwd: folder, env: environment() }, (error, stdout, stderr) => {
        if (error) reject(new Error(`${block}\n${stdout}${stderr}`, { cause: error }));
        else resolve(stdout);
      });
    });
  }

  test.each(tutorialBlocks().map((block, index) => [index + 1, steps[index]?.has, block] as const))(
    'block %i: %s',
    async (number, _has, block) => {
      const step = steps[number - 1];
      if (step === undefined) throw new Error('a block without a step');
      if (step.inBackground === true) {
        const script = `${exported}\n${block}`;
        background.push(
          spawn('bash', ['-c', script], { cwd: folder, env: environment(), detached: true, stdio: 'ignore' }),
        );
        return;
      }
      if (step.watched === true) {
        await until(`the output of ${step.has} is as the README says`, async () => {
          step.shows(await bash(block));
          return true;
        });
      } else {
        step.shows(await bash(block));
      }
      exported += [...block.matchAll(/^export .*\n/gm)].join('');
    },
  );

  test('the component is a process of the device, with its new configuration', () => {
    const commands = findProcesses(join(folder, 'devices')).map((found) => found.command);
    expect(commands.filter((command) => /^sh .*pump\.sh 1200$/.test(command))).toHaveLength(1);
  });
});
