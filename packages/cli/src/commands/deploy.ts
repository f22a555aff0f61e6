import { readFile } from 'node:fs/promises';
import { Fault, isJsonObject, messageOf } from '@greensward/kit';
import { type CreateDeploymentRequest, greengrassv2 } from '@greensward/protocol/greengrassv2';
import { Command } from 'commander';
import { openClient } from '../cloud-client/cloud-client.ts';
import { followRollout } from '../rollout-progress.ts';
import { addDataOption } from './options.ts';

/** `sward deploy FILE.json [--wait]`. */
export function deployCommand(): Command {
  const command = new Command('deploy')
    .description(
      'Create a deployment from the request in a file, as `aws greengrassv2 create-deployment --cli-input-json` takes it.',
    )
    .argument('<file>', 'JSON file')
    .option('--wait', 'follow the rollout until it is settled; exit 1 if it failed anywhere')
    .option('--json', 'machine-readable output');
  return addDataOption(command).action(async (file: string, options: { wait?: true; json?: true; data: string }) => {
    const request = await readRequest(file);
    const client = await openClient(options.data);
    const created = await client.call(greengrassv2.operations.CreateDeployment, request);
    const deploymentId = created.deploymentId ?? '';
    if (options.wait !== true) {
      console.log(options.json === true ? JSON.stringify(created) : deploymentId);
      return;
    }
    const progress = await followRollout(client, deploymentId, 0, (thing, status, reason) => {
      if (options.json !== true) console.log(`${thing}  ${status}${reason === undefined ? '' : `  ${reason}`}`);
    });
    if (options.json === true) console.log(JSON.stringify(progress));
    if (progress.executions.some((execution) => execution.status !== 'SUCCEEDED')) process.exitCode = 1;
  });
}

async function readRequest(file: string): Promise<CreateDeploymentRequest> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new Fault('Usage', `${file}: ${messageOf(cause)}`, { cause });
  }
  if (!isJsonObject(value) || typeof value['targetArn'] !== 'string') {
    throw new Fault('Usage', `${file}: a JSON object with a targetArn is expected`);
  }
  // The cloud checks every other member, with a message that names it.
  return { ...value, targetArn: value['targetArn'] };
}
