import { type ParsedRecipe, parseBuiltin } from './builtin-recipe.ts';

export const tokenExchangeService = 'aws.greengrass.TokenExchangeService';

/** Plugins of the Java nucleus that components depend on, and what stands for them here. */
const components: readonly (readonly [name: string, version: string, configuration: Record<string, number>])[] = [
  [tokenExchangeService, '2.0.3', { port: 0 }],
  // That images are wanted; the docker program is the device's own.
  ['aws.greengrass.DockerApplicationManager', '2.0.12', {}],
  // Its operations are there with or without it.
  ['aws.greengrass.Cli', '2.13.0', {}],
  // Nothing of this is here: what depends on it only to have it on the device runs all the same.
  ['aws.greengrass.LogManager', '2.3.7', {}],
];

/** Components that are on the device without their programs: a deployment with one says so in the log. */
export const emptyBuiltins: ReadonlySet<string> = new Set(['aws.greengrass.LogManager']);

/** What the runtime provides itself, by name. */
export function builtinComponents(region: string): ReadonlyMap<string, ParsedRecipe> {
  return new Map(
    components.map(([name, version, configuration]) => [name, parseBuiltin(name, version, configuration, region)]),
  );
}
