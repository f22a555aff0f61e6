// A regular expression matcher that cannot hang: the pattern becomes a small state machine whose states are advanced together,
// one character at a time (Thompson), so the time is states x characters whatever the pattern. Platform templates come from recipe
// authors and run in the cloud for every device, where a backtracking matcher would let one recipe stop the server.
//
// Accepted: literals, `.`, classes with ranges and negation, \d \w \s and their opposites, groups (capturing or `(?:`),
// alternation, * + ? {n} {n,} {n,m} (greedy, lazy or possessive: the same for a full match), ^ and $. Lookaround, back
// references and flags are refused by name.

const MAX_PATTERN = 256;
const MAX_TEXT = 1024;
const MAX_STATES = 4096;

type Test = (char: string) => boolean;
type Node =
  | { readonly kind: 'char'; readonly test: Test }
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  | { readonly kind: 'sequence'; readonly nodes: readonly Node[] }
  | { readonly kind: 'choice'; readonly nodes: readonly Node[] }
  | { readonly kind: 'repeat'; readonly node: Node; readonly min: number; readonly max: number };

type State =
  | { kind: 'char'; test: Test }
  | { kind: 'split'; to: number[] }
  | { kind: 'start' | 'end' }
  | { kind: 'match' };

/** The outcome of a match; `reason` says why a pattern could not be used at all. */
export interface RegexResult {
  readonly matches: boolean;
  readonly reason?: string;
}

/** Whether `pattern` matches the whole of `text` (Java's String.matches). Never throws, never hangs. */
export function fullMatch(pattern: string, text: string): RegexResult {
  if (pattern.length > MAX_PATTERN)
    return { matches: false, reason: `the pattern is longer than ${MAX_PATTERN} characters` };
  if (text.length > MAX_TEXT) return { matches: false, reason: `the value is longer than ${MAX_TEXT} characters` };
  try {
    const states: State[] = [];
    compile(new Parser(pattern).parse(), states);
    states.push({ kind: 'match' });
    return { matches: run(states, [...text]) };
  } catch (error) {
    if (error instanceof PatternError) return { matches: false, reason: error.message };
    throw error;
  }
}

class PatternError extends Error {}

class Parser {
  readonly #chars: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(pattern: string) {
    this.#chars = [...pattern];
  }

  parse(): Node {
    const node = this.#choice();
    if (this.#at < this.#chars.length) throw new PatternError('unbalanced )');
    return node;
  }

  #choice(): Node {
    if (++this.#depth > 50) throw new PatternError('groups are nested too deep');
    const nodes = [this.#sequence()];
    while (this.#take('|')) nodes.push(this.#sequence());
    this.#depth--;
    const [only] = nodes;
    return nodes.length === 1 && only !== undefined ? only : { kind: 'choice', nodes };
  }

  #sequence(): Node {
    const nodes: Node[] = [];
    for (let next = this.#peek(); next !== undefined && next !== '|' && next !== ')'; next = this.#peek()) {
      nodes.push(this.#repeated(this.#atom()));
    }
    return { kind: 'sequence', nodes };
  }

  #repeated(node: Node): Node {
    const bounds = this.#bounds();
    if (bounds === undefined) return node;
    if (!this.#take('?')) this.#take('+');
    if (this.#bounds() !== undefined) throw new PatternError('a quantifier follows a quantifier');
    return { kind: 'repeat', node, min: bounds[0], max: bounds[1] };
  }

  #bounds(): [number, number] | undefined {
    if (this.#take('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.#take('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.#take('?')) return [0, 1];
    if (this.#peek() !== '{') return undefined;
    const end = this.#chars.indexOf('}', this.#at);
    const parts = /^(\d{1,4})(,(\d{0,4}))?$/.exec(end < 0 ? '' : this.#chars.slice(this.#at + 1, end).join(''));
    if (parts === null) throw new PatternError('{ is not followed by a repeat count');
    this.#at = end + 1;
    const min = Number(parts[1]);
    const max = parts[2] === undefined ? min : parts[3] === '' ? Number.POSITIVE_INFINITY : Number(parts[3]);
    if (max < min) throw new PatternError('the repeat counts are out of order');
    return [min, max];
  }

  #atom(): Node {
    const char = this.#next();
    switch (char) {
      case '(':
        return this.#group();
      case '[':
        return { kind: 'char', test: this.#charClass() };
      case '.':
        return {
          kind: 'char',
          test: (c) => c !== '\n' && c !== '\r' && c !== '\u0085' && c !== '\u2028' && c !== '\u2029',
        };
      case '^':
        return { kind: 'start' };
      case '$':
        return { kind: 'end' };
      case '\\':
        return { kind: 'char', test: this.#escape() };
      case '*':
      case '+':
      case '?':
      case '{':
        throw new PatternError(`nothing to repeat before ${char}`);
      default:
        return { kind: 'char', test: (c) => c === char };
    }
  }

  #group(): Node {
    if (this.#take('?') && !this.#take(':')) throw new PatternError('only plain and (?: groups are supported');
    const node = this.#choice();
    if (!this.#take(')')) throw new PatternError('a group is not closed');
    return node;
  }

  #charClass(): Test {
    const negated = this.#take('^');
    const tests: Test[] = [];
    for (let first = true; ; first = false) {
      if (this.#peek() === undefined) throw new PatternError('a character class is not closed');
      if (!first && this.#take(']')) break;
      const low = this.#next();
      if (low === '[' || (low === '&' && this.#peek() === '&'))
        throw new PatternError('nested character classes are not supported');
      if (low === '\\') {
        tests.push(this.#escape());
      } else if (this.#peek() === '-' && this.#chars[this.#at + 1] !== ']') {
        this.#at++;
        const high = this.#next();
        if (high === '\\' || high === '[') throw new PatternError('a range must end in a plain character');
        if (high < low) throw new PatternError('a range is out of order');
        tests.push((c) => c >= low && c <= high);
      } else {
        tests.push((c) => c === low);
      }
    }
    return (c) => tests.some((test) => test(c)) !== negated;
  }

  #escape(): Test {
    const char = this.#next();
    const known = ESCAPES.get(char);
    if (known !== undefined) return known;
    if (/[A-Za-z0-9]/.test(char)) throw new PatternError(`\\${char} is not supported`);
    return (c) => c === char;
  }

  #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  #take(char: string): boolean {
    if (this.#peek() !== char) return false;
    this.#at++;
    return true;
  }

  #next(): string {
    const char = this.#chars[this.#at++];
    if (char === undefined) throw new PatternError('the pattern ends too early');
    return char;
  }
}

const isDigit: Test = (c) => c >= '0' && c <= '9';
const isWord: Test = (c) => /^\w$/.test(c);
const isSpace: Test = (c) => /^[ \t\n\v\f\r]$/.test(c);

const ESCAPES: ReadonlyMap<string, Test> = new Map<string, Test>([
  ['d', isDigit],
  ['D', (c) => !isDigit(c)],
  ['w', isWord],
  ['W', (c) => !isWord(c)],
  ['s', isSpace],
  ['S', (c) => !isSpace(c)],
  ['t', (c) => c === '\t'],
  ['n', (c) => c === '\n'],
  ['r', (c) => c === '\r'],
]);

/**
 * Appends the states of `node`; control falls through to the state appended next. Every node appends at least one state, so
 * that the limit also bounds the time of nested repeats of nothing.
 */
function compile(node: Node, states: State[]): void {
  if (states.length > MAX_STATES) throw new PatternError('the pattern repeats too much');
  if (node.kind === 'char') {
    states.push({ kind: 'char', test: node.test });
  } else if (node.kind === 'start' || node.kind === 'end') {
    states.push({ kind: node.kind });
  } else if (node.kind === 'sequence') {
    if (node.nodes.length === 0) states.push({ kind: 'split', to: [states.length + 1] });
    for (const part of node.nodes) compile(part, states);
  } else if (node.kind === 'choice') {
    const entry: State = { kind: 'split', to: [] };
    states.push(entry);
    const exits: State[] = [];
    for (const arm of node.nodes) {
      entry.to.push(states.length);
      compile(arm, states);
      const exit: State = { kind: 'split', to: [] };
      states.push(exit);
      exits.push(exit);
    }
    for (const exit of exits) if (exit.kind === 'split') exit.to.push(states.length);
  } else {
    compileRepeat(node.node, node.min, node.max, states);
  }
}

function compileRepeat(node: Node, min: number, max: number, states: State[]): void {
  if (max === 0) states.push({ kind: 'split', to: [states.length + 1] });
  for (let i = 0; i < min; i++) compile(node, states);
  if (max === Number.POSITIVE_INFINITY) {
    const loop: State = { kind: 'split', to: [states.length + 1] };
    const entry = states.length;
    states.push(loop);
    compile(node, states);
    states.push({ kind: 'split', to: [entry] });
    loop.to.push(states.length);
    return;
  }
  const skips: State[] = [];
  for (let i = min; i < max; i++) {
    const skip: State = { kind: 'split', to: [states.length + 1] };
    states.push(skip);
    skips.push(skip);
    compile(node, states);
  }
  for (const skip of skips) if (skip.kind === 'split') skip.to.push(states.length);
}

function run(states: readonly State[], text: readonly string[]): boolean {
  let current = closure(states, [0], 0, text.length);
  for (const [index, char] of text.entries()) {
    const next: number[] = [];
    for (const at of current) {
      const state = states[at];
      if (state?.kind === 'char' && state.test(char)) next.push(at + 1);
    }
    if (next.length === 0) return false;
    current = closure(states, next, index + 1, text.length);
  }
  return current.has(states.length - 1);
}

/** Every state reachable from `from` without reading a character, at position `position` of `length`. */
function closure(states: readonly State[], from: readonly number[], position: number, length: number): Set<number> {
  const seen = new Set<number>();
  const pending = [...from];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    const state = states[at];
    if (state?.kind === 'split') pending.push(...state.to);
    else if ((state?.kind === 'start' && position === 0) || (state?.kind === 'end' && position === length))
      pending.push(at + 1);
  }
  return seen;
}
