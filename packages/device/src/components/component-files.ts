import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault, type Ids, isJsonObject, type Json, type Log, messageOf, type Timers } from '@greensward/kit';
import { ensureFolder, syncFolder, writeFileAtomic } from '@greensward/kit/node';
import { formatRecipe, parseRecipe, type Recipe, selectManifest } from '@greensward/model/recipe';
import type { Platform } from '../platform/platform.ts';
import type { DataPlane } from '../uplink/data-plane.ts';
import { type PlannedArtifact, planArtifacts } from './artifact-plan.ts';
import type { ComponentFiles, ComponentPaths } from './components.ts';
import { artifactSize, asIo, digestOfFile, errorCode, type FetchDeps, fetchFile, sizeOnDisk } from './fetch-file.ts';
import { inParallel } from './retrying.ts';
import { checkComponent, isSafeName, recipePrefix, recipeStem, storeLayout } from './store-layout.ts';
import { unpackZip } from './unpack-zip.ts';

/** Bytes that stay free on the volume (DEFAULT_MIN_DISK_AVAIL_BYTES). */
const reserveBytes = 20 * 1024 * 1024;
const parallelDownloads = 4;
const recipeEnding = '.recipe.json';
const metadataEnding = '.metadata.json';

export interface ComponentFilesDeps {
  readonly root: string;
  readonly dataPlane: Pick<DataPlane, 'artifactUrl' | 'size' | 'download'>;
  readonly platform: Pick<Platform, 'attributes' | 'setPermission' | 'freeSpace'>;
  readonly log: Log;
  readonly timers: Timers;
  readonly ids: Ids;
  /** How long failures of one artifact are retried without progress, milliseconds. Default one hour. */
  readonly retryLimitMs?: number;
  /** Bounds of one archive. Default 100,000 entries and 10 GB, the nucleus's default size of the whole store. */
  readonly unpackLimits?: { readonly entries: number; readonly bytes: number };
}

/**
 * The component versions below `root`, laid out as the reference nucleus does it (recipes as JSON). A file is at its final
 * name only when it is complete and on disk, so a crash at any moment leaves nothing half done that looks done.
 */
export function createComponentFiles(deps: ComponentFilesDeps): ComponentFiles {
  const { root, platform, log } = deps;
  const layout = storeLayout(root);
  const fetching: FetchDeps = { ...deps, retryLimitMs: deps.retryLimitMs ?? 3_600_000 };
  const unpackLimits = deps.unpackLimits ?? { entries: 100_000, bytes: 10_000_000_000 };

  function paths(name: string, version: string): ComponentPaths {
    checkComponent(name, version);
    return {
      artifacts: join(layout.artifacts, name, version),
      decompressed: join(layout.decompressed, name, version),
      work: join(layout.work, name),
    };
  }

  async function putRecipe(recipe: Recipe, arn: string): Promise<void> {
    const { componentName: name, componentVersion: version } = recipe;
    checkComponent(name, version);
    const stem = join(layout.recipes, recipeStem(name, version));
    await asIo('IO_WRITE_ERROR', stem, async () => {
      // First what component users pass through: a mode goes to every folder that is made on the way.
      await ensureFolder(dirname(layout.recipes));
      await ensureFolder(layout.recipes, 0o700);
      // The metadata first: a recipe without it is never seen.
      await writeIfChanged(`${stem}${metadataEnding}`, `${JSON.stringify({ componentVersionArn: arn })}\n`);
      await writeIfChanged(`${stem}${recipeEnding}`, formatRecipe(recipe, 'JSON'));
    });
  }

  async function readRecipe(name: string, version: string): Promise<{ recipe: Recipe; arn: string } | undefined> {
    checkComponent(name, version);
    const stem = join(layout.recipes, recipeStem(name, version));
    const text = await readText(`${stem}${recipeEnding}`);
    if (text === undefined) return undefined;
    const recipe = parseStored(text, `${stem}${recipeEnding}`);
    if (recipe.componentName !== name || recipe.componentVersion !== version) {
      throw new Fault('LOCAL_RECIPE_CORRUPTED', `${stem}${recipeEnding} is not the recipe of ${name} ${version}`);
    }
    return { recipe, arn: await readArn(`${stem}${metadataEnding}`) };
  }

  async function versions(name: string): Promise<readonly string[]> {
    const prefix = recipePrefix(name);
    const files = await listFolder(layout.recipes);
    return files
      .filter((file) => file.startsWith(prefix) && file.endsWith(recipeEnding))
      .map((file) => file.slice(prefix.length, -recipeEnding.length));
  }

  async function fetchArtifacts(recipe: Recipe, arn: string, signal: AbortSignal): Promise<void> {
    const { componentName: name, componentVersion: version } = recipe;
    const at = paths(name, version);
    const manifest = selectManifest(recipe, platform.attributes());
    if (manifest === undefined) {
      throw new Fault('LOCAL_RECIPE_NOT_FOUND', `${name} ${version} has no manifest for this platform`);
    }
    const plan = planArtifacts(manifest);
    const unfinished = join(layout.unfinished, name, version);
    await asIo('IO_WRITE_ERROR', root, async () => {
      await ensureFolder(at.artifacts);
      await ensureFolder(layout.work);
      await mkdir(at.work, { recursive: true, mode: 0o700 });
      // An unpacked archive is not continued, unlike a download.
      await rm(join(unfinished, 'unpacked'), { recursive: true, force: true });
    });
    await loadMissing(plan, { arn, at, unfinished }, signal);
    for (const artifact of plan) {
      signal.throwIfAborted();
      const target = join(at.artifacts, artifact.fileName);
      await asIo('SET_PERMISSION_ERROR', target, () => platform.setPermission(target, artifact.permission));
      await unpack(artifact, at, unfinished, signal);
    }
    await asIo('IO_WRITE_ERROR', unfinished, () => rm(unfinished, { recursive: true, force: true }));
  }

  interface Place {
    readonly arn: string;
    readonly at: ComponentPaths;
    readonly unfinished: string;
  }

  async function loadMissing(plan: readonly PlannedArtifact[], place: Place, signal: AbortSignal): Promise<void> {
    const missing: { artifact: PlannedArtifact; digest: string; part: string; size: number }[] = [];
    for (const artifact of plan) {
      signal.throwIfAborted();
      const present = await digestOfFile(join(place.at.artifacts, artifact.fileName), signal);
      if (present !== undefined && (artifact.digest === undefined || artifact.digest === present)) continue;
      if (artifact.digest === undefined) {
        const problem = `artifact ${artifact.artifactName} has no digest in its recipe and is not on disk`;
        throw new Fault('RECIPE_MISSING_ARTIFACT_HASH_ALGORITHM', problem);
      }
      const part = join(place.unfinished, 'files', artifact.fileName);
      missing.push({ artifact, digest: artifact.digest, part, size: 0 });
    }
    if (missing.length === 0) return;
    await inParallel(missing, parallelDownloads, signal, async (file, either) => {
      file.size = await artifactSize(fetching, place.arn, file.artifact.artifactName, either);
    });
    let bytes = 0;
    for (const file of missing) bytes += Math.max(0, file.size - (await sizeOnDisk(file.part)));
    await needSpace(bytes);
    await inParallel(missing, parallelDownloads, signal, async ({ artifact, digest, part, size }, either) => {
      const target = join(place.at.artifacts, artifact.fileName);
      // What was unpacked from another archive of this name goes first: its folder is the sign that it is complete.
      if (artifact.unpackTo !== undefined) await removeFolder(join(place.at.decompressed, artifact.unpackTo));
      const { artifactName } = artifact;
      await fetchFile(fetching, { componentArn: place.arn, artifactName, digest, size, part, target }, either);
      log.info('artifact loaded', { artifact: artifactName, bytes: size });
    });
  }

  async function needSpace(bytes: number): Promise<void> {
    const free = await platform.freeSpace(root);
    if (free - bytes >= reserveBytes) return;
    const problem = `Disk space critical: ${bytes} bytes to load, ${free} free, ${reserveBytes} must stay free`;
    throw new Fault('DISK_SPACE_CRITICAL', problem);
  }

  async function unpack(artifact: PlannedArtifact, at: ComponentPaths, unfinished: string, signal: AbortSignal) {
    if (artifact.unpackTo === undefined) return;
    const archive = join(at.artifacts, artifact.fileName);
    const target = join(at.decompressed, artifact.unpackTo);
    if (!(await isThere(target))) {
      const temporary = join(unfinished, 'unpacked', artifact.unpackTo);
      const free = (await platform.freeSpace(root)) - reserveBytes;
      const bytes = Math.max(0, Math.min(unpackLimits.bytes, free));
      const windows = platform.attributes()['os'] === 'windows';
      await unpackZip(archive, temporary, { ...unpackLimits, bytes, windows }, signal);
      await asIo('SET_PERMISSION_ERROR', temporary, () => platform.setPermission(temporary, artifact.permission));
      await asIo('IO_WRITE_ERROR', target, async () => {
        await ensureFolder(dirname(target));
        await rename(temporary, target);
        await syncFolder(dirname(target));
      });
    } else {
      await asIo('SET_PERMISSION_ERROR', target, () => platform.setPermission(target, artifact.permission));
    }
  }

  async function prune(keep: ReadonlySet<string>): Promise<void> {
    const stems = new Set<string>();
    for (const entry of keep) {
      const [name = '', version = ''] = entry.split('@');
      stems.add(recipeStem(name, version));
    }
    for (const file of await listFolder(layout.recipes)) {
      const stem = [recipeEnding, metadataEnding].find((ending) => file.endsWith(ending));
      if (stem !== undefined && !stems.has(file.slice(0, -stem.length))) await removeFolder(join(layout.recipes, file));
    }
    for (const folder of [layout.artifacts, layout.decompressed, layout.unfinished]) {
      for (const name of await listFolder(folder)) await pruneVersions(join(folder, name), name, keep);
    }
  }

  return { paths, putRecipe, recipe: readRecipe, versions, fetchArtifacts, prune };
}

async function pruneVersions(folder: string, name: string, keep: ReadonlySet<string>): Promise<void> {
  if (!isSafeName(name)) return;
  const versions = await listFolder(folder);
  const stale = versions.filter((version) => !keep.has(`${name}@${version}`));
  for (const version of stale) await removeFolder(join(folder, version));
  if (stale.length === versions.length) await removeFolder(folder);
}

async function removeFolder(path: string): Promise<void> {
  await asIo('IO_WRITE_ERROR', path, () => rm(path, { recursive: true, force: true }));
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** The names in a folder; none when it is missing or a file. */
async function listFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw new Fault('IO_READ_ERROR', `${path}: ${messageOf(error)}`, { cause: error });
  }
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
  if ((await readText(path)) !== text) await writeFileAtomic(path, text);
}

function parseStored(text: string, path: string): Recipe {
  try {
    return parseRecipe(text);
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
