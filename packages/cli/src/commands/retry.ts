import { Command } from 'commander';
import { openClient } from '../cloud-client/cloud-client.ts';
import { addDataOption, addJsonOption } from './options.ts';

/** `sward retry DEPLOYMENT_ID [--thing NAME ...]`. */
export function retryCommand(): Command {
  const command = new Command('retry')
    .description(
      'Give a deployment of a thing group once more to the devices on which it failed, was rejected or timed out.',
    )
    .argument('<deployment>', 'id of the deployment')
    .option('--thing <name...>', 'only these devices; all of them must have failed');
  addDataOption(command);
  return addJsonOption(command, '{"deploymentId", "things"}, the number of devices that get it again.').action(retry);
}

async function retry(deploymentId: string, options: { thing?: string[]; json?: true; data: string }): Promise<void> {
  const client = await openClient(options.data);
  const { things } = await client.retry(deploymentId, options.thing);
  console.log(
    options.json === true
      ? JSON.stringify({ deploymentId, things })
      : `${things} ${things === 1 ? 'device gets' : 'devices get'} it again`,
  );
}
