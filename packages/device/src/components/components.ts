import type { Recipe } from '@greensward/model/recipe';

/** Where the files of a component version are. */
export interface ComponentPaths {
  readonly artifacts: string;
  readonly decompressed: string;
  readonly work: string;
}

/** A component version as the cloud or a local deployment gave it. */
export interface ComponentSource {
  readonly recipe: Recipe;
  readonly arn: string;
}

/** The component versions on the device's disk. */
export interface ComponentFiles {
  paths(name: string, version: string): ComponentPaths;
  /** Keeps a recipe as it was given; overwrites one of the same version. */
  putRecipe(recipe: Recipe, arn: string): Promise<void>;
  recipe(name: string, version: string): Promise<ComponentSource | undefined>;
  /** Versions on disk of one component. */
  versions(name: string): Promise<readonly string[]>;
  /**
   * Downloads, verifies and unpacks every artifact of the manifests that fit the platform, of all components of a deployment, several
   * at once; what is there and right is kept, what is partly there is continued. Checks the disk space and the limit of the
   * store for all of them before the first byte. After the first failure the others are ended, and that failure is thrown. When it
   * resolves, a power cut takes nothing any more of the components: recipes and imported artifacts that were put here before included.
   * `patienceMs`: failures are tried again so long without progress; default: the limit of the device.
   */
  fetchArtifacts(components: readonly ComponentSource[], signal: AbortSignal, patienceMs?: number): Promise<void>;
  /**
   * Copies artifacts of a local deployment from below `folder`: those of URIs `file:path`, and for any other URI the file
   * `<name>/<version>/<file name>` if it is there. Throws a Fault `ARTIFACT_URI_NOT_VALID` for a path that leads out of the folder.
   */
  importArtifacts(recipe: Recipe, folder: string, signal: AbortSignal): Promise<void>;
  /** Deletes every component version not in `keep` (`name@version`), and images that no kept one uses. */
  prune(keep: ReadonlySet<string>): Promise<void>;
}
