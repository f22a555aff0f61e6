import { isRetryable } from '@greensward/kit';
import { parseRecipe, type Recipe } from '@greensward/model/recipe';
import type { ComponentFiles } from '../components/components.ts';
import type { DeviceStore } from '../store/device-store.ts';
import type { DeploymentRecord } from '../store/records.ts';
import { requestFromJson } from './local-request.ts';
import type { PrepareDeps } from './prepare.ts';

/** What local deployments need of the folders that a person names. */
export interface LocalFolders {
  /** Every recipe in a folder. @throws Fault `IO_MAPPING_ERROR` that names the file which is none. */
  recipes(folder: string): Promise<readonly Recipe[]>;
  /**
   * Brings what a folder has for a component version (`<folder>/<name>/<version>/`) to its artifacts on the device. Nothing from
   * outside of the folder: a link that leads out of it is refused.
   */
  importArtifacts(folder: string, recipe: Recipe, signal: AbortSignal): Promise<void>;
}

type LocalDeps = PrepareDeps & {
  readonly folders: LocalFolders;
  readonly files: Pick<ComponentFiles, 'importArtifacts'>;
};

/** How long an artifact is asked for without progress: enough for a line that breaks, little for a person who waits. */
const patienceMs = 10_000;

/**
 * What preparing this deployment works with. For a local one the recipes of its folder come first, its artifacts are copied
 * before others are loaded, and the cloud is asked once, its artifacts for {@link patienceMs}, and not waited for: a person waits,
 * and the device may be offline.
 */
export async function withLocalComponents(
  deps: LocalDeps,
  record: Pick<DeploymentRecord, 'source' | 'document'>,
): Promise<PrepareDeps> {
  if (record.source.kind !== 'local') return deps;
  const { folders, files, dataPlane } = deps;
  const { recipeFolder, artifactFolder } = requestFromJson(record.document);
  const given = new Map<string, Recipe>();
  for (const recipe of recipeFolder === undefined ? [] : await folders.recipes(recipeFolder))
    given.set(`${recipe.componentName}@${recipe.componentVersion}`, recipe);
  return {
    ...deps,
    retrying: (work) => work(),
    dataPlane: {
      resolve: (...ask) => dataPlane.resolve(...ask),
      // Not known: then no group counts as left, and nothing is removed for that.
      thingGroups: (signal) =>
        dataPlane.thingGroups(signal).catch((error: unknown) => {
          signal.throwIfAborted();
          if (isRetryable(error)) return 'denied';
          throw error;
        }),
    },
    files: {
      putRecipe: (recipe, arn) => files.putRecipe(recipe, arn),
      async recipe(name, version) {
        const recipe = given.get(`${name}@${version}`);
        return recipe === undefined ? files.recipe(name, version) : { recipe, arn: '' };
      },
      async versions(name) {
        const own = [...given.values()].filter(({ componentName }) => componentName === name);
        return [...new Set([...own.map(({ componentVersion }) => componentVersion), ...(await files.versions(name))])];
      },
      async fetchArtifacts(components, signal) {
        for (const { recipe } of components) {
          if (artifactFolder === undefined) break;
          await folders.importArtifacts(artifactFolder, recipe, signal);
          if (hasFileArtifacts(recipe)) await files.importArtifacts(recipe, artifactFolder, signal);
        }
        await files.fetchArtifacts(components, signal, patienceMs);
      },
    },
  };
}

/** True when artifacts are named by their place in the artifact folder. */
function hasFileArtifacts({ manifests }: Recipe): boolean {
  return manifests.some(({ artifacts }) => artifacts.some(({ uri }) => /^file:/i.test(uri)));
}

/** Component files among which are the recipes that belong to the set: those of local deployments. */
export function withSetRecipes(files: ComponentFiles, store: Pick<DeviceStore, 'components'>): ComponentFiles {
  return {
    ...files,
    async recipe(name, version) {
      const entry = store.components().get(name);
      if (entry?.recipe === undefined || entry.version !== version) return files.recipe(name, version);
      return { recipe: parseRecipe(entry.recipe, { localFiles: true }), arn: entry.arn };
    },
    async versions(name) {
      const entry = store.components().get(name);
      const own = entry?.recipe === undefined ? [] : [entry.version];
      return [...new Set([...own, ...(await files.versions(name))])];
    },
  };
}
