import { isJsonObject, type Json, type JsonObject } from '@greensward/kit';
import { collapseCase, sameJson } from '../json-tools.ts';
import type { DependencyType } from '../recipe/recipe.ts';
import { topologicalOrder } from '../topological.ts';

/** One component as resolved for a device: of the deployment that runs, or of the one that is wanted. */
export interface ComponentState {
  readonly version: string;
  readonly componentType: string;
  /** The effective lifecycle, interpolated. */
  readonly lifecycle: JsonObject;
  readonly configuration: JsonObject;
  readonly runWith: {
    readonly posixUser?: string | undefined;
    readonly windowsUser?: string | undefined;
    readonly systemResourceLimits?:
      | { readonly memory?: number | undefined; readonly cpus?: number | undefined }
      | undefined;
  };
  readonly dependencies: ReadonlyMap<string, DependencyType>;
}

/** `reinstall` is stop, install, start; `restart` is stop, start; the two updates reach a running component as it runs. */
export interface Step {
  readonly kind: 'add' | 'remove' | 'reinstall' | 'restart' | 'update-limits' | 'update-configuration';
  readonly component: string;
  /** What changed, for the log: `version`, `lifecycle.run`, `runWith.posixUser`. */
  readonly reasons: readonly string[];
}

type Components = ReadonlyMap<string, ComponentState>;

/**
 * What must happen to the components of `current` for `desired` to run (recipes: restart matrix; paths anchored, so a configuration key
 * called `version` reinstalls nothing). Starts come dependencies first, then removals, dependers first: old components stop after
 * the new ones are up. A change that needs no step (another shutdown script, a dependency dropped) still belongs in the store.
 */
export function diff(current: Components, desired: Components): Step[] {
  const steps: Step[] = [];
  for (const component of startOrder(desired)) {
    const after = desired.get(component);
    if (after === undefined) continue;
    const before = current.get(component);
    if (before === undefined) steps.push({ kind: 'add', component, reasons: ['new'] });
    else steps.push(...changes(component, before, after));
  }
  for (const component of startOrder(current).reverse()) {
    if (!desired.has(component)) steps.push({ kind: 'remove', component, reasons: ['not in the deployment'] });
  }
  return steps;
}

function startOrder(components: Components): string[] {
  return topologicalOrder(components.keys(), (name) => components.get(name)?.dependencies.keys() ?? []).order;
}

function changes(component: string, before: ComponentState, after: ComponentState): Step[] {
  const reinstall: string[] = [];
  const restart: string[] = [];
  if (before.version !== after.version) reinstall.push('version');
  if (before.componentType !== after.componentType) reinstall.push('componentType');
  if (before.runWith.posixUser !== after.runWith.posixUser) reinstall.push('runWith.posixUser');
  if (before.runWith.windowsUser !== after.runWith.windowsUser) reinstall.push('runWith.windowsUser');
  for (const key of changedKeys(before.lifecycle, after.lifecycle)) {
    // A new shutdown script is used after the next start.
    if (key === 'shutdown') continue;
    (key === 'install' ? reinstall : restart).push(`lifecycle.${key}`);
  }
  for (const name of after.dependencies.keys())
    if (!before.dependencies.has(name)) restart.push(`dependencies.${name}`);
  if (reinstall.length > 0) return [{ kind: 'reinstall', component, reasons: [...reinstall, ...restart] }];
  if (restart.length > 0) return [{ kind: 'restart', component, reasons: restart }];

  const steps: Step[] = [];
  const [oldLimits, newLimits] = [before.runWith.systemResourceLimits, after.runWith.systemResourceLimits];
  if ((oldLimits?.memory ?? 0) !== (newLimits?.memory ?? 0) || (oldLimits?.cpus ?? 0) !== (newLimits?.cpus ?? 0)) {
    steps.push({ kind: 'update-limits', component, reasons: ['runWith.systemResourceLimits'] });
  }
  if (!sameJson(before.configuration, after.configuration)) {
    steps.push({ kind: 'update-configuration', component, reasons: ['configuration'] });
  }
  return steps;
}

/** The top-level keys, in lower case, below which two lifecycles differ; the case of keys at any depth is no difference. */
function changedKeys(before: JsonObject, after: JsonObject): string[] {
  const [old, wanted] = [lowerCased(before), lowerCased(after)];
  return [...new Set([...old.keys(), ...wanted.keys()])].filter((key) => !sameJson(old.get(key), wanted.get(key)));
}

function lowerCased(object: JsonObject): Map<string, Json> {
  const map = new Map<string, Json>();
  for (const [key, value] of Object.entries(collapseCase(object))) {
    if (value === undefined) continue;
    map.set(key.toLowerCase(), isJsonObject(value) ? Object.fromEntries(lowerCased(value)) : value);
  }
  return map;
}
