import { isJsonObject, type Json, type JsonObject } from '@greensward/kit';

/** Deepest nesting accepted in documents from outside, so that no recursive walk over one can exhaust the stack. */
const MAX_DEPTH = 100;

/** The own member `key`, or undefined: never one inherited from `Object.prototype` (`constructor`, `__proto__`). */
export function getOwn<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** Sets an own member. Plain assignment of `__proto__` would set the prototype instead. */
export function setOwn<T>(record: Record<string, T>, key: string, value: T): void {
  Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
}

/** Equal as JSON: the order of keys is irrelevant, the order of lists is not, an undefined member is an absent one. */
export function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  return sortedJson(a) === sortedJson(b);
}

/** Compact JSON with the keys of every object sorted; undefined for undefined. */
export function sortedJson(value: Json | undefined): string | undefined {
  return value === undefined ? undefined : JSON.stringify(sorted(value));
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const result: JsonObject = {};
  for (const key of Object.keys(value).sort()) {
    const member = value[key];
    if (member !== undefined) setOwn(result, key, sorted(member));
  }
  return result;
}

/** True when no list or object of `value` lies deeper than {@link MAX_DEPTH} levels. */
export function isShallow(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth >= MAX_DEPTH) return false;
  return Object.values(value).every((member) => isShallow(member, depth + 1));
}

/**
 * Keys that differ only in case become one, under the first spelling with the last value; objects under them merge. So the
 * configuration store of the device, whose node names are case-insensitive, sees a lifecycle.
 */
export function collapseCase(object: JsonObject): JsonObject {
  const spellings = new Map<string, string>();
  const result: JsonObject = {};
  for (const [key, value] of Object.entries(object)) {
    if (value === undefined) continue;
    const spelled = spellings.get(key.toLowerCase()) ?? key;
    spellings.set(key.toLowerCase(), spelled);
    const earlier = getOwn(result, spelled);
    const merged = isJsonObject(earlier) && isJsonObject(value) ? { ...earlier, ...value } : value;
    setOwn(result, spelled, isJsonObject(merged) ? collapseCase(merged) : merged);
  }
  return result;
}
