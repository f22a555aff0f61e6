import { Fault } from '@greensward/kit';
import { type Recipe, selectManifest } from '@greensward/model/recipe';
import type { Failure, RuntimeChange } from '../store/records.ts';
import type { RuntimeBuild } from './runtime-builds.ts';

/**
 * The file of a component version that is the runtime itself: its manifest has exactly one artifact.
 *
 * @throws Fault `COMPONENT_LOAD_FAILURE`.
 */
export function buildOf(
  recipe: Recipe,
  attributes: Readonly<Record<string, string>>,
  artifactsFolder: string,
): RuntimeBuild {
  const { componentName, componentVersion: version } = recipe;
  const artifacts = selectManifest(recipe, attributes)?.artifacts ?? [];
  const [artifact, ...more] = artifacts;
  const name = artifact?.uri.split(/[/:]/).at(-1) ?? '';
  if (more.length > 0 || name === '' || artifact?.unarchive !== 'NONE') {
    throw new Fault(
      'COMPONENT_LOAD_FAILURE',
      `${componentName} ${version} must have one artifact, not an archive: the file of the runtime. It has ${artifacts.length}`,
    );
  }
  return { version, file: `${artifactsFolder}/${name}` };
}

/** A build that was given up after it failed to start. */
export function restartFailure({ to, from }: RuntimeChange): Failure {
  return {
    cause: `The runtime ${to.version} failed to start three times, ${from} runs again`,
    errorStack: ['DEPLOYMENT_FAILURE', 'NUCLEUS_RESTART_FAILURE'],
    errorTypes: ['NUCLEUS_ERROR'],
  };
}
