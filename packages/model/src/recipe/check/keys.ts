import { isJsonObject, type JsonObject } from '@greensward/kit';
import type { Reader } from '../reader.ts';
import type { Recipe } from '../types.ts';
import type { Report } from './findings.ts';

const KEYS = {
  recipe: [
    'RecipeFormatVersion',
    'ComponentName',
    'ComponentVersion',
    'ComponentType',
    'ComponentDescription',
    'ComponentPublisher',
    'ComponentSource',
    'ComponentConfiguration',
    'ComponentDependencies',
    'Manifests',
    'Lifecycle',
  ],
  configuration: ['DefaultConfiguration'],
  dependency: ['VersionRequirement', 'DependencyType'],
  manifest: ['Name', 'Platform', 'Lifecycle', 'Selections', 'Artifacts'],
  artifact: ['Uri', 'Unarchive', 'Permission', 'Digest', 'Algorithm'],
  permission: ['Read', 'Execute'],
};

/** Keys outside of the format, values outside of it that no one refuses, and configuration that a device would not keep. */
export function checkKeys(root: Reader, recipe: Recipe, report: Report): void {
  known(root, KEYS.recipe, report);
  known(root.at('ComponentConfiguration'), KEYS.configuration, report);
  for (const [, dependency] of root.entries('ComponentDependencies')) known(dependency, KEYS.dependency, report);
  for (const manifest of root.children('Manifests')) {
    if (!isJsonObject(manifest.value)) continue;
    known(manifest, KEYS.manifest, report);
    for (const artifact of manifest.children('Artifacts')) {
      if (!isJsonObject(artifact.value)) continue;
      known(artifact, KEYS.artifact, report);
      known(artifact.at('Permission'), KEYS.permission, report);
    }
  }
  checkValues(root, recipe, report);
  const configuration = root.child('ComponentConfiguration')?.at('DefaultConfiguration');
  if (configuration !== undefined) checkConfiguration(configuration, report);
}

function known(at: Reader, keys: readonly string[], report: Report): void {
  if (!isJsonObject(at.value)) return;
  for (const [name, member] of at.members()) {
    if (keys.some((key) => key.toLowerCase() === name.toLowerCase())) continue;
    report('warning', member, `is not a key of the format and is ignored; there are ${keys.join(', ')}`);
  }
}

function checkValues(root: Reader, recipe: Recipe, report: Report): void {
  const { componentType, componentVersion, source } = recipe;
  if (componentType !== 'aws.greengrass.generic') {
    report('warning', root.at('ComponentType'), `this runtime does not run components of type ${componentType}`);
  }
  if (/^[^-+]*-\d/.test(componentVersion)) {
    const problem = 'a version whose tag begins with a digit can be a dependency, but not be deployed itself';
    report('warning', root.at('ComponentVersion'), problem);
  }
  if (source !== undefined && !/^arn:aws(-(cn|us-gov|iso(-[a-z])?))?:lambda:.*$/.test(source)) {
    report('warning', root.at('ComponentSource'), 'is meant for the ARN of a Lambda function');
  }
}

function checkConfiguration(at: Reader, report: Report): void {
  if (!isJsonObject(at.value)) return;
  for (const [name, member] of at.members()) {
    if (name.startsWith('_')) report('warning', member, 'a device does not keep keys that begin with an underscore');
    const other = otherSpelling(at.value, name);
    if (other !== undefined) report('warning', member, `is the same key as ${other} on a device, which ignores case`);
    checkConfiguration(member, report);
  }
}

/** An earlier key of the object that differs in case only. */
export function otherSpelling(object: JsonObject, name: string): string | undefined {
  const keys = Object.keys(object);
  return keys.slice(0, keys.indexOf(name)).find((key) => key.toLowerCase() === name.toLowerCase());
}
