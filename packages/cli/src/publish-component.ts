import { basename } from 'node:path';
import { Fault } from '@greensward/kit';
import { parseRecipe, type Recipe } from '@greensward/model/recipe';
import { type CreateComponentVersionResponse, greengrassv2 } from '@greensward/protocol/greengrassv2';
import type { CloudClient } from './cloud-client/cloud-client.ts';
import { readUserFile } from './user-file.ts';

/**
 * Uploads the artifact files that a recipe names by `s3://` URI (matched by file name, and where several have that by
 * the folders before it), then creates the component version.
 *
 * @throws Fault `Usage` for a file that cannot be read or that the recipe does not name, and whatever the cloud refuses.
 */
export async function publishComponent(
  client: CloudClient,
  recipeFile: string,
  artifactFiles: readonly string[],
): Promise<CreateComponentVersionResponse> {
  const bytes = await readUserFile(recipeFile);
  const recipe = readRecipe(recipeFile, bytes.toString('utf8'));
  const uploads = artifactFiles.map((file) => ({ file, ...destinationOf(recipe, file) }));
  for (const { file, bucket, key } of uploads) {
    const content = await readUserFile(file);
    await client.createBucket(bucket);
    await client.putObject(bucket, key, content);
  }
  return client.call(greengrassv2.operations.CreateComponentVersion, { inlineRecipe: bytes });
}

function readRecipe(file: string, text: string): Recipe {
  try {
    return parseRecipe(text);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault(error.code, `${file}: ${error.message}`, { cause: error });
  }
}

/** Where the recipe expects a file. */
function destinationOf(recipe: Recipe, file: string): { bucket: string; key: string } {
  const all = recipe.manifests.flatMap((manifest) => manifest.artifacts.map((artifact) => artifact.uri));
  const uris = [...new Set(all.filter((uri) => /^s3:\/\/[^/]+\/./i.test(uri)))];
  const lengths = uris.map((uri) => commonEnd(uri, file));
  const best = Math.max(0, ...lengths);
  const [uri, another] = uris.filter((_, index) => lengths[index] === best);
  if (best === 0 || uri === undefined) {
    const listed = all.join(', ') || 'none';
    const text = `${recipe.componentName} names no artifact s3://.../${basename(file)}; its artifacts are: ${listed}`;
    throw new Fault('Usage', text);
  }
  if (another !== undefined) throw new Fault('Usage', `${file} may be ${uri} or ${another}: give it the folder of one`);
  const [, bucket = '', key = ''] = uri.match(/^s3:\/\/([^/]+)\/(.+)$/i) ?? [];
  return { bucket, key };
}

/** How many names at the end of two paths are the same. */
function commonEnd(uri: string, file: string): number {
  const [left, right] = [uri.split('/').reverse(), file.split(/[\\/]/).reverse()];
  let count = 0;
  while (count < right.length && left[count] === right[count]) count++;
  return count;
}
