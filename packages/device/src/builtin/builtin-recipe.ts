import type { JsonObject } from '@greensward/kit';
import { parseRecipe, type Recipe } from '@greensward/model/recipe';

export interface ParsedRecipe {
  readonly version: string;
  readonly recipe: Recipe;
  /** The account `aws` marks a component of the vendor. */
  readonly arn: string;
}

/** A component that the runtime has in itself, in the form of one that a cloud gave: a recipe without artifacts or steps. */
export function parseBuiltin(name: string, version: string, configuration: JsonObject, region: string): ParsedRecipe {
  const recipe = parseRecipe(
    JSON.stringify({
      RecipeFormatVersion: '2020-01-25',
      ComponentName: name,
      ComponentVersion: version,
      ComponentType: 'aws.greengrass.plugin',
      ComponentConfiguration: { DefaultConfiguration: configuration },
      Manifests: [{}],
    }),
  );
  return { version, recipe, arn: `arn:aws:greengrass:${region}:aws:components:${name}:versions:${version}` };
}
