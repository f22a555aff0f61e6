import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { GetCoreDeviceCommand, GreengrassV2Client, ListDeploymentsCommand } from '@aws-sdk/client-greengrassv2';
import { startSward } from '@greensward/testkit/cloud';
import { findProcesses } from '@greensward/testkit/find-processes';
import { freePort } from '@greensward/testkit/free-port';
import type { TestProcess } from '@greensward/testkit/processes';
import { sdkConfiguration } from '@greensward/testkit/sdk-configuration';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const temporary = temporaryFolder();
const data = join(temporary.path, 'data');
let ports: readonly string[] = [];

const newPorts = async () => [
  ...['--api-port', String(await freePort())],
  ...['--device-port', String(await freePort())],
  ...['--mqtt-port', String(await freePort())],
];

beforeAll(async () => {
  ports = await newPorts();
});

afterAll(() => {
  for (const { pid } of findProcesses(temporary.path)) process.kill(pid, 'SIGKILL');
  temporary.remove();
});

/** Starts `sward up` and waits until it has said everything. */
async function up(...more: readonly string[]): Promise<TestProcess> {
  const started = startSward('up', '--data', data, ...ports, ...more);
  let ended: number | string | undefined;
  void started.ended.then((how) => {
    ended = how;
  });
  await until('sward up has printed what to try next', () => {
    if (ended !== undefined) throw new Error(`ended (${ended}): ${started.output()}`);
    return started.output().includes('Ctrl-C stops it');
  }).catch(async (cause: unknown) => {
    await started.kill();
    throw new Error(started.output(), { cause });
  });
  return started;
}

/** Sends a signal to the whole group, as a terminal does for Ctrl-C, and then again to the first, as npm does. */
async function interrupt(started: TestProcess, signal: NodeJS.Signals): Promise<void> {
  process.kill(-started.pid, signal);
  process.kill(started.pid, signal);
  expect(await started.ended).toBe(0);
  expect(findProcesses(temporary.path)).toEqual([]);
}

async function withClient<T>(use: (client: GreengrassV2Client) => Promise<T>): Promise<T> {
  const client = new GreengrassV2Client(sdkConfiguration(data));
  try {
    return await use(client);
  } finally {
    client.destroy();
  }
}

const deployments = () =>
  withClient(async (client) => {
    const { deployments: all = [] } = await client.send(new ListDeploymentsCommand({ historyFilter: 'ALL' }));
    return all.map((item) => item.deploymentId ?? '');
  });

const tickerLog = (device: string) =>
  readFileSync(join(data, 'devices', device, 'logs', 'com.example.Ticker.log'), 'utf8');

describe('sward up', () => {
  let first: readonly string[] = [];

  test('deploys the examples to a local core device, shows the rollout, says what to try next, and stops on Ctrl-C', async () => {
    const started = await up();
    const output = started.output();
    first = await deployments();
    expect(first).toHaveLength(1);
    expect(output).toContain(`deployment ${first[0]} to the thing group demo`);
    expect(output).toMatch(/^ {2}core-1 {2}SUCCEEDED$/m);
    expect(output).toContain(
      `AWS_CONFIG_FILE=${data}/aws/config AWS_SHARED_CREDENTIALS_FILE=${data}/aws/credentials AWS_PROFILE=greensward`,
    );
    expect(output).toMatch(/^ {2}aws greengrassv2 list-core-devices$/m);
    expect(output).toMatch(
      /^ {2}aws greengrassv2 create-deployment --target-arn arn:aws:iot:us-east-1:000000000000:thinggroup\/demo/m,
    );
    await until('the ticker logs its configuration', () =>
      tickerLog('core-1').includes('tick from the demo 1 on core-1'),
    );
    await withClient(async (client) => {
      await until('the device is healthy', async () => {
        const { status } = await client.send(new GetCoreDeviceCommand({ coreDeviceThingName: 'core-1' }));
        return status === 'HEALTHY';
      });
    });
    for (const file of ['aws/config', 'aws/credentials', 'devices/core-1/device.pem.key']) {
      expect(readFileSync(join(data, file), 'utf8')).not.toBe('');
    }
    await interrupt(started, 'SIGINT');
    expect(started.output()).toContain('stopping');
  });

  test('finds its data and its device again, and brings one more device to the same deployment', async () => {
    const started = await up('--devices', '2');
    expect(started.output()).toContain(`the thing group demo has deployment ${first[0]} (ACTIVE)`);
    expect(started.output()).toMatch(/^ {2}core-1 {2}SUCCEEDED$/m);
    expect(started.output()).toMatch(/^ {2}core-2 {2}SUCCEEDED$/m);
    expect(await deployments()).toEqual(first);
    await until('the ticker runs on both', () =>
      ['core-1', 'core-2'].every((device) => tickerLog(device).includes(`tick from the demo 1 on ${device}`)),
    );

    // What it holds is its own while it runs.
    const elsewhere = ['--data', join(temporary.path, 'elsewhere')];
    const [sameFolder, samePort] = [
      startSward('up', '--data', data, ...(await newPorts())),
      startSward('up', ...elsewhere, ...ports),
    ];
    await refusedWith(sameFolder, /in use/);
    await refusedWith(samePort, /port \d+ is in use: choose another with --\w+-port/);
    await interrupt(started, 'SIGTERM');
  });

  test('leaves no process behind when it is killed', async () => {
    const started = await up();
    await started.kill();
    await until('its processes have ended', () => findProcesses(temporary.path).length === 0);
  });

  test('says in one line that its data folder is of a newer version', async () => {
    const database = new DatabaseSync(join(data, 'greensward.db'));
    database.exec("insert into migration (number, name) values (999, 'from the future')");
    database.close();
    await refusedWith(startSward('up', '--data', data, ...ports), /999.*newer version/);
  });

  test('says in one line that its database is damaged', async () => {
    writeFileSync(join(data, 'greensward.db'), 'this is no database, whatever its name says'.repeat(1000));
    await refusedWith(startSward('up', '--data', data, ...ports), /damaged/);
  });

  /** One clear line, exit 1, and nothing left behind. */
  async function refusedWith(started: TestProcess, line: RegExp): Promise<void> {
    expect(await started.ended, started.output()).toBe(1);
    expect(started.output().trim().split('\n'), started.output()).toHaveLength(1);
    expect(started.output()).toMatch(line);
  }
});

describe('wrong usage ends with 2 and says what is wrong', () => {
  test.each([
    [['nope'], /nope/],
    [['up', '--nope'], /--nope/],
    [['up', '--devices', 'many'], /--devices/],
    [['up', '--api-port', '99999'], /--api-port/],
    [['up', '--name', 'not a name'], /--name/],
    [['cloud'], /--data/],
    [['device'], /--root/],
    [['provision', '--thing', 'x'], /--out/],
    [['deploy', '/nowhere/at-all.json'], /at-all\.json/],
  ])('sward %j', async (args, words) => {
    const started = startSward(...args, ...(args[0] === 'up' ? ['--data', join(temporary.path, 'unused')] : []));
    expect(await started.ended, started.output()).toBe(2);
    expect(started.output()).toMatch(words);
  });
});

test('commands without a cloud say so and end with 1', async () => {
  const nowhere = join(temporary.path, 'nowhere');
  const started = startSward('provision', '--data', nowhere, '--thing', 'x', '--out', join(temporary.path, 'x'));
  expect(await started.ended).toBe(1);
  expect(started.output()).toContain(nowhere);
});
