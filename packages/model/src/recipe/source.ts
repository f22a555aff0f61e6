import { Fault, type Json, messageOf } from '@greensward/kit';
import { type Document, isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';
import { isShallow, setOwn } from '../json-tools.ts';

/** Where a value is in a document: keys and list indexes from the root. */
export type Path = readonly (string | number)[];

/** The text of a recipe, read, with enough of its origin to say where something is wrong. */
export interface Source {
  readonly value: Json;
  /** The line (from 1) of the key of the value at `path` (of the value in a list), or of the nearest one above it. */
  line(path: Path): number | undefined;
  /** A scalar as the author wrote it (`1.10` where the value is the number 1.1), or undefined when it is not known. */
  written(path: Path): string | undefined;
}

// A recipe of the cloud has at most 16 KiB; a local one has no limit of its own, so this one only protects the parser.
const MAX_CHARACTERS = 524_288;
const MAX_ALIASES = 100;

/** Reads JSON or YAML. Duplicate keys, custom tags, deep nesting and too many aliases are refused with RECIPE_PARSE_ERROR. */
export function readSource(text: string): Source {
  if (text.length > MAX_CHARACTERS) throw parseError(`the recipe is longer than ${MAX_CHARACTERS} characters`);
  const content = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const source = content.trimStart().startsWith('{') ? (readJson(content) ?? readYaml(content)) : readYaml(content);
  if (!isShallow(source.value)) throw parseError('the recipe is nested deeper than 100 levels');
  return source;
}

/** The one error of the parser: `message` prefixed by the key path, both path and line in the context. */
export function parseError(message: string, path: Path = [], line?: number): Fault {
  const where = formatPath(path);
  const at = [where === '' ? undefined : where, line === undefined ? undefined : `line ${line}`].filter(
    (part) => part !== undefined,
  );
  return new Fault('RECIPE_PARSE_ERROR', at.length === 0 ? message : `${at.join(', ')}: ${message}`, {
    context: { path: where, ...(line === undefined ? {} : { line }) },
  });
}

/** `Manifests[0].Artifacts[1].Uri` */
export function formatPath(path: Path): string {
  let text = '';
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : `${text === '' ? '' : '.'}${part}`;
  return text;
}

/** Undefined when the text is not JSON: it may still be YAML's flow style, which also begins with a brace. */
function readJson(text: string): Source | undefined {
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const tokens = scanJson(text);
  return {
    value,
    line: (path) => nearest(path, (at) => (at.length === 0 ? 1 : tokens.lines.get(JSON.stringify(at)))),
    written: (path) => tokens.scalars.get(JSON.stringify(path)),
  };
}

/** Walks the tokens of valid JSON for what JSON.parse does not tell: duplicate keys, lines, numbers as written. */
function scanJson(text: string): { lines: Map<string, number>; scalars: Map<string, string> } {
  interface Level {
    readonly keys: Set<string> | undefined;
    key: string | number;
  }
  const lines = new Map<string, number>();
  const scalars = new Map<string, string>();
  const levels: Level[] = [];
  const path = () => levels.map((level) => level.key);
  const tokens = [...text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:\n]|[^\s"{}[\],:]+/g)].map((match) => match[0]);
  let line = 1;
  for (const [index, token] of tokens.entries()) {
    const level = levels.at(-1);
    if (token === '\n') line++;
    else if (token === '{') levels.push({ keys: new Set(), key: '' });
    else if (token === '[') levels.push({ keys: undefined, key: 0 });
    else if (token === '}' || token === ']') levels.pop();
    else if (token === ',') {
      if (level !== undefined && typeof level.key === 'number') level.key++;
    } else if (token !== ':' && level?.keys !== undefined && isKey(tokens, index)) {
      level.key = String(JSON.parse(token));
      lines.set(JSON.stringify(path()), line);
      if (level.keys.has(level.key)) throw parseError('the key appears twice', path(), line);
      level.keys.add(level.key);
    } else if (token !== ':') {
      const at = JSON.stringify(path());
      if (level?.keys === undefined) lines.set(at, line);
      if (!token.startsWith('"')) scalars.set(at, token);
    }
    if ((token === '{' || token === '[') && level !== undefined && level.keys === undefined) {
      lines.set(JSON.stringify(levels.slice(0, -1).map((above) => above.key)), line);
    }
  }
  return { lines, scalars };
}

function isKey(tokens: readonly string[], index: number): boolean {
  let next = index + 1;
  while (tokens[next] === '\n') next++;
  return tokens[next] === ':';
}

function readYaml(text: string): Source {
  const counter = new LineCounter();
  // Schema core: the booleans, nulls and numbers of JSON; a date stays text. `<<` is resolved as the reference reader does.
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    merge: true,
    // Checked below: the library compares every key with every other, seconds for a map of some thousand keys.
    uniqueKeys: false,
    resolveKnownTags: false,
    lineCounter: counter,
    prettyErrors: false,
    logLevel: 'silent',
  });
  // A warning is an unknown tag or directive: in a recipe, a mistake.
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw parseError(problem.message, [], counter.linePos(problem.pos[0]).line);
  refuseDuplicates(document, counter);
  return {
    value: yamlValue(document),
    line: (path) => nearest(path, (at) => yamlLine(document, counter, at)),
    written: (path) => {
      const node = document.getIn(path, true);
      return isScalar(node) ? node.source : undefined;
    },
  };
}

function refuseDuplicates(document: Document.Parsed, counter: LineCounter): void {
  visit(document, {
    Map(_key, map, ancestors) {
      const keys = new Set<string>();
      for (const { key } of map.items) {
        if (!isScalar(key) || key.value === '<<') continue;
        const name = String(key.value);
        if (keys.has(name)) {
          const path = [...pathOf([...ancestors, map]), name];
          throw parseError('the key appears twice', path, counter.linePos(key.range?.[0] ?? 0).line);
        }
        keys.add(name);
      }
    },
  });
}

/** Where the last of some nodes is, each of which holds the next. */
function pathOf(nodes: readonly unknown[]): Path {
  return nodes.flatMap((node, index): Path => {
    if (isPair(node)) return isScalar(node.key) ? [String(node.key.value)] : [];
    return isSeq(node) ? [node.items.indexOf(nodes[index + 1])] : [];
  });
}

function yamlValue(document: Document.Parsed): Json {
  try {
    return plainJson(document.toJS({ maxAliasCount: MAX_ALIASES }), 0);
  } catch (error) {
    if (error instanceof Fault) throw error;
    if (error instanceof RangeError) throw parseError('the recipe is nested too deep');
    // Too many aliases, an alias to nothing, a merge key whose value is no map.
    throw parseError(messageOf(error));
  }
}

/** A fresh copy that only holds what JSON can: aliases become copies; NaN, Infinity and key types other than text are refused. */
function plainJson(value: unknown, depth: number): Json {
  if (depth > 100) throw parseError('the recipe is nested deeper than 100 levels');
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.map((member) => plainJson(member, depth + 1));
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    const result: Record<string, Json> = {};
    for (const [key, member] of Object.entries(value)) setOwn(result, key, plainJson(member, depth + 1));
    return result;
  }
  if (value === undefined) return null;
  throw parseError(`${String(value)} cannot be written in JSON`);
}

function yamlLine(document: Document.Parsed, counter: LineCounter, path: Path): number | undefined {
  const node = path.length === 0 ? document.contents : yamlNode(document, path);
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return undefined;
  const [offset] = node.range;
  return typeof offset === 'number' ? counter.linePos(offset).line : undefined;
}

/** The key of a member, or the element of a list. */
function yamlNode(document: Document.Parsed, path: Path): unknown {
  const at = path.at(-1);
  const above = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (isSeq(above)) return typeof at === 'number' ? above.items[at] : undefined;
  return isMap<Node>(above) ? above.items.find(({ key }) => isScalar(key) && String(key.value) === at)?.key : undefined;
}

function nearest(path: Path, lineAt: (path: Path) => number | undefined): number | undefined {
  for (let length = path.length; length >= 0; length--) {
    const line = lineAt(path.slice(0, length));
    if (line !== undefined) return line;
  }
  return undefined;
}
