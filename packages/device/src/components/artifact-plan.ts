import { Fault } from '@greensward/kit';
import { type Artifact, type Manifest, parseArtifactUri } from '@greensward/model/recipe';
import type { FilePermission } from '../platform/platform.ts';

/** From where an artifact comes. `file`: it is put there by a local deployment. */
export type ArtifactOrigin =
  | { readonly scheme: 'greengrass'; readonly artifactName: string }
  | { readonly scheme: 's3'; readonly bucket: string; readonly key: string }
  | { readonly scheme: 'https'; readonly url: string }
  | { readonly scheme: 'file'; readonly path: string };

/** One artifact as it is to be on disk. */
export interface PlannedArtifact {
  readonly uri: string;
  readonly origin: ArtifactOrigin;
  readonly fileName: string;
  /** Base64 of SHA-256; absent for a file that can only have been put there by hand. */
  readonly digest: string | undefined;
  /** How it is unpacked, and the name of the folder. */
  readonly unpack: { readonly format: 'ZIP' | 'TAR'; readonly folder: string } | undefined;
  readonly permission: FilePermission;
}

/** What the artifacts of a manifest mean: files on disk, and images for the docker program. */
export interface ArtifactPlan {
  readonly files: readonly PlannedArtifact[];
  readonly images: readonly string[];
}

/**
 * What the artifacts of a manifest mean. Throws a Fault with a `DeploymentErrorCode` for two artifacts with one file name (all
 * lie in one flat folder), and a hash other than SHA-256.
 */
export function planArtifacts(manifest: Manifest): ArtifactPlan {
  const files: PlannedArtifact[] = [];
  const images: string[] = [];
  for (const artifact of manifest.artifacts) {
    const uri = parseArtifactUri(artifact.uri, { localFiles: true });
    if (uri.scheme === 'docker') {
      images.push(uri.image);
      continue;
    }
    const { fileName, ...origin } = uri;
    files.push({
      uri: artifact.uri,
      origin,
      fileName,
      digest: digestOf(artifact),
      unpack: unpackOf(artifact, fileName),
      permission: artifact.permission,
    });
  }
  refuseTwice(files.map(({ fileName }) => fileName));
  refuseTwice(files.flatMap(({ unpack }) => unpack?.folder ?? []));
  return { files, images };
}

function digestOf(artifact: Artifact): string | undefined {
  if (artifact.digest === undefined) return undefined;
  if (artifact.algorithm === undefined) {
    throw new Fault('RECIPE_MISSING_ARTIFACT_HASH_ALGORITHM', `${artifact.uri} has a digest without an algorithm`);
  }
  if (artifact.algorithm.toUpperCase() === 'SHA-256') return artifact.digest;
  const problem = `${artifact.uri}: the hash algorithm ${artifact.algorithm} is not available, SHA-256 is`;
  throw new Fault('HASHING_ALGORITHM_UNAVAILABLE', problem);
}

function unpackOf({ unarchive }: Artifact, fileName: string): PlannedArtifact['unpack'] {
  if (unarchive === 'NONE') return undefined;
  // `site.tar.gz` has two extensions that are one.
  const folder = withoutExtension(unarchive === 'TAR' ? fileName.replace(/(?<=.\.tar)\.(gz|tgz)$/i, '') : fileName);
  return { format: unarchive, folder };
}

/** `models.v2.zip` -> `models.v2`. A name that is nothing but an extension stays whole. */
function withoutExtension(fileName: string): string {
  const dot = fileName.lastIndexOf('.');
  const stem = dot > 0 ? fileName.slice(0, dot) : fileName;
  if (stem !== '.' && stem !== '..') return stem;
  throw new Fault('ARTIFACT_URI_NOT_VALID', `an archive called ${fileName} has no folder to be unpacked to`);
}

function refuseTwice(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new Fault(
    'ARTIFACT_URI_NOT_VALID',
    `two artifacts have the file name ${twice}; all of a version lie in one folder`,
  );
}
