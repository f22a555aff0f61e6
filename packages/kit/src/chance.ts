/** Reproducible chance: the same seed gives the same sequence (mulberry32). */
export interface Chance {
  /** In [0, 1). */
  next(): number;
  /** An integer in [0, below). */
  integer(below: number): number;
  /** One of the items. */
  pick<T>(items: readonly [T, ...T[]]): T;
}

export function seededChance(seed: number): Chance {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (below: number) => Math.floor(next() * below);
  return { next, integer, pick: (items) => items[integer(items.length)] ?? items[0] };
}
