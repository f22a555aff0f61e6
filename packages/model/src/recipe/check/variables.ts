import { isJsonObject } from '@greensward/kit';
import { valueAt } from '../../configuration/configuration.ts';
import { findPlaceholders, isSystemVariable, type Placeholder } from '../../interpolate/interpolate.ts';
import type { Reader } from '../reader.ts';
import type { Recipe } from '../types.ts';
import type { Report } from './findings.ts';

/** Variables that stand for nothing, or that no one replaces where they are. */
export function checkVariables(root: Reader, recipe: Recipe, report: Report): void {
  const inLifecycle = (at: Reader, placeholder: Placeholder) => {
    const problem = lifecycleProblem(placeholder, recipe);
    if (problem !== undefined) report(problem.severity, at, `${placeholder.text} ${problem.message}`);
  };
  eachPlaceholder(root.at('Lifecycle'), inLifecycle);
  for (const manifest of root.children('Manifests')) {
    if (isJsonObject(manifest.value)) eachPlaceholder(manifest.at('Lifecycle'), inLifecycle);
  }
  const configuration = root.child('ComponentConfiguration')?.at('DefaultConfiguration');
  if (configuration === undefined) return;
  eachPlaceholder(configuration, (at, { text, namespace, key }) => {
    if (namespace === 'configuration') report('warning', at, `${text} is never replaced in a configuration`);
    else if (isSystemVariable(namespace, key)) {
      const setting = 'interpolateComponentConfiguration of aws.greengrass.Nucleus';
      report('warning', at, `${text} is replaced here only on devices where ${setting} is true`);
    }
  });
}

function lifecycleProblem(
  { component, namespace, key }: Placeholder,
  recipe: Recipe,
): { severity: 'error' | 'warning'; message: string } | undefined {
  const stays = 'so it stays as it is';
  if (component !== undefined && !recipe.dependencies.has(component)) {
    return { severity: 'warning', message: `names ${component}, which is no direct dependency, ${stays}` };
  }
  if (namespace !== 'configuration') {
    if (isSystemVariable(namespace, key)) return undefined;
    return { severity: 'warning', message: `is no variable, ${stays}` };
  }
  if (key !== '' && !key.startsWith('/')) {
    return { severity: 'error', message: 'has a JSON pointer that does not begin with /: its deployment fails' };
  }
  // What a dependency's configuration holds is not in this recipe.
  if (component !== undefined || valueAt(recipe.defaultConfiguration, key) !== undefined) return undefined;
  const message = `is not in the default configuration: without a value from the deployment it stays as it is`;
  return { severity: 'warning', message };
}

/** Each placeholder of every string at `at` and below; keys are never interpolated. */
function eachPlaceholder(at: Reader, told: (at: Reader, placeholder: Placeholder) => void): void {
  if (typeof at.value === 'string') for (const placeholder of findPlaceholders(at.value)) told(at, placeholder);
  for (const below of at.inside()) eachPlaceholder(below, told);
}
