import type { Glob } from '../policy/glob.ts';

/** A query of the fleet index, parsed. */
export type FleetQuery =
  | { readonly kind: 'all'; readonly of: readonly FleetQuery[] }
  | { readonly kind: 'any'; readonly of: readonly FleetQuery[] }
  | { readonly kind: 'not'; readonly of: FleetQuery }
  | Term;

/** One test of the values of a field; without a field, of every registry and shadow value. */
export interface Term {
  readonly kind: 'term';
  readonly field?: string;
  readonly test: Test;
}

/** Texts are in lower case: searches do not look at case. */
export type Test =
  | { readonly kind: 'present' }
  | { readonly kind: 'equals'; readonly text: string; readonly number: number | undefined }
  | { readonly kind: 'matches'; readonly glob: Glob }
  /** These words in this order, with none between them. */
  | { readonly kind: 'phrase'; readonly words: readonly string[] }
  /** `numeric`: values that are numbers are compared as numbers, others are out of the range. */
  | {
      readonly kind: 'range';
      readonly numeric: boolean;
      readonly low: Bound | undefined;
      readonly high: Bound | undefined;
    };

export interface Bound {
  readonly text: string;
  /** NaN unless the range is numeric. */
  readonly number: number;
  readonly inclusive: boolean;
}

/** The number that a text is, in decimal notation; undefined for another text. */
export function numberOf(text: string): number | undefined {
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/** Words are separated by white space. */
export function wordsOf(text: string): readonly string[] {
  return text.split(/\s+/u).filter((word) => word !== '');
}
