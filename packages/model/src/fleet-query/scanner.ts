import { Fault } from '@greensward/kit';
import type { GlobToken } from '../policy/glob.ts';

/** A run of characters of a query, with its escapes taken out. */
export interface Word {
  /** Where it begins. */
  readonly at: number;
  readonly tokens: readonly GlobToken[];
  /** The text without wildcards; what the wildcards stand for is left out. */
  readonly text: string;
  readonly wildcards: boolean;
  /** True when the word begins with a wildcard. */
  readonly leading: boolean;
  /** As it is written. */
  readonly written: string;
}

const space = /\s/u;

/** Reads a query string from left to right. Positions in faults are counted from 1. */
export class Scanner {
  readonly source: string;
  at = 0;

  constructor(source: string) {
    this.source = source;
  }

  get done(): boolean {
    return this.at >= this.source.length;
  }

  /** The character that comes next, '' at the end. */
  get next(): string {
    return this.source.charAt(this.at);
  }

  skipSpace(): void {
    while (!this.done && space.test(this.next)) this.at += 1;
  }

  /** Goes past `text` when it comes next. */
  take(text: string): boolean {
    if (!this.source.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  /** The operator that comes next as a word of its own. */
  get operator(): 'AND' | 'OR' | 'NOT' | undefined {
    for (const name of ['AND', 'OR', 'NOT'] as const) {
      if (!this.source.startsWith(name, this.at)) continue;
      const after = this.source.charAt(this.at + name.length);
      if (after === '' || space.test(after) || after === '(' || after === ')' || after === '"') return name;
    }
    return undefined;
  }

  /** Up to white space or one of `ends`; `\` takes the next character as it is. */
  word(ends: string): Word {
    const start = this.at;
    const tokens: GlobToken[] = [];
    let text = '';
    let run = '';
    const flush = () => {
      if (run !== '') tokens.push({ kind: 'text', text: run.toLowerCase() });
      run = '';
    };
    while (!this.done && !space.test(this.next) && !ends.includes(this.next)) {
      const character = this.next;
      this.at += 1;
      if (character === '*' || character === '?') {
        flush();
        tokens.push({ kind: character === '*' ? 'any' : 'one' });
        continue;
      }
      const plain = character === '\\' ? this.escaped() : character;
      run += plain;
      text += plain;
    }
    flush();
    const [first] = tokens;
    return {
      at: start,
      tokens,
      text,
      wildcards: tokens.some(({ kind }) => kind !== 'text'),
      leading: first !== undefined && first.kind !== 'text',
      written: this.source.slice(start, this.at),
    };
  }

  /** After the opening quotation mark: up to the closing one, which is read. */
  quoted(): string {
    const start = this.at - 1;
    let text = '';
    while (!this.done) {
      const character = this.next;
      this.at += 1;
      if (character === '"') return text;
      text += character === '\\' ? this.escaped() : character;
    }
    throw this.fault('this quotation mark is not closed', start);
  }

  fault(message: string, at = this.at): Fault {
    return new Fault('InvalidQueryException', `queryString, character ${at + 1}: ${message}`);
  }

  private escaped(): string {
    if (this.done) throw this.fault('a character is expected after the last \\', this.at - 1);
    const [character = ''] = String.fromCodePoint(this.source.codePointAt(this.at) ?? 0);
    // A surrogate pair is two units: the second is read as a plain character.
    this.at += character.length;
    return character;
  }
}
