import { constants } from 'node:fs';
import { copyFile, open, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import { Fault, messageOf } from '@greensward/kit';
import { ensureFolder, syncFolder } from '@greensward/kit/node';
import { parseRecipe, type Recipe } from '@greensward/model/recipe';
import type { Platform } from '../platform/platform.ts';
import { asIo } from './io.ts';
import { checkComponent, storeLayout } from './store-layout.ts';

/** Bytes that stay free on the volume (DEFAULT_MIN_DISK_AVAIL_BYTES). */
const reserveBytes = 20 * 1024 * 1024;
/** A folder that holds more than this is not meant. */
const maxRecipes = 1000;
const maxRecipeBytes = 1024 * 1024;
const maxFiles = 100_000;

export interface LocalFoldersDeps {
  readonly root: string;
  readonly platform: Pick<Platform, 'freeSpace'>;
}

/** The folders that a person names in a local deployment: read, never written, and never left. */
export function createLocalFolders({ root, platform }: LocalFoldersDeps) {
  const layout = storeLayout(root);

  async function check(recipes: string | undefined, artifacts: string | undefined): Promise<void> {
    if (recipes !== undefined) await folderOf(recipes, 'InvalidRecipeDirectoryPathError', 'recipeDirectoryPath');
    if (artifacts === undefined) return;
    const code = 'InvalidArtifactsDirectoryPathError';
    const folder = await folderOf(artifacts, code, 'artifactsDirectoryPath');
    await ensureFolder(layout.artifacts);
    const store = await realpath(layout.artifacts);
    if (folder === store || isBelow(folder, store)) {
      const problem =
        'Requested artifacts directory path is parent of kernel artifacts directory path. Specify another path to avoid recursive copy';
      throw new Fault(code, problem);
    }
    if (isBelow(store, folder)) throw new Fault(code, `${artifacts} is a folder of the runtime itself`);
  }

  async function recipes(folder: string): Promise<readonly Recipe[]> {
    const names = await asIo('IO_READ_ERROR', folder, () => readdir(folder));
    const files = names.filter((name) => /\.(json|ya?ml)$/i.test(name)).sort();
    if (files.length > maxRecipes)
      throw new Fault('IO_READ_ERROR', `${folder} holds ${files.length} recipes; ${maxRecipes} are read at most`);
    const found = new Map<string, { readonly recipe: Recipe; readonly file: string }>();
    for (const file of files) {
      const recipe = await readRecipe(join(folder, file));
      const key = `${recipe.componentName} ${recipe.componentVersion}`;
      const other = found.get(key);
      if (other !== undefined)
        throw new Fault('IO_MAPPING_ERROR', `${other.file} and ${file} in ${folder} are both the recipe of ${key}`);
      found.set(key, { recipe, file });
    }
    return [...found.values()].map(({ recipe }) => recipe);
  }

  async function importArtifacts(folder: string, recipe: Recipe, signal: AbortSignal): Promise<void> {
    const { componentName: name, componentVersion: version } = recipe;
    checkComponent(name, version);
    const outer = await asIo('IO_READ_ERROR', folder, () => realpath(folder));
    const files = await filesBelow(outer, join(outer, name, version), signal);
    if (files.length === 0) return;
    let bytes = 0;
    for (const { size } of files) bytes += size;
    const free = await platform.freeSpace(root);
    if (free - bytes < reserveBytes)
      throw new Fault(
        'DISK_SPACE_CRITICAL',
        `Disk space critical: ${bytes} bytes to copy, ${free} free, ${reserveBytes} must stay free`,
      );
    const target = join(layout.artifacts, name, version);
    const part = join(layout.unfinished, name, version, 'local');
    const unpacked = join(layout.decompressed, name, version);
    await asIo('IO_WRITE_ERROR', target, async () => {
      await ensureFolder(layout.artifacts);
      await ensureFolder(dirname(part), 0o700);
      for (const file of files) {
        signal.throwIfAborted();
        await copyTo(file.source, part, join(target, file.path));
      }
      // What was unpacked came from the archives that these replaced.
      await rm(unpacked, { recursive: true, force: true });
    });
  }

  return { check, recipes, importArtifacts };
}

async function readRecipe(file: string): Promise<Recipe> {
  const text = await asIo('IO_READ_ERROR', file, async () => {
    const { size } = await stat(file);
    if (size > maxRecipeBytes) throw new Error(`${size} bytes are more than a recipe has`);
    return readFile(file, 'utf8');
  });
  try {
    const recipe = parseRecipe(text, { localFiles: true });
    checkComponent(recipe.componentName, recipe.componentVersion);
    return recipe;
  } catch (cause) {
    throw new Fault('IO_MAPPING_ERROR', `${basename(file)} is not a recipe`, { cause });
  }
}

async function folderOf(path: string, code: string, member: string): Promise<string> {
  if (!isAbsolute(path)) throw new Fault(code, `${member}: ${JSON.stringify(path)} is not an absolute path`);
  try {
    await readdir(path);
    return await realpath(path);
  } catch (cause) {
    throw new Fault(code, `${member}: ${messageOf(cause)}`, { cause });
  }
}

interface LocalFile {
  /** The true path, after links. */
  readonly source: string;
  /** Below the folder of the component version. */
  readonly path: string;
  readonly size: number;
}

/** Regular files below `folder`, links followed as long as they stay below `outer`. None when there is no such folder. */
async function filesBelow(outer: string, folder: string, signal: AbortSignal): Promise<readonly LocalFile[]> {
  const files: LocalFile[] = [];
  /** Folders on the way down: a link to one of them would never end. */
  const visit = async (path: string, above: readonly string[]) => {
    const true_ = await realpath(path).catch((error: unknown) => {
      if (above.length === 0 && error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw new Fault('IO_READ_ERROR', `${path}: ${messageOf(error)}`, { cause: error });
    });
    if (true_ === undefined) return;
    if (!isBelow(outer, true_))
      throw new Fault('ARTIFACT_URI_NOT_VALID', `${path} leads out of the artifact folder ${outer}`);
    if (above.includes(true_)) throw new Fault('ARTIFACT_URI_NOT_VALID', `${path} is a link to a folder above it`);
    const found = await stat(true_);
    if (found.isFile()) {
      if (files.length === maxFiles) throw new Fault('IO_READ_ERROR', `${folder} has more than ${maxFiles} files`);
      files.push({ source: true_, path: relative(folder, path), size: found.size });
      return;
    }
    if (!found.isDirectory()) throw new Fault('ARTIFACT_URI_NOT_VALID', `${path} is neither a file nor a folder`);
    for (const name of (await readdir(true_)).sort()) {
      signal.throwIfAborted();
      await visit(join(path, name), [...above, true_]);
    }
  };
  await visit(folder, []);
  return files;
}

/** A file is at its name only when it is complete and on disk. */
async function copyTo(source: string, part: string, target: string): Promise<void> {
  await ensureFolder(dirname(target));
  await rm(part, { force: true });
  await copyFile(source, part, constants.COPYFILE_EXCL);
  const file = await open(part, 'r+');
  try {
    // Readable for the user of the component, which is given it; the recipe may say more.
    await file.chmod(0o640);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(part, target);
  await syncFolder(dirname(target));
}

function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
