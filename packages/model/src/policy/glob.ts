// Wildcards of policies: `*` is any run of characters, `/` and `:` included, `?` is one character (a code point).

/** Text between wildcards: the parts are joined by single `?`. */
type Chunk = readonly string[];

/** What stands between two `*`: `skip` characters, then the chunk. */
interface Middle {
  readonly skip: number;
  readonly chunk: Chunk;
}

/** A pattern cut at its `*`. Without a `*`, `last` is undefined and `first` is the whole pattern. */
export interface Glob {
  readonly first: Chunk;
  readonly middle: readonly Middle[];
  readonly last: Chunk | undefined;
}

/** A piece of a pattern: text to be found as it is, or a wildcard. */
export type GlobToken =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'one' };

export function compileGlob(tokens: readonly GlobToken[]): Glob {
  const chunks: string[][] = [['']];
  for (const token of tokens) {
    const chunk = chunks.at(-1) ?? [];
    if (token.kind === 'any') chunks.push(['']);
    else if (token.kind === 'one') chunk.push('');
    else chunk.push((chunk.pop() ?? '') + token.text);
  }
  const [first = [''], ...rest] = chunks;
  const last = rest.pop();
  return { first, middle: rest.map(compileMiddle), last };
}

/** A `?` right after a `*` asks for one more character before the rest is looked for. */
function compileMiddle(chunk: Chunk): Middle {
  const text = chunk.findIndex((part) => part !== '');
  const skip = text < 0 ? chunk.length - 1 : text;
  return { skip, chunk: chunk.slice(skip) };
}

/**
 * True when the whole text matches. Never backtracks: each chunk is taken where it is first found, which is right because `*` is
 * the only wildcard of variable length. Linear, but for chunks with a `?` amid text: the length of the chunk is a factor at worst.
 */
export function matchGlob(glob: Glob, text: string): boolean {
  let at = matchForward(glob.first, text, 0);
  if (at < 0) return false;
  if (glob.last === undefined) return at === text.length;
  const end = matchBackward(glob.last, text, text.length);
  if (end < at) return false;
  for (const chunk of glob.middle) {
    at = find(chunk, text, at, end);
    if (at < 0) return false;
  }
  return true;
}

/** Where the character at `at` ends, or -1 at the end of the text. */
function afterOne(text: string, at: number): number {
  const code = text.codePointAt(at);
  if (code === undefined) return -1;
  return at + (code > 0xffff ? 2 : 1);
}

/** Where the chunk ends when it begins at `at`, or -1. */
function matchForward(chunk: Chunk, text: string, at: number): number {
  let position = at;
  for (const [index, part] of chunk.entries()) {
    if (index > 0) position = afterOne(text, position);
    if (position < 0 || !text.startsWith(part, position)) return -1;
    position += part.length;
  }
  return position;
}

/** Where the chunk begins when it ends at `end`, or -1. */
function matchBackward(chunk: Chunk, text: string, end: number): number {
  let position = end;
  for (let index = chunk.length - 1; index >= 0; index--) {
    const part = chunk[index] ?? '';
    if (!text.endsWith(part, position)) return -1;
    position -= part.length;
    if (index > 0) {
      if (position === 0) return -1;
      const pair = position > 1 && (text.codePointAt(position - 2) ?? 0) > 0xffff;
      position -= pair ? 2 : 1;
    }
  }
  return position;
}

/** Where the first occurrence from `from` on ends, or -1 when none ends by `end`. */
function find({ skip, chunk }: Middle, text: string, from: number, end: number): number {
  let at = from;
  for (let left = skip; left > 0 && at >= 0; left--) at = afterOne(text, at);
  if (at < 0) return -1;
  const [head = ''] = chunk;
  for (at = text.indexOf(head, at); at >= 0 && at <= end; at = text.indexOf(head, at + 1)) {
    const found = matchForward(chunk, text, at);
    // A later occurrence would end later still.
    if (found >= 0) return found <= end ? found : -1;
  }
  return -1;
}
