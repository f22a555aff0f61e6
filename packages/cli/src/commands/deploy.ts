import { Fault, isJsonObject, messageOf } from '@greensward/kit';
import { type CreateDeploymentRequest, greengrassv2 } from '@greensward/protocol/greengrassv2';
import { Command } from 'commander';
import { openClient } from '../cloud-client/cloud-client.ts';
import { endOf, followRollout } from '../rollout-progress.ts';
import { readUserFile } from '../user-file.ts';
import { addDataOption, addJsonOption } from './options.ts';

/** `sward deploy FILE.json [--wait]`. */
export function deployCommand(): Command {
  const command = new Command('deploy')
    .description(
      'Create a deployment from the request in a file, as `aws greengrassv2 create-deployment --cli-input-json` takes it.',
    )
    .argument('<file>', 'JSON file')
    .option('--wait', 'follow the rollout until it is settled; exit 1 if it failed on any device');
  addDataOption(command);
  const prints = `what CreateDeployment
answers ({"deploymentId", "iotJobId", "iotJobArn"}); with --wait, how it ended ({"deploymentId", "status", "counts",
"executions": [{"thing", "status", "reason"}]}).`;
  return addJsonOption(command, prints).action(deploy);
}

async function deploy(file: string, options: { wait?: true; json?: true; data: string }): Promise<void> {
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
  const { status, counts, executions } = progress;
  if (options.json === true) console.log(JSON.stringify({ deploymentId, status, counts, executions }));
  else if (executions.length === 0) console.log('the target has no things: those that join it will get the deployment');
  const end = endOf(progress);
  if (end !== undefined) console.error(`sward: ${end}`);
  if (end !== undefined || executions.some(({ status }) => !wentWell.has(status))) process.exitCode = 1;
}

/** How an execution may end that is no failure of the deployment: REMOVED ones left the target, or were deleted, before they began. */
const wentWell: ReadonlySet<string> = new Set(['SUCCEEDED', 'REMOVED']);

async function readRequest(file: string): Promise<CreateDeploymentRequest> {
  const text = (await readUserFile(file)).toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Fault('Usage', `${file} is not JSON: ${messageOf(cause)}`, { cause });
  }
  if (!isJsonObject(value) || typeof value['targetArn'] !== 'string') {
    throw new Fault(
      'Usage',
      `${file}: a JSON object with a targetArn, the ARN of a thing or a thing group, is expected`,
    );
  }
  // The cloud checks every other member, with a message that names it.
  return { ...value, targetArn: value['targetArn'] };
}
