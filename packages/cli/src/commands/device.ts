import { Fault } from '@greensward/kit';
import { Command } from 'commander';
import { becomeNode } from '../become-node.ts';
import { deviceBundle, deviceNodeFlags } from '../device-bundle.ts';
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
    .addCommand(installServiceCommand());
  for (const local of localCommands()) device.addCommand(local);
  return device;
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
