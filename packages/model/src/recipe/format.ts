import type { JsonObject } from '@greensward/kit';
import { Document, isScalar, visit } from 'yaml';
import { setOwn } from '../json-tools.ts';
import type { Artifact, Manifest, Recipe } from './types.ts';

/** The recipe as AWS writes it: UpperCamelCase keys (nucleus lite needs the exact case), upper-case enum values, absent keys left out. */
export function recipeToJson(recipe: Recipe): JsonObject {
  const dependencies: JsonObject = {};
  for (const [name, dependency] of recipe.dependencies) {
    setOwn(dependencies, name, {
      VersionRequirement: dependency.versionRequirement,
      DependencyType: dependency.dependencyType,
    });
  }
  const hasConfiguration = Object.keys(recipe.defaultConfiguration).length > 0;
  return present({
    RecipeFormatVersion: recipe.recipeFormatVersion,
    ComponentName: recipe.componentName,
    ComponentVersion: recipe.componentVersion,
    ComponentType: recipe.componentType,
    ComponentDescription: recipe.description,
    ComponentPublisher: recipe.publisher,
    ComponentSource: recipe.source,
    ComponentConfiguration: hasConfiguration ? { DefaultConfiguration: recipe.defaultConfiguration } : undefined,
    ComponentDependencies: recipe.dependencies.size > 0 ? dependencies : undefined,
    Manifests: recipe.manifests.map(manifestToJson),
    Lifecycle: recipe.lifecycle,
  });
}

function manifestToJson(manifest: Manifest): JsonObject {
  const platform: JsonObject = {};
  for (const [name, template] of manifest.platform) setOwn(platform, name, template);
  return present({
    Platform: manifest.platform.size > 0 ? platform : undefined,
    Name: manifest.name,
    Lifecycle: manifest.lifecycle,
    Selections: manifest.selections.length > 0 ? [...manifest.selections] : undefined,
    Artifacts: manifest.artifacts.map(artifactToJson),
  });
}

function artifactToJson(artifact: Artifact): JsonObject {
  return present({
    Uri: artifact.uri,
    Digest: artifact.digest,
    Algorithm: artifact.algorithm,
    Unarchive: artifact.unarchive,
    Permission: { Read: artifact.permission.read, Execute: artifact.permission.execute },
  });
}

function present(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

/** The recipe as text that {@link parseRecipe} reads back to the same recipe. */
export function formatRecipe(recipe: Recipe, format: 'JSON' | 'YAML'): string {
  const json = recipeToJson(recipe);
  if (format === 'JSON') return JSON.stringify(json, null, 2);
  const document = new Document(json, { version: '1.2', aliasDuplicateObjects: false });
  // Text is quoted, so that no reader takes `2020-01-25` for a date or `on` for a boolean; scripts become readable blocks.
  visit(document, {
    Scalar(key, node) {
      if (!isScalar(node) || typeof node.value !== 'string') return;
      if (key === 'key') node.type = isPlainKey(node.value) ? 'PLAIN' : 'QUOTE_DOUBLE';
      else node.type = node.value.includes('\n') && isBlockSafe(node.value) ? 'BLOCK_LITERAL' : 'QUOTE_DOUBLE';
    },
  });
  return document.toString({ lineWidth: 0 });
}

/** False also for `<<` and for what a reader of YAML 1.1 takes for a boolean or null. */
function isPlainKey(key: string): boolean {
  return /^[A-Za-z][\w.]*$/.test(key) && !/^(?:y|n|yes|no|on|off|true|false|null)$/i.test(key);
}

/** A block keeps printable text only: other line breaks would be normalized, controls and lone surrogates are not allowed in it. */
function isBlockSafe(text: string): boolean {
  return /^[\n\x20-\x7e\u00a0-\u1fff\u2030-\ud7ff]*$/.test(text) && !/^[\n ]|[\n ]\n| $/.test(text);
}
