import { createHash } from 'node:crypto';
import { Fault } from '@greensward/kit';
import {
  type Artifact,
  describePlatforms,
  formatRecipe,
  MAX_RECIPE_BYTES,
  parseArtifactUri,
  parseRecipe,
  type Recipe,
} from '@greensward/model/recipe';
import { artifactNames } from '../domain/components/artifact-names.ts';
import type { ComponentVersion } from '../domain/components/component.ts';
import { conflict, invalidFields, invalidRequest } from '../domain/faults.ts';
import type { StoredObject, Tx } from '../ports/storage.ts';
import type { Arns } from './arns.ts';
import type { AppDeps } from './context.ts';
import { idempotent } from './idempotency.ts';
import { refuseReserved } from './tags.ts';

interface Input {
  readonly recipe: Uint8Array;
  readonly tags?: Readonly<Record<string, string>>;
  readonly clientToken?: string;
}

/**
 * CreateComponentVersion: the recipe is checked as devices will read it, every artifact is looked up in the object store, and
 * its digest is written into the stored recipe, whatever the author put there. All is in one transaction with the objects:
 * what an artifact names exists until the component version does.
 */
export async function createComponentVersion(deps: AppDeps, arns: Arns, input: Input): Promise<ComponentVersion> {
  const { storage, clock, account } = deps;
  const { recipe, format } = readRecipe(input.recipe);
  if (input.tags !== undefined) refuseReserved(input.tags);
  const now = clock.now();
  const request = { recipe: createHash('sha256').update(input.recipe).digest('hex'), tags: input.tags };
  return storage.write((tx) =>
    idempotent(tx, { operation: 'CreateComponentVersion', token: input.clientToken, request, now }, async () => {
      const { componentName: name, componentVersion: version } = recipe;
      const arn = arns.componentVersion(name, version);
      const present = await tx.components.get(name, version);
      if (present !== undefined) {
        if (present.state !== 'FAILED') throw alreadyExists(present, account.accountId, arn, input.tags !== undefined);
        await tx.components.delete(name, version);
      }
      const objects = await findArtifacts(tx, recipe);
      const component = describe(recipe, format, objects, now);
      await tx.components.insert(component);
      if (input.tags !== undefined) await tx.tags.put(arn, input.tags);
      return component;
    }),
  );
}

function readRecipe(bytes: Uint8Array): { recipe: Recipe; format: 'JSON' | 'YAML' } {
  if (bytes.length > MAX_RECIPE_BYTES) {
    throw invalidFields([{ name: 'inlineRecipe', message: `must have at most ${MAX_RECIPE_BYTES} bytes` }]);
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw cannotParse('The recipe is not UTF-8 text.');
  }
  try {
    return { recipe: parseRecipe(text), format: isJson(text) ? 'JSON' : 'YAML' };
  } catch (error) {
    if (error instanceof Fault) throw cannotParse(`The recipe is invalid: ${error.message}`);
    throw error;
  }
}

function cannotParse(message: string): Fault {
  return new Fault('ValidationException', message, {
    context: { reason: 'CANNOT_PARSE', fields: [{ name: 'inlineRecipe', message }] },
  });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function alreadyExists(present: ComponentVersion, accountId: string, arn: string, tagged: boolean): Fault {
  const subject = `Component [${present.name} : ${present.version}] for account [${accountId}] already exists`;
  return conflict(
    'component',
    arn,
    `${subject} ${tagged ? "and can't be created again with tags." : `with state: [${present.state}]`}`,
  );
}

/** The objects behind the `s3://` artifacts, by URI. `greengrass:` is where this service publishes, not what one uploads. */
async function findArtifacts(tx: Tx, recipe: Recipe): Promise<ReadonlyMap<string, StoredObject>> {
  const found = new Map<string, StoredObject>();
  const problems = new Map<string, string>();
  for (const { uri } of recipe.manifests.flatMap((manifest) => manifest.artifacts)) {
    if (found.has(uri) || problems.has(uri)) continue;
    const location = parseArtifactUri(uri);
    // Devices load these from where they are.
    if (location.scheme === 'docker' || location.scheme === 'https') continue;
    if (location.scheme !== 's3') {
      problems.set(
        uri,
        `An artifact of scheme ${location.scheme}: cannot be uploaded; put the file into a bucket and name it as s3://bucket/key`,
      );
      continue;
    }
    const object = await tx.objects.get(location.bucket, location.key);
    if (object === undefined) problems.set(uri, 'Specified artifact resource cannot be accessed');
    else found.set(uri, object);
  }
  if (problems.size > 0) {
    const list = [...problems].map(([uri, message]) => `${uri} = ${message}`).join(', ');
    throw invalidRequest(`Invalid Input: Encountered following errors in Artifacts: {${list}}`);
  }
  return found;
}

function describe(
  recipe: Recipe,
  format: 'JSON' | 'YAML',
  objects: ReadonlyMap<string, StoredObject>,
  now: number,
): ComponentVersion {
  const contents = [...objects].map(([uri, { sha256, size }]) => ({ uri, sha256, size }));
  const names = artifactNames(contents);
  const digested = (artifact: Artifact): Artifact => {
    const object = objects.get(artifact.uri);
    if (object === undefined) return artifact;
    return { ...artifact, digest: Buffer.from(object.sha256, 'hex').toString('base64'), algorithm: 'SHA-256' };
  };
  const manifests = recipe.manifests.map((manifest) => ({ ...manifest, artifacts: manifest.artifacts.map(digested) }));
  return {
    name: recipe.componentName,
    version: recipe.componentVersion,
    recipe: formatRecipe({ ...recipe, manifests }, format),
    recipeFormat: format,
    ...(recipe.publisher === undefined ? {} : { publisher: recipe.publisher }),
    ...(recipe.description === undefined ? {} : { description: recipe.description }),
    platforms: describePlatforms(recipe),
    artifacts: contents.map((content) => ({ ...content, name: names.get(content.uri) ?? content.sha256 })),
    state: 'DEPLOYABLE',
    message: 'NONE',
    errors: {},
    createdAt: now,
  };
}
