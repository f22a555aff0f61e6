import { matchGlob } from '../policy/glob.ts';
import { allValuesOf, type ThingDocument, valuesOf } from './document.ts';
import { type Bound, type FleetQuery, numberOf, type Term, type Test, wordsOf } from './query.ts';

/** True when the query finds the thing. */
export function matchesQuery(query: FleetQuery, document: ThingDocument): boolean {
  switch (query.kind) {
    case 'all':
      return query.of.every((each) => matchesQuery(each, document));
    case 'any':
      return query.of.some((each) => matchesQuery(each, document));
    case 'not':
      return !matchesQuery(query.of, document);
    case 'term':
      return hasValue(query, document);
  }
}

/** A field with several values is found by any of them. */
function hasValue({ field, test }: Term, document: ThingDocument): boolean {
  // IoT: `*` finds every thing.
  if (field === undefined && test.kind === 'present') return true;
  for (const value of field === undefined ? allValuesOf(document) : valuesOf(document, field)) {
    if (isTrueOf(test, String(value).toLowerCase())) return true;
  }
  return false;
}

/** A term is found in a value as the whole of it or as one of its words. */
function isTrueOf(test: Test, value: string): boolean {
  switch (test.kind) {
    case 'present':
      return true;
    case 'equals':
      return value === test.text || isSameNumber(test.number, value) || wordsOf(value).includes(test.text);
    case 'matches':
      return matchGlob(test.glob, value) || wordsOf(value).some((word) => matchGlob(test.glob, word));
    case 'phrase':
      return holdsPhrase(wordsOf(value), test.words);
    case 'range': {
      const number = test.numeric ? numberOf(value) : undefined;
      if (test.numeric && number === undefined) return false;
      const compare = (bound: Bound) =>
        number === undefined ? compareTexts(value, bound.text) : number - bound.number;
      return isAbove(test.low, compare) && isBelow(test.high, compare);
    }
  }
}

function isSameNumber(number: number | undefined, value: string): boolean {
  return number !== undefined && numberOf(value) === number;
}

function holdsPhrase(words: readonly string[], phrase: readonly string[]): boolean {
  if (phrase.length === 0) return words.length === 0;
  return words.some((_, at) => phrase.every((word, index) => words[at + index] === word));
}

function isAbove(low: Bound | undefined, compare: (bound: Bound) => number): boolean {
  if (low === undefined) return true;
  const order = compare(low);
  return order > 0 || (order === 0 && low.inclusive);
}

function isBelow(high: Bound | undefined, compare: (bound: Bound) => number): boolean {
  if (high === undefined) return true;
  const order = compare(high);
  return order < 0 || (order === 0 && high.inclusive);
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
