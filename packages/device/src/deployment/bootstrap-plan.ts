import { lifecycleSteps } from '@greensward/model/recipe';
import { topologicalOrder } from '@greensward/model/topological';
import type { ComponentSpec } from '../lifecycle/lifecycle.ts';
import type { BootstrapTask } from '../store/records.ts';

type Component = Pick<ComponentSpec, 'version' | 'lifecycle' | 'dependencies'>;
type Components = ReadonlyMap<string, Component>;

/**
 * The components whose Bootstrap step a deployment has to run, dependencies first: those that have one, and are new, of another
 * version than before, or whose step says something else (recipes: Bootstrap). Neither the case of keys nor `"120"` for `120` is
 * a difference.
 */
export function bootstrapTasks(before: Components, after: Components): readonly BootstrapTask[] {
  return ordered(after, (name, component) => {
    const step = stepText(component);
    if (step === undefined) return false;
    const old = before.get(name);
    return old === undefined || old.version !== component.version || stepText(old) !== step;
  });
}

/**
 * The steps to run again while a deployment is rolled back: those of the components whose step it has begun, as they were before it,
 * where that says `BootstrapOnRollback`.
 */
export function rollbackTasks(run: readonly BootstrapTask[] | undefined, before: Components): readonly BootstrapTask[] {
  const begun = new Set(run?.flatMap(({ component, state }) => (state === 'PENDING' ? [] : [component])));
  return ordered(before, (name, { lifecycle }) => {
    return begun.has(name) && lifecycleSteps(lifecycle).bootstrap?.bootstrapOnRollback === true;
  });
}

/** The tasks with the state of one replaced. */
export function withTask(
  tasks: readonly BootstrapTask[],
  component: string,
  state: BootstrapTask['state'],
): readonly BootstrapTask[] {
  return tasks.map((task) => (task.component === component ? { component, state } : task));
}

function ordered(components: Components, wanted: (name: string, component: Component) => boolean): BootstrapTask[] {
  const { order } = topologicalOrder(components.keys(), (name) => components.get(name)?.dependencies.keys() ?? []);
  return order.flatMap((name) => {
    const component = components.get(name);
    return component !== undefined && wanted(name, component) ? [{ component: name, state: 'PENDING' as const }] : [];
  });
}

/** What the step says, in one form for all spellings; undefined when there is none. */
function stepText({ lifecycle }: Component): string | undefined {
  const step = lifecycleSteps(lifecycle).bootstrap;
  return step && JSON.stringify({ ...step, setenv: [...step.setenv].sort() });
}
