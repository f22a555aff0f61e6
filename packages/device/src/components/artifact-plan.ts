import { Fault } from '@greensward/kit';
import { type Artifact, type Manifest, parseArtifactUri } from '@greensward/model/recipe';
import type { FilePermission } from '../platform/platform.ts';

/** One artifact as it is to be on disk. */
export interface PlannedArtifact {
  /** The name below the component version in GetComponentVersionArtifact. */
  readonly artifactName: string;
  readonly fileName: string;
  /** Base64 of SHA-256; absent for a file that can only have been put there by hand. */
  readonly digest: string | undefined;
  /** The folder name that a ZIP is unpacked to. */
  readonly unpackTo: string | undefined;
  readonly permission: FilePermission;
}

/**
 * What the artifacts of a manifest mean on disk. Throws a Fault with a `DeploymentErrorCode` for a scheme this runtime does not
 * load, two artifacts with one file name (all lie in one flat folder), and a hash other than SHA-256.
 */
export function planArtifacts(manifest: Manifest): readonly PlannedArtifact[] {
  const plan = manifest.artifacts.map(planArtifact);
  refuseTwice(plan.map(({ fileName }) => fileName));
  refuseTwice(plan.flatMap(({ unpackTo }) => unpackTo ?? []));
  return plan;
}

function planArtifact(artifact: Artifact): PlannedArtifact {
  const uri = parseArtifactUri(artifact.uri);
  if (uri.scheme === 's3') {
    const why =
      'this device loads artifacts from its own cloud, which rewrites s3:// to greengrass: in the recipes it serves';
    throw new Fault('UNSUPPORTED_ARTIFACT_SCHEME', `${artifact.uri}: ${why}`);
  }
  if (uri.scheme === 'docker') {
    throw new Fault('UNSUPPORTED_ARTIFACT_SCHEME', `${artifact.uri}: docker images are not supported by this device`);
  }
  if (uri.scheme !== 'greengrass') {
    throw new Fault('UNSUPPORTED_ARTIFACT_SCHEME', `${artifact.uri}: ${uri.scheme}: is not supported by this device`);
  }
  return {
    artifactName: uri.artifactName,
    fileName: uri.fileName,
    digest: digestOf(artifact),
    unpackTo: artifact.unarchive === 'ZIP' ? withoutExtension(uri.fileName) : undefined,
    permission: artifact.permission,
  };
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
