export type ComponentState = 'REQUESTED' | 'INITIATED' | 'DEPLOYABLE' | 'FAILED' | 'DEPRECATED';

/** One published version of a component: immutable but for its tags. */
export interface ComponentVersion {
  readonly name: string;
  readonly version: string;
  /** The recipe in the format it was uploaded in, with the digests that the service added. */
  readonly recipe: string;
  readonly recipeFormat: 'JSON' | 'YAML';
  readonly publisher?: string;
  readonly description?: string;
  readonly platforms: readonly { readonly name?: string; readonly attributes: Readonly<Record<string, string>> }[];
  readonly artifacts: readonly StoredArtifact[];
  readonly state: ComponentState;
  /** `NONE` when there is nothing to say. */
  readonly message: string;
  /** Artifact URI -> what is wrong with it; empty when deployable. */
  readonly errors: Readonly<Record<string, string>>;
  readonly createdAt: number;
  /** One of the original's own, for every account; absent for what is stored. */
  readonly isPublic?: true;
}

/** An artifact of a component version, kept by the service under its content hash. */
interface StoredArtifact {
  /** The URI of the uploaded recipe, `s3://bucket/key` or `greengrass:...`. */
  readonly uri: string;
  /** What devices ask for: unique within the component version, may contain `/`. */
  readonly name: string;
  /** SHA-256 of the content, lower-case hex. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}
