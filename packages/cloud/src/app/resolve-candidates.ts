import { Fault } from '@greensward/kit';
import { parseRecipe, type Recipe, recipeToJson, selectManifest } from '@greensward/model/recipe';
import { highest, isVersion, satisfies } from '@greensward/model/version';
import type { ComponentVersion } from '../domain/components/component.ts';
import { deployablePublicVersions } from '../domain/components/public-components.ts';
import type { Tx } from '../ports/storage.ts';

interface Candidate {
  readonly name: string;
  /** The version that the device has, if any. */
  readonly version?: string;
  /** Requester to npm range; all must hold. */
  readonly requirements: Readonly<Record<string, string>>;
}

/**
 * ResolveComponentCandidates: for each candidate the highest version that satisfies every requirement and supports the
 * platform, of the account's own where one does, else of the public component of that name; the version that the device has
 * already is preferred when it is one of them. Devices map the words "claim
 * platform" and "no usable version" of the 404 to their own error codes.
 */
export async function resolveCandidates(
  tx: Tx,
  attributes: Readonly<Record<string, string>>,
  candidates: readonly Candidate[],
): Promise<readonly { component: ComponentVersion; recipe: string }[]> {
  const resolved = [];
  for (const candidate of candidates) {
    const own = usableOf(await tx.components.versions(candidate.name), candidate);
    const usable = own.size > 0 ? own : usableOf(publicOnes(candidate), candidate);
    const chosen = choose(usable, candidate, attributes);
    resolved.push({ component: chosen.component, recipe: deviceRecipe(chosen.component, chosen.recipe) });
  }
  return resolved;
}

function publicOnes({ name, version }: Candidate): readonly ComponentVersion[] {
  return deployablePublicVersions(name, version !== undefined && isVersion(version) ? version : undefined);
}

function usableOf(versions: readonly ComponentVersion[], { requirements }: Candidate): Map<string, ComponentVersion> {
  const ranges = Object.values(requirements);
  return new Map(
    versions
      .filter(({ state, version }) => state === 'DEPLOYABLE' && ranges.every((range) => satisfies(version, range)))
      .map((component) => [component.version, component]),
  );
}

/** `usable` is emptied on the way. */
function choose(
  usable: Map<string, ComponentVersion>,
  candidate: Candidate,
  attributes: Readonly<Record<string, string>>,
): { component: ComponentVersion; recipe: Recipe } {
  if (usable.size === 0) {
    const list = Object.entries(candidate.requirements).map(([requester, range]) => `${requester} requires ${range}`);
    throw notFound(
      candidate.name,
      `Component ${candidate.name} has no usable version satisfying requirements ${list.join(', ')}`,
    );
  }
  // Recipes are read only until one fits: usually the first.
  const preferred = candidate.version !== undefined && usable.has(candidate.version) ? candidate.version : undefined;
  for (let next = preferred ?? highest(usable.keys(), []); next !== undefined; next = highest(usable.keys(), [])) {
    const component = usable.get(next);
    usable.delete(next);
    if (component === undefined) break;
    const recipe = parseRecipe(component.recipe);
    if (selectManifest(recipe, attributes) !== undefined) return { component, recipe };
  }
  const platform = Object.entries(attributes).map(([name, value]) => `${name}=${value}`);
  throw notFound(
    candidate.name,
    `The latest version of Component ${candidate.name} doesn't claim platform ${platform.join(', ')} compatibility`,
  );
}

function notFound(name: string, message: string): Fault {
  return new Fault('ResourceNotFoundException', message, { context: { resourceId: name, resourceType: 'component' } });
}

/** The recipe as JSON, its `s3://` artifacts under the names that devices can fetch here. Digests stay. */
function deviceRecipe(component: ComponentVersion, recipe: Recipe): string {
  const names = new Map(component.artifacts.map(({ uri, name }) => [uri, `greengrass:${name}`]));
  const manifests = recipe.manifests.map((manifest) => ({
    ...manifest,
    artifacts: manifest.artifacts.map((artifact) => ({ ...artifact, uri: names.get(artifact.uri) ?? artifact.uri })),
  }));
  return JSON.stringify(recipeToJson({ ...recipe, manifests }));
}
