import { Fault, isRetryable } from '@greensward/kit';
import { parseRecipe, type Recipe, recipeToJson } from '@greensward/model/recipe';
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
  // Only once something is to be asked: groups that contradict one another are found without.
  let early: EarlyAnswers | undefined;
  try {
    for (;;) {
      const step = resolve(state);
      if (step.kind === 'conflict') {
        throw new Fault(step.code, step.message, {
          context: { component: step.component, requirements: step.requirements },
        });
      }
      if (step.kind === 'resolved') return resolutions(step.components, arns, deps.builtins);
      early ??= askEarly(roots, deps, signal);
      const answer = await (early.answerTo(step) ?? answerOf(step, deps, signal));
      arns.set(step.component, answer.arn);
      state = answerNeed(state, step, answer);
    }
  } finally {
    await early?.end();
  }
}

interface EarlyAnswers {
  /** Undefined: this was not asked early. */
  answerTo(need: Need): Promise<Resolution> | undefined;
  /** Ends what is still asked; resolves when nothing is. */
  end(): Promise<void>;
}

/** Questions to the cloud that are on their way at once. */
const parallelQuestions = 8;

/**
 * Asks for the roots, several at once, as the resolution will for most of them: one by one, a hundred of them take a hundred times the
 * way to the cloud and back. Where it asks something else in the end, what came early is not used.
 */
function askEarly(roots: readonly Root[], deps: ResolveDeps, signal: AbortSignal): EarlyAnswers {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const needs = new Map<string, Need>();
  for (const { component, requirer, requirement } of roots) {
    if (deps.builtins.has(component) || component === deps.nucleus.component) continue;
    const requirements = { ...needs.get(component)?.requirements, [requirer]: requirement };
    needs.set(component, { kind: 'need', component, requirements });
  }
  const questions = new Map(
    [...needs.values()].map((need) => [keyOf(need), { need, answer: Promise.withResolvers<Resolution>() }]),
  );
  const queue = questions.values();
  const workers = Array.from({ length: parallelQuestions }, async () => {
    for (const { need, answer } of queue) {
      // Nobody may ask for it: then its failure is nobody's.
      answer.promise.catch(() => {});
      if (either.aborted) answer.reject(either.reason);
      else await answerOf(need, deps, either).then(answer.resolve, answer.reject);
    }
  });
  return {
    answerTo: (need) => questions.get(keyOf(need))?.answer.promise,
    async end() {
      over.abort(new Error('the resolution is over'));
      await Promise.all(workers);
    },
  };
}

function keyOf({ component, requirements }: Need): string {
  return JSON.stringify([component, Object.entries(requirements).sort()]);
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
    // What is on disk as it is costs no write: most components of a deployment are those of the one before.
    if (local === undefined || !isSame(local, { version: answer.version, recipe, arn: answer.arn }))
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

function isSame(a: Resolution, b: Resolution): boolean {
  const text = ({ version, arn, recipe }: Resolution) => JSON.stringify([version, arn, recipeToJson(recipe)]);
  return text(a) === text(b);
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
