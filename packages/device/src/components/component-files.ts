import { join } from 'node:path';
import { Fault, type Ids, type Log, type Timers } from '@greensward/kit';
import { parseArtifactUri, type Recipe, selectManifest } from '@greensward/model/recipe';
import type { Platform } from '../platform/platform.ts';
import type { DataPlane, ObjectStore, RegistryLogin } from '../uplink/data-plane.ts';
import { type LoaderDeps, loadArtifacts } from './artifact-loader.ts';
import { type ArtifactPlan, planArtifacts } from './artifact-plan.ts';
import type { ComponentFiles, ComponentPaths } from './components.ts';
import { createDockerImages } from './docker-images.ts';
import { isThere, listFolder, removeFolder } from './folders.ts';
import { importArtifact } from './local-artifacts.ts';
import { createRecipeFiles } from './recipe-files.ts';
import { checkComponent, isSafeName, storeLayout } from './store-layout.ts';

export interface ComponentFilesDeps {
  readonly root: string;
  readonly dataPlane: Pick<DataPlane, 'artifactUrl' | 'size' | 'download'>;
  readonly objects: ObjectStore;
  readonly registryLogin: (registry: string, signal: AbortSignal) => Promise<RegistryLogin>;
  readonly platform: Pick<Platform, 'attributes' | 'setPermission' | 'freeSpace' | 'findExecutable'>;
  /** Platform attributes that manifests are chosen by. */
  readonly attributes: () => Readonly<Record<string, string>>;
  /** The environment of the docker program. */
  readonly environment: Readonly<Record<string, string>>;
  /** `componentStoreMaxSizeBytes`. */
  readonly maxStoreBytes: () => number;
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
  const { root, platform } = deps;
  const layout = storeLayout(root);
  const retryLimitMs = deps.retryLimitMs ?? 3_600_000;
  const recipes = createRecipeFiles(layout.recipes);
  const images = createDockerImages({
    ...deps,
    retryLimitMs,
    findProgram: () => platform.findExecutable('docker'),
    loginFolder: join(root, 'packages', 'docker-login'),
  });
  const loading: LoaderDeps = {
    ...deps,
    retryLimitMs,
    layout,
    images,
    unpackLimits: deps.unpackLimits ?? { entries: 100_000, bytes: 10_000_000_000 },
  };

  function paths(name: string, version: string): ComponentPaths {
    checkComponent(name, version);
    return {
      artifacts: join(layout.artifacts, name, version),
      decompressed: join(layout.decompressed, name, version),
      work: join(layout.work, name),
    };
  }

  function planOf(recipe: Recipe): ArtifactPlan {
    const manifest = selectManifest(recipe, deps.attributes());
    if (manifest !== undefined) return planArtifacts(manifest);
    const what = `${recipe.componentName} ${recipe.componentVersion}`;
    throw new Fault('LOCAL_RECIPE_NOT_FOUND', `${what} has no manifest for this platform`);
  }

  /** Where the files of a recipe go. */
  function placeOf({ componentName: name, componentVersion: version }: Recipe) {
    return { at: paths(name, version), unfinished: join(layout.unfinished, name, version) };
  }

  return {
    paths,
    putRecipe: recipes.putRecipe,
    recipe: recipes.recipe,
    versions: recipes.versions,

    async fetchArtifacts(components, signal, patienceMs = retryLimitMs) {
      const orders = components.map(({ recipe, arn }) => ({
        version: `${recipe.componentName}/${recipe.componentVersion}`,
        arn,
        plan: planOf(recipe),
        ...placeOf(recipe),
      }));
      await loadArtifacts({ ...loading, retryLimitMs: patienceMs }, orders, signal);
    },

    async importArtifacts(recipe, folder, signal) {
      const { componentName: name, componentVersion: version } = recipe;
      for (const artifact of planOf(recipe).files) {
        signal.throwIfAborted();
        await importArtifact(artifact, { name, version, folder, ...placeOf(recipe) });
      }
    },

    async prune(keep) {
      const gone: Recipe[] = [];
      for (const recipe of await recipes.pruneRecipes(keep)) {
        // Without this folder nothing of the version was ever loaded: its images are not ours to remove.
        if (await isThere(placeOf(recipe).at.artifacts)) gone.push(recipe);
      }
      for (const folder of [layout.artifacts, layout.decompressed, layout.unfinished]) {
        for (const name of await listFolder(folder)) await pruneVersions(join(folder, name), name, keep);
      }
      const unused = new Set(gone.flatMap(imagesOf));
      if (unused.size === 0) return;
      for (const image of (await recipes.all()).flatMap(imagesOf)) unused.delete(image);
      for (const image of unused) await images.remove(image);
    },
  };
}

function imagesOf(recipe: Recipe): string[] {
  return recipe.manifests.flatMap(({ artifacts }) =>
    artifacts.flatMap(({ uri }) => {
      const parsed = parseArtifactUri(uri, { localFiles: true });
      return parsed.scheme === 'docker' ? parsed.image : [];
    }),
  );
}

async function pruneVersions(folder: string, name: string, keep: ReadonlySet<string>): Promise<void> {
  if (!isSafeName(name)) return;
  const versions = await listFolder(folder);
  const stale = versions.filter((version) => !keep.has(`${name}@${version}`));
  for (const version of stale) await removeFolder(join(folder, version));
  if (stale.length === versions.length) await removeFolder(folder);
}
