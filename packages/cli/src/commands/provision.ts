import { Command } from 'commander';
import { openClient } from '../cloud-client/cloud-client.ts';
import { provisionThing } from '../provision/provision-thing.ts';
import { shellWord } from '../shell-word.ts';
import { addDataOption, addJsonOption } from './options.ts';

/** `sward provision`: a thing with all it needs to be a core device. */
export function provisionCommand(): Command {
  const command = new Command('provision')
    .description(
      'Make a thing, its certificate and policy, and a ready config.yaml. A thing that is there gets one more certificate.',
    )
    .requiredOption('--thing <name>', 'name of the thing')
    .option('--group <name...>', 'thing group to put it in, made if missing (repeatable)', [])
    .requiredOption('--out <folder>', 'new folder for the device: its root');
  addDataOption(command);
  return addJsonOption(command, '{"thingName", "certificateArn", "root", "config"}.').action(
    async (options: { thing: string; group: string[]; out: string; data: string; json?: true }) => {
      const client = await openClient(options.data);
      const provisioned = await provisionThing(client, options.thing, options.group, options.out);
      if (options.json === true) console.log(JSON.stringify(provisioned));
      else
        console.log(`${options.thing} is ready. Start it with:\n  npx sward device --root ${shellWord(options.out)}`);
    },
  );
}
