import { type ComponentState, diff, type Step } from '@greensward/model/diff';
import { parseRecipe, type Recipe } from '@greensward/model/recipe';
import { answerNeed, type ResolveState, type Root, resolve } from '@greensward/model/resolve';
import { highest } from '@greensward/model/version';

const versions = ['1.0.0', '1.1.0', '2.0.0'] as const;
const library = 'com.example.Library';

/** The application of each group; each needs the library. */
export const applications = { fleet: 'com.example.Fleet', line: 'com.example.Line' } as const;
/** One that no version is available of: its deployments fail on every device. */
export const missing = 'com.example.Missing';
export const componentVersions = versions;

const recipes: ReadonlyMap<string, readonly Recipe[]> = new Map(
  [library, ...Object.values(applications)].map((name) => [name, versions.map((version) => recipe(name, version))]),
);

function recipe(name: string, version: string): Recipe {
  const dependencies = name === library ? {} : { [library]: { VersionRequirement: '>=1.0.0', DependencyType: 'HARD' } };
  return parseRecipe(
    JSON.stringify({
      RecipeFormatVersion: '2020-01-25',
      ComponentName: name,
      ComponentVersion: version,
      ComponentDependencies: dependencies,
      Manifests: [{ Lifecycle: { Run: `echo ${version}` } }],
    }),
  );
}

/** What a device runs. */
export type RunningSet = ReadonlyMap<string, ComponentState>;

/** What the model makes of the roots: the steps from what runs, or why they cannot be met. */
export function plan(
  roots: readonly Root[],
  running: RunningSet,
): { readonly set: RunningSet; readonly steps: readonly Step[] } | { readonly refused: string } {
  let state: ResolveState = { roots, answers: new Map(), provided: new Map() };
  for (;;) {
    const step = resolve(state);
    if (step.kind === 'conflict') return { refused: step.code };
    if (step.kind === 'resolved') {
      const set = new Map<string, ComponentState>();
      for (const [name, component] of step.components) set.set(name, stateOf(component.version, component.recipe));
      return { set, steps: diff(running, set) };
    }
    const candidates = recipes.get(step.component) ?? [];
    const version = highest(
      candidates.map(({ componentVersion }) => componentVersion),
      Object.values(step.requirements),
    );
    const found = candidates.find(({ componentVersion }) => componentVersion === version);
    if (version === undefined || found === undefined) return { refused: 'NO_AVAILABLE_COMPONENT_VERSION' };
    state = answerNeed(state, step, { version, recipe: found });
  }
}

function stateOf(version: string, from: Recipe | undefined): ComponentState {
  const dependencies = [...(from?.dependencies ?? [])].map(
    ([name, { dependencyType }]) => [name, dependencyType] as const,
  );
  return {
    version,
    componentType: 'aws.greengrass.generic',
    lifecycle: { Run: `echo ${version}` },
    configuration: {},
    runWith: {},
    dependencies: new Map(dependencies),
  };
}
