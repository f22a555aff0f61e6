import { Fault } from '@greensward/kit';

/** An artifact's `Uri`, read. `fileName` is the name of the downloaded file in the component version's artifact folder. */
export type ArtifactUri =
  | { readonly scheme: 's3'; readonly bucket: string; readonly key: string; readonly fileName: string }
  | { readonly scheme: 'greengrass'; readonly artifactName: string; readonly fileName: string }
  | { readonly scheme: 'docker'; readonly image: string }
  | { readonly scheme: 'https'; readonly url: string; readonly fileName: string }
  | { readonly scheme: 'file'; readonly path: string; readonly fileName: string };

/** What kind of recipe a URI is of. */
export interface ArtifactUriOptions {
  /** A recipe of a local deployment: `file:` is accepted too. */
  readonly localFiles?: boolean;
}

/**
 * Reads `s3://bucket/key`, `greengrass:name` or `docker:image`; the scheme in any case. Extensions of ours are `https://host/path`
 * and, where `localFiles` is set, `file:path`. Throws a Fault with the device's error code (EMPTY_ARTIFACT_URI,
 * EMPTY_ARTIFACT_SCHEME, UNSUPPORTED_ARTIFACT_SCHEME, S3_/DOCKER_/ARTIFACT_URI_NOT_VALID).
 */
export function parseArtifactUri(uri: string, options: ArtifactUriOptions = {}): ArtifactUri {
  if (uri.trim() === '') throw new Fault('EMPTY_ARTIFACT_URI', 'the artifact URI is empty');
  const parts = /^([A-Za-z][A-Za-z0-9+.-]*):(.*)$/s.exec(uri);
  const scheme = parts?.[1]?.toLowerCase();
  const rest = parts?.[2] ?? '';
  switch (scheme) {
    case undefined:
      throw new Fault(
        'EMPTY_ARTIFACT_SCHEME',
        `the artifact URI ${uri} has no scheme; use s3://, greengrass: or docker:`,
      );
    case 's3':
      return s3Uri(uri, rest);
    case 'greengrass':
      return { scheme, artifactName: rest, fileName: fileNameOf(rest, uri, 'ARTIFACT_URI_NOT_VALID') };
    case 'docker':
      if (!/^[\w][\w.:/@-]*$/.test(rest)) {
        throw new Fault('DOCKER_ARTIFACT_URI_NOT_VALID', `the artifact URI ${uri} does not name an image`);
      }
      return { scheme, image: rest };
    case 'https':
      return httpsUri(uri);
    case 'file':
      if (options.localFiles === true) return fileUri(uri, rest);
      throw new Fault('UNSUPPORTED_ARTIFACT_SCHEME', 'artifacts of scheme file: are for local deployments only');
    default:
      throw new Fault(
        'UNSUPPORTED_ARTIFACT_SCHEME',
        `artifacts of scheme ${scheme}: are not supported; use s3://, greengrass: or docker:`,
      );
  }
}

function s3Uri(uri: string, rest: string): ArtifactUri {
  const [, bucket, key] = /^\/\/([^/]+)\/(.+)$/s.exec(rest) ?? [];
  if (bucket === undefined || key === undefined) {
    throw new Fault('S3_ARTIFACT_URI_NOT_VALID', `the artifact URI ${uri} is not of the form s3://bucket/key`);
  }
  return { scheme: 's3', bucket, key, fileName: fileNameOf(key, uri, 'S3_ARTIFACT_URI_NOT_VALID') };
}

function httpsUri(uri: string): ArtifactUri {
  const url = URL.parse(uri);
  if (url === null || url.host === '' || !/^https:\/\/[^/?#]/i.test(uri)) {
    throw new Fault('ARTIFACT_URI_NOT_VALID', `the artifact URI ${uri} is not of the form https://host/path`);
  }
  if (url.username !== '' || url.password !== '') {
    // A recipe is read by everyone who may describe the component.
    throw new Fault('ARTIFACT_URI_NOT_VALID', 'an artifact URI must not hold a user name or a password');
  }
  url.hash = '';
  return { scheme: 'https', url: url.href, fileName: fileNameOf(decoded(url.pathname), uri, 'ARTIFACT_URI_NOT_VALID') };
}

function fileUri(uri: string, rest: string): ArtifactUri {
  const path = decoded(rest.startsWith('//') ? rest.slice(2) : rest);
  // `file://host/...` names another machine.
  if (rest.startsWith('//') && !path.startsWith('/')) {
    throw new Fault('ARTIFACT_URI_NOT_VALID', `the artifact URI ${uri} is not the URI of a local file`);
  }
  return { scheme: 'file', path, fileName: fileNameOf(path, uri, 'ARTIFACT_URI_NOT_VALID') };
}

/** Percent-decoded; as it is where that is not possible. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
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

/** True for an image of a private ECR registry, which is pulled with the device's AWS credentials. */
export function isPrivateImage(image: string): boolean {
  return /^\d+\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?\//.test(image);
}
