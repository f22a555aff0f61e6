/** Pre-signed artifact URLs on the device port. */
export interface ArtifactUrls {
  /** An https URL for the content, valid for some hours. `host` is the name the device knows the service by. */
  sign(artifact: { readonly sha256: string; readonly fileName: string }, host: string): string;
  /** The content hash that path and query grant now; undefined when forged or expired. */
  verify(path: string, query: URLSearchParams): { readonly sha256: string; readonly fileName: string } | undefined;
}
