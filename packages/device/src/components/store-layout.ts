import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Fault } from '@greensward/kit';

/** Folders below the root, as the reference nucleus lays them out. */
export interface StoreLayout {
  readonly recipes: string;
  readonly artifacts: string;
  readonly decompressed: string;
  /** What is not complete yet: downloads and unpacked archives. Same volume as the rest, so that a rename completes them. */
  readonly unfinished: string;
  readonly work: string;
}

export function storeLayout(root: string): StoreLayout {
  return {
    recipes: join(root, 'packages', 'recipes'),
    artifacts: join(root, 'packages', 'artifacts'),
    decompressed: join(root, 'packages', 'artifacts-unarchived'),
    unfinished: join(root, 'packages', 'unfinished'),
    work: join(root, 'work'),
  };
}

/** True when a name from a recipe or a document may become the name of a folder. */
export function isSafeName(name: string): boolean {
  return /^[A-Za-z0-9._-]{1,128}$/.test(name) && !/^\.+$/.test(name);
}

function isSafeVersion(version: string): boolean {
  return version.length <= 64 && /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/.test(version);
}

/** Throws a Fault when a component's name or version could leave its folder. */
export function checkComponent(name: string, version: string): void {
  if (!isSafeName(name)) throw new Fault('RECIPE_PARSE_ERROR', `${JSON.stringify(name)} is not a component name`);
  if (isSafeVersion(version)) return;
  throw new Fault('COMPONENT_VERSION_NOT_VALID', `${JSON.stringify(version)} of ${name} is not a component version`);
}

/** The start of the file names of all versions of a component: base64url of SHA-256 of its name, and `@`. */
export function recipePrefix(name: string): string {
  return `${createHash('sha256').update(name).digest('base64url')}@`;
}

/** The name of a recipe's files without their endings. */
export function recipeStem(name: string, version: string): string {
  return `${recipePrefix(name)}${version}`;
}
