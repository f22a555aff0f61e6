import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';
import { startNode, type TestProcess, untilReady } from './processes.ts';

const require = createRequire(import.meta.url);
const run = promisify(execFile);

/** A cloud in a process of its own, with its data in `folder`. */
export interface TestCloud {
  readonly process: TestProcess;
  readonly folder: string;
  readonly apiPort: number;
  readonly devicePort: number;
  readonly mqttPort: number;
  /** What the stock AWS tools need to find it. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The ports of a cloud, so that it can be started again on the same ones. */
export type Ports = Pick<TestCloud, 'apiPort' | 'devicePort' | 'mqttPort'>;

/** Starts a cloud on free ports, or on the given ones, and waits until it is ready. `through`: see `startNode`. */
export async function startCloud(
  folder: string,
  options: { ports?: Ports; args?: readonly string[]; through?: readonly string[] } = {},
): Promise<TestCloud> {
  const { apiPort, devicePort, mqttPort } = options.ports ?? {
    apiPort: await freePort(),
    devicePort: await freePort(),
    mqttPort: await freePort(),
  };
  const args = [
    require.resolve('@greensward/cloud/main'),
    ...['--data', folder, '--api-port', String(apiPort)],
    ...['--device-port', String(devicePort), '--mqtt-port', String(mqttPort)],
    ...(options.args ?? []),
  ];
  const started = startNode(args, { through: options.through ?? [] });
  await untilReady(started);
  return { process: started, folder, apiPort, devicePort, mqttPort, environment: awsEnvironment(folder) };
}

/** The variables that make the stock AWS CLI and SDKs use the profile a cloud wrote. */
function awsEnvironment(folder: string): Record<string, string> {
  return {
    AWS_CONFIG_FILE: join(folder, 'aws', 'config'),
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'aws', 'credentials'),
    AWS_PROFILE: 'greensward',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

/** The file that Node runs as `sward`. */
export const swardBin = join(require.resolve('@greensward/cli/package.json'), '..', 'bin', 'sward.js');

/** Runs `sward` with these arguments; fails with its output when it does. */
async function sward(...args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [swardBin, ...args]);
  return stdout;
}

/** Starts `sward` with these arguments in a process group of its own, as a terminal does. */
export function startSward(...args: readonly string[]): TestProcess {
  return startNode([swardBin, ...args], { detached: true });
}

/** Provisions a core device in `root` with the real command. */
export async function provision(
  cloud: TestCloud,
  thing: string,
  groups: readonly string[],
  root: string,
): Promise<void> {
  await sward(
    'provision',
    '--data',
    cloud.folder,
    '--thing',
    thing,
    '--out',
    root,
    ...groups.flatMap((group) => ['--group', group]),
  );
}

/** Starts the device runtime on a provisioned root, as it is in the repository. `through`: see `startNode`. */
export function startDevice(root: string, through: readonly string[] = []): TestProcess {
  return startNode([require.resolve('@greensward/device/main'), '--root', root], { through });
}
