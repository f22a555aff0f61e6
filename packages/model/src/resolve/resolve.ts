// Dependency resolution as a dialogue: the planner names a component it needs, the caller (a device asking its cloud, or the cloud
// asking its store) answers with a version and its recipe, until everything is resolved or in conflict. Each call computes from the
// state alone; there is no backtracking over versions, as in the reference.
import { Fault } from '@greensward/kit';
import { setOwn } from '../json-tools.ts';
import type { Recipe } from '../recipe/recipe.ts';
import { topologicalOrder } from '../topological.ts';
import { compatible, pinnedVersion, satisfies } from '../version/version.ts';

/** A component that a deployment lists, or that another group's earlier deployment listed. */
export interface Root {
  readonly component: string;
  /** A pin (`==1.2.0`), or a range. */
  readonly requirement: string;
  /** The group: `thinggroup/line3`, `thing/core-1`, `LOCAL_DEPLOYMENT`. */
  readonly requirer: string;
}

interface Answer {
  readonly version: string;
  readonly recipe: Recipe;
  /** How often the component was asked for; {@link answerNeed} counts. */
  readonly asked: number;
}

export interface ResolveState {
  readonly roots: readonly Root[];
  /** By component. Only {@link answerNeed} adds to it. */
  readonly answers: ReadonlyMap<string, Answer>;
  /** What the runtime itself provides, component to version: not asked for while the version fits. */
  readonly provided: ReadonlyMap<string, string>;
  /** The running nucleus: kept as it is unless a root asks for another version. */
  readonly nucleus?: { readonly component: string; readonly version: string } | undefined;
}

/** The caller is to find a version of `component` that meets every requirement (requirer to requirement), and its recipe. */
export interface Need {
  readonly kind: 'need';
  readonly component: string;
  readonly requirements: Readonly<Record<string, string>>;
}

export interface ResolvedComponent {
  readonly version: string;
  /** Undefined for what the runtime itself provides. */
  readonly recipe: Recipe | undefined;
  /** Requirer to requirement: groups and depending components. */
  readonly requirements: ReadonlyMap<string, string>;
}

export interface Resolved {
  readonly kind: 'resolved';
  /** Dependencies before their dependers. */
  readonly components: ReadonlyMap<string, ResolvedComponent>;
}

/** `code` is a DeploymentErrorCode. */
export interface Conflict {
  readonly kind: 'conflict';
  readonly code:
    | 'COMPONENT_VERSION_REQUIREMENTS_NOT_MET'
    | 'COMPONENT_CIRCULAR_DEPENDENCY_ERROR'
    | 'COMPONENT_VERSION_NOT_VALID'
    | 'MULTIPLE_NUCLEUS_RESOLVED_ERROR'
    | 'UNAUTHORIZED_NUCLEUS_MINOR_VERSION_UPDATE';
  readonly message: string;
  readonly component: string;
  readonly requirements: Readonly<Record<string, string>>;
}

/** Versions of one component may chase those of another; after so many questions for one component there is no end in sight. */
const MAX_QUESTIONS = 20;

/**
 * One step of the resolution. SOFT dependencies are resolved as HARD ones. A component already answered is needed again when a new
 * requirer does not accept its version; what only a dropped version required is released. Same state, same result.
 */
export function resolve(state: ResolveState): Need | Resolved | Conflict {
  for (const root of state.roots) {
    const version = pinnedVersion(root.requirement);
    if (version !== undefined && /^\d+\.\d+\.\d+-\d/.test(version)) {
      const message = `Unsupported component version '${version}' of ${root.component}: start the version tag with a non-numeric character`;
      return conflict(
        'COMPONENT_VERSION_NOT_VALID',
        message,
        root.component,
        new Map([[root.requirer, root.requirement]]),
      );
    }
  }
  // What the groups themselves ask for is known without asking anyone.
  for (const component of new Set(state.roots.map((root) => root.component))) {
    const groups = state.roots.filter((root) => root.component === component);
    const found = disagreement(component, new Map(groups.map(({ requirer, requirement }) => [requirer, requirement])));
    if (found !== undefined) return found;
  }
  const graph = walk(state);
  return nextNeed(state, graph) ?? finish(state, graph);
}

/**
 * The state with the answer to `need`. Fault RESOLVE_COMPONENT_CANDIDATES_BAD_RESPONSE when the recipe is of another component or
 * version, or does not meet what was asked.
 */
export function answerNeed(
  state: ResolveState,
  need: Need,
  answer: { readonly version: string; readonly recipe: Recipe },
): ResolveState {
  const { version, recipe } = answer;
  const given = `${recipe.componentName} ${recipe.componentVersion}`;
  if (recipe.componentName !== need.component || recipe.componentVersion !== version) {
    throw badAnswer(`the recipe given for ${need.component} ${version} is of ${given}`, need);
  }
  for (const [requirer, requirement] of Object.entries(need.requirements)) {
    if (!satisfies(version, requirement))
      throw badAnswer(`${given} does not meet ${requirement}, required by ${requirer}`, need);
  }
  const answers = new Map(state.answers);
  answers.set(need.component, { version, recipe, asked: (state.answers.get(need.component)?.asked ?? 0) + 1 });
  return { ...state, answers };
}

/** The components reached, breadth first from the roots, each with its requirers and their requirements. */
type Graph = ReadonlyMap<string, ReadonlyMap<string, string>>;

function walk(state: ResolveState): Graph {
  const graph = new Map<string, Map<string, string>>();
  const queue: string[] = [];
  const require = (component: string, requirer: string, requirement: string) => {
    const known = graph.get(component);
    if (known === undefined) {
      graph.set(component, new Map([[requirer, requirement]]));
      queue.push(component);
    } else {
      known.set(requirer, requirement);
    }
  };
  for (const root of state.roots) require(root.component, root.requirer, root.requirement);
  for (let at = 0; at < queue.length; at++) {
    const component = queue[at] ?? '';
    for (const [name, { versionRequirement }] of state.answers.get(component)?.recipe.dependencies ?? []) {
      require(name, component, versionRequirement);
    }
  }
  return graph;
}

/** Two requirements that no version at all can meet. */
function disagreement(component: string, requirements: ReadonlyMap<string, string>): Conflict | undefined {
  const pairs = [...requirements];
  for (const [index, [requirer, requirement]] of pairs.entries()) {
    for (const [other, otherRequirement] of pairs.slice(index + 1)) {
      if (compatible(requirement, otherRequirement)) continue;
      const message = `No version of ${component} can satisfy both ${requirement}, required by ${requirer}, and ${otherRequirement}, required by ${other}`;
      return conflict('COMPONENT_VERSION_REQUIREMENTS_NOT_MET', message, component, requirements);
    }
  }
  return undefined;
}

/** The nucleus runs, no root asks for another, and a dependency wants one that is more than a patch away: `~2.12.0` of 2.12.4. */
function nucleusConflict(
  state: ResolveState,
  component: string,
  requirements: ReadonlyMap<string, string>,
): Conflict | undefined {
  const { nucleus } = state;
  if (nucleus?.component !== component || state.roots.some((root) => root.component === component)) return undefined;
  const patches = `~${/^\d+\.\d+/.exec(nucleus.version)?.[0] ?? nucleus.version}.0`;
  const answered = state.answers.get(component)?.version;
  const isPatch =
    answered === undefined
      ? [...requirements.values()].every((requirement) => compatible(requirement, patches))
      : satisfies(answered, patches);
  if (isPatch) return undefined;
  const message = `${component} runs ${nucleus.version}, and only a deployment that lists it moves it by more than a patch, but it is required as ${describe(requirements)}`;
  return conflict('UNAUTHORIZED_NUCLEUS_MINOR_VERSION_UPDATE', message, component, requirements);
}

function meets(version: string, requirements: ReadonlyMap<string, string>): boolean {
  return [...requirements.values()].every((requirement) => satisfies(version, requirement));
}

/** The version the runtime provides itself, if it is what everyone wants. What was asked for is no longer provided. */
function providedVersion(
  state: ResolveState,
  component: string,
  requirements: ReadonlyMap<string, string>,
): string | undefined {
  if (state.answers.has(component)) return undefined;
  const version = state.nucleus?.component === component ? state.nucleus.version : state.provided.get(component);
  return version !== undefined && meets(version, requirements) ? version : undefined;
}

function nextNeed(state: ResolveState, graph: Graph): Need | Conflict | undefined {
  const rejected = new Set<string>();
  let unanswered: string | undefined;
  for (const [component, requirements] of graph) {
    if (providedVersion(state, component, requirements) !== undefined) continue;
    const answer = state.answers.get(component);
    if (answer === undefined) unanswered ??= component;
    else if (!meets(answer.version, requirements)) rejected.add(component);
  }
  // Of the rejected, one that no other rejected one leads to: its requirements are final as far as they are known.
  const component = rejected.size === 0 ? unanswered : topmost(state, rejected);
  if (component === undefined) return undefined;
  const requirements = graph.get(component) ?? new Map<string, string>();
  const refused = nucleusConflict(state, component, requirements) ?? disagreement(component, requirements);
  if (refused !== undefined) return refused;
  if ((state.answers.get(component)?.asked ?? 0) >= MAX_QUESTIONS) {
    return (
      cycleOf(state, graph) ??
      conflict(
        'COMPONENT_VERSION_REQUIREMENTS_NOT_MET',
        `No choice of versions settles: the requirements of ${component} change with every version (${describe(requirements)})`,
        component,
        requirements,
      )
    );
  }
  return { kind: 'need', component, requirements: record(requirements) };
}

function topmost(state: ResolveState, rejected: ReadonlySet<string>): string | undefined {
  const below = new Set<string>();
  for (const component of rejected) {
    const pending = [component];
    const seen = new Set<string>();
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      for (const name of state.answers.get(at)?.recipe.dependencies.keys() ?? []) {
        if (name === component || seen.has(name)) continue;
        seen.add(name);
        pending.push(name);
      }
    }
    for (const name of seen) below.add(name);
  }
  // In a cycle every one leads to another: then the first.
  for (const component of rejected) if (!below.has(component)) return component;
  return [...rejected][0];
}

function finish(state: ResolveState, graph: Graph): Resolved | Conflict {
  const circular = cycleOf(state, graph);
  if (circular !== undefined) return circular;
  const components = new Map<string, ResolvedComponent>();
  const nuclei: string[] = [];
  for (const name of topologicalOrder(graph.keys(), (of) => dependenciesOf(state, graph, of)).order) {
    const requirements = graph.get(name) ?? new Map<string, string>();
    const provided = providedVersion(state, name, requirements);
    const answer = provided === undefined ? state.answers.get(name) : undefined;
    components.set(name, { version: provided ?? answer?.version ?? '', recipe: answer?.recipe, requirements });
    if (name === state.nucleus?.component || answer?.recipe.componentType === 'aws.greengrass.nucleus')
      nuclei.push(name);
  }
  const nucleus = state.nucleus?.component;
  const moved = nucleus !== undefined && state.answers.has(nucleus) ? graph.get(nucleus) : undefined;
  const refused = moved && nucleusConflict(state, nucleus ?? '', moved);
  if (refused !== undefined) return refused;
  const [first, second] = nuclei;
  if (first !== undefined && second !== undefined) {
    const message = `A deployment can have one nucleus, this one resolves to ${nuclei.join(' and ')}`;
    return conflict('MULTIPLE_NUCLEUS_RESOLVED_ERROR', message, second, graph.get(second) ?? new Map());
  }
  return { kind: 'resolved', components };
}

function cycleOf(state: ResolveState, graph: Graph): Conflict | undefined {
  const { cycle } = topologicalOrder(graph.keys(), (of) => dependenciesOf(state, graph, of));
  if (cycle === undefined) return undefined;
  const message = `Circular dependency detected for component ${cycle}`;
  return conflict('COMPONENT_CIRCULAR_DEPENDENCY_ERROR', message, cycle, graph.get(cycle) ?? new Map());
}

function dependenciesOf(state: ResolveState, graph: Graph, component: string): Iterable<string> {
  if (providedVersion(state, component, graph.get(component) ?? new Map()) !== undefined) return [];
  return state.answers.get(component)?.recipe.dependencies.keys() ?? [];
}

function conflict(
  code: Conflict['code'],
  message: string,
  component: string,
  requirements: ReadonlyMap<string, string>,
): Conflict {
  return { kind: 'conflict', code, message, component, requirements: record(requirements) };
}

function badAnswer(message: string, need: Need): Fault {
  return new Fault('RESOLVE_COMPONENT_CANDIDATES_BAD_RESPONSE', message, { context: { component: need.component } });
}

function describe(requirements: ReadonlyMap<string, string>): string {
  return [...requirements].map(([requirer, requirement]) => `${requirer}: ${requirement}`).join(', ');
}

function record(requirements: ReadonlyMap<string, string>): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [requirer, requirement] of requirements) setOwn(result, requirer, requirement);
  return result;
}
