import { Fault, type JsonObject } from '@greensward/kit';
import type { Recipe } from '@greensward/model/recipe';
import { highest } from '@greensward/model/version';
import type { ComponentFiles } from '../../components/components.ts';
import { inParallel } from '../../components/retrying.ts';
import type { DataPlane } from '../../uplink/data-plane.ts';

/** Component versions that a test's cloud knows: name -> versions, each with its dependencies. */
export type Catalogue = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>>;

function recipeText(
  name: string,
  version: string,
  dependencies: Readonly<Record<string, string>>,
  lifecycle: JsonObject | undefined,
): string {
  return JSON.stringify({
    RecipeFormatVersion: '2020-01-25',
    ComponentName: name,
    ComponentVersion: version,
    ComponentType:
      name === 'aws.greengrass.Nucleus'
        ? 'aws.greengrass.nucleus'
        : name === 'Plugin' || name.startsWith('aws.greengrass.')
          ? 'aws.greengrass.plugin'
          : 'aws.greengrass.generic',
    ComponentConfiguration: { DefaultConfiguration: { from: `default of ${version}` } },
    ComponentDependencies: Object.fromEntries(
      Object.entries(dependencies).map(([dependency, requirement]) => [
        dependency,
        { VersionRequirement: requirement },
      ]),
    ),
    Manifests: [
      name === 'aws.greengrass.Nucleus'
        ? { Artifacts: [{ Uri: 'greengrass:device.mjs' }] }
        : { Lifecycle: lifecycle ?? { Run: `run ${version} {configuration:/from}` } },
    ],
  });
}

/** A data plane over a catalogue. `groups` are the device's thing groups, `lifecycles` those of `name@version`. */
export function fakeDataPlane(
  catalogue: Catalogue,
  groups: readonly string[] | 'denied',
  lifecycles: ReadonlyMap<string, JsonObject> = new Map(),
): Pick<DataPlane, 'resolve' | 'thingGroups'> {
  return {
    thingGroups: async () => groups,
    async resolve({ name, requirements }) {
      const versions = catalogue[name] ?? {};
      const version = highest(Object.keys(versions), Object.values(requirements));
      if (version === undefined) throw new Fault('NO_AVAILABLE_COMPONENT_VERSION', `no usable version of ${name}`);
      const arn = `arn:aws:greengrass:us-east-1:000000000000:components:${name}:versions:${version}`;
      return {
        name,
        version,
        arn,
        recipe: recipeText(name, version, versions[version] ?? {}, lifecycles.get(`${name}@${version}`)),
      };
    },
  };
}

/** Component files that live as long as the object: the disk of a device across restarts of its runtime. */
export interface MemoryFiles extends ComponentFiles {
  /** `name@version` of what is on disk. */
  stored(): readonly string[];
  /** Recipes (`name@version`) that cannot be read back. */
  readonly damaged: Set<string>;
  /** Does the work of `fetchArtifacts`; nothing unless it is set. */
  fetch: (recipe: Recipe, signal: AbortSignal) => Promise<void>;
}

export function memoryFiles(): MemoryFiles {
  const recipes = new Map<string, { recipe: Recipe; arn: string }>();
  const damaged = new Set<string>();
  const files: MemoryFiles = {
    damaged,
    fetch: async () => {},
    stored: () => [...recipes.keys()].sort(),
    paths: (name, version) => ({
      artifacts: `/a/${name}/${version}`,
      decompressed: `/d/${name}/${version}`,
      work: `/w/${name}`,
    }),
    putRecipe: async (recipe, arn) =>
      void recipes.set(`${recipe.componentName}@${recipe.componentVersion}`, { recipe, arn }),
    async recipe(name, version) {
      const key = `${name}@${version}`;
      if (damaged.has(key)) throw new Fault('LOCAL_RECIPE_CORRUPTED', `the recipe file of ${key} is damaged`);
      return recipes.get(key);
    },
    versions: async (name) =>
      [...recipes.keys()].filter((key) => key.startsWith(`${name}@`)).map((key) => key.slice(name.length + 1)),
    fetchArtifacts: (components, signal) =>
      inParallel(components, 2, signal, ({ recipe }, either) => files.fetch(recipe, either)),
    importArtifacts: async () => {},
    prune: async (keep) => {
      for (const key of recipes.keys()) if (!keep.has(key)) recipes.delete(key);
    },
  };
  return files;
}
