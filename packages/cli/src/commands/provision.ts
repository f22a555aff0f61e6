import { Command } from 'commander';
import { openClient } from '../cloud-client/cloud-client.ts';
import { provisionThing } from '../provision/provision-thing.ts';
import { addDataOption } from './options.ts';

/** `sward provision`: a thing with all it needs to be a core device. */
export function provisionCommand(): Command {
  const command = new Command('provision')
    .description('Make a thing, its certificate and policy, and a ready config.yaml.')
    .requiredOption('--thing <name>', 'name of the thing')
    .option('--group <name...>', 'thing group to put it in, made if missing (repeatable)', [])
    .requiredOption('--out <folder>', 'folder for the device: its root');
  return addDataOption(command).action(
    async (options: { thing: string; group: string[]; out: string; data: string }) => {
      const client = await openClient(options.data);
      await provisionThing(client, options.thing, options.group, options.out);
      console.log(`${options.thing} is ready. Start it with:\n  npx sward device --root ${options.out}`);
    },
  );
}
