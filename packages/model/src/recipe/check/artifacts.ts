import { isPrivateImage, parseArtifactUri } from '../artifact-uri.ts';
import type { Reader } from '../reader.ts';
import type { Artifact, Recipe } from '../types.ts';
import type { Report } from './findings.ts';

const DOCKER_MANAGER = 'aws.greengrass.DockerApplicationManager';
const TOKEN_EXCHANGE = 'aws.greengrass.TokenExchangeService';

/** Extensions of ours, and what an artifact needs besides. */
export function checkArtifacts(root: Reader, recipe: Recipe, report: Report): void {
  for (const [index, manifest] of root.children('Manifests').entries()) {
    const read = recipe.manifests[index]?.artifacts ?? [];
    const places = manifest.children('Artifacts');
    // Where one was refused the others do not line up.
    if (read.length !== places.length) continue;
    for (const [position, artifact] of read.entries()) {
      const place = places[position];
      if (place !== undefined) checkArtifact(place, artifact, recipe, report);
    }
  }
}

function checkArtifact(place: Reader, artifact: Artifact, recipe: Recipe, report: Report): void {
  const uri = parseArtifactUri(artifact.uri);
  const at = place.at('Uri');
  if (uri.scheme === 'https') report('extension', at, 'artifacts of scheme https: are an extension');
  if (artifact.unarchive === 'TAR') report('extension', place.at('Unarchive'), 'TAR is an extension; ZIP is not');
  if (uri.scheme === 's3' && artifact.digest !== undefined) {
    report('warning', place.at('Digest'), 'is replaced by the digest of the object when the component is published');
  }
  if (uri.scheme === 'greengrass') {
    report('error', at, 'the cloud writes greengrass: itself; upload the file and name it as s3://bucket/key');
  }
  if (/\{[^{}]*:[^{}]*\}/.test(artifact.uri)) report('warning', at, 'variables are not replaced in a URI');
  if (uri.scheme !== 'docker') return;
  const needed = isPrivateImage(uri.image) ? [DOCKER_MANAGER, TOKEN_EXCHANGE] : [DOCKER_MANAGER];
  for (const name of needed.filter((dependency) => !recipe.dependencies.has(dependency))) {
    report('warning', at, `a device loads this image only when ${name} is deployed too; make it a dependency`);
  }
  if (artifact.unarchive !== 'NONE') report('warning', place.at('Unarchive'), 'means nothing for an image');
}
