import { Command } from 'commander';
import { openClient } from '../cloud-client/cloud-client.ts';
import { publishComponent } from '../publish-component.ts';
import { addDataOption } from './options.ts';

/** `sward component publish`. */
export function componentCommand(): Command {
  const publish = new Command('publish')
    .description('Upload the artifacts of a recipe and create the component version.')
    .argument('<recipe>', 'recipe file, JSON or YAML')
    .argument('[artifacts...]', 'files that the recipe names by s3:// URI');
  addDataOption(publish).action(async (recipe: string, artifacts: string[], options: { data: string }) => {
    const client = await openClient(options.data);
    console.log(await publishComponent(client, recipe, artifacts));
  });
  return new Command('component').description('Work with components.').addCommand(publish);
}
