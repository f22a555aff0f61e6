import { describePlatforms, parseRecipe } from '@greensward/model/recipe';
import type { ComponentVersion } from './component.ts';

// The components of the original that recipes depend on, as data. Their programs are not ours to give away: the recipes have
// no artifacts, and what they name has to be there already, built into the device's own nucleus or put there by its owner.

interface PublicComponent {
  readonly type: 'aws.greengrass.nucleus' | 'aws.greengrass.plugin';
  readonly description: string;
  /** Oldest first. */
  readonly versions: readonly string[];
  /** Name to the range of versions, and whether a change there restarts the component. */
  readonly dependencies: Readonly<Record<string, readonly [range: string, type: 'HARD' | 'SOFT']>>;
  readonly configuration?: Readonly<Record<string, unknown>>;
}

const nucleus = 'aws.greengrass.Nucleus';
const tokenExchange = 'aws.greengrass.TokenExchangeService';

/** Every one of them goes with any nucleus of version 2 that is new enough; the bounds of the original are narrower. */
const from = (version: string) => ({ [nucleus]: [`>=${version} <3.0.0`, 'SOFT'] as const });

const components: ReadonlyMap<string, PublicComponent> = new Map<string, PublicComponent>([
  [
    'aws.greengrass.Cli',
    {
      type: 'aws.greengrass.plugin',
      description: 'The command line interface on a core device.',
      versions: ['2.0.5', '2.4.0', '2.5.6', '2.8.1', '2.9.6', '2.10.3', '2.11.3', '2.12.0', '2.12.6', '2.13.0'],
      dependencies: from('2.0.0'),
    },
  ],
  [
    'aws.greengrass.DockerApplicationManager',
    {
      type: 'aws.greengrass.plugin',
      description: 'Downloads container images for components.',
      versions: ['2.0.4', '2.0.9', '2.0.11', '2.0.12'],
      dependencies: from('2.1.0'),
    },
  ],
  [
    'aws.greengrass.LogManager',
    {
      type: 'aws.greengrass.plugin',
      description: 'Uploads the logs of components.',
      versions: ['2.2.8', '2.3.2', '2.3.6', '2.3.7'],
      dependencies: { ...from('2.1.0'), [tokenExchange]: ['>=0.0.0', 'HARD'] },
      configuration: { logsUploaderConfiguration: {}, periodicUploadIntervalSec: 300 },
    },
  ],
  [
    nucleus,
    {
      type: 'aws.greengrass.nucleus',
      description: 'The runtime of a core device.',
      versions: [
        ...['2.0.5', '2.1.0', '2.2.0', '2.3.0', '2.4.0', '2.5.6', '2.6.0', '2.7.0', '2.8.1', '2.9.6'],
        ...['2.10.3', '2.11.3', '2.12.0', '2.12.6', '2.13.0'],
      ],
      dependencies: {},
    },
  ],
  [
    'aws.greengrass.SecretManager',
    {
      type: 'aws.greengrass.plugin',
      description: 'Gives secrets to components.',
      versions: ['2.0.9', '2.1.4', '2.1.7', '2.1.8'],
      dependencies: from('2.0.0'),
      configuration: { cloudSecrets: [] },
    },
  ],
  [
    'aws.greengrass.ShadowManager',
    {
      type: 'aws.greengrass.plugin',
      description: 'Keeps shadows on a core device, and in step with the cloud.',
      versions: ['2.0.6', '2.1.2', '2.2.4', '2.3.2', '2.3.9'],
      dependencies: from('2.1.0'),
    },
  ],
  [
    tokenExchange,
    {
      type: 'aws.greengrass.plugin',
      description: 'Gives the credentials of a role alias to components.',
      versions: ['2.0.3'],
      dependencies: { [nucleus]: ['>=2.0.0 <3.0.0', 'HARD'] },
      configuration: { port: 0 },
    },
  ],
  [
    'aws.greengrass.clientdevices.Auth',
    {
      type: 'aws.greengrass.plugin',
      description: 'Authenticates client devices, and decides what they may do.',
      versions: ['2.0.4', '2.1.0', '2.2.3', '2.3.2', '2.4.4', '2.5.1'],
      dependencies: from('2.2.0'),
    },
  ],
]);

/** When they came into being, as far as lists tell: 2024-01-01. */
const createdAt = Date.UTC(2024, 0, 1);

/** Names of the public components, in order. */
export const publicNames: readonly string[] = [...components.keys()].sort();

/** The versions of a public component, oldest first; empty when there is none of that name. */
export function publicVersions(name: string): readonly ComponentVersion[] {
  return components.get(name)?.versions.map((version) => versionOf(name, version)) ?? [];
}

/**
 * The versions that a device can be given. `held` is the one it has: it keeps that, listed here or not, for it has the program
 * to it. A nucleus that it does not have it cannot get from here, and a recipe alone would make it claim to be another.
 */
export function deployablePublicVersions(name: string, held: string | undefined): readonly ComponentVersion[] {
  const component = components.get(name);
  if (component === undefined) return [];
  const keeps = held === undefined ? [] : [versionOf(name, held)];
  if (component.type === 'aws.greengrass.nucleus') return keeps;
  return [...publicVersions(name).filter(({ version }) => version !== held), ...keeps];
}

function versionOf(name: string, version: string): ComponentVersion {
  const recipe = recipeOf(name, version);
  return {
    name,
    version,
    recipe,
    recipeFormat: 'JSON',
    publisher: 'AWS',
    description: components.get(name)?.description ?? '',
    platforms: describePlatforms(parseRecipe(recipe)),
    artifacts: [],
    state: 'DEPLOYABLE',
    message: 'NONE',
    errors: {},
    createdAt,
    isPublic: true,
  };
}

function recipeOf(name: string, version: string): string {
  const { type, description, dependencies = {}, configuration } = components.get(name) ?? {};
  const recipe = {
    RecipeFormatVersion: '2020-01-25',
    ComponentName: name,
    ComponentVersion: version,
    ComponentType: type,
    ComponentDescription: description,
    ComponentPublisher: 'AWS',
    ...(configuration === undefined ? {} : { ComponentConfiguration: { DefaultConfiguration: configuration } }),
    ComponentDependencies: Object.fromEntries(
      Object.entries(dependencies).map(([dependency, [VersionRequirement, DependencyType]]) => [
        dependency,
        { VersionRequirement, DependencyType },
      ]),
    ),
    Manifests: ['linux', 'darwin', 'windows'].map((os) => ({ Name: os, Platform: { os } })),
  };
  return JSON.stringify(recipe, null, 2);
}
