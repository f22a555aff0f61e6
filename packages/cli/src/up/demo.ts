import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '@greensward/kit';
import { greengrassv2 } from '@greensward/protocol/greengrassv2';
import type { CloudClient } from '../cloud-client/cloud-client.ts';
import { publishComponent } from '../publish-component.ts';
import { endOf, followRollout } from '../rollout-progress.ts';

/** The thing group of the local devices. */
export const demoGroup = 'demo';

/** The components and the deployment of the demo. */
function examplesFolder(): string {
  return join(import.meta.dirname, '..', '..', '..', '..', 'examples');
}

/** Publishes every component below examples/; versions that are there already stay as they are. Returns what is new. */
export async function publishExamples(client: CloudClient): Promise<readonly string[]> {
  const published: string[] = [];
  const folders = (await readdir(examplesFolder(), { withFileTypes: true })).filter((entry) => entry.isDirectory());
  for (const { name } of folders.sort((a, b) => a.name.localeCompare(b.name))) {
    const folder = join(examplesFolder(), name);
    const files = await readdir(folder);
    const artifacts = files.filter((file) => file !== 'recipe.yaml').map((file) => join(folder, file));
    try {
      await publishComponent(client, join(folder, 'recipe.yaml'), artifacts);
      published.push(name);
    } catch (error) {
      if (!(error instanceof Fault && error.code === 'ConflictException')) throw error;
    }
  }
  return published;
}

/** Deploys examples/deployment.json to the demo group, unless the group has a deployment; shows it until it is settled. */
export async function deployDemo(
  client: CloudClient,
  devices: number,
  account: { region: string; accountId: string },
  say: (line: string) => void,
): Promise<void> {
  const targetArn = `arn:aws:iot:${account.region}:${account.accountId}:thinggroup/${demoGroup}`;
  const { deployments = [] } = await client.call(greengrassv2.operations.ListDeployments, { targetArn });
  const [known] = deployments;
  if (known !== undefined)
    say(`the thing group ${demoGroup} has deployment ${known.deploymentId} (${known.deploymentStatus})`);
  if (known !== undefined && known.deploymentStatus !== 'ACTIVE') return;
  const deploymentId = known?.deploymentId ?? (await createDemoDeployment(client, targetArn));
  if (known === undefined) say(`deployment ${deploymentId} to the thing group ${demoGroup}`);
  const progress = await followRollout(client, deploymentId, devices, (thing, status, reason) => {
    say(`  ${thing}  ${status}${reason === undefined ? '' : `  ${reason}`}`);
  });
  // Somebody deployed something else meanwhile: no reason to stop the cloud.
  const end = endOf(progress);
  if (end !== undefined) say(`  ${end}`);
}

async function createDemoDeployment(client: CloudClient, targetArn: string): Promise<string> {
  const request = JSON.parse(await readFile(join(examplesFolder(), 'deployment.json'), 'utf8'));
  const created = await client.call(greengrassv2.operations.CreateDeployment, { ...request, targetArn });
  return created.deploymentId ?? '';
}
