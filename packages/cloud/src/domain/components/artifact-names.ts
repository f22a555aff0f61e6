import { parseArtifactUri } from '@greensward/model/recipe';

/**
 * The names under which devices ask for artifacts, one per content. A name is the file name of its URI: a device saves the
 * file under the last path segment. Where two contents share a file name (one file per platform), a part of the hash goes
 * before it, so that names are unique within the component version and stable over uploads.
 */
export function artifactNames(
  artifacts: readonly { readonly uri: string; readonly sha256: string }[],
): ReadonlyMap<string, string> {
  const contents = new Map<string, Set<string>>();
  const files = artifacts.map(({ uri, sha256 }) => ({ uri, sha256, file: fileName(uri) }));
  for (const { file, sha256 } of files) contents.set(file, (contents.get(file) ?? new Set()).add(sha256));
  return new Map(
    files.map(({ uri, sha256, file }) => {
      const shared = (contents.get(file)?.size ?? 0) > 1;
      return [uri, shared ? `${sha256.slice(0, 16)}/${file}` : file];
    }),
  );
}

function fileName(uri: string): string {
  const parsed = parseArtifactUri(uri);
  return parsed.scheme === 'docker' ? parsed.image : parsed.fileName;
}
