import { Command } from 'commander';
import { becomeNode } from '../become-node.ts';
import { deviceBundle, deviceNodeFlags } from '../device-bundle.ts';
import { deviceEnvironment } from '../environment.ts';

/** `sward device`: this process becomes the device runtime. */
export function deviceCommand(): Command {
  return new Command('device')
    .description('Run the device runtime alone, in a folder that `sward provision` made or that holds a config.yaml.')
    .requiredOption('--root <folder>', 'root folder of the device')
    .option(
      '--config <file>',
      'its config.yaml, in the format of the reference nucleus (default: config.yaml in the root folder)',
    )
    .action(async (options: { root: string; config?: string }) => {
      const config = options.config === undefined ? [] : ['--config', options.config];
      becomeNode([...deviceNodeFlags, await deviceBundle(), '--root', options.root, ...config], deviceEnvironment());
    });
}
