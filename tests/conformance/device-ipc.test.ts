import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { messageOf } from '@greensward/kit';
import { cliOperations, connectFrame, FrameReader, messageOfFrame, requestFrame } from '@greensward/protocol/ipc';
import { until } from '@greensward/testkit/until';
import type * as DeviceSdk from 'aws-iot-device-sdk-v2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Fleet, type FleetDevice, startFleet } from '../e2e/fleet.ts';

// The IPC client of the AWS IoT Device SDK, unchanged, and clients that mean no good, against a device runtime.

type Sdk = typeof DeviceSdk;

/** Its native part is there for some platforms only. */
function loadSdk(): { readonly sdk?: Sdk; readonly missing: string } {
  try {
    return { sdk: createRequire(import.meta.url)('aws-iot-device-sdk-v2'), missing: '' };
  } catch (error) {
    return { missing: messageOf(error) };
  }
}

const { sdk, missing } = loadSdk();
let fleet: Fleet;
let device: FleetDevice;

/** What the Greengrass CLI reads. */
function access(): { readonly token: string; readonly socketPath: string } {
  const file = join(device.root, 'cli_ipc_info', `user-${process.getuid?.() ?? 0}`);
  const { cli_auth_token: token, domain_socket_path: socketPath } = JSON.parse(readFileSync(file, 'utf8'));
  return { token, socketPath };
}

beforeAll(async () => {
  fleet = await startFleet();
  device = await fleet.device('ipc-a', []);
  await until('the runtime takes orders', () => access().token !== '');
});

afterAll(() => fleet.stop());

if (process.env['GREENSWARD_REQUIRE_ALL'] === '1') {
  test('the AWS IoT Device SDK runs here, as every test is asked for', () => expect(missing).toBe(''));
}
if (sdk) describe('the AWS IoT Device SDK', () => withSdk(sdk));
else test.skip(`the AWS IoT Device SDK does not run on this platform: ${missing}`, () => {});

function withSdk({ greengrasscoreipc, eventstream_rpc, io }: Sdk): void {
  function client(token: string) {
    return new greengrasscoreipc.Client({
      hostName: access().socketPath,
      port: 0,
      socketOptions: new io.SocketOptions(io.SocketType.STREAM, io.SocketDomain.LOCAL),
      connectTransform: async ({ message }) => ({ ...message, payload: JSON.stringify({ authToken: token }) }),
    });
  }

  test('deploys, asks, restarts and stops with every operation of the command line', async () => {
    const recipes = join(fleet.folder, 'recipes');
    mkdirSync(recipes);
    writeFileSync(
      join(recipes, 'tick.yaml'),
      'RecipeFormatVersion: 2020-01-25\nComponentName: com.example.Tick\nComponentVersion: 1.0.0\nManifests:\n  - Lifecycle:\n      Run: exec sleep 3600\n',
    );
    const ipc = client(access().token);
    await ipc.connect();
    try {
      const { deploymentId = '' } = await ipc.createLocalDeployment({
        recipeDirectoryPath: recipes,
        rootComponentVersionsToAdd: new Map([['com.example.Tick', '1.0.0']]),
        componentToConfiguration: new Map([['com.example.Tick', { MERGE: { every: 1 } }]]),
      });
      await until('it has succeeded', async () => {
        const { deployment } = await ipc.getLocalDeploymentStatus({ deploymentId });
        return deployment?.status === 'SUCCEEDED' && deployment;
      });
      const listed = await ipc.listLocalDeployments({});
      expect(listed.localDeployments).toMatchObject([{ deploymentId, status: 'SUCCEEDED' }]);
      const { components = [] } = await ipc.listComponents({});
      expect(components.map(({ componentName }) => componentName).sort()).toEqual([
        'aws.greengrass.Nucleus',
        'com.example.Tick',
      ]);
      const { componentDetails } = await ipc.getComponentDetails({ componentName: 'com.example.Tick' });
      expect(componentDetails).toMatchObject({ version: '1.0.0', state: 'RUNNING', configuration: { every: 1 } });
      expect(await ipc.stopComponent({ componentName: 'com.example.Tick' })).toMatchObject({ stopStatus: 'SUCCEEDED' });
      expect(await ipc.restartComponent({ componentName: 'com.example.Tick' })).toMatchObject({
        restartStatus: 'SUCCEEDED',
      });
      expect(await ipc.cancelLocalDeployment({ deploymentId })).toMatchObject({
        message: expect.stringContaining('already finished'),
      });
    } finally {
      await ipc.close();
    }
  });

  test('gets errors of the service model', async () => {
    const ipc = client(access().token);
    await ipc.connect();
    try {
      const code = (work: Promise<unknown>) =>
        work.then(
          () => 'none',
          (error: { readonly serviceError?: { readonly message?: string }; readonly description?: string }) =>
            `${error.serviceError?.message ?? error.description}`,
        );
      expect(await code(ipc.getComponentDetails({ componentName: 'None' }))).toBe(
        'Component with name None not found in Greengrass',
      );
      expect(await code(ipc.createLocalDeployment({ groupName: 'a:b' }))).toBe(
        'Thing group name cannot contain colon characters',
      );
      expect(await code(ipc.createLocalDeployment({ recipeDirectoryPath: '/nowhere' }))).toContain('ENOENT');
      expect(await code(ipc.createDebugPassword({}))).toBe(
        'Operation aws.greengrass#CreateDebugPassword is not supported by Greengrass',
      );
    } finally {
      await ipc.close();
    }
  });

  test('is told when its token is not taken', async () => {
    const error = await client('NOBODYSTOKEN0000')
      .connect()
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
    expect(error).toMatchObject({ type: eventstream_rpc.RpcErrorType.HandshakeError });
  });

  test('makes many calls at once', async () => {
    const ipc = client(access().token);
    await ipc.connect();
    try {
      const answers = await Promise.all(Array.from({ length: 300 }, () => ipc.listComponents({})));
      expect(new Set(answers.map(({ components = [] }) => components.length))).toEqual(new Set([2]));
    } finally {
      await ipc.close();
    }
  });
}

describe('a client that means no good', () => {
  const open: Socket[] = [];
  afterAll(() => {
    for (const socket of open) socket.destroy();
  });

  interface Peer {
    readonly socket: Socket;
    closed: boolean;
    bytes: number;
    /** `:message-type` of what came. */
    readonly types: number[];
  }

  function peer(): Promise<Peer> {
    return new Promise((resolve, reject) => {
      const socket = connect(access().socketPath);
      open.push(socket);
      const made: Peer = { socket, closed: false, bytes: 0, types: [] };
      const reader = new FrameReader();
      socket.on('data', (chunk) => {
        made.bytes += chunk.length;
        reader.push(chunk);
        for (let frame = reader.next(2 ** 25); frame; frame = reader.next(2 ** 25))
          made.types.push(messageOfFrame(frame)?.type ?? -1);
      });
      socket.on('close', () => {
        made.closed = true;
      });
      socket.on('error', reject);
      socket.once('connect', () => {
        socket.removeListener('error', reject);
        socket.on('error', () => {});
        resolve(made);
      });
    });
  }

  const memory = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${device.process.pid}/status`, 'utf8'))?.[1] ?? 0);
  const list = (streamId: number) => requestFrame(streamId, cliOperations.ListComponents.name, new Uint8Array());

  /** The runtime still answers others. */
  async function serves(): Promise<void> {
    const other = await peer();
    other.socket.write(connectFrame(access().token));
    other.socket.write(list(1));
    await until('another client is answered', () => other.types.length === 2);
    expect(other.types).toEqual([5, 0]);
    other.socket.destroy();
  }

  test.each([
    ['noise', Buffer.from('GET / HTTP/1.1\r\n\r\n'.repeat(10))],
    ['a frame of gigabytes', Buffer.from('7fffffff00000000', 'hex')],
    ['a call before it has said who it is', Buffer.from(list(1))],
    ['a first frame of 20 kB', Buffer.from(connectFrame('X'.repeat(20_000)))],
  ])('is left when it sends %s', async (_what, bytes) => {
    const one = await peer();
    one.socket.write(Buffer.concat([bytes, Buffer.alloc(16)]));
    await until('it is left', () => one.closed);
    await serves();
  });

  test('with wrong tokens, again and again, gets nothing and costs nothing', async () => {
    const many = await Promise.all(Array.from({ length: 40 }, peer));
    for (const one of many) one.socket.write(connectFrame('NOBODYSTOKEN0000'));
    await until('all are refused', () => many.every((one) => one.closed));
    expect(many.map((one) => one.types)).toEqual(many.map(() => [5]));
    await serves();
  });

  test('that asks and never reads costs a bounded amount of memory, and others nothing', async () => {
    const one = await peer();
    one.socket.write(connectFrame(access().token));
    await until('it is in', () => one.types.length === 1);
    one.socket.pause();
    const before = memory();
    let sent = 0;
    let blocked = false;
    // Until the runtime takes no more of it while it serves others many times over, or a million calls are gone.
    while (!blocked && sent < 1_000_000) {
      const frames: Uint8Array[] = [];
      for (let count = 0; count < 1000; count++) frames.push(list(++sent));
      let drained = one.socket.write(Buffer.concat(frames));
      one.socket.once('drain', () => {
        drained = true;
      });
      for (let round = 0; round < 50 && !drained; round++) await serves();
      one.socket.removeAllListeners('drain');
      blocked = !drained;
    }
    expect(blocked).toBe(true);
    await serves();
    expect(memory() - before).toBeLessThan(60_000);
    one.socket.destroy();
    await serves();
  });

  test('cannot take every connection with one token', async () => {
    const many = await Promise.all(Array.from({ length: 40 }, peer));
    for (const one of many) one.socket.write(connectFrame(access().token));
    await until('each is answered', () => many.every((one) => one.types.length === 1));
    await until('eight are left', () => many.filter((one) => one.closed).length === 8);
    for (const one of many) one.socket.destroy();
    await until('there is room again', async () => {
      await serves();
      return true;
    });
  });
});
