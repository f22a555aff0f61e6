import { Fault, isJsonObject, type Json } from '@greensward/kit';

/** The keys of a JSON pointer (RFC 6901); none for the whole document. Fault DEPLOYMENT_DOCUMENT_NOT_VALID without a leading `/`. */
export function parsePointer(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) {
    throw new Fault(
      'DEPLOYMENT_DOCUMENT_NOT_VALID',
      `the JSON pointer ${JSON.stringify(pointer)} does not begin with /`,
    );
  }
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The pointer that {@link parsePointer} reads as `keys`. */
export function formatPointer(keys: readonly string[]): string {
  return keys.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** True for a token that could be an index of a list; reset pointers with one are skipped (list elements are not addressable). */
export function isIndex(token: string): boolean {
  return /^\d+$/.test(token);
}

/** The value at `pointer`, keys case-sensitive, list elements by index; undefined when there is none. Fault as {@link parsePointer}. */
export function valueAt(json: Json, pointer: string): Json | undefined {
  let value: Json | undefined = json;
  for (const token of parsePointer(pointer)) {
    if (Array.isArray(value)) value = /^(?:0|[1-9]\d*)$/.test(token) ? value[Number(token)] : undefined;
    else if (isJsonObject(value) && Object.hasOwn(value, token)) value = value[token];
    else return undefined;
  }
  return value;
}
