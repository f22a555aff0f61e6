import { Fault } from '@greensward/kit';
import { Command } from 'commander';
import { becomeNode } from '../become-node.ts';
import { deviceBundle, deviceNodeFlags } from '../device-bundle.ts';
import { deviceEnvironment } from '../environment.ts';
import { localCommands } from './device-local.ts';

/** `sward device`: this process becomes the device runtime. Its subcommands look at a device from beside it. */
export function deviceCommand(): Command {
  const device = new Command('device')
    .description('Run the device runtime alone, in a folder that `sward provision` made or that holds a config.yaml.')
    .option('--root <folder>', 'root folder of the device')
    .option(
      '--config <file>',
      'its config.yaml, in the format of the reference nucleus (default: config.yaml in the root folder)',
    )
    .action(async (options: { root?: string; config?: string }) => {
      // Not a required option of commander's: that would be asked of the subcommands too.
      if (options.root === undefined) throw new Fault('Usage', "required option '--root <folder>' not specified");
      const config = options.config === undefined ? [] : ['--config', options.config];
      becomeNode([...deviceNodeFlags, await deviceBundle(), '--root', options.root, ...config], deviceEnvironment());
    });
  for (const local of localCommands()) device.addCommand(local);
  return device;
}
