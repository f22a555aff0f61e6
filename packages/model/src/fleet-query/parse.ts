import { Fault } from '@greensward/kit';
import { compileGlob } from '../policy/glob.ts';
import { type Bound, type FleetQuery, numberOf, type Term, type Test, wordsOf } from './query.ts';
import { Scanner, type Word } from './scanner.ts';

// IoT: "Query syntax" of fleet indexing, a part of Lucene's. AND is what stands between terms where nothing does; NOT and `-`
// bind closest, then AND, then OR.

/** IoT: characters of a query, and of one with a term that begins with a wildcard; terms of a query. */
const maxLength = 1000;
const maxLeadingLength = 100;
const maxTerms = 12;

const wordEnds = '()[]{}":<>';
const comparisons = ['>=', '<=', '>', '<'] as const;

/** Throws `InvalidQueryException` with the place of the mistake, counted in characters from 1. */
export function parseFleetQuery(queryString: string): FleetQuery {
  if (queryString.length > maxLength) {
    throw new Fault('InvalidQueryException', `queryString: has more than ${maxLength} characters`);
  }
  return new Parser(queryString).query();
}

class Parser {
  private readonly scanner: Scanner;
  private terms = 0;
  private leading = 0;

  constructor(source: string) {
    this.scanner = new Scanner(source);
  }

  query(): FleetQuery {
    const query = this.alternatives(undefined);
    if (!this.scanner.done) throw this.scanner.fault(`unexpected ${this.scanner.next}`);
    return query;
  }

  /** Terms joined by OR. `field` is what terms without one are about. */
  private alternatives(field: string | undefined): FleetQuery {
    const of = [this.conjunction(field)];
    while (this.scanner.operator === 'OR') {
      this.scanner.take('OR');
      of.push(this.conjunction(field));
    }
    const [only] = of;
    return only !== undefined && of.length === 1 ? only : { kind: 'any', of };
  }

  private conjunction(field: string | undefined): FleetQuery {
    const { scanner } = this;
    const of = [this.clause(field)];
    for (scanner.skipSpace(); !this.atEnd(); scanner.skipSpace()) {
      if (scanner.operator === 'AND') scanner.take('AND');
      of.push(this.clause(field));
    }
    const [only] = of;
    return only !== undefined && of.length === 1 ? only : { kind: 'all', of };
  }

  private atEnd(): boolean {
    return this.scanner.done || this.scanner.next === ')' || this.scanner.operator === 'OR';
  }

  private clause(field: string | undefined): FleetQuery {
    const { scanner } = this;
    scanner.skipSpace();
    if (scanner.operator === 'NOT') {
      scanner.take('NOT');
      return { kind: 'not', of: this.clause(field) };
    }
    if (scanner.take('-')) return { kind: 'not', of: this.clause(field) };
    if (scanner.done || scanner.next === ')' || scanner.operator !== undefined)
      throw scanner.fault('a term is expected');
    return this.group(field) ?? this.fieldOrTerm(field);
  }

  /** What parentheses hold. */
  private group(field: string | undefined): FleetQuery | undefined {
    const { scanner } = this;
    const start = scanner.at;
    if (!scanner.take('(')) return undefined;
    const query = this.alternatives(field);
    if (!scanner.take(')')) throw scanner.fault('this parenthesis is not closed', start);
    return query;
  }

  private fieldOrTerm(field: string | undefined): FleetQuery {
    const { scanner } = this;
    if (scanner.next === '"' || wordEnds.includes(scanner.next)) return this.value(field);
    const word = scanner.word(wordEnds);
    const end = scanner.at;
    scanner.skipSpace();
    if (scanner.take(':')) {
      const name = this.fieldName(word, field);
      scanner.skipSpace();
      return this.group(name) ?? this.value(name);
    }
    if (scanner.next === '<' || scanner.next === '>') return this.value(this.fieldName(word, field));
    scanner.at = end;
    return this.term(field, this.wordTest(word), word.at);
  }

  private fieldName(word: Word, outer: string | undefined): string {
    if (outer !== undefined) throw this.scanner.fault('a field inside the group of a field', word.at);
    if (word.wildcards) throw this.scanner.fault('a field name has no wildcards', word.at);
    if (word.text === '') throw this.scanner.fault('a field name is expected', word.at);
    return word.text;
  }

  private value(field: string | undefined): Term {
    const { scanner } = this;
    const start = scanner.at;
    if (scanner.take('"')) return this.term(field, phraseTest(scanner.quoted()), start);
    if (scanner.next === '[' || scanner.next === '{') return this.term(this.ranged(field), this.range(), start);
    for (const comparison of comparisons) {
      if (scanner.take(comparison)) return this.term(this.ranged(field), this.comparison(comparison), start);
    }
    if (scanner.operator !== undefined) throw scanner.fault('a value is expected; quote a word that is an operator');
    const word = scanner.word(wordEnds);
    if (word.written === '') throw scanner.fault(scanner.done ? 'a value is expected' : `unexpected ${scanner.next}`);
    if (scanner.next === ':') throw scanner.fault('unexpected : (a colon in a value is written \\:)');
    return this.term(field, this.wordTest(word), start);
  }

  private ranged(field: string | undefined): string {
    if (field === undefined) throw this.scanner.fault('a range needs a field');
    return field;
  }

  private term(field: string | undefined, test: Test, at: number): Term {
    this.terms += 1;
    if (this.terms > maxTerms) throw this.scanner.fault(`more than ${maxTerms} terms`, at);
    return field === undefined ? { kind: 'term', test } : { kind: 'term', field, test };
  }

  private wordTest(word: Word): Test {
    if (!word.wildcards) return equalsTest(word.text);
    if (word.tokens.every(({ kind }) => kind === 'any')) return { kind: 'present' };
    if (word.leading) {
      this.leading += 1;
      if (this.leading > 1) throw this.scanner.fault('only one term may begin with a wildcard', word.at);
      if (this.scanner.source.length > maxLeadingLength) {
        throw this.scanner.fault(
          `a query with a term that begins with a wildcard has at most ${maxLeadingLength} characters`,
          word.at,
        );
      }
    }
    return { kind: 'matches', glob: compileGlob(word.tokens) };
  }

  /** `[a TO b]`, `{a TO b}` without the ends, or one of each; `*` is no limit. */
  private range(): Test {
    const { scanner } = this;
    const start = scanner.at;
    const lowInclusive = scanner.take('[');
    if (!lowInclusive) scanner.take('{');
    const low = this.bound(start);
    scanner.skipSpace();
    if (!scanner.take('TO')) throw scanner.fault('TO is expected between the ends of a range');
    const high = this.bound(start);
    scanner.skipSpace();
    const highInclusive = scanner.take(']');
    if (!highInclusive && !scanner.take('}')) throw scanner.fault('this range is not closed', start);
    const numeric = [low, high].every((bound) => bound === undefined || numberIn(bound) !== undefined);
    return rangeTest(
      numeric,
      low && { ...low, inclusive: lowInclusive },
      high && { ...high, inclusive: highInclusive },
    );
  }

  private bound(start: number): Written | undefined {
    const { scanner } = this;
    scanner.skipSpace();
    if (scanner.take('"')) return { text: scanner.quoted(), quoted: true };
    const word = scanner.word('[]{}"');
    if (word.written === '*') return undefined;
    if (word.wildcards) throw scanner.fault('the end of a range has no wildcards', word.at);
    if (word.written === '') throw scanner.fault('an end of this range is missing', start);
    return { text: word.text, quoted: false };
  }

  private comparison(comparison: (typeof comparisons)[number]): Test {
    const { scanner } = this;
    scanner.skipSpace();
    const start = scanner.at;
    let written: Written;
    if (scanner.take('"')) written = { text: scanner.quoted(), quoted: true };
    else {
      const word = scanner.word(wordEnds);
      if (word.written === '') throw scanner.fault(`a value is expected after ${comparison}`);
      if (word.wildcards) throw scanner.fault('a value that is compared has no wildcards', start);
      written = { text: word.text, quoted: false };
    }
    const bound = { ...written, inclusive: comparison.endsWith('=') };
    const numeric = numberIn(written) !== undefined;
    return comparison.startsWith('>') ? rangeTest(numeric, bound, undefined) : rangeTest(numeric, undefined, bound);
  }
}

interface Written {
  readonly text: string;
  /** A number in quotation marks is a text. */
  readonly quoted: boolean;
}

function numberIn({ text, quoted }: Written): number | undefined {
  return quoted ? undefined : numberOf(text);
}

type Ended = Written & { readonly inclusive: boolean };

function rangeTest(numeric: boolean, low: Ended | undefined, high: Ended | undefined): Test {
  const bound = (end: Ended | undefined): Bound | undefined =>
    end && {
      text: end.text.toLowerCase(),
      number: numeric ? (numberOf(end.text) ?? Number.NaN) : Number.NaN,
      inclusive: end.inclusive,
    };
  return { kind: 'range', numeric: numeric && (low ?? high) !== undefined, low: bound(low), high: bound(high) };
}

function equalsTest(text: string): Test {
  return { kind: 'equals', text: text.toLowerCase(), number: numberOf(text) };
}

function phraseTest(text: string): Test {
  const words = wordsOf(text.toLowerCase());
  const [only] = words;
  // A number in quotation marks is a text.
  if (only !== undefined && words.length === 1) return { kind: 'equals', text: only, number: undefined };
  return { kind: 'phrase', words };
}
