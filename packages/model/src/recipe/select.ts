import { isJsonObject, type Json, type JsonObject } from '@greensward/kit';
import { setOwn } from '../json-tools.ts';
import { matches, type PlatformAttributes } from '../platform/platform.ts';
import type { Manifest, Recipe } from './types.ts';

/** The first manifest, in list order, that accepts the device; no scoring. Undefined: the recipe does not support the platform. */
export function selectManifest(recipe: Recipe, attributes: PlatformAttributes): Manifest | undefined {
  return recipe.manifests.find((manifest) => matches(manifest.platform, attributes));
}

/**
 * The lifecycle of `recipe` for its chosen `manifest`, before interpolation: the manifest's own when it has one, as it is; else the
 * global one filtered by the manifest's selections.
 */
export function effectiveLifecycle(recipe: Recipe, manifest: Manifest): JsonObject {
  if (Object.keys(manifest.lifecycle).length > 0) return manifest.lifecycle;
  // A word is a selector only if some manifest selects it; case matters.
  const keywords = new Set(['all', ...recipe.manifests.flatMap(({ selections }) => selections)]);
  const filtered = filter(recipe.lifecycle, keywords, [...manifest.selections, 'all']);
  return isJsonObject(filtered) ? filtered : {};
}

/** `value` with every selector level replaced by its first selected section; undefined when the subtree is dropped. */
function filter(value: Json, keywords: ReadonlySet<string>, selections: readonly string[]): Json | undefined {
  if (!isJsonObject(value)) return value;
  const keys = Object.keys(value);
  if (keys.some((key) => keywords.has(key))) {
    for (const selection of selections) {
      const section = Object.hasOwn(value, selection) ? value[selection] : undefined;
      if (section !== undefined && section !== null) return filter(section, keywords, selections);
    }
    return undefined;
  }
  const result: JsonObject = {};
  for (const key of keys) {
    const member = value[key];
    if (member === undefined || member === null) continue;
    const kept = filter(member, keywords, selections);
    if (kept !== undefined) setOwn(result, key, kept);
  }
  return result;
}

/** A platform as DescribeComponent and ListComponents show it. */
interface PlatformDescription {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** One description a manifest. A manifest without a name gets one from its os and architecture. */
export function describePlatforms(recipe: Recipe): PlatformDescription[] {
  return recipe.manifests.map((manifest) => {
    const attributes: Record<string, string> = {};
    for (const [name, template] of manifest.platform) {
      // Names and values of the API are never empty; a null template is the same as an absent one.
      if (template !== null && template !== '' && name !== '') setOwn(attributes, name, template);
    }
    const derived = [manifest.platform.get('os'), manifest.platform.get('architecture')]
      .filter((part) => part)
      .join(' ');
    return { name: manifest.name || derived || 'all', attributes };
  });
}
