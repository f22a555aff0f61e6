import { Fault, isJsonObject, type Json, type JsonObject, messageOf } from '@greensward/kit';
import { isRequirement, isVersion } from '../version/version.ts';
import { parseArtifactUri } from './artifact-uri.ts';
import { formatPath, type Path, parseError, readSource, type Source } from './source.ts';
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
export function parseRecipe(text: string): Recipe {
  const root = new Reader(readSource(text), [], undefined);
  const recipeFormatVersion = root.enumeration('RecipeFormatVersion', ['2020-01-25'] as const, undefined);
  const componentName = checkName(root.requiredText('ComponentName'), 'Component name', root.at('ComponentName'));
  const componentVersion = checkVersion(root.requiredText('ComponentVersion'), root.at('ComponentVersion'));
  const recipe: Recipe = {
    recipeFormatVersion,
    componentName,
    componentVersion,
    componentType: root.enumeration('ComponentType', COMPONENT_TYPES, 'aws.greengrass.generic'),
    description: root.text('ComponentDescription'),
    publisher: root.text('ComponentPublisher'),
    source: root.text('ComponentSource'),
    dependencies: readDependencies(root),
    defaultConfiguration: root.child('ComponentConfiguration')?.freeForm('DefaultConfiguration') ?? {},
    manifests: root.children('Manifests').map(readManifest),
    lifecycle: root.freeForm('Lifecycle'),
  };
  if (recipe.manifests.length === 0) {
    throw new Fault(
      'RECIPE_MISSING_MANIFEST',
      `the recipe of ${componentName}-${componentVersion} is missing manifests`,
      {
        context: { path: 'Manifests' },
      },
    );
  }
  return recipe;
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

function readDependencies(root: Reader): Map<string, Dependency> {
  const dependencies = new Map<string, Dependency>();
  for (const [name, entry] of root.entries('ComponentDependencies')) {
    checkName(name, 'Name of a dependency', entry);
    const versionRequirement = entry.requiredText('VersionRequirement');
    if (!isRequirement(versionRequirement)) {
      throw entry.at('VersionRequirement').error(`${JSON.stringify(versionRequirement)} is not a version requirement`);
    }
    dependencies.set(name, {
      versionRequirement,
      dependencyType: entry.enumeration('DependencyType', ['HARD', 'SOFT'] as const, 'HARD'),
    });
  }
  return dependencies;
}

function readManifest(manifest: Reader): Manifest {
  const artifacts = manifest.children('Artifacts');
  const fileNames = new Set<string>();
  return {
    name: manifest.text('Name'),
    platform: manifest.textMap('Platform'),
    lifecycle: manifest.freeForm('Lifecycle'),
    selections: manifest.textList('Selections'),
    artifacts: artifacts.map((artifact) => readArtifact(artifact, fileNames)),
  };
}

function readArtifact(artifact: Reader, fileNames: Set<string>): Artifact {
  const uri = artifact.requiredText('Uri');
  const fileName = artifactFileName(uri, artifact.at('Uri'));
  if (fileName !== undefined && fileNames.has(fileName)) {
    throw artifact
      .at('Uri')
      .error(`another artifact of this manifest is also named ${fileName}; one would overwrite the other`);
  }
  if (fileName !== undefined) fileNames.add(fileName);
  const permission = artifact.child('Permission');
  return {
    uri,
    unarchive: artifact.enumeration('Unarchive', ['NONE', 'ZIP'] as const, 'NONE'),
    permission: {
      read: permission?.enumeration('Read', ACCESS, 'OWNER') ?? 'OWNER',
      execute: permission?.enumeration('Execute', ACCESS, 'NONE') ?? 'NONE',
    },
    digest: artifact.text('Digest'),
    algorithm: artifact.text('Algorithm'),
  };
}

function artifactFileName(uri: string, at: Reader): string | undefined {
  try {
    const parsed = parseArtifactUri(uri);
    return parsed.scheme === 'docker' ? undefined : parsed.fileName;
  } catch (error) {
    throw at.error(messageOf(error));
  }
}

/** One value of the document with its place. Members are looked up case-insensitively; null reads as absent. */
class Reader {
  readonly #source: Source;
  readonly #path: Path;
  readonly #value: Json | undefined;
  #members: ReadonlyMap<string, string> | undefined;

  /** `value` undefined with an empty path: the root of `source`. */
  constructor(source: Source, path: Path, value: Json | undefined) {
    this.#source = source;
    this.#path = path;
    this.#value = path.length === 0 ? source.value : value;
  }

  error(message: string): Fault {
    return parseError(message, this.#path, this.#source.line(this.#path));
  }

  /** The member `key` as it is spelled in the document, or as modelled when it is absent. */
  at(key: string): Reader {
    const object = this.#object();
    const spelled = this.#spellings(object).get(key.toLowerCase()) ?? key;
    return this.#member(object, spelled);
  }

  child(key: string): Reader | undefined {
    const member = this.at(key);
    if (member.#isNull()) return undefined;
    member.#object();
    return member;
  }

  /** The elements of a list of objects; a missing list is empty. */
  children(key: string): Reader[] {
    const list = this.at(key);
    return list.#elements().map((value, index) => {
      const element = new Reader(this.#source, [...list.#path, index], value);
      if (value === null) throw element.error(`${lastName(list.#path)} contains one or more null element(s)`);
      element.#object();
      return element;
    });
  }

  /** The members of a map whose keys are data, not model: their case matters. */
  entries(key: string): [string, Reader][] {
    const map = this.at(key);
    if (map.#isNull()) return [];
    const object = map.#object();
    return Object.keys(object).map((name) => {
      const entry = map.#member(object, name);
      entry.#object();
      return [name, entry];
    });
  }

  freeForm(key: string): JsonObject {
    const member = this.at(key);
    return member.#isNull() ? {} : member.#object();
  }

  text(key: string): string | undefined {
    return this.at(key).#text();
  }

  requiredText(key: string): string {
    const member = this.at(key);
    const text = member.#text();
    if (text === undefined) throw member.error('is required');
    return text;
  }

  textMap(key: string): Map<string, string | null> {
    const map = this.at(key);
    if (map.#isNull()) return new Map();
    const object = map.#object();
    return new Map(Object.keys(object).map((name) => [name, map.#member(object, name).#text() ?? null]));
  }

  textList(key: string): string[] {
    const list = this.at(key);
    return list.#elements().map((value, index) => {
      const element = new Reader(this.#source, [...list.#path, index], value);
      const text = element.#text();
      if (text === undefined) throw element.error(`${lastName(list.#path)} contains one or more null element(s)`);
      return text;
    });
  }

  /** `fallback` undefined: the key is required. */
  enumeration<T extends string>(key: string, values: readonly T[], fallback: T | undefined): T {
    const member = this.at(key);
    const text = member.#text();
    if (text === undefined) {
      if (fallback === undefined) throw member.error('is required');
      return fallback;
    }
    const value = values.find((candidate) => candidate.toLowerCase() === text.toLowerCase());
    if (value === undefined) throw member.error(`${JSON.stringify(text)} is not one of ${values.join(', ')}`);
    return value;
  }

  #isNull(): boolean {
    return this.#value === undefined || this.#value === null;
  }

  #object(): JsonObject {
    if (!isJsonObject(this.#value))
      throw this.error(this.#path.length === 0 ? 'a recipe is an object' : 'must be an object');
    return this.#value;
  }

  #elements(): Json[] {
    if (this.#isNull()) return [];
    if (!Array.isArray(this.#value)) throw this.error('must be a list');
    return this.#value;
  }

  #member(object: JsonObject, key: string): Reader {
    return new Reader(this.#source, [...this.#path, key], Object.hasOwn(object, key) ? object[key] : undefined);
  }

  /** Numbers and booleans are accepted where text is asked, as they were written, like the nucleus's reader does. */
  #text(): string | undefined {
    const value = this.#value;
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'string') return value;
    if (typeof value === 'number' || typeof value === 'boolean')
      return this.#source.written(this.#path) ?? String(value);
    throw this.error('must be text');
  }

  #spellings(object: JsonObject): ReadonlyMap<string, string> {
    if (this.#members !== undefined) return this.#members;
    const spellings = new Map<string, string>();
    for (const key of Object.keys(object)) {
      const earlier = spellings.get(key.toLowerCase());
      if (earlier !== undefined) {
        throw parseError(
          `the key appears twice, as ${earlier} and ${key}`,
          [...this.#path, key],
          this.#source.line([...this.#path, key]),
        );
      }
      spellings.set(key.toLowerCase(), key);
    }
    this.#members = spellings;
    return spellings;
  }
}

function lastName(path: Path): string {
  return formatPath(path.slice(-1));
}
