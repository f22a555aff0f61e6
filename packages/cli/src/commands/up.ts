import { Fault } from '@greensward/kit';
import { Command, InvalidArgumentError } from 'commander';
import { type Child, type Said, startChild, whenReady } from '../children.ts';
import { openClient } from '../cloud-client/cloud-client.ts';
import { demoGroup, deployDemo, publishExamples } from '../up/demo.ts';
import { type LocalDevices, startLocalDevices } from '../up/local-devices.ts';
import { nextSteps } from '../up/next-steps.ts';
import { addCloudOptions, cloudStart } from './cloud.ts';
import { defaultDataFolder } from './options.ts';

/** npm passes Ctrl-C on besides the terminal itself: a second signal within this time is the same one. */
const sameSignalMs = 2000;

function deviceCount(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new InvalidArgumentError('a number from 0 to 999 is expected');
  return Number(text);
}

/** `sward up`: the cloud and local core devices in one, with a demo. */
export function upCommand(): Command {
  const command = new Command('up')
    .description('Run the cloud and local core devices, deploy the examples to them, and show the rollout.')
    .option('--data <folder>', 'data folder', defaultDataFolder)
    .option('--devices <count>', 'number of local core devices', deviceCount, 1)
    .option('--no-demo', 'deploy nothing');
  return addCloudOptions(command).action((options: UpOptions) => up(options));
}

interface UpOptions extends Readonly<Record<string, unknown>> {
  readonly data: string;
  readonly devices: number;
  readonly demo: boolean;
}

async function up(options: UpOptions): Promise<void> {
  const say = (line: string) => console.log(line);
  const said: Said = {};
  const { args, env } = cloudStart(options.data, options);
  const listen = (line: string) => {
    said.first ??= line;
    said.last = line;
  };
  const cloud = startChild('cloud', args, listen, env);
  const stop = stopper(cloud, say);
  try {
    const ready = await whenReady(cloud, said);
    const account = { region: String(ready['region']), accountId: String(ready['accountId']) };
    say(
      `cloud is up: AWS APIs ${ready['endpoint']}, devices ${ready['devicePort']}, MQTT ${ready['mqttPort']}, data in ${options.data}`,
    );
    const client = await openClient(options.data);
    if (options.demo) await publishExamples(client);
    const devices = await startLocalDevices(client, options.data, options.devices, demoGroup, say);
    stop.devices = devices;
    if (devices.names.length > 0)
      say(`${devices.names.length} core device(s) in the thing group ${demoGroup}: ${devices.names.join(', ')}`);
    if (options.demo && devices.names.length > 0) await deployDemo(client, devices.names.length, account, say);
    say(nextSteps(options.data, devices.names[0], account));
  } catch (error) {
    if (stop.asked) return;
    await stop.now();
    throw error;
  }
  const { code, signal } = await cloud.ended;
  if (stop.asked) return;
  await stop.now();
  throw new Fault('CloudEnded', `the cloud ended (${signal ?? `exit ${code}`}): ${said.last ?? 'it said nothing'}`);
}

interface Stopper {
  devices: LocalDevices | undefined;
  /** True once a signal asked to stop. */
  readonly asked: boolean;
  now(): Promise<void>;
}

function stopper(cloud: Child, say: (line: string) => void): Stopper {
  let askedAt: number | undefined;
  const stop: Stopper = {
    devices: undefined,
    get asked() {
      return askedAt !== undefined;
    },
    async now() {
      await stop.devices?.stop();
      await cloud.stop();
    },
  };
  const onSignal = () => {
    const now = performance.now();
    if (askedAt === undefined) {
      askedAt = now;
      say('stopping');
      void stop.now().then(() => process.exit(0));
    } else if (now - askedAt > sameSignalMs) {
      process.exit(1); // Asked again: the children end with our channel.
    }
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('disconnect', onSignal); // Whoever started us is gone.
  process.channel?.unref(); // To listen to it is no reason to stay when all is over.
  return stop;
}
