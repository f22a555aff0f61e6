import { Fault, isRetryable } from '@greensward/kit';
import { parseRecipe, type Recipe } from '@greensward/model/recipe';
import {
  answerNeed,
  type Need,
  type ResolvedComponent,
  type ResolveState,
  type Root,
  resolve,
} from '@greensward/model/resolve';
import { highest } from '@greensward/model/version';
import type { ComponentFiles } from '../components/components.ts';
import type { DataPlane } from '../uplink/data-plane.ts';
import { localGroup } from './roots.ts';

/** What resolution needs of the rest of the device. */
export interface ResolveDeps {
  readonly dataPlane: Pick<DataPlane, 'resolve'>;
  readonly files: Pick<ComponentFiles, 'putRecipe' | 'recipe' | 'versions'>;
  readonly attributes: Readonly<Record<string, string>>;
  readonly nucleus: { readonly component: string; readonly version: string };
  /** A component of another region is not taken for the one of this region. */
  readonly region: string;
  /** What the runtime has built in, by name. Another version of one that the cloud gives is the same thing here. */
  readonly builtins: ReadonlyMap<string, Resolution>;
  /** The version that runs now, of a component. */
  readonly running: (component: string) => string | undefined;
  /** Calls again what failed for a passing reason, until it succeeds or the signal aborts. */
  readonly retrying: <T>(work: () => Promise<T>, signal: AbortSignal) => Promise<T>;
}

/** A resolved component, but for the runtime itself. */
export interface Resolution {
  readonly version: string;
  readonly recipe: Recipe;
  readonly arn: string;
}

/**
 * Asks the cloud for one component after the other until the roots and all their dependencies are resolved. A version on
 * this device stands in when the cloud cannot answer. In start order: dependencies first.
 *
 * @throws Fault with the code of the conflict or of the cloud's refusal.
 */
export async function resolveComponents(
  roots: readonly Root[],
  deps: ResolveDeps,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Resolution>> {
  const arns = new Map<string, string>();
  let state: ResolveState = { roots, answers: new Map(), provided: versionsOf(deps.builtins), nucleus: deps.nucleus };
  for (;;) {
    const step = resolve(state);
    if (step.kind === 'conflict') {
      throw new Fault(step.code, step.message, {
        context: { component: step.component, requirements: step.requirements },
      });
    }
    if (step.kind === 'resolved') return resolutions(step.components, arns, deps.builtins);
    const answer = await answerOf(step, deps, signal);
    arns.set(step.component, answer.arn);
    state = answerNeed(state, step, answer);
  }
}

function resolutions(
  components: ReadonlyMap<string, ResolvedComponent>,
  arns: ReadonlyMap<string, string>,
  builtins: ReadonlyMap<string, Resolution>,
): ReadonlyMap<string, Resolution> {
  const result = new Map<string, Resolution>();
  for (const [name, { version, recipe }] of components) {
    const builtin = builtins.get(name);
    if (recipe !== undefined) result.set(name, { version, recipe, arn: arns.get(name) ?? '' });
    else if (builtin !== undefined) result.set(name, builtin);
  }
  return result;
}

function versionsOf(builtins: ReadonlyMap<string, Resolution>): ReadonlyMap<string, string> {
  return new Map([...builtins].map(([name, { version }]) => [name, version]));
}

async function answerOf(need: Need, deps: ResolveDeps, signal: AbortSignal): Promise<Resolution> {
  const local = await localVersion(need, deps);
  // What a person deployed on the device is not the cloud's to answer.
  if (local !== undefined && Object.hasOwn(need.requirements, localGroup) && isOfRegion(local.arn, deps.region))
    return local;
  const ask = () =>
    deps.dataPlane.resolve(
      {
        name: need.component,
        requirements: need.requirements,
        ...(local === undefined ? {} : { version: local.version }),
      },
      deps.attributes,
      signal,
    );
  try {
    const answer = local === undefined ? await deps.retrying(ask, signal) : await ask();
    const recipe = parseRecipe(answer.recipe);
    await deps.files.putRecipe(recipe, answer.arn);
    return { version: answer.version, recipe, arn: answer.arn };
  } catch (error) {
    signal.throwIfAborted();
    if (local !== undefined) return local;
    const requirements = Object.entries(need.requirements).map(
      ([requirer, requirement]) => `${requirer} requires ${requirement}`,
    );
    const code = isRetryable(error) ? 'NETWORK_ERROR' : 'NO_AVAILABLE_COMPONENT_VERSION';
    throw new Fault(code, `No version of ${need.component} is available (${requirements.join(', ')})`, {
      cause: error,
    });
  }
}

/** Without an ARN it came from a local deployment, and belongs to no region. */
function isOfRegion(arn: string, region: string): boolean {
  return arn === '' || arn.split(':')[3] === region;
}

/** The running version if it fits, else the highest on disk that does; one whose recipe cannot be read is none. */
async function localVersion(need: Need, deps: ResolveDeps): Promise<Resolution | undefined> {
  const { component } = need;
  const requirements = Object.values(need.requirements);
  const running = deps.running(component);
  const candidates = [running === undefined ? [] : [running], await deps.files.versions(component)];
  for (const versions of candidates) {
    const version = highest(versions, requirements);
    const kept = version === undefined ? undefined : await deps.files.recipe(component, version).catch(() => undefined);
    if (version !== undefined && kept !== undefined) return { version, ...kept };
  }
  return undefined;
}
