import type { Recipe } from '@greensward/model/recipe';

/** Where the files of a component version are. */
export interface ComponentPaths {
  readonly artifacts: string;
  readonly decompressed: string;
  readonly work: string;
}

/** The component versions on the device's disk. */
export interface ComponentFiles {
  paths(name: string, version: string): ComponentPaths;
  /** Keeps a recipe as the cloud sent it; overwrites one of the same version. */
  putRecipe(recipe: Recipe, arn: string): Promise<void>;
  recipe(name: string, version: string): Promise<{ recipe: Recipe; arn: string } | undefined>;
  /** Versions on disk of one component. */
  versions(name: string): Promise<readonly string[]>;
  /**
   * Downloads, verifies and unpacks every artifact of the manifest that fits the platform; what is there and right is kept,
   * what is partly there is continued. Checks the disk space before the first byte.
   */
  fetchArtifacts(recipe: Recipe, arn: string, signal: AbortSignal): Promise<void>;
  /** Deletes every component version not in `keep` (`name@version`). */
  prune(keep: ReadonlySet<string>): Promise<void>;
}
