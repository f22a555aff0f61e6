import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Fault } from '@greensward/kit';
import { parseRecipe, type Recipe } from '@greensward/model/recipe';
import { greengrassv2 } from '@greensward/protocol/greengrassv2';
import type { CloudClient } from './cloud-client/cloud-client.ts';

/**
 * Uploads the artifact files that a recipe names by `s3://` URI (matched by file name), then creates the component
 * version. Returns its ARN.
 *
 * @throws Fault `Usage` for a file that the recipe does not name, and whatever the cloud refuses.
 */
export async function publishComponent(
  client: CloudClient,
  recipeFile: string,
  artifactFiles: readonly string[],
): Promise<string> {
  const bytes = await readFile(recipeFile);
  const recipe = parseRecipe(bytes.toString('utf8'));
  for (const file of artifactFiles) await upload(client, recipe, file);
  const created = await client.call(greengrassv2.operations.CreateComponentVersion, { inlineRecipe: bytes });
  return created.arn ?? `${created.componentName} ${created.componentVersion}`;
}

async function upload(client: CloudClient, recipe: Recipe, file: string): Promise<void> {
  const name = basename(file);
  const uris = recipe.manifests.flatMap((manifest) => manifest.artifacts.map((artifact) => artifact.uri));
  const uri = uris.find((candidate) => /^s3:\/\//i.test(candidate) && candidate.split('/').at(-1) === name);
  const [, bucket, key] = uri?.match(/^s3:\/\/([^/]+)\/(.+)$/i) ?? [];
  if (bucket === undefined || key === undefined) {
    throw new Fault(
      'Usage',
      `${recipe.componentName} names no artifact s3://.../${name}; its artifacts are: ${uris.join(', ') || 'none'}`,
    );
  }
  await client.createBucket(bucket);
  await client.putObject(bucket, key, await readFile(file));
}
