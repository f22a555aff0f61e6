/** A component version as the cloud answered it. */
export interface ResolvedCandidate {
  readonly name: string;
  readonly version: string;
  readonly arn: string;
  /** JSON text. */
  readonly recipe: string;
}

/** The HTTPS side of the device. Failures are Faults with a `DeploymentErrorCode`; `retryable` for 5xx, 429 and network. */
export interface DataPlane {
  /** Group names of the device: direct ones and their ancestors; `denied` on 403. */
  thingGroups(signal: AbortSignal): Promise<readonly string[] | 'denied'>;
  resolve(
    candidate: {
      readonly name: string;
      readonly version?: string;
      readonly requirements: Readonly<Record<string, string>>;
    },
    attributes: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<ResolvedCandidate>;
  artifactUrl(componentArn: string, artifactName: string, signal: AbortSignal): Promise<string>;
  /** The size in bytes of what a URL serves. */
  size(url: string, signal: AbortSignal): Promise<number>;
  /** The bytes from `start` on. */
  download(url: string, start: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

/** Objects that recipes name as `s3://bucket/key`. Failures as those of {@link DataPlane}. */
export interface ObjectStore {
  size(bucket: string, key: string, signal: AbortSignal): Promise<number>;
  /** The bytes from `start` on. */
  download(bucket: string, key: string, start: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

/** What opens a private registry of container images. */
export interface RegistryLogin {
  readonly username: string;
  readonly password: string;
}
