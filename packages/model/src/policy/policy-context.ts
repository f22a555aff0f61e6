import type { Glob } from './glob.ts';

/** What a condition key holds: one value, or a list (for `ForAllValues` and `ForAnyValue`). */
export type ContextValue = string | readonly string[];

/**
 * The facts of a request that policy variables and conditions see, by condition key. Keys are found whatever their case, as in
 * IAM. Immutable, so one per connection serves all its decisions.
 */
export class PolicyContext {
  readonly #values = new Map<string, ContextValue>();
  readonly #globs = new WeakMap<object, Glob | { readonly unbound: true }>();

  /** Keys as documented (`iot:ClientId`). A key that is undefined or an empty list is absent. */
  constructor(entries: Iterable<readonly [key: string, value: ContextValue | undefined]>) {
    for (const [key, value] of entries) {
      if (value !== undefined && (typeof value === 'string' || value.length > 0)) {
        this.#values.set(canonicalKey(key), value);
      }
    }
  }

  /** The value of a key in its canonical form. */
  get(key: string): ContextValue | undefined {
    return this.#values.get(key);
  }

  /** The pattern that `make` gives for this context, made once for each `owner`. */
  globOf(owner: object, make: () => Glob | undefined): Glob | undefined {
    let glob = this.#globs.get(owner);
    if (glob === undefined) {
      glob = make() ?? { unbound: true };
      this.#globs.set(owner, glob);
    }
    return 'unbound' in glob ? undefined : glob;
  }
}

/** Condition keys are case-insensitive; what is in brackets is the name of a thing's attribute, which is not. */
export function canonicalKey(key: string): string {
  const bracket = key.indexOf('[');
  return bracket < 0 ? key.toLowerCase() : key.slice(0, bracket).toLowerCase() + key.slice(bracket);
}
