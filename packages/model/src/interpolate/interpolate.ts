// Recipe variables: {namespace:key} of the component itself, {component:namespace:key} of a direct dependency.
import { Fault, isJsonObject, type Json, type JsonObject } from '@greensward/kit';
import { valueAt } from '../configuration/configuration.ts';
import { setOwn, sortedJson } from '../json-tools.ts';

/** What the variables of one component stand for. Paths are absolute. */
export interface ComponentVariables {
  /** The new resolved configuration. */
  readonly configuration: JsonObject;
  readonly artifactsPath: string;
  readonly decompressedPath: string;
  readonly workPath: string;
}

export interface InterpolationContext {
  readonly own: ComponentVariables;
  /** The direct dependencies that are part of the deployment; variables of any other component stay as they are. */
  readonly dependencies: ReadonlyMap<string, ComponentVariables>;
  readonly kernelRootPath: string;
  readonly thingName: string;
}

export interface Interpolated {
  readonly value: JsonObject;
  /** The placeholders left as they were (unknown, or nothing at the pointer), each once: for the log. */
  readonly unresolved: readonly string[];
}

const OWN = /\{([.\w-]+):([^:}]*)\}/g;
const SYSTEM = new Set([
  'artifacts:path',
  'artifacts:decompressedPath',
  'work:path',
  'kernel:rootPath',
  'iot:thingName',
]);
const OF_DEPENDENCY = /\{([.\w-]+):([.\w-]+):([^:}]*)\}/g;

/** One placeholder of a text. `component` is undefined for a variable of the component itself. */
export interface Placeholder {
  readonly text: string;
  readonly component: string | undefined;
  readonly namespace: string;
  readonly key: string;
}

/** The placeholders of a text as interpolation finds them, known or not. */
export function findPlaceholders(text: string): Placeholder[] {
  const own = [...text.matchAll(OWN)].map(([whole, namespace = '', key = '']) => ({
    text: whole,
    component: undefined,
    namespace,
    key,
  }));
  const others = [...text.matchAll(OF_DEPENDENCY)].map(([whole, component = '', namespace = '', key = '']) => ({
    text: whole,
    component,
    namespace,
    key,
  }));
  return [...own, ...others];
}

/** True for the variables that have a value whatever the configuration. */
export function isSystemVariable(namespace: string, key: string): boolean {
  return SYSTEM.has(`${namespace}:${key}`);
}

/**
 * Replaces the variables in every string of an effective lifecycle; map keys stay. Two passes, as in the reference: first the component's
 * own variables, then those of dependencies over the result, so a configuration value may itself name a dependency's variable.
 * A placeholder that stands for nothing stays. Fault CONFIG_INTERPOLATE_ERROR for a configuration pointer without leading `/`.
 */
export function interpolateLifecycle(lifecycle: JsonObject, context: InterpolationContext): Interpolated {
  return interpolate(lifecycle, context, true);
}

/**
 * The same for a configuration, which is only done when the runtime's `interpolateComponentConfiguration` is on: artifacts, work, kernel
 * and iot variables are replaced, configuration variables never.
 */
export function interpolateConfiguration(configuration: JsonObject, context: InterpolationContext): Interpolated {
  return interpolate(configuration, context, false);
}

function interpolate(object: JsonObject, context: InterpolationContext, withConfiguration: boolean): Interpolated {
  const unresolved = new Set<string>();
  const lookUp = (of: ComponentVariables | undefined, placeholder: string, namespace: string, key: string): string => {
    const value =
      of === undefined || (namespace === 'configuration' && !withConfiguration)
        ? undefined
        : variable(of, context, placeholder, namespace, key);
    if (value === undefined) unresolved.add(placeholder);
    return value ?? placeholder;
  };
  const replace = (text: string): string =>
    text
      .replace(OWN, (placeholder: string, namespace: string, key: string) =>
        lookUp(context.own, placeholder, namespace, key),
      )
      .replace(OF_DEPENDENCY, (placeholder: string, component: string, namespace: string, key: string) =>
        lookUp(context.dependencies.get(component), placeholder, namespace, key),
      );
  return { value: mapStrings(object, replace), unresolved: [...unresolved] };
}

function variable(
  of: ComponentVariables,
  context: InterpolationContext,
  placeholder: string,
  namespace: string,
  key: string,
): string | undefined {
  if (namespace === 'configuration') {
    if (key !== '' && !key.startsWith('/')) {
      throw new Fault('CONFIG_INTERPOLATE_ERROR', `the JSON pointer of ${placeholder} does not begin with /`);
    }
    return textOf(valueAt(of.configuration, key));
  }
  switch (`${namespace}:${key}`) {
    case 'artifacts:path':
      return of.artifactsPath;
    case 'artifacts:decompressedPath':
      return of.decompressedPath;
    case 'work:path':
      return of.workPath;
    case 'kernel:rootPath':
      return context.kernelRootPath;
    case 'iot:thingName':
      return context.thingName;
    default:
      return undefined;
  }
}

/** Text as it is; all else as compact JSON with sorted keys. */
function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : sortedJson(value);
}

function mapStrings(object: JsonObject, replace: (text: string) => string): JsonObject {
  const map = (value: Json): Json => {
    if (typeof value === 'string') return replace(value);
    if (Array.isArray(value)) return value.map(map);
    return isJsonObject(value) ? mapStrings(value, replace) : value;
  };
  const result: JsonObject = {};
  for (const [key, value] of Object.entries(object)) if (value !== undefined) setOwn(result, key, map(value));
  return result;
}
