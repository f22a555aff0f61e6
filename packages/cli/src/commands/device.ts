import { Fault } from '@greensward/kit';
import { Command } from 'commander';
import { becomeNode } from '../become-node.ts';
import { bundleDevice, deviceBundle, deviceNodeFlags } from '../device-bundle.ts';
import { deviceEnvironment } from '../environment.ts';
import { localCommands } from './device-local.ts';
import { installServiceCommand } from './install-service.ts';

interface DeviceOptions {
  readonly root?: string;
  readonly config?: string;
}

/** `sward device`: this process becomes the device runtime. Its subcommands look at a device from beside it. */
export function deviceCommand(): Command {
  const device = new Command('device')
    .description('Run the device runtime alone, in a folder that `sward provision` made or that holds a config.yaml.')
    .option('--root <folder>', 'root folder of the device')
    .option(
      '--config <file>',
      'its config.yaml, in the format of the reference nucleus (default: config.yaml in the root folder)',
    )
    .action(async (options: DeviceOptions) => {
      // Not a required option of commander's: that would be asked of the subcommands too.
      if (options.root === undefined) throw new Fault('Usage', "required option '--root <folder>' not specified");
      becomeNode([...deviceNodeFlags, await deviceBundle(), ...rootArguments(options)], deviceEnvironment());
    })
    .addCommand(configCommand())
    .addCommand(bundleCommand())
    .addCommand(installServiceCommand());
  for (const local of localCommands()) device.addCommand(local);
  return device;
}

/** The runtime as the artifact of a deployment that updates devices to it. */
function bundleCommand(): Command {
  return new Command('bundle')
    .description(
      'Write the device runtime as one file: the artifact of a component version by which devices are updated to it.',
    )
    .requiredOption('--out <file>', 'the file to write')
    .option('--as <version>', 'the version of aws.greengrass.Nucleus that it is deployed as, for an own build')
    .action(async ({ out, as }: { out: string; as?: string }) => {
      if (as !== undefined && !/^2\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(as))
        throw new Fault('Usage', `--as must be a version such as 2.18.1, not ${JSON.stringify(as)}`);
      await bundleDevice(out, as);
    });
}

function configCommand(): Command {
  const explain = new Command('explain')
    .description(
      'Tell for each value of the configuration what set it and when: a default, a deployment, a person or the component. ' +
        'Reads the device of --root (default: this folder), running or not.',
    )
    .argument('[component]', 'one component only')
    .argument('[pointer]', 'a JSON pointer below its configuration')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\n--root <folder> is the root folder of the device, --config <file> its config.yaml if that is somewhere else.',
    )
    .action(async (component: string | undefined, pointer: string | undefined, _own: unknown, command: Command) => {
      const options: DeviceOptions & { readonly json?: boolean } = command.optsWithGlobals();
      const about = [component, pointer].filter((argument) => argument !== undefined);
      becomeNode(
        [
          ...deviceNodeFlags,
          await deviceBundle(),
          'explain',
          ...rootArguments({ root: '.', ...options }),
          ...(options.json ? ['--json'] : []),
          '--',
          ...about,
        ],
        deviceEnvironment(),
      );
    });
  return new Command('config').description('Look into the configuration of a device.').addCommand(explain);
}

function rootArguments({ root = '.', config }: DeviceOptions): readonly string[] {
  return ['--root', root, ...(config === undefined ? [] : ['--config', config])];
}
