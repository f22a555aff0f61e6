import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault, isJsonObject, type Json, messageOf } from '@greensward/kit';
import { ensureFolder, replaceFile } from '@greensward/kit/node';
import { formatRecipe, parseRecipe, type Recipe } from '@greensward/model/recipe';
import type { ComponentFiles, ComponentSource } from './components.ts';
import { listFolder, removeFolder } from './folders.ts';
import { asIo, errorCode } from './io.ts';
import { checkComponent, recipePrefix, recipeStem } from './store-layout.ts';

const recipeEnding = '.recipe.json';
const metadataEnding = '.metadata.json';

/** The recipes in a folder, under the hash of the component's name, each with its ARN beside it. */
export interface RecipeFiles extends Pick<ComponentFiles, 'putRecipe' | 'recipe' | 'versions'> {
  /** Deletes those not in `keep` (`name@version`); answers with the recipes that were deleted and could be read. */
  pruneRecipes(keep: ReadonlySet<string>): Promise<readonly Recipe[]>;
  /** Every recipe that can be read. */
  all(): Promise<readonly Recipe[]>;
}

export function createRecipeFiles(folder: string): RecipeFiles {
  async function putRecipe(recipe: Recipe, arn: string): Promise<void> {
    const { componentName: name, componentVersion: version } = recipe;
    checkComponent(name, version);
    const stem = join(folder, recipeStem(name, version));
    await asIo('IO_WRITE_ERROR', stem, async () => {
      // First what component users pass through: a mode goes to every folder that is made on the way.
      await ensureFolder(dirname(folder));
      await ensureFolder(folder, 0o700);
      // The metadata first: a recipe without it is never seen.
      await writeIfChanged(`${stem}${metadataEnding}`, `${JSON.stringify({ componentVersionArn: arn })}\n`);
      await writeIfChanged(`${stem}${recipeEnding}`, formatRecipe(recipe, 'JSON'));
    });
  }

  async function recipe(name: string, version: string): Promise<ComponentSource | undefined> {
    checkComponent(name, version);
    const stem = join(folder, recipeStem(name, version));
    const text = await readText(`${stem}${recipeEnding}`);
    if (text === undefined) return undefined;
    const found = parseStored(text, `${stem}${recipeEnding}`);
    if (found.componentName !== name || found.componentVersion !== version) {
      throw new Fault('LOCAL_RECIPE_CORRUPTED', `${stem}${recipeEnding} is not the recipe of ${name} ${version}`);
    }
    return { recipe: found, arn: await readArn(`${stem}${metadataEnding}`) };
  }

  async function versions(name: string): Promise<readonly string[]> {
    const prefix = recipePrefix(name);
    const files = await listFolder(folder);
    return files
      .filter((file) => file.startsWith(prefix) && file.endsWith(recipeEnding))
      .map((file) => file.slice(prefix.length, -recipeEnding.length));
  }

  async function readable(file: string): Promise<readonly Recipe[]> {
    if (!file.endsWith(recipeEnding)) return [];
    const text = await readText(join(folder, file)).catch(() => undefined);
    if (text === undefined) return [];
    try {
      return [parseStored(text, file)];
    } catch {
      return [];
    }
  }

  async function pruneRecipes(keep: ReadonlySet<string>): Promise<readonly Recipe[]> {
    const stems = new Set<string>();
    for (const entry of keep) {
      const [name = '', version = ''] = entry.split('@');
      stems.add(recipeStem(name, version));
    }
    const deleted: Recipe[] = [];
    for (const file of await listFolder(folder)) {
      const ending = [recipeEnding, metadataEnding].find((one) => file.endsWith(one));
      if (ending === undefined || stems.has(file.slice(0, -ending.length))) continue;
      deleted.push(...(await readable(file)));
      await removeFolder(join(folder, file));
    }
    return deleted;
  }

  async function all(): Promise<readonly Recipe[]> {
    const recipes: Recipe[] = [];
    for (const file of await listFolder(folder)) recipes.push(...(await readable(file)));
    return recipes;
  }

  return { putRecipe, recipe, versions, pruneRecipes, all };
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new Fault('IO_READ_ERROR', `${path}: ${messageOf(error)}`, { cause: error });
  }
}

async function writeIfChanged(path: string, text: string): Promise<void> {
  if ((await readText(path)) !== text) await replaceFile(path, text);
}

function parseStored(text: string, path: string): Recipe {
  try {
    return parseRecipe(text, { localFiles: true });
  } catch (cause) {
    throw new Fault('LOCAL_RECIPE_CORRUPTED', `${path}: ${messageOf(cause)}`, { cause });
  }
}

async function readArn(path: string): Promise<string> {
  const text = await readText(path);
  if (text === undefined) throw new Fault('LOCAL_RECIPE_METADATA_NOT_FOUND', `${path} is missing`);
  let metadata: Json;
  try {
    metadata = JSON.parse(text);
  } catch (cause) {
    throw new Fault('RECIPE_METADATA_PARSE_ERROR', `${path}: ${messageOf(cause)}`, { cause });
  }
  const arn = isJsonObject(metadata) ? metadata['componentVersionArn'] : undefined;
  if (typeof arn === 'string') return arn;
  throw new Fault('RECIPE_METADATA_PARSE_ERROR', `${path} has no componentVersionArn`);
}
