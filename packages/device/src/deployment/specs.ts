import { Fault } from '@greensward/kit';
import { toJson } from '@greensward/model/configuration';
import { type ComponentVariables, interpolateLifecycle } from '@greensward/model/interpolate';
import { effectiveLifecycle, type Recipe, selectManifest } from '@greensward/model/recipe';
import type { ComponentPaths } from '../components/components.ts';
import type { ComponentSpec } from '../lifecycle/lifecycle.ts';
import type { ComponentSet, SetEntry } from '../store/records.ts';

/** What turns a component set into what can run. */
export interface SpecContext {
  recipe(name: string, version: string): Recipe | undefined;
  paths(name: string, version: string): ComponentPaths;
  readonly attributes: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
  /** What one component gets besides: its token. */
  readonly ownEnvironment?: (component: string) => Readonly<Record<string, string>>;
  readonly rootPath: string;
  readonly thingName: string;
  /** `runWithDefault.posixUser` of the runtime's configuration. */
  readonly defaultUser?: string;
  /** Told of each variable that stands for nothing. */
  readonly onUnresolved: (component: string, placeholder: string) => void;
}

/**
 * The component as it is to run.
 *
 * @throws Fault `LOCAL_RECIPE_NOT_FOUND` without a recipe or a manifest for this platform, `CONFIG_INTERPOLATE_ERROR` for a bad
 * variable and `CUSTOM_PLUGIN_NOT_SUPPORTED` for a component that only the Java nucleus can run: this runtime would report as done
 * what it did not do.
 */
function buildSpec(entry: SetEntry, set: ComponentSet, context: SpecContext): ComponentSpec {
  const recipe = requireRecipe(entry, context);
  if (recipe.componentType !== 'aws.greengrass.generic') {
    throw new Fault(
      'CUSTOM_PLUGIN_NOT_SUPPORTED',
      `${entry.name} ${entry.version} is of type ${recipe.componentType}, which this runtime cannot run`,
    );
  }
  const manifest = selectManifest(recipe, context.attributes);
  if (manifest === undefined) {
    throw new Fault(
      'LOCAL_RECIPE_NOT_FOUND',
      `${entry.name} ${entry.version} has no manifest for this platform (${JSON.stringify(context.attributes)})`,
    );
  }
  const present = [...recipe.dependencies].filter(([name]) => set.has(name));
  const variables = new Map<string, ComponentVariables>();
  for (const [name] of present) {
    const dependency = set.get(name);
    if (dependency) variables.set(name, variablesOf(dependency, context));
  }
  const interpolated = interpolateLifecycle(effectiveLifecycle(recipe, manifest), {
    own: variablesOf(entry, context),
    dependencies: variables,
    kernelRootPath: context.rootPath,
    thingName: context.thingName,
  });
  for (const placeholder of interpolated.unresolved) context.onUnresolved(entry.name, placeholder);
  const paths = context.paths(entry.name, entry.version);
  const user = entry.runWith?.posixUser ?? context.defaultUser;
  const limits = entry.runWith?.systemResourceLimits;
  return {
    name: entry.name,
    version: entry.version,
    lifecycle: interpolated.value,
    configuration: toJson(entry.configuration),
    dependencies: new Map(
      // What is built in is there before any component, and has no lifecycle that could be waited for.
      present.flatMap(([name, { dependencyType }]) =>
        set.get(name)?.builtin ? [] : [[name, dependencyType] as const],
      ),
    ),
    environment: { ...context.environment, ...context.ownEnvironment?.(entry.name) },
    workPath: paths.work,
    artifactPaths: [paths.artifacts, paths.decompressed],
    ...(user === undefined ? {} : { user }),
    ...(limits === undefined ? {} : { limits }),
  };
}

/** The components of a set as they are to run, and why those that cannot run cannot. */
export interface BuiltSpecs {
  readonly specs: ReadonlyMap<string, ComponentSpec>;
  readonly failed: ReadonlyMap<string, unknown>;
}

export function buildSpecs(set: ComponentSet, context: SpecContext): BuiltSpecs {
  const specs = new Map<string, ComponentSpec>();
  const failed = new Map<string, unknown>();
  for (const entry of set.values()) {
    if (entry.builtin) continue;
    try {
      specs.set(entry.name, buildSpec(entry, set, context));
    } catch (error) {
      failed.set(entry.name, error);
    }
  }
  return { specs, failed };
}

/** The names, and every component that needs one of them: directly or not, by HARD dependencies only. */
export function withHardDependers(
  names: Iterable<string>,
  specs: ReadonlyMap<string, Pick<ComponentSpec, 'dependencies'>>,
): ReadonlySet<string> {
  const result = new Set(names);
  for (let size = -1; size !== result.size; ) {
    size = result.size;
    for (const [name, { dependencies }] of specs) {
      if ([...dependencies].some(([dependency, type]) => type === 'HARD' && result.has(dependency))) result.add(name);
    }
  }
  return result;
}

function requireRecipe(entry: SetEntry, context: SpecContext): Recipe {
  const recipe = context.recipe(entry.name, entry.version);
  if (recipe !== undefined) return recipe;
  throw new Fault('LOCAL_RECIPE_NOT_FOUND', `the recipe of ${entry.name} ${entry.version} is not on this device`);
}

function variablesOf(entry: SetEntry, context: SpecContext): ComponentVariables {
  const paths = context.paths(entry.name, entry.version);
  return {
    configuration: toJson(entry.configuration),
    artifactsPath: paths.artifacts,
    decompressedPath: paths.decompressed,
    workPath: paths.work,
  };
}
