import type { JsonObject } from '@greensward/kit';
import type { Platform } from '../platform/platform.ts';

export type ComponentType =
  | 'aws.greengrass.generic'
  | 'aws.greengrass.lambda'
  | 'aws.greengrass.plugin'
  | 'aws.greengrass.nucleus';

export type DependencyType = 'HARD' | 'SOFT';

/** Who may read or execute an artifact's files: the component user, everyone, or no one. */
export type Access = 'NONE' | 'OWNER' | 'ALL';

export interface Dependency {
  /** An npm range that {@link satisfies} understands. */
  readonly versionRequirement: string;
  readonly dependencyType: DependencyType;
}

export interface Artifact {
  readonly uri: string;
  /** TAR is an extension: the reference unpacks ZIP only. */
  readonly unarchive: 'NONE' | 'ZIP' | 'TAR';
  readonly permission: { readonly read: Access; readonly execute: Access };
  /** Base64 of the hash of the artifact's bytes; set by the cloud when the component version is created, by the author for `https:`. */
  readonly digest: string | undefined;
  /** Name of the hash algorithm, `SHA-256`. */
  readonly algorithm: string | undefined;
}

export interface Manifest {
  readonly name: string | undefined;
  /** Empty: every platform. */
  readonly platform: Platform;
  /** Empty: the global lifecycle applies. Keys keep their case. */
  readonly lifecycle: JsonObject;
  readonly selections: readonly string[];
  readonly artifacts: readonly Artifact[];
}

/** A component recipe of format 2020-01-25 that passed every check which does not need a device. */
export interface Recipe {
  readonly recipeFormatVersion: '2020-01-25';
  readonly componentName: string;
  readonly componentVersion: string;
  readonly componentType: ComponentType;
  readonly description: string | undefined;
  readonly publisher: string | undefined;
  /** The Lambda function a component was imported from. */
  readonly source: string | undefined;
  readonly dependencies: ReadonlyMap<string, Dependency>;
  readonly defaultConfiguration: JsonObject;
  readonly manifests: readonly Manifest[];
  /** The global lifecycle. Keys keep their case. */
  readonly lifecycle: JsonObject;
}
