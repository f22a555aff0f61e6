import { Fault } from '@greensward/kit';

/** An artifact's `Uri`, read. `fileName` is the name of the downloaded file in the component version's artifact folder. */
export type ArtifactUri =
  | { readonly scheme: 's3'; readonly bucket: string; readonly key: string; readonly fileName: string }
  | { readonly scheme: 'greengrass'; readonly artifactName: string; readonly fileName: string }
  | { readonly scheme: 'docker'; readonly image: string };

/**
 * Reads `s3://bucket/key`, `greengrass:name` or `docker:image`; the scheme in any case. Throws a Fault with the device's error code
 * (EMPTY_ARTIFACT_URI, EMPTY_ARTIFACT_SCHEME, UNSUPPORTED_ARTIFACT_SCHEME, S3_/DOCKER_/ARTIFACT_URI_NOT_VALID).
 */
export function parseArtifactUri(uri: string): ArtifactUri {
  if (uri.trim() === '') throw new Fault('EMPTY_ARTIFACT_URI', 'the artifact URI is empty');
  const parts = /^([A-Za-z][A-Za-z0-9+.-]*):(.*)$/s.exec(uri);
  const scheme = parts?.[1]?.toLowerCase();
  const rest = parts?.[2] ?? '';
  if (scheme === undefined) {
    throw new Fault(
      'EMPTY_ARTIFACT_SCHEME',
      `the artifact URI ${uri} has no scheme; use s3://, greengrass: or docker:`,
    );
  }
  if (scheme === 's3') {
    const [, bucket, key] = /^\/\/([^/]+)\/(.+)$/s.exec(rest) ?? [];
    if (bucket === undefined || key === undefined) {
      throw new Fault('S3_ARTIFACT_URI_NOT_VALID', `the artifact URI ${uri} is not of the form s3://bucket/key`);
    }
    return { scheme, bucket, key, fileName: fileNameOf(key, uri, 'S3_ARTIFACT_URI_NOT_VALID') };
  }
  if (scheme === 'greengrass') {
    return { scheme, artifactName: rest, fileName: fileNameOf(rest, uri, 'ARTIFACT_URI_NOT_VALID') };
  }
  if (scheme === 'docker') {
    if (!/^[\w][\w.:/@-]*$/.test(rest)) {
      throw new Fault('DOCKER_ARTIFACT_URI_NOT_VALID', `the artifact URI ${uri} does not name an image`);
    }
    return { scheme, image: rest };
  }
  throw new Fault(
    'UNSUPPORTED_ARTIFACT_SCHEME',
    `artifacts of scheme ${scheme}: are not supported; use s3://, greengrass: or docker:`,
  );
}

/** The last path segment, refused when it could name anything but a file directly in the artifact folder. */
function fileNameOf(path: string, uri: string, code: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const hasControl = [...name].some((char) => char < ' ');
  if (name === '' || name === '.' || name === '..' || name.includes('\\') || hasControl) {
    throw new Fault(code, `the artifact URI ${uri} does not end in a file name`);
  }
  return name;
}
