// Component recipes, format 2020-01-25: reading, writing, and what a recipe means for one device.
export { isPrivateImage, parseArtifactUri } from './artifact-uri.ts';
export { checkRecipe, type Finding } from './check/check.ts';
export { formatRecipe, recipeToJson } from './format.ts';
export { type LifecycleStep, type LifecycleSteps, lifecycleSteps, type SkipIf } from './lifecycle.ts';
export { parseRecipe } from './parse.ts';
export { describePlatforms, effectiveLifecycle, selectManifest } from './select.ts';
export type { Artifact, DependencyType, Manifest, Recipe } from './types.ts';

/** The most bytes of a recipe that the cloud accepts (AWS service quota: 16 KB). A device has no limit of its own. */
export const MAX_RECIPE_BYTES = 16_384;
