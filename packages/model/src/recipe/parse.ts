import { Fault, messageOf } from '@greensward/kit';
import { isRequirement, isVersion } from '../version/version.ts';
import { type ArtifactUri, type ArtifactUriOptions, parseArtifactUri } from './artifact-uri.ts';
import { Problems, Reader } from './reader.ts';
import { readSource, type Source } from './source.ts';
import type { Access, Artifact, ComponentType, Dependency, Manifest, Recipe } from './types.ts';

const COMPONENT_TYPES: readonly ComponentType[] = [
  'aws.greengrass.generic',
  'aws.greengrass.lambda',
  'aws.greengrass.plugin',
  'aws.greengrass.nucleus',
];
const ACCESS: readonly Access[] = ['NONE', 'OWNER', 'ALL'];

/**
 * Reads a recipe, JSON or YAML. Modelled keys and enum values are case-insensitive, free-form maps keep their case, unknown keys are
 * ignored (as the nucleus does). Throws Fault RECIPE_PARSE_ERROR whose message names the key path and, where known, the line; the
 * context has `path` and `line`. A recipe without manifests is RECIPE_MISSING_MANIFEST.
 */
export function parseRecipe(text: string, options: ArtifactUriOptions = {}): Recipe {
  const { recipe, problems } = readRecipe(readSource(text), options);
  const [first] = problems;
  if (first !== undefined) throw first;
  return recipe;
}

/**
 * The recipe of a source with everything that is wrong in it, in the order of the model. Where there are problems the recipe is a
 * makeshift: only its faultless parts mean something.
 */
export function readRecipe(
  source: Source,
  options: ArtifactUriOptions,
): { recipe: Recipe; problems: readonly Fault[] } {
  const root = new Reader(source);
  const problems = new Problems();
  // What is no object, or has a modelled key twice, has nothing else to say.
  root.at('RecipeFormatVersion');
  const get = <T>(fallback: T, read: () => T): T => problems.attempt(fallback, read);
  const recipe: Recipe = {
    recipeFormatVersion: get('2020-01-25' as const, () =>
      root.enumeration('RecipeFormatVersion', ['2020-01-25'] as const, undefined),
    ),
    componentName: get('', () =>
      checkName(root.requiredText('ComponentName'), 'Component name', root.at('ComponentName')),
    ),
    componentVersion: get('', () => checkVersion(root.requiredText('ComponentVersion'), root.at('ComponentVersion'))),
    componentType: get('aws.greengrass.generic', () =>
      root.enumeration('ComponentType', COMPONENT_TYPES, 'aws.greengrass.generic'),
    ),
    description: get(undefined, () => root.text('ComponentDescription')),
    publisher: get(undefined, () => root.text('ComponentPublisher')),
    source: get(undefined, () => root.text('ComponentSource')),
    dependencies: readDependencies(root, problems),
    defaultConfiguration: get({}, () => root.child('ComponentConfiguration')?.freeForm('DefaultConfiguration') ?? {}),
    manifests: readManifests(root, problems, options),
    lifecycle: get({}, () => root.freeForm('Lifecycle')),
  };
  return { recipe, problems: problems.faults };
}

function checkName(name: string, what: string, at: Reader): string {
  if (name === '') throw at.error(`${what} is empty`);
  if (name.length > 128) throw at.error(`${what} length exceeds 128 characters`);
  if (!/^[a-zA-Z0-9-_.]+$/.test(name))
    throw at.error(`${what} could only include characters of ALPHA/DIGIT/"-"/"."/"_"`);
  return name;
}

function checkVersion(version: string, at: Reader): string {
  if (version.length > 64) throw at.error('Component version length exceeds 64 characters');
  if (isVersion(version)) return version;
  if (/^\d+\.\d+\.\d+(?:[-+]|$)/.test(version) && /^(?:\d+\.){0,2}\d{7}/.test(version)) {
    throw at.error("Component version major, minor, patch can't exceed 6 digits");
  }
  throw at.error(`${JSON.stringify(version)} is not a version of the form major.minor.patch`);
}

function readDependencies(root: Reader, problems: Problems): Map<string, Dependency> {
  const dependencies = new Map<string, Dependency>();
  for (const [name, entry] of problems.attempt([], () => root.entries('ComponentDependencies'))) {
    problems.attempt(undefined, () => {
      checkName(name, 'Name of a dependency', entry);
      entry.object();
      const versionRequirement = entry.requiredText('VersionRequirement');
      if (!isRequirement(versionRequirement)) {
        throw entry
          .at('VersionRequirement')
          .error(`${JSON.stringify(versionRequirement)} is not a version requirement`);
      }
      const dependencyType = entry.enumeration('DependencyType', ['HARD', 'SOFT'] as const, 'HARD');
      dependencies.set(name, { versionRequirement, dependencyType });
    });
  }
  return dependencies;
}

function readManifests(root: Reader, problems: Problems, options: ArtifactUriOptions): readonly Manifest[] {
  const elements = problems.attempt(undefined, () => root.children('Manifests'));
  if (elements?.length === 0) {
    const list = root.at('Manifests');
    const name = root.at('ComponentName').value;
    const version = root.at('ComponentVersion').value;
    const of = typeof name === 'string' && typeof version === 'string' ? ` of ${name}-${version}` : '';
    problems.faults.push(
      new Fault('RECIPE_MISSING_MANIFEST', `the recipe${of} is missing manifests`, { context: list.error('').context }),
    );
  }
  return (elements ?? []).flatMap(
    (element) => problems.attempt(undefined, () => readManifest(element.element(), problems, options)) ?? [],
  );
}

function readManifest(manifest: Reader, problems: Problems, options: ArtifactUriOptions): Manifest {
  const get = <T>(fallback: T, read: () => T): T => problems.attempt(fallback, read);
  const fileNames = new Set<string>();
  return {
    name: get(undefined, () => manifest.text('Name')),
    platform: get(new Map(), () => manifest.textMap('Platform')),
    lifecycle: get({}, () => manifest.freeForm('Lifecycle')),
    selections: get([], () => manifest.textList('Selections')),
    artifacts: get([], () => manifest.children('Artifacts')).flatMap(
      (artifact) => get(undefined, () => readArtifact(artifact.element(), fileNames, options)) ?? [],
    ),
  };
}

function readArtifact(artifact: Reader, fileNames: Set<string>, options: ArtifactUriOptions): Artifact {
  const uri = artifact.requiredText('Uri');
  const parsed = readUri(uri, artifact.at('Uri'), options);
  if (parsed.scheme !== 'docker') {
    if (fileNames.has(parsed.fileName)) {
      throw artifact
        .at('Uri')
        .error(`another artifact of this manifest is also named ${parsed.fileName}; one would overwrite the other`);
    }
    fileNames.add(parsed.fileName);
  }
  const permission = artifact.child('Permission');
  const digest = artifact.text('Digest');
  const algorithm = artifact.text('Algorithm');
  if (parsed.scheme === 'https') requireDigest(artifact, digest, algorithm);
  return {
    uri,
    unarchive: artifact.enumeration('Unarchive', ['NONE', 'ZIP', 'TAR'] as const, 'NONE'),
    permission: {
      read: permission?.enumeration('Read', ACCESS, 'OWNER') ?? 'OWNER',
      execute: permission?.enumeration('Execute', ACCESS, 'NONE') ?? 'NONE',
    },
    digest,
    algorithm,
  };
}

/** A server elsewhere may serve something else tomorrow: only the digest says what the author meant. */
function requireDigest(artifact: Reader, digest: string | undefined, algorithm: string | undefined): void {
  if (digest === undefined) throw artifact.at('Digest').error('is required for an artifact of scheme https:');
  if (!/^[A-Za-z0-9+/]{43}=$/.test(digest)) {
    throw artifact.at('Digest').error('must be the SHA-256 hash of the file in base64, 44 characters');
  }
  if (algorithm?.toUpperCase() !== 'SHA-256') throw artifact.at('Algorithm').error('must be SHA-256');
}

function readUri(uri: string, at: Reader, options: ArtifactUriOptions): ArtifactUri {
  try {
    return parseArtifactUri(uri, options);
  } catch (error) {
    throw at.error(messageOf(error));
  }
}
