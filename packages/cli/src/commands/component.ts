import { Command } from 'commander';
import { openClient } from '../cloud-client/cloud-client.ts';
import { publishComponent } from '../publish-component.ts';
import { addDataOption, addJsonOption } from './options.ts';

/** `sward component publish`. */
export function componentCommand(): Command {
  const publish = new Command('publish')
    .description('Upload the artifacts of a recipe and create the component version.')
    .argument('<recipe>', 'recipe file, JSON or YAML')
    .argument('[artifacts...]', 'files that the recipe names by s3:// URI');
  addDataOption(publish);
  addJsonOption(publish, '{"arn", "componentName", "componentVersion"}.').action(
    async (recipe: string, artifacts: string[], options: { data: string; json?: true }) => {
      const client = await openClient(options.data);
      const { arn, componentName, componentVersion } = await publishComponent(client, recipe, artifacts);
      console.log(options.json === true ? JSON.stringify({ arn, componentName, componentVersion }) : arn);
    },
  );
  return new Command('component').description('Work with components.').addCommand(publish);
}
