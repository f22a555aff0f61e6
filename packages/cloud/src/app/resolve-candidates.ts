import { Fault } from '@greensward/kit';
import { parseRecipe, type Recipe, recipeToJson, selectManifest } from '@greensward/model/recipe';
import { highest, satisfies } from '@greensward/model/version';
import type { ComponentVersion } from '../domain/components/component.ts';
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
 * platform; the version that the device has already is preferred when it is one of them. Devices map the words "claim
 * platform" and "no usable version" of the 404 to their own error codes.
 */
export async function resolveCandidates(
  tx: Tx,
  attributes: Readonly<Record<string, string>>,
  candidates: readonly Candidate[],
): Promise<readonly { component: ComponentVersion; recipe: string }[]> {
  const resolved = [];
  for (const candidate of candidates) {
    const chosen = choose(await tx.components.versions(candidate.name), candidate, attributes);
    resolved.push({ component: chosen.component, recipe: deviceRecipe(chosen.component, chosen.recipe) });
  }
  return resolved;
}

function choose(
  versions: readonly ComponentVersion[],
  candidate: Candidate,
  attributes: Readonly<Record<string, string>>,
): { component: ComponentVersion; recipe: Recipe } {
  const requirements = Object.values(candidate.requirements);
  const usable = new Map(
    versions
      .filter(
        ({ state, version }) => state === 'DEPLOYABLE' && requirements.every((range) => satisfies(version, range)),
      )
      .map((component) => [component.version, component]),
  );
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
